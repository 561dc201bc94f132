/* Making a network: names become rows of the lists, sizes become offsets. */
#include "network/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

pb_activation pb_activation_of_layer(const pb_network *network, size_t l) {
    return l == network->n_layers ? network->output_activation : network->activation;
}

int pb_loss_wants_log(const pb_network *network) {
    return network->is_canonical &&
           network->kernels->activate_and_log[network->output_activation] != NULL;
}

void *pb_at(const pb_network *network, void *array, size_t offset) {
    return (char *)array + offset * network->kernels->item_size;
}

const void *pb_at_const(const pb_network *network, const void *array, size_t offset) {
    return (const char *)array + offset * network->kernels->item_size;
}

static pb_status find_functions(const pb_network_spec *spec, pb_network *network) {
    pb_status status = pb_find_activation(spec->activation, &network->activation);
    if (status == PB_OK) {
        status = pb_find_activation(spec->output_activation, &network->output_activation);
    }
    if (status == PB_OK) {
        status = pb_find_loss(spec->loss, &network->loss);
    }
    if (status != PB_OK) {
        return status;
    }
    pb_activation_info hidden, output;
    pb_loss_info loss;
    (void)pb_activation_at(network->activation, &hidden);
    (void)pb_activation_at(network->output_activation, &output);
    (void)pb_loss_at(network->loss, &loss);
    if (!hidden.hidden || !output.output) {
        return PB_BAD_PLACE;
    }
    network->is_canonical =
        loss.canonical_output != NULL && strcmp(loss.canonical_output, output.name) == 0;
    return PB_OK;
}

/* Lays out W1, W2, ..., b1, b2, ... */
static pb_status lay_out(pb_network *network) {
    size_t offset = 0;
    pb_status status = PB_OK;
    for (size_t l = 0; l < network->n_layers && status == PB_OK; l++) {
        size_t n_coefs = 0;
        network->coefs[l] = offset;
        status = pb_checked_mul(network->layer_sizes[l], network->layer_sizes[l + 1], &n_coefs);
        if (status == PB_OK) {
            status = pb_checked_add(offset, n_coefs, &offset);
        }
    }
    network->n_coefs = offset;
    for (size_t l = 0; l < network->n_layers && status == PB_OK; l++) {
        network->intercepts[l] = offset;
        status = pb_checked_add(offset, network->layer_sizes[l + 1], &offset);
        if (network->layer_sizes[l + 1] > network->widest) {
            network->widest = network->layer_sizes[l + 1];
        }
    }
    network->n_parameters = offset;
    /* So that any count of bytes, and any difference of pointers, stays representable. */
    if (status == PB_OK && offset > (size_t)PTRDIFF_MAX / sizeof(double)) {
        status = PB_TOO_LARGE;
    }
    return status;
}

pb_status pb_network_new(const pb_network_spec *spec, pb_network **result) {
    if (spec->n_layers < 1 || !(spec->alpha >= 0) || !isfinite(spec->alpha) ||
        (spec->dtype != PB_FLOAT32 && spec->dtype != PB_FLOAT64)) {
        return PB_BAD_ARGUMENT;
    }
    for (size_t l = 0; l <= spec->n_layers; l++) {
        if (spec->layer_sizes[l] < 1) {
            return PB_BAD_ARGUMENT;
        }
    }
    /* The network and its three arrays are one block. */
    size_t words = 0;
    pb_status status = pb_checked_mul(spec->n_layers, 3 * sizeof(size_t), &words);
    if (status == PB_OK) {
        status = pb_checked_add(words, sizeof(pb_network) + sizeof(size_t), &words);
    }
    void *block = NULL;
    if (status == PB_OK) {
        status = pb_aligned_new(words, 1, &block);
    }
    if (status != PB_OK) {
        return status;
    }
    pb_network *network = block;
    network->dtype = spec->dtype;
    network->n_layers = spec->n_layers;
    network->alpha = spec->alpha;
    network->layer_sizes = (size_t *)(void *)(network + 1);
    network->coefs = network->layer_sizes + spec->n_layers + 1;
    network->intercepts = network->coefs + spec->n_layers;
    memcpy(network->layer_sizes, spec->layer_sizes, (spec->n_layers + 1) * sizeof(size_t));

    status = pb_kernels_chosen(spec->dtype, &network->kernels);
    if (status == PB_OK) {
        status = find_functions(spec, network);
    }
    if (status == PB_OK) {
        status = lay_out(network);
    }
    if (status != PB_OK) {
        pb_network_free(network);
        return status;
    }
    *result = network;
    return PB_OK;
}

void pb_network_free(pb_network *network) { pb_aligned_free(network); }

size_t pb_network_n_parameters(const pb_network *network) { return network->n_parameters; }

pb_status pb_network_layer(const pb_network *network, size_t layer, size_t *coefs_offset,
                           size_t *intercepts_offset) {
    if (layer >= network->n_layers) {
        return PB_BAD_ARGUMENT;
    }
    *coefs_offset = network->coefs[layer];
    *intercepts_offset = network->intercepts[layer];
    return PB_OK;
}
