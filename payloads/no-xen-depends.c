/* Has no .livepatch.xen_depends section: refused at upload since 4.14. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-no-xen-dep");
