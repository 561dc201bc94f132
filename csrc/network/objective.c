/* The objective and its gradient, summed over blocks of rows:
 *
 *     F = (1/S) sum_n s_n l_n + (alpha / 2S) sum_l ||W_l||^2
 *
 * Sums run in row order inside a block of PB_BLOCK_ROWS rows; the blocks' sums are added by a
 * binary tree over the block's index, neighbours first. A binary counter of partial sums is that
 * tree: after block 2^k i, the newest k pairs of sums have been added up. So the bits depend on
 * the batch alone, and whole subtrees could be computed elsewhere. */
#include "network/propagation.h"

/* A partial sum over some blocks. */
typedef struct partial {
    double loss;   /* sum of s_n l_n */
    double weight; /* sum of s_n     */
    void *gradient;
} partial;

/* Enough for any number of blocks that a size_t can count. */
#define MAX_LEVELS (8 * sizeof(size_t))

static void add_newest(const pb_network *network, partial *sums, size_t *depth) {
    partial *older = &sums[*depth - 2];
    const partial *newer = &sums[*depth - 1];
    older->loss += newer->loss;
    older->weight += newer->weight;
    if (older->gradient != NULL) {
        network->kernels->add(network->n_parameters, newer->gradient, older->gradient);
    }
    --*depth;
}

static pb_status block_sum(const pb_network *network, const void *parameters, const pb_batch *batch,
                           size_t first, size_t count, pb_workspace *w, pb_pace *pace,
                           const pb_trace *trace, partial *sum) {
    pb_take_rows(network, batch, first, count, w);
    pb_status status = pb_forward(network, parameters, &batch->X, w, pace, trace);
    if (status != PB_OK) {
        return status;
    }
    pb_row_losses(network, &batch->y, w);
    sum->loss = 0;
    sum->weight = 0;
    for (size_t r = 0; r < w->n_rows; r++) {
        const double weight = w->weights == NULL ? 1 : w->weights[r];
        sum->loss += weight * w->row_losses[r];
        sum->weight += weight;
    }
    if (sum->gradient != NULL) {
        status = pb_backward(network, parameters, &batch->X, w, pace, trace, sum->gradient);
    }
    return status;
}

pb_status pb_objective(const pb_network *network, const void *parameters, const pb_batch *batch,
                       pb_workspace *w, pb_pace *pace, double *objective, void *gradient,
                       const pb_trace *trace) {
    if (w->network != network || w->purpose < PB_FOR_OBJECTIVE || batch->n_rows < 1 ||
        batch->n_rows > w->max_rows) {
        return PB_BAD_ARGUMENT;
    }
    partial sums[MAX_LEVELS];
    size_t depth = 0, n_blocks = 0;
    for (size_t first = 0; first < batch->n_rows; first += PB_BLOCK_ROWS) {
        const size_t left = batch->n_rows - first;
        partial *sum = &sums[depth];
        sum->gradient = gradient == NULL ? NULL
                        : depth == 0     ? gradient
                                         : w->partial_sums[depth - 1];
        const pb_status status =
            block_sum(network, parameters, batch, first,
                      left < PB_BLOCK_ROWS ? left : PB_BLOCK_ROWS, w, pace, trace, sum);
        if (status != PB_OK) {
            return status;
        }
        depth++;
        for (size_t n = ++n_blocks; n % 2 == 0; n /= 2) {
            add_newest(network, sums, &depth);
        }
    }
    while (depth > 1) {
        add_newest(network, sums, &depth);
    }

    const double total_weight = sums[0].weight;
    if (!(total_weight > 0)) {
        return PB_BAD_ARGUMENT;
    }
    const pb_kernels *k = network->kernels;
    *objective = sums[0].loss / total_weight;
    if (network->alpha > 0) {
        *objective +=
            0.5 * network->alpha * k->sum_of_squares(network->n_coefs, parameters) / total_weight;
    }
    if (gradient != NULL) {
        k->finish_gradient(network->n_coefs, network->alpha > 0 ? parameters : NULL, network->alpha,
                           total_weight, gradient);
        k->finish_gradient(network->n_parameters - network->n_coefs, NULL, 0, total_weight,
                           pb_at(network, gradient, network->n_coefs));
    }
    return PB_OK;
}
