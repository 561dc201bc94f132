/* An allocator that fails on request, to be preloaded into a Python process (glibc), so that the
 * extension module is tested as it is shipped.
 *
 * A request counts if it comes from one of the watched regions of code and is large enough. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* glibc's own, by names that nobody takes the place of. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

typedef struct watched {
    uintptr_t first, end;
    size_t least; /* bytes */
} watched;

static watched codes[8];
static size_t n_codes;
static atomic_long n_left = -1; /* requests still granted; negative: all are */
static atomic_long n_refused;
static atomic_int lasting; /* whether memory remains short after a refusal */

void failing_watch(uintptr_t first, uintptr_t end, size_t least) {
    if (n_codes < sizeof codes / sizeof codes[0]) {
        codes[n_codes++] = (watched){first, end, least};
    }
}

void failing_begin(long n_granted, int remains_short) {
    n_refused = 0;
    lasting = remains_short;
    n_left = n_granted;
}

/* How many requests have been refused. */
long failing_end(void) {
    n_left = -1;
    return n_refused;
}

static int refuses(const void *caller, size_t size) {
    if (n_left < 0) {
        return 0;
    }
    for (size_t i = 0; i < n_codes; i++) {
        const uintptr_t at = (uintptr_t)caller;
        if (at < codes[i].first || at >= codes[i].end || size < codes[i].least) {
            continue;
        }
        if (n_left > 0) {
            n_left--;
            return 0;
        }
        n_refused++;
        if (!lasting) {
            n_left = -1;
        }
        return 1;
    }
    return 0;
}

void *malloc(size_t size) {
    return refuses(__builtin_return_address(0), size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return refuses(__builtin_return_address(0), count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return refuses(__builtin_return_address(0), size) ? NULL : __libc_realloc(block, size);
}
