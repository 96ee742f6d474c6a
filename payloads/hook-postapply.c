/* A post-apply hook. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hook-postapply");

static CALLED_BY_POINTER void OWN(hook)(struct payload *payload)
{
    (void)payload;
    printk("xsplice hook-postapply: called\n");
}

LIVEPATCH_HOOK(postapply, hook);
