/* Creates a network description: looks up names in the lists, and computes offsets from sizes. */
#include "network/network.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

pb_activation pb_activation_of_layer(const pb_network *network, size_t l) {
    return l == network->n_layers ? network->output_activation : network->activations[l - 1];
}

int pb_loss_wants_log(const pb_network *network) {
    return network->has_fused_delta &&
           network->kernels->activate_and_log[network->output_activation] != NULL;
}

void *pb_offset(const pb_network *network, void *array, size_t offset) {
    return (char *)array + offset * network->kernels->item_size;
}

const void *pb_offset_const(const pb_network *network, const void *array, size_t offset) {
    return (const char *)array + offset * network->kernels->item_size;
}

static double penalty_of(const pb_network *network, double alpha, size_t n, const void *coefs) {
    const double l1_ratio = network->l1_ratio;
    const double squares = network->kernels->sum_of_squares(n, coefs);
    if (l1_ratio == 0) {
        return 0.5 * alpha * squares;
    }
    const double magnitudes = network->kernels->sum_of_magnitudes(n, coefs);
    return alpha * (l1_ratio * magnitudes + 0.5 * (1 - l1_ratio) * squares);
}

double pb_penalty(const pb_network *network, const void *parameters) {
    size_t n_alike = 1;
    while (n_alike < network->n_layers && network->alphas[n_alike] == network->alphas[0]) {
        n_alike++;
    }
    if (n_alike == network->n_layers) { /* one sum over the coefficients of all layers */
        return penalty_of(network, network->alphas[0], network->n_coefs, parameters);
    }
    double sum = 0;
    for (size_t l = 0; l < network->n_layers; l++) {
        const size_t n = network->layer_sizes[l] * network->layer_sizes[l + 1];
        sum += penalty_of(network, network->alphas[l], n,
                          pb_offset_const(network, parameters, network->coefs[l]));
    }
    return sum;
}

static int is_within(double x, double low, double high, int ends_belong) {
    return ends_belong ? x >= low && x <= high : x > low && x < high;
}

static pb_status find_loss(const pb_network_spec *spec, const char *output, pb_network *network) {
    network->loss_function = spec->loss_function;
    network->loss_context = spec->loss_context;
    network->loss_parameter = spec->loss_parameter;
    network->has_fused_delta = 0;
    if (spec->loss_function != NULL) {
        return PB_OK;
    }
    const pb_status status = pb_find_loss(spec->loss, &network->loss);
    if (status != PB_OK) {
        return status;
    }
    pb_loss_info loss;
    (void)pb_loss_at(network->loss, &loss);
    network->has_fused_delta = strcmp(loss.default_output, output) == 0;
    /* The value that the kernels will use. */
    const double rounded =
        spec->dtype == PB_FLOAT32 ? (double)(float)spec->loss_parameter : spec->loss_parameter;
    const int is_allowed =
        loss.parameter == NULL ||
        is_within(rounded, loss.parameter_low, loss.parameter_high, loss.parameter_ends_belong);
    return is_allowed ? PB_OK : PB_BAD_ARGUMENT;
}

static pb_status find_functions(const pb_network_spec *spec, pb_network *network) {
    pb_status status = pb_find_activation(spec->output_activation, &network->output_activation);
    for (size_t l = 1; l < spec->n_layers && status == PB_OK; l++) {
        status = pb_find_activation(spec->activations[l - 1], &network->activations[l - 1]);
    }
    if (status != PB_OK) {
        return status;
    }
    pb_activation_info output;
    (void)pb_activation_at(network->output_activation, &output);
    status = find_loss(spec, output.name, network);
    if (status == PB_OK && !output.output) {
        status = PB_BAD_PLACE;
    }
    for (size_t l = 1; l < spec->n_layers && status == PB_OK; l++) {
        pb_activation_info hidden;
        (void)pb_activation_at(network->activations[l - 1], &hidden);
        status = hidden.hidden ? PB_OK : PB_BAD_PLACE;
    }
    return status;
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
    /* Any number of bytes and any difference of pointers must be representable. */
    if (status == PB_OK && offset > (size_t)PTRDIFF_MAX / sizeof(double)) {
        status = PB_TOO_LARGE;
    }
    return status;
}

static pb_status check_numbers(const pb_network_spec *spec) {
    if (spec->n_layers < 1 || !(spec->l1_ratio >= 0 && spec->l1_ratio <= 1)) {
        return PB_BAD_ARGUMENT;
    }
    for (size_t l = 0; l <= spec->n_layers; l++) {
        if (spec->layer_sizes[l] < 1) {
            return PB_BAD_ARGUMENT;
        }
    }
    for (size_t l = 0; spec->alphas != NULL && l < spec->n_layers; l++) {
        if (!(spec->alphas[l] >= 0) || !isfinite(spec->alphas[l])) {
            return PB_BAD_ARGUMENT;
        }
    }
    return PB_OK;
}

/* Counts the bytes of the block that holds the network and its five arrays. */
static pb_status count_bytes(size_t n_layers, size_t *bytes) {
    pb_status status = pb_checked_mul(
        n_layers, 3 * sizeof(size_t) + sizeof(double) + sizeof(pb_activation), bytes);
    if (status == PB_OK) {
        status = pb_checked_add(*bytes, sizeof(pb_network) + sizeof(size_t), bytes);
    }
    return status;
}

pb_status pb_network_new(const pb_network_spec *spec, pb_network **result) {
    pb_status status = check_numbers(spec);
    size_t bytes = 0;
    if (status == PB_OK) {
        status = count_bytes(spec->n_layers, &bytes);
    }
    void *block = NULL;
    if (status == PB_OK) {
        status = pb_aligned_new(bytes, 1, &block);
    }
    if (status != PB_OK) {
        return status;
    }
    pb_network *network = block;
    network->dtype = spec->dtype;
    network->n_layers = spec->n_layers;
    network->l1_ratio = spec->l1_ratio;
    network->alphas = (double *)(void *)(network + 1);
    for (size_t l = 0; l < spec->n_layers; l++) {
        network->alphas[l] = spec->alphas == NULL ? 0 : spec->alphas[l];
        network->is_penalised |= network->alphas[l] > 0;
    }
    network->layer_sizes = (size_t *)(void *)(network->alphas + spec->n_layers);
    network->coefs = network->layer_sizes + spec->n_layers + 1;
    network->intercepts = network->coefs + spec->n_layers;
    network->activations = (pb_activation *)(void *)(network->intercepts + spec->n_layers);
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
