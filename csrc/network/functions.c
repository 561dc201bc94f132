/* The activations by themselves, for whoever holds numbers and no network. */
#include "base/threads.h"
#include "kernels/table.h"

/* The rows of a table as samples of a plane. */
static void apply(pb_map_kernel *map, size_t n_rows, size_t n_columns, const void *z, void *a) {
    const pb_plane plane = {n_columns, n_rows, 1, n_columns};
    pb_scope scope;
    pb_scope_enter(&scope);
    map(&plane, z, a);
    pb_scope_leave(&scope);
}

static pb_status look_up(pb_dtype dtype, const char *name, const pb_kernels **kernels,
                         pb_activation *activation) {
    const pb_status status = pb_find_activation(name, activation);
    return status == PB_OK ? pb_kernels_chosen(dtype, kernels) : status;
}

pb_status pb_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                      const void *z, void *a) {
    const pb_kernels *kernels = NULL;
    pb_activation row;
    const pb_status status = look_up(dtype, activation, &kernels, &row);
    if (status == PB_OK && n_columns > 0) {
        apply(kernels->activate[row], n_rows, n_columns, z, a);
    }
    return status;
}

pb_status pb_log_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                          const void *z, void *log_a) {
    const pb_kernels *kernels = NULL;
    pb_activation row;
    const pb_status status = look_up(dtype, activation, &kernels, &row);
    if (status != PB_OK) {
        return status;
    }
    if (kernels->log_activate[row] == NULL) {
        return PB_BAD_ARGUMENT;
    }
    if (n_columns > 0) {
        apply(kernels->log_activate[row], n_rows, n_columns, z, log_a);
    }
    return PB_OK;
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
