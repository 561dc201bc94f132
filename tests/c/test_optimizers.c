/* Tests that a step on a slice of the parameters is the step on all of them there, and changes
 * nothing elsewhere; and the operations that finish a gradient. */
#include "matrices.h"

enum { N_ALL = 101, MAX_STATES = 3 };

static const size_t slices[][2] = {{0, N_ALL}, {0, 1},  {3, 2},   {17, 16}, {5, 31},
                                   {50, 8},    {60, 0}, {90, 11}, {100, 1}};

/* Plain C for the rules that have formulas here: see test_training.c, which holds them to the
 * publications. The constants are of the data type. */
static int plain_step(const char *name, pb_dtype dtype, const void *constants, double decay_factor,
                      double g, double *w, double *s0, double *s1) {
#define R(value) rounded(dtype, value)
#define C(k)     get(dtype, constants, k)
    if (strcmp(name, "sgd") == 0) {
        const double step = R(C(1) * g);
        *s0 = R(R(C(0) * *s0) - step);
        *w = R(*w + (C(2) > 0 ? R(R(C(0) * *s0) - step) : *s0));
    } else if (strcmp(name, "adam") == 0) {
        *s0 = R(R(C(0) * *s0) + R(C(1) * g));
        *s1 = R(R(C(2) * *s1) + R(C(3) * R(g * g)));
        *w = R(*w + R(R(C(5) * *s0) / R(R(sqrt(*s1)) + C(4))));
    } else if (strcmp(name, "adamw") == 0) {
        *s0 = R(R(C(0) * *s0) + R(C(1) * g));
        *s1 = R(R(C(2) * *s1) + R(C(3) * R(g * g)));
        const double change = R(R(C(5) * *s0) / R(R(C(6) * R(sqrt(*s1))) + C(4)));
        *w = R(R(R(decay_factor) * *w) + change);
    } else if (strcmp(name, "rmsprop") == 0) {
        *s0 = R(R(C(0) * *s0) + R(C(1) * R(g * g)));
        *w = R(*w + R(R(C(3) * g) / R(R(sqrt(*s0)) + C(2))));
    } else if (strcmp(name, "nadam") == 0) {
        *s0 = R(R(C(0) * *s0) + R(C(1) * g));
        *s1 = R(R(C(2) * *s1) + R(C(3) * R(g * g)));
        const double m = R(R(C(5) * *s0) + R(C(6) * g));
        *w = R(*w + R(m / R(R(C(7) * R(sqrt(*s1))) + C(4))));
    } else {
        return 0;
    }
    return 1;
#undef R
#undef C
}

static void test_slice(pb_dtype dtype, size_t rule, const pb_optimizer_info *info, size_t first,
                       size_t count, const double *constants) {
    const size_t size = item_size(dtype), n_states = (size_t)info->n_states;
    const double decay_factor = 1 - fabs(draw()) / 4;
    const size_t stride = N_ALL + draw_below(4), length = (n_states - 1) * stride + N_ALL;
    void *w = reals(dtype, N_ALL), *g = reals(dtype, count), *states = reals(dtype, length);
    fill(dtype, w, N_ALL, 1);
    fill(dtype, g, count, 1);
    for (size_t i = 0; i < length; i++) {
        put(dtype, states, i, fabs(draw()));
    }
    void *expected_w = reals(dtype, N_ALL), *expected_states = reals(dtype, length);
    memcpy(expected_w, w, N_ALL * size);
    memcpy(expected_states, states, length * size);
    void *rounded_constants = reals(dtype, PB_MAX_CONSTANTS);
    for (size_t k = 0; k < PB_MAX_CONSTANTS; k++) {
        put(dtype, rounded_constants, k, constants[k]);
    }
    int is_known = 1;
    for (size_t i = 0; i < count && is_known; i++) {
        double state[MAX_STATES] = {0}, parameter = get(dtype, w, first + i);
        for (size_t k = 0; k < n_states; k++) {
            state[k] = get(dtype, states, k * stride + first + i);
        }
        is_known = plain_step(info->name, dtype, rounded_constants, decay_factor, get(dtype, g, i),
                              &parameter, &state[0], &state[1]);
        put(dtype, expected_w, first + i, parameter);
        for (size_t k = 0; k < n_states; k++) {
            put(dtype, expected_states, k * stride + first + i, state[k]);
        }
    }
    FOR_VARIANTS(isa, dtype, kernels) {
        void *moved = reals(dtype, N_ALL), *moved_states = reals(dtype, length);
        memcpy(moved, w, N_ALL * size);
        memcpy(moved_states, states, length * size);
        const pb_update update = {count,       (char *)moved + first * size,
                                  g,           (char *)moved_states + first * size,
                                  stride,      constants,
                                  decay_factor};
        kernels->update[rule](&update);
        if (!is_known) { /* no formula here: the first instruction set is the reference */
            memcpy(expected_w, moved, N_ALL * size);
            memcpy(expected_states, moved_states, length * size);
            is_known = 1;
        }
        CHECK_BITS(dtype, N_ALL, moved, expected_w, info->name);
        CHECK_BITS(dtype, length, moved_states, expected_states, info->name);
        free(moved);
        free(moved_states);
    }
    free(w);
    free(g);
    free(states);
    free(expected_w);
    free(expected_states);
    free(rounded_constants);
}

static void test_updates(pb_dtype dtype) {
    pb_optimizer_info info = {0};
    for (size_t rule = 0; pb_optimizer_at(rule, &info) == PB_OK; rule++) {
        CHECK(info.n_states >= 1 && info.n_states <= MAX_STATES, "%d states", info.n_states);
        for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
            /* As no optimizer chooses them: what is where must not matter. */
            double constants[PB_MAX_CONSTANTS];
            for (size_t k = 0; k < PB_MAX_CONSTANTS; k++) {
                constants[k] = (0.5 + fabs(draw())) / 3;
            }
            constants[2] = i % 2 ? constants[2] : 0; /* Nesterov or not */
            test_slice(dtype, rule, &info, slices[i][0], slices[i][1], constants);
        }
    }
}

static void test_finish_gradient(pb_dtype dtype) {
    for (size_t n = 0; n <= 70; n++) {
        /* Most batches weigh a power of two, whose inverse is exact unless it is far from 1. */
        const double powers[] = {256, 0.25, 0x1p100, 0x1p-100};
        const double alpha = 0.1 * (double)n / 3;
        const double S = n % 2 == 0 ? 1.1 + (double)n / 7 : powers[n / 2 % 4];
        void *w = reals(dtype, n), *g = reals(dtype, n);
        void *decayed = reals(dtype, n), *divided = reals(dtype, n);
        fill(dtype, w, n, 1);
        fill(dtype, g, n, 1);
        for (size_t i = 0; i < n; i++) {
            const double decay = rounded(dtype, rounded(dtype, alpha) * get(dtype, w, i));
            const double sum = rounded(dtype, get(dtype, g, i) + decay);
            put(dtype, decayed, i, rounded(dtype, sum / rounded(dtype, S)));
            put(dtype, divided, i, rounded(dtype, get(dtype, g, i) / rounded(dtype, S)));
        }
        FOR_VARIANTS(isa, dtype, kernels) {
            void *actual = reals(dtype, n);
            memcpy(actual, g, n * item_size(dtype));
            kernels->finish_gradient(n, w, alpha, S, actual);
            CHECK_BITS(dtype, n, actual, decayed, pb_isa_name(isa));
            memcpy(actual, g, n * item_size(dtype));
            kernels->finish_gradient(n, NULL, alpha, S, actual);
            CHECK_BITS(dtype, n, actual, divided, pb_isa_name(isa));
            free(actual);
        }
        free(w);
        free(g);
        free(decayed);
        free(divided);
    }
}

static void test_add_signs(pb_dtype dtype) {
    for (size_t n = 0; n <= 70; n++) {
        void *w = reals(dtype, n), *g = reals(dtype, n), *expected = reals(dtype, n);
        fill(dtype, w, n, 1);
        fill(dtype, g, n, 1);
        for (size_t i = 0; i < n; i++) {
            if (i % 3 == 0) {
                put(dtype, w, i, i % 2 ? 0.0 : -0.0);
            }
            const double w_i = get(dtype, w, i), g_i = get(dtype, g, i);
            const double sign = w_i > 0 ? 1 : w_i < 0 ? -1 : 0;
            put(dtype, expected, i, rounded(dtype, g_i + sign * rounded(dtype, 0.1)));
        }
        FOR_VARIANTS(isa, dtype, kernels) {
            void *actual = reals(dtype, n);
            memcpy(actual, g, n * item_size(dtype));
            kernels->add_signs(n, w, 0.1, actual);
            CHECK_BITS(dtype, n, actual, expected, pb_isa_name(isa));
            free(actual);
        }
        free(w);
        free(g);
        free(expected);
    }
}

/* Columns of all lengths, some of them zero, some as long as allowed to the bit. */
static void test_limit_columns(pb_dtype dtype) {
    enum { N_ROWS = 5 };
    for (size_t n = 1; n <= 40; n++) {
        const double longest = 1.3;
        void *w = reals(dtype, N_ROWS * n), *expected = reals(dtype, N_ROWS * n);
        fill(dtype, w, N_ROWS * n, 1);
        for (size_t i = 0; i < N_ROWS && n > 7; i++) {
            put(dtype, w, i * n + 3, 0);
            put(dtype, w, i * n + 5, i == 2 ? rounded(dtype, longest) : 0);
        }
        for (size_t j = 0; j < n; j++) {
            double squares = 0;
            for (size_t i = 0; i < N_ROWS; i++) {
                const double w_ij = get(dtype, w, i * n + j);
                squares = rounded(dtype, squares + rounded(dtype, w_ij * w_ij));
            }
            const double norm = rounded(dtype, sqrt(squares)), limit = rounded(dtype, longest);
            const double factor = norm > limit ? rounded(dtype, limit / norm) : 1;
            for (size_t i = 0; i < N_ROWS; i++) {
                put(dtype, expected, i * n + j, get(dtype, w, i * n + j) * factor);
            }
        }
        FOR_VARIANTS(isa, dtype, kernels) {
            void *actual = reals(dtype, N_ROWS * n);
            memcpy(actual, w, N_ROWS * n * item_size(dtype));
            kernels->limit_columns(N_ROWS, n, longest, actual);
            CHECK_BITS(dtype, N_ROWS * n, actual, expected, pb_isa_name(isa));
            free(actual);
        }
        free(w);
        free(expected);
    }
}

int main(void) {
    FOR_DTYPES(dtype) {
        test_updates(dtype);
        test_add_signs(dtype);
        test_limit_columns(dtype);
        test_finish_gradient(dtype);
    }
    return check_summary();
}
