/* A revert hook that fails at the first attempt (the payload stays APPLIED) and reverts at the second. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-norevert");

extern int xen_revert_payload(struct payload *payload) __attribute__((visibility("hidden")));

static unsigned int OWN(attempts);

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    OWN(attempts)++;
    printk("xsplice norevert: attempt %u\n", OWN(attempts));
    return OWN(attempts) == 1 ? -XEN_EINVAL : xen_revert_payload(payload);
}

LIVEPATCH_HOOK(revert, hook);
