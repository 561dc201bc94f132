/* One block of rows through the network: forward and back. Between the two lies the workspace. */
#ifndef PB_PROPAGATION_H
#define PB_PROPAGATION_H

#include "network/workspace.h"

/* C = A B in stripes of rows and columns, asking `pace` between them. */
pb_status pb_paced_product(const pb_network *network, const pb_product *product, void *scratch,
                           pb_pace *pace);

/* Takes rows `first` to `first + count` of the batch in hand: those of weight zero are left out.
 * Dense rows that lie in order are read where they are, others are gathered. */
void pb_take_rows(const pb_network *network, const pb_batch *batch, size_t first, size_t count,
                  pb_workspace *workspace);

/* Z_l = A_(l-1) W_l + b_l, A_l = f_l(Z_l) for l = 1 ... L, on the rows in hand. */
pb_status pb_forward(const pb_network *network, const void *parameters, const pb_samples *X,
                     pb_workspace *workspace, pb_pace *pace, const pb_trace *trace);

/* The targets, and l_n for each row in hand: workspace->y and workspace->row_losses. */
void pb_row_losses(const pb_network *network, const pb_targets *y, pb_workspace *workspace);

/* The rows' part of the gradient, sum_n s_n dl_n/dtheta, in row order, without alpha and 1/S. */
pb_status pb_backward(const pb_network *network, const void *parameters, const pb_samples *X,
                      pb_workspace *workspace, pb_pace *pace, const pb_trace *trace,
                      void *gradient);

/* Copies the rows in hand of layer l to their places in one member of a trace, if it is wanted. */
void pb_record(const pb_network *network, const pb_workspace *workspace, size_t l,
               const void *values, void *const *traced);

#endif
