/* Tests that an objective and its gradient have the same bits on every instruction set, and however
 * products are split for interruption. */
#include "check.h"
#include "network/network.h"

/* ---- Instruction sets ------------------------------------------------------------------------ */

/* All of pb_objective on the kernels of one instruction set: the sum of everything it promises. */
static void test_same_bits(pb_dtype dtype, const pb_network_spec *spec) {
    enum { N = 333 };
    const size_t n_features = spec->layer_sizes[0], n_outputs = spec->layer_sizes[spec->n_layers];
    void *X = reals(dtype, N * n_features), *y = reals(dtype, N * n_outputs);
    void *theta = NULL, *expected = NULL;
    double weights[N], expected_value = 0;
    fill(dtype, X, N * n_features, 1);
    for (size_t i = 0; i < N; i++) {
        weights[i] = fabs(draw());
        for (size_t j = 0, hot = draw_below(n_outputs); j < n_outputs; j++) {
            put(dtype, y, i * n_outputs + j, j == hot);
        }
    }
    FOR_VARIANTS(isa, dtype, kernels) {
        pb_network *network = NULL;
        pb_workspace *workspace = NULL;
        CHECK_SAME(pb_network_new(spec, &network), PB_OK, "%s", spec->loss);
        network->kernels = kernels; /* whatever this process chose */
        CHECK_SAME(pb_workspace_new(network, N, PB_WORKSPACE_GRADIENT, 1, &workspace), PB_OK,
                   "workspace");
        const size_t n = pb_network_n_parameters(network);
        const pb_batch batch = {{X, (ptrdiff_t)n_features, 1, NULL, NULL},
                                {y, PB_TARGET_REAL, (ptrdiff_t)n_outputs, 1},
                                weights,
                                NULL,
                                N};
        void *gradient = reals(dtype, n);
        double value = NAN;
        if (theta == NULL) {
            theta = reals(dtype, n);
            fill(dtype, theta, n, 0x1p-3);
        }
        CHECK_SAME(pb_objective(network, theta, &batch, workspace, NULL, &value, gradient, NULL),
                   PB_OK, "%s", spec->loss);
        if (expected == NULL) {
            expected = gradient;
            expected_value = value;
        }
        CHECK(same_bits(value, expected_value), "F = %a, not %a: %s, %s, %s", value, expected_value,
              spec->output_activation, spec->loss, pb_isa_name(isa));
        CHECK_BITS(dtype, n, gradient, expected, pb_isa_name(isa));
        if (gradient != expected) {
            free(gradient);
        }
        pb_workspace_free(workspace);
        pb_network_free(network);
    }
    free(X);
    free(y);
    free(theta);
    free(expected);
}

static void test_every_instruction_set(void) {
    /* Wide enough to be cut into chunks; of odd widths; and without a hidden layer. */
    static const size_t wide[] = {65, 150, 17, 3}, odd[] = {9, 21, 5, 3}, narrow[] = {3, 2};
    pb_loss_info loss = {0};
    pb_activation_info f = {0};
    FOR_DTYPES(dtype) {
        for (size_t i = 0; pb_loss_at(i, &loss) == PB_OK; i++) {
            for (size_t j = 0; pb_activation_at(j, &f) == PB_OK; j++) {
                const char *hidden = f.hidden ? f.name : "tanh";
                const char *output = f.output ? f.name : "identity";
                const double p = usual_parameter(loss.name);
                const pb_network_spec spec = {
                    dtype,  3,         i == j ? wide : odd,          EVERY_LAYER(hidden),
                    output, loss.name, .alphas = SAME_ALPHAS(0.125), .loss_parameter = p};
                const pb_network_spec line = {
                    dtype, 1, narrow, EVERY_LAYER(hidden), output, loss.name, .loss_parameter = p};
                test_same_bits(dtype, &spec);
                test_same_bits(dtype, &line);
            }
        }
    }
}

/* ---- Large products -------------------------------------------------------------------------- */

/* One layer, large enough to be cut in columns and in rows, both ways: Z = X W + b, and with
 * squared error and y = 0, so that Delta is Z, dF/dW = X^T Z / S, each element one chain. */
static void test_sample_chunks(pb_dtype dtype) {
    enum { N = 50, N_FEATURES = 6000, N_OUTPUTS = 200 };
    static const size_t sizes[] = {N_FEATURES, N_OUTPUTS};
    const pb_network_spec spec = {
        dtype, 1, sizes, EVERY_LAYER("tanh"), "identity", "squared_error", .alphas = NULL};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
    CHECK_SAME(pb_workspace_new(network, N, PB_WORKSPACE_GRADIENT, 1, &workspace), PB_OK,
               "workspace");
    const size_t n = pb_network_n_parameters(network);
    void *X = reals(dtype, N * N_FEATURES), *y = reals(dtype, N * N_OUTPUTS);
    void *theta = reals(dtype, n), *gradient = reals(dtype, n), *z = reals(dtype, N * N_OUTPUTS);
    void *expected_z = reals(dtype, N * N_OUTPUTS), *expected = reals(dtype, n);
    fill(dtype, X, N * N_FEATURES, 1);
    fill(dtype, theta, n, 1);
    memset(y, 0, N * N_OUTPUTS * item_size(dtype));
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N_OUTPUTS; j++) {
            double sum = 0;
            for (size_t k = 0; k < N_FEATURES; k++) {
                sum = fused(dtype, get(dtype, X, i * N_FEATURES + k),
                            get(dtype, theta, k * N_OUTPUTS + j), sum);
            }
            sum += get(dtype, theta, N_FEATURES * N_OUTPUTS + j);
            put(dtype, expected_z, i * N_OUTPUTS + j, sum);
        }
    }
    for (size_t k = 0; k < N_FEATURES; k++) {
        for (size_t j = 0; j < N_OUTPUTS; j++) {
            double sum = 0;
            for (size_t i = 0; i < N; i++) {
                sum = fused(dtype, get(dtype, X, i * N_FEATURES + k),
                            get(dtype, expected_z, i * N_OUTPUTS + j), sum);
            }
            put(dtype, expected, k * N_OUTPUTS + j, sum / N);
        }
    }
    double value = 0;
    void *const z_of[] = {z};
    const pb_trace trace = {z_of, NULL, NULL};
    const pb_batch batch = {
        {X, N_FEATURES, 1, NULL, NULL}, {y, PB_TARGET_REAL, N_OUTPUTS, 1}, NULL, NULL, N};
    CHECK_SAME(pb_objective(network, theta, &batch, workspace, NULL, &value, gradient, &trace),
               PB_OK, "wide");
    CHECK_BITS(dtype, N * N_OUTPUTS, z, expected_z, "Z = X W + b");
    CHECK_BITS(dtype, N_FEATURES * N_OUTPUTS, gradient, expected, "dF/dW = X^T Z / S");
    pb_workspace_free(workspace);
    pb_network_free(network);
    free(X);
    free(y);
    free(theta);
    free(gradient);
    free(z);
    free(expected_z);
    free(expected);
}

int main(void) {
    test_every_instruction_set();
    FOR_DTYPES(dtype) { test_sample_chunks(dtype); }
    return check_summary();
}
