/* Tests the lists: every row can be enumerated and is consistent with the others, names are unique,
 * and unknown names and wrong places are refused. */
#include "check.h"

#define MAX_ROWS 100

static const size_t sizes[] = {3, 4, 2};

static pb_status try_network(const char *activation, const char *output, const char *loss) {
    const pb_network_spec spec = {PB_FLOAT64,
                                  2,
                                  sizes,
                                  EVERY_LAYER(activation),
                                  output,
                                  loss,
                                  .loss_parameter = usual_parameter(loss == NULL ? "" : loss)};
    pb_network *network = NULL;
    const pb_status status = pb_network_new(&spec, &network);
    CHECK((status == PB_OK) == (network != NULL), "status %d", (int)status);
    pb_network_free(network);
    return status;
}

static void check_names(const char *list, const char *const *names, size_t n) {
    CHECK(n > 0 && n < MAX_ROWS, "%s: %zu rows", list, n);
    for (size_t i = 0; i < n; i++) {
        CHECK(names[i] != NULL && names[i][0] != '\0', "%s: row %zu has no name", list, i);
        for (size_t j = 0; j < i; j++) {
            CHECK(strcmp(names[i], names[j]) != 0, "%s: %s twice", list, names[i]);
        }
    }
}

/* Collects the names of a list, and checks how its end is told. */
#define COLLECT(info, at, name)                                           \
    while (n < MAX_ROWS && (status = at(n, &info)) == PB_OK) {            \
        names[n++] = name;                                                \
    }                                                                     \
    CHECK_SAME(status, PB_BAD_ARGUMENT, "row %zu, past the end", n);      \
    CHECK_SAME(at(n + 1, &info), PB_BAD_ARGUMENT, "two past the end");    \
    CHECK_SAME(at(SIZE_MAX, &info), PB_BAD_ARGUMENT, "far past the end"); \
    check_names(#at, names, n)

static void test_activations(void) {
    pb_activation_info info = {0};
    pb_status status = PB_OK;
    const char *names[MAX_ROWS];
    size_t n = 0;
    COLLECT(info, pb_activation_at, info.name);
    for (size_t i = 0; i < n; i++) {
        CHECK_SAME(pb_activation_at(i, &info), PB_OK, "row %zu", i);
        CHECK(info.hidden || info.output, "%s may stand nowhere", info.name);
        CHECK(info.init_factor > 0 && isfinite(info.init_factor), "%s: %g", info.name,
              info.init_factor);
        CHECK(info.range_low < info.range_high, "%s", info.name);
        CHECK(!info.low_attained || isfinite(info.range_low), "%s", info.name);
        CHECK(!info.high_attained || isfinite(info.range_high), "%s", info.name);
        CHECK(!(info.rowwise && info.hidden), "%s has no elementwise derivative", info.name);
        CHECK_SAME(try_network(info.name, "identity", "squared_error"),
                   info.hidden ? PB_OK : PB_BAD_PLACE, "%s hidden", info.name);
        CHECK_SAME(try_network("identity", info.name, "squared_error"),
                   info.output ? PB_OK : PB_BAD_PLACE, "%s at the output", info.name);

        double z[2] = {0.5, 0.25}, a[2]; /* positive, for the logarithm of the identity */
        CHECK_SAME(pb_activate(PB_FLOAT64, info.name, 1, 2, z, a, NULL), PB_OK, "%s", info.name);
        CHECK_SAME(pb_log_activate(PB_FLOAT64, info.name, 1, 2, z, z, NULL),
                   info.has_log ? PB_OK : PB_BAD_ARGUMENT, "log of %s", info.name);
        for (size_t k = 0; k < 2 && info.has_log; k++) {
            CHECK_CLOSE(z[k], log(a[k]), 1e-15, "log of %s", info.name);
        }
    }
}

static void test_losses(void) {
    pb_loss_info info = {0};
    pb_status status = PB_OK;
    const char *names[MAX_ROWS];
    size_t n = 0;
    COLLECT(info, pb_loss_at, info.name);
    for (size_t i = 0; i < n; i++) {
        CHECK_SAME(pb_loss_at(i, &info), PB_OK, "row %zu", i);
        CHECK(info.regression || info.classification, "%s has no task", info.name);
        CHECK(info.default_output != NULL, "%s", info.name);
        CHECK(info.target_low < info.target_high, "%s", info.name);
        CHECK(info.prediction_low < info.prediction_high, "%s", info.name);
        CHECK(info.parameter == NULL || info.parameter_low < info.parameter_high, "%s", info.name);
        CHECK(info.target_domain != NULL && info.target_domain[0] != '\0', "%s", info.name);
        CHECK_SAME(try_network("tanh", "identity", info.name), PB_OK, "%s", info.name);
        CHECK_SAME(try_network("tanh", info.default_output, info.name), PB_OK, "%s with %s",
                   info.name, info.default_output);
        const char *const others[] = {info.elementwise_form, info.loss_at_low, info.loss_at_high};
        for (size_t k = 0; k < 3; k++) {
            CHECK(others[k] == NULL || try_network("tanh", "identity", others[k]) == PB_OK,
                  "%s: no loss %s", info.name, others[k]);
        }
        CHECK((info.loss_at_low == NULL) == (info.loss_at_high == NULL), "%s", info.name);
        CHECK(info.loss_at_low == NULL || (info.parameter != NULL && !info.parameter_ends_belong),
              "%s has limits at bounds that it allows", info.name);
        if (info.canonical_output != NULL) {
            CHECK_SAME(try_network("tanh", info.canonical_output, info.name), PB_OK, "%s with %s",
                       info.name, info.canonical_output);
        }
    }
}

/* A parameter outside its range, as it is and as float32 rounds it. */
static void test_loss_parameters(void) {
    static const struct {
        const char *loss;
        double parameter;
        pb_status of_float64, of_float32;
    } cases[] = {
        {"squared_error", NAN, PB_OK, PB_OK}, /* it has none */
        {"huber", 0, PB_BAD_ARGUMENT, PB_BAD_ARGUMENT},
        {"huber", 1e-60, PB_OK, PB_BAD_ARGUMENT},
        {"huber", 1e60, PB_OK, PB_BAD_ARGUMENT},
        {"huber", INFINITY, PB_BAD_ARGUMENT, PB_BAD_ARGUMENT},
        {"quantile", 0, PB_OK, PB_OK},
        {"quantile", 1, PB_OK, PB_OK},
        {"quantile", 1 + 1e-12, PB_BAD_ARGUMENT, PB_OK},
        {"quantile", -0.5, PB_BAD_ARGUMENT, PB_BAD_ARGUMENT},
        {"quantile", NAN, PB_BAD_ARGUMENT, PB_BAD_ARGUMENT},
        {"tweedie", 1.5, PB_OK, PB_OK},
        {"tweedie", 1, PB_BAD_ARGUMENT, PB_BAD_ARGUMENT},
        {"tweedie", 2 - 1e-12, PB_OK, PB_BAD_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FOR_DTYPES(dtype) {
            const pb_network_spec spec = {.dtype = dtype,
                                          .n_layers = 2,
                                          .layer_sizes = sizes,
                                          .activations = EVERY_LAYER("tanh"),
                                          .output_activation = "exp",
                                          .loss = cases[i].loss,
                                          .loss_parameter = cases[i].parameter};
            pb_network *network = NULL;
            CHECK_SAME(pb_network_new(&spec, &network),
                       dtype == PB_FLOAT64 ? cases[i].of_float64 : cases[i].of_float32,
                       "%s with %.17g, %s", spec.loss, spec.loss_parameter, dtype_name(dtype));
            pb_network_free(network);
        }
    }
}

/* The pairs whose Jacobian cancels against the gradient. */
static void test_canonical_pairs(void) {
    static const char *const pairs[][2] = {
        {"squared_error", "identity"},
        {"binary_log_loss", "logistic"},
        {"log_loss", "softmax"},
        {"poisson", "exp"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        pb_loss_info info = {0};
        size_t row = 0;
        while (pb_loss_at(row, &info) == PB_OK && strcmp(info.name, pairs[i][0]) != 0) {
            row++;
        }
        CHECK(info.canonical_output != NULL && strcmp(info.canonical_output, pairs[i][1]) == 0,
              "%s with %s", pairs[i][0],
              info.canonical_output == NULL ? "none" : info.canonical_output);
    }
}

static void test_optimizers_and_schedules(void) {
    pb_optimizer_info info = {0};
    pb_status status = PB_OK;
    const char *names[MAX_ROWS];
    pb_schedule_info schedule;
    size_t n = 0;
    COLLECT(info, pb_optimizer_at, info.name);
    for (size_t i = 0; i < n; i++) {
        CHECK_SAME(pb_optimizer_at(i, &info), PB_OK, "row %zu", i);
        CHECK(info.n_states >= 0 && info.n_states <= 3, "%s: %d states", info.name, info.n_states);
    }
    n = 0;
    COLLECT(schedule, pb_schedule_at, schedule.name);
    for (size_t i = 0; i < n; i++) {
        const pb_schedule rule = {names[i], 0.1, 0.5, 10, 0.5, 2, 0};
        double rate = 0.1;
        CHECK_SAME(pb_schedule_after_epoch(&rule, 10, &rate), PB_OK, "%s", names[i]);
        CHECK(rate > 0 && rate <= 0.1, "%s: %g", names[i], rate);
        rate = 0.1;
        CHECK_SAME(pb_schedule_rate(&rule, 2.5, 0.5, &rate), PB_OK, "%s", names[i]);
        CHECK(rate > 0 && rate <= 0.1, "%s: %g", names[i], rate);
    }
}

static void test_unknown_names(void) {
    static const char *const strangers[] = {"", "Tanh", "tanh ", "tan", "softmax2", "NONE", NULL};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const char *name = strangers[i];
        const char *shown = name == NULL ? "NULL" : name;
        double z = 0, rate = 1;
        const pb_schedule schedule = {name, 1, 1, 1, 1, 1, 0};
        CHECK_SAME(try_network(name, "identity", "squared_error"), PB_UNKNOWN_NAME, "%s", shown);
        CHECK_SAME(try_network("tanh", name, "squared_error"), PB_UNKNOWN_NAME, "%s", shown);
        CHECK_SAME(try_network("tanh", "identity", name), PB_UNKNOWN_NAME, "%s", shown);
        CHECK_SAME(pb_activate(PB_FLOAT64, name, 1, 1, &z, &z, NULL), PB_UNKNOWN_NAME, "%s", shown);
        CHECK_SAME(pb_log_activate(PB_FLOAT64, name, 1, 1, &z, &z, NULL), PB_UNKNOWN_NAME, "%s",
                   shown);
        CHECK_SAME(pb_activation_vjp(PB_FLOAT64, name, 1, 1, &z, &z, &rate, NULL), PB_UNKNOWN_NAME,
                   "%s", shown);
        CHECK_SAME(pb_schedule_after_epoch(&schedule, 1, &rate), PB_UNKNOWN_NAME, "%s", shown);
        CHECK_SAME(pb_schedule_on_plateau(&schedule, &rate), PB_UNKNOWN_NAME, "%s", shown);
        CHECK_SAME(pb_schedule_rate(&schedule, 0, 1, &rate), PB_UNKNOWN_NAME, "%s", shown);
    }
    /* Each layer's name is read, and none where there is no hidden layer. */
    const size_t deep[] = {3, 4, 5, 2};
    const char *names[] = {"tanh", "no such"};
    pb_network_spec spec = {PB_FLOAT64,    3, deep, names, "identity", "squared_error",
                            .alphas = NULL};
    pb_network *network = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_UNKNOWN_NAME, "of the second hidden layer");
    names[1] = "softmax";
    CHECK_SAME(pb_network_new(&spec, &network), PB_BAD_PLACE, "in the second hidden layer");
    spec.n_layers = 1;
    spec.activations = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "no hidden layer");
    pb_network_free(network);

    CHECK_SAME(try_network("softmax", "identity", "squared_error"), PB_BAD_PLACE, "softmax");
    CHECK_SAME(try_network("exp", "identity", "squared_error"), PB_BAD_PLACE, "exp");
}

static void test_status_messages(void) {
    for (int i = PB_OK; i <= PB_INTERRUPTED; i++) {
        const char *message = pb_status_message((pb_status)i);
        CHECK(message != NULL && message[0] != '\0', "status %d", i);
        /* The one past the last stands for whatever is no status. */
        for (int j = i + 1; j <= PB_INTERRUPTED + 1; j++) {
            CHECK(strcmp(message, pb_status_message((pb_status)j)) != 0, "%d and %d: %s", i, j,
                  message);
        }
    }
    CHECK(pb_compiler() != NULL && pb_compiler()[0] != '\0', "no compiler");
}

int main(void) {
    test_activations();
    test_losses();
    test_loss_parameters();
    test_canonical_pairs();
    test_optimizers_and_schedules();
    test_unknown_names();
    test_status_messages();
    return check_summary();
}
