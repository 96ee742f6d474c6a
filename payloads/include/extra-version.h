/* The visible effect of most payloads: what /sys/hypervisor/version/extra says, 15 characters at most. */
#ifndef XSPLICE_EXTRA_VERSION_H
#define XSPLICE_EXTRA_VERSION_H

#include "livepatch.h"

#define EXTRA_VERSION_FUNCTION(text)                                           \
    _Static_assert(sizeof(text) <= 16, "the guest ABI has room for 15 characters"); \
    static const char *OWN(extra_version)(void)                                \
    {                                                                          \
        return text;                                                           \
    }

/* Replaces xen_extra_version with a function that returns the text. */
#define SHOW_EXTRA_VERSION(text) \
    EXTRA_VERSION_FUNCTION(text) \
    LIVEPATCH_REPLACE(xen_extra_version, extra_version)

#endif
