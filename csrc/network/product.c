/* Splits a product into blocks that each take at most a tenth of a second. */
#include "network/product.h"

/* Blocks of whole rows of C cost nothing extra; columns are split where a row alone takes too long.
 * MIN_COLUMNS is a multiple of every panel width, since a block must begin at a panel. */
#define MIN_ROWS    ((size_t)8)
#define MIN_COLUMNS ((size_t)48)

/* The largest multiple of `unit` up to n, at least one. */
static size_t whole(size_t unit, size_t n) { return n < unit ? unit : n / unit * unit; }

pb_status pb_product_interruptible(const pb_network *network, const pb_product *product,
                                   pb_stop_token *stop_token) {
    const size_t size = network->kernels->item_size;
    const size_t allowed = network->kernels->work_per_check / (product->k > 0 ? product->k : 1);
    const size_t n = product->n > 0 ? product->n : 1;
    const size_t rows = whole(MIN_ROWS, allowed / n);
    const size_t columns = rows > MIN_ROWS ? n : whole(MIN_COLUMNS, allowed / rows);
    for (size_t i = 0; i < product->m; i += rows) {
        for (size_t j = 0; j < product->n; j += columns) {
            pb_product block = *product;
            block.m = product->m - i < rows ? product->m - i : rows;
            block.n = product->n - j < columns ? product->n - j : columns;
            block.a = (const char *)product->a + (ptrdiff_t)(i * size) * product->a_row;
            block.b = (const char *)product->b +
                      j / network->kernels->panel_columns * product->b_panel * size;
            block.c = pb_offset(network, product->c, i * product->c_row + j);
            block.bias = product->bias == NULL ? NULL : pb_offset_const(network, product->bias, i);
            network->kernels->product(&block);
            const pb_status status = pb_stop_requested(stop_token);
            if (status != PB_OK) {
                return status;
            }
        }
    }
    return PB_OK;
}
