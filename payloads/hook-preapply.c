/* A pre-apply hook that lets the payload pass. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hook-preapply");

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    (void)payload;
    printk("xsplice hook-preapply: called\n");
    return 0;
}

LIVEPATCH_HOOK(preapply, hook);
