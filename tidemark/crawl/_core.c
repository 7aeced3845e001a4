/* The crawler's core: threads that list directories and stat their entries into columns. Plain C, no Python in it.
 *
 * A stack of directories, newest first, and a short one of chunks of names: a thread that lists a large directory
 * gives chunks of it to the others, because over a network the stats of one directory are what takes long. Entries
 * are reached through the open directory above them, so depth has no limit and no symbolic link is followed.
 * crawler.py defines the interface, c_crawler.py calls the non-static functions. Out of memory: the process aborts. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { LISTING = 1 << 18, CHUNK = 32, FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };

/* Must match c_crawler.py, including order: operations of a problem, shared numbers, columns, options. */
enum { OPEN, READDIR, STAT, READLINK, LIST };
enum { ENTRIES, DIRECTORIES, QUEUED, BYTES, PAUSE, STOP, LEFT_OUT }; /* LEFT_OUT: one for each pattern, from here on */
enum { DIRS, DIR_ENDS, NAMES, NAME_ENDS, TARGETS, TARGET_ENDS, DIRECTORY, MODE, NLINK, UID, GID, SIZE, INODE,
       MTIME, CTIME, MTIME_NS, CTIME_NS, PROBLEMS, DEFERRED, COLUMNS };
enum { ANY = 1, ONE, DIRECTORIES_OR_NONE, SET, NOT_SET, SET_END, QUOTE }; /* exclusions.py's, in patterns */
typedef struct { char *at; size_t used, room; } Buffer;
typedef struct { Buffer column[COLUMNS]; size_t bytes; int32_t rows, dirs; const void *last_dir; time_t begun; } Batch;
typedef struct { /* owned by the caller, valid until the end */
    int root, batches; /* an open directory; a pipe to which the addresses of batches are written */
    int threads, descriptors, batch_rows;
    size_t batch_bytes, queue_bytes; /* limits of each thread's batch, and of the stack */
    long long device, ns_an_operation; /* of the root; 0 for no limit */
    const char *exclude; /* patterns, as exclusions.py writes them, each ended by NUL, and an empty one */
    atomic_llong *shared; /* counters, and flags set by the caller. PAUSE: list no more directories. STOP: end soon */
} Options;
typedef struct Work { /* a directory, listed after it is opened; or, with count > 0, `count` names in the open `dir` */
    struct Work *next, *dir; /* dir: the parent, if it is open */
    int fd, users, count; size_t length; char bytes[]; /* names, or the path from the root with a trailing slash */
} Work;
typedef struct { Work *top; size_t bytes; int held; } Stack;
typedef struct {
    const Options *options; atomic_llong *shared; /* options->shared */
    pthread_mutex_t lock; pthread_cond_t work;
    Stack dirs, chunks; long long next_operation; int started, busy; atomic_int open, idle; pthread_t thread[];
} Crawl;

static void *checked(void *memory) { if (!memory) abort(); return memory; }
static time_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC_COARSE, &t); return t.tv_sec; }
static void put(Batch *batch, int column, const void *bytes, size_t length) {
    Buffer *to = &batch->column[column];
    if (to->used + length >= to->room) to->at = checked(realloc(to->at, to->room = (to->used + length) * 2 + 256));
    memcpy(to->at + to->used, bytes, length); to->used += length; batch->bytes += length;
}

static void put_string(Batch *batch, int column, const char *bytes, size_t length) { /* and where it ends */
    put(batch, column, bytes, length); put(batch, column + 1, &(int32_t){ (int32_t)batch->column[column].used }, 4);
}

static Batch *new_batch(void) {
    Batch *batch = checked(calloc(1, sizeof *batch)); batch->begun = now();
    for (int n = DIRS; n <= TARGETS; n += 2) put_string(batch, n, "", 0);
    return batch;
}

void crawl_free_batch(Batch *batch) {
    for (int n = 0; n < COLUMNS; n++) free(batch->column[n].at);
    free(batch);
}

static void emit(Crawl *c, Batch *batch) { /* blocks if the reader is slow */
    if (write(c->options->batches, &batch, sizeof batch) != sizeof batch) abort(); /* no memory */
}

static void problem(Batch *batch, int operation, int error, const Work *dir, const char *name) {
    put(batch, PROBLEMS, (int32_t[]){ operation, error, (int32_t)(dir->length + strlen(name)) }, 12);
    put(batch, PROBLEMS, dir->bytes, dir->length); put(batch, PROBLEMS, name, strlen(name));
}

static void wait_for_turn(Crawl *c) { /* before every request, if there is a rate limit */
    if (!c->options->ns_an_operation) return;
    struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
    long long at = t.tv_sec * 1000000000LL + t.tv_nsec, step = 50000000;
    pthread_mutex_lock(&c->lock);
    long long turn = c->next_operation > at - step ? c->next_operation : at - step;
    c->next_operation = turn + c->options->ns_an_operation;
    pthread_mutex_unlock(&c->lock);
    for (; turn > at && !c->shared[STOP]; at += step) /* in steps, so that `stop` is seen */
        nanosleep(&(struct timespec){ 0, turn - at < step ? turn - at : step }, NULL);
}

static Work *new_work(Work *dir, const char *bytes, size_t length, const char *name) { /* with room for a slash */
    Work *work = checked(calloc(1, sizeof *work + length + strlen(name) + 2));
    work->dir = dir; work->length = length + strlen(name); work->fd = -1; work->users = 1;
    memcpy(work->bytes, bytes, length); strcpy(work->bytes + length, name);
    return work;
}

static void push(Stack *stack, Work *work) { /* like the four that follow, under the lock */
    work->next = stack->top; stack->top = work; stack->held++; stack->bytes += sizeof *work + work->length;
}

static Work *pop(Stack *stack) {
    Work *work = stack->top;
    if (work) { stack->top = work->next; stack->held--; stack->bytes -= sizeof *work + work->length; }
    return work;
}

static void release(Crawl *c, Work *work) {
    if (!work || --work->users) return;
    if (work->fd >= 0) { close(work->fd); c->open--; }
    free(work);
}

static void defer(Crawl *c, Batch *batch, Work *work) { /* return a directory to the caller for later */
    put(batch, DEFERRED, work->bytes, work->length + 1);
    release(c, work->dir); release(c, work);
}

static Work *take(Crawl *c) { /* NULL if no work is left for any thread */
    for (;;) {
        Work *work = c->shared[STOP] ? NULL : pop(&c->chunks);
        if (!work && !c->shared[STOP] && !c->shared[PAUSE]) work = pop(&c->dirs);
        if (work) c->busy++;
        if (work || c->shared[STOP] || !c->busy) return work;
        c->idle++; pthread_cond_wait(&c->work, &c->lock); c->idle--;
    }
}

static int64_t microseconds(const struct statx_timestamp *t) { /* a damaged inode's may be out of range: clamp it */
    int64_t most = INT64_MAX / 1000000 - 1, s = t->tv_sec > most ? most : t->tv_sec < -most ? -most : t->tv_sec;
    return s * 1000000 + t->tv_nsec / 1000;
}

static void append(Crawl *c, Batch *batch, const Work *dir, const char *name, const struct statx *sx) {
    char target[4097]; ssize_t length = 0;
    if (S_ISLNK(sx->stx_mode)) {
        wait_for_turn(c);
        length = readlinkat(dir->fd, name, target, sizeof target);
        if (length < 0) { problem(batch, READLINK, errno, dir, name); length = 0; }
    }
    if (batch->last_dir != dir) {
        batch->last_dir = dir; batch->dirs++; put_string(batch, DIRS, dir->bytes, dir->length);
    }
    put_string(batch, NAMES, name, strlen(name)); put_string(batch, TARGETS, target, (size_t)length);
    const int64_t numbers[] = {
        batch->dirs - 1, sx->stx_mode, sx->stx_nlink > INT32_MAX ? INT32_MAX : sx->stx_nlink, sx->stx_uid, sx->stx_gid,
        (int64_t)(sx->stx_size > INT64_MAX ? INT64_MAX : sx->stx_size), (int64_t)sx->stx_ino,
        microseconds(&sx->stx_mtime), microseconds(&sx->stx_ctime),
        sx->stx_mtime.tv_nsec % 1000, sx->stx_ctime.tv_nsec % 1000 };
    static const size_t widths[] = { 4, 4, 4, 8, 8, 8, 8, 8, 8, 2, 2 }; /* little-endian machines only */
    for (int n = DIRECTORY; n <= CTIME_NS; n++) put(batch, n, &numbers[n - DIRECTORY], widths[n - DIRECTORY]);
    batch->rows++;
}

static uint32_t character(const char **at) { /* the next of UTF-8, or an invalid byte as in PEP 383 */
    const unsigned char *s = (const void *)*at;
    uint32_t more = *s >= 0xF8 ? 0 : *s >= 0xF0 ? 3 : *s >= 0xE0 ? 2 : *s >= 0xC0, c = more ? *s & (0x3F >> more) : *s;
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    for (uint32_t n = 1; n <= more; n++) {
        if ((s[n] & 0xC0) != 0x80) { c = UINT32_MAX; break; }
        c = c << 6 | (s[n] & 0x3F);
    }
    if (c < least[more] || c > 0x10FFFF || c >> 11 == 0x1B || (!more && *s >= 0x80)) more = 0, c = 0xDC00 | *s;
    *at += more + 1;
    return c;
}

static int in_set(const char **glob, uint32_t c) { /* whether a range up to SET_END contains it */
    int found = 0;
    for (; **glob != SET_END; *glob += 6) {
        uint32_t end[2] = { 0, 0 };
        for (int n = 0; n < 6; n++) end[n / 3] = end[n / 3] << 7 | ((*glob)[n] & 0x7F);
        found |= end[0] <= c && c <= end[1];
    }
    ++*glob;
    return found;
}

static int matches_character(const char **glob, const char **path) {
    uint32_t c = character(path);
    switch (**glob) {
    case ONE: ++*glob; return c != '/';
    case SET: ++*glob; return in_set(glob, c) && c != '/';
    case NOT_SET: ++*glob; return !in_set(glob, c) && c != '/';
    case QUOTE: ++*glob; /* fall through */
    default: return **glob && character(glob) == c;
    }
}

static int matches(const char *glob, const char *path) { /* only the last of each wildcard is retried */
    const char *any = NULL, *any_at = NULL, *directories = NULL, *directories_at = NULL;
    for (;;) {
        const char *next = path;
        if (*glob == DIRECTORIES_OR_NONE) { directories = ++glob; directories_at = path; any = NULL; }
        else if (*glob == ANY) { any = ++glob; any_at = path; }
        else if (!*glob && !*path) return 1;
        else if (*path && matches_character(&glob, &next)) path = next;
        else if (any && *any_at && *any_at != '/') { character(&any_at); path = any_at; glob = any; }
        else if (directories && (directories_at = strchr(directories_at, '/'))) {
            path = ++directories_at; glob = directories; any = NULL;
        } else return 0;
    }
}
static long long sum(long long a, long long b) { return a > INT64_MAX - b ? INT64_MAX : a + b; } /* sizes: >= 0 */

static int excluded(const Crawl *c, const char *path) { /* without a slash at either end */
    int found = 0, n = LEFT_OUT;
    for (const char *glob = c->options->exclude; *glob; glob += strlen(glob) + 1, n++)
        if (matches(glob, path)) { c->shared[n]++; found = 1; }
    return found;
}

static void stat_names(Crawl *c, Batch **batch, Work *dir, const char *name, int count) {
    Stack below = { 0 }; long long bytes = 0, rows = 0, before = c->shared[BYTES];
    for (; count--; name += strlen(name) + 1) {
        struct statx sx;
        wait_for_turn(c);
        if (statx(dir->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &sx)) {
            problem(*batch, STAT, errno, dir, name);
            continue;
        }
        if (S_ISREG(sx.stx_mode)) bytes = sum(bytes, sx.stx_size > INT64_MAX ? INT64_MAX : (long long)sx.stx_size);
        if (S_ISDIR(sx.stx_mode)) {
            Work *work = new_work(dir, dir->bytes, dir->length, name);
            int skip = excluded(c, work->bytes + 1);
            int other = (long long)makedev(sx.stx_dev_major, sx.stx_dev_minor) != c->options->device;
            work->bytes[work->length++] = '/';
            if (other && !skip) problem(*batch, OPEN, EXDEV, work, "");
            if (skip || other) free(work); else push(&below, work);
            if (skip) continue;
        }
        append(c, *batch, dir, name, &sx); rows++;
    }
    c->shared[ENTRIES] += rows; c->shared[QUEUED] += below.held;
    while (!atomic_compare_exchange_weak(&c->shared[BYTES], &before, sum(before, bytes)));
    if (below.held) {
        pthread_mutex_lock(&c->lock);
        int keep = c->open <= c->options->descriptors; /* otherwise they are opened from the root */
        for (Work *work; (work = pop(&below));) {
            if (keep) dir->users++; else work->dir = NULL;
            if (c->dirs.bytes < c->options->queue_bytes) push(&c->dirs, work); else defer(c, *batch, work);
        }
        if (c->idle) pthread_cond_broadcast(&c->work);
        pthread_mutex_unlock(&c->lock);
    }
    const Batch *b = *batch; /* a slow crawl also returns batches within seconds */
    if (b->rows < c->options->batch_rows && b->bytes < c->options->batch_bytes && now() < b->begun + 2) return;
    emit(c, *batch); *batch = new_batch();
}

static int hand_over(Crawl *c, Work *dir, const char *names, size_t length, int count) {
    pthread_mutex_lock(&c->lock);
    int taken = c->chunks.held < 2 * (c->options->threads - 1); /* so that the queue does not grow with a directory */
    if (taken) {
        push(&c->chunks, new_work(dir, names, length, ""));
        c->chunks.top->count = count; dir->users++;
        if (c->idle) pthread_cond_signal(&c->work);
    }
    pthread_mutex_unlock(&c->lock);
    return taken;
}

/* From the open parent, or from the root: name by name, so that no link in the path is followed.
 * An error on another file system, mounted over the path, is not about the crawled one: EXDEV then. */
static int open_dir(Crawl *c, Work *work, const Work *above) {
    struct stat status;
    int from = above ? above->fd : c->options->root, fd, mine = 0, error;
    char *name = work->bytes + (above ? above->length : 1), *slash;
    for (;; name = slash + 1, from = fd, mine = 1) {
        wait_for_turn(c);
        if ((slash = strchr(name, '/'))) *slash = 0;
        fd = openat(from, *name ? name : ".", FLAGS);
        error = errno;
        if (slash) *slash = '/';
        if (fd < 0 && mine && !fstat(from, &status) && (long long)status.st_dev != c->options->device) error = EXDEV;
        if (mine) close(from);
        errno = error;
        if (fd < 0 || !slash || !slash[1]) return fd;
    }
}

static void list(Crawl *c, Batch **batch, Work *dir, char *buffer) {
    struct stat before = { 0 }, after;
    char *names = buffer + LISTING; long read = 0; int wanted = 0; /* after a thread has waited, keep all supplied */
    int fd = open_dir(c, dir, dir->dir);
    if (fd < 0 && errno == ESTALE && dir->dir) fd = open_dir(c, dir, NULL); /* the handle is stale, not the name */
    int opened = fd >= 0 && !fstat(fd, &before);
    if (!opened) problem(*batch, OPEN, errno, dir, "");
    c->open += (dir->fd = fd) >= 0;
    int ours = opened && (long long)before.st_dev == c->options->device;
    if (opened && !ours) problem(*batch, OPEN, EXDEV, dir, ""); /* mounted since its directory was listed */
    while (ours && !c->shared[STOP]) {
        char *end = names;
        int count = 0;
        wait_for_turn(c);
        if ((read = syscall(SYS_getdents64, fd, buffer, LISTING)) <= 0) break;
        for (long at = 0; at < read && !c->shared[STOP];) {
            const struct dirent64 *entry = (void *)(buffer + at);
            at += entry->d_reclen;
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            end = stpcpy(end, entry->d_name) + 1;
            if (++count < CHUNK) continue;
            wanted |= c->idle;
            if (!wanted || !hand_over(c, dir, names, (size_t)(end - names), count))
                stat_names(c, batch, dir, names, count);
            end = names; count = 0;
        }
        if (count) stat_names(c, batch, dir, names, count); /* soon, because the listing may have fetched the attributes */
    }
    if (read < 0 || (ours && fstat(fd, &after))) problem(*batch, READDIR, errno, dir, "");
    else if (ours && memcmp(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim)) problem(*batch, LIST, 0, dir, "");
    c->shared[DIRECTORIES] += opened; c->shared[QUEUED]--;
}

static void *run(void *crawl) {
    Crawl *c = crawl; Batch *batch = new_batch();
    char *buffer = checked(malloc(2 * LISTING)); /* the result of getdents, and the names in it */
    pthread_mutex_lock(&c->lock);
    for (Work *work; (work = take(c)); c->busy--) {
        pthread_mutex_unlock(&c->lock);
        if (work->count) stat_names(c, &batch, work->dir, work->bytes, work->count); else list(c, &batch, work, buffer);
        batch->last_dir = NULL; /* its address may be reused for another directory */
        pthread_mutex_lock(&c->lock);
        release(c, work->dir); release(c, work);
    }
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    free(buffer);
    emit(c, batch); emit(c, NULL);
    return NULL;
}

/* List directories (NUL-terminated paths, then an empty one) and everything below. Write to the pipe the addresses
 * of batches, which the caller frees, and a NULL for each thread when it ends; `threads` is set to their number. */
Crawl *crawl_start(const Options *options, const char *paths, int *threads) {
    Crawl *c = checked(calloc(1, sizeof *c + (size_t)options->threads * sizeof *c->thread));
    c->options = options; c->shared = options->shared;
    pthread_mutex_init(&c->lock, NULL); pthread_cond_init(&c->work, NULL);
    for (; *paths; paths += strlen(paths) + 1) push(&c->dirs, new_work(NULL, paths, strlen(paths), ""));
    sigset_t all, before; sigfillset(&all); pthread_sigmask(SIG_SETMASK, &all, &before); /* the caller handles signals */
    while (c->started < options->threads && !pthread_create(&c->thread[c->started], NULL, run, c)) c->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    *threads = c->started;
    return c;
}

/* After the last NULL: free the crawl, and return a batch with the directories left by a pause. */
Batch *crawl_rest(Crawl *c) {
    Batch *batch = new_batch();
    while (c->started) pthread_join(c->thread[--c->started], NULL);
    for (Work *work; (work = pop(&c->dirs));) defer(c, batch, work);
    for (Work *work; (work = pop(&c->chunks)); release(c, work)) release(c, work->dir);
    free(c);
    return batch;
}
