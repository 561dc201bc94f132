/* Allocation with overflow-checked sizes. Blocks are aligned to a cache line, which is as large as
 * the widest vector. */
#ifndef PB_MEMORY_H
#define PB_MEMORY_H

#include "pybackprop.h"

#define PB_ALIGNMENT ((size_t)64)

/* *product = a * b; PB_TOO_LARGE if that overflows, with *product unchanged. */
pb_status pb_checked_mul(size_t a, size_t b, size_t *product);

/* *sum = a + b, likewise. */
pb_status pb_checked_add(size_t a, size_t b, size_t *sum);

/* Allocates a zeroed block of `count` items of `size` bytes; the caller frees it with
 * pb_aligned_free. */
pb_status pb_aligned_new(size_t count, size_t size, void **block);
void pb_aligned_free(void *block);

#endif
