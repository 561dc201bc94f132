/* Maps: each output element depends on the inputs at its own place, so no order needs promising. */

/* Runs `full` for each vector of n elements, then `part` for the rest: `i` is the place, `left`
 * the number of lanes of the part. */
#define FOR_VECTORS(n, full, part)           \
    do {                                     \
        size_t i = 0;                        \
        for (; i + VLEN <= (n); i += VLEN) { \
            full;                            \
        }                                    \
        const size_t left = (n) - i;         \
        if (left > 0) {                      \
            part;                            \
        }                                    \
    } while (0)

/* ---- Activations --------------------------------------------------------------------------- */

#define VALUE(expression)      expression
#define SLOPE_IN_A(expression) expression
#define SLOPE_IN_Z(expression) expression
#define ROWWISE_ACTIVATION(name, factor, places)
#define ELEMENTWISE_ACTIVATION(name, value, slope, log, factor, places)                           \
    INLINE vec name##_value(vec z) { return value; }                                              \
    INLINE vec name##_slope(vec z, vec a) {                                                       \
        (void)z;                                                                                  \
        (void)a;                                                                                  \
        return slope;                                                                             \
    }                                                                                             \
    static void name##_activate(size_t n_rows, size_t n_columns, const void *z_, void *a_) {      \
        const real *z = z_;                                                                       \
        real *a = a_;                                                                             \
        FOR_VECTORS(n_rows * n_columns, v_store(a + i, name##_value(v_load(z + i))),              \
                    v_store_part(a + i, name##_value(v_load_part(z + i, left)), left));           \
    }                                                                                             \
    static void name##_vjp(size_t n_rows, size_t n_columns, const void *z_, const void *a_,       \
                           void *v_) {                                                            \
        const real *z = z_;                                                                       \
        const real *a = a_;                                                                       \
        real *v = v_;                                                                             \
        FOR_VECTORS(                                                                              \
            n_rows * n_columns,                                                                   \
            v_store(v + i, v_mul(v_load(v + i), name##_slope(v_load(z + i), v_load(a + i)))),     \
            v_store_part(v + i,                                                                   \
                         v_mul(v_load_part(v + i, left),                                          \
                               name##_slope(v_load_part(z + i, left), v_load_part(a + i, left))), \
                         left));                                                                  \
    }
#include "lists/activations.h"

/* log f(z), for the rows that have it. NO_LOG gives the empty kernel NULL_log_activate. */
#define LOG(expression) expression
#define NO_LOG          z
#define ROWWISE_ACTIVATION(name, factor, places)
#define ELEMENTWISE_ACTIVATION(name, value, slope, log, factor, places)                          \
    INLINE vec name##_log_value(vec z) { return log; }                                           \
    static void name##_log_activate(size_t n_rows, size_t n_columns, const void *z_, void *a_) { \
        const real *z = z_;                                                                      \
        real *a = a_;                                                                            \
        FOR_VECTORS(n_rows * n_columns, v_store(a + i, name##_log_value(v_load(z + i))),         \
                    v_store_part(a + i, name##_log_value(v_load_part(z + i, left)), left));      \
    }
#include "lists/activations.h"

/* ---- Losses -------------------------------------------------------------------------------- */

#define VALUE(expression)      expression
#define SLOPE(expression)      expression
#define VALUE_IN_Z(expression) expression
#define DEFINE_LOSS_KERNEL(kernel, expression)                                                     \
    INLINE vec kernel##_of(vec y, vec z, vec a) {                                                  \
        (void)y;                                                                                   \
        (void)z;                                                                                   \
        (void)a;                                                                                   \
        return expression;                                                                         \
    }                                                                                              \
    static void kernel(size_t n, const void *y_, const void *z_, const void *a_, void *out_) {     \
        const real *y = y_;                                                                        \
        const real *z = z_;                                                                        \
        const real *a = a_;                                                                        \
        real *out = out_;                                                                          \
        FOR_VECTORS(n, v_store(out + i, kernel##_of(v_load(y + i), v_load(z + i), v_load(a + i))), \
                    v_store_part(out + i,                                                          \
                                 kernel##_of(v_load_part(y + i, left), v_load_part(z + i, left),   \
                                             v_load_part(a + i, left)),                            \
                                 left));                                                           \
    }
#define LOSS(name, value, slope, output, canonical, value_in_z, targets) \
    DEFINE_LOSS_KERNEL(name##_loss_value, value)                         \
    DEFINE_LOSS_KERNEL(name##_loss_slope, slope)                         \
    DEFINE_LOSS_KERNEL(name##_loss_value_in_z, value_in_z)
#include "lists/losses.h"
#undef DEFINE_LOSS_KERNEL

/* ---- Plain arithmetic ---------------------------------------------------------------------- */

static void add(size_t n, const void *x_, void *sum_) {
    const real *x = x_;
    real *sum = sum_;
    FOR_VECTORS(
        n, v_store(sum + i, v_add(v_load(sum + i), v_load(x + i))),
        v_store_part(sum + i, v_add(v_load_part(sum + i, left), v_load_part(x + i, left)), left));
}

static void subtract(size_t n, const void *x_, const void *y_, void *out_) {
    const real *x = x_;
    const real *y = y_;
    real *out = out_;
    FOR_VECTORS(
        n, v_store(out + i, v_sub(v_load(x + i), v_load(y + i))),
        v_store_part(out + i, v_sub(v_load_part(x + i, left), v_load_part(y + i, left)), left));
}

static void add_rows(size_t n_rows, size_t n, const void *row, void *c_) {
    real *c = c_;
    for (size_t r = 0; r < n_rows; r++) {
        add(n, row, c + r * n);
    }
}

static void scale_rows(size_t n_rows, size_t n, const double *s, const void *d_, void *out_) {
    const real *d = d_;
    real *out = out_;
    for (size_t r = 0; r < n_rows; r++, d += n, out += n) {
        const vec factor = v_set1((real)s[r]);
        FOR_VECTORS(n, v_store(out + i, v_mul(factor, v_load(d + i))),
                    v_store_part(out + i, v_mul(factor, v_load_part(d + i, left)), left));
    }
}
