/* Replaces a static function that starts with ENDBR64 where CET is built in: debug key h shows it. */
#include "include/livepatch.h"

static void OWN(show_handlers)(unsigned char key)
{
    (void)key;
    printk("xsplice endbr: key h is patched\n");
}
LIVEPATCH_REPLACE(show_handlers, show_handlers, .name = "common/keyhandler.c#show_handlers");
