/* Replaces the changeset alone, on the hypervisor: shares nothing with independent-b. */
#include "include/livepatch.h"

static const char *OWN(changeset)(void)
{
    return "independent-a";
}
LIVEPATCH_REPLACE(xen_changeset, changeset);
