/* Lays out the workspace in one allocation. The layout functions run twice: first to count bytes,
 * then to assign addresses. */
#include "network/workspace.h"

#include <string.h>

#include "base/memory.h"

typedef struct arena {
    char *base; /* NULL while counting */
    size_t used;
    pb_status status;
} arena;

/* Takes `count` items of `size` bytes from the arena, aligned to a cache line. */
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

/* Takes a (rows, columns) array of the network's data type. */
static void *take_reals(arena *from, const pb_network *network, size_t rows, size_t columns) {
    size_t count = 0;
    if (from->status == PB_OK) {
        from->status = pb_checked_mul(rows, columns, &count);
    }
    return take(from, count, network->kernels->item_size);
}

/* Number of partial sums of the binary counter that adds blocks, without the lowest one, which is
 * the result. */
static size_t levels_above_result(size_t max_rows) {
    size_t levels = 0;
    for (size_t blocks = (max_rows - 1) / PB_BLOCK_ROWS + 1; blocks > 1; blocks /= 2) {
        levels++;
    }
    return levels;
}

/* ---- Number of rows loaded at once ----------------------------------------------------------- */

/* Bytes of matrices that fit in the level-2 cache of a core. */
#define CACHED_BYTES ((size_t)1 << 19)
#define MAX_BLOCKS   ((size_t)16)

/* Loads several blocks at once if layers are narrow, so that threads synchronize less often. */
static size_t capacity_of(const pb_network *network, size_t max_rows) {
    if (max_rows <= PB_BLOCK_ROWS) {
        return (max_rows + PB_CHUNK_UNIT - 1) / PB_CHUNK_UNIT * PB_CHUNK_UNIT;
    }
    /* Saturates for huge layers, which take one block at a time. */
    size_t units = 0;
    for (size_t l = 0; l <= network->n_layers; l++) {
        const size_t size = network->layer_sizes[l];
        units = size > CACHED_BYTES - units ? CACHED_BYTES : units + size;
    }
    const size_t per_block = 2 * units * PB_BLOCK_ROWS * network->kernels->item_size;
    size_t n_blocks = CACHED_BYTES / per_block;
    n_blocks = n_blocks < 1 ? 1 : n_blocks > MAX_BLOCKS ? MAX_BLOCKS : n_blocks;
    const size_t n_needed = (max_rows - 1) / PB_BLOCK_ROWS + 1;
    return (n_blocks < n_needed ? n_blocks : n_needed) * PB_BLOCK_ROWS;
}

/* Number of samples between units: an odd number of cache lines, so that one sample of all units is
 * spread over the sets of the cache. */
static size_t stride_of(const pb_network *network, size_t n) {
    const size_t in_a_line = PB_ALIGNMENT / network->kernels->item_size;
    const size_t lines = (n + in_a_line - 1) / in_a_line;
    return (lines | 1) * in_a_line;
}

/* ---- Slices of parameters -------------------------------------------------------------------- */

/* A slice has whole tiles of a product and a minimum size, so that scheduling it costs little
 * beside its gradient. A layer has a maximum number of slices. */
#define SLICE_TILE           ((size_t)8)
#define MIN_SLICE_SIZE       ((size_t)512)
#define MAX_SLICES_PER_LAYER ((size_t)256)
/* Each slice binary-searches its first column in every CSR row, so slices of sparse features are
 * few.
 */
#define MAX_SPARSE_SLICES ((size_t)16)

static size_t rows_per_slice(const pb_network *network, size_t l, int is_sparse) {
    const size_t fan_in = network->layer_sizes[l - 1], fan_out = network->layer_sizes[l];
    const size_t least = (MIN_SLICE_SIZE - 1) / fan_out + 1;
    const size_t most = l == 1 && is_sparse ? MAX_SPARSE_SLICES : MAX_SLICES_PER_LAYER;
    const size_t few = (fan_in - 1) / most + 1;
    const size_t rows = ((least > few ? least : few) - 1) / SLICE_TILE * SLICE_TILE + SLICE_TILE;
    return rows < fan_in ? rows : fan_in;
}

/* Maximum number of slices: sparse X has fewer. */
static size_t count_slices(const pb_network *network) {
    size_t count = 0;
    for (size_t l = 1; l <= network->n_layers; l++) {
        count += (network->layer_sizes[l - 1] - 1) / rows_per_slice(network, l, 0) + 2;
    }
    return count;
}

/* Number of parameters of the largest slice. It cannot overflow, since n_parameters does not. */
static size_t largest_slice(const pb_network *network) {
    size_t largest = network->widest;
    for (size_t l = 1; l <= network->n_layers; l++) {
        const size_t count = rows_per_slice(network, l, 0) * network->layer_sizes[l];
        largest = count > largest ? count : largest;
    }
    return largest;
}

void pb_slice_parameters(pb_workspace *w, int is_sparse) {
    const pb_network *network = w->network;
    pb_param_slice *slices = w->slices;
    size_t n = 0;
    for (size_t l = 1; l <= network->n_layers; l++) {
        const size_t fan_in = network->layer_sizes[l - 1], fan_out = network->layer_sizes[l];
        const size_t most = rows_per_slice(network, l, is_sparse);
        for (size_t row = 0; row < fan_in; row += most) {
            const size_t rows = fan_in - row < most ? fan_in - row : most;
            slices[n++] = (pb_param_slice){.layer = l,
                                           .first_row = row,
                                           .n_rows = rows,
                                           .offset = network->coefs[l - 1] + row * fan_out,
                                           .count = rows * fan_out};
        }
    }
    for (size_t l = 1; l <= network->n_layers; l++) {
        slices[n++] = (pb_param_slice){.layer = l,
                                       .is_intercepts = 1,
                                       .offset = network->intercepts[l - 1],
                                       .count = network->layer_sizes[l]};
    }
    w->n_slices = n;
}

pb_param_slice pb_whole_slice(const pb_network *network, size_t layer, int is_intercepts) {
    const size_t fan_in = network->layer_sizes[layer - 1], fan_out = network->layer_sizes[layer];
    const pb_param_slice slice = {
        .layer = layer,
        .is_intercepts = is_intercepts,
        .n_rows = is_intercepts ? 0 : fan_in,
        .offset = is_intercepts ? network->intercepts[layer - 1] : network->coefs[layer - 1],
        .count = is_intercepts ? fan_out : fan_in * fan_out,
    };
    return slice;
}

/* ---- Number of threads ----------------------------------------------------------------------- */

/* Work of the activation and the other elementwise operations, in multiply-adds per unit
 * (benchmarks/tuned_constants.py work_per_unit). */
#ifndef PB_WORK_PER_UNIT
#    define PB_WORK_PER_UNIT 16.0
#endif

double pb_work_of_a_sample(const pb_network *network) {
    double units = 0;
    for (size_t l = 0; l <= network->n_layers; l++) {
        units += (double)network->layer_sizes[l];
    }
    return (double)network->n_coefs + PB_WORK_PER_UNIT * units;
}

/* Returns the number of threads for an amount of work: one per grain, at most what the tuner
 * allows. The grain, in multiply-adds, is a few microseconds in training, where batches follow one
 * another, threads are awake and the tuner corrects the number; it is larger where threads have to
 * wake up. */
size_t pb_threads_for(const pb_workspace *w, double work) {
    static const double of_float64[] = {[PB_WORKSPACE_PREDICTION] = 1 << 21,
                                        [PB_WORKSPACE_GRADIENT] = 1 << 19,
                                        [PB_WORKSPACE_TRAINING] = 1 << 16,
                                        [PB_WORKSPACE_DROPOUT] = 1 << 16};
    const double grain = of_float64[w->kind] * (w->network->dtype == PB_FLOAT32 ? 2 : 1);
    const double n = work / grain;
    return n >= (double)w->tuner.n_current ? w->tuner.n_current : n > 1 ? (size_t)n : 1;
}

/* ---- Layout ---------------------------------------------------------------------------------- */

static void lay_out_matrices(arena *from, const pb_network *network, pb_workspace *w) {
    const size_t n_layers = network->n_layers;
    w->z = take(from, n_layers + 1, sizeof(void *));
    w->a = take(from, n_layers + 1, sizeof(void *));
    for (size_t l = 0; l <= n_layers; l++) {
        void *a = take_reals(from, network, network->layer_sizes[l], w->stride);
        /* The losses read z of the output, and some derivatives read z of their layer. */
        const int keeps_z =
            l == n_layers || (l > 0 && pb_activation_needs_z(pb_activation_of_layer(network, l)));
        void *z = keeps_z ? take_reals(from, network, network->layer_sizes[l], w->stride) : a;
        if (from->base != NULL) {
            w->a[l] = a;
            w->z[l] = z;
        }
    }
}

static void lay_out_backward(arena *from, const pb_network *network, pb_workspace *w) {
    const size_t n_outputs = network->layer_sizes[network->n_layers];
    const size_t columns = network->kernels->panel_columns;
    w->y = take_reals(from, network, n_outputs, w->stride);
    w->values = take_reals(from, network, n_outputs, w->stride);
    w->row_losses = take(from, w->capacity, sizeof(double));
    for (size_t i = 0; network->loss_function != NULL && i < 3; i++) {
        w->loss_rows[i] = take_reals(from, network, n_outputs, w->capacity);
    }
    w->delta[0] = take_reals(from, network, network->widest, w->stride);
    w->delta[1] = take_reals(from, network, network->widest, w->stride);
    w->panel_stride = w->capacity * columns;
    w->panels = take(from, network->n_layers + 1, sizeof(void *));
    for (size_t l = 1; l <= network->n_layers; l++) {
        const size_t n_panels = (network->layer_sizes[l] - 1) / columns + 1;
        void *panels = take_reals(from, network, n_panels, w->panel_stride);
        if (from->base != NULL) {
            w->panels[l] = panels;
        }
    }
    w->slices = take(from, count_slices(network), sizeof(pb_param_slice));
    w->n_partial_sums = levels_above_result(w->max_rows);
    w->partial_sums = take(from, w->n_partial_sums, sizeof(void *));
    for (size_t i = 0; i < w->n_partial_sums; i++) {
        void *sum = take_reals(from, network, network->n_parameters, 1);
        if (from->base != NULL) {
            w->partial_sums[i] = sum;
        }
    }
}

static void lay_out_dropout(arena *from, const pb_network *network, pb_workspace *w) {
    w->dropout_mask = take(from, network->n_layers, sizeof(void *));
    w->dropped = take(from, network->n_layers, sizeof(void *));
    for (size_t l = 0; l < network->n_layers; l++) {
        void *dropout_mask = take_reals(from, network, network->layer_sizes[l], w->stride);
        void *dropped = take_reals(from, network, network->layer_sizes[l], w->stride);
        if (from->base != NULL) {
            w->dropout_mask[l] = dropout_mask;
            w->dropped[l] = dropped;
        }
    }
}

static void lay_out(arena *from, const pb_network *network, pb_workspace *w) {
    w->block_rows = take(from, w->capacity / PB_BLOCK_ROWS + 1, sizeof(size_t));
    w->rows_space = take(from, w->capacity, sizeof(int64_t));
    w->positions = take(from, w->capacity, sizeof(size_t));
    w->weights_space = take(from, w->capacity, sizeof(double));
    w->chunks = take(from, w->capacity / PB_CHUNK_UNIT, sizeof(pb_sample_chunk));
    lay_out_matrices(from, network, w);
    if (w->kind >= PB_WORKSPACE_GRADIENT) {
        lay_out_backward(from, network, w);
    }
    if (w->kind >= PB_WORKSPACE_TRAINING) {
        w->gradient = take_reals(from, network, network->n_parameters, 1);
    }
    if (w->kind >= PB_WORKSPACE_DROPOUT) {
        lay_out_dropout(from, network, w);
    }
    w->thread_scratch = take_reals(from, network, w->n_threads, w->thread_scratch_stride);
}

pb_status pb_workspace_new(const pb_network *network, size_t max_rows, pb_workspace_kind kind,
                           size_t n_threads, pb_workspace **result) {
    if (max_rows < 1 || n_threads < 1 || n_threads > PB_MAX_THREADS ||
        (unsigned)kind > PB_WORKSPACE_DROPOUT) {
        return PB_BAD_ARGUMENT;
    }
    pb_workspace plan;
    memset(&plan, 0, sizeof plan);
    plan.network = network;
    plan.kind = kind;
    plan.max_rows = max_rows;
    plan.n_threads =
        kind >= PB_WORKSPACE_GRADIENT && network->loss_function != NULL ? 1 : n_threads;
    pb_thread_tuner_init(&plan.tuner, plan.n_threads);
    plan.capacity = capacity_of(network, max_rows);
    plan.stride = stride_of(network, plan.capacity);
    size_t per_thread = PB_CHUNK_UNIT * network->layer_sizes[1];
    if (kind >= PB_WORKSPACE_GRADIENT && largest_slice(network) > per_thread) {
        per_thread = largest_slice(network);
    }
    plan.thread_scratch_stride = stride_of(network, per_thread);

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
