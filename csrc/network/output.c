/* The output layer: the losses of the samples, and equation (3), the delta of the output.
 *
 *     (3)  Delta_L = J_g(Z_L)^T dl/dY_pred, sample by sample, both (n, d_L)
 *
 * A loss with its default output has Delta_L in closed form: the column DELTA_IN_Z of
 * registry/losses.def. It equals Y_pred - Y for the canonical pairs only, as the column CANONICAL
 * says; no code tests for them. */
#include "network/output.h"

/* Calls a custom loss, which reads rows: y and a are transposed for it, and dl/da is transposed
 * back. */
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
    k->gather_targets(&pass->batch->y, pb_chunk_rows(w, chunk), w->first + chunk.first,
                      chunk.n_samples, matrix.n_units, y, w->stride);
    if (network->loss_function != NULL) {
        return call_loss_function(pass, chunk);
    }
    const double parameter = network->loss_parameter;
    if (!network->has_fused_delta) {
        k->loss_value[network->loss](&matrix, y, z, a, parameter, values);
    } else if (pb_loss_wants_log(network)) {
        /* softmax is invariant to a shift of z, and the loss is simplest at z - logsumexp(z) */
        k->loss_value_in_z[network->loss](&matrix, y, values, a, parameter, values);
    } else {
        k->loss_value_in_z[network->loss](&matrix, y, z, a, parameter, values);
    }
    k->unit_sums(&matrix, values, w->row_losses + chunk.first);
    return PB_OK;
}

/* ---- (3)  Delta_L = J_g(Z_L)^T dl/dY_pred ---------------------------------------------------- */

void pb_output_gradient(const pb_pass *pass, pb_sample_chunk chunk) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const size_t last = network->n_layers;
    const int is_traced = pass->trace != NULL && pass->trace->dloss_da != NULL;
    if (network->loss_function != NULL || (network->has_fused_delta && !is_traced)) {
        return; /* a custom loss has already written it */
    }
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, last);
    network->kernels->loss_gradient[network->loss](
        &matrix, pb_offset(network, w->y, chunk.first), pb_offset(network, w->z[last], chunk.first),
        pb_offset(network, w->a[last], chunk.first), network->loss_parameter,
        pb_offset(network, w->delta[last % 2], chunk.first));
}

void pb_output_delta(const pb_pass *pass, pb_sample_chunk chunk) {
    const pb_network *network = pass->network;
    const pb_kernels *k = network->kernels;
    const pb_workspace *w = pass->workspace;
    const size_t last = network->n_layers;
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, last);
    const void *y = pb_offset(network, w->y, chunk.first);
    const void *z = pb_offset(network, w->z[last], chunk.first);
    const void *a = pb_offset(network, w->a[last], chunk.first);
    void *delta = pb_offset(network, w->delta[last % 2], chunk.first);
    if (network->has_fused_delta) {
        k->loss_delta_in_z[network->loss](&matrix, y, z, a, network->loss_parameter, delta);
    } else {
        k->vjp[network->output_activation](&matrix, z, a, delta);
    }
}
