/* The loops over the layers: forward for one chunk of samples or one sample, and backward.
 *
 * A training pass has two phases, and threads synchronize twice per batch. In the first, each
 * thread takes chunks of samples forward through all layers, to the losses, and back to all deltas:
 * samples are independent. In the second, each thread takes slices of parameters and sums their
 * gradient over all samples, in row order (objective.c). So the assignment of work to threads
 * changes no bit. */
#ifndef PB_PASS_H
#define PB_PASS_H

#include "base/thread_pool.h"
#include "network/batch.h"

/* Z_l and A_l for l = 1 ... L, for one chunk. */
pb_status pb_forward(const pb_pass *pass, pb_sample_chunk chunk, size_t thread,
                     pb_stop_token *stop_token);

/* The same for a single sample: vectors run over units instead of samples. */
pb_status pb_forward_one(const pb_pass *pass, pb_stop_token *stop_token);

/* Delta_l for l = L ... 1, for one chunk. */
pb_status pb_backward(const pb_pass *pass, pb_sample_chunk chunk, pb_stop_token *stop_token);

#endif
