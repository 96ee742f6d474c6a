/* Built on hello, whose build-id it depends on: the extra version reads -bye. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-bye");
