/* A network of two inputs, three hidden units and one output learns
 * "exclusive or": its deltas before the training, the training, its deltas
 * after it. Uses nothing but pybackprop.h. */
#include <stdio.h>
#include <stdlib.h>

#include "pybackprop.h"

enum {
    N = 4,
    D0 = 2,
    D1 = 3,
    D2 = 1,
    N_PARAMETERS = D0 * D1 + D1 * D2 + D1 + D2
};

static const double X[N][D0] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
static const double y[N][D2] = {{0}, {1}, {1}, {0}};

/* A library returns what went wrong; a program may end there. */
static void require(pb_status status) {
    if (status != PB_OK) {
        fprintf(stderr, "%s\n", pb_status_message(status));
        exit(EXIT_FAILURE);
    }
}

/* ---- Every number of one backpropagation ---- */

static void print_deltas(const pb_network *network, const double *theta,
                         const pb_batch *batch, pb_workspace *workspace) {
    double y_pred[N][D2], delta1[N][D1], delta2[N][D2];
    void *const a[] = {NULL, y_pred}, *const delta[] = {delta1, delta2};
    /* NULL: not requested. */
    const pb_trace trace = {.a = a, .delta = delta};
    double objective, gradient[N_PARAMETERS];
    require(pb_objective(network, theta, batch, workspace, NULL, &objective,
                         gradient, &trace));

    printf("  x     y_pred  y_pred - y   delta2   delta1\n");
    for (size_t n = 0; n < N; n++) {
        printf("  %.0f %.0f  %7.4f     %7.4f  %7.4f ", X[n][0], X[n][1],
               y_pred[n][0], y_pred[n][0] - y[n][0], delta2[n][0]);
        for (size_t j = 0; j < D1; j++) {
            printf(" %7.4f", delta1[n][j]);
        }
        printf("\n");
    }
    for (size_t l = 0; l < 2; l++) {
        size_t coefs, intercepts;
        require(pb_network_layer(network, l, &coefs, &intercepts));
        printf("  dF/dW%zu[0][0] = %7.4f   dF/db%zu[0] = %7.4f\n", l + 1,
               gradient[coefs], l + 1, gradient[intercepts]);
    }
    printf("  F = %.17g\n", objective);
}

/* ---- 1. Describe a network, 2. lay out its parameters ---- */

static pb_network *describe(void) {
    static const size_t layer_sizes[] = {D0, D1, D2};
    static const char *const activations[] = {"tanh"};
    const pb_network_spec spec = {
        .dtype = PB_FLOAT64,
        .n_layers = 2,
        .layer_sizes = layer_sizes,
        .activations = activations,
        .output_activation = "logistic",
        .loss = "binary_log_loss",
    };
    pb_network *network = NULL;
    require(pb_network_new(&spec, &network));
    return network;
}

/* ---- 3. Make scratch, 4. compute and train ---- */

int main(void) {
    /* W1 (2, 3), W2 (3, 1), then b1 (3), b2 (1): the caller's own memory */
    double theta[N_PARAMETERS] = {-0.25, 0.5, 0.5,  -1,    1,    0,   0.75,
                                  -1,    -1,  0.75, -0.75, 0.25, 0.75};
    double states[2 * N_PARAMETERS] = {0}; /* adam has two a parameter */
    const pb_batch batch = {
        .X = {.values = X, .row_stride = D0, .column_stride = 1},
        .y = {.values = y,
              .kind = PB_TARGET_REAL,
              .row_stride = D2,
              .column_stride = 1},
        .n_rows = N,
    };
    pb_optimizer adam = {
        .name = "adam",
        .hyperparameters = {.beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-8},
        .learning_rate = 0.05,
        .states = states,
    };
    pb_network *network = describe();
    pb_workspace *workspace = NULL;
    require(
        pb_workspace_new(network, N, PB_WORKSPACE_TRAINING, 1, &workspace));

    printf("Before the training\n");
    print_deltas(network, theta, &batch, workspace);
    for (int i = 1; i <= 200; i++) {
        pb_epoch epoch;
        require(pb_train_epoch(network, theta, &adam, &batch, N, workspace,
                               NULL, &epoch));
        if (i % 50 == 0) {
            printf("epoch %3d   loss %.6f\n", i, epoch.loss);
        }
    }
    printf("After it\n");
    print_deltas(network, theta, &batch, workspace);

    pb_workspace_free(workspace);
    pb_network_free(network);
    return EXIT_SUCCESS;
}
