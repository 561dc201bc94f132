/* Tests which networks and batches are refused with which status, and the placement of rows in a
 * trace. */
#include "check.h"

/* ---- Refusals -------------------------------------------------------------------------------- */

static pb_status new_status(const pb_network_spec *spec) {
    pb_network *network = NULL;
    const pb_status status = pb_network_new(spec, &network);
    CHECK((status == PB_OK) == (network != NULL), "status %d", (int)status);
    pb_network_free(network);
    return status;
}

/* Or the address sanitizer stops where calloc is to return NULL. Its library looks for the name,
 * which must not be hidden. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static void test_bad_specs(void) {
    size_t sizes[] = {3, 4, 2};
    const pb_network_spec good = {PB_FLOAT64,
                                  2,
                                  sizes,
                                  EVERY_LAYER("tanh"),
                                  "identity",
                                  "squared_error",
                                  .alphas = SAME_ALPHAS(0.5)};
    CHECK_SAME(new_status(&good), PB_OK, "good");

    const double alphas[] = {NAN, -1, -0x1p-1074, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof alphas / sizeof alphas[0]; i++) {
        pb_network_spec spec = good;
        spec.alphas = SAME_ALPHAS(alphas[i]);
        CHECK_SAME(new_status(&spec), PB_BAD_ARGUMENT, "alpha %g", alphas[i]);
    }
    const double ratios[] = {NAN, -0.1, 1.1, INFINITY};
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        pb_network_spec spec = good;
        spec.l1_ratio = ratios[i];
        CHECK_SAME(new_status(&spec), PB_BAD_ARGUMENT, "l1_ratio %g", ratios[i]);
    }
    pb_network_spec spec = good;
    const double second[] = {0.5, -1};
    spec.alphas = second;
    CHECK_SAME(new_status(&spec), PB_BAD_ARGUMENT, "the second alpha");
    spec = good;
    spec.n_layers = 0;
    CHECK_SAME(new_status(&spec), PB_BAD_ARGUMENT, "no layer");
    spec = good;
    spec.dtype = (pb_dtype)2;
    CHECK_SAME(new_status(&spec), PB_BAD_ARGUMENT, "no such data type");
    for (size_t l = 0; l < 3; l++) {
        const size_t before = sizes[l];
        sizes[l] = 0;
        CHECK_SAME(new_status(&good), PB_BAD_ARGUMENT, "layer %zu is empty", l);
        sizes[l] = before;
    }
    pb_network_free(NULL);
    pb_workspace_free(NULL);
}

/* Sizes that do not fit, by their product, their sum, or their bytes. */
static void test_too_large(void) {
    const size_t quarter = SIZE_MAX / 4 + 1, root = (size_t)1 << (4 * sizeof(size_t));
    const size_t shapes[][3] = {
        {quarter, quarter, 1},
        {quarter, 1, 1},
        {1, quarter, 4}, /* W1 fits, W2 does not */
        {1, 1, SIZE_MAX},
        {root, root, 1}, /* the product wraps around to 0 */
        {root, root / 2, 1},
        {SIZE_MAX / 2, 1, SIZE_MAX / 2 + 1},
        {1, SIZE_MAX / 2, 1},       /* the products fit, the sum with the intercepts does not */
        {root / 2, root, root / 2}, /* their sum wraps around to 0 */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const pb_network_spec spec = {PB_FLOAT32,          2,          shapes[i],
                                      EVERY_LAYER("relu"), "identity", "squared_error",
                                      .alphas = NULL};
        CHECK_SAME(new_status(&spec), PB_TOO_LARGE, "%zu, %zu, %zu", shapes[i][0], shapes[i][1],
                   shapes[i][2]);
    }
    /* A network that can be described, and whose scratch cannot be had. */
    const size_t wide[] = {1, SIZE_MAX / 256 + 1}; /* times 256 rows: wraps around to 0 */
    const pb_network_spec spec = {
        PB_FLOAT64, 1, wide, EVERY_LAYER("relu"), "identity", "squared_error", .alphas = NULL};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "wide");
    CHECK(pb_network_n_parameters(network) == 2 * wide[1], "%zu parameters",
          pb_network_n_parameters(network));
    for (int kind = PB_WORKSPACE_PREDICTION; kind <= PB_WORKSPACE_TRAINING; kind++) {
        CHECK_SAME(pb_workspace_new(network, 256, (pb_workspace_kind)kind, 1, &workspace),
                   PB_TOO_LARGE, "scratch for kind %d", kind);
    }
    CHECK(workspace == NULL, "a failure left a workspace");
    pb_network_free(network);
}

/* Layers so wide that the bytes of one matrix or another wrap around to next to nothing,
 * whatever a place in it takes. */
static void test_planes_that_wrap_around(void) {
    for (size_t bytes = 64; bytes <= 512; bytes += 64) {
        const size_t sizes[] = {1, 1, SIZE_MAX / bytes + 1, 1};
        const pb_network_spec spec = {
            PB_FLOAT64, 3, sizes, EVERY_LAYER("relu"), "identity", "squared_error", .alphas = NULL};
        pb_network *network = NULL;
        pb_workspace *workspace = NULL;
        if (pb_network_new(&spec, &network) != PB_OK) {
            continue;
        }
        CHECK(pb_workspace_new(network, 1, PB_WORKSPACE_PREDICTION, 1, &workspace) != PB_OK,
              "scratch for %zu units", sizes[2]);
        CHECK(workspace == NULL, "a failure left a workspace");
        pb_network_free(network);
    }
}

static void test_bad_batches(void) {
    static const size_t sizes[] = {2, 1};
    const pb_network_spec spec = {
        PB_FLOAT64, 1, sizes, EVERY_LAYER("tanh"), "identity", "squared_error", .alphas = NULL};
    const double X[] = {1, 2, 3, 4, 5, 6}, y[] = {1, 2, 3}, zeros[3] = {0}, theta[3] = {1, 1, 1};
    double value = 0, gradient[3] = {0};
    pb_network *network = NULL, *other = NULL;
    pb_workspace *w = NULL, *for_prediction = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
    CHECK_SAME(pb_network_new(&spec, &other), PB_OK, "network");
    CHECK_SAME(pb_workspace_new(network, 0, PB_WORKSPACE_GRADIENT, 1, &w), PB_BAD_ARGUMENT,
               "no rows");
    CHECK_SAME(pb_workspace_new(network, 2, PB_WORKSPACE_GRADIENT, 0, &w), PB_BAD_ARGUMENT,
               "no thread");
    CHECK_SAME(pb_workspace_new(network, 2, PB_WORKSPACE_GRADIENT, PB_MAX_THREADS + 1, &w),
               PB_BAD_ARGUMENT, "too many threads");
    CHECK_SAME(pb_workspace_new(network, 2, PB_WORKSPACE_GRADIENT, 1, &w), PB_OK, "workspace");
    CHECK_SAME(pb_workspace_new(network, 2, PB_WORKSPACE_PREDICTION, 1, &for_prediction), PB_OK,
               "workspace");
    const pb_batch good = {{X, 2, 1, NULL, NULL}, {y, PB_TARGET_REAL, 1, 1}, NULL, NULL, 2};
    CHECK_SAME(pb_objective(network, theta, &good, w, NULL, &value, gradient, NULL), PB_OK, "good");
    /* z = 4 and 8; 0.5 (9 + 36) / 2 */
    CHECK_CLOSE(value, 11.25, 0, "two rows");

    pb_batch bad = good;
    bad.n_rows = 3;
    CHECK_SAME(pb_objective(network, theta, &bad, w, NULL, &value, gradient, NULL), PB_BAD_ARGUMENT,
               "more rows than the workspace is for");
    bad.n_rows = 0;
    CHECK_SAME(pb_objective(network, theta, &bad, w, NULL, &value, gradient, NULL), PB_BAD_ARGUMENT,
               "no rows");
    bad = good;
    bad.weights = zeros;
    CHECK_SAME(pb_objective(network, theta, &bad, w, NULL, &value, gradient, NULL), PB_BAD_ARGUMENT,
               "no weight");
    CHECK_SAME(pb_objective(network, theta, &bad, w, NULL, &value, NULL, NULL), PB_BAD_ARGUMENT,
               "no weight, no gradient");
    CHECK_SAME(pb_objective(network, theta, &good, for_prediction, NULL, &value, NULL, NULL),
               PB_BAD_ARGUMENT, "a workspace for prediction");
    CHECK_SAME(pb_objective(other, theta, &good, w, NULL, &value, gradient, NULL), PB_BAD_ARGUMENT,
               "the workspace of another network");
    pb_workspace_free(w);
    pb_workspace_free(for_prediction);
    pb_network_free(network);
    pb_network_free(other);
}

/* ---- Traces ---------------------------------------------------------------------------------- */

/* A trace has a row for each row of the batch, in its order, over all its blocks; rows of zero
 * weight stay as the caller left them, and so does what the caller did not ask for. */
static void test_trace_places(void) {
    enum { N = 600 };
    static const size_t sizes[] = {1, 2, 1};
    const pb_network_spec spec = {
        PB_FLOAT32, 2, sizes, EVERY_LAYER("relu"), "identity", "squared_error", .alphas = NULL};
    /* Both hidden units pass x on; the output is their sum: z = 2 x, delta = 2 x - 0. */
    const float theta[] = {1, 1, 1, 1, 0, 0, 0};
    static float X[N], y[N], z[N], a[2 * N], delta[N];
    static double weights[N];
    static int64_t order[N];
    float gradient[7];
    double value = 0;
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
    CHECK_SAME(pb_workspace_new(network, N, PB_WORKSPACE_GRADIENT, 1, &workspace), PB_OK,
               "workspace");
    for (size_t i = 0; i < N; i++) {
        X[i] = (float)(i + 1);
        weights[i] = i % 5 == 0 ? 0 : 1;
        order[i] = (int64_t)(i * 7 % N); /* 7 and 600 have no factor in common: all rows, once */
        z[i] = a[2 * i] = a[2 * i + 1] = delta[i] = -99;
    }
    void *const z_of[] = {NULL, z}, *const a_of[] = {a, NULL}, *const delta_of[] = {NULL, delta};
    const pb_trace trace = {z_of, a_of, delta_of}, only_a = {NULL, a_of, NULL};
    const pb_batch batch = {{X, 1, 1, NULL, NULL}, {y, PB_TARGET_REAL, 1, 1}, weights, order, N};
    CHECK_SAME(pb_objective(network, theta, &batch, workspace, NULL, &value, NULL, &only_a), PB_OK,
               "a trace of the activations alone, without a gradient");
    CHECK_SAME(pb_objective(network, theta, &batch, workspace, NULL, &value, gradient, &trace),
               PB_OK, "trace");
    for (size_t i = 0; i < N; i++) {
        const float x = X[order[i]];
        const int taken = weights[order[i]] > 0;
        CHECK_CLOSE((double)z[i], taken ? 2 * (double)x : -99, 0, "z, row %zu", i);
        CHECK_CLOSE((double)a[2 * i + 1], taken ? (double)x : -99, 0, "a, row %zu", i);
        CHECK_CLOSE((double)delta[i], taken ? 2 * (double)x : -99, 0, "delta, row %zu", i);
    }
    pb_workspace_free(workspace);
    pb_network_free(network);
}

int main(void) {
    test_bad_specs();
    test_too_large();
    test_planes_that_wrap_around();
    test_bad_batches();
    test_trace_places();
    return check_summary();
}
