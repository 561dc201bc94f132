/* The computations of one dense layer, by the equation numbers of pybackprop/by_hand/backprop.py.
 */
#ifndef PB_LAYER_H
#define PB_LAYER_H

#include "base/thread_pool.h"
#include "network/batch.h"

/* (1)  Z_l = A_(l-1) W_l + b_l, for one chunk. */
pb_status pb_layer_logits(const pb_pass *pass, pb_sample_chunk chunk, size_t l, size_t thread,
                          pb_stop_token *stop_token);

/* (2)  A_l = f(Z_l), for one chunk; also log A_L at the output if the loss is computed from it. */
void pb_layer_activate(const pb_pass *pass, pb_sample_chunk chunk, size_t l);

/* (1) and (2) for a single sample: reads d_(l-1) values, and writes workspace->z[l] and a[l]. */
void pb_layer_forward_one(const pb_pass *pass, size_t l, const void *input);

/* (4)  First dl/dA_(l-1) = Delta_l W_l^T, then Delta_(l-1) = dl/dA_(l-1) * f'(Z_(l-1)) in its
 * place. They are two functions so that a trace can record the first. */
pb_status pb_layer_input_gradient(const pb_pass *pass, pb_sample_chunk chunk, size_t l,
                                  pb_stop_token *stop_token);
void pb_layer_delta(const pb_pass *pass, pb_sample_chunk chunk, size_t l);

/* diag(s) Delta_l of one chunk in panels, as pb_layer_gradient reads it. */
void pb_layer_pack_delta(const pb_pass *pass, pb_sample_chunk chunk, size_t l);

/* (6) and (7) for a slice of parameters and one block of rows: sum_n s_n dl_n/dtheta in row order,
 * without the penalty and 1/S. */
pb_status pb_layer_gradient(const pb_pass *pass, const pb_param_slice *slice, size_t block,
                            pb_stop_token *stop_token, void *gradient);

/* Draws the dropout masks of A_l for one chunk and applies them; no-op without dropout. */
void pb_layer_dropout(const pb_pass *pass, pb_sample_chunk chunk, size_t l);

/* The values of a sparse X after dropout of the features, or NULL if nothing is dropped. The caller
 * frees them with pb_aligned_free. */
pb_status pb_sparse_dropout(const pb_network *network, const pb_masks *masks, const pb_batch *rows,
                            void **values);

#endif
