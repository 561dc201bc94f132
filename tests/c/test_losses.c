/* Losses of single outputs, against their formulas in long double: in the prediction a, with the
 * slope dl/da, and in the pre-activation z, where a saturated output keeps its exact, finite loss.
 *
 * The formulas are this test's own. A row of the list that has none here gets the checks on bits
 * only, and test_gradient.c's finite differences. */
#include "planes.h"
#include "formulas.h"

/* l from y and the canonical z (for log_loss: z - logsumexp(z)). */
static int plain_value_in_z(const char *name, long double y, long double z, long double *l,
                            long double *scale) {
    if (strcmp(name, "squared_error") == 0) {
        *l = *scale = (z - y) * (z - y) / 2;
    } else if (strcmp(name, "binary_log_loss") == 0) {
        *l = *scale = (z > 0 ? z * (1 - y) : -z * y) + log1pl(expl(-fabsl(z)));
    } else if (strcmp(name, "log_loss") == 0) {
        *l = *scale = -y * z;
    } else if (strcmp(name, "poisson") == 0) {
        *l = (y == 0 ? 0 : y * (logl(y) - z)) - y + expl(z);
        *scale = (y == 0 ? 0 : fabsl(y * logl(y)) + fabsl(y * z)) + y + expl(z);
    } else {
        return 0;
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
                       const void *y, const void *z, const void *a, void *out, const char *name) {
    const pb_plane all = plane_with_gaps(1, n, 0), one = plane_with_gaps(1, 1, 0);
    void *expected = reals(dtype, n);
    baseline(&all, y, z, a, expected);
    kernel(&all, y, z, a, out);
    CHECK_BITS(dtype, n, out, expected, name);
    for (size_t i = 0; i < n; i++) { /* each alone */
        const size_t at = i * item_size(dtype);
        kernel(&one, (const char *)y + at, (const char *)z + at, (const char *)a + at,
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

static void test_loss(pb_dtype dtype, size_t row, const pb_loss_info *loss) {
    pb_loss kind = PB_LOSS_COUNT;
    pb_activation output = PB_ACTIVATION_COUNT;
    CHECK_SAME(pb_find_loss(loss->name, &kind), PB_OK, "%s", loss->name);
    CHECK_SAME(kind, row, "%s", loss->name);
    const pb_kernels *baseline = pb_kernels_of(PB_BASELINE, dtype);
    double y[MOST], x[MOST], a[MOST], value[MOST], slope[MOST];
    FOR_VARIANTS(isa, dtype, kernels) {
        size_t n = 0;
        for (size_t i = 0; i < N_A * N_Y; i++) {
            const double target = targets[i % N_Y];
            if (target >= loss->target_low && target <= loss->target_high) {
                put(dtype, y, n, target);
                put(dtype, x, n++, predictions[i / N_Y]);
            }
        }
        run_kernel(dtype, kernels->loss_value[kind], baseline->loss_value[kind], n, y, x, x, value,
                   loss->name);
        run_kernel(dtype, kernels->loss_slope[kind], baseline->loss_slope[kind], n, y, x, x, slope,
                   loss->name);
        for (size_t i = 0; i < n; i++) {
            const double t = get(dtype, y, i), p = get(dtype, x, i);
            long double l = 0, dl = 0, scale = 0;
            /* A probability above one has no log-loss; where the slope overflows, the loss of a
             * prediction that is all but zero may do so too: there is no gradient to take. */
            const int is_defined = plain_loss(loss->name, t, p, &l, &dl, &scale);
            const double most = dtype == PB_FLOAT64 ? DBL_MAX : (double)FLT_MAX;
            if (is_defined && !isnan(l) && fabsl(dl) <= (long double)most) {
                check_near(dtype, get(dtype, value, i), l, scale, loss->name, t, p);
                check_near(dtype, get(dtype, slope, i), dl, fabsl(dl) + 1, loss->name, t, p);
            }
        }
        if (loss->canonical_output == NULL) {
            continue;
        }
        n = 0;
        for (size_t i = 0; i < N_Z * N_Y; i++) {
            const double target = targets[i % N_Y], z = logits[i / N_Y];
            /* z - logsumexp(z) is never positive. */
            if (target >= loss->target_low && target <= loss->target_high &&
                !(loss->rows_sum_to_one && z > 0)) {
                put(dtype, y, n, target);
                put(dtype, x, n++, z);
            }
        }
        CHECK_SAME(pb_find_activation(loss->canonical_output, &output), PB_OK, "%s", loss->name);
        const pb_plane column = plane_of_table(1, n);
        kernels->activate[output](&column, x, a);
        run_kernel(dtype, kernels->loss_value_in_z[kind], baseline->loss_value_in_z[kind], n, y, x,
                   a, value, loss->name);
        for (size_t i = 0; i < n; i++) {
            const double t = get(dtype, y, i), z = get(dtype, x, i);
            long double l = 0, scale = 0;
            if (plain_value_in_z(loss->name, t, z, &l, &scale)) {
                check_near(dtype, get(dtype, value, i), l, scale, loss->name, t, z);
            }
        }
    }
}

int main(void) {
    pb_loss_info loss = {0};
    FOR_DTYPES(dtype) {
        for (size_t i = 0; pb_loss_at(i, &loss) == PB_OK; i++) {
            test_loss(dtype, i, &loss);
        }
    }
    return check_summary();
}
