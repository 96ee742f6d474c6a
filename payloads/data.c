/* Has .data and .bss of its own, so Xen does not apply it again after a revert. */
#include "include/livepatch.h"

static char OWN(text)[] = "-data-0";
static unsigned int OWN(calls);

static const char *OWN(extra_version)(void)
{
    OWN(calls)++;
    OWN(text)[6] = (char)('0' + OWN(calls) % 10);
    return OWN(text);
}
LIVEPATCH_REPLACE(xen_extra_version, extra_version);
