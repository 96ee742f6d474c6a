/* A post-revert hook. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hook-postrev");

static CALLED_BY_POINTER void OWN(hook)(struct payload *payload)
{
    (void)payload;
    printk("xsplice hook-postrevert: called\n");
}

LIVEPATCH_HOOK(postrevert, hook);
