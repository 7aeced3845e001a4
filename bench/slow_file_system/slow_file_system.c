/* A file system that answers every metadata request after a fixed time, as a network file system does.
 *
 *     slow_file_system TREE MOUNT MICROSECONDS plain|plus      serves TREE, read into memory, until its stdin ends
 *
 * Requests do not wait for each other. The delay is the same for all, so waiting requests form a queue with
 the
 * oldest first. One thread takes requests from the kernel, another answers each when it is due. A request is
 * a lookup, getattr, opendir, readlink, or one reply's worth of readdir; nothing can be read or written.
 *
 * As over NFS, a lookup returns the attributes, and names are looked up each time. With `plus`, the replies
 of
 * readdir include names and attributes, which are then valid for a second. */
#define FUSE_USE_VERSION 312
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef struct { /* children: [first, first + count), by name */
    char *name, *target; struct stat status; size_t parent, first, count;
} Node;
typedef struct Request {
    struct Request *next; fuse_req_t req; struct timespec due;
    enum { LOOKUP, GETATTR, OPENDIR, READDIR, READDIRPLUS, READLINK } operation;
    fuse_ino_t inode; off_t offset; size_t size; struct fuse_file_info file; char name[];
} Request;

static Node *nodes; /* indexed by inode number; 0 is unused, 1 is the root */
static size_t used, room;
static long delay_ns;
static int plus;
static Request *oldest, **newest = &oldest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static pthread_t main_thread;

static void *checked(void *memory) { if (!memory) { perror("slow_file_system"); exit(1); } return memory; }

static size_t add_node(const char *name, size_t parent) {
    if (used == room) nodes = checked(realloc(nodes, (room = room * 2 + 1024) * sizeof *nodes));
    nodes[used] = (Node){ .name = checked(strdup(name)), .parent = parent };
    return used++;
}

static int by_name(const void *a, const void *b) { return strcmp(((const Node *)a)->name, ((const Node *)b)->name); }

static void load(int fd, size_t number) { /* load everything below an open directory; closes it */
    DIR *listing = checked(fdopendir(fd));
    size_t first = nodes[number].first = used;
    for (struct dirent *entry; (entry = readdir(listing));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) add_node(entry->d_name, number);
    size_t end = used;
    nodes[number].count = end - first;
    qsort(nodes + first, end - first, sizeof *nodes, by_name);
    for (size_t n = first; n < end; n++) {
        char target[4096];
        if (fstatat(fd, nodes[n].name, &nodes[n].status, AT_SYMLINK_NOFOLLOW)) { perror(nodes[n].name); exit(1); }
        ssize_t length = S_ISLNK(nodes[n].status.st_mode) ? readlinkat(fd, nodes[n].name, target, sizeof target) : -1;
        if (length >= 0) nodes[n].target = checked(strndup(target, (size_t)length));
        if (S_ISDIR(nodes[n].status.st_mode)) {
            int below = openat(fd, nodes[n].name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
            if (below >= 0) load(below, n);
        }
    }
    closedir(listing);
}

static struct fuse_entry_param entry_of(size_t number) {
    return (struct fuse_entry_param){ .ino = number, .attr = nodes[number].status, .attr_timeout = 1,
                                      .entry_timeout = plus ? 1 : 0 };
}

static void lookup(fuse_req_t req, size_t parent, char *name) {
    Node key = { .name = name };
    Node *found = bsearch(&key, nodes + nodes[parent].first, nodes[parent].count, sizeof *nodes, by_name);
    if (!found) { fuse_reply_err(req, ENOENT); return; }
    struct fuse_entry_param entry = entry_of((size_t)(found - nodes));
    fuse_reply_entry(req, &entry);
}

static void read_directory(Request *r) {
    char *reply = checked(malloc(r->size));
    const Node *directory = &nodes[r->inode];
    size_t filled = 0;
    for (off_t at = r->offset; at < (off_t)directory->count + 2; at++) {
        size_t number = at == 0 ? r->inode : at == 1 ? directory->parent : directory->first + (size_t)at - 2;
        const char *name = at == 0 ? "." : at == 1 ? ".." : nodes[number].name;
        struct fuse_entry_param entry = entry_of(number);
        size_t length = r->operation == READDIRPLUS
            ? fuse_add_direntry_plus(r->req, reply + filled, r->size - filled, name, &entry, at + 1)
            : fuse_add_direntry(r->req, reply + filled, r->size - filled, name, &entry.attr, at + 1);
        if (length > r->size - filled) break;
        filled += length;
    }
    fuse_reply_buf(r->req, reply, filled);
    free(reply);
}

static void answer(Request *r) {
    switch (r->operation) {
    case LOOKUP: lookup(r->req, r->inode, r->name); break;
    case GETATTR: fuse_reply_attr(r->req, &nodes[r->inode].status, 1); break;
    case OPENDIR: fuse_reply_open(r->req, &r->file); break;
    case READLINK: fuse_reply_readlink(r->req, nodes[r->inode].target); break;
    case READDIR: case READDIRPLUS: read_directory(r);
    }
}

static void *answer_all(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!oldest) pthread_cond_wait(&arrived, &lock);
        Request *r = oldest;
        if (!(oldest = r->next)) newest = &oldest;
        pthread_mutex_unlock(&lock);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &r->due, NULL);
        answer(r);
        free(r);
    }
    return unused;
}

static void enqueue(fuse_req_t req, int operation, fuse_ino_t inode, size_t size, off_t offset,
                    struct fuse_file_info *file, const char *name) {
    Request *r = checked(calloc(1, sizeof *r + strlen(name) + 1));
    r->req = req; r->operation = operation; r->inode = inode; r->size = size; r->offset = offset;
    if (file) r->file = *file;
    strcpy(r->name, name);
    clock_gettime(CLOCK_MONOTONIC, &r->due);
    r->due.tv_nsec += delay_ns; r->due.tv_sec += r->due.tv_nsec / 1000000000; r->due.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lock);
    if (!oldest) pthread_cond_signal(&arrived);
    *newest = r; newest = &r->next;
    pthread_mutex_unlock(&lock);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name) {
    enqueue(req, LOOKUP, parent, 0, 0, NULL, name);
}
static void on_getattr(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *file) {
    enqueue(req, GETATTR, inode, 0, 0, file, "");
}
static void on_opendir(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *file) {
    enqueue(req, OPENDIR, inode, 0, 0, file, "");
}
static void on_readlink(fuse_req_t req, fuse_ino_t inode) {
    enqueue(req, READLINK, inode, 0, 0, NULL, "");
}
static void on_readdir(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *file) {
    enqueue(req, READDIR, inode, size, offset, file, "");
}
static void on_readdirplus(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *file) {
    enqueue(req, READDIRPLUS, inode, size, offset, file, "");
}

static void on_init(void *unused, struct fuse_conn_info *connection) {
    (void)unused;
    connection->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
    if (plus) connection->want |= FUSE_CAP_READDIRPLUS;
}

static ssize_t read_request(int fd, void *buffer, size_t size, void *unused) {
    (void)unused;
    return read(fd, buffer, size);
}

static ssize_t write_reply(int fd, struct iovec *parts, int count, void *unused) {
    (void)unused;
    static int greeted; /* the first reply is to INIT, the first request */
    if (!greeted++) /* libfuse before 3.16.2 omits it; the kernel would look up a directory's names one by one
    */ ((struct fuse_init_out *)parts[1].iov_base)->flags |= FUSE_PARALLEL_DIROPS; return writev(fd, parts,
    count); }

static const struct fuse_lowlevel_ops operations = {
    .init = on_init, .lookup = on_lookup, .getattr = on_getattr, .opendir = on_opendir, .readlink = on_readlink,
    .readdir = on_readdir, .readdirplus = on_readdirplus,
};

static void *watch_stdin(void *unused) { /* ends this program when its parent dies */
    for (char byte; read(0, &byte, 1) > 0;) {}
    pthread_kill(main_thread, SIGTERM);
    return unused;
}

static pthread_t start(void *(*run)(void *)) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all); pthread_sigmask(SIG_SETMASK, &all, &before); /* only the main thread handles signals */
    if (pthread_create(&thread, NULL, run, NULL)) exit(1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

int main(int count, char **given) {
    if (count != 5) { fprintf(stderr, "usage: %s TREE MOUNT MICROSECONDS plain|plus\n", given[0]); return 2; }
    delay_ns = atol(given[3]) * 1000;
    plus = !strcmp(given[4], "plus");
    int fd = open(given[1], O_RDONLY | O_DIRECTORY);
    if (fd < 0) { perror(given[1]); return 1; }
    add_node("", 0); add_node("", 1);
    if (fstat(fd, &nodes[1].status)) { perror(given[1]); return 1; }
    load(fd, 1);

    char *arguments[] = { given[0], "-oro,default_permissions,fsname=slow_file_system" };
    struct fuse_args options = FUSE_ARGS_INIT(2, arguments);
    struct fuse_session *session = fuse_session_new(&options, &operations, sizeof operations, NULL);
    if (!session || fuse_set_signal_handlers(session) || fuse_session_mount(session, given[2])) return 1;
    const struct fuse_custom_io io = { .read = read_request, .writev = write_reply };
    if (fuse_session_custom_io(session, &io, fuse_session_fd(session))) return 1;
    main_thread = pthread_self();
    /* Real-time priority, because a remote server would not wait for this machine's processors; optional. */
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
    start(answer_all); start(watch_stdin);
    puts("mounted"); fflush(stdout);
    fuse_session_loop(session);
    fuse_session_unmount(session);
    return 0; /* the threads and unanswered requests end with the process */
}
