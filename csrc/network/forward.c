/* The forward pass. Shapes: n samples, d_l units in layer l, A_l and Z_l (n, d_l), W_l
 * (d_(l-1), d_l), b_l (d_l). A matrix holds such a matrix unit by unit, which is its transpose:
 * Z_l^T = W_l^T A_(l-1)^T. */
#include "network/propagation.h"

/* Rows of C are cut first, since that costs nothing; columns where a row alone is too long. */
#define LEAST_ROWS    ((size_t)8)
#define LEAST_COLUMNS ((size_t)48)

static size_t at_least(size_t least, size_t n) { return n < least ? least : n / least * least; }

pb_status pb_product_interruptible(const pb_network *network, const pb_product *product,
                                   pb_stop_token *stop_token) {
    const size_t size = network->kernels->item_size;
    const size_t allowed = network->kernels->work_per_check / (product->k > 0 ? product->k : 1);
    const size_t n = product->n > 0 ? product->n : 1;
    const size_t rows = at_least(LEAST_ROWS, allowed / n);
    const size_t columns = rows > LEAST_ROWS ? n : at_least(LEAST_COLUMNS, allowed / rows);
    for (size_t i = 0; i < product->m; i += rows) {
        for (size_t j = 0; j < product->n; j += columns) {
            pb_product task = *product;
            task.m = product->m - i < rows ? product->m - i : rows;
            task.n = product->n - j < columns ? product->n - j : columns;
            task.a = (const char *)product->a + (ptrdiff_t)(i * size) * product->a_row;
            /* A cut through a panel would lose its place: LEAST_COLUMNS is whole panels. */
            task.b = (const char *)product->b +
                     j / network->kernels->panel_columns * product->b_panel * size;
            task.c = pb_offset(network, product->c, i * product->c_row + j);
            task.bias = product->bias == NULL ? NULL : pb_offset_const(network, product->bias, i);
            network->kernels->product(&task);
            const pb_status status = pb_stop_requested(stop_token);
            if (status != PB_OK) {
                return status;
            }
        }
    }
    return PB_OK;
}

pb_matrix pb_chunk_matrix(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
    const size_t lanes = pass->network->kernels->lanes;
    const pb_matrix matrix = {
        .n_units = pass->network->layer_sizes[l],
        .n_samples = (chunk.n_samples + lanes - 1) / lanes * lanes,
        .unit_stride = pass->workspace->stride,
        .sample_stride = 1,
    };
    return matrix;
}

void pb_record(const pb_pass *pass, pb_sample_chunk chunk, size_t l, const void *matrix,
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

/* Cuts the rows of block b into chunks: as equal as whole vectors allow, enough for all threads,
 * and so narrow that a chunk's activations stay in the cache. */
static void split_into_chunks(pb_workspace *w, size_t b) {
    const size_t units = (w->block_rows[b] + PB_CHUNK_UNIT - 1) / PB_CHUNK_UNIT;
    size_t n = (units + PB_MAX_CHUNK_UNITS - 1) / PB_MAX_CHUNK_UNITS;
    if (w->n_blocks == 1) {
        n = (n + w->n_threads - 1) / w->n_threads * w->n_threads;
    }
    size_t first = 0;
    for (size_t i = 0; i < n && units > 0; i++) {
        const size_t end = units * (i + 1) / n * PB_CHUNK_UNIT;
        const size_t last = end < w->block_rows[b] ? end : w->block_rows[b];
        if (last > first) {
            w->chunks[w->n_chunks++] = (pb_sample_chunk){b * PB_BLOCK_ROWS + first, last - first};
        }
        first = last;
    }
}

void pb_take_rows(const pb_pass *pass, size_t first, size_t count, double weight_scale) {
    const pb_batch *batch = pass->batch;
    pb_workspace *w = pass->workspace;
    w->n_blocks = (count + PB_BLOCK_ROWS - 1) / PB_BLOCK_ROWS;
    w->n_chunks = 0;
    for (size_t b = 0; b < w->n_blocks; b++) {
        const size_t end = count < (b + 1) * PB_BLOCK_ROWS ? count : (b + 1) * PB_BLOCK_ROWS;
        size_t place = b * PB_BLOCK_ROWS;
        for (size_t position = first + place; position < first + end; position++) {
            const int64_t row = batch->order == NULL ? (int64_t)position : batch->order[position];
            const double weight = batch->weights == NULL ? 1 : batch->weights[row];
            if (weight != 0) {
                w->rows_space[place] = row;
                w->positions[place] = position;
                w->weights_space[place] = weight * weight_scale;
                place++;
            }
        }
        w->block_rows[b] = place - b * PB_BLOCK_ROWS;
        split_into_chunks(w, b);
    }
    w->first = first;
    w->rows = batch->order == NULL && batch->weights == NULL ? NULL : w->rows_space;
    w->weights = batch->weights == NULL ? NULL : w->weights_space;
}

/* The chunk's rows for the kernels: a list, or the first of consecutive ones. */
static const int64_t *rows_of(const pb_workspace *w, pb_sample_chunk chunk) {
    return w->rows == NULL ? NULL : w->rows + chunk.first;
}

/* Z_1 = X W_1 + b_1 for sparse X: some rows at a time, which then become samples of the matrix. */
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

static pb_status multiply_by_coefs(const pb_pass *pass, pb_sample_chunk chunk, size_t l,
                                   size_t thread, pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    if (l == 1 && pass->batch->X.indptr != NULL) {
        return multiply_sparse(pass, chunk, thread, stop_token);
    }
    const size_t fan_out = network->layer_sizes[l];
    const pb_product product = {
        .m = fan_out,
        .n = pb_chunk_matrix(pass, chunk, l).n_samples,
        .k = network->layer_sizes[l - 1],
        .a = pb_offset_const(network, pass->parameters, network->coefs[l - 1]),
        .a_row = 1, /* W_l^T */
        .a_column = (ptrdiff_t)fan_out,
        .b = pb_offset(network, pb_layer_input(pass, l - 1), chunk.first),
        .b_row = w->stride,
        .b_panel = network->kernels->panel_columns,
        .c = pb_offset(network, w->z[l], chunk.first),
        .c_row = w->stride,
        .bias = pb_offset_const(network, pass->parameters, network->intercepts[l - 1]),
    };
    return pb_product_interruptible(network, &product, stop_token);
}

/* A_l = f(Z_l), or g(Z_L) at the output, there with its logarithm if the loss wants it. */
static void activate_layer(const pb_pass *pass, pb_sample_chunk chunk, size_t l) {
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

pb_status pb_forward(const pb_pass *pass, pb_sample_chunk chunk, size_t thread,
                     pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_workspace *w = pass->workspace;
    if (pass->batch->X.indptr == NULL) {
        network->kernels->gather(&pass->batch->X, rows_of(w, chunk), w->first + chunk.first,
                                 chunk.n_samples, network->layer_sizes[0],
                                 pb_offset(network, w->a[0], chunk.first), w->stride);
        pb_drop_out(pass, chunk, 0);
    }
    for (size_t l = 1; l <= network->n_layers; l++) {
        /* Z_l = A_(l-1) W_l + b_l */
        const pb_status status = multiply_by_coefs(pass, chunk, l, thread, stop_token);
        if (status != PB_OK) {
            return status;
        }
        if (pass->trace != NULL) {
            pb_record(pass, chunk, l, w->z[l], pass->trace->z);
        }
        activate_layer(pass, chunk, l);
        if (pass->trace != NULL) {
            pb_record(pass, chunk, l, w->a[l], pass->trace->a);
        }
        if (l < network->n_layers) {
            pb_drop_out(pass, chunk, l);
        }
    }
    return PB_OK;
}

pb_status pb_forward_one(const pb_pass *pass, pb_stop_token *stop_token) {
    const pb_network *network = pass->network;
    const pb_kernels *k = network->kernels;
    const pb_workspace *w = pass->workspace;
    const void *input = pass->batch->X.values;
    if (pass->batch->X.column_stride != 1) {
        /* The features as samples of one unit: strides may be negative. */
        const pb_samples column = {input, pass->batch->X.column_stride, 1, NULL, NULL};
        k->gather(&column, NULL, 0, network->layer_sizes[0], 1, w->a[0], w->stride);
        input = w->a[0];
    }
    for (size_t l = 1; l <= network->n_layers; l++) {
        const size_t width = network->layer_sizes[l];
        k->row_product(network->layer_sizes[l - 1], width, input,
                       pb_offset_const(network, pass->parameters, network->coefs[l - 1]), w->z[l]);
        k->add(width, pb_offset_const(network, pass->parameters, network->intercepts[l - 1]),
               w->z[l]);
        const pb_matrix matrix = {width, 1, 1, 1};
        k->activate[pb_activation_of_layer(network, l)](&matrix, w->z[l], w->a[l]);
        input = w->a[l];
        const pb_status status = pb_stop_requested(stop_token);
        if (status != PB_OK) {
            return status;
        }
    }
    return PB_OK;
}
