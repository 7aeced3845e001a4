/* Crawls a directory with the core under a sanitizer: whole, in pieces with pauses, and stopped in the middle. */
#include "../../tidemark/crawl/_core.c"
#include <stdio.h>

static long long crawl(int root, int threads, int rows, int pause_every, int stop_after) {
    int pipes[2];
    struct stat status;
    if (pipe2(pipes, O_DIRECT) || fstat(root, &status)) abort();
    atomic_llong shared[LEFT_OUT + 2] = { 0 };
    Options options = { .root = root, .batches = pipes[1], .threads = threads, .descriptors = 16, .batch_rows = rows,
                        .batch_bytes = 1 << 20, .queue_bytes = 5000, .device = (long long)status.st_dev,
                        .exclude = "nothing/like/this\0\3\1\4\x80\x80\xE1\x80\x81\xFA\6\2\7\1x\0", .shared = shared };
    long long found = 0;
    char *pending = checked(calloc(1, 3));
    for (pending[0] = '/'; *pending && !shared[STOP];) {
        int running;
        size_t length = 0;
        shared[PAUSE] = 0;
        Crawl *c = crawl_start(&options, pending, &running);
        if (running != threads) abort();
        free(pending); pending = checked(calloc(1, 1));
        for (int batches = 1, rest = 0; !rest; batches++) {
            Batch *batch;
            if (!running) { batch = crawl_rest(c); rest = 1; }
            else if (read(pipes[0], &batch, sizeof batch) != sizeof batch) abort();
            if (!batch) { running--; continue; }
            found += batch->rows;
            const Buffer *deferred = &batch->column[DEFERRED];
            pending = checked(realloc(pending, length + deferred->used + 1));
            if (deferred->used) memcpy(pending + length, deferred->at, deferred->used);
            pending[length += deferred->used] = 0;
            crawl_free_batch(batch);
            if (pause_every && batches % pause_every == 0) shared[PAUSE] = 1;
            if (stop_after && batches == stop_after) shared[STOP] = 1;
        }
    }
    free(pending);
    close(pipes[0]); close(pipes[1]);
    return found;
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    int root = open(arguments[1], O_RDONLY | O_DIRECTORY);
    for (int threads = 1; threads <= 8; threads += 7) {
        printf("%lld\n", crawl(root, threads, 100, 0, 0));
        printf("%lld\n", crawl(root, threads, 1, 3, 0));
        crawl(root, threads, 1, 0, 5);
    }
    close(root);
    return 0;
}
