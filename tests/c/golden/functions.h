/* Golden bits of single functions: activations and their logarithms, losses with their deltas,
 * schedules. */
#ifndef GOLDEN_FUNCTIONS_H
#define GOLDEN_FUNCTIONS_H

#include "record.h"

/* ---- Where the functions are evaluated ----------------------------------------------------- */

/* Every power of two with both signs, and 1.5 times it: all magnitudes, subnormals among them,
 * infinity and NaN. */
static size_t put_magnitudes(pb_dtype dtype, void *z) {
    const int mantissa = dtype == PB_FLOAT64 ? 52 : 23, width = dtype == PB_FLOAT64 ? 63 : 31;
    const uint64_t half = UINT64_C(1) << (mantissa - 1), sign = UINT64_C(1) << width;
    size_t n = 0;
    for (uint64_t exponent = 0; exponent < UINT64_C(1) << (width - mantissa); exponent++) {
        for (uint64_t k = 0; k < 4; k++) {
            set_bits(dtype, z, n++,
                     exponent << mantissa | (k % 2 == 0 ? 0 : half) | (k < 2 ? 0 : sign));
        }
    }
    for (int bit = 0; bit < mantissa; bit++) { /* subnormals */
        set_bits(dtype, z, n++, UINT64_C(1) << bit);
        set_bits(dtype, z, n++, sign | UINT64_C(1) << bit);
    }
    return n;
}

#define MAX_POINTS 120000

/* Magnitudes; any bits at all; even spacing over where exp neither vanishes nor overflows; and
 * full-length fractions in ranges that shrink towards zero. */
static size_t put_points(pb_dtype dtype, void *z) {
    size_t n = put_magnitudes(dtype, z);
    for (uint64_t i = 0; i < 20000; i++) {
        set_bits(dtype, z, n++, hashed(1, i));
    }
    for (int i = -760 * 16; i <= 760 * 16; i++) {
        put(dtype, z, n++, i * 0x1p-4);
    }
    for (int scale = 10; scale >= -12; scale -= 2) {
        const double factor = scale < 0 ? 1.0 / (double)(1 << -scale) : (double)(1 << scale);
        for (uint64_t i = 0; i < 4000; i++) {
            put(dtype, z, n++, fraction(dtype, (uint64_t)(20 + scale), i) * factor);
        }
    }
    return n;
}

/* ---- Activations --------------------------------------------------------------------------- */

typedef pb_status function(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                           const void *z, void *a, pb_interrupt *interrupt);

/* The same elements in one row, in one column, one past an aligned address, in place, in short
 * runs of every length, and alone. */
static void check_elementwise(function *f, pb_dtype dtype, const char *name, size_t n,
                              const void *z, const void *expected) {
    void *moved = reals(dtype, n + 1), *a = reals(dtype, n + 3);
    require(f(dtype, name, n, 1, z, a, NULL), name);
    if (!same_bits(dtype, n, a, expected)) {
        fail("%s %s: a column is not the row", name, dtype_name(dtype));
    }
    memcpy(at(dtype, moved, 1), z, n * item_size(dtype));
    require(f(dtype, name, 1, n, at(dtype, moved, 1), at(dtype, a, 3), NULL), name);
    require(f(dtype, name, 1, n, at(dtype, moved, 1), at(dtype, moved, 1), NULL), name);
    if (!same_bits(dtype, n, at(dtype, a, 3), expected) ||
        !same_bits(dtype, n, at(dtype, moved, 1), expected)) {
        fail("%s %s: misaligned or in place, it has other bits", name, dtype_name(dtype));
    }
    memset(a, 0xff, (n + 3) * item_size(dtype));
    for (size_t i = 0, length = 1; i < n; i += length, length = length % 40 + 1) {
        length = length < n - i ? length : n - i;
        require(
            f(dtype, name, 1, length, at(dtype, z, (ptrdiff_t)i), at(dtype, a, (ptrdiff_t)i), NULL),
            name);
    }
    if (!same_bits(dtype, n, a, expected)) {
        fail("%s %s: in short runs, it has other bits", name, dtype_name(dtype));
    }
    free(moved);
    free(a);
}

static void elementwise(function *f, const char *line, const char *name, pb_dtype dtype) {
    void *z = reals(dtype, MAX_POINTS), *a = reals(dtype, MAX_POINTS);
    const size_t n = put_points(dtype, z);
    sha256 s;
    sha256_start(&s);
    require(f(dtype, name, 1, n, z, a, NULL), name);
    hash_reals(&s, dtype, n, a);
    check_elementwise(f, dtype, name, n, z, a);
    emit(line, dtype, &s);
    free(z);
    free(a);
}

/* Rows of every width, of numbers near each other and far apart; every element once a NaN, an
 * infinity or a negative zero. A row has the same bits alone. */
static void rowwise(function *f, const char *line, const char *name, pb_dtype dtype) {
    enum { N_ROWS = 9, WIDEST = 600 };
    static const double scales[N_ROWS] = {0x1p-20, 0.25, 1, 4, 16, 64, 1024, 8, 8};
    void *z = reals(dtype, N_ROWS * WIDEST + 1), *a = reals(dtype, N_ROWS * WIDEST);
    void *alone = reals(dtype, WIDEST), *start = at(dtype, z, 1); /* misaligned */
    sha256 s;
    sha256_start(&s);
    for (size_t width = 1; width <= WIDEST; width += width < 70 ? 1 : width < 300 ? 31 : 97) {
        for (size_t i = 0; i < N_ROWS * width; i++) {
            put(dtype, start, i, fraction(dtype, 40 + width, i) * scales[i / width]);
        }
        const uint64_t special = dtype == PB_FLOAT64 ? UINT64_C(0x7ff0000000000000) : 0x7f800000u;
        set_bits(dtype, start, 8 * width + width / 3, special + (width % 3 == 0));
        put(dtype, start, 7 * width + width / 2, -0.0);
        require(f(dtype, name, N_ROWS, width, start, a, NULL), name);
        hash_reals(&s, dtype, N_ROWS * width, a);
        for (size_t r = 0; r < N_ROWS; r++) {
            const ptrdiff_t row = (ptrdiff_t)(r * width);
            require(f(dtype, name, 1, width, at(dtype, start, row), alone, NULL), name);
            if (!same_bits(dtype, width, alone, at(dtype, a, row))) {
                fail("%s %s: alone, a row of %zu has other bits", name, dtype_name(dtype), width);
            }
        }
    }
    emit(line, dtype, &s);
    free(z);
    free(a);
    free(alone);
}

/* J^T v: f'(z) with v = 1; small integers for softmax, whose Jacobian makes 0 of ones. */
static pb_status vjp_of(pb_dtype dtype, const char *name, size_t n_rows, size_t n_columns,
                        const void *z, void *out, pb_interrupt *interrupt) {
    const size_t n = n_rows * n_columns;
    void *a = reals(dtype, n), *vector = reals(dtype, n);
    pb_status status = pb_activate(dtype, name, n_rows, n_columns, z, a, interrupt);
    for (size_t i = 0; i < n; i++) {
        put(dtype, vector, i, strcmp(name, "softmax") == 0 ? (double)(i % n_columns % 5) : 1);
    }
    if (status == PB_OK) {
        status = pb_activation_vjp(dtype, name, n_rows, n_columns, z, a, vector, interrupt);
    }
    memcpy(out, vector, n * item_size(dtype));
    free(a);
    free(vector);
    return status;
}

static void activations(pb_dtype dtype) {
    pb_activation_info info;
    for (size_t i = 0; pb_activation_at(i, &info) == PB_OK; i++) {
        char line[NAME_LENGTH];
        snprintf(line, sizeof line, "activate/%s", info.name);
        (info.rowwise ? rowwise : elementwise)(pb_activate, line, info.name, dtype);
        if (info.has_log) {
            snprintf(line, sizeof line, "log_activate/%s", info.name);
            (info.rowwise ? rowwise : elementwise)(pb_log_activate, line, info.name, dtype);
        }
        snprintf(line, sizeof line, "activation_vjp/%s", info.name);
        (info.rowwise ? rowwise : elementwise)(vjp_of, line, info.name, dtype);
    }
}

/* ---- Losses -------------------------------------------------------------------------------- */

enum { LOSS_ROWS = 360 };

/* A target in the loss's domain: its ends, numbers between them and, where a row must sum to one,
 * eighths that do. */
static double target(pb_dtype dtype, const pb_loss_info *loss, size_t i, size_t j, size_t d) {
    const uint64_t k = below(9, 60, i); /* eighths for the first column */
    if (loss->rows_sum_to_one) {
        const size_t rest = i % d == 0 ? 0 : i % (d - 1);
        return d == 1 ? 1 : (double)(j == 0 ? k : j == 1 + rest ? 8 - k : 0) * 0.125;
    }
    if (loss->target_low == 0 && loss->target_high == 1) {
        return i % 3 == 0 ? (double)k * 0.125 : (double)below(2, 61, i * d + j);
    }
    return loss->target_low == 0
               ? (double)(below(40, 62, i * d + j) + !loss->target_low_belongs) * 0.25
               : 4 * fraction(dtype, 63, i * d + j);
}

/* In the middle of its range; 1 where that has no end. */
static double parameter_of(const pb_loss_info *loss) {
    return loss->parameter_high <= 0x1p1023 ? (loss->parameter_low + loss->parameter_high) / 2 : 1;
}

/* Pre-activations from nearly nothing to far beyond where an output is saturated, and to where the
 * difference of two overflows. */
static double point(pb_dtype dtype, size_t i, size_t j, size_t d) {
    static const double scales[] = {0x1p-30, 0.5, 2, 8, 32, 128, 1024, 0x1p60};
    const double x = fraction(dtype, 64, i * d + j);
    return i % 9 == 8 ? x * (dtype == PB_FLOAT64 ? 0x1p1023 : 0x1p127) * 2 : x * scales[i % 9];
}

/* A network of one layer whose coefficients are the identity has z = x: it shows the loss and delta
 * of each row. Hashed: the loss of each row, every delta, and the gradient of all. */
static void loss_with_output(const pb_loss_info *loss, const char *output, size_t d, pb_dtype dtype,
                             size_t n_threads, sha256 *s) {
    const size_t sizes[] = {d, d}, n = LOSS_ROWS * d, n_parameters = d * d + d;
    const pb_network_spec spec = {.dtype = dtype,
                                  .n_layers = 1,
                                  .layer_sizes = sizes,
                                  .output_activation = output,
                                  .loss = loss->name,
                                  .loss_parameter = parameter_of(loss)};
    pb_network *network = NULL;
    pb_workspace *w = NULL;
    require(pb_network_new(&spec, &network), loss->name);
    require(pb_workspace_new(network, LOSS_ROWS, PB_WORKSPACE_GRADIENT, n_threads, &w), loss->name);
    void *x = reals(dtype, n), *y = reals(dtype, n), *delta = reals(dtype, n);
    void *theta = reals(dtype, n_parameters), *gradient = reals(dtype, n_parameters);
    for (size_t i = 0; i < n; i++) {
        put(dtype, x, i, point(dtype, i / d, i % d, d));
        put(dtype, y, i, target(dtype, loss, i / d, i % d, d));
    }
    for (size_t i = 0; i < n_parameters; i++) {
        put(dtype, theta, i, i < d * d && i / d == i % d);
    }
    const ptrdiff_t row = (ptrdiff_t)d;
    double value = 0;
    for (ptrdiff_t r = 0; r < LOSS_ROWS; r++) {
        const pb_batch one = {{at(dtype, x, r * row), row, 1, NULL, NULL},
                              {at(dtype, y, r * row), PB_TARGET_REAL, row, 1},
                              NULL,
                              NULL,
                              1};
        require(pb_objective(network, theta, &one, w, NULL, &value, NULL, NULL), loss->name);
        hash_reals(s, PB_FLOAT64, 1, &value);
    }
    void *const deltas[] = {delta};
    const pb_trace trace = {NULL, NULL, deltas};
    const pb_batch all = {
        {x, row, 1, NULL, NULL}, {y, PB_TARGET_REAL, row, 1}, NULL, NULL, LOSS_ROWS};
    require(pb_objective(network, theta, &all, w, NULL, &value, gradient, &trace), loss->name);
    hash_reals(s, dtype, n, delta);
    hash_reals(s, dtype, n_parameters, gradient);
    hash_reals(s, PB_FLOAT64, 1, &value);
    free(x);
    free(y);
    free(delta);
    free(theta);
    free(gradient);
    pb_workspace_free(w);
    pb_network_free(network);
}

static void losses(pb_dtype dtype, size_t n_threads) {
    pb_loss_info loss;
    pb_activation_info output;
    for (size_t i = 0; pb_loss_at(i, &loss) == PB_OK; i++) {
        for (size_t j = 0; pb_activation_at(j, &output) == PB_OK; j++) {
            static const size_t widths[] = {1, 3, 17};
            char line[NAME_LENGTH];
            sha256 s;
            if (!output.output) {
                continue;
            }
            sha256_start(&s);
            for (size_t k = 0; k < COUNT(widths); k++) {
                loss_with_output(&loss, output.name, widths[k], dtype, n_threads, &s);
            }
            snprintf(line, sizeof line, "loss/%s/%s", loss.name, output.name);
            emit(line, dtype, &s);
        }
    }
}

/* ---- Schedules ----------------------------------------------------------------------------- */

static void schedules(void) {
    static const int64_t samples[] = {0, 1, 2, 3, 99, 700, 12345, 1000000, 987654321012};
    static const double powers[] = {0.5, 0.25, 1, 2};
    pb_schedule_info row;
    for (size_t i = 0; pb_schedule_at(i, &row) == PB_OK; i++) {
        const char *name = row.name;
        char line[NAME_LENGTH];
        sha256 s;
        sha256_start(&s);
        for (size_t p = 0; p < COUNT(powers); p++) {
            const pb_schedule schedule = {name, 0.01, powers[p], 10, 0.5, 3, 0};
            double rate = 0.01;
            for (size_t k = 0; k < COUNT(samples); k++) {
                require(pb_schedule_after_epoch(&schedule, samples[k], &rate), name);
                hash_reals(&s, PB_FLOAT64, 1, &rate);
                require(pb_schedule_on_plateau(&schedule, &rate), name);
                hash_reals(&s, PB_FLOAT64, 1, &rate);
                rate = rate == 0 ? 0.01 : rate;
            }
        }
        snprintf(line, sizeof line, "schedule/%s", name);
        emit(line, PB_FLOAT64, &s);
        sha256_start(&s);
        for (int step = 0; step < 121; step++) { /* of 10 epochs each, and past the horizon */
            const pb_schedule schedule = {name, 0.01, 0.5, 10, 0.7, 3, 2};
            double rate = 0.01;
            require(pb_schedule_rate(&schedule, step / 10.0, 0.1, &rate), name);
            hash_reals(&s, PB_FLOAT64, 1, &rate);
        }
        snprintf(line, sizeof line, "schedule_rate/%s", name);
        emit(line, PB_FLOAT64, &s);
    }
}

#endif
