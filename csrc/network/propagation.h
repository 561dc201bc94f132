/* The rows in hand through the network, forward and back. Between the two lies the workspace.
 *
 * A pass has two halves. In the first, each thread takes chunks of samples forward through all
 * layers, to their losses and back to all deltas: samples do not see one another. In the second,
 * each thread takes slices of parameters and sums their gradient over all samples, in row order.
 * So threads meet twice a batch, and who does what does not show in the bits. */
#ifndef PB_PROPAGATION_H
#define PB_PROPAGATION_H

#include "base/thread_pool.h"
#include "network/workspace.h"

typedef struct pb_pass {
    const pb_network *network;
    const void *parameters;
    const pb_batch *batch;
    pb_workspace *workspace;
    const pb_trace *trace; /* or NULL */
    const pb_masks *masks; /* or NULL: no dropout */
} pb_pass;

/* Takes `count` rows of the batch from position `first` on, with their weights times
 * `weight_scale`: rows of weight zero are left out. */
void pb_take_rows(const pb_pass *pass, size_t first, size_t count, double weight_scale);

/* Z_l = A_(l-1) W_l + b_l, A_l = f_l(Z_l) for l = 1 ... L, on one chunk. */
pb_status pb_forward(const pb_pass *pass, pb_sample_chunk chunk, size_t thread,
                     pb_stop_token *stop_token);

/* The same for a single sample, whose units lie side by side: vectors of units, not of samples. */
pb_status pb_forward_one(const pb_pass *pass, pb_stop_token *stop_token);

/* The chunk's targets, and l_n for each of its samples, in workspace->row_losses. */
pb_status pb_output_losses(const pb_pass *pass, pb_sample_chunk chunk);

/* Delta_l for l = L ... 1, on one chunk. */
pb_status pb_backward(const pb_pass *pass, pb_sample_chunk chunk, pb_stop_token *stop_token);

/* The gradient of a slice over one block of the rows in hand: sum_n s_n dl_n/dtheta, in row order,
 * without alpha and 1/S. */
pb_status pb_slice_gradient(const pb_pass *pass, const pb_param_slice *slice, size_t block,
                            pb_stop_token *stop_token, void *gradient);

/* ---- dropout.c ----------------------------------------------------------------------------- */

/* What layer l + 1 reads: A_l, or what dropout has left of it. */
void *pb_layer_input(const pb_pass *pass, size_t l);

/* Draws the masks of a chunk for A_l, and leaves out of it what they say. */
void pb_drop_out(const pb_pass *pass, pb_sample_chunk chunk, size_t l);

/* The same masks on Delta_l: nothing comes back through what was left out. */
void pb_drop_out_delta(const pb_pass *pass, pb_sample_chunk chunk, size_t l, void *delta);

/* The values of a sparse table without those that dropout leaves out of the rows: the caller
 * frees them with pb_aligned_free. NULL where the table can be read as it is. */
pb_status pb_masked_table(const pb_network *network, const pb_masks *masks, const pb_batch *rows,
                          void **values);

/* -------------------------------------------------------------------------------------------- */

/* C = A B, asking `stop_token` from time to time. */
pb_status pb_product_interruptible(const pb_network *network, const pb_product *product,
                                   pb_stop_token *stop_token);

/* Layer l of a chunk as a matrix, in whole vectors of samples; and where it begins in an array of
 * the workspace. */
pb_matrix pb_chunk_matrix(const pb_pass *pass, pb_sample_chunk chunk, size_t l);

/* Copies a chunk of layer l to its places in one member of a trace, if it is wanted. */
void pb_record(const pb_pass *pass, pb_sample_chunk chunk, size_t l, const void *matrix,
               void *const *traced);

/* Who gets the gradient. `on_slice` gets that of each slice once it is complete, in any order and
 * from any thread, and may keep none of it; NULL: nobody. `on_gradient`, if given, is called
 * before, with the whole gradient, and may change it. */
typedef struct pb_gradient_sink {
    void (*on_slice)(void *context, const pb_param_slice *slice, const void *gradient);
    void (*on_gradient)(void *context, void *gradient);
    void *context;
} pb_gradient_sink;

typedef struct pb_value {
    double objective;
    double penalty; /* its term P / S */
} pb_value;

/* What pb_sum_batch makes of a slice's sum, or pb_finish_sums of the whole one:
 * g = (sum + alpha (l1_ratio sign(W) + (1 - l1_ratio) W)) / S. */
void pb_finish_slice(const pb_network *network, const void *parameters, const pb_sums *sums,
                     double weight_scale, const pb_param_slice *slice, void *sum);

/* The parameters of layer `layer` (from 1) that are intercepts, or are not, as one slice. */
pb_param_slice pb_whole_slice(const pb_network *network, size_t layer, int is_intercepts);

/* The objective and its gradient as pb_objective has them. With a sink `gradient` is NULL. */
pb_status pb_sum_batch(const pb_pass *pass, pb_interrupt *interrupt, pb_value *value,
                       void *gradient, const pb_gradient_sink *sink);

#endif
