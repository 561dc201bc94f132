/* The backward pass. Delta_l = dl/dZ_l has the shape of Z_l, (n, d_l), and is per sample and
 * unweighted; what is propagated is this gradient. As matrices, Delta_(l-1)^T = W_l Delta_l^T. */
#include "network/propagation.h"

/* The caller's own loss, which reads rows: y and a leave their matrices, and dl/da becomes one. */
static pb_status call_loss_function(const pb_pass *pass, pb_sample_chunk chunk) {
    const pb_network *network = pass->network;
    const pb_kernels *k = network->kernels;
    const pb_workspace *w = pass->workspace;
    const size_t last = network->n_layers;
    const size_t n_outputs = network->layer_sizes[last];
    const size_t at = chunk.first * n_outputs;
    void *y = pb_offset(network, w->loss_rows[0], at);
    void *a = pb_offset(network, w->loss_rows[1], at);
    void *dloss_dy_pred = pb_offset(network, w->loss_rows[2], at);
    k->transpose(n_outputs, chunk.n_samples, pb_offset(network, w->y, chunk.first), w->stride, y,
                 n_outputs);
    k->transpose(n_outputs, chunk.n_samples, pb_offset(network, w->a[last], chunk.first), w->stride,
                 a, n_outputs);
    if (network->loss_function(network->loss_context, chunk.n_samples, y, a,
                               w->row_losses + chunk.first, dloss_dy_pred) != 0) {
        return PB_INTERRUPTED;
    }
    const pb_samples rows = {dloss_dy_pred, (ptrdiff_t)n_outputs, 1, NULL, NULL};
    k->gather(&rows, NULL, 0, chunk.n_samples, n_outputs,
              pb_offset(network, w->delta[last % 2], chunk.first), w->stride);
    return PB_OK;
}

pb_status pb_output_losses(const pb_pass *pass, pb_sample_chunk chunk) {
    const pb_network *network = pass->network;
    const pb_kernels *k = network->kernels;
    const pb_workspace *w = pass->workspace;
    const size_t last = network->n_layers;
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, last);
    const void *z = pb_offset(network, w->z[last], chunk.first);
    const void *a = pb_offset(network, w->a[last], chunk.first);
    void *y = pb_offset(network, w->y, chunk.first);
    void *values = pb_offset(network, w->values, chunk.first);
    k->gather_targets(&pass->batch->y, w->rows == NULL ? NULL : w->rows + chunk.first,
                      w->first + chunk.first, chunk.n_samples, matrix.n_units, y, w->stride);
    if (network->loss_function != NULL) {
        return call_loss_function(pass, chunk);
    }
    const double parameter = network->loss_parameter;
    if (!network->has_fused_delta) {
        k->loss_value[network->loss](&matrix, y, z, a, parameter, values);
    } else if (pb_loss_wants_log(network)) {
        /* softmax does not see a shift of z, and the loss is simplest at z - logsumexp(z) */
        k->loss_value_in_z[network->loss](&matrix, y, values, a, parameter, values);
    } else {
        k->loss_value_in_z[network->loss](&matrix, y, z, a, parameter, values);
    }
    k->unit_sums(&matrix, values, w->row_losses + chunk.first);
    return PB_OK;
}

/* Delta_L = J^T dl/dY_pred, sample by sample; at the default output the loss's row says what comes
 * of it: Y_pred - Y where the pair is canonical, and only there. */
static void output_delta(const pb_pass *pass, pb_sample_chunk chunk) {
    const pb_network *network = pass->network;
    const pb_kernels *k = network->kernels;
    const pb_workspace *w = pass->workspace;
    const size_t last = network->n_layers;
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, last);
    const void *y = pb_offset(network, w->y, chunk.first);
    const void *z = pb_offset(network, w->z[last], chunk.first);
    const void *a = pb_offset(network, w->a[last], chunk.first);
    void *delta = pb_offset(network, w->delta[last % 2], chunk.first);
    void *const *traced = pass->trace == NULL ? NULL : pass->trace->dloss_da;
    if (network->loss_function == NULL && (!network->has_fused_delta || traced != NULL)) {
        k->loss_gradient[network->loss](&matrix, y, z, a, network->loss_parameter, delta);
    } /* a loss_function has left its dloss_dy_pred there already */
    pb_record(pass, chunk, last, w->delta[last % 2], traced);
    if (network->has_fused_delta) {
        k->loss_delta_in_z[network->loss](&matrix, y, z, a, network->loss_parameter, delta);
    } else {
        k->vjp[network->output_activation](&matrix, z, a, delta);
    }
}

/* Delta_(l-1) = (Delta_l W_l^T) * f'(Z_(l-1)): no shortcut here, for any loss. */
static pb_status propagate_delta(const pb_pass *pass, pb_sample_chunk chunk, size_t l,
                                 pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const pb_matrix before = pb_chunk_matrix(pass, chunk, l - 1);
    const size_t fan_out = network->layer_sizes[l];
    void *delta_before = pb_offset(network, w->delta[(l - 1) % 2], chunk.first);
    const pb_product product = {
        .m = before.n_units,
        .n = before.n_samples,
        .k = fan_out,
        .a = pb_offset_const(network, pass->parameters, network->coefs[l - 1]),
        .a_row = (ptrdiff_t)fan_out,
        .a_column = 1,
        .b = pb_offset(network, w->delta[l % 2], chunk.first),
        .b_row = w->stride,
        .b_panel = network->kernels->panel_columns,
        .c = delta_before,
        .c_row = w->stride,
    };
    const pb_status status = pb_product_interruptible(network, &product, stop_token);
    if (status == PB_OK) {
        if (pass->trace != NULL) {
            pb_record(pass, chunk, l - 1, w->delta[(l - 1) % 2], pass->trace->dloss_da);
        }
        network->kernels->vjp[pb_activation_of_layer(network, l - 1)](
            &before, pb_offset(network, w->z[l - 1], chunk.first),
            pb_offset(network, w->a[l - 1], chunk.first), delta_before);
        pb_drop_out_delta(pass, chunk, l - 1, delta_before);
    }
    return status;
}

pb_status pb_backward(const pb_pass *pass, pb_sample_chunk chunk, pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    output_delta(pass, chunk);
    for (size_t l = network->n_layers; l >= 1; l--) {
        if (pass->trace != NULL) {
            pb_record(pass, chunk, l, w->delta[l % 2], pass->trace->delta);
        }
        const pb_matrix matrix = pb_chunk_matrix(pass, chunk, l);
        network->kernels->pack_panels(
            &matrix, pb_offset(network, w->delta[l % 2], chunk.first),
            w->weights == NULL ? NULL : w->weights + chunk.first,
            pb_offset(network, w->panels[l], chunk.first * network->kernels->panel_columns),
            w->panel_stride);
        if (l > 1) {
            const pb_status status = propagate_delta(pass, chunk, l, stop_token);
            if (status != PB_OK) {
                return status;
            }
        }
    }
    return PB_OK;
}

pb_status pb_slice_gradient(const pb_pass *pass, const pb_param_slice *slice, size_t block,
                            pb_stop_token *stop_token, void *gradient) {
    const pb_network *network = pass->network;
    const pb_kernels *k = network->kernels;
    const pb_workspace *w = pass->workspace;
    const pb_samples *X = &pass->batch->X;
    const size_t l = slice->layer;
    const size_t fan_out = network->layer_sizes[l];
    const size_t place = block * PB_BLOCK_ROWS;
    const size_t n_rows = w->block_rows[block];
    const void *delta = pb_offset(network, w->panels[l], place * k->panel_columns);
    if (slice->is_intercepts) {
        /* dF/db_l = column sums of diag(s) Delta_l */
        k->panel_sums(n_rows, fan_out, delta, w->panel_stride, gradient);
        return PB_OK;
    }
    /* dF/dW_l = A_(l-1)^T diag(s) Delta_l, up to alpha and 1/S */
    if (l == 1 && X->indptr != NULL) {
        const pb_csr_rows rows = {X->values,        X->indptr,
                                  X->indices,       w->rows == NULL ? NULL : w->rows + place,
                                  w->first + place, n_rows};
        k->csr_transposed_product(&rows, slice->first_row, slice->n_rows, fan_out, delta,
                                  w->panel_stride, gradient);
        return PB_OK;
    }
    const pb_product product = {
        .m = slice->n_rows,
        .n = fan_out,
        .k = n_rows,
        .a = pb_offset(network, pb_layer_input(pass, l - 1), slice->first_row * w->stride + place),
        .a_row = (ptrdiff_t)w->stride,
        .a_column = 1,
        .b = delta,
        .b_row = k->panel_columns,
        .b_panel = w->panel_stride,
        .c = gradient,
        .c_row = fan_out,
    };
    return pb_product_interruptible(network, &product, stop_token);
}
