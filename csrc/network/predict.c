/* Prediction: forward only, a block of rows at a time, so that scratch does not grow with the
 * table and a row has the same bits alone and among others. */
#include "network/propagation.h"

#include <string.h>

/* `out` and `trace` may be NULL. */
static pb_status forward_blocks(const pb_network *network, const void *parameters,
                                const pb_samples *X, size_t n_rows, pb_prediction what,
                                pb_workspace *w, pb_pace *pace, const pb_trace *trace, void *out) {
    if (w->network != network) {
        return PB_BAD_ARGUMENT;
    }
    const pb_batch batch = {.X = *X, .n_rows = n_rows};
    const size_t most = w->max_rows < PB_BLOCK_ROWS ? w->max_rows : PB_BLOCK_ROWS;
    const size_t n_outputs = network->layer_sizes[network->n_layers];
    for (size_t first = 0; first < n_rows; first += most) {
        const size_t count = n_rows - first < most ? n_rows - first : most;
        pb_take_rows(network, &batch, first, count, w);
        const pb_status status = pb_forward(network, parameters, X, w, pace, trace);
        if (status != PB_OK) {
            return status;
        }
        if (out != NULL) {
            const void *result =
                what == PB_PREDICT_LOGITS ? w->z[network->n_layers] : w->a[network->n_layers];
            memcpy(pb_at(network, out, first * n_outputs), result,
                   count * n_outputs * network->kernels->item_size);
        }
    }
    return PB_OK;
}

pb_status pb_predict(const pb_network *network, const void *parameters, const pb_samples *X,
                     size_t n_rows, pb_prediction what, pb_workspace *workspace, pb_pace *pace,
                     void *out) {
    return forward_blocks(network, parameters, X, n_rows, what, workspace, pace, NULL, out);
}

pb_status pb_trace_forward(const pb_network *network, const void *parameters, const pb_samples *X,
                           size_t n_rows, pb_workspace *workspace, pb_pace *pace,
                           const pb_trace *trace) {
    return forward_blocks(network, parameters, X, n_rows, PB_PREDICT_OUTPUT, workspace, pace, trace,
                          NULL);
}
