/* For LD_PRELOAD: makes one path refuse one operation, as a failing disk or server does, to any user.
 * REFUSE_READDIR is a directory whose listing fails after REFUSE_AFTER calls (0: at once), REFUSE_STAT a path that
 * cannot be looked at, REFUSE_READLINK a link that cannot be read, REFUSE_OPEN a directory that cannot be opened.
 * Paths are absolute. REFUSE_ERRNO is the error number (default: EIO). REFUSE_TIMES limits how often the path refuses;
 * REFUSE_MOVE_TO is where it is moved when it first does. REFUSE_DEVICE is a path that reports another device. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int listings, times;

static int is_named(const char *variable, int fd, const char *name) {
    const char *wanted = getenv(variable);
    char link[64], path[PATH_MAX + 300];
    if (!wanted) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = ((ssize_t (*)(const char *, char *, size_t))dlsym(RTLD_NEXT, "readlink"))(link, path, PATH_MAX);
    if (length < 0) return 0;
    if (name) snprintf(path + length, sizeof path - (size_t)length, "/%s", name); else path[length] = 0;
    return !strcmp(path, wanted);
}

static int refuse(const char *variable) { /* errno is set where it does */
    const char *most = getenv("REFUSE_TIMES"), *to = getenv("REFUSE_MOVE_TO"), *number = getenv("REFUSE_ERRNO");
    if (most && times >= atoi(most)) return 0;
    if (to && !times) rename(getenv(variable), to);
    times++;
    errno = number ? atoi(number) : EIO;
    return 1;
}

static int refused(const char *variable, int fd, const char *name) {
    return is_named(variable, fd, name) && refuse(variable);
}

static int listing_refused(int fd) {
    const char *after = getenv("REFUSE_AFTER");
    return is_named("REFUSE_READDIR", fd, NULL) && listings++ >= (after ? atoi(after) : 0) && refuse("REFUSE_READDIR");
}

int openat(int fd, const char *name, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = va_arg(list, int);
    va_end(list);
    if (refused("REFUSE_OPEN", fd, name)) return -1;
    return ((int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat"))(fd, name, flags, mode);
}
int openat64(int fd, const char *name, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = va_arg(list, int);
    va_end(list);
    return openat(fd, name, flags, mode);
}

long syscall(long number, ...) {
    va_list list; long a[6];
    va_start(list, number);
    for (int n = 0; n < 6; n++) a[n] = va_arg(list, long);
    va_end(list);
    if (number == SYS_getdents64 && listing_refused((int)a[0])) return -1;
    return ((long (*)(long, ...))dlsym(RTLD_NEXT, "syscall"))(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

struct dirent64 *readdir64(DIR *directory) {
    if (listing_refused(dirfd(directory))) return NULL;
    return ((struct dirent64 *(*)(DIR *))dlsym(RTLD_NEXT, "readdir64"))(directory);
}
struct dirent *readdir(DIR *directory) { return (struct dirent *)readdir64(directory); } /* the same on 64 bits */

int statx(int fd, const char *restrict name, int flags, unsigned mask, struct statx *restrict found) {
    if (*name && refused("REFUSE_STAT", fd, name)) return -1;
    int answer = ((int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx"))(
        fd, name, flags, mask, found);
    if (!answer && *name && is_named("REFUSE_DEVICE", fd, name)) found->stx_dev_minor++;
    return answer;
}

int fstatat64(int fd, const char *restrict name, struct stat64 *restrict found, int flags) {
    if (*name && refused("REFUSE_STAT", fd, name)) return -1;
    int answer = ((int (*)(int, const char *, struct stat64 *, int))dlsym(RTLD_NEXT, "fstatat64"))(
        fd, name, found, flags);
    if (!answer && *name && is_named("REFUSE_DEVICE", fd, name)) found->st_dev++;
    return answer;
}
int fstatat(int fd, const char *restrict name, struct stat *restrict found, int flags) {
    return fstatat64(fd, name, (struct stat64 *)found, flags);
}

ssize_t readlinkat(int fd, const char *restrict name, char *restrict to, size_t room) {
    if (refused("REFUSE_READLINK", fd, name)) return -1;
    return ((ssize_t (*)(int, const char *, char *, size_t))dlsym(RTLD_NEXT, "readlinkat"))(fd, name, to, room);
}
