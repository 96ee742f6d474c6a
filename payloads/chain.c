/* One link of a chain: each link depends on the one before it and shows its number. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-chain-" LINK_TEXT);
