/* What a network is, inside the library. */
#ifndef PB_NETWORK_H
#define PB_NETWORK_H

#include "kernels/kernels.h"
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
    size_t widest;              /* the largest layer after the input */
    pb_activation *activations; /* of the hidden layers l = 1, 2, ...: activations[l - 1] */
    pb_activation output_activation;
    pb_loss loss;
    int has_fused_delta; /* the loss is written in z for this output */
    double loss_parameter;
    pb_loss_function *loss_function; /* the caller's own, or NULL */
    void *loss_context;
    double *alphas; /* n_layers: the penalty on the coefficients of layer l is alphas[l - 1] */
    double l1_ratio;
    int is_penalised; /* some alpha is not 0 */
};

/* The activation of layer l = 1 ... n_layers. */
pb_activation pb_activation_of_layer(const pb_network *network, size_t l);

/* P = sum_l alpha_l (l1_ratio ||W_l||_1 + (1 - l1_ratio) / 2 ||W_l||^2). */
double pb_penalty(const pb_network *network, const void *parameters);

/* Whether the loss is computed from log A_L, which a rowwise output has at once. */
int pb_loss_wants_log(const pb_network *network);

/* Element `offset` of an array of the network's data type. */
void *pb_offset(const pb_network *network, void *array, size_t offset);
const void *pb_offset_const(const pb_network *network, const void *array, size_t offset);

#endif
