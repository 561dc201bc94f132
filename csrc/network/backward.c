/* The backward pass of one block of rows. Delta_l = dl/dZ_l has the shape of Z_l, (n, d_l), and is
 * per sample and unweighted; what is propagated is this gradient. */
#include "base/pace.h"
#include "network/propagation.h"

#include <string.h>

void pb_row_losses(const pb_network *network, const pb_targets *y, pb_workspace *w) {
    const pb_kernels *k = network->kernels;
    const size_t n_outputs = network->layer_sizes[network->n_layers];
    const size_t n = w->n_rows * n_outputs;
    const void *z = w->z[network->n_layers];
    const void *a = w->a[network->n_layers];
    k->gather_targets(y, w->rows, w->first, w->n_rows, n_outputs, w->y);
    pb_activation_info output;
    (void)pb_activation_at(network->output_activation, &output);
    if (!network->is_canonical) {
        k->loss_value[network->loss](n, w->y, z, a, w->values);
    } else if (output.rowwise) {
        /* softmax does not see a shift of z, and the loss is simplest at z - logsumexp(z) */
        k->log_activate[network->output_activation](w->n_rows, n_outputs, z, w->values);
        k->loss_value_in_z[network->loss](n, w->y, w->values, a, w->values);
    } else {
        k->loss_value_in_z[network->loss](n, w->y, z, a, w->values);
    }
    k->row_sums(w->n_rows, n_outputs, w->values, w->row_losses);
}

/* Delta_L = J^T dl/dY_pred, row by row; Y_pred - Y where the pair is canonical, and only there. */
static void output_delta(const pb_network *network, pb_workspace *w) {
    const pb_kernels *k = network->kernels;
    const size_t n_outputs = network->layer_sizes[network->n_layers];
    const size_t n = w->n_rows * n_outputs;
    const void *z = w->z[network->n_layers];
    const void *a = w->a[network->n_layers];
    if (network->is_canonical) {
        k->subtract(n, a, w->y, w->delta);
        return;
    }
    k->loss_slope[network->loss](n, w->y, z, a, w->delta);
    k->vjp[network->output_activation](w->n_rows, n_outputs, z, a, w->delta);
}

/* dF/dW_l = A_(l-1)^T diag(s) Delta_l and dF/db_l = column sums of diag(s) Delta_l, up to alpha
 * and 1/S. */
static pb_status parameter_gradients(const pb_network *network, const pb_samples *X,
                                     pb_workspace *w, size_t l, pb_pace *pace, void *gradient) {
    const pb_kernels *k = network->kernels;
    const size_t fan_in = network->layer_sizes[l - 1];
    const size_t fan_out = network->layer_sizes[l];
    void *coef_gradient = pb_at(network, gradient, network->coefs[l - 1]);
    const void *delta = w->delta;
    if (w->weights != NULL) {
        k->scale_rows(w->n_rows, fan_out, w->weights, w->delta, w->weighted);
        delta = w->weighted;
    }
    k->column_sums(w->n_rows, fan_out, delta, pb_at(network, gradient, network->intercepts[l - 1]));
    if (l == 1 && X->indptr != NULL) {
        const pb_csr_rows rows = {X->values, X->indptr, X->indices, w->rows, w->first, w->n_rows};
        memset(coef_gradient, 0, fan_in * fan_out * k->item_size);
        k->csr_transposed_product(&rows, fan_out, delta, coef_gradient);
        return pb_pace_check(pace);
    }
    const pb_product product = {
        .m = fan_in,
        .n = fan_out,
        .k = w->n_rows,
        .a = w->a[l - 1],
        .a_row = l == 1 ? w->input_column : 1,
        .a_column = l == 1 ? w->input_row : (ptrdiff_t)fan_in,
        .b = delta,
        .b_row = (ptrdiff_t)fan_out,
        .b_column = 1,
        .c = coef_gradient,
        .c_row = fan_out,
    };
    return pb_paced_product(network, &product, w->scratch, pace);
}

/* Delta_(l-1) = (Delta_l W_l^T) * f'(Z_(l-1)): no shortcut here, for any loss. */
static pb_status propagate_delta(const pb_network *network, const void *parameters, pb_workspace *w,
                                 size_t l, pb_pace *pace) {
    const size_t fan_in = network->layer_sizes[l - 1];
    const size_t fan_out = network->layer_sizes[l];
    const pb_product product = {
        .m = w->n_rows,
        .n = fan_in,
        .k = fan_out,
        .a = w->delta,
        .a_row = (ptrdiff_t)fan_out,
        .a_column = 1,
        .b = pb_at_const(network, parameters, network->coefs[l - 1]),
        .b_row = 1, /* W_l^T */
        .b_column = (ptrdiff_t)fan_out,
        .c = w->delta_before,
        .c_row = fan_in,
    };
    const pb_status status = pb_paced_product(network, &product, w->scratch, pace);
    if (status != PB_OK) {
        return status;
    }
    network->kernels->vjp[network->activation](w->n_rows, fan_in, w->z[l - 1], w->a[l - 1],
                                               w->delta_before);
    void *const computed = w->delta_before;
    w->delta_before = w->delta;
    w->delta = computed;
    return PB_OK;
}

pb_status pb_backward(const pb_network *network, const void *parameters, const pb_samples *X,
                      pb_workspace *w, pb_pace *pace, const pb_trace *trace, void *gradient) {
    output_delta(network, w);
    for (size_t l = network->n_layers; l >= 1; l--) {
        if (trace != NULL) {
            pb_record(network, w, l, w->delta, trace->delta);
        }
        pb_status status = parameter_gradients(network, X, w, l, pace, gradient);
        if (status == PB_OK && l > 1) {
            status = propagate_delta(network, parameters, w, l, pace);
        }
        if (status != PB_OK) {
            return status;
        }
    }
    return PB_OK;
}
