/* The objective and its gradient, summed over blocks of rows:
 *
 *     F = (1/S) sum_n s_n l_n + P / S,
 *     P = sum_l alpha_l (l1_ratio ||W_l||_1 + (1 - l1_ratio) / 2 ||W_l||^2)
 *
 * Sums run in row order inside a block of PB_BLOCK_ROWS rows; the blocks' sums are added by a
 * binary tree over the block's index, neighbours first. A binary counter of partial sums is that
 * tree: after block 2^k i, the newest k pairs of sums have been added up. So the bits depend on
 * the batch alone, and whole subtrees could be computed elsewhere. */
#include <math.h>

#include "base/memory.h"
#include "base/interrupt.h"
#include "network/propagation.h"

/* Enough for any number of blocks that a size_t can count. */
#define MAX_LEVELS (8 * sizeof(size_t))

/* A binary counter of partial sums of the rows' losses and weights. */
typedef struct counter {
    double loss[MAX_LEVELS];   /* sums of s_n l_n */
    double weight[MAX_LEVELS]; /* sums of s_n     */
    size_t depth, n_blocks;
} counter;

static void add_newest(counter *c) {
    c->depth--;
    c->loss[c->depth - 1] += c->loss[c->depth];
    c->weight[c->depth - 1] += c->weight[c->depth];
}

/* How many partial sums there are before block `index` joins: one for each bit that is set. */
static size_t depth_at(size_t index) {
    size_t depth = 0;
    for (; index > 0; index &= index - 1) {
        depth++;
    }
    return depth;
}

typedef struct summation {
    pb_pass pass;
    int wants_gradient;
    int wants_sums; /* and nothing that follows from the sums of other machines */
    int wants_penalty;
    double penalty;     /* P */
    size_t first_block; /* index of block 0 of those in hand */
    int is_last;        /* the blocks in hand are the batch's last */
    double weight_scale;
    pb_sums all;                  /* of the batch, once its last blocks are in hand */
    void *gradient;               /* NULL: only a slice at a time is dropout_mask */
    const pb_gradient_sink *sink; /* or NULL */
} summation;

/* ---- Stripes of samples: forward, losses, back ------------------------------------------------
 */

static pb_status sum_stripe(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    summation *s = context;
    const pb_pass *pass = &s->pass;
    if (task == pass->workspace->n_chunks) {
        s->penalty = pb_penalty(pass->network, pass->parameters);
        return PB_OK;
    }
    const pb_sample_chunk chunk = pass->workspace->chunks[task];
    pb_status status = pb_forward(pass, chunk, thread, stop_token);
    if (status == PB_OK) {
        status = pb_output_losses(pass, chunk);
    }
    return status == PB_OK && s->wants_gradient ? pb_backward(pass, chunk, stop_token) : status;
}

static void add_block(const pb_workspace *w, size_t block, counter *sums) {
    double loss = 0, weight = 0;
    const size_t first = block * PB_BLOCK_ROWS;
    for (size_t place = first; place < first + w->block_rows[block]; place++) {
        const double s = w->weights == NULL ? 1 : w->weights[place];
        loss += s * w->row_losses[place];
        weight += s;
    }
    sums->loss[sums->depth] = loss;
    sums->weight[sums->depth] = weight;
    sums->depth++;
    for (size_t n = ++sums->n_blocks; n % 2 == 0; n /= 2) {
        add_newest(sums);
    }
}

/* ---- Ranges of parameters: the gradient --------------------------------------------------------
 */

/* The slice's task of level `level` of the binary counter. */
static void *partial_sum(const summation *s, const pb_param_slice *slice, size_t level,
                         size_t thread) {
    const pb_workspace *w = s->pass.workspace;
    if (level > 0) {
        return pb_offset(s->pass.network, w->partial_sums[level - 1], slice->offset);
    }
    if (s->gradient != NULL) {
        return pb_offset(s->pass.network, s->gradient, slice->offset);
    }
    if (slice->layer == 1 && s->pass.batch->X.indptr != NULL) {
        return pb_offset(s->pass.network, w->gradient,
                         slice->offset); /* too large for a thread's own */
    }
    return pb_offset(s->pass.network, w->thread_scratch, thread * w->thread_scratch_stride);
}

static void add_levels(const summation *s, const pb_param_slice *slice, size_t level,
                       size_t thread) {
    s->pass.network->kernels->add(slice->count, partial_sum(s, slice, level, thread),
                                  partial_sum(s, slice, level - 1, thread));
}

void pb_finish_slice(const pb_network *network, const void *parameters, const pb_sums *sums,
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

static pb_status sum_range(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    const summation *s = context;
    const pb_workspace *w = s->pass.workspace;
    const pb_param_slice *slice = &w->slices[task];
    size_t depth = depth_at(s->first_block);
    for (size_t b = 0; b < w->n_blocks; b++) {
        const pb_status status =
            pb_slice_gradient(&s->pass, slice, b, stop_token, partial_sum(s, slice, depth, thread));
        if (status != PB_OK) {
            return status;
        }
        depth++;
        for (size_t n = s->first_block + b + 1; n % 2 == 0; n /= 2) {
            add_levels(s, slice, --depth, thread);
        }
    }
    if (!s->is_last) {
        return PB_OK;
    }
    while (depth > 1) {
        add_levels(s, slice, --depth, thread);
    }
    if (s->wants_sums) {
        return PB_OK;
    }
    void *sum = partial_sum(s, slice, 0, thread);
    pb_finish_slice(s->pass.network, s->pass.parameters, &s->all, s->weight_scale, slice, sum);
    if (s->sink != NULL) {
        s->sink->on_slice(s->sink->context, slice, sum);
    }
    return PB_OK;
}

static pb_status hand_out_range(void *context, size_t task, size_t thread,
                                pb_stop_token *stop_token) {
    (void)thread, (void)stop_token;
    const summation *s = context;
    const pb_param_slice *slice = &s->pass.workspace->slices[task];
    s->sink->on_slice(s->sink->context, slice,
                      pb_offset(s->pass.network, s->gradient, slice->offset));
    return PB_OK;
}

/* Steps are taken slice by slice as their gradients come, where that is over so soon that nobody
 * needs to stop it half way; else, or where somebody wants to see it, all slices wait for the whole
 * gradient. */
static pb_status sum_ranges(summation *s, double work, pb_interrupt *interrupt) {
    pb_workspace *w = s->pass.workspace;
    const pb_gradient_sink *const sink = s->sink;
    /* An update is worth some 32 multiply-adds a parameter. */
    const double all_work =
        sink == NULL ? work : work + 32.0 * (double)s->pass.network->n_parameters;
    const size_t n_threads = pb_threads_for(w, all_work);
    if (sink == NULL || !s->is_last) {
        return pb_threads_run(n_threads, w->n_slices, sum_range, s, interrupt);
    }
    if (sink->on_gradient == NULL && work <= (double)s->pass.network->kernels->work_per_check) {
        return pb_threads_run(n_threads, w->n_slices, sum_range, s, NULL);
    }
    s->sink = NULL;
    s->gradient = w->gradient;
    const pb_status status = pb_threads_run(n_threads, w->n_slices, sum_range, s, interrupt);
    s->sink = sink;
    if (status != PB_OK) {
        return status;
    }
    if (sink->on_gradient != NULL) {
        sink->on_gradient(sink->context, s->gradient);
    }
    return sink->on_slice == NULL ? PB_OK
                                  : pb_threads_run(n_threads, w->n_slices, hand_out_range, s, NULL);
}

/* ---- The whole batch ---------------------------------------------------------------------------
 */

static double largest_weight(const pb_batch *batch) {
    double largest = 0;
    for (size_t i = 0; batch->weights != NULL && i < batch->n_rows; i++) {
        const double weight = batch->weights[batch->order == NULL ? (int64_t)i : batch->order[i]];
        largest = weight > largest ? weight : largest;
    }
    return largest;
}

/* Brings the largest weight near 1, if it is far from it: products of deltas and weights, and S,
 * then stay in the data type's slice. With alpha scaled alike, neither objective nor gradient
 * changes. */
double pb_weight_scale(double largest) {
    if (largest == 0 || (largest > 0x1p-32 && largest < 0x1p32)) {
        return 1;
    }
    int exponent;
    frexp(largest, &exponent);
    return ldexp(1, exponent < -1000 ? 1000 : -exponent);
}

static pb_status sum_blocks(summation *s, size_t first, size_t count, counter *sums,
                            pb_interrupt *interrupt) {
    const pb_network *network = s->pass.network;
    pb_workspace *w = s->pass.workspace;
    const double work = (double)count * pb_work_of_a_sample(network);
    pb_take_rows(&s->pass, first, count, s->weight_scale);
    s->wants_penalty = first == 0 && network->is_penalised && !s->wants_sums;
    pb_status status =
        pb_threads_run(pb_threads_for(w, s->wants_gradient ? 2 * work : work),
                       w->n_chunks + (size_t)s->wants_penalty, sum_stripe, s, interrupt);
    if (status != PB_OK) {
        return status;
    }
    s->first_block = sums->n_blocks;
    for (size_t b = 0; b < w->n_blocks; b++) {
        add_block(w, b, sums);
    }
    s->is_last = first + count == s->pass.batch->n_rows;
    while (s->is_last && sums->depth > 1) {
        add_newest(sums);
    }
    s->all = (pb_sums){sums->loss[0], sums->weight[0]};
    if (s->is_last && !s->wants_sums && !(s->all.weight > 0)) {
        return PB_BAD_ARGUMENT;
    }
    return s->wants_gradient ? sum_ranges(s, work, interrupt) : PB_OK;
}

static pb_status sum_batch(summation *s, pb_interrupt *interrupt) {
    const pb_pass *pass = &s->pass;
    const pb_network *network = pass->network;
    pb_workspace *w = pass->workspace;
    const size_t n_rows = pass->batch->n_rows;
    if (w->network != network || w->kind < PB_WORKSPACE_GRADIENT || n_rows < 1 ||
        n_rows > w->max_rows || (unsigned)pass->batch->y.kind > PB_TARGET_CLASS ||
        !(pass->batch->y.smoothing >= 0 && pass->batch->y.smoothing < 1)) {
        return PB_BAD_ARGUMENT;
    }
    counter sums = {.depth = 0, .n_blocks = 0};
    pb_slice_parameters(pass->workspace, pass->batch->X.indptr != NULL);
    const size_t most = w->capacity / PB_BLOCK_ROWS * PB_BLOCK_ROWS;
    const size_t step = most > 0 ? most : n_rows;
    const double started = w->n_threads > 1 ? pb_seconds() : 0;
    for (size_t first = 0; first < n_rows; first += step) {
        const size_t left = n_rows - first;
        const pb_status status = sum_blocks(s, first, left < step ? left : step, &sums, interrupt);
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

pb_status pb_sum_batch(const pb_pass *pass, pb_interrupt *interrupt, pb_value *value,
                       void *gradient, const pb_gradient_sink *sink) {
    summation s = {
        .pass = *pass,
        .wants_gradient = gradient != NULL || sink != NULL,
        /* A slice of a single block needs no other place than a thread's own. */
        .gradient = sink != NULL && pass->batch->n_rows > PB_BLOCK_ROWS ? pass->workspace->gradient
                                                                        : gradient,
        .sink = sink,
        .weight_scale = pb_weight_scale(largest_weight(pass->batch)),
    };
    const pb_status status = sum_batch(&s, interrupt);
    if (status == PB_OK) {
        *value = value_of(pass->network, &s.all, s.penalty, s.weight_scale);
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
    const pb_status status = pb_sum_batch(&pass, interrupt, &value, gradient, NULL);
    pb_scope_leave(&scope);
    *objective = value.objective;
    return status;
}

/* ---- In tasks --------------------------------------------------------------------------------
 */

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
    pb_status status = pb_masked_table(network, masks, node, &values);
    if (status == PB_OK) {
        masked.X.values = values == NULL ? node->X.values : values;
        summation s = {
            .pass = {network, parameters, &masked, w, NULL, masks},
            .wants_gradient = gradient != NULL,
            .wants_sums = 1,
            .gradient = gradient,
            .weight_scale = weight_scale,
        };
        status = sum_batch(&s, interrupt);
        *sums = s.all;
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
            pb_finish_slice(network, parameters, sums, weight_scale, &slice,
                            pb_offset(network, gradient, slice.offset));
        }
    }
    pb_scope_leave(&scope);
    *objective = value.objective;
    *penalty = value.penalty;
    return PB_OK;
}
