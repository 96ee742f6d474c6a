/* Writes NOPs over whole instructions: the minor version loses the instruction that loads it. */
#include "include/livepatch.h"

LIVEPATCH_NOP(xen_minor_version, NOP_SIZE);
