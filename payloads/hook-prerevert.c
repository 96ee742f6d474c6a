/* A pre-revert hook that lets the payload go. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hook-prerevert");

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    (void)payload;
    printk("xsplice hook-prerevert: called\n");
    return 0;
}

LIVEPATCH_HOOK(prerevert, hook);
