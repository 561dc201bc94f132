/* Golden bits of whole networks: all values of a forward and a backward pass, for many shapes. Each
 * is computed from every layout of its input, and all layouts must have the same bits. */
#ifndef GOLDEN_NETWORKS_H
#define GOLDEN_NETWORKS_H

#include "layouts.h"
#include "record.h"

enum { MAX_LAYERS = 6 };

/* One activation for each hidden layer, as pb_network_spec wants them. */
#define EVERY_LAYER(name) ((const char *const[MAX_LAYERS]){name, name, name, name, name, name})

typedef enum weighting {
    EQUAL,    /* no weights                                           */
    WEIGHTED, /* every fifth row weighs nothing                       */
    HOLLOW    /* the second block of 256 rows weighs nothing at all   */
} weighting;

typedef struct network_case {
    size_t n_rows;
    const char *hidden, *output, *loss;
    double alpha;
    weighting weighting;
    size_t n_layers;
    size_t sizes[MAX_LAYERS + 1];
} network_case;

/* The case and what is computed for it, row-major and in the batch's order. */
typedef struct problem {
    const network_case *c;
    pb_dtype dtype;
    size_t n_threads, d, n_outputs, n_parameters;
    pb_network *network;
    void *X, *y, *theta;
    int targets_are_codes; /* zeros and ones: they can be passed as uint8 or as classes */
    double *weights;       /* NULL: none */
} problem;

typedef struct outcome {
    void *z[MAX_LAYERS], *a[MAX_LAYERS], *delta[MAX_LAYERS], *gradient;
    double objective;
} outcome;

/* ---- The input ----------------------------------------------------------------------------- */

/* About 1 / sqrt(fan in): pre-activations then neither vanish nor saturate. */
static double coefficient_scale(size_t fan_in) {
    double scale = 2;
    for (; fan_in > 0; fan_in /= 4) {
        scale *= 0.5;
    }
    return scale;
}

static void fill_parameters(problem *p) {
    p->theta = reals(p->dtype, p->n_parameters);
    for (size_t l = 0, i = 0; l < p->c->n_layers; l++) {
        size_t coefs, intercepts;
        const size_t fan_in = p->c->sizes[l], fan_out = p->c->sizes[l + 1];
        require(pb_network_layer(p->network, l, &coefs, &intercepts), "layer");
        for (size_t k = 0; k < fan_in * fan_out; k++) {
            put(p->dtype, p->theta, coefs + k,
                fraction(p->dtype, 70, i++) * coefficient_scale(fan_in));
        }
        for (size_t k = 0; k < fan_out; k++) {
            put(p->dtype, p->theta, intercepts + k, fraction(p->dtype, 71, i++) * 0.5);
        }
    }
}

/* A quarter of zeros, for the sparse layouts; in every eighth row seven in eight, in every 32nd
 * nothing else. */
static void fill_samples(problem *p) {
    const size_t n = p->c->n_rows * p->d;
    p->X = reals(p->dtype, n);
    for (size_t i = 0; i < n; i++) {
        const size_t row = i / p->d;
        const uint64_t kept = row % 32 == 31 ? 0 : row % 8 == 7 ? 1 : 6;
        put(p->dtype, p->X, i, below(8, 72, i) < kept ? 2 * fraction(p->dtype, 73, i) : 0);
    }
}

static void fill_targets(problem *p) {
    const size_t d = p->n_outputs, n = p->c->n_rows * d;
    pb_loss_info loss = {0};
    for (size_t i = 0; loss.name == NULL || strcmp(loss.name, p->c->loss) != 0; i++) {
        require(pb_loss_at(i, &loss), p->c->loss);
    }
    p->targets_are_codes = loss.target_high == 1;
    p->y = reals(p->dtype, n);
    for (size_t i = 0; i < n; i++) {
        const double value = loss.rows_sum_to_one    ? (double)(below(d, 74, i / d) == i % d)
                             : loss.target_high == 1 ? (double)below(2, 75, i)
                             : loss.target_low == 0  ? (double)below(24, 76, i) * 0.25
                                                     : 2 * fraction(p->dtype, 77, i);
        put(p->dtype, p->y, i, value);
    }
    if (p->c->weighting != EQUAL) {
        p->weights = allocate(p->c->n_rows, sizeof(double));
        for (size_t i = 0; i < p->c->n_rows; i++) {
            const int empty = p->c->weighting == WEIGHTED ? i % 5 == 3 : i / 256 == 1;
            p->weights[i] = empty ? 0 : (double)(1 + below(1000, 78, i)) * 0x1p-8;
        }
    }
}

static void start_problem(problem *p, const network_case *c, pb_dtype dtype, size_t n_threads) {
    const double alphas[MAX_LAYERS] = {c->alpha, c->alpha, c->alpha, c->alpha, c->alpha, c->alpha};
    const pb_network_spec spec = {dtype,     c->n_layers, c->sizes,        EVERY_LAYER(c->hidden),
                                  c->output, c->loss,     .alphas = alphas};
    *p = (problem){c,    dtype, n_threads, c->sizes[0], c->sizes[c->n_layers], 0, NULL, NULL,
                   NULL, NULL,  0,         NULL};
    require(pb_network_new(&spec, &p->network), c->loss);
    p->n_parameters = pb_network_n_parameters(p->network);
    fill_parameters(p);
    fill_samples(p);
    fill_targets(p);
}

static void finish_problem(problem *p) {
    free(p->X);
    free(p->y);
    free(p->theta);
    free(p->weights);
    pb_network_free(p->network);
}

/* ---- The input, laid out ------------------------------------------------------------------- */

typedef struct input {
    pb_batch batch;
    table X;
    void *y;
    double *weights;
    int64_t *order;
} input;

/* Targets as bytes or class codes where they can be; as numbers in some layouts all the same. */
static pb_targets targets_of(const problem *p, layout l, void **array) {
    const size_t n = p->c->n_rows, d = p->n_outputs;
    strides s;
    if (!p->targets_are_codes || l % 3 == 0) {
        *array = laid_out(l, n, d, p->y, item_size(p->dtype), &s);
        return (pb_targets){at(p->dtype, *array, s.start), PB_TARGET_REAL, s.row, s.column};
    }
    const int one_hot = strcmp(p->c->loss, "binary_log_loss") != 0 || d == 1;
    if (one_hot && d != 1) {
        int32_t *codes = allocate(n, sizeof(int32_t));
        for (size_t i = 0; i < n * d; i++) {
            if ((bits_of(p->dtype, p->y, i)) != 0) {
                codes[i / d] = (int32_t)(i % d);
            }
        }
        *array = laid_out(l, n, 1, codes, sizeof(int32_t), &s);
        free(codes);
        return (pb_targets){(int32_t *)*array + s.start, PB_TARGET_CLASS, s.row, s.column};
    }
    uint8_t *indicators = allocate(n * d, 1);
    for (size_t i = 0; i < n * d; i++) {
        indicators[i] = bits_of(p->dtype, p->y, i) != 0;
    }
    *array = laid_out(l, n, d, indicators, 1, &s);
    free(indicators);
    return (pb_targets){(uint8_t *)*array + s.start, PB_TARGET_INDICATOR, s.row, s.column};
}

static input input_of(const problem *p, layout l) {
    const size_t n = p->c->n_rows;
    input in = {.X = table_of(p->dtype, l, n, p->d, p->X)};
    in.batch.X = in.X.X;
    in.batch.y = targets_of(p, l, &in.y);
    in.batch.n_rows = n;
    if (p->weights != NULL) {
        strides s;
        /* Weights are one to a row of the table, wherever the row's numbers are. */
        in.weights = laid_out(is_gathered(l) ? l : ROWS, n, 1, p->weights, sizeof(double), &s);
        in.batch.weights = in.weights;
    }
    if (is_gathered(l)) {
        in.order = allocate(n, sizeof(int64_t));
        for (size_t i = 0; i < n; i++) {
            in.order[i] = (int64_t)place_of_row(l, i, n);
        }
        in.batch.order = in.order;
    }
    return in;
}

static void free_input(input *in) {
    free_table(&in->X);
    free(in->y);
    free(in->weights);
    free(in->order);
}

/* ---- The numbers --------------------------------------------------------------------------- */

static outcome new_outcome(const problem *p) {
    outcome o = {.gradient = reals(p->dtype, p->n_parameters)};
    for (size_t l = 0; l < p->c->n_layers; l++) {
        const size_t n = p->c->n_rows * p->c->sizes[l + 1];
        void **const arrays[] = {&o.z[l], &o.a[l], &o.delta[l]};
        for (size_t k = 0; k < COUNT(arrays); k++) {
            *arrays[k] = reals(p->dtype, n);
        }
        memset(o.delta[l], 0, n * item_size(p->dtype)); /* rows without weight have none */
    }
    return o;
}

static void free_outcome(outcome *o) {
    free(o->gradient);
    for (size_t l = 0; l < MAX_LAYERS; l++) {
        free(o->z[l]);
        free(o->a[l]);
        free(o->delta[l]);
    }
}

/* What the objective says by itself, and what a forward pass says of rows without weight too. */
static void check_parts(const problem *p, const pb_batch *batch, pb_workspace *w, outcome *o) {
    const pb_trace forward = {o->z, o->a, NULL};
    double alone = 0;
    require(pb_objective(p->network, p->theta, batch, w, NULL, &alone, NULL, NULL),
            "pb_objective without a gradient");
    if (!same_bits(PB_FLOAT64, 1, &alone, &o->objective)) {
        fail("%s: without its gradient, the objective is another", p->c->loss);
    }
    require(pb_trace_forward(p->network, p->theta, &batch->X, p->c->n_rows, w, NULL, &forward),
            "pb_trace_forward");
}

static outcome compute(const problem *p, layout l, pb_workspace *w) {
    input in = input_of(p, l);
    outcome o = new_outcome(p);
    const pb_trace trace = {o.z, o.a, o.delta};
    require(
        pb_objective(p->network, p->theta, &in.batch, w, NULL, &o.objective, o.gradient, &trace),
        "pb_objective");
    if (l == ROWS) {
        check_parts(p, &in.batch, w, &o);
    }
    free_input(&in);
    return o;
}

/* Rows with weight only: an objective says nothing of the others. */
static int same_rows(const problem *p, size_t width, const void *a, const void *b) {
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const ptrdiff_t row = (ptrdiff_t)(i * width);
        if ((p->weights == NULL || p->weights[i] > 0) &&
            !same_bits(p->dtype, width, at(p->dtype, a, row), at(p->dtype, b, row))) {
            return 0;
        }
    }
    return 1;
}

static void compare(const problem *p, layout l, const outcome *o, const outcome *expected,
                    const char *name) {
    const char *where = layout_names[l], *dtype = dtype_name(p->dtype);
    for (size_t k = 0; k < p->c->n_layers; k++) {
        const size_t width = p->c->sizes[k + 1];
        if (!same_rows(p, width, o->z[k], expected->z[k]) ||
            !same_rows(p, width, o->a[k], expected->a[k])) {
            fail("%s %s: %s: layer %zu has another z or a", name, dtype, where, k + 1);
        }
        if (!same_rows(p, width, o->delta[k], expected->delta[k])) {
            fail("%s %s: %s: layer %zu has another delta", name, dtype, where, k + 1);
        }
    }
    if (!same_bits(p->dtype, p->n_parameters, o->gradient, expected->gradient)) {
        fail("%s %s: %s: another gradient", name, dtype, where);
    }
    if (!same_bits(PB_FLOAT64, 1, &o->objective, &expected->objective)) {
        fail("%s %s: %s: another objective", name, dtype, where);
    }
}

/* Predictions are the traced outputs: for all rows at once, from another layout and with scratch
 * for fewer rows, and for one row alone. */
static void check_predictions(const problem *p, layout l, const outcome *expected,
                              const char *name) {
    const size_t n = p->c->n_rows, d = p->n_outputs, last = p->c->n_layers - 1;
    const size_t alone[] = {0, n / 3, n - 1};
    pb_workspace *w = NULL;
    void *out = reals(p->dtype, n * d);
    require(
        pb_workspace_new(p->network, n < 100 ? 3 : 300, PB_WORKSPACE_PREDICTION, p->n_threads, &w),
        "workspace");
    for (int what = PB_PREDICT_OUTPUT; what <= PB_PREDICT_LOGITS; what++) {
        const void *traced = what == PB_PREDICT_LOGITS ? expected->z[last] : expected->a[last];
        table t = table_of(p->dtype, l, n, p->d, p->X);
        require(pb_predict(p->network, p->theta, &t.X, n, (pb_prediction)what, w, NULL, out),
                "pb_predict");
        if (!same_bits(p->dtype, n * d, out, traced)) {
            fail("%s %s: %s: predictions are not the trace", name, dtype_name(p->dtype),
                 layout_names[l]);
        }
        free_table(&t);
        for (size_t k = 0; k < COUNT(alone); k++) {
            const pb_samples x = {at(p->dtype, p->X, (ptrdiff_t)(alone[k] * p->d)), (ptrdiff_t)p->d,
                                  1, NULL, NULL};
            require(pb_predict(p->network, p->theta, &x, 1, (pb_prediction)what, w, NULL, out),
                    "pb_predict");
            if (!same_bits(p->dtype, d, out, at(p->dtype, traced, (ptrdiff_t)(alone[k] * d)))) {
                fail("%s %s: row %zu has other bits alone", name, dtype_name(p->dtype), alone[k]);
            }
        }
    }
    free(out);
    pb_workspace_free(w);
}

/* ---- The lines ----------------------------------------------------------------------------- */

static void name_of(const network_case *c, char name[NAME_LENGTH]) {
    static const char *const weightings[] = {"", "/weighted", "/hollow"};
    int length = snprintf(name, NAME_LENGTH, "%zu/", c->n_rows);
    for (size_t l = 0; l <= c->n_layers; l++) {
        length += snprintf(name + length, NAME_LENGTH - (size_t)length, "%s%zu", l == 0 ? "" : "x",
                           c->sizes[l]);
    }
    snprintf(name + length, NAME_LENGTH - (size_t)length, "/%s/%s/%s%s%s",
             c->n_layers == 1 ? "-" : c->hidden, c->output, c->loss, c->alpha > 0 ? "/alpha" : "",
             weightings[c->weighting]);
}

static void emit_part(const char *part, const char *name, const problem *p, sha256 *s) {
    char line[NAME_LENGTH + 16];
    snprintf(line, sizeof line, "%s/%s", part, name);
    emit(line, p->dtype, s);
}

static void emit_outcome(const problem *p, const outcome *o, const char *name) {
    sha256 forward, backward, objective;
    sha256_start(&forward);
    sha256_start(&backward);
    sha256_start(&objective);
    for (size_t l = 0; l < p->c->n_layers; l++) {
        const size_t n = p->c->n_rows * p->c->sizes[l + 1];
        hash_reals(&forward, p->dtype, n, o->z[l]);
        hash_reals(&forward, p->dtype, n, o->a[l]);
        hash_reals(&backward, p->dtype, n, o->delta[l]);
    }
    hash_reals(&backward, p->dtype, p->n_parameters, o->gradient);
    hash_reals(&objective, PB_FLOAT64, 1, &o->objective);
    emit_part("forward", name, p, &forward);
    emit_part("backward", name, p, &backward);
    emit_part("objective", name, p, &objective);
}

/* `layouts` is a set of bits, 1 << layout; rows come first and are what is hashed. */
static void network_lines(const network_case *c, pb_dtype dtype, size_t n_threads,
                          unsigned layouts) {
    problem p;
    pb_workspace *w = NULL;
    char name[NAME_LENGTH];
    name_of(c, name);
    start_problem(&p, c, dtype, n_threads);
    require(pb_workspace_new(p.network, c->n_rows, PB_WORKSPACE_GRADIENT, n_threads, &w), name);
    outcome expected = compute(&p, ROWS, w);
    layout other = ROWS;
    for (layout l = ROWS + 1; l < N_LAYOUTS; l++) {
        if ((layouts >> l & 1) != 0) {
            outcome o = compute(&p, l, w);
            compare(&p, l, &o, &expected, name);
            free_outcome(&o);
            other = is_gathered(l) ? other : l;
        }
    }
    check_predictions(&p, other, &expected, name);
    emit_outcome(&p, &expected, name);
    free_outcome(&expected);
    pb_workspace_free(w);
    finish_problem(&p);
}

#endif
