/* The description of a network, inside the library. All layers are dense. */
#ifndef PB_NETWORK_H
#define PB_NETWORK_H

#include "kernels/kernels.h"
#include "pybackprop.h"

struct pb_network {
    pb_dtype dtype;
    const pb_kernels *kernels;
    size_t n_layers;
    size_t *layer_sizes; /* n_layers + 1 */
    size_t *coefs;       /* coefs[l - 1] is the offset of W_l, in elements */
    size_t *intercepts;
    size_t n_coefs; /* number of coefficients, and the offset of the first intercept */
    size_t n_parameters;
    size_t widest;              /* size of the largest layer after the input */
    pb_activation *activations; /* activations[l - 1] of hidden layer l = 1, 2, ... */
    pb_activation output_activation;
    pb_loss loss;
    int has_fused_delta; /* the loss gives value and delta in z for this output activation */
    double loss_parameter;
    pb_loss_function *loss_function; /* a custom loss, or NULL */
    void *loss_context;
    double *alphas; /* alphas[l - 1] penalizes the coefficients of layer l */
    double l1_ratio;
    int is_penalised; /* any alpha is not 0 */
};

/* The activation of layer l = 1 ... n_layers. */
pb_activation pb_activation_of_layer(const pb_network *network, size_t l);

/* P = sum_l alpha_l (l1_ratio ||W_l||_1 + (1 - l1_ratio) / 2 ||W_l||^2). */
double pb_penalty(const pb_network *network, const void *parameters);

/* Whether the loss is computed from log A_L, which a rowwise activation computes together with A_L.
 */
int pb_loss_wants_log(const pb_network *network);

/* Pointer to element `offset` of an array of the network's data type. */
void *pb_offset(const pb_network *network, void *array, size_t offset);
const void *pb_offset_const(const pb_network *network, const void *array, size_t offset);

#endif
