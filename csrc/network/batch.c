/* Loads rows of a batch into the workspace, and splits them into chunks of samples. */
#include "network/batch.h"

#include <math.h>

double pb_largest_weight(const pb_batch *batch) {
    double largest = 0;
    for (size_t i = 0; batch->weights != NULL && i < batch->n_rows; i++) {
        const double weight = batch->weights[batch->order == NULL ? (int64_t)i : batch->order[i]];
        largest = weight > largest ? weight : largest;
    }
    return largest;
}

/* A power of two that brings a very large or very small largest weight near 1, so that products of
 * deltas and weights, and S, stay within the range of the data type. alpha is scaled by the same
 * factor, so that neither the objective nor the gradient changes. */
double pb_weight_scale(double largest) {
    if (largest == 0 || (largest > 0x1p-32 && largest < 0x1p32)) {
        return 1;
    }
    int exponent;
    frexp(largest, &exponent);
    return ldexp(1, exponent < -1000 ? 1000 : -exponent);
}

/* Splits the rows of block b into chunks of equal size, up to whole vectors: at least one per
 * thread, and so narrow that the activations of a chunk stay in the cache. */
static void split_into_chunks(pb_workspace *w, size_t b) {
    const size_t units = (w->block_rows[b] + PB_CHUNK_UNIT - 1) / PB_CHUNK_UNIT;
    size_t n = (units + PB_MAX_CHUNK_UNITS - 1) / PB_MAX_CHUNK_UNITS;
    if (w->n_blocks == 1) {
        n = (n + w->n_threads - 1) / w->n_threads * w->n_threads;
    }
    size_t first = 0;
    for (size_t i = 0; i < n && units > 0; i++) {
        const size_t end = units * (i + 1) / n * PB_CHUNK_UNIT;
        const size_t last = end < w->block_rows[b] ? end : w->block_rows[b];
        if (last > first) {
            w->chunks[w->n_chunks++] = (pb_sample_chunk){b * PB_BLOCK_ROWS + first, last - first};
        }
        first = last;
    }
}

void pb_load_rows(const pb_pass *pass, size_t first, size_t count, double weight_scale) {
    const pb_batch *batch = pass->batch;
    pb_workspace *w = pass->workspace;
    w->n_blocks = (count + PB_BLOCK_ROWS - 1) / PB_BLOCK_ROWS;
    w->n_chunks = 0;
    for (size_t b = 0; b < w->n_blocks; b++) {
        const size_t end = count < (b + 1) * PB_BLOCK_ROWS ? count : (b + 1) * PB_BLOCK_ROWS;
        size_t place = b * PB_BLOCK_ROWS;
        for (size_t position = first + place; position < first + end; position++) {
            const int64_t row = batch->order == NULL ? (int64_t)position : batch->order[position];
            const double weight = batch->weights == NULL ? 1 : batch->weights[row];
            if (weight != 0) {
                w->rows_space[place] = row;
                w->positions[place] = position;
                w->weights_space[place] = weight * weight_scale;
                place++;
            }
        }
        w->block_rows[b] = place - b * PB_BLOCK_ROWS;
        split_into_chunks(w, b);
    }
    w->first = first;
    w->rows = batch->order == NULL && batch->weights == NULL ? NULL : w->rows_space;
    w->weights = batch->weights == NULL ? NULL : w->weights_space;
}

const int64_t *pb_chunk_rows(const pb_workspace *w, pb_sample_chunk chunk) {
    return w->rows == NULL ? NULL : w->rows + chunk.first;
}

pb_matrix pb_chunk_matrix(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
    const size_t lanes = pass->network->kernels->lanes;
    const pb_matrix matrix = {
        .n_units = pass->network->layer_sizes[l],
        .n_samples = (chunk.n_samples + lanes - 1) / lanes * lanes,
        .unit_stride = pass->workspace->stride,
        .sample_stride = 1,
    };
    return matrix;
}
