/*
 * Preloaded into a program of QEMU that is told --version: when it ends, QEMU's own loader is asked to load
 * the modules that XSPLICE_MODULES names, separated by commas.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* QEMU 7.2 and later: 1 loaded, 2 was loaded, 0 not there, -1 refused. */
extern int module_load(const char *prefix, const char *name, void **error) __attribute__((weak));
/* Before. */
extern bool module_load_one(const char *prefix, const char *name, bool may_fail)
    __attribute__((weak));
extern void error_report_err(void *error) __attribute__((weak));

static void load_all(void)
{
    const char *names = getenv("XSPLICE_MODULES");
    char *copy = names ? strdup(names) : NULL;
    char *rest = NULL;

    for (char *name = copy ? strtok_r(copy, ",", &rest) : NULL; name;
         name = strtok_r(NULL, ",", &rest)) {
        void *error = NULL;
        int result = -2;

        if (module_load) {
            result = module_load("", name, &error);
        } else if (module_load_one) {
            result = module_load_one("", name, false);
        }
        fprintf(stderr, "ASKED %s %d\n", name, result);
        if (error && error_report_err) {
            error_report_err(error);
        }
    }
}

__attribute__((constructor)) static void at_start(void)
{
    atexit(load_all);
}
