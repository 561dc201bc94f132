/* Prediction: the forward pass alone, some blocks of rows at a time, so that scratch memory does
 * not grow with the number of rows. A row has the same bits alone and among others. */
#include "network/pass.h"

typedef struct prediction {
    pb_pass pass;
    const void *const *layer; /* the matrices to return: a or z of each layer */
    size_t first;             /* row of X at place 0 */
    void *out;                /* NULL: only record the trace */
} prediction;

static pb_status predict_chunk(void *context, size_t task, size_t thread,
                               pb_stop_token *stop_token) {
    const prediction *p = context;
    const pb_network *network = p->pass.network;
    const pb_workspace *w = p->pass.workspace;
    const pb_sample_chunk chunk = w->chunks[task];
    const size_t n_outputs = network->layer_sizes[network->n_layers];
    const pb_status status = pb_forward(&p->pass, chunk, thread, stop_token);
    if (status == PB_OK && p->out != NULL) {
        network->kernels->transpose(
            n_outputs, chunk.n_samples,
            pb_offset_const(network, p->layer[network->n_layers], chunk.first), w->stride,
            pb_offset(network, p->out, (p->first + chunk.first) * n_outputs), n_outputs);
    }
    return status;
}

static pb_status predict_one(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    (void)task, (void)thread;
    const prediction *p = context;
    const pb_network *network = p->pass.network;
    const size_t n_outputs = network->layer_sizes[network->n_layers];
    const pb_status status = pb_forward_one(&p->pass, stop_token);
    if (status == PB_OK) {
        network->kernels->transpose(1, n_outputs, p->layer[network->n_layers], n_outputs, p->out,
                                    1);
    }
    return status;
}

static pb_status predict(prediction *p, pb_interrupt *interrupt) {
    pb_workspace *w = p->pass.workspace;
    const pb_batch *batch = p->pass.batch;
    if (w->network != p->pass.network) {
        return PB_BAD_ARGUMENT;
    }
    if (batch->n_rows == 1 && batch->X.indptr == NULL && p->out != NULL) {
        return pb_threads_run(1, 1, predict_one, p, interrupt);
    }
    const size_t n_threads =
        pb_threads_for(w, (double)batch->n_rows * pb_work_of_a_sample(p->pass.network));
    const size_t most = w->capacity < w->max_rows ? w->capacity : w->max_rows;
    for (p->first = 0; p->first < batch->n_rows; p->first += most) {
        const size_t left = batch->n_rows - p->first;
        pb_load_rows(&p->pass, p->first, left < most ? left : most, 1);
        const pb_status status =
            pb_threads_run(n_threads, w->n_chunks, predict_chunk, p, interrupt);
        if (status != PB_OK) {
            return status;
        }
    }
    return PB_OK;
}

pb_status pb_predict(const pb_network *network, const void *parameters, const pb_samples *X,
                     size_t n_rows, pb_prediction what, pb_workspace *workspace,
                     pb_interrupt *interrupt, void *out) {
    if ((unsigned)what > PB_PREDICT_LOGITS) {
        return PB_BAD_ARGUMENT;
    }
    const pb_batch batch = {.X = *X, .n_rows = n_rows};
    prediction p = {
        .pass = {network, parameters, &batch, workspace, NULL, NULL},
        .layer = (const void *const *)(what == PB_PREDICT_LOGITS ? workspace->z : workspace->a),
        .out = out,
    };
    pb_scope scope;
    pb_scope_enter(&scope);
    const pb_status status = predict(&p, interrupt);
    pb_scope_leave(&scope);
    return status;
}

pb_status pb_trace_forward(const pb_network *network, const void *parameters, const pb_samples *X,
                           size_t n_rows, pb_workspace *workspace, pb_interrupt *interrupt,
                           const pb_trace *trace) {
    const pb_batch batch = {.X = *X, .n_rows = n_rows};
    prediction p = {.pass = {network, parameters, &batch, workspace, trace, NULL}};
    pb_scope scope;
    pb_scope_enter(&scope);
    const pb_status status = predict(&p, interrupt);
    pb_scope_leave(&scope);
    return status;
}
