/* All six hooks around apply and revert and no function at all: allowed since 4.14. */
#include "include/livepatch.h"

#define VOID_HOOK(kind)                                              \
    static CALLED_BY_POINTER void OWN(on_##kind)(struct payload *payload) \
    {                                                                \
        (void)payload;                                               \
        printk("xsplice nofunc: " #kind "\n");                       \
    }                                                                \
    LIVEPATCH_HOOK(kind, on_##kind)

#define INT_HOOK(kind)                                               \
    static CALLED_BY_POINTER int OWN(on_##kind)(struct payload *payload)  \
    {                                                                \
        (void)payload;                                               \
        printk("xsplice nofunc: " #kind "\n");                       \
        return 0;                                                    \
    }                                                                \
    LIVEPATCH_HOOK(kind, on_##kind)

/* With apply and revert hooks of its own a payload's load and unload hooks are never called. */
INT_HOOK(preapply);
INT_HOOK(apply);
VOID_HOOK(postapply);
INT_HOOK(prerevert);
INT_HOOK(revert);
VOID_HOOK(postrevert);
