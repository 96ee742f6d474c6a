/* A pre-revert hook that says no to the first attempt and yes to the second. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-veto-prerevert");

static unsigned int OWN(attempts);

static CALLED_BY_POINTER int OWN(hook)(struct payload *payload)
{
    (void)payload;
    OWN(attempts)++;
    printk("xsplice veto-prerevert: attempt %u\n", OWN(attempts));
    return OWN(attempts) == 1 ? -XEN_EINVAL : 0;
}

LIVEPATCH_HOOK(prerevert, hook);
