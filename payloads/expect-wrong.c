/* Expects other bytes than xen_extra_version starts with: uploads, but apply refuses it. */
#include "include/extra-version.h"

EXTRA_VERSION_FUNCTION("-expect-wrong")
LIVEPATCH_REPLACE(xen_extra_version, extra_version,
                  .expect = { .enabled = 1, .len = EXPECT_LEN, .data = { EXPECT_OTHER_BYTES } });
