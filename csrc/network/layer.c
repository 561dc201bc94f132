/* One dense layer: forward, delta and gradient.
 *
 * Equation numbers are those of pybackprop/by_hand/backprop.py. Shapes: n samples, d_l units in
 * layer l, A_l, Z_l and Delta_l (n, d_l), W_l (d_(l-1), d_l), b_l (d_l). Delta_l = dl/dZ_l holds
 * one unweighted gradient per sample. Matrices are stored units × samples, which is the transpose:
 * Z_l^T = W_l^T A_(l-1)^T. */
#include "network/layer.h"

#include "base/memory.h"
#include "network/product.h"

static int has_dropout(const pb_pass *pass, size_t l) {
    return pass->masks != NULL && pass->masks->dropout.rates[l] > 0;
}

/* What layer l + 1 reads: A_l, after dropout in training. */
static void *layer_input(const pb_pass *pass, size_t l) {
    return has_dropout(pass, l) ? pass->workspace->dropped[l] : pass->workspace->a[l];
}

/* ---- (1)  Z_l = A_(l-1) W_l + b_l ------------------------------------------------------------ */

static pb_status multiply_dense(const pb_pass *pass, pb_sample_chunk chunk, size_t l,
                                pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const size_t fan_out = network->layer_sizes[l];
    const pb_product product = {
        .m = fan_out,
        .n = pb_chunk_matrix(pass, chunk, l).n_samples,
        .k = network->layer_sizes[l - 1],
        .a = pb_offset_const(network, pass->parameters, network->coefs[l - 1]),
        .a_row = 1, /* W_l^T */
        .a_column = (ptrdiff_t)fan_out,
        .b = pb_offset(network, layer_input(pass, l - 1), chunk.first),
        .b_row = w->stride,
        .b_panel = network->kernels->panel_columns,
        .c = pb_offset(network, w->z[l], chunk.first),
        .c_row = w->stride,
        .bias = pb_offset_const(network, pass->parameters, network->intercepts[l - 1]),
    };
    return pb_product_interruptible(network, &product, stop_token);
}

/* Z_1 for sparse X: some rows at a time, transposed into the samples of the matrix. */
static pb_status multiply_sparse(const pb_pass *pass, pb_sample_chunk chunk, size_t thread,
                                 pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_samples *X = &pass->batch->X;
    const pb_workspace *w = pass->workspace;
    const size_t width = network->layer_sizes[1];
    void *scratch = pb_offset(network, w->thread_scratch, thread * w->thread_scratch_stride);
    for (size_t i = 0; i < chunk.n_samples; i += PB_CHUNK_UNIT) {
        const size_t left = chunk.n_samples - i;
        const pb_csr_rows rows = {
            X->values,
            X->indptr,
            X->indices,
            w->rows == NULL ? NULL : w->rows + chunk.first + i,
            w->first + chunk.first + i,
            left < PB_CHUNK_UNIT ? left : PB_CHUNK_UNIT,
        };
        network->kernels->csr_product(
            &rows, width, pb_offset_const(network, pass->parameters, network->coefs[0]), scratch);
        network->kernels->transpose(rows.n_rows, width, scratch, width,
                                    pb_offset(network, w->z[1], chunk.first + i), w->stride);
        const pb_status status = pb_stop_requested(stop_token);
        if (status != PB_OK) {
            return status;
        }
    }
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, 1);
    network->kernels->add_bias(&matrix,
                               pb_offset_const(network, pass->parameters, network->intercepts[0]),
                               pb_offset(network, w->z[1], chunk.first));
    return PB_OK;
}

pb_status pb_layer_logits(const pb_pass *pass, pb_sample_chunk chunk, size_t l, size_t thread,
                          pb_stop_token *stop_token) {
    return l == 1 && pass->batch->X.indptr != NULL
               ? multiply_sparse(pass, chunk, thread, stop_token)
               : multiply_dense(pass, chunk, l, stop_token);
}

/* ---- (2)  A_l = f(Z_l), at the output g(Z_L) ------------------------------------------------- */

void pb_layer_activate(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, l);
    const size_t activation = pb_activation_of_layer(network, l);
    const void *z = pb_offset(network, w->z[l], chunk.first);
    void *a = pb_offset(network, w->a[l], chunk.first);
    if (l == network->n_layers && w->kind >= PB_WORKSPACE_GRADIENT && pb_loss_wants_log(network)) {
        network->kernels->activate_and_log[activation](&matrix, z, a,
                                                       pb_offset(network, w->values, chunk.first));
    } else {
        network->kernels->activate[activation](&matrix, z, a);
    }
}

void pb_layer_forward_one(const pb_pass *pass, size_t l, const void *input) {
    const pb_network *network = pass->network;
    const pb_kernels *k = network->kernels;
    const pb_workspace *w = pass->workspace;
    const size_t width = network->layer_sizes[l];
    const pb_matrix column = {width, 1, 1, 1};
    k->row_product(network->layer_sizes[l - 1], width, input,
                   pb_offset_const(network, pass->parameters, network->coefs[l - 1]), w->z[l]);
    k->add(width, pb_offset_const(network, pass->parameters, network->intercepts[l - 1]), w->z[l]);
    k->activate[pb_activation_of_layer(network, l)](&column, w->z[l], w->a[l]);
}

/* ---- (4)  Delta_(l-1) = (Delta_l W_l^T) * f'(Z_(l-1)), the same for every loss --------------- */

pb_status pb_layer_input_gradient(const pb_pass *pass, pb_sample_chunk chunk, size_t l,
                                  pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const size_t fan_out = network->layer_sizes[l];
    const pb_matrix below = pb_chunk_matrix(pass, chunk, l - 1);
    const pb_product product = {
        .m = below.n_units,
        .n = below.n_samples,
        .k = fan_out,
        .a = pb_offset_const(network, pass->parameters, network->coefs[l - 1]),
        .a_row = (ptrdiff_t)fan_out, /* W_l */
        .a_column = 1,
        .b = pb_offset(network, w->delta[l % 2], chunk.first),
        .b_row = w->stride,
        .b_panel = network->kernels->panel_columns,
        .c = pb_offset(network, w->delta[(l - 1) % 2], chunk.first),
        .c_row = w->stride,
    };
    return pb_product_interruptible(network, &product, stop_token);
}

void pb_layer_delta(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, l);
    void *delta = pb_offset(network, w->delta[l % 2], chunk.first);
    network->kernels->vjp[pb_activation_of_layer(network, l)](
        &matrix, pb_offset(network, w->z[l], chunk.first), pb_offset(network, w->a[l], chunk.first),
        delta);
    if (has_dropout(pass, l)) {
        network->kernels->apply_mask(&matrix, delta,
                                     pb_offset(network, w->dropout_mask[l], chunk.first), delta);
    }
}

/* ---- (6)  dF/dW_l = (A_(l-1)^T diag(s) Delta_l + dP/dW_l) / S
 *      (7)  dF/db_l = (column sums of diag(s) Delta_l) / S
 * Here the sums over one block of rows; objective.c adds them up, the penalty, and 1/S. -------- */

void pb_layer_pack_delta(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, l);
    network->kernels->pack_panels(
        &matrix, pb_offset(network, w->delta[l % 2], chunk.first),
        w->weights == NULL ? NULL : w->weights + chunk.first,
        pb_offset(network, w->panels[l], chunk.first * network->kernels->panel_columns),
        w->panel_stride);
}

pb_status pb_layer_gradient(const pb_pass *pass, const pb_param_slice *slice, size_t block,
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
    if (slice->is_intercepts) { /* (7) */
        k->panel_sums(n_rows, fan_out, delta, w->panel_stride, gradient);
        return PB_OK;
    }
    if (l == 1 && X->indptr != NULL) { /* (6) for sparse X */
        const pb_csr_rows rows = {X->values,        X->indptr,
                                  X->indices,       w->rows == NULL ? NULL : w->rows + place,
                                  w->first + place, n_rows};
        k->csr_transposed_product(&rows, slice->first_row, slice->n_rows, fan_out, delta,
                                  w->panel_stride, gradient);
        return PB_OK;
    }
    const pb_product product = {
        /* (6) */
        .m = slice->n_rows,
        .n = fan_out,
        .k = n_rows,
        .a = pb_offset(network, layer_input(pass, l - 1), slice->first_row * w->stride + place),
        .a_row = (ptrdiff_t)w->stride, /* A_(l-1)^T */
        .a_column = 1,
        .b = delta,
        .b_row = k->panel_columns,
        .b_panel = w->panel_stride,
        .c = gradient,
        .c_row = fan_out,
    };
    return pb_product_interruptible(network, &product, stop_token);
}

/* ---- Dropout --------------------------------------------------------------------------------- */

static pb_mask mask_of(const pb_masks *masks, size_t l) {
    const pb_mask mask = {masks->dropout.seed, masks->epoch, l, masks->first_row,
                          masks->dropout.rates[l]};
    return mask;
}

void pb_layer_dropout(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    if (!has_dropout(pass, l)) {
        return;
    }
    const pb_mask mask = mask_of(pass->masks, l);
    const pb_matrix matrix = pb_chunk_matrix(pass, chunk, l);
    void *dropout_mask = pb_offset(network, w->dropout_mask[l], chunk.first);
    network->kernels->draw_mask(&mask, &matrix, pb_chunk_rows(w, chunk), w->first + chunk.first,
                                chunk.n_samples, dropout_mask);
    network->kernels->apply_mask(&matrix, pb_offset(network, w->a[l], chunk.first), dropout_mask,
                                 pb_offset(network, w->dropped[l], chunk.first));
}

pb_status pb_sparse_dropout(const pb_network *network, const pb_masks *masks, const pb_batch *rows,
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
