/* Dropout in a pass: what a layer reads while it is trained, and what of a delta comes back. */
#include "base/memory.h"
#include "network/propagation.h"

static int drops(const pb_pass *pass, size_t l) {
    return pass->masks != NULL && pass->masks->dropout.rates[l] > 0;
}

static pb_mask mask_of(const pb_masks *masks, size_t l) {
    const pb_mask mask = {masks->dropout.seed, masks->epoch, l, masks->first_row,
                          masks->dropout.rates[l]};
    return mask;
}

void *pb_layer_input(const pb_pass *pass, size_t l) {
    return drops(pass, l) ? pass->workspace->dropped[l] : pass->workspace->a[l];
}

void pb_drop_out(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    if (!drops(pass, l)) {
        return;
    }
    const pb_mask mask = mask_of(pass->masks, l);
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, l);
    void *dropout_mask = pb_offset(network, w->dropout_mask[l], chunk.first);
    network->kernels->draw_mask(&mask, &matrix, w->rows == NULL ? NULL : w->rows + chunk.first,
                                w->first + chunk.first, chunk.n_samples, dropout_mask);
    network->kernels->apply_mask(&matrix, pb_offset(network, w->a[l], chunk.first), dropout_mask,
                                 pb_offset(network, w->dropped[l], chunk.first));
}

void pb_drop_out_delta(const pb_pass *pass, pb_sample_chunk chunk, size_t l, void *delta) {
    const pb_network *network = pass->network;
    if (drops(pass, l)) {
        const pb_matrix matrix = pb_chunk_matrix(pass, chunk, l);
        const void *dropout_mask =
            pb_offset(network, pass->workspace->dropout_mask[l], chunk.first);
        network->kernels->apply_mask(&matrix, delta, dropout_mask, delta);
    }
}

pb_status pb_masked_table(const pb_network *network, const pb_masks *masks, const pb_batch *rows,
                          void **values) {
    const pb_samples *X = &rows->X;
    *values = NULL;
    if (masks == NULL || X->indptr == NULL || !(masks->dropout.rates[0] > 0)) {
        return PB_OK;
    }
    int64_t n_values = 1;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const int64_t row = rows->order == NULL ? (int64_t)i : rows->order[i];
        n_values = X->indptr[row + 1] > n_values ? X->indptr[row + 1] : n_values;
    }
    const pb_status status = pb_aligned_new((size_t)n_values, network->kernels->item_size, values);
    if (status == PB_OK) {
        const pb_mask mask = mask_of(masks, 0);
        const pb_csr_rows all = {X->values, X->indptr, X->indices, rows->order, 0, rows->n_rows};
        network->kernels->mask_csr(&mask, &all, *values);
    }
    return status;
}
