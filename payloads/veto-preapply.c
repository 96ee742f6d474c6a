/* A pre-apply hook that says no: apply answers EINVAL, each time. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-veto-preapply");

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    (void)payload;
    printk("xsplice veto-preapply: refused\n");
    return -XEN_EINVAL;
}

LIVEPATCH_HOOK(preapply, hook);
