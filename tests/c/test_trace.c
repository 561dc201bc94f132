/* Tests the intermediate values of a backpropagation against plain C: Z and A of each layer, and
 * Delta, which for canonical pairs is y_pred - y to the bit *and* J^T dl/dy_pred, and for all
 * others is J^T dl/dy_pred and not y_pred - y.
 *
 * The formulas are written independently of the core. Rows without formula here are skipped;
 * test_gradient.c compares them with finite differences. */
#include "check.h"
#include "formulas.h"

enum { N_ROWS = 6, N_LAYERS = 3, WIDEST = 5, N_UNITS = N_ROWS * WIDEST };

static const size_t sizes[N_LAYERS + 1] = {4, 5, 3, 3};

/* ---- The plain formulas ---------------------------------------------------------------------- */

/* One row: a = f(z), and J^T v for v = dl/da. Returns whether the activation is known. */
static int plain_activation(const char *name, size_t n, const double *z, const double *v, double *a,
                            double *back) {
    const int is_softmax = strcmp(name, "softmax") == 0;
    double total = 0, jacobian[WIDEST][WIDEST] = {{0}};
    for (size_t i = 0; i < n; i++) {
        total += exp(z[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, "identity") == 0) {
            a[i] = z[i];
            jacobian[i][i] = 1;
        } else if (strcmp(name, "logistic") == 0) {
            a[i] = 1 / (1 + exp(-z[i]));
            jacobian[i][i] = exp(-z[i]) / ((1 + exp(-z[i])) * (1 + exp(-z[i])));
        } else if (strcmp(name, "tanh") == 0) {
            a[i] = tanh(z[i]);
            jacobian[i][i] = 1 / (cosh(z[i]) * cosh(z[i]));
        } else if (strcmp(name, "relu") == 0) {
            a[i] = z[i] > 0 ? z[i] : 0;
            jacobian[i][i] = z[i] > 0;
        } else if (strcmp(name, "exp") == 0) {
            a[i] = exp(z[i]);
            jacobian[i][i] = exp(z[i]);
        } else if (is_softmax) {
            a[i] = exp(z[i]) / total;
        } else {
            return 0;
        }
    }
    for (size_t i = 0; i < n && is_softmax; i++) {
        for (size_t j = 0; j < n; j++) {
            jacobian[i][j] = a[i] * ((i == j) - a[j]);
        }
    }
    for (size_t j = 0; j < n && v != NULL; j++) {
        back[j] = 0;
        for (size_t i = 0; i < n; i++) {
            back[j] += jacobian[i][j] * v[i];
        }
    }
    return 1;
}

/* ---- One network ----------------------------------------------------------------------------- */

typedef struct run {
    double X[N_UNITS], y[N_UNITS], parameters[100];
    double z[N_LAYERS][N_UNITS], a[N_LAYERS][N_UNITS], delta[N_LAYERS][N_UNITS];
    double dloss_da[N_LAYERS][N_UNITS];
    double objective, gradient[100];
    size_t coefs[N_LAYERS], intercepts[N_LAYERS];
} run;

static void compute(run *r, const char *hidden, const char *output, const char *loss,
                    int can_be_zero, double centre) {
    const pb_network_spec spec = {PB_FLOAT64,
                                  N_LAYERS,
                                  sizes,
                                  EVERY_LAYER(hidden),
                                  output,
                                  loss,
                                  .loss_parameter = usual_parameter(loss)};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "%s, %s", output, loss);
    CHECK_SAME(pb_workspace_new(network, N_ROWS, PB_WORKSPACE_GRADIENT, 1, &workspace), PB_OK, "%s",
               loss);
    const size_t n_parameters = pb_network_n_parameters(network);
    CHECK_SAME(n_parameters, 4 * 5 + 5 * 3 + 3 * 3 + 5 + 3 + 3, "parameters");
    fill(PB_FLOAT64, r->X, N_ROWS * sizes[0], 0.5);
    fill(PB_FLOAT64, r->parameters, n_parameters, 0.25);
    for (size_t l = 0, at = 0, last = 44; l < N_LAYERS; at += sizes[l] * sizes[l + 1], l++) {
        CHECK_SAME(pb_network_layer(network, l, &r->coefs[l], &r->intercepts[l]), PB_OK, "%zu", l);
        CHECK_SAME(r->coefs[l], at, "W%zu", l + 1);
        CHECK_SAME(r->intercepts[l], last, "b%zu", l + 1);
        last += sizes[l + 1];
    }
    CHECK_SAME(pb_network_layer(network, N_LAYERS, r->coefs, r->intercepts), PB_BAD_ARGUMENT,
               "no such layer");
    /* Small coefficients and a large intercept at the output keep z where the loss is finite. */
    for (size_t i = 0; i < sizes[2] * sizes[3]; i++) {
        r->parameters[r->coefs[2] + i] *= 0.25;
    }
    for (size_t i = 0; i < sizes[3]; i++) {
        r->parameters[r->intercepts[2] + i] = centre + draw() * 0x1p-4;
    }
    /* One-hot rows and rows of eighths: both sum to one. */
    for (size_t i = 0; i < N_ROWS; i++) {
        const double first = (double)(1 + draw_below(4)) / 8;
        const int is_hot = i % 2 && can_be_zero;
        const double row[3] = {is_hot ? 1 : first, is_hot ? 0 : 0.375, is_hot ? 0 : 0.625 - first};
        memcpy(r->y + i * 3, row, sizeof row);
    }
    memset(r->z, 0xff, sizeof r->z);
    memset(r->a, 0xff, sizeof r->a);
    memset(r->delta, 0xff, sizeof r->delta);
    memset(r->dloss_da, 0xff, sizeof r->dloss_da);
    void *const z[N_LAYERS] = {r->z[0], r->z[1], r->z[2]};
    void *const a[N_LAYERS] = {r->a[0], r->a[1], r->a[2]};
    void *const delta[N_LAYERS] = {r->delta[0], r->delta[1], r->delta[2]};
    void *const dloss_da[N_LAYERS] = {r->dloss_da[0], r->dloss_da[1], r->dloss_da[2]};
    const pb_trace trace = {z, a, delta, dloss_da};
    const pb_batch batch = {
        {r->X, 4, 1, NULL, NULL}, {r->y, PB_TARGET_REAL, 3, 1}, NULL, NULL, N_ROWS};
    CHECK_SAME(pb_objective(network, r->parameters, &batch, workspace, NULL, &r->objective,
                            r->gradient, &trace),
               PB_OK, "%s, %s", output, loss);
    /* The forward half alone gives the same numbers. */
    double half_z[N_UNITS], half_a[N_UNITS];
    for (size_t l = 0; l < N_LAYERS; l++) {
        void *z_of[N_LAYERS] = {NULL}, *a_of[N_LAYERS] = {NULL};
        z_of[l] = half_z;
        a_of[l] = half_a;
        const pb_trace half = {z_of, a_of, NULL};
        CHECK_SAME(
            pb_trace_forward(network, r->parameters, &batch.X, N_ROWS, workspace, NULL, &half),
            PB_OK, "layer %zu", l + 1);
        CHECK_BITS(PB_FLOAT64, N_ROWS * sizes[l + 1], half_z, r->z[l], output);
        CHECK_BITS(PB_FLOAT64, N_ROWS * sizes[l + 1], half_a, r->a[l], output);
    }
    pb_workspace_free(workspace);
    pb_network_free(network);
}

/* Z_l = A_(l-1) W_l + b_l to the bit: one chain over k, the bias last; and A_l = f(Z_l). */
static void check_forward(const run *r, const char *hidden, const char *output) {
    for (size_t l = 0; l < N_LAYERS; l++) {
        const double *before = l == 0 ? r->X : r->a[l - 1];
        for (size_t i = 0; i < N_ROWS; i++) {
            double expected[WIDEST], back[WIDEST];
            const double *z = r->z[l] + i * sizes[l + 1];
            for (size_t j = 0; j < sizes[l + 1]; j++) {
                double sum = 0;
                for (size_t k = 0; k < sizes[l]; k++) {
                    sum = pb_fma(before[i * sizes[l] + k],
                                 r->parameters[r->coefs[l] + k * sizes[l + 1] + j], sum);
                }
                sum += r->parameters[r->intercepts[l] + j];
                CHECK(same_bits(z[j], sum), "Z%zu(%zu, %zu) = %a, not %a", l + 1, i, j, z[j], sum);
            }
            const char *name = l + 1 == N_LAYERS ? output : hidden;
            if (plain_activation(name, sizes[l + 1], z, NULL, expected, back)) {
                for (size_t j = 0; j < sizes[l + 1]; j++) {
                    CHECK_CLOSE(r->a[l][i * sizes[l + 1] + j], expected[j],
                                1e-15 * (1 + fabs(expected[j])), "A%zu: %s", l + 1, name);
                }
            }
        }
    }
}

/* dl/dA: of the output the loss's gradient; of a hidden layer Delta W^T, one chain over k to the
 * bit. What the activation's Jacobian makes of it is Delta: to the bit, unless the loss's row has a
 * form of its own for the pair, which spares a saturated output the way through dl/dA. */
static void check_dloss_da(const run *r, const char *hidden, const char *output,
                           const pb_loss_info *loss) {
    for (size_t l = 0; l < N_LAYERS; l++) {
        const int is_output = l + 1 == N_LAYERS;
        const size_t width = sizes[l + 1], n = N_ROWS * width;
        for (size_t i = 0; i < n; i++) {
            const double v = r->dloss_da[l][i];
            if (is_output) {
                long double value = 0, gradient = 0, scale = 0;
                if (plain_loss(loss->name, usual_parameter(loss->name), r->y[i], r->a[l][i], &value,
                               &gradient, &scale)) {
                    CHECK_CLOSE(v, (double)gradient, 1e-14 * (1 + fabs(v)), "dl/dA: %s",
                                loss->name);
                }
                continue;
            }
            double sum = 0;
            for (size_t j = 0; j < sizes[l + 2]; j++) {
                const size_t weight = i % width * sizes[l + 2] + j;
                sum = pb_fma(r->parameters[r->coefs[l + 1] + weight],
                             r->delta[l + 1][i / width * sizes[l + 2] + j], sum);
            }
            CHECK(same_bits(v, sum), "dl/dA%zu(%zu) = %a, not %a", l + 1, i, v, sum);
        }
        double delta[N_UNITS];
        memcpy(delta, r->dloss_da[l], sizeof delta);
        CHECK_SAME(pb_activation_vjp(PB_FLOAT64, is_output ? output : hidden, N_ROWS, width,
                                     r->z[l], r->a[l], delta, NULL),
                   PB_OK, "%s", output);
        if (is_output && strcmp(loss->default_output, output) == 0) {
            for (size_t i = 0; i < n; i++) {
                CHECK_CLOSE(delta[i], r->delta[l][i], 1e-14 * (1 + fabs(delta[i])), "J^T dl/dA: %s",
                            loss->name);
            }
        } else {
            CHECK_BITS(PB_FLOAT64, n, delta, r->delta[l], is_output ? output : hidden);
        }
    }
}

/* Delta of the output by the Jacobian, of the deeper layers by the chain rule. */
static void check_backward(const run *r, const char *hidden, const char *output,
                           const pb_loss_info *loss) {
    const int is_canonical =
        loss->canonical_output != NULL && strcmp(loss->canonical_output, output) == 0;
    double v[WIDEST], a[WIDEST], expected[WIDEST], total = 0;
    size_t n_different = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        const double *y_pred = r->a[N_LAYERS - 1] + i * 3, *delta = r->delta[N_LAYERS - 1] + i * 3;
        for (size_t j = 0; j < 3; j++) {
            long double l = 0, gradient = 0, scale = 0;
            if (!plain_loss(loss->name, usual_parameter(loss->name), r->y[i * 3 + j], y_pred[j], &l,
                            &gradient, &scale)) {
                return;
            }
            v[j] = (double)gradient;
            total += (double)l;
        }
        if (!plain_activation(output, 3, r->z[N_LAYERS - 1] + i * 3, v, a, expected)) {
            return;
        }
        for (size_t j = 0; j < 3; j++) {
            const double difference = y_pred[j] - r->y[i * 3 + j];
            CHECK_CLOSE(delta[j], expected[j], 1e-14 * (1 + fabs(expected[j])),
                        "Delta%d(%zu, %zu): %s, %s", N_LAYERS, i, j, output, loss->name);
            CHECK(!is_canonical || same_bits(delta[j], difference), "%a is not %a: %s, %s",
                  delta[j], difference, output, loss->name);
            n_different += fabs(delta[j] - difference) > 1e-3;
        }
    }
    /* Pairs that are visibly different. (Others may coincide: softmax with
     * targets that sum to one turns the Poisson gradient, too, into y_pred - y.) */
    const int must_differ = strcmp(loss->name, "squared_error") == 0 &&
                            (strcmp(output, "logistic") == 0 || strcmp(output, "softmax") == 0 ||
                             strcmp(output, "tanh") == 0);
    CHECK(!must_differ || n_different > 0, "Delta is y_pred - y: %s, %s", output, loss->name);
    CHECK_CLOSE(r->objective, total / N_ROWS, 1e-14 * (1 + fabs(total)), "F: %s, %s", output,
                loss->name);
    for (size_t l = N_LAYERS - 1; l > 0; l--) {
        for (size_t i = 0; i < N_ROWS; i++) {
            for (size_t k = 0; k < sizes[l]; k++) {
                v[k] = 0;
                for (size_t j = 0; j < sizes[l + 1]; j++) {
                    v[k] += r->delta[l][i * sizes[l + 1] + j] *
                            r->parameters[r->coefs[l] + k * sizes[l + 1] + j];
                }
            }
            if (!plain_activation(hidden, sizes[l], r->z[l - 1] + i * sizes[l], v, a, expected)) {
                return;
            }
            for (size_t k = 0; k < sizes[l]; k++) {
                CHECK_CLOSE(r->delta[l - 1][i * sizes[l] + k], expected[k],
                            1e-15 * (1 + fabs(expected[k])), "Delta%zu(%zu, %zu): %s, %s, %s", l, i,
                            k, hidden, output, loss->name);
            }
        }
    }
}

int main(void) {
    pb_loss_info loss = {0};
    pb_activation_info output = {0}, hidden = {0};
    for (size_t i = 0; pb_loss_at(i, &loss) == PB_OK; i++) {
        for (size_t j = 0; pb_activation_at(j, &output) == PB_OK; j++) {
            for (size_t k = 0; output.output && pb_activation_at(k, &hidden) == PB_OK; k++) {
                if (hidden.hidden) {
                    run r;
                    compute(&r, hidden.name, output.name, loss.name, loss.target_low_belongs, 0.5);
                    if (!isfinite(r.objective)) {
                        compute(&r, hidden.name, output.name, loss.name, loss.target_low_belongs,
                                -0.5);
                    }
                    check_forward(&r, hidden.name, output.name);
                    check_backward(&r, hidden.name, output.name, &loss);
                    check_dloss_da(&r, hidden.name, output.name, &loss);
                }
            }
        }
    }
    return check_summary();
}
