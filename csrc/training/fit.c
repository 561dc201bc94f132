/* One epoch: batch after batch forward, backward, step; asks before it goes on. */
#include "base/memory.h"
#include "base/pace.h"
#include "network/propagation.h"
#include "training/optimizer.h"

/* A step of the optimizer, taken range by range as the gradients come. */
typedef struct step {
    const pb_network *network;
    pb_update_kernel *update;
    void *parameters, *states;
    double constants[PB_MAX_CONSTANTS];
} step;

static void take_step(void *context, size_t offset, size_t count, const void *gradient) {
    const step *s = context;
    const pb_update update = {
        .n = count,
        .parameters = pb_at(s->network, s->parameters, offset),
        .gradient = gradient,
        .states = pb_at(s->network, s->states, offset),
        .stride = s->network->n_parameters,
        .constants = s->constants,
    };
    s->update(&update);
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

/* Rows `first` to `first + count` of all rows. */
static pb_batch slice(const pb_network *network, const pb_batch *rows, size_t first, size_t count) {
    pb_batch batch = *rows;
    batch.n_rows = count;
    if (rows->order != NULL) {
        batch.order = rows->order + first;
        return batch;
    }
    /* In table order the slice is a table of its own. */
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

static pb_status train_epoch(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                             pb_masks *masks, const pb_batch *rows, size_t batch_size,
                             pb_workspace *workspace, pb_pace *pace, double *loss) {
    pb_optimizer_rule rule;
    const pb_status found = pb_find_optimizer(optimizer->name, &rule);
    if (found != PB_OK) {
        return found;
    }
    if (workspace->purpose < PB_FOR_TRAINING || batch_size < 1) {
        return PB_BAD_ARGUMENT;
    }
    step next = {network, network->kernels->update[rule], parameters, optimizer->states, {0}};
    double total = 0;
    size_t n_counted = 0;
    for (size_t first = 0; first < rows->n_rows; first += batch_size) {
        const size_t left = rows->n_rows - first;
        const pb_batch batch = slice(network, rows, first, left < batch_size ? left : batch_size);
        if (!has_weight(&batch)) {
            continue;
        }
        if (masks != NULL) {
            /* In table order a batch is a table of its own. */
            masks->first_row = rows->order == NULL ? first : 0;
        }
        const pb_pass pass = {network, parameters, &batch, workspace, NULL, masks};
        pb_update_constants(rule, &optimizer->hyperparameters, optimizer->learning_rate,
                            optimizer->n_steps + 1, next.constants);
        double objective = 0;
        pb_status status = pb_pace_check(pace);
        if (status == PB_OK) {
            status = pb_sum_batch(&pass, pace, &objective, NULL, take_step, &next);
        }
        if (status != PB_OK) {
            return status;
        }
        optimizer->n_steps++;
        total += objective * (double)batch.n_rows;
        n_counted += batch.n_rows;
    }
    if (n_counted == 0) {
        return PB_BAD_ARGUMENT;
    }
    *loss = total / (double)n_counted;
    return PB_OK;
}

/* An epoch with dropout: with the masks of its own, and for a sparse table with values to match. */
static pb_status train_masked_epoch(const pb_network *network, void *parameters,
                                    pb_optimizer *optimizer, const pb_batch *rows,
                                    size_t batch_size, pb_workspace *workspace, pb_pace *pace,
                                    double *loss) {
    pb_masks masks = {optimizer->dropout, (uint64_t)optimizer->n_steps, 0};
    pb_batch masked = *rows;
    void *values = NULL;
    if (workspace->purpose < PB_FOR_DROPOUT) {
        return PB_BAD_ARGUMENT;
    }
    for (size_t l = 0; l < network->n_layers; l++) {
        if (!(optimizer->dropout.rates[l] >= 0 && optimizer->dropout.rates[l] < 1)) {
            return PB_BAD_ARGUMENT;
        }
    }
    pb_status status = pb_masked_table(network, &masks, rows, &values);
    if (status == PB_OK) {
        masked.X.values = values == NULL ? rows->X.values : values;
        status = train_epoch(network, parameters, optimizer, &masks, &masked, batch_size, workspace,
                             pace, loss);
    }
    pb_aligned_free(values);
    return status;
}

pb_status pb_train_epoch(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                         const pb_batch *rows, size_t batch_size, pb_workspace *workspace,
                         pb_pace *pace, double *loss) {
    pb_scope scope;
    pb_scope_enter(&scope);
    const pb_status status = optimizer->dropout.rates != NULL
                                 ? train_masked_epoch(network, parameters, optimizer, rows,
                                                      batch_size, workspace, pace, loss)
                                 : train_epoch(network, parameters, optimizer, NULL, rows,
                                               batch_size, workspace, pace, loss);
    pb_scope_leave(&scope);
    return status;
}
