/* States the address of the function itself, so Xen does not look up its name. */
#include "include/extra-version.h"

EXTRA_VERSION_FUNCTION("-old-address")
LIVEPATCH_REPLACE(xen_extra_version, extra_version, .old_addr = (const void *)OLD_ADDR_xen_extra_version);
