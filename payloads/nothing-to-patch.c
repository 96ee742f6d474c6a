/* Has neither functions nor hooks, only metadata: refused at upload. */
#include "include/livepatch.h"

LIVEPATCH_MODINFO("note=nothing to patch");
