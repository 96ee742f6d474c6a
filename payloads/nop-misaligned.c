/* DANGEROUS: its NOPs end inside the function's last jump, so the next call kills the host. */
#include "include/livepatch.h"

LIVEPATCH_NOP(xen_minor_version, OLD_SIZE_xen_minor_version - 1);
