/* Stores the properties of the rows of the lists, and finds a row by name. */
#include "registry/registry.h"

#include <math.h>
#include <string.h>

/* A property of a row is a designated initializer of its record: rows give them in any order, and
 * one that a row leaves out is 0 or NULL. A new property is one macro here and one member of the
 * record, which _core.pxd repeats for Python. */

#define HIDDEN         1
#define OUTPUT         2
#define ANYWHERE       (HIDDEN | OUTPUT)
#define PLACES(places) .hidden = ((places) & HIDDEN) != 0, .output = ((places) & OUTPUT) != 0

/* A bound of a range, and whether the function attains it. */
#define ABOVE(x)           .range_low = (x), .low_attained = 0
#define FROM(x)            .range_low = (x), .low_attained = 1
#define BELOW(x)           .range_high = (x), .high_attained = 0
#define TO(x)              .range_high = (x), .high_attained = 1
#define RANGE(low, high)   low, high

#define FAN_IN_AND_OUT     0
#define FAN_IN             1
#define INIT(factor, fans) .init_factor = (factor), .init_by_fan_in = (fans)

#define LOG(...)           .has_log = 1
#define NO_LOG             .has_log = 0

typedef struct activation_row {
    pb_activation_info info; /* its name first: see find */
    int needs_z;
} activation_row;

static const activation_row activations[] = {
#define DERIVATIVE_FROM_A(...) .needs_z = 0
#define DERIVATIVE_FROM_Z(...) .needs_z = 1
#define ELEMENTWISE_ACTIVATION(name_, value, derivative, ...) \
    {.info = {.name = #name_, __VA_ARGS__}, derivative},
#define ROWWISE_ACTIVATION(name_, ...) \
    {.info = {.name = #name_, .rowwise = 1, .has_log = 1, __VA_ARGS__}},
#include "registry/activations.def"
};

#define REGRESSION     1
#define CLASSIFICATION 2
#define BOTH           (REGRESSION | CLASSIFICATION)

static const pb_loss_info losses[] = {
#define TASK(tasks) \
    .regression = ((tasks) & REGRESSION) != 0, .classification = ((tasks) & CLASSIFICATION) != 0
#define DEFAULT_OUTPUT(output) .default_output = #output
#define CANONICAL(output)      .canonical_output = #output
#define ELEMENTWISE_FORM(loss) .elementwise_form = #loss
#define PARAMETER(name_, low, high, ends_belong)                           \
    .parameter = #name_, .parameter_low = (low), .parameter_high = (high), \
    .parameter_ends_belong = (ends_belong)
#define LIMITS(at_low, at_high) .loss_at_low = #at_low, .loss_at_high = #at_high
#define TARGETS(low, high, low_belongs, sum_to_one, words)              \
    .target_domain = words, .target_low = (low), .target_high = (high), \
    .target_low_belongs = (low_belongs), .rows_sum_to_one = (sum_to_one)
#define PREDICTIONS(low, high, ends_belong) \
    .prediction_low = (low), .prediction_high = (high), .prediction_ends_belong = (ends_belong)
#define LOSS(name_, value, gradient, value_in_z, delta_in_z, ...) {.name = #name_, __VA_ARGS__},
#include "registry/losses.def"
};

#define PROPORTIONAL    0
#define SCALE_INVARIANT 1

static const pb_optimizer_info optimizers[] = {
#define STATES(n)                                        .n_states = (n)
#define STEP(length)                                     .scale_invariant = (length)
#define OPTIMIZER(name_, states, constants, update, ...) {.name = #name_, states, __VA_ARGS__},
#include "registry/optimizers.def"
};

#define SGD 1
#define ALL 0

static const pb_schedule_info schedules[] = {
#define FOR(optimizers)                                     .only_sgd = (optimizers)
#define SCHEDULE(name_, rate, after_epoch, on_plateau, ...) {.name = #name_, __VA_ARGS__},
#include "registry/schedules.def"
};

pb_status pb_activation_at(size_t index, pb_activation_info *info) {
    if (index >= PB_ACTIVATION_COUNT) {
        return PB_BAD_ARGUMENT;
    }
    *info = activations[index].info;
    return PB_OK;
}

pb_status pb_loss_at(size_t index, pb_loss_info *info) {
    if (index >= PB_LOSS_COUNT) {
        return PB_BAD_ARGUMENT;
    }
    *info = losses[index];
    return PB_OK;
}

pb_status pb_optimizer_at(size_t index, pb_optimizer_info *info) {
    if (index >= PB_OPTIMIZER_COUNT) {
        return PB_BAD_ARGUMENT;
    }
    *info = optimizers[index];
    return PB_OK;
}

pb_status pb_schedule_at(size_t index, pb_schedule_info *info) {
    if (index >= PB_SCHEDULE_COUNT) {
        return PB_BAD_ARGUMENT;
    }
    *info = schedules[index];
    return PB_OK;
}

int pb_activation_needs_z(pb_activation activation) { return activations[activation].needs_z; }

/* Finds a row by name in any of the four lists: the name is the first member of every record. */
static pb_status find(const char *name, const void *rows, size_t row_size, size_t count,
                      size_t *index) {
    for (size_t i = 0; name != NULL && i < count; i++) {
        const char *row_name;
        memcpy(&row_name, (const char *)rows + i * row_size, sizeof row_name);
        if (strcmp(row_name, name) == 0) {
            *index = i;
            return PB_OK;
        }
    }
    return PB_UNKNOWN_NAME;
}

pb_status pb_find_activation(const char *name, pb_activation *activation) {
    size_t i = 0;
    const pb_status status =
        find(name, activations, sizeof activations[0], PB_ACTIVATION_COUNT, &i);
    *activation = (pb_activation)i;
    return status;
}

pb_status pb_find_loss(const char *name, pb_loss *loss) {
    size_t i = 0;
    const pb_status status = find(name, losses, sizeof losses[0], PB_LOSS_COUNT, &i);
    *loss = (pb_loss)i;
    return status;
}

pb_status pb_find_optimizer(const char *name, pb_optimizer_rule *rule) {
    size_t i = 0;
    const pb_status status = find(name, optimizers, sizeof optimizers[0], PB_OPTIMIZER_COUNT, &i);
    *rule = (pb_optimizer_rule)i;
    return status;
}

pb_status pb_find_schedule(const char *name, pb_schedule_rule *rule) {
    size_t i = 0;
    const pb_status status = find(name, schedules, sizeof schedules[0], PB_SCHEDULE_COUNT, &i);
    *rule = (pb_schedule_rule)i;
    return status;
}
