/* Scratch: everything that a block of rows needs on its way forward and back, in one allocation.
 *
 * A batch is computed in blocks of up to BLOCK rows, whatever its size, so scratch does not grow
 * with it: only the partial sums of the gradient do, with the logarithm of the number of blocks. */
#ifndef PB_WORKSPACE_H
#define PB_WORKSPACE_H

#include "network/network.h"

/* Rows that are summed as one chain: part of the definition of every gradient's bits. */
#define PB_BLOCK_ROWS ((size_t)256)

struct pb_workspace {
    const pb_network *network;
    pb_purpose purpose;
    size_t max_rows;
    size_t n_threads;
    void *scratch; /* of the matrix products */

    /* The rows in hand: n_rows of them, those of weight zero left out. */
    size_t n_rows;
    size_t first;          /* the first of consecutive rows, if rows is NULL */
    const int64_t *rows;   /* their places in the table, or NULL */
    const double *weights; /* n_rows of them, or NULL: all are 1 */
    int64_t *rows_space;
    size_t *positions; /* their places in the batch */
    double *weights_space;

    /* Layer l = 0 ... n_layers; z[l] is a[l] where nobody needs z after the activation. */
    void **z, **a;
    void *gathered;                    /* a[0], unless the table can be read in place */
    ptrdiff_t input_row, input_column; /* strides of a[0] */
    void *y;                           /* (rows, n_outputs) */
    void *delta, *delta_before;        /* (rows, widest) each; swapped layer by layer */
    void *weighted;                    /* (rows, widest): delta times the rows' weights */
    void *values;                      /* (rows, n_outputs): losses of each output */
    double *row_losses;                /* (rows,) */

    void *gradient;      /* of a training step: n_parameters */
    void **partial_sums; /* n_partial_sums of n_parameters each */
    size_t n_partial_sums;
};

#endif
