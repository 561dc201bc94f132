/* Losses and delta of the output layer. */
#ifndef PB_OUTPUT_H
#define PB_OUTPUT_H

#include "network/batch.h"

/* Loads the targets of a chunk, and writes the loss l_n of each sample to workspace->row_losses. */
pb_status pb_output_losses(const pb_pass *pass, pb_sample_chunk chunk);

/* dl/dY_pred of a chunk, if equation (3) or the trace reads it. */
void pb_output_gradient(const pb_pass *pass, pb_sample_chunk chunk);

/* (3)  Delta_L = J_g(Z_L)^T dl/dY_pred, sample by sample. */
void pb_output_delta(const pb_pass *pass, pb_sample_chunk chunk);

#endif
