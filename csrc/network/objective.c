/* The objective and its gradient, reduced over blocks of rows:
 *
 *     (5)  F = (1/S) sum_n s_n l_n + P / S,   S = sum_n s_n,
 *          P = sum_l alpha_l (l1_ratio ||W_l||_1 + (1 - l1_ratio) / 2 ||W_l||^2)
 *
 * Inside a block of PB_BLOCK_ROWS rows sums run in row order. The sums of the blocks are added by a
 * binary tree over the index of the block, neighbours first. A binary counter of partial sums
 * implements the tree: after block 2^k i, the newest k pairs of sums have been added. So the bits
 * depend on the batch alone, and whole subtrees can be computed on other machines. */
#include "network/objective.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "network/layer.h"
#include "network/output.h"
#include "network/pass.h"

/* Enough for any number of blocks that a size_t can count. */
#define MAX_LEVELS (8 * sizeof(size_t))

/* The binary counter of the losses and weights. */
typedef struct loss_tree {
    double loss[MAX_LEVELS];   /* sums of s_n l_n */
    double weight[MAX_LEVELS]; /* sums of s_n     */
    size_t depth, n_blocks;
} loss_tree;

typedef struct reduction {
    pb_pass pass;
    double weight_scale;
    int raw_sums; /* return the sums as they are: the caller adds those of other machines */
    loss_tree losses;
    double penalty;               /* P */
    size_t first_block;           /* index of the first loaded block */
    int is_final;                 /* the loaded blocks are the last of the batch */
    pb_sums total;                /* sums of the batch, if is_final */
    void *gradient;               /* NULL: each slice is reduced in the scratch of its thread */
    const pb_gradient_sink *sink; /* or NULL */
} reduction;

static int wants_gradient(const reduction *r) { return r->gradient != NULL || r->sink != NULL; }

/* ---- Phase 1, chunks of samples: forward, losses, backward ----------------------------------- */

static pb_status compute_chunk(void *context, size_t task, size_t thread,
                               pb_stop_token *stop_token) {
    reduction *r = context;
    const pb_pass *pass = &r->pass;
    if (task == pass->workspace->n_chunks) { /* one task more, for the penalty */
        r->penalty = pb_penalty(pass->network, pass->parameters);
        return PB_OK;
    }
    const pb_sample_chunk chunk = pass->workspace->chunks[task];
    pb_status status = pb_forward(pass, chunk, thread, stop_token);
    if (status == PB_OK) {
        status = pb_output_losses(pass, chunk);
    }
    return status == PB_OK && wants_gradient(r) ? pb_backward(pass, chunk, stop_token) : status;
}

static void add_newest(loss_tree *tree) {
    tree->depth--;
    tree->loss[tree->depth - 1] += tree->loss[tree->depth];
    tree->weight[tree->depth - 1] += tree->weight[tree->depth];
}

static void add_block(const pb_workspace *w, size_t block, loss_tree *tree) {
    double loss = 0, weight = 0;
    const size_t first = block * PB_BLOCK_ROWS;
    for (size_t place = first; place < first + w->block_rows[block]; place++) {
        const double s = w->weights == NULL ? 1 : w->weights[place];
        loss += s * w->row_losses[place];
        weight += s;
    }
    tree->loss[tree->depth] = loss;
    tree->weight[tree->depth] = weight;
    tree->depth++;
    for (size_t n = ++tree->n_blocks; n % 2 == 0; n /= 2) {
        add_newest(tree);
    }
}

/* ---- Phase 2, slices of parameters: the gradient --------------------------------------------- */

/* Number of partial sums before block `index` is added: the number of bits set in it. */
static size_t depth_at(size_t index) {
    size_t depth = 0;
    for (; index > 0; index &= index - 1) {
        depth++;
    }
    return depth;
}

/* Where level `level` of the binary counter stores its sum for a slice. */
static void *partial_sum(const reduction *r, const pb_param_slice *slice, size_t level,
                         size_t thread) {
    const pb_network *network = r->pass.network;
    const pb_workspace *w = r->pass.workspace;
    if (level > 0) {
        return pb_offset(network, w->partial_sums[level - 1], slice->offset);
    }
    if (r->gradient != NULL) {
        return pb_offset(network, r->gradient, slice->offset);
    }
    if (slice->layer == 1 && r->pass.batch->X.indptr != NULL) {
        return pb_offset(network, w->gradient, slice->offset); /* larger than a thread's scratch */
    }
    return pb_offset(network, w->thread_scratch, thread * w->thread_scratch_stride);
}

static void add_levels(const reduction *r, const pb_param_slice *slice, size_t level,
                       size_t thread) {
    r->pass.network->kernels->add(slice->count, partial_sum(r, slice, level, thread),
                                  partial_sum(r, slice, level - 1, thread));
}

/* (6), (7)  g = (sum + alpha (l1_ratio sign(W) + (1 - l1_ratio) W)) / S, in place of the sum. */
static void finish_slice(const pb_network *network, const void *parameters, const pb_sums *sums,
                         double weight_scale, const pb_param_slice *slice, void *sum) {
    const pb_kernels *k = network->kernels;
    const double alpha =
        slice->is_intercepts ? 0 : network->alphas[slice->layer - 1] * weight_scale;
    if (alpha == 0) {
        k->finish_gradient(slice->count, NULL, 0, sums->weight, sum);
        return;
    }
    const void *coefs = pb_offset_const(network, parameters, slice->offset);
    if (network->l1_ratio > 0) {
        k->add_signs(slice->count, coefs, alpha * network->l1_ratio, sum);
    }
    k->finish_gradient(slice->count, coefs, alpha * (1 - network->l1_ratio), sums->weight, sum);
}

/* Adds the loaded blocks to the sums of a slice, and finishes its gradient after the last ones. */
static pb_status reduce_slice(void *context, size_t task, size_t thread,
                              pb_stop_token *stop_token) {
    const reduction *r = context;
    const pb_workspace *w = r->pass.workspace;
    const pb_param_slice *slice = &w->slices[task];
    size_t depth = depth_at(r->first_block);
    for (size_t b = 0; b < w->n_blocks; b++) {
        const pb_status status =
            pb_layer_gradient(&r->pass, slice, b, stop_token, partial_sum(r, slice, depth, thread));
        if (status != PB_OK) {
            return status;
        }
        depth++;
        for (size_t n = r->first_block + b + 1; n % 2 == 0; n /= 2) {
            add_levels(r, slice, --depth, thread);
        }
    }
    if (r->is_final) {
        while (depth > 1) {
            add_levels(r, slice, --depth, thread);
        }
        if (!r->raw_sums) {
            finish_slice(r->pass.network, r->pass.parameters, &r->total, r->weight_scale, slice,
                         partial_sum(r, slice, 0, thread));
        }
    }
    return PB_OK;
}

static pb_status reduce_and_emit(void *context, size_t task, size_t thread,
                                 pb_stop_token *stop_token) {
    const reduction *r = context;
    const pb_param_slice *slice = &r->pass.workspace->slices[task];
    const pb_status status = reduce_slice(context, task, thread, stop_token);
    if (status == PB_OK) {
        r->sink->on_slice(r->sink->context, slice, partial_sum(r, slice, 0, thread));
    }
    return status;
}

static pb_status emit_slice(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    (void)stop_token;
    const reduction *r = context;
    const pb_param_slice *slice = &r->pass.workspace->slices[task];
    r->sink->on_slice(r->sink->context, slice, partial_sum(r, slice, 0, thread));
    return PB_OK;
}

/* Work of the update of a parameter, in multiply-adds (benchmarks/tuned_constants.py
 * work_per_update). */
#ifndef PB_WORK_PER_UPDATE
#    define PB_WORK_PER_UPDATE 32.0
#endif

/* Emits each slice as soon as it is reduced if this takes so little time that no interruption is
 * needed; otherwise, and for a sink that reads the whole gradient, after the last slice. */
static pb_status reduce_slices(reduction *r, double work, pb_interrupt *interrupt) {
    const pb_network *network = r->pass.network;
    pb_workspace *w = r->pass.workspace;
    const pb_gradient_sink *sink = r->sink;
    const double work_with_updates =
        sink == NULL ? work : work + PB_WORK_PER_UPDATE * (double)network->n_parameters;
    const size_t n_threads = pb_threads_for(w, work_with_updates);
    if (sink == NULL || !r->is_final) {
        return pb_threads_run(n_threads, w->n_slices, reduce_slice, r, interrupt);
    }
    if (sink->on_gradient == NULL && work <= (double)network->kernels->work_per_check) {
        return pb_threads_run(n_threads, w->n_slices, reduce_and_emit, r, NULL);
    }
    r->gradient = w->gradient;
    const pb_status status = pb_threads_run(n_threads, w->n_slices, reduce_slice, r, interrupt);
    if (status != PB_OK) {
        return status;
    }
    if (sink->on_gradient != NULL) {
        sink->on_gradient(sink->context, r->gradient);
    }
    return sink->on_slice == NULL ? PB_OK
                                  : pb_threads_run(n_threads, w->n_slices, emit_slice, r, NULL);
}

/* ---- The whole batch ------------------------------------------------------------------------- */

static pb_status reduce_blocks(reduction *r, size_t first, size_t count, pb_interrupt *interrupt) {
    const pb_network *network = r->pass.network;
    pb_workspace *w = r->pass.workspace;
    loss_tree *losses = &r->losses;
    const double work = (double)count * pb_work_of_a_sample(network);
    const int wants_penalty = first == 0 && network->is_penalised && !r->raw_sums;
    pb_load_rows(&r->pass, first, count, r->weight_scale);
    pb_status status =
        pb_threads_run(pb_threads_for(w, wants_gradient(r) ? 2 * work : work),
                       w->n_chunks + (size_t)wants_penalty, compute_chunk, r, interrupt);
    if (status != PB_OK) {
        return status;
    }
    r->first_block = losses->n_blocks;
    for (size_t b = 0; b < w->n_blocks; b++) {
        add_block(w, b, losses);
    }
    r->is_final = first + count == r->pass.batch->n_rows;
    while (r->is_final && losses->depth > 1) {
        add_newest(losses);
    }
    r->total = (pb_sums){losses->loss[0], losses->weight[0]};
    if (r->is_final && !r->raw_sums && !(r->total.weight > 0)) {
        return PB_BAD_ARGUMENT;
    }
    return wants_gradient(r) ? reduce_slices(r, work, interrupt) : PB_OK;
}

static pb_status reduce_batch(reduction *r, pb_interrupt *interrupt) {
    const pb_pass *pass = &r->pass;
    const pb_network *network = pass->network;
    pb_workspace *w = pass->workspace;
    const size_t n_rows = pass->batch->n_rows;
    if (w->network != network || w->kind < PB_WORKSPACE_GRADIENT || n_rows < 1 ||
        n_rows > w->max_rows || (unsigned)pass->batch->y.kind > PB_TARGET_CLASS ||
        !(pass->batch->y.smoothing >= 0 && pass->batch->y.smoothing < 1)) {
        return PB_BAD_ARGUMENT;
    }
    pb_slice_parameters(pass->workspace, pass->batch->X.indptr != NULL);
    const size_t whole_blocks = w->capacity / PB_BLOCK_ROWS * PB_BLOCK_ROWS;
    const size_t step = whole_blocks > 0 ? whole_blocks : n_rows;
    const double started = w->n_threads > 1 ? pb_seconds() : 0;
    for (size_t first = 0; first < n_rows; first += step) {
        const size_t left = n_rows - first;
        const pb_status status = reduce_blocks(r, first, left < step ? left : step, interrupt);
        if (status != PB_OK) {
            return status;
        }
    }
    if (w->n_threads > 1) {
        pb_thread_tuner_report(&w->tuner, n_rows, pb_seconds() - started);
    }
    return PB_OK;
}

static pb_value value_of(const pb_network *network, const pb_sums *sums, double penalty,
                         double weight_scale) {
    pb_value value = {sums->loss / sums->weight, 0};
    if (network->is_penalised) {
        value.penalty = penalty * weight_scale / sums->weight;
        value.objective += value.penalty;
    }
    return value;
}

pb_status pb_batch_objective(const pb_pass *pass, pb_interrupt *interrupt, pb_value *value,
                             void *gradient, const pb_gradient_sink *sink) {
    reduction r = {
        .pass = *pass,
        .weight_scale = pb_weight_scale(pb_largest_weight(pass->batch)),
        /* A sink takes the slices of a single block from the scratch of the threads. */
        .gradient = sink != NULL && pass->batch->n_rows > PB_BLOCK_ROWS ? pass->workspace->gradient
                                                                        : gradient,
        .sink = sink,
    };
    const pb_status status = reduce_batch(&r, interrupt);
    if (status == PB_OK) {
        *value = value_of(pass->network, &r.total, r.penalty, r.weight_scale);
    }
    return status;
}

pb_status pb_objective(const pb_network *network, const void *parameters, const pb_batch *batch,
                       pb_workspace *w, pb_interrupt *interrupt, double *objective, void *gradient,
                       const pb_trace *trace) {
    const pb_pass pass = {network, parameters, batch, w, trace, NULL};
    pb_scope scope;
    pb_scope_enter(&scope);
    pb_value value = {0, 0};
    const pb_status status = pb_batch_objective(&pass, interrupt, &value, gradient, NULL);
    pb_scope_leave(&scope);
    *objective = value.objective;
    return status;
}

/* ---- Distributed ----------------------------------------------------------------------------- */

pb_status pb_block_sums(const pb_network *network, const void *parameters, const pb_batch *node,
                        double weight_scale, const pb_masks *masks, pb_workspace *w,
                        pb_interrupt *interrupt, pb_sums *sums, void *gradient) {
    if (masks != NULL && w->kind < PB_WORKSPACE_DROPOUT) {
        return PB_BAD_ARGUMENT;
    }
    pb_batch masked = *node;
    void *values = NULL;
    pb_scope scope;
    pb_scope_enter(&scope);
    pb_status status = pb_sparse_dropout(network, masks, node, &values);
    if (status == PB_OK) {
        masked.X.values = values == NULL ? node->X.values : values;
        reduction r = {
            .pass = {network, parameters, &masked, w, NULL, masks},
            .weight_scale = weight_scale,
            .raw_sums = 1,
            .gradient = gradient,
        };
        status = reduce_batch(&r, interrupt);
        *sums = r.total;
    }
    pb_scope_leave(&scope);
    pb_aligned_free(values);
    return status;
}

pb_status pb_finish_sums(const pb_network *network, const void *parameters, const pb_sums *sums,
                         double weight_scale, double *objective, double *penalty, void *gradient) {
    if (!(sums->weight > 0)) {
        return PB_BAD_ARGUMENT;
    }
    pb_scope scope;
    pb_scope_enter(&scope);
    const double P = network->is_penalised ? pb_penalty(network, parameters) : 0;
    const pb_value value = value_of(network, sums, P, weight_scale);
    for (size_t layer = 1; gradient != NULL && layer <= network->n_layers; layer++) {
        for (int is_intercepts = 0; is_intercepts <= 1; is_intercepts++) {
            const pb_param_slice slice = pb_whole_slice(network, layer, is_intercepts);
            finish_slice(network, parameters, sums, weight_scale, &slice,
                         pb_offset(network, gradient, slice.offset));
        }
    }
    pb_scope_leave(&scope);
    *objective = value.objective;
    *penalty = value.penalty;
    return PB_OK;
}
