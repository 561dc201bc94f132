/* The forward pass of one block of rows. Shapes: n rows in hand, d_l units in layer l,
 * A_l and Z_l (n, d_l), W_l (d_(l-1), d_l), b_l (d_l). */
#include "base/pace.h"
#include "network/propagation.h"

#include <string.h>

/* Multiply-adds between two looks at the clock: a tenth of a second on the slowest variant. */
#define STRIPE_WORK ((size_t)1 << 25)
/* Stripes are whole tiles of every instruction set, so that cutting costs nothing. */
#define STRIPE_COLUMNS ((size_t)144)
#define STRIPE_ROWS    ((size_t)48)

/* The largest multiple of `unit` that `work` allows, at least one of them. */
static size_t stripe_of(size_t work, size_t unit) {
    return work < unit ? unit : work / unit * unit;
}

pb_status pb_paced_product(const pb_network *network, const pb_product *product, void *scratch,
                           pb_pace *pace) {
    const size_t size = network->kernels->item_size;
    const size_t depth = product->k > 0 ? product->k : 1;
    const size_t m = product->m > 0 ? product->m : 1;
    /* All rows at once, if a stripe of columns allows it: then B is packed but once. */
    const size_t columns = stripe_of(STRIPE_WORK / depth / m, STRIPE_COLUMNS);
    const size_t rows_allowed = STRIPE_WORK / depth / columns;
    const size_t rows = rows_allowed >= m ? m : stripe_of(rows_allowed, STRIPE_ROWS);
    for (size_t i = 0; i < product->m; i += rows) {
        for (size_t j = 0; j < product->n; j += columns) {
            pb_product stripe = *product;
            stripe.m = product->m - i < rows ? product->m - i : rows;
            stripe.n = product->n - j < columns ? product->n - j : columns;
            stripe.a = (const char *)product->a + (ptrdiff_t)(i * size) * product->a_row;
            stripe.b = (const char *)product->b + (ptrdiff_t)(j * size) * product->b_column;
            stripe.c = pb_at(network, product->c, i * product->c_row + j);
            network->kernels->product(&stripe, scratch);
            const pb_status status = pb_pace_check(pace);
            if (status != PB_OK) {
                return status;
            }
        }
    }
    return PB_OK;
}

void pb_record(const pb_network *network, const pb_workspace *w, size_t l, const void *values,
               void *const *traced) {
    if (traced == NULL || traced[l - 1] == NULL) {
        return;
    }
    const size_t width = network->layer_sizes[l];
    for (size_t r = 0; r < w->n_rows; r++) {
        memcpy(pb_at(network, traced[l - 1], w->positions[r] * width),
               pb_at_const(network, values, r * width), width * network->kernels->item_size);
    }
}

static void take_input(const pb_network *network, const pb_samples *X, pb_workspace *w) {
    if (X->indptr != NULL) {
        return;
    }
    if (w->rows == NULL) {
        const ptrdiff_t start =
            (ptrdiff_t)w->first * X->row_stride * (ptrdiff_t)network->kernels->item_size;
        w->a[0] = (void *)((uintptr_t)X->values + (uintptr_t)start);
        w->input_row = X->row_stride;
        w->input_column = X->column_stride;
        return;
    }
    network->kernels->gather(X, w->rows, w->first, w->n_rows, network->layer_sizes[0], w->gathered);
    w->a[0] = w->gathered;
    w->input_row = (ptrdiff_t)network->layer_sizes[0];
    w->input_column = 1;
}

void pb_take_rows(const pb_network *network, const pb_batch *batch, size_t first, size_t count,
                  pb_workspace *w) {
    size_t n_rows = 0;
    for (size_t r = 0; r < count; r++) {
        const size_t position = first + r;
        const int64_t row = batch->order == NULL ? (int64_t)position : batch->order[position];
        const double weight = batch->weights == NULL ? 1 : batch->weights[row];
        if (weight == 0) {
            continue;
        }
        w->rows_space[n_rows] = row;
        w->positions[n_rows] = position;
        w->weights_space[n_rows] = weight;
        n_rows++;
    }
    w->n_rows = n_rows;
    w->first = first;
    w->rows = batch->order == NULL && n_rows == count ? NULL : w->rows_space;
    w->weights = batch->weights == NULL ? NULL : w->weights_space;
    take_input(network, &batch->X, w);
}

/* Z_1 = X W_1 for sparse X, Z_l = A_(l-1) W_l otherwise. */
static pb_status multiply_by_coefs(const pb_network *network, const void *parameters,
                                   const pb_samples *X, pb_workspace *w, size_t l, pb_pace *pace) {
    const size_t fan_in = network->layer_sizes[l - 1];
    const size_t fan_out = network->layer_sizes[l];
    const void *coefs = pb_at_const(network, parameters, network->coefs[l - 1]);
    if (l == 1 && X->indptr != NULL) {
        const pb_csr_rows rows = {X->values, X->indptr, X->indices, w->rows, w->first, w->n_rows};
        network->kernels->csr_product(&rows, fan_out, coefs, w->z[l]);
        return pb_pace_check(pace);
    }
    const pb_product product = {
        .m = w->n_rows,
        .n = fan_out,
        .k = fan_in,
        .a = w->a[l - 1],
        .a_row = l == 1 ? w->input_row : (ptrdiff_t)fan_in,
        .a_column = l == 1 ? w->input_column : 1,
        .b = coefs,
        .b_row = (ptrdiff_t)fan_out,
        .b_column = 1,
        .c = w->z[l],
        .c_row = fan_out,
    };
    return pb_paced_product(network, &product, w->scratch, pace);
}

pb_status pb_forward(const pb_network *network, const void *parameters, const pb_samples *X,
                     pb_workspace *w, pb_pace *pace, const pb_trace *trace) {
    for (size_t l = 1; l <= network->n_layers; l++) {
        /* Z_l = A_(l-1) W_l + b_l */
        const pb_status status = multiply_by_coefs(network, parameters, X, w, l, pace);
        if (status != PB_OK) {
            return status;
        }
        const size_t width = network->layer_sizes[l];
        network->kernels->add_rows(w->n_rows, width,
                                   pb_at_const(network, parameters, network->intercepts[l - 1]),
                                   w->z[l]);
        if (trace != NULL) {
            pb_record(network, w, l, w->z[l], trace->z);
        }
        /* A_l = f(Z_l), or g(Z_L) at the output */
        network->kernels->activate[pb_activation_of_layer(network, l)](w->n_rows, width, w->z[l],
                                                                       w->a[l]);
        if (trace != NULL) {
            pb_record(network, w, l, w->a[l], trace->a);
        }
    }
    return PB_OK;
}
