/* Meant for REPLACE: depends on the hypervisor, and leaves nothing but itself applied. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-replace");
