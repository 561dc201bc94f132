/* Tests interrupted and refused training: parameters, optimizer states and the step count are those
 * of the last complete step. Steps are taken slice by slice or, for long work, after the whole
 * gradient; the table of kernels defines what is long. */
#include "base/interrupt.h"
#include "check.h"
#include "network/network.h"

enum { N_ROWS = 103, BATCH = 20, N_STEPS = 6, N_FEATURES = 4, N_PARAMETERS = 33 };

typedef struct run {
    double parameters[N_PARAMETERS], states[2 * N_PARAMETERS];
    pb_optimizer optimizer;
    pb_status status;
} run;

static pb_network *network;
static pb_workspace *workspace;
static pb_dtype dtype_now;

static void start(run *r, const char *rule) {
    memset(r, 0, sizeof *r); /* zero states are all-zero bits */
    r->optimizer =
        (pb_optimizer){rule, {0.9, 1, 0.9, 0.999, 1e-8, 0}, 0.01, 0, .states = r->states};
    draw_state = 5; /* the same parameters each time */
    fill(dtype_now, r->parameters, N_PARAMETERS, 0.25);
}

/* An epoch over the first n_rows rows. */
static void train(run *r, const char *rule, const pb_batch *rows, size_t n_rows,
                  pb_interrupt *interrupt) {
    pb_batch some = *rows;
    pb_epoch epoch;
    some.n_rows = n_rows;
    start(r, rule);
    r->status = pb_train_epoch(network, r->parameters, &r->optimizer, &some, BATCH, workspace,
                               interrupt, &epoch);
}

static void check_same_run(const run *actual, const run *expected, const char *what) {
    CHECK_BITS(dtype_now, N_PARAMETERS, actual->parameters, expected->parameters, what);
    CHECK_BITS(dtype_now, 2 * N_PARAMETERS, actual->states, expected->states, what);
    CHECK_SAME(actual->optimizer.n_steps, expected->optimizer.n_steps, "%s", what);
}

static void make_workspace(void) {
    CHECK_SAME(pb_workspace_new(network, BATCH, PB_WORKSPACE_TRAINING, 2, &workspace), PB_OK,
               "scratch");
}

static int poll(void *context) {
    int *left = context;
    return (*left)-- == 0;
}

/* Stops at the first question, at the second, ... until an epoch is done with its questions:
 * returns how many those are. */
static int test_interruption(const char *rule, const pb_batch *rows) {
    static run after[N_STEPS + 1]; /* after 0, 1, ... steps */
    size_t n_stopped[N_STEPS + 1] = {0};
    int questions = 0;
    run r;
    start(&after[0], rule);
    for (size_t k = 1; k <= N_STEPS; k++) {
        train(&after[k], rule, rows, k < N_STEPS ? k * BATCH : N_ROWS, NULL);
        CHECK_SAME(after[k].status, PB_OK, "%zu steps", k);
        CHECK_SAME(after[k].optimizer.n_steps, k, "steps");
    }
    do {
        int left = questions++;
        pb_interrupt interrupt = {poll, &left, 0, 0};
        train(&r, rule, rows, N_ROWS, &interrupt);
        const int64_t n_steps = r.optimizer.n_steps;
        CHECK(n_steps >= 0 && n_steps <= N_STEPS, "%lld steps", (long long)n_steps);
        if (n_steps < 0 || n_steps > N_STEPS) {
            return questions;
        }
        check_same_run(&r, &after[n_steps], rule);
        n_stopped[n_steps] += r.status == PB_INTERRUPTED;
        CHECK(r.status == PB_OK || left == -1, "went on for %d questions", -1 - left);
    } while (r.status == PB_INTERRUPTED && questions < 1000);
    CHECK_SAME(r.status, PB_OK, "after %d questions", questions);
    CHECK_SAME(r.optimizer.n_steps, N_STEPS, "all steps");
    for (size_t k = 0; k < N_STEPS; k++) {
        CHECK(n_stopped[k] > 0, "no question was asked after %zu steps", k);
    }
    return questions;
}

/* Of every instruction set, with all of a step in one piece and with so little of it that the
 * gradient is asked about between its slices. */
static void test_interruptions(const pb_batch *rows) {
    const pb_kernels *chosen = network->kernels;
    FOR_VARIANTS(isa, dtype_now, kernels) {
        static const char *const rules[] = {"sgd", "adam"};
        for (size_t i = 0; i < 2; i++) {
            pb_kernels in_pieces = *kernels;
            network->kernels = kernels;
            make_workspace();
            const int n = test_interruption(rules[i], rows);
            pb_workspace_free(workspace);
            in_pieces.work_per_check = 100;
            network->kernels = &in_pieces;
            make_workspace();
            const int n_in_pieces = test_interruption(rules[i], rows);
            CHECK(n_in_pieces >= n + N_STEPS, "%d questions in pieces, %d in one: %s", n_in_pieces,
                  n, pb_isa_name(isa));
            pb_workspace_free(workspace);
        }
    }
    network->kernels = chosen;
}

/* A gradient that is stopped changes nothing of the caller's but its outputs. */
static void test_stopped_objective(const pb_batch *rows) {
    run r;
    start(&r, "adam");
    const run before = r;
    pb_batch batch = *rows;
    double value = 0, gradient[N_PARAMETERS];
    batch.n_rows = BATCH;
    int left = 0;
    pb_interrupt interrupt = {poll, &left, 0, 0};
    CHECK_SAME(
        pb_objective(network, r.parameters, &batch, workspace, &interrupt, &value, gradient, NULL),
        PB_INTERRUPTED, "stopped at once");
    CHECK_BITS(dtype_now, N_PARAMETERS, r.parameters, before.parameters, "stopped");
}

/* A function of many values is asked about between some of its rows, and not after the last. */
static void test_stopped_functions(pb_dtype dtype) {
    enum { N_VALUES = 60000 };
    void *z = reals(dtype, N_VALUES), *a = reals(dtype, N_VALUES), *whole = reals(dtype, N_VALUES);
    fill(dtype, z, N_VALUES, 1);
    for (size_t width = 1; width <= N_VALUES; width *= N_VALUES / 2) {
        const size_t n_rows = N_VALUES / width;
        CHECK_SAME(pb_activate(dtype, "softmax", n_rows, width, z, whole, NULL), PB_OK, "at once");
        int left = 0, questions = 0;
        for (pb_status status = PB_INTERRUPTED; status != PB_OK && questions < 100;) {
            left = questions++;
            pb_interrupt interrupt = {poll, &left, 0, 0};
            memset(a, 0, N_VALUES * item_size(dtype));
            status = pb_activate(dtype, "softmax", n_rows, width, z, a, &interrupt);
            CHECK(status == PB_OK || status == PB_INTERRUPTED, "%d", (int)status);
            CHECK_SAME((memcmp(a, whole, N_VALUES * item_size(dtype)) == 0), status == PB_OK,
                       "%d questions", left);
        }
        CHECK(questions > (width == 1 ? 3 : 1), "%d questions", questions);
        CHECK_BITS(dtype, N_VALUES, a, whole, "asked about");
        left = 0;
        pb_interrupt interrupt = {poll, &left, 0, 0};
        CHECK_SAME(pb_log_activate(dtype, "softmax", n_rows, width, z, a, &interrupt),
                   PB_INTERRUPTED, "logarithms");
        left = 0;
        CHECK_SAME(pb_activation_vjp(dtype, "softmax", n_rows, width, z, whole, a, &interrupt),
                   PB_INTERRUPTED, "a vector and the Jacobian");
        pb_interrupt never = {NULL, NULL, 0, 0};
        CHECK_SAME(pb_activate(dtype, "tanh", 1, N_VALUES, z, a, &never), PB_OK, "a single row");
    }
    free(z);
    free(a);
    free(whole);
}

/* Once an interval by the clock; and at once after the clock was set back, not in an hour. */
static void test_clock(void) {
    const double hour = 3600;
    int n_left = 100;
    pb_interrupt interrupt = {poll, &n_left, hour, 0};
    CHECK_SAME(pb_interrupt_poll(&interrupt), PB_OK, "the first question");
    CHECK_SAME(n_left, 99, "the first question");
    CHECK_SAME(pb_interrupt_poll(&interrupt), PB_OK, "at once after it");
    CHECK_SAME(n_left, 99, "at once after it");
    interrupt.last -= 2 * hour;
    CHECK_SAME(pb_interrupt_poll(&interrupt), PB_OK, "two hours later");
    CHECK_SAME(n_left, 98, "two hours later");
    interrupt.last += 2 * hour;
    CHECK_SAME(pb_interrupt_poll(&interrupt), PB_OK, "the clock was set back");
    CHECK_SAME(n_left, 97, "the clock was set back");
}

static void test_refusals(const pb_batch *rows) {
    run r;
    pb_epoch epoch;
    pb_workspace *too_little = NULL;
    start(&r, "adam");
    const run before = r;
    CHECK_SAME(pb_workspace_new(network, BATCH, PB_WORKSPACE_GRADIENT, 1, &too_little), PB_OK,
               "scratch");
#define EPOCH(batch, batch_size, scratch) \
    pb_train_epoch(network, r.parameters, &r.optimizer, batch, batch_size, scratch, NULL, &epoch)
    const double zeros[N_ROWS] = {0};
    pb_batch none = *rows;
    none.n_rows = 0;
    CHECK_SAME(EPOCH(&none, BATCH, workspace), PB_BAD_ARGUMENT, "no rows");
    none = *rows;
    none.weights = zeros;
    CHECK_SAME(EPOCH(&none, BATCH, workspace), PB_BAD_ARGUMENT, "no weight");
    static const double no_smoothings[] = {-0.1, 1, NAN};
    for (size_t i = 0; i < sizeof no_smoothings / sizeof no_smoothings[0]; i++) {
        none = *rows;
        none.y.smoothing = no_smoothings[i];
        CHECK_SAME(EPOCH(&none, BATCH, workspace), PB_BAD_ARGUMENT, "smoothing %g",
                   no_smoothings[i]);
    }
    CHECK_SAME(EPOCH(rows, 0, workspace), PB_BAD_ARGUMENT, "empty batches");
    CHECK_SAME(EPOCH(rows, BATCH + 1, workspace), PB_BAD_ARGUMENT, "more than the scratch");
    CHECK_SAME(EPOCH(rows, BATCH, too_little), PB_BAD_ARGUMENT, "scratch for less");
    const double rates[][3] = {{0.5, 0, 0}, {0, 1, 0}, {0, 0, -0.1}, {NAN, 0, 0}};
    pb_workspace *for_dropout = NULL;
    CHECK_SAME(pb_workspace_new(network, BATCH, PB_WORKSPACE_DROPOUT, 1, &for_dropout), PB_OK,
               "scratch");
    r.optimizer.dropout.rates = rates[0];
    CHECK_SAME(EPOCH(rows, BATCH, workspace), PB_BAD_ARGUMENT, "scratch without masks");
    for (size_t i = 1; i < sizeof rates / sizeof rates[0]; i++) {
        r.optimizer.dropout.rates = rates[i];
        CHECK_SAME(EPOCH(rows, BATCH, for_dropout), PB_BAD_ARGUMENT, "rates %zu", i);
    }
    r.optimizer.dropout.rates = NULL;
    pb_workspace_free(for_dropout);
    r.optimizer.name = "adam ";
    CHECK_SAME(EPOCH(rows, BATCH, workspace), PB_UNKNOWN_NAME, "no such rule");
    check_same_run(&r, &before, "refused");
    pb_workspace_free(too_little);
}

int main(void) {
    test_clock();
    static const size_t sizes[] = {N_FEATURES, 4, 2, 1};
    FOR_DTYPES(dtype) {
        const pb_network_spec spec = {dtype,
                                      3,
                                      sizes,
                                      EVERY_LAYER("tanh"),
                                      "identity",
                                      "squared_error",
                                      .alphas = SAME_ALPHAS(0.01)};
        void *X = reals(dtype, N_ROWS * N_FEATURES), *y = reals(dtype, N_ROWS);
        dtype_now = dtype;
        fill(dtype, X, N_ROWS * N_FEATURES, 1);
        fill(dtype, y, N_ROWS, 1);
        CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
        CHECK_SAME(pb_network_n_parameters(network), N_PARAMETERS, "parameters");
        const pb_batch rows = {
            {X, N_FEATURES, 1, NULL, NULL}, {y, PB_TARGET_REAL, 1, 1}, NULL, NULL, N_ROWS};
        test_interruptions(&rows);
        make_workspace();
        test_stopped_objective(&rows);
        test_refusals(&rows);
        test_stopped_functions(dtype);
        pb_workspace_free(workspace);
        pb_network_free(network);
        free(X);
        free(y);
    }
    return check_summary();
}
