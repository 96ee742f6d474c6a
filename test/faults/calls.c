/*
 * Preloaded into the program under test: counts the C library calls by which it changes (or, when asked, reads)
 * files below one folder and sockets, and lets one of them go wrong.
 *
 *   FAULTS_BELOW    the folder
 *   FAULTS_LOG      a file that gets a line a call: NUMBER w|r CALL NAME
 *   FAULTS_AT       number of the call to spoil, from 1; 0 or absent: none
 *   FAULTS_HOW      kill (before it is done), after (done, then killed), half (half of a write, then killed),
 *                   stop (SIGSTOP before it), error:ERRNO (not done), signal:NUMBER (sent to itself, then done)
 *   FAULTS_LASTING  set: every call from that one on
 *   FAULTS_READS    set: calls that only read are counted too
 *   FAULTS_CONTROL  a file: whenever the program opens it to read it, counting begins anew with what it holds:
 *                   AT HOW LASTING READS LOG, with 0 or 1 for the flags, - for no log, and any word for no HOW
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_FILES 4096
#define NAME_BYTES 128

enum how { NOTHING, KILL, AFTER, HALF, STOP, ERROR, SIGNAL };

/* What becomes of the call at hand. */
enum turn { GO_ON, FAIL, DIE_AFTER, DIE_HALFWAY };

static const char *below, *control;
static enum how how;
static int number, at, count, is_lasting, counts_reads;
static int log_file = -1;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* Names of the files below the folder that were opened under these numbers. Node closes files without the library. */
static char names[MOST_FILES][NAME_BYTES];

#define REAL(call) ({ \
    static __typeof__(&call) real; \
    if (!real) real = (__typeof__(&call))dlsym(RTLD_NEXT, #call); \
    real; })

static void set_how(const char *text)
{
    how = NOTHING;
    if (!strcmp(text, "kill")) how = KILL;
    else if (!strcmp(text, "after")) how = AFTER;
    else if (!strcmp(text, "half")) how = HALF;
    else if (!strcmp(text, "stop")) how = STOP;
    else if (sscanf(text, "error:%d", &number) == 1) how = ERROR;
    else if (sscanf(text, "signal:%d", &number) == 1) how = SIGNAL;
}

static void open_log(const char *path)
{
    log_file = REAL(open64)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((constructor)) static void begin(void)
{
    const char *text;

    below = getenv("FAULTS_BELOW");
    control = getenv("FAULTS_CONTROL");
    if ((text = getenv("FAULTS_AT"))) at = atoi(text);
    is_lasting = getenv("FAULTS_LASTING") != NULL;
    counts_reads = getenv("FAULTS_READS") != NULL;
    if ((text = getenv("FAULTS_HOW"))) set_how(text);
    if ((text = getenv("FAULTS_LOG"))) open_log(text);
    /* What the program starts is another program: its calls have numbers of their own. */
    unsetenv("LD_PRELOAD");
}

static void begin_anew(void)
{
    char text[1024], word[32], path[512];
    int file = REAL(open64)(control, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : REAL(read)(file, text, sizeof text - 1);

    if (length < 0) abort();
    close(file);
    text[length] = 0;
    pthread_mutex_lock(&one_at_a_time);
    if (sscanf(text, "%d %31s %d %d %511s", &at, word, &is_lasting, &counts_reads, path) != 5) abort();
    set_how(word);
    count = 0;
    if (log_file >= 0) close(log_file);
    log_file = -1;
    if (strcmp(path, "-")) open_log(path);
    pthread_mutex_unlock(&one_at_a_time);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is_below(const char *path)
{
    return below && path && !strncmp(path, below, strlen(below));
}

static const char *last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

/* A number whose file was closed may be that of a pipe or a socket by now. */
static int is_ours(int file)
{
    struct stat what;

    if (file < 0 || file >= MOST_FILES || !names[file][0]) return 0;
    return fstat(file, &what) == 0 && (S_ISREG(what.st_mode) || S_ISDIR(what.st_mode));
}

static const char *name_of(int file)
{
    return names[file];
}

/* Counts a call and says what becomes of it; errno is set where it is to fail. */
static enum turn turn_of(const char *call, const char *name, int is_change)
{
    int turn;

    if (!is_change && !counts_reads) return GO_ON;
    pthread_mutex_lock(&one_at_a_time);
    turn = ++count;
    if (log_file >= 0) {
        char line[NAME_BYTES + 64];
        int length = snprintf(line, sizeof line, "%d %c %s %.*s\n", turn, is_change ? 'w' : 'r', call,
                              NAME_BYTES, name);
        if (REAL(write)(log_file, line, length) != length) abort();
    }
    pthread_mutex_unlock(&one_at_a_time);
    if (at == 0 || turn < at || (turn > at && !is_lasting)) return GO_ON;
    switch (how) {
    case KILL: die(); break;
    case AFTER: return DIE_AFTER;
    case HALF: return DIE_HALFWAY;
    case STOP: kill(getpid(), SIGSTOP); break;
    case ERROR: errno = number; return FAIL;
    case SIGNAL: kill(getpid(), number); break;
    case NOTHING: break;
    }
    return GO_ON;
}

/* A call that is done at once: nothing lies between its beginning and its end. */
#define DO(call, name, is_change, on_error, act) \
    switch (turn_of(call, name, is_change)) { \
    case FAIL: return on_error; \
    case GO_ON: return act; \
    default: { __typeof__(act) unused = act; (void)unused; die(); return on_error; } }

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    int file, is_change = (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) != 0;
    enum turn turn = is_below(path) ? turn_of(is_change ? "open" : "open-to-read", last_part(path), is_change) : GO_ON;

    if (turn == FAIL) return -1;
    if (control && !is_change && !strcmp(path, control)) begin_anew();
    file = real(path, flags, mode);
    if (turn != GO_ON) die();
    if (file >= 0 && file < MOST_FILES) {
        names[file][0] = 0;
        if (is_below(path)) snprintf(names[file], NAME_BYTES, "%s", last_part(path));
    }
    return file;
}

#define OPEN(call) \
    int call(const char *path, int flags, ...) \
    { \
        va_list more; \
        mode_t mode; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
        return opened((int (*)(const char *, int, ...))REAL(call), path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

/* Half of what was to be written; half of the first part where there are several. */
#define WRITE(call, parameters, arguments, half) \
    ssize_t call parameters \
    { \
        if (!is_ours(file)) return REAL(call) arguments; \
        switch (turn_of(#call, name_of(file), 1)) { \
        case FAIL: return -1; \
        case DIE_HALFWAY: if (half < 0) abort(); die(); return -1; \
        case DIE_AFTER: if (REAL(call) arguments < 0) abort(); die(); return -1; \
        default: return REAL(call) arguments; } \
    }
WRITE(write, (int file, const void *bytes, size_t size), (file, bytes, size), REAL(write)(file, bytes, size / 2))
WRITE(pwrite64, (int file, const void *bytes, size_t size, off64_t where), (file, bytes, size, where),
      REAL(pwrite64)(file, bytes, size / 2, where))
WRITE(writev, (int file, const struct iovec *parts, int n), (file, parts, n),
      REAL(write)(file, parts->iov_base, parts->iov_len / 2))
WRITE(pwritev64, (int file, const struct iovec *parts, int n, off64_t where), (file, parts, n, where),
      REAL(pwrite64)(file, parts->iov_base, parts->iov_len / 2, where))

/* Calls on an open file. */
ssize_t read(int file, void *bytes, size_t size)
{
    if (!is_ours(file)) return REAL(read)(file, bytes, size);
    DO("read", name_of(file), 0, -1, REAL(read)(file, bytes, size))
}

ssize_t pread64(int file, void *bytes, size_t size, off64_t where)
{
    if (!is_ours(file)) return REAL(pread64)(file, bytes, size, where);
    DO("pread", name_of(file), 0, -1, REAL(pread64)(file, bytes, size, where))
}

int fsync(int file)
{
    if (!is_ours(file)) return REAL(fsync)(file);
    DO("fsync", name_of(file), 1, -1, REAL(fsync)(file))
}

int fdatasync(int file)
{
    if (!is_ours(file)) return REAL(fdatasync)(file);
    DO("fdatasync", name_of(file), 1, -1, REAL(fdatasync)(file))
}

int ftruncate64(int file, off64_t size)
{
    if (!is_ours(file)) return REAL(ftruncate64)(file, size);
    DO("ftruncate", name_of(file), 1, -1, REAL(ftruncate64)(file, size))
}

int fchmod(int file, mode_t mode)
{
    if (!is_ours(file)) return REAL(fchmod)(file, mode);
    DO("fchmod", name_of(file), 1, -1, REAL(fchmod)(file, mode))
}

/* Calls on a path. */
int unlink(const char *path)
{
    if (!is_below(path)) return REAL(unlink)(path);
    DO("unlink", last_part(path), 1, -1, REAL(unlink)(path))
}

int rmdir(const char *path)
{
    if (!is_below(path)) return REAL(rmdir)(path);
    DO("rmdir", last_part(path), 1, -1, REAL(rmdir)(path))
}

int mkdir(const char *path, mode_t mode)
{
    if (!is_below(path)) return REAL(mkdir)(path, mode);
    DO("mkdir", last_part(path), 1, -1, REAL(mkdir)(path, mode))
}

int chmod(const char *path, mode_t mode)
{
    if (!is_below(path)) return REAL(chmod)(path, mode);
    DO("chmod", last_part(path), 1, -1, REAL(chmod)(path, mode))
}

int rename(const char *from, const char *to)
{
    if (!is_below(to)) return REAL(rename)(from, to);
    DO("rename", last_part(to), 1, -1, REAL(rename)(from, to))
}

int link(const char *from, const char *to)
{
    if (!is_below(to)) return REAL(link)(from, to);
    DO("link", last_part(to), 1, -1, REAL(link)(from, to))
}

int symlink(const char *target, const char *path)
{
    if (!is_below(path)) return REAL(symlink)(target, path);
    DO("symlink", last_part(path), 1, -1, REAL(symlink)(target, path))
}

DIR *opendir(const char *path)
{
    if (!is_below(path)) return REAL(opendir)(path);
    DO("opendir", last_part(path), 0, NULL, REAL(opendir)(path))
}

int scandir64(const char *path, struct dirent64 ***list, int (*filter)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **))
{
    if (!is_below(path)) return REAL(scandir64)(path, list, filter, order);
    DO("scandir", last_part(path), 0, -1, REAL(scandir64)(path, list, filter, order))
}

/* Sockets in the file system: the program has no others, so that a path relative to anything is met too. */
static int is_local(const struct sockaddr *address)
{
    return below && address && address->sa_family == AF_UNIX;
}

static const char *socket_name(const struct sockaddr *address, socklen_t size)
{
    static __thread char name[NAME_BYTES];
    const char *path = ((const struct sockaddr_un *)address)->sun_path;
    int length = (int)size - (int)sizeof(address->sa_family);

    if (length > 0 && path[0] == 0) {
        path++;
        length--;
    }
    snprintf(name, sizeof name, "%.*s", length > 0 ? length : 0, path);
    return last_part(name);
}

int bind(int file, const struct sockaddr *address, socklen_t size)
{
    if (!is_local(address)) return REAL(bind)(file, address, size);
    DO("bind", socket_name(address, size), 1, -1, REAL(bind)(file, address, size))
}

int listen(int file, int backlog)
{
    if (!below) return REAL(listen)(file, backlog);
    DO("listen", "socket", 1, -1, REAL(listen)(file, backlog))
}

int connect(int file, const struct sockaddr *address, socklen_t size)
{
    if (!is_local(address)) return REAL(connect)(file, address, size);
    DO("connect", socket_name(address, size), 0, -1, REAL(connect)(file, address, size))
}
