/* All loops over numbers, as tables of function pointers: one table per instruction set and data
 * type, compiled from the same text by variant.h. A `void *` is an array of the table's data type.
 * Matrices are row-major and contiguous unless a stride is given. Kernels allocate nothing, cannot
 * fail and do not check their arguments. */
#ifndef PB_KERNELS_H
#define PB_KERNELS_H

#include "base/cpu.h"
#include "registry/registry.h"
#include "pybackprop.h"

/* Shape of the values of one layer: units × samples (feature-major). The value of unit u for sample
 * s is at u * unit_stride + s * sample_stride. In the network sample_stride is 1: vectors run over
 * samples and are full whatever the width of the layer. A row-major table of samples has
 * unit_stride 1. */
typedef struct pb_matrix {
    size_t n_units, n_samples;
    size_t unit_stride, sample_stride;
} pb_matrix;

/* C (m, n) = A (m, k) B (k, n) [+ bias (m), added last]: each element is one chain of fused
 * multiply-adds over k = 0, 1, ..., from +0. Strides are counted in elements; A may have any
 * strides, B and C have column stride 1. B is stored in panels of panel_columns columns, `b_panel`
 * apart (panel_columns apart: an ordinary matrix), and is read up to the next whole vector. */
typedef struct pb_product {
    size_t m, n, k;
    const void *a;
    ptrdiff_t a_row, a_column;
    const void *b;
    size_t b_row, b_panel;
    void *c;
    size_t c_row;
    const void *bias; /* or NULL */
} pb_product;

/* Rows of a CSR matrix: row i is row rows[i] of the matrix, or first + i if rows is NULL. */
typedef struct pb_csr_rows {
    const void *values;
    const int64_t *indptr;
    const int32_t *indices;
    const int64_t *rows;
    size_t first;
    size_t n_rows;
} pb_csr_rows;

/* One step of an optimizer on n parameters, with n_states state arrays `stride` apart. */
typedef struct pb_update {
    size_t n;
    void *parameters;
    const void *gradient;
    void *states;
    size_t stride;
    const double *constants;
    double decay_factor; /* factor of decoupled weight decay, or 1 */
} pb_update;

/* What a dropout mask is a function of, and its rate. */
typedef struct pb_mask {
    uint64_t seed, epoch, layer;
    size_t first_row; /* row of the whole table that is row 0 of the table of the rows */
    double rate;      /* in [0, 1) */
} pb_mask;

typedef void pb_map_kernel(const pb_matrix *matrix, const void *z, void *a);
typedef void pb_vjp_kernel(const pb_matrix *matrix, const void *z, const void *a, void *vector);
typedef void pb_loss_kernel(const pb_matrix *matrix, const void *y, const void *z, const void *a,
                            double parameter, void *out);
typedef void pb_update_kernel(const pb_update *update);

typedef struct pb_kernels {
    size_t item_size;
    size_t lanes; /* values per vector; matrices are computed in whole vectors of samples */
    size_t panel_columns;
    size_t work_per_check; /* multiply-adds that take at most a tenth of a second */

    /* gemm.h, sparse.h */
    void (*product)(const pb_product *product);
    /* c (n) = a (k) B (k, n) */
    void (*row_product)(size_t k, size_t n, const void *a, const void *b, void *c);
    /* C (n_rows, n) = X B, in the order of column indices */
    void (*csr_product)(const pb_csr_rows *x, size_t n, const void *b, void *c);
    /* C (n_features, n) = rows first_feature, ... of X^T D, in row order; D is in panels */
    void (*csr_transposed_product)(const pb_csr_rows *x, size_t first_feature, size_t n_features,
                                   size_t n, const void *d, size_t d_panel, void *c);

    /* elementwise.h, softmax.h: by row of registry/activations.def */
    pb_map_kernel *activate[PB_ACTIVATION_COUNT];
    pb_map_kernel *log_activate[PB_ACTIVATION_COUNT]; /* or NULL */
    /* a and log a together, if that is faster; NULL for elementwise activations */
    void (*activate_and_log[PB_ACTIVATION_COUNT])(const pb_matrix *matrix, const void *z, void *a,
                                                  void *log_a);
    /* vector <- J^T vector, where J = da/dz of each sample */
    pb_vjp_kernel *vjp[PB_ACTIVATION_COUNT];

    /* elementwise.h: by row of registry/losses.def */
    pb_loss_kernel *loss_value[PB_LOSS_COUNT];    /* l, from y and a */
    pb_loss_kernel *loss_gradient[PB_LOSS_COUNT]; /* dl/da           */
    /* l and dl/dz, from y and the z and a of the default output */
    pb_loss_kernel *loss_value_in_z[PB_LOSS_COUNT];
    pb_loss_kernel *loss_delta_in_z[PB_LOSS_COUNT];
    void (*add_bias)(const pb_matrix *matrix, const void *bias, void *z); /* z_u += bias_u  */
    void (*add)(size_t n, const void *x, void *sum);                      /* sum += x       */

    /* optimizers.h: by row of registry/optimizers.def */
    pb_update_kernel *update[PB_OPTIMIZER_COUNT];
    /* gradient = (gradient + alpha * coefs) / total_weight; without coefs, gradient / total_weight
     */
    void (*finish_gradient)(size_t n, const void *coefs, double alpha, double total_weight,
                            void *gradient);

    /* dropout.h: a mask is 1 / (1 - rate) or 0; draw_mask writes whole multiples of 16 samples */
    void (*draw_mask)(const pb_mask *where, const pb_matrix *matrix, const int64_t *rows,
                      size_t first, size_t n_rows, void *dropout_mask);
    void (*apply_mask)(const pb_matrix *matrix, const void *x, const void *dropout_mask, void *out);
    void (*mask_csr)(const pb_mask *where, const pb_csr_rows *x, void *values);

    /* gradient += strength * sign(coefs) */
    void (*add_signs)(size_t n, const void *coefs, double strength, void *gradient);
    /* Scales down the columns of (n_rows, n_columns) that are longer than `longest`. */
    void (*limit_columns)(size_t n_rows, size_t n_columns, double longest, void *coefs);

    /* reduce.h */
    /* one sum per sample; reads and writes whole vectors of samples */
    void (*unit_sums)(const pb_matrix *matrix, const void *x, double *sums);
    void (*panel_sums)(size_t n_rows, size_t n, const void *panels, size_t panel_stride,
                       void *sums);                    /* in row order  */
    double (*sum_of_squares)(size_t n, const void *x); /* 16 chains     */
    double (*sum_of_magnitudes)(size_t n, const void *x);
    int (*all_finite)(size_t n, const void *x);

    /* layout.h. `gather` and `gather_targets` write a matrix of the samples rows[i], or first + i
     * if rows is NULL; `gather` pads it with zeros to whole vectors of samples. */
    void (*transpose)(size_t n_rows, size_t n_columns, const void *in, size_t in_stride, void *out,
                      size_t out_stride);
    void (*gather)(const pb_samples *x, const int64_t *rows, size_t first, size_t n_rows,
                   size_t n_columns, void *out, size_t out_stride);
    void (*gather_targets)(const pb_targets *y, const int64_t *rows, size_t first, size_t n_rows,
                           size_t n_outputs, void *out, size_t out_stride);
    void (*pack_panels)(const pb_matrix *matrix, const void *x, const double *weights, void *panels,
                        size_t panel_stride);
} pb_kernels;

/* The tables of this build; those of other architectures are absent. */
extern const pb_kernels pb_kernels_baseline_f32, pb_kernels_baseline_f64;
#if defined(__x86_64__) || defined(_M_X64)
extern const pb_kernels pb_kernels_avx2_f32, pb_kernels_avx2_f64;
extern const pb_kernels pb_kernels_avx512_f32, pb_kernels_avx512_f64;
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const pb_kernels pb_kernels_neon_f32, pb_kernels_neon_f64;
#endif

/* The table of an instruction set that this machine can run; NULL for any other. */
const pb_kernels *pb_kernels_of(pb_isa isa, pb_dtype dtype);

/* The table in use: see pb_isa_chosen. */
pb_status pb_kernels_chosen(pb_dtype dtype, const pb_kernels **kernels);

#endif
