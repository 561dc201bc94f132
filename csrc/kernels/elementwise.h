/* Elementwise loops: activations, their vector-Jacobian products, losses and sums of arrays. */

/* Runs `full` for each vector of n elements, then `part` for the rest: `i` is the index, `left` the
 * number of lanes of the rest. */
#define FOR_VECTORS(n, full, part) FOR_VECTORS_FROM(0, n, full, part)
#define FOR_VECTORS_FROM(start, n, full, part) \
    do {                                       \
        size_t i = (start);                    \
        const size_t end = i + (n);            \
        for (; i + VLEN <= end; i += VLEN) {   \
            full;                              \
        }                                      \
        const size_t left = end - i;           \
        if (left > 0) {                        \
            part;                              \
        }                                      \
    } while (0)

/* The same for each unit of a matrix; a matrix without gaps is treated as one unit. */
#define FOR_MATRIX(matrix, full, part)                                          \
    do {                                                                        \
        const pb_matrix rows = without_gaps(matrix);                            \
        for (size_t u = 0; u < rows.n_units; u++) {                             \
            FOR_VECTORS_FROM(u * rows.unit_stride, rows.n_samples, full, part); \
        }                                                                       \
    } while (0)

INLINE pb_matrix without_gaps(const pb_matrix *matrix) {
    pb_matrix rows = *matrix;
    if ((matrix->sample_stride == 1 && matrix->unit_stride == matrix->n_samples) ||
        (matrix->unit_stride == 1 && matrix->sample_stride == matrix->n_units)) {
        rows.n_samples *= rows.n_units;
        rows.n_units = 1;
    }
    return rows;
}

/* ---- Activations --------------------------------------------------------------------------- */

#define VALUE(expression)             expression
#define DERIVATIVE_FROM_A(expression) expression
#define DERIVATIVE_FROM_Z(expression) expression
#define ROWWISE_ACTIVATION(...)
#define ELEMENTWISE_ACTIVATION(name, value, derivative, ...)                                       \
    INLINE vec name##_value(vec z) { return value; }                                               \
    INLINE vec name##_derivative(vec z, vec a) {                                                   \
        (void)z;                                                                                   \
        (void)a;                                                                                   \
        return derivative;                                                                         \
    }                                                                                              \
    static void name##_activate(const pb_matrix *matrix, const void *z_, void *a_) {               \
        const real *z = z_;                                                                        \
        real *a = a_;                                                                              \
        FOR_MATRIX(matrix, v_store(a + i, name##_value(v_load(z + i))),                            \
                   v_store_part(a + i, name##_value(v_load_part(z + i, left)), left));             \
    }                                                                                              \
    static void name##_vjp(const pb_matrix *matrix, const void *z_, const void *a_, void *v_) {    \
        const real *z = z_;                                                                        \
        const real *a = a_;                                                                        \
        real *v = v_;                                                                              \
        FOR_MATRIX(                                                                                \
            matrix,                                                                                \
            v_store(v + i, v_mul(v_load(v + i), name##_derivative(v_load(z + i), v_load(a + i)))), \
            v_store_part(                                                                          \
                v + i,                                                                             \
                v_mul(v_load_part(v + i, left),                                                    \
                      name##_derivative(v_load_part(z + i, left), v_load_part(a + i, left))),      \
                left));                                                                            \
    }
#include "registry/activations.def"

/* log f(z) for the rows with LOG. The others define a constant of that name and no kernel. */
#define LOG(expression) LOG_KERNEL, expression
#define NO_LOG          NO_KERNEL, 0
#define ROWWISE_ACTIVATION(...)
#define ELEMENTWISE_ACTIVATION(name, value, derivative, log, ...) DEFINE_LOG(name, log)
#define DEFINE_LOG(name, ...)                                     DEFINE_LOG_AS(name, __VA_ARGS__)
#define DEFINE_LOG_AS(name, kernel, expression)                   kernel(name, expression)
#define NO_KERNEL(name, expression) enum { name##_log_activate = expression, name##_has_log = 0 };
#define LOG_KERNEL(name, expression)                                                       \
    enum { name##_has_log = 1 };                                                           \
    INLINE vec name##_log_value(vec z) { return expression; }                              \
    static void name##_log_activate(const pb_matrix *matrix, const void *z_, void *a_) {   \
        const real *z = z_;                                                                \
        real *a = a_;                                                                      \
        FOR_MATRIX(matrix, v_store(a + i, name##_log_value(v_load(z + i))),                \
                   v_store_part(a + i, name##_log_value(v_load_part(z + i, left)), left)); \
    }
#include "registry/activations.def"

/* ---- Losses -------------------------------------------------------------------------------- */

#define VALUE(expression)      expression
#define GRADIENT(expression)   expression
#define VALUE_IN_Z(expression) expression
#define DELTA_IN_Z(expression) expression
#define DEFINE_LOSS_KERNEL(kernel, expression)                                                     \
    INLINE vec kernel##_of(vec y, vec z, vec a, vec parameter) {                                   \
        (void)y;                                                                                   \
        (void)z;                                                                                   \
        (void)a;                                                                                   \
        (void)parameter;                                                                           \
        return expression;                                                                         \
    }                                                                                              \
    static void kernel(const pb_matrix *matrix, const void *y_, const void *z_, const void *a_,    \
                       double parameter_, void *out_) {                                            \
        const vec parameter = v_set1((real)parameter_);                                            \
        const real *y = y_;                                                                        \
        const real *z = z_;                                                                        \
        const real *a = a_;                                                                        \
        real *out = out_;                                                                          \
        FOR_MATRIX(                                                                                \
            matrix,                                                                                \
            v_store(out + i, kernel##_of(v_load(y + i), v_load(z + i), v_load(a + i), parameter)), \
            v_store_part(out + i,                                                                  \
                         kernel##_of(v_load_part(y + i, left), v_load_part(z + i, left),           \
                                     v_load_part(a + i, left), parameter),                         \
                         left));                                                                   \
    }
#define LOSS(name, value, derivative, value_in_z, delta_in_z, ...) \
    DEFINE_LOSS_KERNEL(name##_loss_value, value)                   \
    DEFINE_LOSS_KERNEL(name##_loss_gradient, derivative)           \
    DEFINE_LOSS_KERNEL(name##_loss_value_in_z, value_in_z)         \
    DEFINE_LOSS_KERNEL(name##_loss_delta_in_z, delta_in_z)
#include "registry/losses.def"
#undef DEFINE_LOSS_KERNEL

/* ---- Plain arithmetic ---------------------------------------------------------------------- */

static void add(size_t n, const void *x_, void *sum_) {
    const real *x = x_;
    real *sum = sum_;
    FOR_VECTORS(
        n, v_store(sum + i, v_add(v_load(sum + i), v_load(x + i))),
        v_store_part(sum + i, v_add(v_load_part(sum + i, left), v_load_part(x + i, left)), left));
}

static void add_bias(const pb_matrix *matrix, const void *bias_, void *z_) {
    const real *bias = bias_;
    real *z = z_;
    for (size_t u = 0; u < matrix->n_units; u++, z += matrix->unit_stride) {
        const vec b = v_set1(bias[u]);
        FOR_VECTORS(matrix->n_samples, v_store(z + i, v_add(v_load(z + i), b)),
                    v_store_part(z + i, v_add(v_load_part(z + i, left), b), left));
    }
}
