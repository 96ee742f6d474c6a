/* Second of two cumulative payloads: the first one's fix and one more, on the hypervisor too. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-cumulative-2");

static const char *OWN(changeset)(void)
{
    return "cumulative-2";
}
LIVEPATCH_REPLACE(xen_changeset, changeset);
