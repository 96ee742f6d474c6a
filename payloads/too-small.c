/* States an old size of four bytes, too small for a jump: refused at upload. */
#include "include/extra-version.h"

EXTRA_VERSION_FUNCTION("-too-small")
LIVEPATCH_REPLACE(xen_extra_version, extra_version, .old_size = 4);
