/* Calls a function that no hypervisor has: refused at upload. */
#include "include/livepatch.h"

extern const char *xsplice_no_such_import(void) __attribute__((visibility("hidden")));

static const char *OWN(extra_version)(void)
{
    return xsplice_no_such_import();
}
LIVEPATCH_REPLACE(xen_extra_version, extra_version);
