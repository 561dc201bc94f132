/* Tests elementwise kernels on matrices: each element has the bits of a 1 × 1 matrix, whatever its
 * neighbours, and the gaps between units are not written. */
#include "matrices.h"

static const size_t shapes[][2] = {{1, 1},  {1, 2},  {1, 3},  {2, 1},  {3, 4},  {5, 7},
                                   {2, 8},  {3, 9},  {4, 15}, {2, 16}, {3, 17}, {7, 31},
                                   {2, 33}, {31, 1}, {2, 64}, {1, 100}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0], N_PLANES = 4 };

static const pb_matrix one = {1, 1, 1, 1};

/* The layouts of a shape: without gaps, with short and long ones, and as a table. */
static pb_matrix plane_at(size_t shape, size_t k) {
    const size_t n_units = shapes[shape][0], n_samples = shapes[shape][1];
    return k == 3 ? plane_of_table(n_units, n_samples)
                  : plane_with_gaps(n_units, n_samples, k == 2 ? 17 : k);
}

/* An array as `expected` says, which has no gaps, with UNTOUCHED between its units. */
static void check_plane(pb_dtype dtype, const pb_matrix *matrix, const void *actual,
                        const void *expected, const char *what) {
    void *laid_out = lay_out_plane(dtype, matrix, expected, UNTOUCHED);
    CHECK_BITS(dtype, plane_length(matrix), actual, laid_out, what);
    free(laid_out);
}

static void *at(pb_dtype dtype, void *array, size_t i) {
    return (char *)array + i * item_size(dtype);
}

/* Element i, from a few special values and many ordinary ones. */
static void fill_specially(pb_dtype dtype, void *x, size_t n, double scale) {
    static const double specials[] = {-0.0, 0, NAN, INFINITY, -INFINITY, 1, -1, 200, -200};
    for (size_t i = 0; i < n; i++) {
        const size_t drawn = draw_below(40);
        put(dtype, x, i, drawn < 9 ? specials[drawn] : draw() * scale);
    }
}

/* ---- Activations ----------------------------------------------------------------------------- */

static void check_map(pb_dtype dtype, size_t shape, pb_map_kernel *kernel, pb_map_kernel *baseline,
                      const char *name) {
    const size_t n = shapes[shape][0] * shapes[shape][1];
    void *z = reals(dtype, n), *expected = reals(dtype, n);
    fill_specially(dtype, z, n, 3);
    for (size_t i = 0; i < n; i++) {
        baseline(&one, at(dtype, z, i), at(dtype, expected, i));
    }
    for (size_t k = 0; k < N_PLANES; k++) {
        const pb_matrix matrix = plane_at(shape, k);
        void *laid_z = lay_out_plane(dtype, &matrix, z, NAN);
        void *a = filled_reals(dtype, plane_length(&matrix), UNTOUCHED);
        kernel(&matrix, laid_z, a);
        check_plane(dtype, &matrix, a, expected, name);
        free(laid_z);
        laid_z = lay_out_plane(dtype, &matrix, z, UNTOUCHED);
        kernel(&matrix, laid_z, laid_z);
        if (k == 0 || k == 3) { /* in place a gap would not show */
            check_plane(dtype, &matrix, laid_z, expected, name);
        }
        free(laid_z);
        free(a);
    }
    free(z);
    free(expected);
}

static void check_vjp(pb_dtype dtype, size_t shape, pb_activation f, const pb_kernels *kernels,
                      const char *name) {
    const size_t n = shapes[shape][0] * shapes[shape][1];
    const pb_kernels *baseline = pb_kernels_of(PB_BASELINE, dtype);
    void *z = reals(dtype, n), *a = reals(dtype, n);
    void *vector = reals(dtype, n), *expected = reals(dtype, n);
    fill_specially(dtype, z, n, 3);
    fill_specially(dtype, vector, n, 1);
    memcpy(expected, vector, n * item_size(dtype));
    for (size_t i = 0; i < n; i++) {
        baseline->activate[f](&one, at(dtype, z, i), at(dtype, a, i));
        baseline->vjp[f](&one, at(dtype, z, i), at(dtype, a, i), at(dtype, expected, i));
    }
    for (size_t k = 0; k < N_PLANES; k++) {
        const pb_matrix matrix = plane_at(shape, k);
        void *laid_z = lay_out_plane(dtype, &matrix, z, NAN);
        void *laid_a = lay_out_plane(dtype, &matrix, a, NAN);
        void *v = lay_out_plane(dtype, &matrix, vector, UNTOUCHED);
        kernels->vjp[f](&matrix, laid_z, laid_a, v);
        check_plane(dtype, &matrix, v, expected, name);
        free(laid_z);
        free(laid_a);
        free(v);
    }
    free(z);
    free(a);
    free(vector);
    free(expected);
}

static void test_activations(pb_dtype dtype) {
    const pb_kernels *baseline = pb_kernels_of(PB_BASELINE, dtype);
    pb_activation_info f = {0};
    for (size_t i = 0; pb_activation_at(i, &f) == PB_OK; i++) {
        if (f.rowwise) {
            continue; /* test_softmax.c */
        }
        FOR_VARIANTS(isa, dtype, kernels) {
            for (size_t shape = 0; shape < N_SHAPES; shape++) {
                check_map(dtype, shape, kernels->activate[i], baseline->activate[i], f.name);
                check_vjp(dtype, shape, (pb_activation)i, kernels, f.name);
                CHECK_SAME(kernels->log_activate[i] != NULL, f.has_log, "log %s", f.name);
                if (kernels->log_activate[i] != NULL) {
                    check_map(dtype, shape, kernels->log_activate[i], baseline->log_activate[i],
                              f.name);
                }
            }
        }
    }
}

/* ---- Losses ---------------------------------------------------------------------------------- */

static void check_loss(pb_dtype dtype, size_t shape, pb_loss_kernel *kernel,
                       pb_loss_kernel *baseline, const char *name) {
    const size_t n = shapes[shape][0] * shapes[shape][1];
    void *inputs[3], *laid[3], *expected = reals(dtype, n); /* y, z, a */
    for (size_t i = 0; i < 3; i++) {
        inputs[i] = reals(dtype, n);
        fill_specially(dtype, inputs[i], n, 1);
    }
    for (size_t i = 0; i < n; i++) {
        baseline(&one, at(dtype, inputs[0], i), at(dtype, inputs[1], i), at(dtype, inputs[2], i),
                 0.75, at(dtype, expected, i));
    }
    for (size_t k = 0; k < N_PLANES; k++) {
        const pb_matrix matrix = plane_at(shape, k);
        void *out = filled_reals(dtype, plane_length(&matrix), UNTOUCHED);
        for (size_t i = 0; i < 3; i++) {
            laid[i] = lay_out_plane(dtype, &matrix, inputs[i], NAN);
        }
        kernel(&matrix, laid[0], laid[1], laid[2], 0.75, out);
        check_plane(dtype, &matrix, out, expected, name);
        /* Where z is, as the objective has it. */
        kernel(&matrix, laid[0], laid[1], laid[2], 0.75, laid[1]);
        for (size_t i = 0; i < n; i++) {
            const size_t place = place_in(&matrix, i / matrix.n_samples, i % matrix.n_samples);
            put(dtype, out, place, get(dtype, laid[1], place));
        }
        check_plane(dtype, &matrix, out, expected, name);
        for (size_t i = 0; i < 3; i++) {
            free(laid[i]);
        }
        free(out);
    }
    for (size_t i = 0; i < 3; i++) {
        free(inputs[i]);
    }
    free(expected);
}

static void test_losses(pb_dtype dtype) {
    const pb_kernels *baseline = pb_kernels_of(PB_BASELINE, dtype);
    pb_loss_info loss = {0};
    for (size_t i = 0; pb_loss_at(i, &loss) == PB_OK; i++) {
        FOR_VARIANTS(isa, dtype, kernels) {
            for (size_t shape = 0; shape < N_SHAPES; shape++) {
                check_loss(dtype, shape, kernels->loss_value[i], baseline->loss_value[i],
                           loss.name);
                check_loss(dtype, shape, kernels->loss_value_in_z[i], baseline->loss_value_in_z[i],
                           loss.name);
                check_loss(dtype, shape, kernels->loss_gradient[i], baseline->loss_gradient[i],
                           loss.name);
                check_loss(dtype, shape, kernels->loss_delta_in_z[i], baseline->loss_delta_in_z[i],
                           loss.name);
            }
        }
    }
}

/* ---- Plain arithmetic ------------------------------------------------------------------------ */

static void test_arithmetic(pb_dtype dtype) {
    for (size_t shape = 0; shape < N_SHAPES; shape++) {
        const size_t n = shapes[shape][0] * shapes[shape][1], n_samples = shapes[shape][1];
        void *x = reals(dtype, n), *y = reals(dtype, n), *bias = reals(dtype, shapes[shape][0]);
        void *biased = reals(dtype, n), *sum = reals(dtype, n);
        fill_specially(dtype, x, n, 1);
        fill_specially(dtype, y, n, 1);
        fill_specially(dtype, bias, shapes[shape][0], 1);
        for (size_t i = 0; i < n; i++) {
            const double x_i = get(dtype, x, i), y_i = get(dtype, y, i);
            put(dtype, sum, i, rounded(dtype, y_i + x_i));
            put(dtype, biased, i, rounded(dtype, x_i + get(dtype, bias, i / n_samples)));
        }
        FOR_VARIANTS(isa, dtype, kernels) {
            for (size_t k = 0; k < N_PLANES; k++) {
                const pb_matrix matrix = plane_at(shape, k);
                void *out = lay_out_plane(dtype, &matrix, x, UNTOUCHED);
                if (k < 3) { /* the bias belongs to units whose samples lie side by side */
                    kernels->add_bias(&matrix, bias, out);
                    check_plane(dtype, &matrix, out, biased, "z + b");
                }
                free(out);
            }
            void *total = reals(dtype, n);
            memcpy(total, y, n * item_size(dtype));
            kernels->add(n, x, total);
            CHECK_BITS(dtype, n, total, sum, pb_isa_name(isa));
            free(total);
        }
        free(x);
        free(y);
        free(bias);
        free(biased);
        free(sum);
    }
}

/* A matrix of no units or no samples. */
static void test_nothing(pb_dtype dtype) {
    static const pb_matrix nothing[] = {{0, 3, 3, 1}, {3, 0, 0, 1}, {3, 0, 5, 1}, {0, 0, 0, 1}};
    FOR_VARIANTS(isa, dtype, kernels) {
        for (size_t k = 0; k < sizeof nothing / sizeof nothing[0]; k++) {
            void *none = reals(dtype, 0), *bias = reals(dtype, 3);
            kernels->activate[PB_ACTIVATION_tanh](&nothing[k], none, none);
            kernels->vjp[PB_ACTIVATION_tanh](&nothing[k], none, none, none);
            kernels->loss_value[PB_LOSS_squared_error](&nothing[k], none, none, none, 0, none);
            kernels->add_bias(&nothing[k], bias, none);
            kernels->add(0, none, none);
            CHECK(none != NULL, "a sanitizer tells whether any of it was touched");
            free(none);
            free(bias);
        }
    }
}

int main(void) {
    FOR_DTYPES(dtype) {
        test_activations(dtype);
        test_losses(dtype);
        test_arithmetic(dtype);
        test_nothing(dtype);
    }
    return check_summary();
}
