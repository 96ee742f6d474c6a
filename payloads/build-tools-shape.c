/* Laid out as livepatch-build-tools does it: read-only funcs, names apart, imports, alternatives, bug frames. */
#include "include/livepatch.h"

extern unsigned int imported_data __attribute__((visibility("hidden")));

static const char SECTION(".livepatch.strings") OWN(name)[] = "xen_extra_version";

static const char *SECTION(".text.xen_extra_version") OWN(extra_version)(void)
{
    /* Five bytes of NOP that Xen overwrites with another five while it loads the payload. */
    asm volatile("661: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
                 "662:\n"
                 ".pushsection .altinstructions, \"a\", @progbits\n"
                 ".long 661b - .\n"
                 ".long 663f - .\n"
                 ".word 0\n"
                 ".byte 662b - 661b, 664f - 663f, 0, 0\n"
                 ".popsection\n"
                 ".pushsection .altinstr_replacement, \"ax\", @progbits\n"
                 "663: .byte 0x66, 0x66, 0x66, 0x66, 0x90\n"
                 "664:\n"
                 ".popsection");
    return imported_data == 0xdeadbeef ? "-build-tools-?" : "-build-tools";
}

/* A warning at a ud2, and an instruction that may fault with its way out: neither is ever reached. */
asm(".pushsection .text.xen_extra_version, \"ax\", @progbits\n"
    "665: ud2\n"
    "666: mov (%rdi), %rax\n"
    "667: ret\n"
    ".popsection\n"
    ".pushsection .rodata.bug_file, \"a\", @progbits\n"
    "668: .asciz \"build-tools-shape.c\"\n"
    ".popsection\n"
    ".pushsection .bug_frames.1, \"a\", @progbits\n"
    ".p2align 2\n"
    "669: .long 665b - 669b\n"
    ".long 668b - 669b + (45 << 24)\n"
    ".popsection\n"
    ".pushsection .ex_table, \"a\", @progbits\n"
    ".p2align 2\n"
    ".long 666b - .\n"
    ".long 667b - .\n"
    ".popsection");

static const TABLE_ENTRY struct livepatch_func SECTION(".livepatch.funcs") OWN(entry) = {
    .name = OWN(name),
    .new_addr = (const void *)OWN(extra_version),
    .new_size = NEW_SIZE(extra_version),
    .old_size = OLD_SIZE_xen_extra_version,
    .version = LIVEPATCH_PAYLOAD_VERSION,
};
