/* Who this hypervisor is: the functions that most sample payloads replace. */
#include "demo.h"

static const void *build_id_p READ_MOSTLY;
static unsigned int build_id_len READ_MOSTLY;

extern const uint8_t __note_gnu_build_id_start[], __note_gnu_build_id_end[];

const char *xen_compile_date(void)
{
    return "Thu Jan  1 00:00:00 UTC 1970";
}

const char *xen_compiler(void)
{
    return "gcc of the demo";
}

unsigned int xen_major_version(void)
{
    return 4;
}

unsigned int xen_minor_version(void)
{
    return 17;
}

const char *xen_extra_version(void)
{
    return ".7-demo";
}

const char *xen_changeset(void)
{
    return "demo:0";
}

const char *xen_banner(void)
{
    return " Xen 4.17.7-demo\n";
}

const char *xen_deny(void)
{
    return "<denied>";
}

static const char build_info[] = "debug=n";

const char *xen_build_info(void)
{
    return build_info;
}

int xen_build_id(const void **start, unsigned int *length)
{
    if (!build_id_len)
        return -61;
    *start = build_id_p;
    *length = build_id_len;
    return 0;
}

INIT_TEXT int xen_build_init(void)
{
    build_id_p = __note_gnu_build_id_start + 16;
    build_id_len = (unsigned int)(__note_gnu_build_id_end - __note_gnu_build_id_start) - 16;
    return 0;
}
