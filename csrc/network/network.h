/* What a network is, inside the library. */
#ifndef PB_NETWORK_H
#define PB_NETWORK_H

#include "kernels/table.h"
#include "pybackprop.h"

struct pb_network {
    pb_dtype dtype;
    const pb_kernels *kernels;
    size_t n_layers;
    size_t *layer_sizes; /* n_layers + 1 */
    size_t *coefs;       /* where layer l = 1, 2, ... has them: coefs[l - 1], in elements */
    size_t *intercepts;
    size_t n_coefs; /* coefficients come first, so this is where the intercepts begin */
    size_t n_parameters;
    size_t widest; /* the largest layer after the input */
    pb_activation activation;
    pb_activation output_activation;
    pb_loss loss;
    int is_canonical; /* the loss names this output as its partner: delta = y_pred - y */
    double alpha;
};

/* The activation of layer l = 1 ... n_layers. */
pb_activation pb_activation_of_layer(const pb_network *network, size_t l);

/* Whether the loss is computed from log A_L, which a rowwise output has at once. */
int pb_loss_wants_log(const pb_network *network);

/* Element `offset` of an array of the network's data type. */
void *pb_at(const pb_network *network, void *array, size_t offset);
const void *pb_at_const(const pb_network *network, const void *array, size_t offset);

#endif
