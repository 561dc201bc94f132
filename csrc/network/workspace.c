/* Laying out scratch. The same walk is done twice: to count bytes, then to hand them out. */
#include "network/workspace.h"

#include <string.h>

#include "base/memory.h"

typedef struct arena {
    char *base; /* NULL while counting */
    size_t used;
    pb_status status;
} arena;

/* `count` items of `size` bytes from the arena, on a cache line of their own. */
static void *take(arena *from, size_t count, size_t size) {
    size_t bytes = 0, end = 0;
    if (from->status == PB_OK) {
        from->status = pb_checked_mul(count, size, &bytes);
    }
    if (from->status == PB_OK) {
        from->status = pb_checked_add(bytes, PB_ALIGNMENT - 1, &bytes);
    }
    bytes -= bytes % PB_ALIGNMENT;
    if (from->status == PB_OK) {
        from->status = pb_checked_add(from->used, bytes, &end);
    }
    if (from->status != PB_OK) {
        return NULL;
    }
    void *taken = from->base == NULL ? NULL : from->base + from->used;
    from->used = end;
    return taken;
}

/* (rows, columns) reals. */
static void *take_reals(arena *from, const pb_network *network, size_t rows, size_t columns) {
    size_t count = 0;
    if (from->status == PB_OK) {
        from->status = pb_checked_mul(rows, columns, &count);
    }
    return take(from, count, network->kernels->item_size);
}

/* Partial sums that wait in a binary counter while blocks are added: one a level, and the lowest
 * is the result itself. */
static size_t levels_above_result(size_t max_rows) {
    size_t levels = 0;
    for (size_t blocks = (max_rows - 1) / PB_BLOCK_ROWS + 1; blocks > 1; blocks /= 2) {
        levels++;
    }
    return levels;
}

static void lay_out(arena *from, const pb_network *network, pb_workspace *w) {
    const size_t n_layers = network->n_layers;
    const size_t rows = w->max_rows < PB_BLOCK_ROWS ? w->max_rows : PB_BLOCK_ROWS;
    const size_t n_outputs = network->layer_sizes[n_layers];

    w->scratch = take_reals(from, network, network->kernels->product_scratch, 1);
    w->rows_space = take(from, rows, sizeof(int64_t));
    w->positions = take(from, rows, sizeof(size_t));
    w->weights_space = take(from, rows, sizeof(double));
    w->z = take(from, n_layers + 1, sizeof(void *));
    w->a = take(from, n_layers + 1, sizeof(void *));
    w->gathered = take_reals(from, network, rows, network->layer_sizes[0]);
    for (size_t l = 1; l <= n_layers; l++) {
        void *a = take_reals(from, network, rows, network->layer_sizes[l]);
        /* Losses are computed in the output's z; a slope may be written in z. */
        const int keeps_z =
            l == n_layers || pb_activation_needs_z(pb_activation_of_layer(network, l));
        void *z = keeps_z ? take_reals(from, network, rows, network->layer_sizes[l]) : a;
        if (from->base != NULL) {
            w->a[l] = a;
            w->z[l] = z;
        }
    }
    if (w->purpose >= PB_FOR_OBJECTIVE) {
        w->y = take_reals(from, network, rows, n_outputs);
        w->values = take_reals(from, network, rows, n_outputs);
        w->row_losses = take(from, rows, sizeof(double));
        w->delta = take_reals(from, network, rows, network->widest);
        w->delta_before = take_reals(from, network, rows, network->widest);
        w->weighted = take_reals(from, network, rows, network->widest);
        w->n_partial_sums = levels_above_result(w->max_rows);
        w->partial_sums = take(from, w->n_partial_sums, sizeof(void *));
        for (size_t i = 0; i < w->n_partial_sums; i++) {
            void *sum = take_reals(from, network, network->n_parameters, 1);
            if (from->base != NULL) {
                w->partial_sums[i] = sum;
            }
        }
    }
    if (w->purpose >= PB_FOR_TRAINING) {
        w->gradient = take_reals(from, network, network->n_parameters, 1);
    }
}

pb_status pb_workspace_new(const pb_network *network, size_t max_rows, pb_purpose purpose,
                           size_t n_threads, pb_workspace **result) {
    if (max_rows < 1 || n_threads < 1 || n_threads > PB_MAX_THREADS) {
        return PB_BAD_ARGUMENT;
    }
    pb_workspace plan;
    memset(&plan, 0, sizeof plan);
    plan.network = network;
    plan.purpose = purpose;
    plan.max_rows = max_rows;
    plan.n_threads = n_threads;

    arena counted = {NULL, 0, PB_OK};
    (void)take(&counted, 1, sizeof plan);
    lay_out(&counted, network, &plan);
    void *block = NULL;
    if (counted.status == PB_OK) {
        counted.status = pb_aligned_new(counted.used, 1, &block);
    }
    if (counted.status != PB_OK) {
        return counted.status;
    }
    arena handed_out = {block, 0, PB_OK};
    pb_workspace *workspace = take(&handed_out, 1, sizeof plan);
    *workspace = plan;
    lay_out(&handed_out, network, workspace);
    *result = workspace;
    return PB_OK;
}

void pb_workspace_free(pb_workspace *workspace) { pb_aligned_free(workspace); }
