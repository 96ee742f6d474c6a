/* A revert hook that does Xen's own work: it calls the hypervisor's revert_payload. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hook-revert");

extern int xen_revert_payload(struct payload *payload) __attribute__((visibility("hidden")));

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    printk("xsplice hook-revert: called\n");
    return xen_revert_payload(payload);
}

LIVEPATCH_HOOK(revert, hook);
