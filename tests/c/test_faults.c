/* Tests failing allocations and thread starts. A call whose allocation fails returns PB_NO_MEMORY,
 * leaks nothing and changes nothing, and the same objects then give the usual bits. If a thread
 * does not start, the call runs with fewer threads.
 *
 * The two files of csrc that request memory and threads from the system are compiled into this
 * program, with system functions that fail on request; the linker then ignores the copies of the
 * library. */
#define _GNU_SOURCE 1 /* as base/thread_platform.h wants it */
#include <errno.h>
#include <stdlib.h>

static void *some_calloc(size_t count, size_t size);
static void counted_free(void *block);
#define calloc some_calloc
#define free   counted_free

#if defined(_WIN32)
#    include <windows.h>
static HANDLE WINAPI some_thread(LPSECURITY_ATTRIBUTES attributes, SIZE_T stack,
                                 LPTHREAD_START_ROUTINE start, LPVOID argument, DWORD flags,
                                 LPDWORD id);
#    define CreateThread some_thread
#else
#    include <pthread.h>
static int some_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                       void *argument);
#    define pthread_create some_thread
#endif

#include "base/memory.c"
#include "base/thread_pool.c"
#undef calloc
#undef free
#undef pthread_create
#undef CreateThread

#include "check.h"

/* ---- A system that refuses ------------------------------------------------------------------- */

enum { NEVER = -1 };

/* How many requests it still grants; NEVER refuses none. */
static long blocks_left = NEVER, threads_left = NEVER;
static long n_refused_blocks, n_refused_threads, n_live;

static int refuses(long *left, long *n_refused) {
    if (*left == NEVER) {
        return 0;
    }
    if (*left > 0) {
        --*left;
        return 0;
    }
    ++*n_refused;
    return 1;
}

static void *some_calloc(size_t count, size_t size) {
    void *block = refuses(&blocks_left, &n_refused_blocks) ? NULL : calloc(count, size);
    n_live += block != NULL;
    return block;
}

static void counted_free(void *block) {
    n_live -= block != NULL;
    free(block);
}

#if defined(_WIN32)
static HANDLE WINAPI some_thread(LPSECURITY_ATTRIBUTES attributes, SIZE_T stack,
                                 LPTHREAD_START_ROUTINE start, LPVOID argument, DWORD flags,
                                 LPDWORD id) {
    return refuses(&threads_left, &n_refused_threads)
               ? NULL
               : CreateThread(attributes, stack, start, argument, flags, id);
}
#else
static int some_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                       void *argument) {
    return refuses(&threads_left, &n_refused_threads)
               ? EAGAIN
               : pthread_create(thread, attributes, start, argument);
}
#endif

/* ---- What a call reads and writes ------------------------------------------------------------ */

enum {
    N_ROWS = 900, /* four blocks, which make partial sums and are worth three threads */
    N_FEATURES = 6,
    N_HIDDEN = 100,
    N_OUTPUTS = 3,
    N_LAYERS = 2,
    BATCH = 400,
    N_PARAMETERS = (N_FEATURES + 1) * N_HIDDEN + (N_HIDDEN + 1) * N_OUTPUTS,
    MAX_STATES = 4,
    MAX_BLOCKS_OF_A_CALL = 10
};

/* All that a caller owns and a call may write to, without padding, so that memcmp sees it whole. */
typedef struct numbers {
    double parameters[N_PARAMETERS], states[MAX_STATES * N_PARAMETERS];
    double gradient[N_PARAMETERS], out[N_ROWS * N_OUTPUTS];
    double z[N_ROWS * N_OUTPUTS], a[N_ROWS * N_OUTPUTS], delta[N_ROWS * N_OUTPUTS];
    double objective;
    pb_epoch epoch;
    int64_t n_steps, n_epochs;
} numbers;

static double X_values[N_ROWS * N_FEATURES], y_values[N_ROWS * N_OUTPUTS];
static int64_t indptr[N_ROWS + 1];
static int32_t indices[N_ROWS * N_FEATURES];
static pb_batch rows;
static const size_t sizes[] = {N_FEATURES, N_HIDDEN, N_OUTPUTS};
static const double rates[N_LAYERS] = {0.25, 0.5};
static numbers now;

static void fill_data(void) {
    fill(PB_FLOAT64, X_values, N_ROWS * N_FEATURES, 1);
    fill(PB_FLOAT64, y_values, N_ROWS * N_OUTPUTS, 1);
    for (size_t i = 0; i < N_ROWS * N_FEATURES; i++) {
        indices[i] = (int32_t)(i % N_FEATURES);
        indptr[i / N_FEATURES + 1] = (int64_t)i + 1;
    }
}

static void start(void) {
    memset(&now, 0, sizeof now);
    draw_state = 5; /* the same parameters each time */
    fill(PB_FLOAT64, now.parameters, N_PARAMETERS, 0.125);
}

static int absolute(void *context, size_t n_rows, const void *y, const void *y_pred, double *values,
                    void *dloss_dy_pred) {
    (void)context;
    memset(values, 0, n_rows * sizeof *values);
    for (size_t i = 0; i < n_rows * N_OUTPUTS; i++) {
        const double difference = ((const double *)y_pred)[i] - ((const double *)y)[i];
        values[i / N_OUTPUTS] += fabs(difference);
        ((double *)dloss_dy_pred)[i] = difference < 0 ? -1 : 1;
    }
    return 0;
}

/* ---- The calls ------------------------------------------------------------------------------- */

/* One call of the public interface, and what it is called with. */
typedef struct call {
    const char *name;
    pb_status (*run)(const struct call *call);
    pb_workspace_kind kind;
    const char *rule;
    int is_sparse, drops, has_function, wants_trace;
    size_t n_threads;
} call;

static pb_network *network;
static pb_workspace *workspace;
static pb_network_spec spec;

static pb_status new_network(const call *c) {
    (void)c;
    pb_network *made = NULL;
    const pb_status status = pb_network_new(&spec, &made);
    CHECK((made == NULL) == (status != PB_OK), "a network and the status %d", status);
    pb_network_free(made);
    return status;
}

static pb_status new_workspace(const call *c) {
    pb_workspace *made = NULL;
    const pb_status status = pb_workspace_new(network, N_ROWS, c->kind, c->n_threads, &made);
    CHECK((made == NULL) == (status != PB_OK), "a workspace and the status %d", status);
    pb_workspace_free(made);
    return status;
}

static pb_status predict(const call *c) {
    const pb_prediction what = c->wants_trace ? PB_PREDICT_LOGITS : PB_PREDICT_OUTPUT;
    return pb_predict(network, now.parameters, &rows.X, N_ROWS, what, workspace, NULL, now.out);
}

static pb_status trace_forward(const call *c) {
    (void)c;
    void *const z[] = {NULL, now.z}, *const a[] = {NULL, now.a};
    const pb_trace trace = {z, a, NULL};
    return pb_trace_forward(network, now.parameters, &rows.X, N_ROWS, workspace, NULL, &trace);
}

static pb_status objective(const call *c) {
    void *const z[] = {NULL, now.z}, *const a[] = {NULL, now.a}, *const delta[] = {NULL, now.delta};
    const pb_trace trace = {z, a, delta};
    return pb_objective(network, now.parameters, &rows, workspace, NULL, &now.objective,
                        c->wants_trace ? now.gradient : NULL, c->wants_trace ? &trace : NULL);
}

static pb_status train(const call *c) {
    const pb_schedule schedule = {.name = "cosine", .learning_rate_init = 0.01, .horizon = 5};
    pb_optimizer optimizer = {.name = c->rule,
                              .hyperparameters = {0.9, 1, 0.9, 0.999, 1e-8, 0.01},
                              .learning_rate = 0.01,
                              .n_steps = now.n_steps,
                              .states = now.states,
                              .dropout = {c->drops ? rates : NULL, 7},
                              .schedule = &schedule,
                              .n_epochs = now.n_epochs,
                              .global_clipnorm = 1,
                              .max_norm = 3};
    const pb_status status = pb_train_epoch(network, now.parameters, &optimizer, &rows, BATCH,
                                            workspace, NULL, &now.epoch);
    now.n_steps = optimizer.n_steps;
    now.n_epochs = optimizer.n_epochs;
    return status;
}

static pb_status single_functions(const call *c) {
    (void)c;
    int finite = 0;
    pb_status status = pb_activate(PB_FLOAT64, "softmax", N_ROWS, N_OUTPUTS, y_values, now.a, NULL);
    if (status == PB_OK) {
        status = pb_log_activate(PB_FLOAT64, "softmax", N_ROWS, N_OUTPUTS, y_values, now.z, NULL);
    }
    if (status == PB_OK) {
        status = pb_activation_vjp(PB_FLOAT64, "softmax", N_ROWS, N_OUTPUTS, y_values, now.a, now.z,
                                   NULL);
    }
    if (status == PB_OK) {
        status = pb_all_finite(PB_FLOAT64, N_ROWS * N_OUTPUTS, now.z, &finite);
        now.objective = finite;
    }
    return status;
}

/* ---- Each allocation of a call fails --------------------------------------------------------- */

static void check_numbers(const numbers *expected, const call *c, const char *when, size_t n) {
    CHECK(memcmp(&now, expected, sizeof now) == 0, "%s: other numbers %s allocation %zu", c->name,
          when, n);
}

/* Once with all the memory there is, then without its first allocation, its second, and so on.
 * Returns how many there are. */
static size_t fail_each_allocation(const call *c) {
    static numbers before, expected;
    start();
    before = now;
    CHECK_SAME(c->run(c), PB_OK, "%s", c->name);
    expected = now;
    const long live = n_live;
    for (size_t n = 0; n < MAX_BLOCKS_OF_A_CALL; n++) {
        start();
        n_refused_blocks = 0;
        blocks_left = (long)n;
        const pb_status status = c->run(c);
        blocks_left = NEVER;
        CHECK_SAME(n_live, live, "blocks kept by %s without allocation %zu", c->name, n);
        if (n_refused_blocks == 0) {
            CHECK_SAME(status, PB_OK, "%s", c->name);
            check_numbers(&expected, c, "before", n);
            return n;
        }
        CHECK_SAME(status, PB_NO_MEMORY, "%s without allocation %zu", c->name, n);
        check_numbers(&before, c, "without", n);
        CHECK_SAME(c->run(c), PB_OK, "%s after allocation %zu had failed", c->name, n);
        check_numbers(&expected, c, "after", n);
    }
    CHECK(0, "%s allocates without end", c->name);
    return 0;
}

/* With a network and a workspace of its own. */
static size_t test_call(const call *c) {
    spec = (pb_network_spec){PB_FLOAT64,
                             N_LAYERS,
                             sizes,
                             EVERY_LAYER("tanh"),
                             "identity",
                             "squared_error",
                             .alphas = SAME_ALPHAS(0.01),
                             .loss_function = c->has_function ? absolute : NULL};
    rows = (pb_batch){{X_values, N_FEATURES, 1, NULL, NULL},
                      {y_values, PB_TARGET_REAL, N_OUTPUTS, 1},
                      NULL,
                      NULL,
                      N_ROWS};
    if (c->is_sparse) {
        rows.X = (pb_samples){X_values, 0, 0, indptr, indices};
    }
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
    CHECK_SAME(pb_network_n_parameters(network), N_PARAMETERS, "parameters");
    CHECK_SAME(pb_workspace_new(network, N_ROWS, c->kind, c->n_threads, &workspace), PB_OK,
               "scratch");
    const size_t n = fail_each_allocation(c);
    pb_workspace_free(workspace);
    pb_network_free(network);
    CHECK_SAME(n_live, 0, "blocks left by %s", c->name);
    return n;
}

static void test_calls(size_t n_threads) {
    const call calls[] = {
        {"pb_network_new", new_network, PB_WORKSPACE_PREDICTION},
        {"pb_network_new, a function", new_network, PB_WORKSPACE_PREDICTION, .has_function = 1},
        {"pb_workspace_new for prediction", new_workspace, PB_WORKSPACE_PREDICTION},
        {"pb_workspace_new for an objective", new_workspace, PB_WORKSPACE_GRADIENT},
        {"pb_workspace_new, a function", new_workspace, PB_WORKSPACE_GRADIENT, .has_function = 1},
        {"pb_workspace_new for training", new_workspace, PB_WORKSPACE_TRAINING},
        {"pb_workspace_new for dropout", new_workspace, PB_WORKSPACE_DROPOUT},
        {"pb_predict", predict, PB_WORKSPACE_PREDICTION},
        {"pb_predict, logits", predict, PB_WORKSPACE_PREDICTION, .wants_trace = 1},
        {"pb_predict, sparse", predict, PB_WORKSPACE_PREDICTION, .is_sparse = 1},
        {"pb_trace_forward", trace_forward, PB_WORKSPACE_PREDICTION},
        {"pb_objective", objective, PB_WORKSPACE_GRADIENT},
        {"pb_objective, all", objective, PB_WORKSPACE_GRADIENT, .wants_trace = 1},
        {"pb_objective, all, sparse", objective, PB_WORKSPACE_GRADIENT, .wants_trace = 1,
         .is_sparse = 1},
        {"pb_objective, a function", objective, PB_WORKSPACE_GRADIENT, .wants_trace = 1,
         .has_function = 1},
        {"pb_train_epoch, a function", train, PB_WORKSPACE_TRAINING, "adam", .has_function = 1},
        {"single functions", single_functions, PB_WORKSPACE_PREDICTION},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        call c = calls[i];
        c.n_threads = n_threads;
        const size_t n = test_call(&c);
        /* All that makes an object does so in one block, and nothing else needs any. */
        CHECK_SAME(n, c.run == new_network || c.run == new_workspace, "blocks of %s", c.name);
    }
    pb_optimizer_info info;
    for (size_t i = 0; pb_optimizer_at(i, &info) == PB_OK; i++) {
        CHECK(info.n_states <= MAX_STATES, "%d states of %s", info.n_states, info.name);
        for (int kind = 0; kind < 4; kind++) {
            const call c = {.name = info.name,
                            .run = train,
                            .kind = kind / 2 ? PB_WORKSPACE_DROPOUT : PB_WORKSPACE_TRAINING,
                            .rule = info.name,
                            .is_sparse = kind % 2,
                            .drops = kind / 2,
                            .n_threads = n_threads};
            /* A sparse table with some values left out is a copy. */
            CHECK_SAME(test_call(&c), kind == 3, "blocks of %s, kind %d", c.name, kind);
        }
    }
}

/* ---- No thread more can be started ----------------------------------------------------------- */

enum { N_THREADS = 3 };

static const numbers *trained(size_t n_threads) {
    const call c = {"training", train, PB_WORKSPACE_TRAINING, "adam", .n_threads = n_threads};
    (void)test_call(&c);
    return &now;
}

/* The pool has no worker yet. */
static void test_threads_that_do_not_start(void) {
    static numbers expected;
    expected = *trained(1);
    CHECK_SAME(pool.n_workers, 0, "workers of one thread");

#if !defined(_WIN32)
    atfork_status = ENOMEM; /* the system did not take the function that makes a fork safe */
    CHECK(memcmp(trained(N_THREADS), &expected, sizeof expected) == 0, "no fork handler");
    CHECK_SAME(pool.n_workers, 0, "workers without a fork handler");
    atfork_status = 0;
#endif

    for (size_t n = 0; n < N_THREADS; n++) {
        pool.n_refusals = 0; /* else the next request is a thousand jobs away */
        n_refused_threads = 0;
        threads_left = n == 0 ? 0 : 1;
        CHECK(memcmp(trained(N_THREADS), &expected, sizeof expected) == 0, "%zu workers", n);
        CHECK_SAME(pool.n_workers, n, "workers");
        CHECK_SAME(n_refused_threads > 0, n + 1 < N_THREADS, "refusals with %zu workers", n);
    }
    threads_left = NEVER;
}

int main(void) {
    fill_data();
    test_threads_that_do_not_start();
    test_calls(1);
    test_calls(N_THREADS);
    return check_summary();
}
