/* An apply hook that fails and patches nothing: apply answers EINVAL, the payload stays CHECKED. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-noapply");

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    (void)payload;
    printk("xsplice noapply: refused\n");
    return -XEN_EINVAL;
}

LIVEPATCH_HOOK(apply, hook);
