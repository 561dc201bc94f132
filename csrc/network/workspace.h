/* The workspace: all scratch memory of a pass, in one allocation.
 *
 * A batch is summed in blocks of PB_BLOCK_ROWS rows, and a few blocks are loaded at once, whatever
 * the size of the batch. So the workspace does not grow with the batch, except for the partial sums
 * of the gradient, which grow with the logarithm of the number of blocks.
 *
 * Layers are matrices of units × samples (kernels/kernels.h): unit u of sample s is at
 * u * stride + s. A loaded row has the same place s in every matrix. */
#ifndef PB_WORKSPACE_H
#define PB_WORKSPACE_H

#include "network/network.h"
#include "network/thread_tuner.h"

/* A chunk has a multiple of this many samples, which is whole vectors of every instruction set,
 * except for the last chunk of a block; and at most PB_MAX_CHUNK_UNITS times as many. */
#define PB_CHUNK_UNIT      ((size_t)16)
#define PB_MAX_CHUNK_UNITS ((size_t)6)

/* Samples that one thread takes forward and back through all layers. */
typedef struct pb_sample_chunk {
    size_t first; /* place of the first sample */
    size_t n_samples;
} pb_sample_chunk;

/* Parameters whose gradient one thread computes and whose update it applies: some rows of W_l, or
 * all of b_l. */
typedef struct pb_param_slice {
    size_t layer; /* from 1 */
    int is_intercepts;
    size_t first_row, n_rows; /* of W_l */
    size_t offset, count;     /* in the parameter vector */
} pb_param_slice;

struct pb_workspace {
    const pb_network *network;
    pb_workspace_kind kind;
    size_t max_rows;
    size_t n_threads;
    pb_thread_tuner tuner; /* chooses how many of them are used */

    /* The loaded rows: block b has block_rows[b] of them, from place b * PB_BLOCK_ROWS on. Rows of
     * weight zero are left out. */
    size_t capacity; /* number of places, a multiple of PB_CHUNK_UNIT */
    size_t n_blocks;
    size_t *block_rows;
    size_t first;          /* the first of consecutive rows, if rows is NULL */
    const int64_t *rows;   /* by place: the row in the table; or NULL */
    const double *weights; /* by place, or NULL: all are 1 */
    int64_t *rows_space;
    size_t *positions; /* by place: the position in the batch */
    double *weights_space;
    pb_sample_chunk *chunks;
    size_t n_chunks;

    /* Matrices of layer l = 0 ... n_layers. z[l] is a[l] where z is not needed after the
     * activation. */
    size_t stride;
    void **z, **a;
    /* With dropout, of layer l = 0 ... n_layers - 1: the mask, and A_l times the mask, which layer
     * l + 1 reads. */
    void **dropout_mask, **dropped;
    void *y;
    void *delta[2]; /* Delta_l is in delta[l % 2], as wide as the widest layer */
    void *values;   /* losses by output and sample */
    double *row_losses;
    void *loss_rows[3]; /* y, a and dl/da in row-major order, for a custom loss */

    /* diag(s) Delta_l of the loaded rows, in panels (kernels/kernels.h). */
    void **panels;
    size_t panel_stride;

    pb_param_slice *slices; /* see pb_slice_parameters */
    size_t n_slices;
    void *gradient;      /* n_parameters */
    void **partial_sums; /* n_partial_sums of n_parameters each */
    size_t n_partial_sums;

    /* By thread: the gradient of a slice, or some rows of the product of a sparse X. */
    void *thread_scratch;
    size_t thread_scratch_stride;
};

/* Divides the parameters into slices, coarser ones for the features of a sparse X. */
void pb_slice_parameters(pb_workspace *workspace, int is_sparse);

/* All coefficients or all intercepts of layer `layer` (from 1) as one slice. */
pb_param_slice pb_whole_slice(const pb_network *network, size_t layer, int is_intercepts);

/* Work of the forward pass of one sample, in multiply-adds. */
double pb_work_of_a_sample(const pb_network *network);

/* Number of threads to use for an amount of work in multiply-adds. */
size_t pb_threads_for(const pb_workspace *workspace, double work);

#endif
