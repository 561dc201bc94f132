/* Allocates aligned blocks with calloc; the pointer of calloc is stored just before the block. */
#include "base/memory.h"

#include <stdlib.h>

pb_status pb_checked_mul(size_t a, size_t b, size_t *product) {
    if (b != 0 && a > SIZE_MAX / b) {
        return PB_TOO_LARGE;
    }
    *product = a * b;
    return PB_OK;
}

pb_status pb_checked_add(size_t a, size_t b, size_t *sum) {
    if (a > SIZE_MAX - b) {
        return PB_TOO_LARGE;
    }
    *sum = a + b;
    return PB_OK;
}

pb_status pb_aligned_new(size_t count, size_t size, void **block) {
    size_t bytes = 0;
    pb_status status = pb_checked_mul(count, size, &bytes);
    if (status == PB_OK) {
        status = pb_checked_add(bytes, PB_ALIGNMENT + sizeof(void *), &bytes);
    }
    /* Above PTRDIFF_MAX differences of pointers into the block would overflow. */
    if (status == PB_OK && bytes > (size_t)PTRDIFF_MAX) {
        status = PB_TOO_LARGE;
    }
    if (status != PB_OK) {
        return status;
    }
    char *raw = calloc(bytes, 1);
    if (raw == NULL) {
        return PB_NO_MEMORY;
    }
    char *first = raw + sizeof(void *);
    const size_t beyond = (size_t)((uintptr_t)first % PB_ALIGNMENT);
    void **aligned = (void **)(void *)(first + (beyond ? PB_ALIGNMENT - beyond : 0));
    aligned[-1] = raw;
    *block = aligned;
    return PB_OK;
}

void pb_aligned_free(void *block) {
    if (block != NULL) {
        free(((void **)block)[-1]);
    }
}
