/* Golden bits of two epochs with every update rule: parameters, states and losses. */
#ifndef GOLDEN_TRAINING_H
#define GOLDEN_TRAINING_H

#include "networks.h"

static const struct {
    const char *name;
    pb_hyperparameters h;
    double dropout[3]; /* of the inputs of each layer */
} settings[] = {
    {"usual", {0.9, 1, 0.9, 0.999, 1e-8, 0.0625}, {0}},
    {"heavy", {0.75, 0, 0.5, 0.875, 1e-3, 0.5}, {0}},
    {"plain", {0, 0, 0, 0.5, 1e-3, 0}, {0}},
    {"dropout", {0.9, 1, 0.9, 0.999, 1e-8, 0.0625}, {0.25, 0.5, 0.125}},
};

/* Two epochs, so that the second goes on from states and a count of its own. */
static void hash_training(const problem *p, const char *rule, size_t n_states, size_t setting,
                          size_t batch_size, layout l, sha256 *s) {
    const pb_hyperparameters *h = &settings[setting].h;
    const double *dropout = settings[setting].dropout[0] > 0 ? settings[setting].dropout : NULL;
    input in = input_of(p, l);
    void *theta = reals(p->dtype, p->n_parameters);
    void *states = reals(p->dtype, n_states * p->n_parameters);
    pb_workspace *w = NULL;
    pb_optimizer optimizer = {
        rule, *h, 0.03125, 0, .states = states, .dropout = {dropout, UINT64_C(0x123456789abcdef)}};
    memcpy(theta, p->theta, p->n_parameters * item_size(p->dtype));
    memset(states, 0, n_states * p->n_parameters * item_size(p->dtype));
    const pb_workspace_kind kind = dropout == NULL ? PB_WORKSPACE_TRAINING : PB_WORKSPACE_DROPOUT;
    require(pb_workspace_new(p->network, batch_size, kind, p->n_threads, &w), rule);
    sha256_start(s);
    for (int epoch = 0; epoch < 2; epoch++) {
        pb_epoch done = {0, 0, 0};
        require(
            pb_train_epoch(p->network, theta, &optimizer, &in.batch, batch_size, w, NULL, &done),
            rule);
        hash_reals(s, PB_FLOAT64, 1, &done.loss);
        optimizer.learning_rate *= 0.5;
    }
    const double n_steps = (double)optimizer.n_steps;
    hash_reals(s, PB_FLOAT64, 1, &n_steps);
    hash_reals(s, p->dtype, p->n_parameters, theta);
    hash_reals(s, p->dtype, n_states * p->n_parameters, states);
    pb_workspace_free(w);
    free_input(&in);
    free(theta);
    free(states);
}

static void training_lines(const pb_optimizer_info *rule, pb_dtype dtype, size_t n_threads) {
    /* Of these batches the last are of several blocks; the hollow case has batches of no weight. */
    static const struct {
        size_t batch_size;
        network_case c;
    } cases[] = {
        {1, {30, "tanh", "logistic", "binary_log_loss", 0, EQUAL, 2, {5, 7, 1}}},
        {7, {32, "relu", "identity", "squared_error", 0, WEIGHTED, 3, {3, 9, 5, 2}}},
        {32, {257, "relu", "softmax", "log_loss", 0.5, EQUAL, 2, {21, 33, 10}}},
        {200, {700, "logistic", "exp", "poisson", 0.25, HOLLOW, 2, {11, 17, 3}}},
        {257, {700, "tanh", "softmax", "log_loss", 0, WEIGHTED, 3, {13, 20, 8, 4}}},
        {700, {700, "identity", "identity", "squared_error", 0.125, EQUAL, 2, {20, 30, 9}}},
    };
    static const layout layouts[] = {ROWS, PADDED, SPARSE, GATHERED, SPARSE_GATHERED, TURNED};
    for (size_t k = 0; k < COUNT(cases); k++) {
        problem p;
        start_problem(&p, &cases[k].c, dtype, n_threads);
        for (size_t i = 0; i < COUNT(settings); i++) {
            char line[NAME_LENGTH];
            sha256 s, other;
            snprintf(line, sizeof line, "train/%s/%s/batch-%zu", rule->name, settings[i].name,
                     cases[k].batch_size);
            hash_training(&p, rule->name, rule->n_states < 1 ? 1 : (size_t)rule->n_states, i,
                          cases[k].batch_size, ROWS, &s);
            for (size_t l = 1 + (i + k) % 3; l < COUNT(layouts); l += 3) {
                char hex[SHA256_HEX], other_hex[SHA256_HEX];
                sha256 copy = s;
                if (settings[i].dropout[0] > 0 &&
                    (layouts[l] == GATHERED || layouts[l] == SPARSE_GATHERED)) {
                    continue; /* other rows of a table, so other masks */
                }
                hash_training(&p, rule->name, rule->n_states < 1 ? 1 : (size_t)rule->n_states, i,
                              cases[k].batch_size, layouts[l], &other);
                sha256_finish(&copy, hex);
                sha256_finish(&other, other_hex);
                if (strcmp(hex, other_hex) != 0) {
                    fail("%s %s: %s: other bits", line, dtype_name(dtype),
                         layout_names[layouts[l]]);
                }
            }
            emit(line, dtype, &s);
        }
        finish_problem(&p);
    }
}

static void training(pb_dtype dtype, size_t n_threads) {
    pb_optimizer_info rule;
    for (size_t i = 0; pb_optimizer_at(i, &rule) == PB_OK; i++) {
        training_lines(&rule, dtype, n_threads);
    }
}

#endif
