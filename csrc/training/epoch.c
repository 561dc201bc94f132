/* Runs an epoch, or a part of one: for each batch forward, backward and step. Polls for an
 * interruption between batches. */
#include <math.h>

#include "base/memory.h"
#include "base/interrupt.h"
#include "network/layer.h"
#include "network/objective.h"
#include "training/optimizer.h"
#include "training/schedule.h"

/* A step of the optimizer, taken slice by slice as the gradients come. */
typedef struct step {
    const pb_network *network;
    pb_optimizer *optimizer;
    pb_masks *masks; /* or NULL: no dropout */
    pb_optimizer_rule rule;
    pb_schedule_rule schedule;
    void *parameters;
    double rate;
    double constants[PB_MAX_CONSTANTS]; /* at this rate */
    double gradient_norm;
} step;

static void on_slice(void *context, const pb_param_slice *slice, const void *gradient) {
    const step *s = context;
    const pb_optimizer *o = s->optimizer;
    const double *constants = s->constants;
    double rate = s->rate, constants_of_layer[PB_MAX_CONSTANTS];
    if (o->layer_rates != NULL) {
        rate *= o->layer_rates[slice->layer - 1];
        pb_update_constants(s->rule, &o->hyperparameters, rate, o->n_steps + 1, constants_of_layer);
        constants = constants_of_layer;
    }
    const pb_update update = {
        .n = slice->count,
        .parameters = pb_offset(s->network, s->parameters, slice->offset),
        .gradient = gradient,
        .states = pb_offset(s->network, o->states, slice->offset),
        .stride = s->network->n_parameters,
        .constants = constants,
        .decay_factor = slice->is_intercepts ? 1 : 1 - rate * o->hyperparameters.weight_decay,
    };
    s->network->kernels->update[s->rule](&update);
}

/* The norm of the whole gradient; one longer than c is scaled by c / norm (Pascanu et al. 2013). */
static void clip_gradient(void *context, void *gradient) {
    step *s = context;
    const pb_kernels *k = s->network->kernels;
    const size_t n = s->network->n_parameters;
    const double longest = s->optimizer->global_clipnorm;
    s->gradient_norm = sqrt(k->sum_of_squares(n, gradient));
    if (longest > 0 && isinf(s->gradient_norm)) {
        /* The squares overflow long before the norm does. */
        const double scale = 0x1p600;
        k->finish_gradient(n, NULL, 0, scale, gradient);
        const double norm = sqrt(k->sum_of_squares(n, gradient));
        k->finish_gradient(n, NULL, 0, norm / longest, gradient);
        s->gradient_norm = norm * scale;
    } else if (longest > 0 && s->gradient_norm > longest) {
        k->finish_gradient(n, NULL, 0, s->gradient_norm / longest, gradient);
    }
}

/* The incoming weights of a unit are a column of W_l (Srivastava et al. 2014, appendix). */
static void limit_weights(const pb_network *network, double longest, void *parameters) {
    for (size_t l = 0; l < network->n_layers; l++) {
        network->kernels->limit_columns(network->layer_sizes[l], network->layer_sizes[l + 1],
                                        longest, pb_offset(network, parameters, network->coefs[l]));
    }
}

/* Whether any row of the batch weighs anything. */
static int has_weight(const pb_batch *batch) {
    if (batch->weights == NULL) {
        return 1;
    }
    for (size_t i = 0; i < batch->n_rows; i++) {
        const size_t row = batch->order == NULL ? i : (size_t)batch->order[i];
        if (batch->weights[row] > 0) {
            return 1;
        }
    }
    return 0;
}

/* Rows `first` to `first + count - 1` as a batch. */
static pb_batch rows_from(const pb_network *network, const pb_batch *rows, size_t first,
                          size_t count) {
    pb_batch batch = *rows;
    batch.n_rows = count;
    if (rows->order != NULL) {
        batch.order = rows->order + first;
        return batch;
    }
    /* Without an order these rows are numbered from 0 again: move the pointers to the data. */
    const uintptr_t item = network->kernels->item_size;
    if (rows->X.indptr != NULL) {
        batch.X.indptr = rows->X.indptr + first;
    } else {
        batch.X.values = (const void *)((uintptr_t)rows->X.values +
                                        first * (uintptr_t)rows->X.row_stride * item);
    }
    const uintptr_t target_item = rows->y.kind == PB_TARGET_REAL    ? item
                                  : rows->y.kind == PB_TARGET_CLASS ? sizeof(int32_t)
                                                                    : sizeof(uint8_t);
    batch.y.values = (const void *)((uintptr_t)rows->y.values +
                                    first * (uintptr_t)rows->y.row_stride * target_item);
    batch.weights = rows->weights == NULL ? NULL : rows->weights + first;
    return batch;
}

/* Batch `index` of an epoch. */
static pb_batch batch_at(const pb_network *network, const pb_batch *rows, size_t batch_size,
                         size_t index) {
    const size_t first = index * batch_size, left = rows->n_rows - first;
    return rows_from(network, rows, first, left < batch_size ? left : batch_size);
}

static size_t count_batches(const pb_batch *rows, size_t batch_size) {
    return rows->n_rows == 0 ? 0 : (rows->n_rows - 1) / batch_size + 1;
}

/* Number of batches up to the last one with a weight other than 0. */
static size_t count_weighted(const pb_network *network, const pb_batch *rows, size_t batch_size) {
    size_t n = count_batches(rows, batch_size);
    for (; n > 0; n--) {
        const pb_batch last = batch_at(network, rows, batch_size, n - 1);
        if (has_weight(&last)) {
            break;
        }
    }
    return n;
}

/* The learning rate of a step, and the constants that follow from it. */
static void set_rate(step *s, size_t index, size_t n_batches) {
    const pb_optimizer *o = s->optimizer;
    s->rate = o->learning_rate;
    if (o->schedule != NULL) {
        const double length = 1 / (double)n_batches;
        const double epoch = (double)o->n_epochs + (double)index / (double)n_batches;
        s->rate = pb_rate_of_step(s->schedule, o->schedule, epoch, length, s->rate);
    }
    pb_update_constants(s->rule, &o->hyperparameters, s->rate, o->n_steps + 1, s->constants);
}

/* Completes a step after the update of all parameters: limits the weights and counts the step. */
static void complete_step(const step *s) {
    if (s->rate > 0) {
        if (s->optimizer->max_norm > 0) {
            limit_weights(s->network, s->optimizer->max_norm, s->parameters);
        }
        s->optimizer->n_steps++;
    }
}

static pb_status train_batch(step *s, const pb_batch *batch, int is_last, pb_workspace *workspace,
                             pb_interrupt *interrupt, pb_value *value) {
    const pb_pass pass = {s->network, s->parameters, batch, workspace, NULL, s->masks};
    const pb_gradient_sink sink = {
        .on_slice = s->rate > 0 ? on_slice : NULL,
        /* The norm takes a pass over the gradient: only the last batch of an epoch reports it. */
        .on_gradient = is_last || s->optimizer->global_clipnorm > 0 ? clip_gradient : NULL,
        .context = s,
    };
    const int is_received = sink.on_slice != NULL || sink.on_gradient != NULL;
    const pb_status status =
        pb_batch_objective(&pass, interrupt, value, NULL, is_received ? &sink : NULL);
    if (status == PB_OK) {
        complete_step(s);
    }
    return status;
}

static pb_status find_rules(step *s) {
    const pb_optimizer *o = s->optimizer;
    const pb_status found = pb_find_optimizer(o->name, &s->rule);
    if (found == PB_OK && o->schedule != NULL) {
        return pb_find_schedule(o->schedule->name, &s->schedule);
    }
    return found;
}

static pb_status train_batches(step *s, const pb_batch *rows, size_t batch_size,
                               const pb_epoch_part *part, pb_workspace *workspace,
                               pb_interrupt *interrupt, pb_epoch *epoch) {
    const size_t n_weighted = count_weighted(s->network, rows, batch_size);
    for (size_t i = 0; i < n_weighted; i++) {
        const pb_batch batch = batch_at(s->network, rows, batch_size, i);
        if (!has_weight(&batch)) {
            continue;
        }
        if (s->masks != NULL) {
            /* Without an order the rows of each batch are numbered from 0: see rows_from. */
            s->masks->first_row = part->first_row + (rows->order == NULL ? i * batch_size : 0);
        }
        pb_value value = {0, 0};
        const int is_last = part->is_last && i + 1 == n_weighted;
        set_rate(s, part->first_batch + i, part->n_batches);
        pb_status status = pb_interrupt_poll(interrupt);
        if (status == PB_OK) {
            status = train_batch(s, &batch, is_last, workspace, interrupt, &value);
        }
        if (status != PB_OK) {
            return status;
        }
        epoch->loss += value.objective * (double)batch.n_rows;
        epoch->penalty += value.penalty * (double)batch.n_rows;
        epoch->n_rows += batch.n_rows;
        if (is_last) {
            epoch->gradient_norm = s->gradient_norm;
        }
    }
    return PB_OK;
}

static int dropout_is_valid(const pb_network *network, const pb_dropout *dropout,
                            const pb_workspace *workspace) {
    if (dropout->rates == NULL) {
        return 1;
    }
    for (size_t l = 0; l < network->n_layers; l++) {
        if (!(dropout->rates[l] >= 0 && dropout->rates[l] < 1)) {
            return 0;
        }
    }
    return workspace->kind >= PB_WORKSPACE_DROPOUT;
}

pb_status pb_train_batches(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                           const pb_batch *rows, size_t batch_size, const pb_epoch_part *part,
                           pb_workspace *workspace, pb_interrupt *interrupt, pb_epoch *epoch) {
    if (workspace->kind < PB_WORKSPACE_TRAINING || batch_size < 1 ||
        part->n_batches < count_batches(rows, batch_size) ||
        part->first_batch > part->n_batches - count_batches(rows, batch_size) ||
        !dropout_is_valid(network, &optimizer->dropout, workspace)) {
        return PB_BAD_ARGUMENT;
    }
    pb_masks masks = {optimizer->dropout, (uint64_t)optimizer->n_epochs, part->first_row};
    step next = {.network = network,
                 .optimizer = optimizer,
                 .masks = optimizer->dropout.rates == NULL ? NULL : &masks,
                 .parameters = parameters};
    pb_batch masked = *rows;
    void *values = NULL; /* of a sparse X, after dropout of the features */
    pb_scope scope;
    pb_scope_enter(&scope);
    pb_status status = find_rules(&next);
    if (status == PB_OK) {
        status = pb_sparse_dropout(network, next.masks, rows, &values);
    }
    if (status == PB_OK) {
        masked.X.values = values == NULL ? rows->X.values : values;
        status = train_batches(&next, &masked, batch_size, part, workspace, interrupt, epoch);
    }
    pb_scope_leave(&scope);
    pb_aligned_free(values);
    return status;
}

pb_status pb_train_epoch(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                         const pb_batch *rows, size_t batch_size, pb_workspace *workspace,
                         pb_interrupt *interrupt, pb_epoch *epoch) {
    if (batch_size < 1) {
        return PB_BAD_ARGUMENT;
    }
    const pb_epoch_part all = {.n_batches = count_batches(rows, batch_size), .is_last = 1};
    pb_epoch sums = {.n_rows = 0};
    pb_scope scope;
    pb_scope_enter(&scope); /* for the means, too */
    pb_status status = pb_train_batches(network, parameters, optimizer, rows, batch_size, &all,
                                        workspace, interrupt, &sums);
    if (status == PB_OK && sums.n_rows == 0) {
        status = PB_BAD_ARGUMENT;
    }
    if (status == PB_OK) {
        const double n = (double)sums.n_rows;
        optimizer->n_epochs++;
        *epoch = (pb_epoch){sums.loss / n, sums.penalty / n, sums.gradient_norm, sums.n_rows};
    }
    pb_scope_leave(&scope);
    return status;
}

pb_status pb_take_step(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                       const pb_epoch_part *part, void *gradient, double *gradient_norm) {
    step next = {.network = network, .optimizer = optimizer, .parameters = parameters};
    const pb_status found = find_rules(&next);
    if (found != PB_OK) {
        return found;
    }
    if (part->first_batch >= part->n_batches) {
        return PB_BAD_ARGUMENT;
    }
    pb_scope scope;
    pb_scope_enter(&scope);
    set_rate(&next, part->first_batch, part->n_batches);
    if (part->is_last || optimizer->global_clipnorm > 0) {
        clip_gradient(&next, gradient);
    }
    for (size_t layer = 1; next.rate > 0 && layer <= network->n_layers; layer++) {
        for (int is_intercepts = 0; is_intercepts <= 1; is_intercepts++) {
            const pb_param_slice slice = pb_whole_slice(network, layer, is_intercepts);
            on_slice(&next, &slice, pb_offset(network, gradient, slice.offset));
        }
    }
    complete_step(&next);
    pb_scope_leave(&scope);
    *gradient_norm = next.gradient_norm;
    return PB_OK;
}
