/* Tests the losses of single outputs against their formulas in long double: in the prediction a,
 * with the gradient dl/da, and in the pre-activation z, where a saturated output keeps its exact,
 * finite loss.
 *
 * The formulas are written independently of the core. For a row without formula here, only the bits
 * are checked; test_gradient.c compares it with finite differences. */
#include "matrices.h"
#include "formulas.h"

/* l and dl/dz from y and the z of the default output (for log_loss: z - logsumexp(z)). */
static int plain_loss_in_z(const char *name, long double p, long double y, long double z,
                           long double *l, long double *delta, long double *scale) {
    const long double a = expl(z);
    if (strcmp(name, "binary_log_loss") == 0) {
        *l = *scale = (z > 0 ? z * (1 - y) : -z * y) + log1pl(expl(-fabsl(z)));
        *delta = 1 / (1 + expl(-z)) - y;
    } else if (strcmp(name, "log_loss") == 0) {
        *l = *scale = -y * z;
        *delta = a - y;
    } else if (strcmp(name, "poisson") == 0) {
        *l = (y == 0 ? 0 : y * (logl(y) - z)) - y + a;
        *scale = (y == 0 ? 0 : fabsl(y * logl(y)) + fabsl(y * z)) + y + a;
        *delta = a - y;
    } else if (strcmp(name, "gamma") == 0) {
        *l = y * expl(-z) - 1 - logl(y) + z;
        *scale = y * expl(-z) + 1 + fabsl(logl(y)) + fabsl(z);
        *delta = 1 - y * expl(-z);
    } else if (strcmp(name, "tweedie") == 0) {
        const long double rising = expl((2 - p) * z), falling = y == 0 ? 0 : y * expl((1 - p) * z);
        const long double at_y = y == 0 ? 0 : powl(y, 2 - p);
        *l = rising / (2 - p) + falling / (p - 1) - at_y / ((p - 1) * (2 - p));
        *scale = rising / (2 - p) + falling / (p - 1) + at_y / ((p - 1) * (2 - p));
        *scale *= 1 + fabsl(z) + (y == 0 ? 0 : fabsl(logl(y))); /* exponents are rounded */
        *delta = rising - falling;
    } else {
        return plain_loss(name, p, y, z, l, delta, scale); /* with an identity output */
    }
    return 1;
}

static double epsilon(pb_dtype dtype) {
    return dtype == PB_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

/* Within some roundings of the terms, a few units of the smallest number included. */
static void check_near(pb_dtype dtype, double actual, long double exact, long double scale,
                       const char *what, double y, double x) {
    const double most = dtype == PB_FLOAT64 ? DBL_MAX : (double)FLT_MAX;
    const double least = dtype == PB_FLOAT64 ? 0x1p-1070 : 0x1p-145;
    if (fabsl(exact) > (long double)most) {
        CHECK(actual == (exact > 0 ? INFINITY : -INFINITY), "%s(y = %g, %g) is %g", what, y, x,
              actual);
        return;
    }
    CHECK_CLOSE(actual, (double)exact, 8 * epsilon(dtype) * (double)fabsl(scale) + least,
                "%s(y = %g, %g) %s", what, y, x, dtype_name(dtype));
}

/* One kernel on n pairs (y, x), with the bits of the baseline. */
static void run_kernel(pb_dtype dtype, pb_loss_kernel *kernel, pb_loss_kernel *baseline, size_t n,
                       const void *y, const void *z, const void *a, double parameter, void *out,
                       const char *name) {
    const pb_matrix all = plane_with_gaps(1, n, 0), one = plane_with_gaps(1, 1, 0);
    void *expected = reals(dtype, n);
    baseline(&all, y, z, a, parameter, expected);
    kernel(&all, y, z, a, parameter, out);
    CHECK_BITS(dtype, n, out, expected, name);
    for (size_t i = 0; i < n; i++) { /* each alone */
        const size_t at = i * item_size(dtype);
        kernel(&one, (const char *)y + at, (const char *)z + at, (const char *)a + at, parameter,
               (char *)out + at);
    }
    CHECK_BITS(dtype, n, out, expected, name);
    free(expected);
}

static const double predictions[] = {0,    0x1p-140, 1e-30, 0.001, 0.125, 0.25, 0.5, 0.625,
                                     0.75, 0.999,    1,     1.5,   3,     1e6,  1e30};
static const double logits[] = {0,   -0.0, 0.5, -0.5, 1,    -1,    17,   -17,   36.5, -36.5,
                                40,  -40,  85,  -85,  110,  -110,  700,  -700,  740,  -740,
                                800, -800, 1e4, -1e4, 1e10, -1e10, 1e30, -1e30, 3e-8, -1e-17};
static const double targets[] = {0, 1, 0.25, 0.5, 0.9990234375, 3, 1e4, -2};

enum {
    N_A = sizeof predictions / sizeof predictions[0],
    N_Z = sizeof logits / sizeof logits[0],
    N_Y = sizeof targets / sizeof targets[0],
    MOST = N_Z * N_Y
};

static int is_target(const pb_loss_info *loss, double y) {
    return y <= loss->target_high &&
           (loss->target_low_belongs ? y >= loss->target_low : y > loss->target_low);
}

static void test_in_a(pb_dtype dtype, pb_loss kind, const pb_loss_info *loss, double parameter,
                      const pb_kernels *kernels) {
    const pb_kernels *baseline = pb_kernels_of(PB_BASELINE, dtype);
    double y[MOST], a[MOST], value[MOST], gradient[MOST];
    size_t n = 0;
    for (size_t i = 0; i < N_A * N_Y; i++) {
        if (is_target(loss, targets[i % N_Y])) {
            put(dtype, y, n, targets[i % N_Y]);
            put(dtype, a, n++, predictions[i / N_Y]);
        }
    }
    run_kernel(dtype, kernels->loss_value[kind], baseline->loss_value[kind], n, y, a, a, parameter,
               value, loss->name);
    run_kernel(dtype, kernels->loss_gradient[kind], baseline->loss_gradient[kind], n, y, a, a,
               parameter, gradient, loss->name);
    for (size_t i = 0; i < n; i++) {
        const double t = get(dtype, y, i), p = get(dtype, a, i);
        long double l = 0, dl = 0, scale = 0;
        /* A probability above one has no log-loss; where the gradient overflows, the loss of a
         * prediction that is all but zero may do so too: there is no gradient to take. */
        const int is_defined = plain_loss(loss->name, parameter, t, p, &l, &dl, &scale);
        const double most = dtype == PB_FLOAT64 ? DBL_MAX : (double)FLT_MAX;
        if (is_defined && !isnan(l) && fabsl(dl) <= (long double)most) {
            check_near(dtype, get(dtype, value, i), l, scale, loss->name, t, p);
            /* A power's exponent is rounded too. */
            const long double of_gradient = kind == PB_LOSS_tweedie ? 1 + fabsl(logl(p)) : 1;
            check_near(dtype, get(dtype, gradient, i), dl, of_gradient * (fabsl(dl) + 1),
                       loss->name, t, p);
        }
    }
}

static void test_in_z(pb_dtype dtype, pb_loss kind, const pb_loss_info *loss, double parameter,
                      const pb_kernels *kernels) {
    const pb_kernels *baseline = pb_kernels_of(PB_BASELINE, dtype);
    pb_activation output = PB_ACTIVATION_COUNT;
    double y[MOST], z[MOST], a[MOST], value[MOST], delta[MOST];
    size_t n = 0, n_different = 0;
    for (size_t i = 0; i < N_Z * N_Y; i++) {
        /* z - logsumexp(z) is never positive. */
        if (is_target(loss, targets[i % N_Y]) && !(loss->rows_sum_to_one && logits[i / N_Y] > 0)) {
            put(dtype, y, n, targets[i % N_Y]);
            put(dtype, z, n++, logits[i / N_Y]);
        }
    }
    CHECK_SAME(pb_find_activation(loss->default_output, &output), PB_OK, "%s", loss->name);
    const pb_matrix column = plane_of_table(1, n);
    kernels->activate[output](&column, z, a);
    run_kernel(dtype, kernels->loss_value_in_z[kind], baseline->loss_value_in_z[kind], n, y, z, a,
               parameter, value, loss->name);
    run_kernel(dtype, kernels->loss_delta_in_z[kind], baseline->loss_delta_in_z[kind], n, y, z, a,
               parameter, delta, loss->name);
    for (size_t i = 0; i < n; i++) {
        const double t = get(dtype, y, i), x = get(dtype, z, i);
        long double l = 0, dl = 0, scale = 0;
        if (plain_loss_in_z(loss->name, parameter, t, x, &l, &dl, &scale)) {
            check_near(dtype, get(dtype, value, i), l, scale, loss->name, t, x);
            if (!loss->rows_sum_to_one) { /* a softmax of one unit is 1 */
                check_near(dtype, get(dtype, delta, i), dl, scale + fabsl(t), loss->name, t, x);
            }
        }
        n_different +=
            !same_bits(get(dtype, delta, i), rounded(dtype, get(dtype, a, i) - get(dtype, y, i)));
    }
    const int is_canonical =
        loss->canonical_output != NULL && strcmp(loss->canonical_output, loss->default_output) == 0;
    CHECK((n_different == 0) == is_canonical, "%s: delta is not a - y %zu times", loss->name,
          n_different);
}

int main(void) {
    static const double quantiles[] = {0, 0.125, 0.5, 1}, powers[] = {1.0625, 1.5, 1.9375};
    static const double thresholds[] = {0x1p-20, 1, 1e4};
    pb_loss_info loss = {0};
    pb_loss kind = PB_LOSS_COUNT;
    FOR_DTYPES(dtype) {
        for (size_t i = 0; pb_loss_at(i, &loss) == PB_OK; i++) {
            CHECK_SAME(pb_find_loss(loss.name, &kind), PB_OK, "%s", loss.name);
            CHECK_SAME(kind, i, "%s", loss.name);
            const int is_quantile = kind == PB_LOSS_quantile, is_huber = kind == PB_LOSS_huber;
            const double usual = usual_parameter(loss.name);
            const double *parameters = is_quantile               ? quantiles
                                       : is_huber                ? thresholds
                                       : kind == PB_LOSS_tweedie ? powers
                                                                 : &usual;
            const size_t n = is_quantile ? 4 : is_huber || kind == PB_LOSS_tweedie ? 3 : 1;
            for (size_t k = 0; k < n; k++) {
                FOR_VARIANTS(isa, dtype, kernels) {
                    test_in_a(dtype, kind, &loss, parameters[k], kernels);
                    test_in_z(dtype, kind, &loss, parameters[k], kernels);
                }
            }
        }
    }
    return check_summary();
}
