/* The crawler's core: threads that list directories and stat their entries into columns. Plain C, no Python in it.
 *
 * A stack of directories, newest first, and a short one of chunks of names: a thread that lists a large directory
 * gives chunks of it to idle threads, because over a network the stats of one directory are what takes long. Entries
 * are reached through the open directory above them, so depth has no limit and no symbolic link is followed.
 * crawler.py says what a crawl promises, c_crawler.py calls what is not static here. No memory: the process ends. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
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

enum { LISTING = 1 << 18, CHUNK = 32, DIRS_IN_MEMORY = 1 << 18, BATCHES = 8, BATCH_BYTES = 1 << 24 };
enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };

/* What c_crawler.py repeats, in the same order: operations and kinds of a problem, counters, columns. */
enum { OPEN, READDIR, STAT, READLINK, LIST };
enum { UNREADABLE, VANISHED, CHANGED };
enum { ENTRIES, DIRECTORIES, QUEUED, BYTES, REFUSED, GONE, COUNTERS };
enum { DIRS, DIR_ENDS, NAMES, NAME_ENDS, TARGETS, TARGET_ENDS, DIRECTORY, MODE, NLINK, UID, GID, SIZE, INODE,
       MTIME, CTIME, MTIME_NS, CTIME_NS, PROBLEMS, DEFERRED, COLUMNS };
typedef struct { char *at; size_t used, room; } Buffer;
typedef struct Batch {
    Buffer column[COLUMNS]; size_t bytes; int32_t rows, dirs; const void *last_dir; struct Batch *next;
} Batch;

typedef struct { int fd, users; size_t length; char path[]; } Dir; /* path: from the root, ends with a slash */
typedef struct Work { /* a directory to list (dir: the one above it, if open), or with count > 0 names in dir to stat */
    struct Work *next; Dir *dir; size_t length; int count; char bytes[];
} Work;
typedef struct {
    atomic_llong count[COUNTERS]; /* first, where c_crawler.py reads them */
    pthread_mutex_t lock; pthread_cond_t work, batches; pthread_t *thread;
    Work *dirs, *chunks; Batch *first, *last; char *exclude; dev_t device;
    long long ns_an_operation, next_operation; size_t exclude_length;
    int root, threads, descriptors, batch_rows, started, running, busy, dirs_held, chunks_held, batches_held;
    atomic_int stop, pause, open, idle;
} Crawl;

static void *checked(void *memory) { if (!memory) abort(); return memory; }

static void put(Batch *batch, int column, const void *bytes, size_t length) {
    Buffer *to = &batch->column[column];
    if (to->used + length > to->room) to->at = checked(realloc(to->at, to->room = (to->used + length) * 2 + 256));
    memcpy(to->at + to->used, bytes, length);
    to->used += length; batch->bytes += length;
}

static void put32(Batch *batch, int column, size_t value) { int32_t v = (int32_t)value; put(batch, column, &v, 4); }

static Batch *new_batch(void) {
    Batch *batch = checked(calloc(1, sizeof *batch));
    put32(batch, DIR_ENDS, 0); put32(batch, NAME_ENDS, 0); put32(batch, TARGET_ENDS, 0);
    return batch;
}

void crawl_free_batch(Batch *batch) {
    for (int n = 0; n < COLUMNS; n++) free(batch->column[n].at);
    free(batch);
}

static Batch *emit(Crawl *c, Batch *batch) { /* waits where the reader is slow, unless nobody reads on */
    pthread_mutex_lock(&c->lock);
    while (c->batches_held >= BATCHES && !c->stop) pthread_cond_wait(&c->batches, &c->lock);
    if (c->last) c->last->next = batch; else c->first = batch;
    c->last = batch; c->batches_held++;
    pthread_cond_broadcast(&c->batches);
    pthread_mutex_unlock(&c->lock);
    return new_batch();
}

static void problem(Crawl *c, Batch *batch, int operation, int error, const char *dir, size_t length, const char *name)
{
    int kind = !error ? CHANGED : error == ENOENT || error == ESTALE || error == ENOTDIR ? VANISHED : UNREADABLE;
    int32_t head[4] = { operation, error, kind, (int32_t)(length + strlen(name)) };
    put(batch, PROBLEMS, head, sizeof head);
    put(batch, PROBLEMS, dir, length); put(batch, PROBLEMS, name, strlen(name));
    if (kind != CHANGED) c->count[kind == VANISHED ? GONE : REFUSED]++;
}

static void wait_for_turn(Crawl *c) { /* before every request, where a rate limit is set */
    if (!c->ns_an_operation) return;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long long now = t.tv_sec * 1000000000LL + t.tv_nsec, step = 50000000;
    pthread_mutex_lock(&c->lock);
    long long turn = c->next_operation > now - step ? c->next_operation : now - step;
    c->next_operation = turn + c->ns_an_operation;
    pthread_mutex_unlock(&c->lock);
    for (; turn > now && !c->stop; now += step) /* in steps, so that `stop` is seen */
        nanosleep(&(struct timespec){ 0, turn - now < step ? turn - now : step }, NULL);
}

static Work *new_work(Dir *dir, const char *bytes, size_t length, const char *name) { /* with room for a slash */
    Work *work = checked(calloc(1, sizeof *work + length + strlen(name) + 2));
    work->dir = dir; work->length = length + strlen(name);
    memcpy(work->bytes, bytes, length); strcpy(work->bytes + length, name);
    return work;
}

static void release(Crawl *c, Dir *dir) { /* under the lock, which guards `users` */
    if (dir && !--dir->users) { close(dir->fd); c->open--; free(dir); }
}

static void defer(Crawl *c, Batch *batch, Work *work) { /* under the lock: let the caller keep a directory for later */
    put(batch, DEFERRED, work->bytes, work->length + 1);
    release(c, work->dir);
    free(work);
}

static void append(Crawl *c, Batch *batch, Dir *dir, const char *name, const struct statx *sx) {
    char target[4097];
    ssize_t length = 0;
    if (S_ISLNK(sx->stx_mode)) {
        wait_for_turn(c);
        length = readlinkat(dir->fd, name, target, sizeof target);
        if (length < 0) problem(c, batch, READLINK, errno, dir->path, dir->length, name);
        else put(batch, TARGETS, target, (size_t)length);
    }
    if (batch->last_dir != dir) {
        batch->last_dir = dir; batch->dirs++;
        put(batch, DIRS, dir->path, dir->length); put32(batch, DIR_ENDS, batch->column[DIRS].used);
    }
    put(batch, NAMES, name, strlen(name));
    put32(batch, NAME_ENDS, batch->column[NAMES].used); put32(batch, TARGET_ENDS, batch->column[TARGETS].used);
    put32(batch, DIRECTORY, (size_t)batch->dirs - 1); put32(batch, MODE, sx->stx_mode);
    put32(batch, NLINK, sx->stx_nlink > INT32_MAX ? INT32_MAX : sx->stx_nlink);
    int64_t wide[] = { sx->stx_uid, sx->stx_gid, (int64_t)(sx->stx_size > INT64_MAX ? INT64_MAX : sx->stx_size),
                       (int64_t)sx->stx_ino };
    for (int n = 0; n < 4; n++) put(batch, UID + n, &wide[n], 8);
    for (int n = 0; n < 2; n++) {
        const struct statx_timestamp *t = n ? &sx->stx_ctime : &sx->stx_mtime;
        int64_t us, s = t->tv_sec; /* a damaged inode may hold a time beyond 292,000 years: clamp it */
        if (__builtin_mul_overflow(s, 1000000, &us)) us = s < 0 ? INT64_MIN : INT64_MAX - 999999;
        us += t->tv_nsec / 1000;
        put(batch, MTIME + n, &us, 8); put(batch, MTIME_NS + n, &(int16_t){ (int16_t)(t->tv_nsec % 1000) }, 2);
    }
    if (S_ISREG(sx->stx_mode)) c->count[BYTES] += wide[2];
    batch->rows++;
}

static int excluded(const Crawl *c, const char *path) { /* patterns: NUL-ended, of whole paths without a slash before */
    for (const char *glob = c->exclude; glob < c->exclude + c->exclude_length; glob += strlen(glob) + 1)
        if (!fnmatch(glob, path, FNM_PATHNAME | FNM_NOESCAPE)) return 1;
    return 0;
}

static void stat_names(Crawl *c, Batch **batch, Dir *dir, const char *name, int count) {
    Work *below = NULL, *next;
    int rows = 0, children = 0;
    for (; count--; name += strlen(name) + 1) {
        struct statx sx;
        wait_for_turn(c);
        if (statx(dir->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &sx)) {
            problem(c, *batch, STAT, errno, dir->path, dir->length, name);
            continue;
        }
        if (S_ISDIR(sx.stx_mode)) {
            Work *work = new_work(dir, dir->path, dir->length, name);
            int skip = excluded(c, work->bytes + 1);
            work->bytes[work->length++] = '/';
            if (skip || makedev(sx.stx_dev_major, sx.stx_dev_minor) != c->device) free(work); /* other file system */
            else { work->next = below; below = work; children++; }
            if (skip) continue;
        }
        append(c, *batch, dir, name, &sx);
        rows++;
    }
    c->count[ENTRIES] += rows; c->count[QUEUED] += children;
    if (below) {
        pthread_mutex_lock(&c->lock);
        int keep = c->open <= c->descriptors; /* else they are reached from the root again */
        for (Work *work = below; work; work = next) {
            next = work->next;
            if (keep) dir->users++; else work->dir = NULL;
            if (c->dirs_held >= DIRS_IN_MEMORY) defer(c, *batch, work);
            else { work->next = c->dirs; c->dirs = work; c->dirs_held++; }
        }
        if (c->idle) pthread_cond_broadcast(&c->work);
        pthread_mutex_unlock(&c->lock);
    }
    if ((*batch)->rows >= c->batch_rows || (*batch)->bytes > BATCH_BYTES) *batch = emit(c, *batch);
}

static int hand_over(Crawl *c, Dir *dir, const char *names, size_t length, int count) {
    if (!c->idle) return 0;
    pthread_mutex_lock(&c->lock);
    int taken = c->chunks_held < 2 * c->threads; /* so that no queue grows with a directory */
    if (taken) {
        Work *work = new_work(dir, names, length, "");
        work->count = count; work->next = c->chunks;
        c->chunks = work; c->chunks_held++; dir->users++;
        pthread_cond_signal(&c->work);
    }
    pthread_mutex_unlock(&c->lock);
    return taken;
}

static int open_dir(Crawl *c, Work *work) { /* name by name, so that no link is followed anywhere on the path */
    int from = work->dir ? work->dir->fd : c->root, fd, mine = 0;
    char *name = work->bytes + (work->dir ? work->dir->length : 1), *slash;
    for (;; name = slash + 1, from = fd, mine = 1) {
        wait_for_turn(c);
        if ((slash = strchr(name, '/'))) *slash = 0;
        fd = openat(from, *name ? name : ".", FLAGS);
        int error = errno;
        if (slash) *slash = '/';
        if (mine) close(from);
        errno = error;
        if (fd < 0 || !slash || !slash[1]) return fd;
    }
}

static void list(Crawl *c, Batch **batch, Work *work, char *buffer) {
    struct stat before, after;
    char *names = buffer + LISTING, *end = names;
    long read = 0;
    Dir *dir = NULL;
    int fd = open_dir(c, work);
    if (fd < 0 || fstat(fd, &before)) problem(c, *batch, OPEN, errno, work->bytes, work->length, "");
    else {
        dir = checked(malloc(sizeof *dir + work->length + 1));
        dir->fd = fd; dir->users = 1; dir->length = work->length; c->open++;
        memcpy(dir->path, work->bytes, work->length + 1);
    }
    while (dir && before.st_dev == c->device && !c->stop) { /* a mount that appeared only now is not entered */
        int count = 0;
        wait_for_turn(c);
        if ((read = syscall(SYS_getdents64, dir->fd, buffer, LISTING)) <= 0) break;
        for (char *at = buffer; at < buffer + read && !c->stop; at += ((struct dirent64 *)(void *)at)->d_reclen) {
            const char *name = ((struct dirent64 *)(void *)at)->d_name;
            if (strcmp(name, ".") && strcmp(name, "..")) { end = stpcpy(end, name) + 1; count++; }
            if (count < CHUNK) continue;
            if (!hand_over(c, dir, names, (size_t)(end - names), count)) stat_names(c, batch, dir, names, count);
            end = names; count = 0;
        }
        if (count) stat_names(c, batch, dir, names, count); /* promptly: the listing may have brought the attributes */
        end = names;
    }
    if (read < 0) problem(c, *batch, READDIR, errno, dir->path, dir->length, "");
    else if (dir && !fstat(dir->fd, &after) && memcmp(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim))
        problem(c, *batch, LIST, 0, dir->path, dir->length, "");
    c->count[DIRECTORIES] += dir != NULL;
    c->count[QUEUED]--;
    pthread_mutex_lock(&c->lock);
    release(c, dir);
    pthread_mutex_unlock(&c->lock);
}

static Work *take(Crawl *c) { /* under the lock; NULL when there is nothing more to do, for anyone */
    for (;;) {
        Work *work = c->chunks ? c->chunks : c->pause ? NULL : c->dirs;
        if (c->stop || (!work && !c->busy)) return NULL;
        if (work && work == c->chunks) { c->chunks = work->next; c->chunks_held--; }
        else if (work) { c->dirs = work->next; c->dirs_held--; }
        if (work) { c->busy++; return work; }
        c->idle++;
        pthread_cond_wait(&c->work, &c->lock);
        c->idle--;
    }
}

static void *run(void *crawl) {
    Crawl *c = crawl;
    Batch *batch = new_batch();
    char *buffer = checked(malloc(2 * LISTING)); /* what getdents says, and the names in it */
    pthread_mutex_lock(&c->lock);
    for (Work *work; (work = take(c)); c->busy--) {
        pthread_mutex_unlock(&c->lock);
        if (work->count) stat_names(c, &batch, work->dir, work->bytes, work->count); else list(c, &batch, work, buffer);
        batch->last_dir = NULL; /* its address may come again for another directory */
        pthread_mutex_lock(&c->lock);
        release(c, work->dir);
        free(work);
    }
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    crawl_free_batch(emit(c, batch));
    pthread_mutex_lock(&c->lock);
    c->running--;
    pthread_cond_broadcast(&c->batches);
    pthread_mutex_unlock(&c->lock);
    free(buffer);
    return NULL;
}

/* root: an open directory, the caller's. exclude: patterns, each ended by NUL. */
Crawl *crawl_new(int root, int threads, int descriptors, int batch_rows, long long ns_an_operation,
                 const char *exclude, size_t exclude_length) {
    Crawl *c = checked(calloc(1, sizeof *c));
    struct stat status;
    if (fstat(root, &status)) { free(c); return NULL; }
    pthread_mutex_init(&c->lock, NULL); pthread_cond_init(&c->work, NULL); pthread_cond_init(&c->batches, NULL);
    c->root = root; c->device = status.st_dev; c->threads = threads; c->descriptors = descriptors;
    c->batch_rows = batch_rows; c->ns_an_operation = ns_an_operation; c->exclude_length = exclude_length;
    c->exclude = checked(malloc(exclude_length + 1)); memcpy(c->exclude, exclude, exclude_length);
    c->thread = checked(calloc((size_t)threads, sizeof *c->thread));
    return c;
}

/* Add a directory to list; only while nothing runs. */
void crawl_add(Crawl *c, const char *path) {
    Work *work = new_work(NULL, path, strlen(path), "");
    work->next = c->dirs; c->dirs = work; c->dirs_held++;
}

/* List what was added and all below it; return the number of threads. Again after the end, where more was added. */
int crawl_start(Crawl *c) {
    sigset_t all, before;
    sigfillset(&all); pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the caller's threads */
    pthread_mutex_lock(&c->lock);
    for (c->pause = 0; c->started < c->threads; c->started++)
        if (pthread_create(&c->thread[c->started], NULL, run, c)) break;
    int running = c->running = c->started;
    pthread_mutex_unlock(&c->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return running;
}

/* Return the next batch, the caller's to free; NULL where none came in time, and at the end, which `ended` tells. */
Batch *crawl_next(Crawl *c, int milliseconds, int *ended) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += milliseconds * 1000000L; until.tv_sec += until.tv_nsec / 1000000000; until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&c->lock);
    for (int late = 0; !c->first && c->running && !late;)
        late = pthread_cond_timedwait(&c->batches, &c->lock, &until);
    Batch *batch = c->first;
    if (batch && !(c->first = batch->next)) c->last = NULL;
    if (batch) { c->batches_held--; pthread_cond_broadcast(&c->batches); }
    else if (!c->running && c->dirs) batch = new_batch();
    for (Work *work; !c->running && (work = c->dirs); c->dirs_held--) { /* what a pause left */
        c->dirs = work->next;
        defer(c, batch, work);
    }
    *ended = !batch && !c->running;
    pthread_mutex_unlock(&c->lock);
    while (*ended && c->started) pthread_join(c->thread[--c->started], NULL);
    return batch;
}

/* Pause: list no further directory; what is begun is ended, what waits is deferred. Stop: end soon, all is lost. */
void crawl_end(Crawl *c, int stop) {
    pthread_mutex_lock(&c->lock);
    if (stop) c->stop = 1; else c->pause = 1;
    pthread_cond_broadcast(&c->work); pthread_cond_broadcast(&c->batches);
    pthread_mutex_unlock(&c->lock);
}

/* After crawl_next has told the end. */
void crawl_free(Crawl *c) {
    for (Work *work; (work = c->chunks ? c->chunks : c->dirs); free(work)) {
        if (work == c->chunks) c->chunks = work->next; else c->dirs = work->next;
        release(c, work->dir);
    }
    free(c->thread); free(c->exclude); free(c);
}
