/* Handlers that are called by pointer (ENDBR64 at the start), a tail jump, a static `limit`. */
#include "demo.h"

static void (*handlers[128])(unsigned char);

static APART unsigned int limit(unsigned int value)
{
    return value & 127;
}

static CALLED_BY_POINTER APART void show_handlers(unsigned char key)
{
    printk("'%c': %u.%u%s\n", key, xen_major_version(), xen_minor_version(), xen_extra_version());
}

int register_keyhandler(unsigned char key, void (*handler)(unsigned char))
{
    if (handlers[limit(key)])
        return -17;
    handlers[limit(key)] = handler;
    return 0;
}

/* Ends in an indirect call: an edge that no disassembler can follow. */
void handle_keypress(unsigned char key)
{
    if (handlers[limit(key)])
        handlers[limit(key)](key);
}

INIT_TEXT int initialize_keytable(void)
{
    return register_keyhandler('v', show_handlers);
}
