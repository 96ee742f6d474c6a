/* The return thunk in which functions end, and a site that would be patched at boot. */
#include "demo.h"

asm(".pushsection .text, \"ax\", @progbits\n"
    ".globl __x86_return_thunk\n"
    ".type __x86_return_thunk, @function\n"
    ".p2align 4\n"
    "__x86_return_thunk: ret\n"
    "int3\n"
    ".size __x86_return_thunk, . - __x86_return_thunk\n"
    ".popsection");

/* Three bytes that become LFENCE (CPU feature 3 * 32 + 16 stands for "wanted"). */
void speculation_barrier(void)
{
    asm volatile("661: .byte 0x0f, 0x1f, 0x00\n"
                 "662:\n"
                 ".pushsection .altinstructions, \"a\", @progbits\n"
                 ".long 661b - .\n"
                 ".long 663f - .\n"
                 ".word 3 * 32 + 16\n"
                 ".byte 662b - 661b, 664f - 663f, 0, 0\n"
                 ".popsection\n"
                 ".pushsection .altinstr_replacement, \"ax\", @progbits\n"
                 "663: lfence\n"
                 "664:\n"
                 ".popsection" ::: "memory");
}
