/* Replaces a function that no hypervisor has: refused at upload. */
#include "include/livepatch.h"

#define OLD_SIZE_xsplice_no_such_function 16

static int OWN(function)(void)
{
    return 0;
}
LIVEPATCH_REPLACE(xsplice_no_such_function, function);
