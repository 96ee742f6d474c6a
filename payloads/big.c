/* More than 200 kB and 2,000 relocations, to measure how long a check takes. */
#include "include/extra-version.h"

#define TEN(x) x, x, x, x, x, x, x, x, x, x
#define THOUSAND(x) TEN(TEN(TEN(x)))

static const char OWN(bytes)[200 * 1024] __attribute__((used)) = { 1 };
static const void *const OWN(pointers)[] __attribute__((used)) = {
    THOUSAND(OWN(bytes) + 1), THOUSAND(&printk),
};

SHOW_EXTRA_VERSION("-big");
