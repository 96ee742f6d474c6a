/* An apply hook that does Xen's own work: it calls the hypervisor's static apply_payload. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hook-apply");

extern int xen_apply_payload(struct payload *payload) __attribute__((visibility("hidden")));

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    printk("xsplice hook-apply: called\n");
    return xen_apply_payload(payload);
}

LIVEPATCH_HOOK(apply, hook);
