/* enter ROOT [KEY=VALUE…] PROGRAM [ARG…]: runs a program with that folder as its root and that environment. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char *none[] = { NULL };
    int at = 2;

    while (at < argc && strchr(argv[at], '=') && argv[at][0] != '/') {
        at++;
    }
    if (at >= argc || chroot(argv[1]) || chdir("/")) {
        perror("enter");
        return 126;
    }
    /* The settings end where the program's words begin. */
    char *settings[at - 1];
    memcpy(settings, argv + 2, (at - 2) * sizeof(char *));
    settings[at - 2] = NULL;
    execve(argv[at], argv + at, at > 2 ? settings : none);
    perror(argv[at]);
    return 127;
}
