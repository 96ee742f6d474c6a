/* Replaces the compiler's name alone, on the hypervisor: shares nothing with independent-a. */
#include "include/livepatch.h"

static const char *OWN(compiler)(void)
{
    return "independent-b";
}
LIVEPATCH_REPLACE(xen_compiler, compiler);
