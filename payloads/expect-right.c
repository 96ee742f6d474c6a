/* Expects the bytes that xen_extra_version starts with: applies. */
#include "include/extra-version.h"

EXTRA_VERSION_FUNCTION("-expect-right")
LIVEPATCH_REPLACE(xen_extra_version, extra_version,
                  .expect = { .enabled = 1, .len = EXPECT_LEN, .data = { EXPECT_BYTES } });
