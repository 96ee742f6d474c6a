/* What a live patch for Xen is made of: its ABI, and macros that fill it in. */
#ifndef XSPLICE_LIVEPATCH_H
#define XSPLICE_LIVEPATCH_H

#include <stdint.h>

/*
 * The builder defines:
 *   PAYLOAD                     identifier of this payload, the prefix of all its symbols
 *   LIVEPATCH_PAYLOAD_VERSION   1 for Xen up to 4.13, 2 since 4.14
 *   OLD_SIZE_<function>         bytes of a function in the hypervisor
 *   NEW_SIZE_<function>         bytes of a function of this payload, once it has been measured
 */
#define JOIN_EXPANDED(a, b) a##_##b
#define JOIN(a, b) JOIN_EXPANDED(a, b)

/* Xen refuses a symbol that any loaded payload already has, static ones too: all carry a prefix. */
#define OWN(name) JOIN(PAYLOAD, name)

#ifdef MEASURE_ONLY
#define NEW_SIZE(function) 0
#else
#define NEW_SIZE(function) NEW_SIZE_##function
#endif

#define SECTION(name) __attribute__((used, section(name)))

/* Called through a pointer by Xen: with CET indirect-branch tracking such a target needs ENDBR64. */
#define CALLED_BY_POINTER __attribute__((cf_check))

#define XEN_EINVAL 22

/* Functions of the hypervisor: hidden, so that they are reached by PC32 and PLT32 alone. */
#pragma GCC visibility push(hidden)
struct payload;
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));
#pragma GCC visibility pop

struct livepatch_expectation {
    uint8_t enabled : 1;
    uint8_t len : 5;
    uint8_t rsv : 2;
    uint8_t data[31];
};

#if LIVEPATCH_PAYLOAD_VERSION == 1
struct livepatch_func {
    const char *name;
    const void *new_addr;
    const void *old_addr;
    uint32_t new_size;
    uint32_t old_size;
    uint8_t version;
    uint8_t opaque[31];
};
_Static_assert(sizeof(struct livepatch_func) == 64, "version 1 has 64 bytes");
#else
struct livepatch_func {
    const char *name;
    const void *new_addr;
    const void *old_addr;
    uint32_t new_size;
    uint32_t old_size;
    uint8_t version;
    uint8_t padding[39];
    struct livepatch_expectation expect;
};
_Static_assert(sizeof(struct livepatch_func) == 104, "version 2 has 104 bytes");
_Static_assert(__builtin_offsetof(struct livepatch_func, expect) == 72, "expect is at 72");
#endif

/* Entries of a table lie without gaps: left alone, gcc aligns objects of this size to 32 bytes. */
#define TABLE_ENTRY __attribute__((aligned(8)))

/* One entry of .livepatch.funcs; the dots are further initialisers, later ones win: .name too. */
#define LIVEPATCH_FUNC(old, ...)                                                  \
    static TABLE_ENTRY struct livepatch_func SECTION(".livepatch.funcs")          \
        OWN(entry_##old) = {                                                      \
            .name = #old,                                                         \
            .old_size = OLD_SIZE_##old,                                           \
            .version = LIVEPATCH_PAYLOAD_VERSION,                                 \
            __VA_ARGS__                                                           \
    }

/* Replaces Xen's function `old`, found by its name, with this payload's OWN(replacement). */
#define LIVEPATCH_REPLACE(old, replacement, ...)  \
    LIVEPATCH_FUNC(old,                           \
        .new_addr = (const void *)OWN(replacement), \
        .new_size = NEW_SIZE(replacement),        \
        __VA_ARGS__)

/* Overwrites the first `bytes` bytes of Xen's function `old` with NOPs. */
#define LIVEPATCH_NOP(old, bytes) LIVEPATCH_FUNC(old, .new_size = (bytes))

typedef void livepatch_hook_load(void);
typedef void livepatch_hook_unload(void);
typedef int livepatch_hook_preapply(struct payload *payload);
typedef int livepatch_hook_apply(struct payload *payload);
typedef void livepatch_hook_postapply(struct payload *payload);
typedef int livepatch_hook_prerevert(struct payload *payload);
typedef int livepatch_hook_revert(struct payload *payload);
typedef void livepatch_hook_postrevert(struct payload *payload);

/* Makes OWN(function) a hook of the kind given: load, unload, preapply, apply, … */
#define LIVEPATCH_HOOK(kind, function)                                              \
    static TABLE_ENTRY livepatch_hook_##kind *const SECTION(".livepatch.hooks." #kind) \
        OWN(hook_##kind##_##function) = OWN(function)

/* `key=value` strings, each ended by a NUL: LIVEPATCH_MODINFO("a=1\0b=2"). */
#define LIVEPATCH_MODINFO(text) \
    static const char SECTION(".modinfo") OWN(modinfo)[] = text

#endif
