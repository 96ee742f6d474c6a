/* Load and unload hooks, two of each: they run while Xen applies and reverts. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-hook-load");

static CALLED_BY_POINTER void OWN(first_load)(void)
{
    printk("xsplice hook-load: first load hook\n");
}

static CALLED_BY_POINTER void OWN(second_load)(void)
{
    printk("xsplice hook-load: second load hook\n");
}

static CALLED_BY_POINTER void OWN(first_unload)(void)
{
    printk("xsplice hook-load: first unload hook\n");
}

static CALLED_BY_POINTER void OWN(second_unload)(void)
{
    printk("xsplice hook-load: second unload hook\n");
}

LIVEPATCH_HOOK(load, first_load);
LIVEPATCH_HOOK(load, second_load);
LIVEPATCH_HOOK(unload, first_unload);
LIVEPATCH_HOOK(unload, second_unload);
