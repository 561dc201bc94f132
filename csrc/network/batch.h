/* The rows that a pass has loaded into the workspace, their weights, and the chunks of samples into
 * which threads divide them. */
#ifndef PB_BATCH_H
#define PB_BATCH_H

#include "network/workspace.h"

/* What all functions of one pass over a batch share. */
typedef struct pb_pass {
    const pb_network *network;
    const void *parameters;
    const pb_batch *batch;
    pb_workspace *workspace;
    const pb_trace *trace; /* or NULL */
    const pb_masks *masks; /* or NULL: no dropout */
} pb_pass;

/* The largest weight of the batch's rows, 0 if it has no weights. */
double pb_largest_weight(const pb_batch *batch);

/* Loads `count` rows of the batch from position `first` on: their row numbers, positions and
 * weights times `weight_scale`. Rows of weight zero are left out. */
void pb_load_rows(const pb_pass *pass, size_t first, size_t count, double weight_scale);

/* The numbers of a chunk's rows, or NULL: they are consecutive, from workspace->first on. */
const int64_t *pb_chunk_rows(const pb_workspace *workspace, pb_sample_chunk chunk);

/* Shape of layer l of a chunk: d_l units × whole vectors of samples. */
pb_matrix pb_chunk_matrix(const pb_pass *pass, pb_sample_chunk chunk, size_t l);

#endif
