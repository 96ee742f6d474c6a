/* Changes a function that another one calls: the caller's own bytes stay as they were. */
#include "include/livepatch.h"

static unsigned int OWN(rate)(unsigned int domain)
{
    return domain + 2;
}
LIVEPATCH_REPLACE(demo_rate, rate);
