/* Tests that the gradient is the derivative of the objective, against central differences, for
 * every loss × output activation × depth × hidden activation of the lists, so that new rows are
 * tested without a change. float32 is compared with float64. */
#include "check.h"

enum { N_ROWS = 7, N_FEATURES = 3, MAX_LAYERS = 3, MAX_PARAMETERS = 100 };

typedef struct problem {
    double X[N_ROWS * 5], y[N_ROWS * 5], weights[N_ROWS];
    double parameters[MAX_PARAMETERS];
    size_t sizes[MAX_LAYERS + 1];
    const char *hidden[MAX_LAYERS]; /* by layer */
    pb_network_spec spec;
    int is_weighted;
} problem;

/* Targets inside the loss's domain, in eighths of the part of it within [-1, 1]. */
static void make_targets(const pb_loss_info *loss, size_t n_outputs, double *y) {
    const double low = loss->target_low < -1 ? -1 : loss->target_low;
    const double high = loss->target_high > 1 ? 1 : loss->target_high;
    for (size_t i = 0; i < N_ROWS; i++) {
        double rest = 8;
        for (size_t j = 0; j < n_outputs; j++) {
            double eighths = 1 + (double)draw_below(7);
            if (i == 1) { /* on both sides of the outputs: a loss may have two slopes only */
                eighths = j % 2 == 0 ? 7 : 1;
            }
            if (loss->rows_sum_to_one) {
                const double most = rest - (double)(n_outputs - 1 - j);
                eighths = j + 1 == n_outputs ? rest : 1 + (double)draw_below((size_t)most);
                rest -= eighths;
            }
            y[i * n_outputs + j] = low + (high - low) * eighths / 8;
        }
    }
}

/* A network of odd sizes whose output pre-activations lie near `centre`, within 0.45. */
static void make_problem(problem *p, size_t n_layers, const char *hidden, const char *output,
                         const pb_loss_info *loss, double centre) {
    static const size_t widths[MAX_LAYERS + 1] = {N_FEATURES, 5, 4, 0};
    const size_t n_outputs = 2 + n_layers % 2; /* a softmax of one output is constant */
    for (size_t l = 0; l < n_layers; l++) {
        p->sizes[l] = widths[l];
    }
    p->sizes[n_layers] = n_outputs;
    for (size_t l = 0; l < MAX_LAYERS; l++) {
        p->hidden[l] = hidden;
    }
    fill(PB_FLOAT64, p->X, N_ROWS * N_FEATURES, 0.5);
    make_targets(loss, n_outputs, p->y);
    for (size_t i = 0; i < N_ROWS; i++) {
        p->weights[i] = (double)draw_below(5) / 4;
    }
    p->weights[0] = 0; /* always one that takes no part, and one that does */
    p->weights[1] = 1.5;
    size_t at = 0;
    for (size_t l = 0; l < n_layers; l++) {
        const size_t n = p->sizes[l] * p->sizes[l + 1];
        fill(PB_FLOAT64, p->parameters + at, n, l + 1 == n_layers ? 0x1p-5 : 0.25);
        at += n;
    }
    for (size_t l = 0; l < n_layers; l++) {
        for (size_t j = 0; j < p->sizes[l + 1]; j++) {
            p->parameters[at++] = l + 1 == n_layers ? centre + draw() * 0x1p-4 : draw() * 0.25;
        }
    }
    p->spec = (pb_network_spec){PB_FLOAT64,
                                n_layers,
                                p->sizes,
                                p->hidden,
                                output,
                                loss->name,
                                .loss_parameter = usual_parameter(loss->name)};
}

/* F and, if `gradient` is not NULL, its gradient, in the data type of `network`. */
static double objective(const problem *p, const pb_network *network, pb_dtype dtype,
                        pb_workspace *workspace, const double *parameters, double *gradient) {
    const size_t n_outputs = p->sizes[p->spec.n_layers];
    double X[N_ROWS * 5], y[N_ROWS * 5], theta[MAX_PARAMETERS], g[MAX_PARAMETERS], value = NAN;
    for (size_t i = 0; i < N_ROWS * N_FEATURES; i++) {
        put(dtype, X, i, p->X[i]);
    }
    for (size_t i = 0; i < N_ROWS * n_outputs; i++) {
        put(dtype, y, i, p->y[i]);
    }
    for (size_t i = 0; i < pb_network_n_parameters(network); i++) {
        put(dtype, theta, i, parameters[i]);
    }
    const pb_batch batch = {
        .X = {X, N_FEATURES, 1, NULL, NULL},
        .y = {y, PB_TARGET_REAL, (ptrdiff_t)n_outputs, 1},
        .weights = p->is_weighted ? p->weights : NULL,
        .n_rows = N_ROWS,
    };
    CHECK_SAME(pb_objective(network, theta, &batch, workspace, NULL, &value,
                            gradient == NULL ? NULL : g, NULL),
               PB_OK, "%s", p->spec.loss);
    for (size_t i = 0; gradient != NULL && i < pb_network_n_parameters(network); i++) {
        gradient[i] = get(dtype, g, i);
    }
    return value;
}

static void make_network(const problem *p, pb_dtype dtype, pb_network **network,
                         pb_workspace **workspace) {
    pb_network_spec spec = p->spec;
    spec.dtype = dtype;
    CHECK_SAME(pb_network_new(&spec, network), PB_OK, "%s", spec.loss);
    CHECK_SAME(pb_workspace_new(*network, N_ROWS, PB_WORKSPACE_GRADIENT, 1, workspace), PB_OK, "%s",
               spec.loss);
}

static void check_gradient(problem *p) {
    /* The step: halfway (in digits) between the error of the difference quotient, h^2 times a
     * third derivative, and that of the subtraction, 2^-53 / h. */
    const double h = 0x1p-18;
    const char *hidden = p->hidden[0], *output = p->spec.output_activation;
    pb_network *network = NULL, *single = NULL;
    pb_workspace *workspace = NULL, *single_workspace = NULL;
    double gradient[MAX_PARAMETERS], single_gradient[MAX_PARAMETERS];
    make_network(p, PB_FLOAT64, &network, &workspace);
    make_network(p, PB_FLOAT32, &single, &single_workspace);
    const double value = objective(p, network, PB_FLOAT64, workspace, p->parameters, gradient);
    CHECK(same_bits(value, objective(p, network, PB_FLOAT64, workspace, p->parameters, NULL)),
          "the objective depends on whether a gradient is wanted: %a", value);
    const double single_value =
        objective(p, single, PB_FLOAT32, single_workspace, p->parameters, single_gradient);
    CHECK_CLOSE(single_value, value, 2e-6 * (1 + fabs(value)), "float32: %s, %s, %s, %zu layers",
                hidden, output, p->spec.loss, p->spec.n_layers);
    double largest = 0;
    for (size_t i = 0; i < pb_network_n_parameters(network); i++) {
        double moved[MAX_PARAMETERS];
        memcpy(moved, p->parameters, sizeof moved);
        moved[i] += h;
        const double above = objective(p, network, PB_FLOAT64, workspace, moved, NULL);
        moved[i] -= 2 * h;
        const double below = objective(p, network, PB_FLOAT64, workspace, moved, NULL);
        CHECK_CLOSE(gradient[i], (above - below) / (2 * h), 2e-9 * (1 + fabs(gradient[i])),
                    "parameter %zu: %s, %s, %s, %zu layers, alpha %g%s", i, hidden, output,
                    p->spec.loss, p->spec.n_layers, p->spec.alphas == NULL ? 0 : p->spec.alphas[0],
                    p->is_weighted ? ", weights" : "");
        CHECK_CLOSE(single_gradient[i], gradient[i], 1e-5 * (1 + fabs(gradient[i])),
                    "float32, parameter %zu: %s, %s, %s, %zu layers", i, hidden, output,
                    p->spec.loss, p->spec.n_layers);
        largest = fabs(gradient[i]) > largest ? fabs(gradient[i]) : largest;
    }
    CHECK(largest > 1e-3, "the gradient vanishes, this says nothing: %s, %s, %s", hidden, output,
          p->spec.loss);
    pb_workspace_free(workspace);
    pb_workspace_free(single_workspace);
    pb_network_free(network);
    pb_network_free(single);
}

/* Whether the loss is finite with this output near `centre`: log(a) is not for a < 0, for one. */
static int is_finite_near(const char *output, const pb_loss_info *loss, double centre) {
    problem p = {.is_weighted = 0};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    make_problem(&p, 1, "identity", output, loss, centre);
    make_network(&p, PB_FLOAT64, &network, &workspace);
    const double value = objective(&p, network, PB_FLOAT64, workspace, p.parameters, NULL);
    pb_workspace_free(workspace);
    pb_network_free(network);
    return isfinite(value);
}

/* Whether a hidden pre-activation lies so near to a kink, all of which are at integers, that a step
 * of a parameter could take it across. */
static int is_near_a_kink(const problem *p) {
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    double hidden[2][N_ROWS * 5];
    void *const z[MAX_LAYERS] = {hidden[0], p->spec.n_layers > 2 ? hidden[1] : NULL, NULL};
    const pb_trace trace = {z, NULL, NULL};
    const pb_samples X = {p->X, N_FEATURES, 1, NULL, NULL};
    int is_near = 0;
    make_network(p, PB_FLOAT64, &network, &workspace);
    CHECK_SAME(pb_trace_forward(network, p->parameters, &X, N_ROWS, workspace, NULL, &trace), PB_OK,
               "trace");
    for (size_t l = 1; l < p->spec.n_layers; l++) {
        for (size_t i = 0; i < N_ROWS * p->sizes[l]; i++) {
            is_near |= fabs(hidden[l - 1][i] - nearbyint(hidden[l - 1][i])) < 0x1p-16;
        }
    }
    pb_workspace_free(workspace);
    pb_network_free(network);
    return is_near;
}

static double largest_of(const double *x, size_t n) {
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fabs(x[i]) > largest ? fabs(x[i]) : largest;
    }
    return largest;
}

/* Whether the rows' gradients happen to cancel: a loss may have two slopes only. */
static int is_flat(const problem *p) {
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    double gradient[MAX_PARAMETERS];
    make_network(p, PB_FLOAT64, &network, &workspace);
    (void)objective(p, network, PB_FLOAT64, workspace, p->parameters, gradient);
    const double largest = largest_of(gradient, pb_network_n_parameters(network));
    pb_workspace_free(workspace);
    pb_network_free(network);
    return largest <= 1e-3;
}

static void test_combination(const char *output, const pb_loss_info *loss) {
    /* 0.5 puts identity, tanh, relu and exp above 0; exp is below 1 at -0.5. */
    const double centre = is_finite_near(output, loss, 0.5) ? 0.5 : -0.5;
    CHECK(is_finite_near(output, loss, centre), "%s with %s is nowhere finite", output, loss->name);
    pb_activation_info hidden = {0};
    for (size_t n_layers = 1; n_layers <= MAX_LAYERS; n_layers++) {
        for (size_t i = 0; pb_activation_at(i, &hidden) == PB_OK; i++) {
            if (!hidden.hidden) {
                continue;
            }
            problem p = {.is_weighted = 0};
            int n_draws = 0;
            do {
                make_problem(&p, n_layers, hidden.name, output, loss, centre);
            } while (is_near_a_kink(&p) || (is_flat(&p) && ++n_draws < 10));
            check_gradient(&p);
            p.is_weighted = 1;
            p.spec.alphas = SAME_ALPHAS(0.25);
            check_gradient(&p);
            if (n_layers == 1) {
                break; /* there is no hidden layer to vary */
            }
        }
    }
}

/* The penalty itself: with all sample losses 0, F is alpha / (2 S) times the sum of squares of
 * the coefficients, and never of the intercepts. */
static void test_penalty(void) {
    const size_t sizes[] = {2, 1};
    const pb_network_spec spec = {PB_FLOAT64,
                                  1,
                                  sizes,
                                  EVERY_LAYER("identity"),
                                  "identity",
                                  "squared_error",
                                  .alphas = SAME_ALPHAS(0.5)};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    const double X[] = {0, 0}, y = 8, weight = 4, parameters[] = {3, -2, 8};
    double value = 0, gradient[3] = {0};
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "penalty");
    CHECK_SAME(pb_workspace_new(network, 1, PB_WORKSPACE_GRADIENT, 1, &workspace), PB_OK,
               "penalty");
    const pb_batch batch = {{X, 2, 1, NULL, NULL}, {&y, PB_TARGET_REAL, 1, 1}, &weight, NULL, 1};
    CHECK_SAME(pb_objective(network, parameters, &batch, workspace, NULL, &value, gradient, NULL),
               PB_OK, "penalty");
    CHECK_CLOSE(value, 0.5 / (2 * 4) * 13, 0, "alpha / (2 S) sum W^2");
    CHECK_CLOSE(gradient[0], 0.5 * 3 / 4, 0, "alpha W / S");
    CHECK_CLOSE(gradient[1], 0.5 * -2 / 4, 0, "alpha W / S");
    CHECK_CLOSE(gradient[2], 0, 0, "an intercept is not penalised");
    pb_workspace_free(workspace);
    pb_network_free(network);
}

/* Of two layers of their own strength: alpha (r |w| + (1 - r) / 2 w^2) / S, and nothing at 0. */
static void test_elastic_penalty(void) {
    static const size_t sizes[] = {1, 2, 1};
    static const double alphas[] = {0.5, 3};
    const pb_network_spec spec = {PB_FLOAT64,
                                  2,
                                  sizes,
                                  EVERY_LAYER("identity"),
                                  "identity",
                                  "squared_error",
                                  .alphas = alphas,
                                  .l1_ratio = 0.25};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    /* W1, W2, b1, b2; the input is 0, so that the output is b2, the target. */
    const double X = 0, y = 8, weight = 4, parameters[] = {3, -2, 0, -5, 0, 0, 8};
    double value = 0, gradient[7] = {0};
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "penalty");
    CHECK_SAME(pb_workspace_new(network, 1, PB_WORKSPACE_GRADIENT, 1, &workspace), PB_OK,
               "penalty");
    const pb_batch batch = {{&X, 1, 1, NULL, NULL}, {&y, PB_TARGET_REAL, 1, 1}, &weight, NULL, 1};
    CHECK_SAME(pb_objective(network, parameters, &batch, workspace, NULL, &value, gradient, NULL),
               PB_OK, "penalty");
    const double first = 0.5 * (0.25 * 5 + 0.375 * 13), second = 3 * (0.25 * 5 + 0.375 * 25);
    CHECK_CLOSE(value, (first + second) / 4, 0, "sum over the layers");
    CHECK_CLOSE(gradient[0], 0.5 * (0.25 + 0.75 * 3) / 4, 0, "a positive weight");
    CHECK_CLOSE(gradient[1], 0.5 * (-0.25 - 0.75 * 2) / 4, 0, "a negative one");
    CHECK_CLOSE(gradient[2], 0, 0, "at zero");
    CHECK_CLOSE(gradient[3], 3 * (-0.25 - 0.75 * 5) / 4, 0, "the second layer");
    CHECK_CLOSE(gradient[6], 0, 0, "an intercept is not penalised");
    pb_workspace_free(workspace);
    pb_network_free(network);
}

int main(void) {
    pb_loss_info loss = {0};
    pb_activation_info output = {0};
    for (size_t i = 0; pb_loss_at(i, &loss) == PB_OK; i++) {
        for (size_t j = 0; pb_activation_at(j, &output) == PB_OK; j++) {
            if (output.output) {
                test_combination(output.name, &loss);
            }
        }
    }
    test_penalty();
    test_elastic_penalty();
    return check_summary();
}
