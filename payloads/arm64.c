/* An arm64 payload: the same format on another processor. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-arm64");
LIVEPATCH_MODINFO("arch=arm64");
