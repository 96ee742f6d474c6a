/* Replaces the caller of what callee-fix changes: depends on the hypervisor, not on callee-fix. */
#include "include/livepatch.h"

extern unsigned int demo_rate(unsigned int domain) __attribute__((visibility("hidden")));

static unsigned int OWN(total)(unsigned int domain)
{
    return 3 * demo_rate(domain);
}
LIVEPATCH_REPLACE(demo_total, total);
