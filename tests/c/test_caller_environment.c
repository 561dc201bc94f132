/* Tests callers with another floating-point environment: another rounding mode, subnormal numbers
 * flushed to zero, or traps. Every function that computes gives the bits of the default
 * environment, with one thread and with several, and leaves the environment of the caller
 * unchanged.
 *
 * Between setting and restoring an environment this file computes nothing itself. */
#include <fenv.h>

#include "check.h"

#if defined(__x86_64__)
#    include <xmmintrin.h>
#endif

/* ---- Environments ---------------------------------------------------------------------------- */

/* How the processor rounds and flushes, what traps, and what was raised. */
typedef struct control {
    uint64_t modes, raised;
} control;

static control control_now(void) {
#if defined(__x86_64__)
    return (control){_mm_getcsr(), 0};
#elif defined(__aarch64__)
    control c;
    __asm__ volatile("mrs %0, fpcr" : "=r"(c.modes));
    __asm__ volatile("mrs %0, fpsr" : "=r"(c.raised));
    return c;
#else
    return (control){(uint64_t)fegetround(), 0};
#endif
}

/* Bits of the control register to set and to clear; 0 where this machine has no such thing. */
#if defined(__x86_64__)
#    define FLUSH 0x8040u /* flush to zero; denormals are zero         */
#    define TRAPS 0x0680u /* masks of: invalid, divide by zero, overflow */
#elif defined(__aarch64__)
#    define FLUSH (UINT64_C(1) << 24)
#    define TRAPS 0u
#else
#    define FLUSH 0u
#    define TRAPS 0u
#endif

static void set_modes(uint64_t set, uint64_t clear) {
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() | (unsigned)set) & ~(unsigned)clear & ~0x3fu);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"((control_now().modes | set) & ~clear));
#else
    (void)set;
    (void)clear;
#endif
}

typedef struct environment {
    const char *name;
    int rounding;
    uint64_t set, clear;
} environment;

static const environment environments[] = {
    {"upward", FE_UPWARD, 0, 0},          {"downward", FE_DOWNWARD, 0, 0},
    {"toward zero", FE_TOWARDZERO, 0, 0}, {"flush to zero", FE_TONEAREST, FLUSH, 0},
    {"traps", FE_TONEAREST, 0, TRAPS},    {"upward, flush to zero, traps", FE_UPWARD, FLUSH, TRAPS},
};

/* ---- What is computed ------------------------------------------------------------------------ */

enum { N_ROWS = 600, N_POINTS = 400, MAX_RESULTS = 400, BATCH = 290 };

static const size_t sizes[] = {6, 40, 3};

/* Inputs, made before; outputs, compared after. */
typedef struct work {
    pb_dtype dtype;
    void *points, *X, *y, *theta, *states;
    size_t n_results;
    struct {
        const char *what;
        pb_dtype dtype;
        void *values;
        size_t n;
    } results[MAX_RESULTS];
    size_t n_failed; /* statuses other than PB_OK */
} work;

/* Both subnormal numbers and sums that are rounded: every second column of X is tiny, so that the
 * gradients of its coefficients are subnormal. */
static void make_inputs(work *w, pb_dtype dtype) {
    const double tiny = dtype == PB_FLOAT64 ? 0x1p-1050 : 0x1p-135;
    const size_t n_parameters = 6 * 40 + 40 * 3 + 40 + 3;
    memset(w, 0, sizeof *w);
    draw_state = 11; /* the same numbers each time */
    w->dtype = dtype;
    w->points = reals(dtype, N_POINTS);
    w->X = reals(dtype, N_ROWS * sizes[0]);
    w->y = reals(dtype, N_ROWS * sizes[2]);
    w->theta = reals(dtype, n_parameters);
    w->states = reals(dtype, 2 * n_parameters);
    for (size_t i = 0; i < N_POINTS; i++) {
        put(dtype, w->points, i, draw() * (i % 4 == 0 ? tiny : i % 4 == 1 ? 60 : 1));
    }
    put(dtype, w->points, 7, INFINITY);
    put(dtype, w->points, 8, NAN);
    put(dtype, w->points, 9, dtype == PB_FLOAT64 ? DBL_MAX : (double)FLT_MAX);
    for (size_t i = 0; i < N_ROWS * sizes[0]; i++) {
        put(dtype, w->X, i, draw() * (i % 2 == 0 ? tiny : 1));
    }
    for (size_t i = 0; i < N_ROWS * sizes[2]; i++) {
        put(dtype, w->y, i, draw_below(2) == 1);
    }
    fill(dtype, w->theta, n_parameters, 0.25);
    memset(w->states, 0, 2 * n_parameters * item_size(dtype));
}

static void *result_of(work *w, const char *what, pb_dtype dtype, size_t n) {
    if (w->n_results == MAX_RESULTS) {
        printf("too many results\n");
        exit(EXIT_FAILURE);
    }
    w->results[w->n_results].what = what;
    w->results[w->n_results].dtype = dtype;
    w->results[w->n_results].n = n;
    return w->results[w->n_results++].values = reals(dtype, n);
}

static void *result(work *w, const char *what, size_t n) { return result_of(w, what, w->dtype, n); }

static double *double_result(work *w, const char *what) {
    return result_of(w, what, PB_FLOAT64, 1);
}

static void note(work *w, pb_status status) { w->n_failed += status != PB_OK; }

static void compute_functions(work *w) {
    pb_activation_info f;
    pb_schedule_info row;
    int finite = 0;
    for (size_t i = 0; pb_activation_at(i, &f) == PB_OK; i++) {
        void *a = result(w, f.name, N_POINTS), *vector = result(w, f.name, N_POINTS);
        note(w, pb_activate(w->dtype, f.name, N_POINTS / 4, 4, w->points, a, NULL));
        memcpy(vector, w->points, N_POINTS * item_size(w->dtype));
        note(w, pb_activation_vjp(w->dtype, f.name, N_POINTS / 4, 4, w->points, a, vector, NULL));
        if (f.has_log) {
            note(w, pb_log_activate(w->dtype, f.name, N_POINTS / 4, 4, w->points,
                                    result(w, f.name, N_POINTS), NULL));
        }
    }
    for (size_t i = 0; pb_schedule_at(i, &row) == PB_OK; i++) {
        const pb_schedule schedule = {row.name, 0.01, 0.5, 20, 0.7, 3, 5};
        double *rate = double_result(w, row.name);
        *rate = 0.01;
        note(w, pb_schedule_after_epoch(&schedule, 12345, rate));
        note(w, pb_schedule_rate(&schedule, 4.3, 0.1, rate));
        note(w, pb_schedule_on_plateau(&schedule, rate));
    }
    note(w, pb_all_finite(w->dtype, N_ROWS * sizes[0], w->X, &finite));
    w->n_failed += !finite;
}

static void compute_network(work *w, const char *output, const char *loss, size_t n_threads) {
    const pb_network_spec spec = {
        w->dtype, 2, sizes, EVERY_LAYER("tanh"), output, loss, .alphas = SAME_ALPHAS(0.3)};
    const pb_batch batch = {
        {w->X, 6, 1, NULL, NULL}, {w->y, PB_TARGET_REAL, 3, 1}, NULL, NULL, N_ROWS};
    pb_network *network = NULL;
    pb_workspace *scratch = NULL;
    note(w, pb_network_new(&spec, &network));
    note(w, pb_workspace_new(network, N_ROWS, PB_WORKSPACE_TRAINING, n_threads, &scratch));
    const size_t n = pb_network_n_parameters(network);
    void *const z[] = {result(w, "z", N_ROWS * sizes[1]), result(w, "z", N_ROWS * sizes[2])};
    void *const delta[] = {result(w, "delta", N_ROWS * sizes[1]),
                           result(w, "delta", N_ROWS * sizes[2])};
    const pb_trace trace = {z, NULL, delta}, forward = {NULL, z, NULL};
    note(w, pb_trace_forward(network, w->theta, &batch.X, N_ROWS, scratch, NULL, &forward));
    note(w, pb_objective(network, w->theta, &batch, scratch, NULL, double_result(w, loss),
                         result(w, "gradient", n), &trace));
    note(w, pb_predict(network, w->theta, &batch.X, N_ROWS, PB_PREDICT_OUTPUT, scratch, NULL,
                       result(w, output, N_ROWS * sizes[2])));
    pb_optimizer_info rule;
    for (size_t i = 0; pb_optimizer_at(i, &rule) == PB_OK; i++) {
        void *theta = result(w, rule.name, n);
        pb_epoch epoch = {0, 0, 0};
        pb_optimizer optimizer = {
            rule.name, {0.9, 1, 0.9, 0.999, 1e-8, 0.01}, 0.01, 41, .states = w->states};
        memcpy(theta, w->theta, n * item_size(w->dtype));
        memset(w->states, 0, 2 * n * item_size(w->dtype));
        note(w, pb_train_epoch(network, theta, &optimizer, &batch, BATCH, scratch, NULL, &epoch));
        *double_result(w, rule.name) = epoch.loss;
        memcpy(result(w, "states", 2 * n), w->states, 2 * n * item_size(w->dtype));
    }
    pb_workspace_free(scratch);
    pb_network_free(network);
}

static void compute(work *w) {
    compute_functions(w);
    for (size_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        compute_network(w, "logistic", "binary_log_loss", n_threads);
        compute_network(w, "softmax", "squared_error", n_threads);
        compute_network(w, "exp", "poisson", n_threads);
    }
}

/* Computes in an environment; what the caller has afterwards must be what it had before. */
static void compute_in(const environment *e, work *w, control *before, control *after) {
    fenv_t saved;
    const control modes = control_now();
    fegetenv(&saved);
    fesetround(e->rounding);
    set_modes(e->set, e->clear);
    *before = control_now();
    compute(w);
    *after = control_now();
    fesetenv(&saved);
    set_modes(modes.modes, ~modes.modes); /* which mingw-w64 forgets */
}

static void free_work(work *w) {
    for (size_t i = 0; i < w->n_results; i++) {
        free(w->results[i].values);
    }
    free(w->points);
    free(w->X);
    free(w->y);
    free(w->theta);
    free(w->states);
}

static void test_environment(const environment *e, const work *expected) {
    work w;
    control before, after;
    fflush(stdout); /* a trap that is sprung ends the program */
    make_inputs(&w, expected->dtype);
    compute_in(e, &w, &before, &after);
    CHECK_SAME(w.n_failed, 0, "%s", e->name);
    CHECK(before.modes == after.modes && before.raised == after.raised,
          "%s: %llx became %llx, raised %llx became %llx", e->name,
          (unsigned long long)before.modes, (unsigned long long)after.modes,
          (unsigned long long)before.raised, (unsigned long long)after.raised);
    CHECK_SAME(w.n_results, expected->n_results, "%s", e->name);
    for (size_t i = 0; i < w.n_results; i++) {
        char where[80];
        snprintf(where, sizeof where, "of %s: %s", w.results[i].what, e->name);
        CHECK_BITS(w.results[i].dtype, w.results[i].n, w.results[i].values,
                   expected->results[i].values, where);
    }
    free_work(&w);
}

int main(void) {
    /* The first call of all, in which the kernels are chosen, is in another environment too. */
    work first[2];
    control before, after;
    FOR_DTYPES(dtype) {
        make_inputs(&first[dtype], dtype);
        compute_in(&environments[0], &first[dtype], &before, &after);
    }
    FOR_DTYPES(dtype) {
        work expected;
        make_inputs(&expected, dtype);
        compute(&expected);
        CHECK_SAME(expected.n_failed, 0, "the default environment");
        for (size_t i = 0; i < expected.n_results; i++) {
            CHECK_BITS(expected.results[i].dtype, expected.results[i].n,
                       first[dtype].results[i].values, expected.results[i].values,
                       expected.results[i].what);
        }
        for (size_t i = 0; i < sizeof environments / sizeof environments[0]; i++) {
            test_environment(&environments[i], &expected);
        }
        free_work(&expected);
        free_work(&first[dtype]);
    }
    return check_summary();
}
