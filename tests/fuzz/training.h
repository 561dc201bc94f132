/* Fuzzes epochs with any optimizer, schedule and dropout: the same bits with any number of threads,
 * and complete steps wherever training is interrupted. */
#ifndef PB_FUZZ_TRAINING_H
#define PB_FUZZ_TRAINING_H

#include "data.h"

typedef struct plan {
    pb_optimizer optimizer;
    pb_schedule schedule;
    double rates[MAX_LAYERS], layer_rates[MAX_LAYERS];
    size_t batch_size, n_states;
    int is_refused;
} plan;

static double pick_rate(bytes *b) {
    const double usual[] = {0, 0.5, 0.9, 0.25};
    return usual_or_odd(b, usual[below(b, 4)]);
}

static void choose_optimizer(bytes *b, plan *t) {
    pb_optimizer_info rule = {0};
    size_t n = 0;
    while (pb_optimizer_at(n, &rule) == PB_OK) {
        n++;
    }
    (void)pb_optimizer_at(below(b, n), &rule);
    const int64_t steps[] = {0, 1, 1000, INT64_MAX / 2};
    t->n_states = (size_t)rule.n_states;
    t->optimizer = (pb_optimizer){
        .name = rule.name,
        .hyperparameters = {.momentum = usual_or_odd(b, 0.9),
                            .nesterov = (int)below(b, 2),
                            .beta_1 = usual_or_odd(b, 0.9),
                            .beta_2 = usual_or_odd(b, 0.999),
                            .epsilon = usual_or_odd(b, 1e-8),
                            .weight_decay = usual_or_odd(b, 0.01)},
        .learning_rate = usual_or_odd(b, 0.125),
        .n_steps = steps[below(b, 4)],
        .n_epochs = steps[below(b, 4)],
        .global_clipnorm = below(b, 3) == 2 ? usual_or_odd(b, 0.5) : 0,
        .max_norm = below(b, 3) == 2 ? usual_or_odd(b, 0.5) : 0,
    };
    if (seldom(b)) {
        t->optimizer.name = odd_name(b);
        t->is_refused = 1;
    }
}

static void choose_schedule(bytes *b, plan *t) {
    pb_schedule_info info = {0};
    size_t n = 0;
    while (pb_schedule_at(n, &info) == PB_OK) {
        n++;
    }
    const size_t choice = below(b, 2 * n);
    if (choice >= n) {
        return;
    }
    (void)pb_schedule_at(choice, &info);
    t->schedule = (pb_schedule){info.name,
                                usual_or_odd(b, 0.125),
                                usual_or_odd(b, 0.5),
                                usual_or_odd(b, 10),
                                usual_or_odd(b, 0.5),
                                usual_or_odd(b, 2),
                                usual_or_odd(b, (double)below(b, 3))};
    t->optimizer.schedule = &t->schedule;
    double rate = t->schedule.learning_rate_init;
    REQUIRE(pb_schedule_rate(&t->schedule, 3.5, 0.5, &rate) == PB_OK, "%s", info.name);
    REQUIRE(pb_schedule_after_epoch(&t->schedule, INT64_MAX, &rate) == PB_OK, "%s", info.name);
    REQUIRE(pb_schedule_on_plateau(&t->schedule, &rate) == PB_OK, "%s", info.name);
    if (seldom(b)) {
        t->schedule.name = odd_name(b);
        t->is_refused = 1;
    }
}

static void choose_plan(bytes *b, const problem *p, size_t n_rows, plan *t) {
    *t = (plan){.is_refused = 0};
    choose_optimizer(b, t);
    choose_schedule(b, t);
    t->batch_size = below(b, n_rows + 2) + 1;
    if (below(b, 3) == 2) {
        for (size_t l = 0; l < p->spec.n_layers; l++) {
            const double rate = t->rates[l] = pick_rate(b);
            t->is_refused |= !(rate >= 0 && rate < 1);
        }
        t->optimizer.dropout = (pb_dropout){t->rates, next_byte(b)};
    }
    if (below(b, 3) == 2) {
        for (size_t l = 0; l < p->spec.n_layers; l++) {
            t->layer_rates[l] = pick_rate(b);
        }
        t->optimizer.layer_rates = t->layer_rates;
    }
    if (seldom(b)) {
        t->batch_size = below(b, 2) == 0 ? 0 : SIZE_MAX;
        t->is_refused |= t->batch_size == 0;
    }
}

/* ---- Running ------------------------------------------------------------------------------- */

typedef struct trained {
    pb_status status;
    pb_optimizer optimizer;
    void *parameters, *states;
    pb_epoch epoch;
} trained;

static void free_trained(trained *r) {
    free(r->parameters);
    free(r->states);
}

static int stop_after(void *context) {
    size_t *asks_left = context;
    return (*asks_left)-- == 0;
}

/* An epoch on the first `n_rows` rows, stopped when it asks for the time after `asks`. */
static trained train(problem *p, const pb_network *network, const void *parameters, const plan *t,
                     const pb_batch *batch, size_t n_rows, size_t n_threads, size_t asks) {
    const size_t n = pb_network_n_parameters(network), size = item_size(p->spec.dtype);
    const size_t calls_left = p->own.calls_left;
    trained r = {.optimizer = t->optimizer, .parameters = reals(p->spec.dtype, n)};
    memcpy(r.parameters, parameters, n * size);
    r.states = allocate(n * t->n_states, size);
    memset(r.states, 0, n * t->n_states * size);
    r.optimizer.states = r.states;
    pb_batch rows = *batch;
    rows.n_rows = n_rows;
    pb_interrupt interrupt = {stop_after, &asks, 0, 0};
    pb_workspace *w = NULL;
    const size_t most = t->batch_size < n_rows ? t->batch_size : n_rows;
    REQUIRE(pb_workspace_new(network, most > 0 ? most : 1, PB_WORKSPACE_DROPOUT, n_threads, &w) ==
                PB_OK,
            "scratch");
    r.status = pb_train_epoch(network, r.parameters, &r.optimizer, &rows, t->batch_size, w,
                              &interrupt, &r.epoch);
    pb_workspace_free(w);
    p->own.calls_left = calls_left;
    return r;
}

static void require_same_training(const problem *p, const pb_network *network, const plan *t,
                                  const trained *actual, const trained *expected,
                                  const char *what) {
    const size_t n = pb_network_n_parameters(network);
    REQUIRE(actual->optimizer.n_steps == expected->optimizer.n_steps, "%s", what);
    REQUIRE_BITS(p, n, actual->parameters, expected->parameters, what);
    REQUIRE_BITS(p, n * t->n_states, actual->states, expected->states, what);
}

/* What was stopped half way has the numbers of its whole steps: of so many batches alone. A
 * schedule would see that the epoch is shorter. */
static void require_whole_steps(problem *p, const pb_network *network, const void *parameters,
                                const plan *t, const pb_batch *batch, const trained *stopped) {
    const int64_t n_steps = stopped->optimizer.n_steps - t->optimizer.n_steps;
    if (n_steps == 0) {
        REQUIRE_BITS(p, pb_network_n_parameters(network), stopped->parameters, parameters,
                     "before the first step");
        return;
    }
    const int may_stop = p->own.kind == STOPS && p->spec.loss_function != NULL;
    if (t->schedule.name != NULL || may_stop) {
        return;
    }
    int64_t reached = 0;
    for (size_t k = (size_t)n_steps * t->batch_size; reached < n_steps; k += t->batch_size) {
        REQUIRE(k <= batch->n_rows, "%zu rows for %lld steps", k, (long long)n_steps);
        trained whole = train(p, network, parameters, t, batch, k, 1, SIZE_MAX);
        if (whole.status == PB_OK) { /* else no batch so far weighs anything */
            reached = whole.optimizer.n_steps - t->optimizer.n_steps;
        }
        if (reached == n_steps) {
            require_same_training(p, network, t, stopped, &whole, "stopped");
        }
        free_trained(&whole);
    }
}

static void try_training(bytes *b, problem *p, const pb_network *network, const void *parameters,
                         const batches *d, size_t n_threads) {
    plan t;
    choose_plan(b, p, d->batch.n_rows, &t);
    const size_t n_rows = d->batch.n_rows, n = pb_network_n_parameters(network);
    trained whole = train(p, network, parameters, &t, &d->batch, n_rows, 1, SIZE_MAX);
    const int may_stop = p->own.kind == STOPS && p->spec.loss_function != NULL;
    if (t.is_refused || (!d->has_weight && !d->has_bad_weights)) {
        REQUIRE(whole.status == (t.is_refused ? whole.status : PB_BAD_ARGUMENT) &&
                    whole.status != PB_OK,
                "%d", whole.status);
        REQUIRE_BITS(p, n, whole.parameters, parameters, "refused");
        REQUIRE(whole.optimizer.n_steps == t.optimizer.n_steps, "a step");
    } else if (!may_stop && !d->has_bad_weights) {
        REQUIRE(whole.status == PB_OK, "%d", whole.status);
    }
    if (whole.status == PB_INTERRUPTED) {
        require_whole_steps(p, network, parameters, &t, &d->batch, &whole);
    }
    trained other = train(p, network, parameters, &t, &d->batch, n_rows, n_threads, SIZE_MAX);
    REQUIRE(other.status == whole.status, "%d, not %d", other.status, whole.status);
    require_same_training(p, network, &t, &other, &whole, "threads");
    if (whole.status == PB_OK) {
        REQUIRE(same_bits(other.epoch.loss, whole.epoch.loss) &&
                    same_bits(other.epoch.penalty, whole.epoch.penalty) &&
                    same_bits(other.epoch.gradient_norm, whole.epoch.gradient_norm),
                "threads");
    }
    free_trained(&other);
    if (t.optimizer.dropout.rates == NULL && (d->X.indptr == NULL || !p->is_wild)) {
        other = train(p, network, parameters, &t, &d->twin, n_rows, 1, SIZE_MAX);
        REQUIRE(other.status == whole.status, "%d, not %d", other.status, whole.status);
        if (d->X.indptr == NULL || are_finite(p, n, other.parameters)) {
            require_same_training(p, network, &t, &other, &whole, "another layout");
        }
        free_trained(&other);
    }
    if (whole.status == PB_OK) {
        other = train(p, network, parameters, &t, &d->batch, n_rows, n_threads, below(b, 64));
        REQUIRE(other.status == PB_OK || other.status == PB_INTERRUPTED, "%d", other.status);
        if (other.status == PB_INTERRUPTED) {
            require_whole_steps(p, network, parameters, &t, &d->batch, &other);
        }
        free_trained(&other);
    }
    free_trained(&whole);
}

#endif
