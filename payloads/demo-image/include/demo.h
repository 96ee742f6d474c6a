/* What the files of the demo hypervisor share. It is looked at and patched on disk, never booted. */
#ifndef DEMO_H
#define DEMO_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define INIT_TEXT __attribute__((section(".init.text"), used))
#define INIT_DATA __attribute__((section(".init.data"), used))
#define READ_MOSTLY __attribute__((section(".data.read_mostly"), used))
#define CALLED_BY_POINTER __attribute__((cf_check))
#define APART __attribute__((noinline, noclone, used))

/* Hidden, as everything in Xen is: nothing is reached through a GOT. */
#pragma GCC visibility push(hidden)

struct payload;

void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *xen_banner(void);
const char *xen_extra_version(void);
unsigned int xen_major_version(void);
unsigned int xen_minor_version(void);
unsigned int demo_rate(unsigned int domain);
unsigned int demo_total(unsigned int domain);
int register_keyhandler(unsigned char key, void (*handler)(unsigned char));
int revert_payload(struct payload *payload);

#endif
