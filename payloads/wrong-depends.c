/* Depends on a payload that does not exist: uploads, but apply refuses it. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-wrong-dep");
