/* The loops over the layers, and the recording of a trace between their steps. */
#include "network/pass.h"

#include "network/layer.h"
#include "network/output.h"

/* Copies layer l of a chunk into one member of a trace, if the caller asked for it. */
static void record(const pb_pass *pass, pb_sample_chunk chunk, size_t l, const void *matrix,
                   void *const *traced) {
    if (traced == NULL || traced[l - 1] == NULL) {
        return;
    }
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const size_t width = network->layer_sizes[l];
    for (size_t s = chunk.first; s < chunk.first + chunk.n_samples; s++) {
        network->kernels->transpose(width, 1, pb_offset_const(network, matrix, s), w->stride,
                                    pb_offset(network, traced[l - 1], w->positions[s] * width),
                                    width);
    }
}

/* The trace, or one without arrays. */
static const pb_trace *trace_of(const pb_pass *pass) {
    static const pb_trace none = {NULL, NULL, NULL, NULL};
    return pass->trace == NULL ? &none : pass->trace;
}

pb_status pb_forward(const pb_pass *pass, pb_sample_chunk chunk, size_t thread,
                     pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const pb_trace *trace = trace_of(pass);
    if (pass->batch->X.indptr == NULL) {
        network->kernels->gather(&pass->batch->X, pb_chunk_rows(w, chunk), w->first + chunk.first,
                                 chunk.n_samples, network->layer_sizes[0],
                                 pb_offset(network, w->a[0], chunk.first), w->stride);
        pb_layer_dropout(pass, chunk, 0);
    }
    for (size_t l = 1; l <= network->n_layers; l++) {
        const pb_status status = pb_layer_logits(pass, chunk, l, thread, stop_token); /* (1) */
        if (status != PB_OK) {
            return status;
        }
        record(pass, chunk, l, w->z[l], trace->z);
        pb_layer_activate(pass, chunk, l); /* (2) */
        record(pass, chunk, l, w->a[l], trace->a);
        if (l < network->n_layers) {
            pb_layer_dropout(pass, chunk, l);
        }
    }
    return PB_OK;
}

pb_status pb_forward_one(const pb_pass *pass, pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const void *input = pass->batch->X.values;
    if (pass->batch->X.column_stride != 1) {
        /* Reads the features as samples of one unit, since the stride may be negative. */
        const pb_samples column = {input, pass->batch->X.column_stride, 1, NULL, NULL};
        network->kernels->gather(&column, NULL, 0, network->layer_sizes[0], 1, w->a[0], w->stride);
        input = w->a[0];
    }
    for (size_t l = 1; l <= network->n_layers; l++) {
        pb_layer_forward_one(pass, l, input); /* (1), (2) */
        input = w->a[l];
        const pb_status status = pb_stop_requested(stop_token);
        if (status != PB_OK) {
            return status;
        }
    }
    return PB_OK;
}

pb_status pb_backward(const pb_pass *pass, pb_sample_chunk chunk, pb_stop_token *stop_token) {
    const pb_workspace *w = pass->workspace;
    const pb_trace *trace = trace_of(pass);
    const size_t last = pass->network->n_layers;
    pb_output_gradient(pass, chunk);
    record(pass, chunk, last, w->delta[last % 2], trace->dloss_da);
    pb_output_delta(pass, chunk); /* (3) */
    for (size_t l = last; l >= 1; l--) {
        record(pass, chunk, l, w->delta[l % 2], trace->delta);
        pb_layer_pack_delta(pass, chunk, l);
        if (l > 1) {
            const pb_status status = pb_layer_input_gradient(pass, chunk, l, stop_token);
            if (status != PB_OK) {
                return status;
            }
            record(pass, chunk, l - 1, w->delta[(l - 1) % 2], trace->dloss_da);
            pb_layer_delta(pass, chunk, l - 1); /* (4) */
        }
    }
    return PB_OK;
}
