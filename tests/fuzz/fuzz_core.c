/* Fuzzes pybackprop.h: invalid arguments must be refused as documented, everything else must run
 * without errors, and results that must agree must agree to the last bit.
 *
 * A harness for libFuzzer; ../c/test_fuzz_corpus.c replays its corpus. */
#include "data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An absurd size is then an allocation that fails, as it is elsewhere. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

#define REQUIRE_BITS(p, n, actual, expected, what)                                   \
    do {                                                                             \
        for (size_t i_ = 0; i_ < (n); i_++) {                                        \
            const double a_ = get((p)->spec.dtype, actual, i_);                      \
            const double e_ = get((p)->spec.dtype, expected, i_);                    \
            REQUIRE(same_bits(a_, e_), "[%zu] is %a, not %a: %s", i_, a_, e_, what); \
        }                                                                            \
    } while (0)

/* Where one of its factors is NaN or infinite, a product with CSR is another than the dense one:
 * a zero that is not stored is not multiplied. */
static int are_finite(const problem *p, size_t n, const void *array) {
    int finite = 0;
    REQUIRE(pb_all_finite(p->spec.dtype, n, array, &finite) == PB_OK, "%zu", n);
    return finite;
}

/* ---- Objectives ---------------------------------------------------------------------------- */

typedef struct result {
    pb_status status;
    double objective;
    void *gradient;
    void *z[MAX_LAYERS], *a[MAX_LAYERS], *delta[MAX_LAYERS], *dloss_da[MAX_LAYERS];
} result;

static void free_result(const problem *p, result *r) {
    free(r->gradient);
    for (size_t l = 0; l < p->spec.n_layers; l++) {
        free(r->z[l]);
        free(r->a[l]);
        free(r->delta[l]);
        free(r->dloss_da[l]);
    }
}

static result compute(problem *p, const pb_network *network, const void *parameters,
                      const pb_batch *batch, size_t n_threads, int is_full) {
    result r = {.objective = 0};
    const pb_dtype dtype = p->spec.dtype;
    for (size_t l = 0; l < p->spec.n_layers; l++) {
        const size_t n = batch->n_rows * p->sizes[l + 1];
        r.z[l] = reals(dtype, n);
        r.a[l] = reals(dtype, n);
        r.delta[l] = reals(dtype, n);
        r.dloss_da[l] = reals(dtype, n);
    }
    r.gradient = is_full ? reals(dtype, pb_network_n_parameters(network)) : NULL;
    const pb_trace trace = {r.z, r.a, is_full ? r.delta : NULL, is_full ? r.dloss_da : NULL};
    const size_t calls_left = p->own.calls_left;
    pb_workspace *w = NULL;
    REQUIRE(pb_workspace_new(network, batch->n_rows, PB_WORKSPACE_GRADIENT, n_threads, &w) == PB_OK,
            "scratch");
    r.status = pb_objective(network, parameters, batch, w, NULL, &r.objective, r.gradient, &trace);
    pb_workspace_free(w);
    p->own.calls_left = calls_left;
    return r;
}

/* Everything that both have. */
static void require_same(const problem *p, const pb_network *network, size_t n_rows,
                         const result *actual, const result *expected, const char *what) {
    REQUIRE(actual->status == expected->status, "%d, not %d: %s", actual->status, expected->status,
            what);
    if (actual->status != PB_OK) {
        return;
    }
    REQUIRE(same_bits(actual->objective, expected->objective), "%a, not %a: %s", actual->objective,
            expected->objective, what);
    if (actual->gradient != NULL && expected->gradient != NULL) {
        REQUIRE_BITS(p, pb_network_n_parameters(network), actual->gradient, expected->gradient,
                     what);
    }
    for (size_t l = 0; l < p->spec.n_layers; l++) {
        const size_t n = n_rows * p->sizes[l + 1];
        REQUIRE_BITS(p, n, actual->z[l], expected->z[l], what);
        REQUIRE_BITS(p, n, actual->a[l], expected->a[l], what);
        if (actual->gradient != NULL && expected->gradient != NULL) {
            REQUIRE_BITS(p, n, actual->delta[l], expected->delta[l], what);
            REQUIRE_BITS(p, n, actual->dloss_da[l], expected->dloss_da[l], what);
        }
    }
}

/* A trace has what is predicted, and nothing in rows that take no part. */
static void require_trace(const problem *p, const batches *d, const result *r,
                          const void *predicted) {
    const size_t last = p->spec.n_layers - 1, n_outputs = p->sizes[p->spec.n_layers];
    const size_t size = item_size(p->spec.dtype), bytes_of_row = n_outputs * size;
    for (size_t k = 0; k < d->batch.n_rows; k++) {
        const size_t i = d->order == NULL ? k : (size_t)d->order[k];
        const char *row = (const char *)r->a[last] + k * bytes_of_row;
        if (d->weights == NULL || d->weights[i] != 0) {
            REQUIRE_BITS(p, n_outputs, row, (const char *)predicted + i * bytes_of_row, "trace");
            continue;
        }
        for (size_t c = 0; c < bytes_of_row; c++) {
            REQUIRE((row[c] & 0xff) == 0xff, "row %zu of weight 0 was written", k);
        }
    }
}

static void try_objective(problem *p, const pb_network *network, const void *parameters,
                          const batches *d, const void *predicted, size_t n_threads) {
    const size_t n_rows = d->batch.n_rows;
    result full = compute(p, network, parameters, &d->batch, 1, 1);
    const int may_stop = p->own.kind == STOPS && p->spec.loss_function != NULL;
    if (!d->has_bad_weights && !may_stop) {
        REQUIRE(full.status == (d->has_weight ? PB_OK : PB_BAD_ARGUMENT), "%d", full.status);
    }
    result other = compute(p, network, parameters, &d->batch, n_threads, 1);
    require_same(p, network, n_rows, &other, &full, "threads");
    free_result(p, &other);
    other = compute(p, network, parameters, &d->batch, n_threads, 0);
    require_same(p, network, n_rows, &other, &full, "without a gradient");
    free_result(p, &other);
    other = compute(p, network, parameters, &d->twin, 1, 1);
    const int has_same_products =
        d->X.indptr == NULL ||
        (!p->is_wild && are_finite(p, pb_network_n_parameters(network), other.gradient));
    if (has_same_products) {
        require_same(p, network, n_rows, &other, &full, "another layout");
    }
    free_result(p, &other);
    if (full.status == PB_OK) {
        require_trace(p, d, &full, predicted);
    }
    free_result(p, &full);
}

/* ---- Predictions ----------------------------------------------------------------------------- */

/* Rows `first` to `first + count` of a table. */
static void predict(const problem *p, const pb_network *network, const void *parameters,
                    const pb_samples *X, size_t first, size_t count, size_t max_rows,
                    size_t n_threads, pb_prediction what, void *out) {
    const size_t size = item_size(p->spec.dtype), n_outputs = p->sizes[p->spec.n_layers];
    pb_samples rows = *X;
    if (X->indptr != NULL) {
        rows.indptr += first;
    } else {
        rows.values = (const void *)((uintptr_t)X->values +
                                     (uintptr_t)first * (uintptr_t)X->row_stride * size);
    }
    pb_workspace *w = NULL;
    REQUIRE(pb_workspace_new(network, max_rows, PB_WORKSPACE_PREDICTION, n_threads, &w) == PB_OK,
            "scratch");
    REQUIRE(pb_predict(network, parameters, &rows, count, what, w, NULL,
                       (char *)out + first * n_outputs * size) == PB_OK,
            "%zu rows", count);
    pb_workspace_free(w);
}

/* The outputs of all rows of the table: the same at once, in two parts, and as logits that an
 * activation makes outputs of. */
static void *try_predictions(bytes *b, const problem *p, const pb_network *network,
                             const void *parameters, const batches *d, size_t n_threads) {
    const pb_dtype dtype = p->spec.dtype;
    const size_t n_rows = d->n_table, n_outputs = p->sizes[p->spec.n_layers];
    const size_t n = n_rows * n_outputs, split = below(b, n_rows + 1), most = below(b, 40) + 1;
    void *whole = reals(dtype, n), *parts = reals(dtype, n);
    predict(p, network, parameters, &d->X.view, 0, n_rows, n_rows, 1, PB_PREDICT_OUTPUT, whole);
    predict(p, network, parameters, &d->X.view, 0, split, most, n_threads, PB_PREDICT_OUTPUT,
            parts);
    predict(p, network, parameters, &d->X.view, split, n_rows - split, most, n_threads,
            PB_PREDICT_OUTPUT, parts);
    REQUIRE_BITS(p, n, parts, whole, "predictions in two parts");
    predict(p, network, parameters, &d->X.view, 0, n_rows, most, n_threads, PB_PREDICT_LOGITS,
            parts);
    REQUIRE(pb_activate(dtype, p->spec.output_activation, n_rows, n_outputs, parts, parts, NULL) ==
                PB_OK,
            "in place");
    REQUIRE_BITS(p, n, parts, whole, "activated logits");
    free(parts);
    return whole;
}

/* ---- Calls that must be refused ----------------------------------------------------------------
 */

static void try_refusals(bytes *b, const pb_network *network, void *parameters, const batches *d) {
    pb_workspace *w = NULL;
    double objective = 0;
    const size_t n_rows = d->batch.n_rows;
    const int odd = (int)below(b, 8) + PB_WORKSPACE_DROPOUT + 1;
    REQUIRE(pb_workspace_new(network, 0, PB_WORKSPACE_TRAINING, 1, &w) == PB_BAD_ARGUMENT,
            "no rows");
    REQUIRE(pb_workspace_new(network, 1, PB_WORKSPACE_TRAINING, 0, &w) == PB_BAD_ARGUMENT,
            "no thread");
    REQUIRE(pb_workspace_new(network, 1, PB_WORKSPACE_TRAINING, PB_MAX_THREADS + 1, &w) ==
                PB_BAD_ARGUMENT,
            "threads");
    REQUIRE(pb_workspace_new(network, 1, (pb_workspace_kind)odd, 1, &w) == PB_BAD_ARGUMENT,
            "kind %d", odd);
    REQUIRE(pb_workspace_new(network, n_rows, PB_WORKSPACE_PREDICTION, 1, &w) == PB_OK, "scratch");
    REQUIRE(pb_objective(network, parameters, &d->batch, w, NULL, &objective, NULL, NULL) ==
                PB_BAD_ARGUMENT,
            "a workspace for predictions");
    REQUIRE(pb_predict(network, parameters, &d->X.view, 1, (pb_prediction)odd, w, NULL,
                       parameters) == PB_BAD_ARGUMENT,
            "prediction %d", odd);
    pb_workspace_free(w);
    REQUIRE(pb_workspace_new(network, n_rows, PB_WORKSPACE_GRADIENT, 1, &w) == PB_OK, "scratch");
    pb_batch other = d->batch;
    other.n_rows = 0;
    REQUIRE(pb_objective(network, parameters, &other, w, NULL, &objective, NULL, NULL) ==
                PB_BAD_ARGUMENT,
            "no rows");
    other = d->batch;
    other.y.kind = (pb_target_kind)odd;
    REQUIRE(pb_objective(network, parameters, &other, w, NULL, &objective, NULL, NULL) ==
                PB_BAD_ARGUMENT,
            "targets of kind %d", odd);
    int finite = 0;
    REQUIRE(pb_all_finite((pb_dtype)odd, 1, &objective, &finite) == PB_BAD_ARGUMENT, "dtype %d",
            odd);
    pb_epoch epoch;
    pb_optimizer sgd = {.name = "sgd", .learning_rate = 1};
    REQUIRE(pb_train_epoch(network, parameters, &sgd, &d->batch, n_rows, w, NULL, &epoch) ==
                PB_BAD_ARGUMENT,
            "a workspace for objectives");
    pb_workspace_free(w);
    if (n_rows > 1) {
        REQUIRE(pb_workspace_new(network, n_rows - 1, PB_WORKSPACE_GRADIENT, 1, &w) == PB_OK,
                "scratch");
        REQUIRE(pb_objective(network, parameters, &d->batch, w, NULL, &objective, NULL, NULL) ==
                    PB_BAD_ARGUMENT,
                "more rows than there is scratch for");
        pb_workspace_free(w);
    }
}

/* ---- One input --------------------------------------------------------------------------------
 */

#include "training.h"

static void try_network(bytes *b, problem *p, const pb_network *network) {
    batches d;
    choose_batches(b, p, &d);
    const size_t n = pb_network_n_parameters(network), n_threads = below(b, 3) + 1;
    void *parameters = reals(p->spec.dtype, n);
    for (size_t i = 0; i < n; i++) {
        put(p->spec.dtype, parameters, i, draw_element(-1, 2, p->is_wild && i % 7 == 0));
    }
    try_refusals(b, network, parameters, &d);
    void *predicted = try_predictions(b, p, network, parameters, &d, n_threads);
    try_objective(p, network, parameters, &d, predicted, n_threads);
    try_training(b, p, network, parameters, &d, n_threads);
    free(predicted);
    free(parameters);
    free_batches(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes b = {data, data + size};
    problem p;
    choose_problem(&b, &p);
    pb_network *network = NULL;
    const pb_status status = pb_network_new(&p.spec, &network);
    REQUIRE((status == PB_OK) == (p.status == PB_OK), "%d, not %d", status, p.status);
    pb_workspace *w = NULL;
    if (status == PB_OK && p.is_huge) {
        const pb_status refused = pb_workspace_new(network, 1, PB_WORKSPACE_TRAINING, 1, &w);
        REQUIRE(refused == PB_TOO_LARGE || refused == PB_NO_MEMORY, "%d", refused);
    } else if (status == PB_OK) {
        try_network(&b, &p, network);
    }
    pb_network_free(network);
    return 0;
}
