/* Crawls a directory with the core under a sanitizer: whole, in pieces with pauses, and stopped in the middle. */
#include "../../tidemark/crawl/_core.c"
#include <stdio.h>

static long long crawl(int root, int threads, int rows, int pause_every, int stop_after) {
    static const char exclude[] = "nothing/like/this";
    Crawl *c = crawl_new(root, threads, 16, rows, 0, exclude, sizeof exclude);
    long long found = 0;
    char *pending = strdup("/");
    size_t length = 2;
    while (length) {
        for (char *path = pending; path < pending + length; path += strlen(path) + 1) crawl_add(c, path);
        free(pending); pending = NULL; length = 0;
        if (!crawl_start(c)) abort();
        for (int ended = 0, batches = 0; !ended;) {
            Batch *batch = crawl_next(c, 50, &ended);
            if (!batch) continue;
            found += batch->rows;
            Buffer *deferred = &batch->column[DEFERRED];
            if (deferred->used) {
                pending = checked(realloc(pending, length + deferred->used));
                memcpy(pending + length, deferred->at, deferred->used);
                length += deferred->used;
            }
            crawl_free_batch(batch);
            batches++;
            if (pause_every && batches % pause_every == 0) crawl_end(c, 0);
            if (stop_after && batches == stop_after) crawl_end(c, 1);
        }
        if (stop_after) break;
    }
    free(pending);
    crawl_free(c);
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
