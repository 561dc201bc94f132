/* Every loop over numbers, as function pointers: one table an instruction set and data type, all
 * filled from the same text by variant.h. A `void *` is an array of the table's data type; all
 * matrices are row-major and contiguous unless a stride is given. Kernels allocate nothing, cannot
 * fail and trust their arguments. */
#ifndef PB_TABLE_H
#define PB_TABLE_H

#include "base/cpu.h"
#include "kernels/lists.h"
#include "pybackprop.h"

/* C (m, n) = A (m, k) B (k, n): each element is one chain of fused multiply-adds over k = 0, 1,
 * ..., from +0. A and B may have any strides (in elements), which makes them transposable; C has
 * unit column stride. */
typedef struct pb_product {
    size_t m, n, k;
    const void *a;
    ptrdiff_t a_row, a_column;
    const void *b;
    ptrdiff_t b_row, b_column;
    void *c;
    size_t c_row;
} pb_product;

/* Some rows of a CSR matrix: row i is the matrix's row rows[i], or first + i if rows is NULL. */
typedef struct pb_csr_rows {
    const void *values;
    const int64_t *indptr;
    const int32_t *indices;
    const int64_t *rows;
    size_t first;
    size_t n_rows;
} pb_csr_rows;

/* One step of an optimizer: the states are `n` apart, in one block. */
typedef struct pb_update {
    size_t n;
    void *parameters;
    const void *gradient;
    void *states;
    const double *constants;
} pb_update;

typedef void pb_map_kernel(size_t n_rows, size_t n_columns, const void *z, void *a);
typedef void pb_vjp_kernel(size_t n_rows, size_t n_columns, const void *z, const void *a,
                           void *vector);
typedef void pb_loss_kernel(size_t n, const void *y, const void *z, const void *a, void *out);
typedef void pb_update_kernel(const pb_update *update);

typedef struct pb_kernels {
    size_t item_size;
    size_t product_scratch; /* elements of scratch that `product` wants */

    /* gemm.h, sparse.h */
    void (*product)(const pb_product *product, void *scratch);
    /* C (n_rows, n) = X B, in the order of column indices */
    void (*csr_product)(const pb_csr_rows *x, size_t n, const void *b, void *c);
    /* C (n_features, n) += X^T D, in row order */
    void (*csr_transposed_product)(const pb_csr_rows *x, size_t n, const void *d, void *c);

    /* elementwise.h, rowwise.h: by row of lists/activations.h */
    pb_map_kernel *activate[PB_ACTIVATION_COUNT];
    pb_map_kernel *log_activate[PB_ACTIVATION_COUNT]; /* NULL without */
    /* vector <- J^T vector, where J = da/dz of each row */
    pb_vjp_kernel *vjp[PB_ACTIVATION_COUNT];

    /* losses.h: by row of lists/losses.h */
    pb_loss_kernel *loss_value[PB_LOSS_COUNT];      /* l, from y and a              */
    pb_loss_kernel *loss_value_in_z[PB_LOSS_COUNT]; /* l, from y and canonical z, a */
    pb_loss_kernel *loss_slope[PB_LOSS_COUNT];      /* dl/da                        */

    /* updates.h: by row of lists/optimizers.h */
    pb_update_kernel *update[PB_OPTIMIZER_COUNT];
    /* gradient = (gradient + alpha * coefs) / total_weight */
    void (*finish_gradient)(size_t n, const void *coefs, double alpha, double total_weight,
                            void *gradient);

    /* elementwise.h */
    void (*add_rows)(size_t n_rows, size_t n, const void *row, void *c); /* c += row      */
    void (*scale_rows)(size_t n_rows, size_t n, const double *s, const void *d, void *out);
    void (*add)(size_t n, const void *x, void *sum);                     /* sum += x      */
    void (*subtract)(size_t n, const void *x, const void *y, void *out); /* out = x - y   */

    /* reduce.h */
    void (*column_sums)(size_t n_rows, size_t n, const void *d, void *sums); /* in row order  */
    void (*row_sums)(size_t n_rows, size_t n, const void *x, double *sums);  /* 16 chains     */
    double (*sum_of_squares)(size_t n, const void *x);                       /* 16 chains     */
    int (*all_finite)(size_t n, const void *x);

    /* gather.h: rows rows[i], or first + i if rows is NULL */
    void (*gather)(const pb_samples *x, const int64_t *rows, size_t first, size_t n_rows,
                   size_t n_columns, void *out);
    void (*gather_targets)(const pb_targets *y, const int64_t *rows, size_t first, size_t n_rows,
                           size_t n_columns, void *out);
} pb_kernels;

/* The tables that were compiled in; those of other architectures are absent. */
extern const pb_kernels pb_kernels_baseline_f32, pb_kernels_baseline_f64;
#if defined(__x86_64__) || defined(_M_X64)
extern const pb_kernels pb_kernels_avx2_f32, pb_kernels_avx2_f64;
extern const pb_kernels pb_kernels_avx512_f32, pb_kernels_avx512_f64;
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const pb_kernels pb_kernels_neon_f32, pb_kernels_neon_f64;
#endif

/* The table of an instruction set that this machine can run; NULL for any other. */
const pb_kernels *pb_kernels_of(pb_isa isa, pb_dtype dtype);

/* The table to use: see pb_isa_chosen. */
pb_status pb_kernels_chosen(pb_dtype dtype, const pb_kernels **kernels);

#endif
