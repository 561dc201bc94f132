/* Tests that sizes that overflow are refused, and that blocks are aligned, zeroed and large enough.
 */
#include "base/memory.h"
#include "check.h"

#define UNTOUCHED ((size_t)12345)

/* Or the address sanitizer stops where calloc is to return NULL. Its library looks for the name,
 * which must not be hidden. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static void check_mul(size_t a, size_t b, int fits) {
    size_t product = UNTOUCHED;
    const pb_status status = pb_checked_mul(a, b, &product);
    CHECK_SAME(status, fits ? PB_OK : PB_TOO_LARGE, "%zu * %zu", a, b);
    CHECK(product == (fits ? a * b : UNTOUCHED), "%zu * %zu gave %zu", a, b, product);
}

static void check_add(size_t a, size_t b, int fits) {
    size_t sum = UNTOUCHED;
    const pb_status status = pb_checked_add(a, b, &sum);
    CHECK_SAME(status, fits ? PB_OK : PB_TOO_LARGE, "%zu + %zu", a, b);
    CHECK(sum == (fits ? a + b : UNTOUCHED), "%zu + %zu gave %zu", a, b, sum);
}

static void test_checked_arithmetic(void) {
    const size_t most = SIZE_MAX;
    const size_t root = (size_t)1 << (4 * sizeof(size_t)); /* root * root is one too many */
    check_mul(0, 0, 1);
    check_mul(0, most, 1);
    check_mul(most, 0, 1);
    check_mul(1, most, 1);
    check_mul(most, 1, 1);
    check_mul(most, 2, 0);
    check_mul(2, most, 0);
    check_mul(most / 2, 2, 1);
    check_mul(most / 2 + 1, 2, 0);
    check_mul(most / 3, 3, 1);
    check_mul(most / 3 + 1, 3, 0);
    check_mul(root - 1, root + 1, 1); /* SIZE_MAX itself */
    check_mul(root, root - 1, 1);
    check_mul(root, root, 0);
    check_mul(most, most, 0);

    check_add(0, 0, 1);
    check_add(0, most, 1);
    check_add(most, 0, 1);
    check_add(most, 1, 0);
    check_add(1, most, 0);
    check_add(most - 1, 1, 1);
    check_add(most / 2 + 1, most / 2, 1);
    check_add(most / 2 + 1, most / 2 + 1, 0);
    check_add(most, most, 0);
}

static void test_absurd_sizes(void) {
    static const size_t sizes[][2] = {
        {SIZE_MAX, 1},
        {1, SIZE_MAX},
        {SIZE_MAX, SIZE_MAX},
        {SIZE_MAX / 8, 8}, /* the product fits, the room for alignment does not */
        {SIZE_MAX / 8 + 1, 8},
        {(size_t)PTRDIFF_MAX, 1},
        {(size_t)PTRDIFF_MAX / 8 + 1, 8},
        {SIZE_MAX / 2 + 1, 2}, /* wraps around to nothing */
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *block = NULL;
        const pb_status status = pb_aligned_new(sizes[i][0], sizes[i][1], &block);
        CHECK_SAME(status, PB_TOO_LARGE, "%zu items of %zu bytes", sizes[i][0], sizes[i][1]);
        CHECK(block == NULL, "a failure left a block");
    }
}

/* More than any machine has, but not more than a size can say: calloc itself refuses. */
static void test_no_memory(void) {
    void *block = NULL;
    const size_t most = (size_t)PTRDIFF_MAX - 2 * PB_ALIGNMENT;
    CHECK_SAME(pb_aligned_new(most, 1, &block), PB_NO_MEMORY, "%zu bytes", most);
    CHECK(block == NULL, "a failure left a block");
}

static void test_blocks(void) {
    enum { N_BLOCKS = 300 };
    unsigned char *blocks[N_BLOCKS];
    /* Twice: the second round is likely to be given memory that the first left full of ones. */
    for (int round = 0; round < 2; round++) {
        for (size_t n = 0; n < N_BLOCKS; n++) {
            void *block = NULL;
            CHECK_SAME(pb_aligned_new(n, 1 + n % 9, &block), PB_OK, "%zu items", n);
            if (block == NULL) {
                CHECK(0, "no block for %zu items of %zu bytes", n, 1 + n % 9);
                return;
            }
            CHECK((uintptr_t)block % PB_ALIGNMENT == 0, "block of %zu items at %p", n, block);
            blocks[n] = block;
            size_t nonzero = 0;
            for (size_t i = 0; i < n * (1 + n % 9); i++) {
                nonzero += blocks[n][i] != 0;
            }
            CHECK_SAME(nonzero, 0, "bytes of a block of %zu items", n);
            memset(blocks[n], (int)(n % 255) + 1, n * (1 + n % 9));
        }
        /* A block that overlapped another, or the pointer that lies before it, would show now.
         */
        for (size_t n = 0; n < N_BLOCKS; n++) {
            size_t changed = 0;
            for (size_t i = 0; i < n * (1 + n % 9); i++) {
                changed += blocks[n][i] != n % 255 + 1;
            }
            CHECK_SAME(changed, 0, "bytes of a block of %zu items", n);
            pb_aligned_free(blocks[n]);
        }
    }
    pb_aligned_free(NULL);
}

int main(void) {
    test_checked_arithmetic();
    test_absurd_sizes();
    test_no_memory();
    test_blocks();
    return check_summary();
}
