/* Carries .modinfo, which Xen shows in LIST and prints when the payload is applied. */
#include "include/extra-version.h"

SHOW_EXTRA_VERSION("-metadata");
LIVEPATCH_MODINFO("license=MIT\0author=xsplice-ts\0fixes=XSA-0, XSA-00\0note=a value may hold = and spaces");
