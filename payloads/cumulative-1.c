/* First of two cumulative payloads: all fixes so far in one, to be used with REPLACE. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-cumulative-1");
