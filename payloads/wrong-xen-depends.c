/* Was built for a hypervisor that does not exist: refused at upload. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-wrong-xen");
