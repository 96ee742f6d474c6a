/* Replaces one function: the extra version reads -hello. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hello");
