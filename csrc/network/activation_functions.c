/* Single activations, their logarithms and their vector-Jacobian products on plain arrays. */
#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

/* Values between two polls: some hundred microseconds without vector instructions. */
#define VALUES_PER_CHECK 16384

/* A function of rows: a map, or a vector-Jacobian product. */
typedef struct work {
    const pb_kernels *kernels;
    pb_map_kernel *map; /* NULL: vjp */
    pb_vjp_kernel *vjp;
    const void *z;
    void *a; /* read-only for vjp */
    void *vector;
} work;

/* Applies the function to the rows, some at a time, each as a sample of a matrix. */
static pb_status apply(const work *of, size_t n_rows, size_t n_columns, pb_interrupt *interrupt) {
    const size_t most = n_columns < VALUES_PER_CHECK ? VALUES_PER_CHECK / n_columns : 1;
    pb_status status = PB_OK;
    pb_scope scope;
    pb_scope_enter(&scope);
    for (size_t first = 0; first < n_rows && status == PB_OK; first += most) {
        const size_t left = n_rows - first, offset = first * n_columns * of->kernels->item_size;
        const pb_matrix matrix = {n_columns, left < most ? left : most, 1, n_columns};
        if (of->map != NULL) {
            of->map(&matrix, (const char *)of->z + offset, (char *)of->a + offset);
        } else {
            of->vjp(&matrix, (const char *)of->z + offset, (char *)of->a + offset,
                    (char *)of->vector + offset);
        }
        status = left > most ? pb_interrupt_poll(interrupt) : PB_OK;
    }
    pb_scope_leave(&scope);
    return status;
}

static pb_status look_up(pb_dtype dtype, const char *name, const pb_kernels **kernels,
                         pb_activation *activation) {
    const pb_status status = pb_find_activation(name, activation);
    return status == PB_OK ? pb_kernels_chosen(dtype, kernels) : status;
}

pb_status pb_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                      const void *z, void *a, pb_interrupt *interrupt) {
    const pb_kernels *kernels = NULL;
    pb_activation row;
    const pb_status status = look_up(dtype, activation, &kernels, &row);
    if (status != PB_OK || n_columns == 0) {
        return status;
    }
    const work of = {kernels, .map = kernels->activate[row], .z = z, .a = a};
    return apply(&of, n_rows, n_columns, interrupt);
}

pb_status pb_log_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                          const void *z, void *log_a, pb_interrupt *interrupt) {
    const pb_kernels *kernels = NULL;
    pb_activation row;
    const pb_status status = look_up(dtype, activation, &kernels, &row);
    if (status != PB_OK) {
        return status;
    }
    if (kernels->log_activate[row] == NULL) {
        return PB_BAD_ARGUMENT;
    }
    if (n_columns == 0) {
        return PB_OK;
    }
    const work of = {kernels, .map = kernels->log_activate[row], .z = z, .a = log_a};
    return apply(&of, n_rows, n_columns, interrupt);
}

pb_status pb_activation_vjp(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                            const void *z, const void *a, void *vector, pb_interrupt *interrupt) {
    const pb_kernels *kernels = NULL;
    pb_activation row;
    const pb_status status = look_up(dtype, activation, &kernels, &row);
    if (status != PB_OK || n_columns == 0) {
        return status;
    }
    const work of = {kernels, .vjp = kernels->vjp[row], .z = z, .a = (void *)a, .vector = vector};
    return apply(&of, n_rows, n_columns, interrupt);
}

pb_status pb_all_finite(pb_dtype dtype, size_t n, const void *values, int *finite) {
    const pb_kernels *kernels = NULL;
    const pb_status status = pb_kernels_chosen(dtype, &kernels);
    if (status == PB_OK) {
        pb_scope scope;
        pb_scope_enter(&scope);
        *finite = kernels->all_finite(n, values);
        pb_scope_leave(&scope);
    }
    return status;
}
