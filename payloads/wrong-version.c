/* States a payload version that no release knows: refused at upload. */
#include "include/extra-version.h"

EXTRA_VERSION_FUNCTION("-wrong-version")
LIVEPATCH_FUNC(xen_extra_version,
               .new_addr = (const void *)OWN(extra_version),
               .new_size = NEW_SIZE(extra_version),
               .version = 99);
