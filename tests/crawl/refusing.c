/* For LD_PRELOAD: makes one path refuse one operation with EIO, as a failing disk or server does, to anybody.
 * REFUSE_READDIR is a directory whose listing fails after REFUSE_AFTER calls (0: at once), REFUSE_STAT is what
 * cannot be looked at, REFUSE_READLINK a link that cannot be read. Paths are whole. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int listings;

static int refused(const char *variable, int fd, const char *name) {
    const char *wanted = getenv(variable);
    char link[64], path[PATH_MAX + 300];
    if (!wanted) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = ((ssize_t (*)(const char *, char *, size_t))dlsym(RTLD_NEXT, "readlink"))(link, path, PATH_MAX);
    if (length < 0) return 0;
    if (name) snprintf(path + length, sizeof path - (size_t)length, "/%s", name); else path[length] = 0;
    return !strcmp(path, wanted);
}

static int listing_refused(int fd) {
    const char *after = getenv("REFUSE_AFTER");
    return refused("REFUSE_READDIR", fd, NULL) && listings++ >= (after ? atoi(after) : 0);
}

long syscall(long number, ...) {
    va_list list; long a[6];
    va_start(list, number);
    for (int n = 0; n < 6; n++) a[n] = va_arg(list, long);
    va_end(list);
    if (number == SYS_getdents64 && listing_refused((int)a[0])) { errno = EIO; return -1; }
    return ((long (*)(long, ...))dlsym(RTLD_NEXT, "syscall"))(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

struct dirent64 *readdir64(DIR *directory) {
    if (listing_refused(dirfd(directory))) { errno = EIO; return NULL; }
    return ((struct dirent64 *(*)(DIR *))dlsym(RTLD_NEXT, "readdir64"))(directory);
}
struct dirent *readdir(DIR *directory) { return (struct dirent *)readdir64(directory); } /* the same on 64 bits */

int statx(int fd, const char *restrict name, int flags, unsigned mask, struct statx *restrict found) {
    if (*name && refused("REFUSE_STAT", fd, name)) { errno = EIO; return -1; }
    return ((int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx"))(
        fd, name, flags, mask, found);
}

int fstatat64(int fd, const char *restrict name, struct stat64 *restrict found, int flags) {
    if (*name && refused("REFUSE_STAT", fd, name)) { errno = EIO; return -1; }
    return ((int (*)(int, const char *, struct stat64 *, int))dlsym(RTLD_NEXT, "fstatat64"))(fd, name, found, flags);
}
int fstatat(int fd, const char *restrict name, struct stat *restrict found, int flags) {
    return fstatat64(fd, name, (struct stat64 *)found, flags);
}

ssize_t readlinkat(int fd, const char *restrict name, char *restrict to, size_t room) {
    if (refused("REFUSE_READLINK", fd, name)) { errno = EIO; return -1; }
    return ((ssize_t (*)(int, const char *, char *, size_t))dlsym(RTLD_NEXT, "readlinkat"))(fd, name, to, room);
}
