/* A command line, a function that calls another, and a static `limit` that keyhandler.c has too. */
#include "demo.h"

static char saved_cmdline[64] __attribute__((used)) = "console=demo";
unsigned int demo_domains = 3;

static APART unsigned int limit(unsigned int value)
{
    return value > 1000 ? 1000 : value;
}

/* Called by demo_total: patching this changes what that one answers, not its bytes. */
APART unsigned int demo_rate(unsigned int domain)
{
    return domain + 1;
}

APART unsigned int demo_total(unsigned int domain)
{
    return limit(demo_domains * demo_rate(domain));
}

size_t cmdline_length(void)
{
    size_t length = 0;

    while (length < sizeof(saved_cmdline) && saved_cmdline[length])
        length++;
    return length;
}

INIT_TEXT void start_demo(void)
{
    printk("%s", xen_banner());
    demo_domains = demo_total(0);
}
