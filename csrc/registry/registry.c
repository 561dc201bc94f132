/* Stores the properties of the rows of the lists, and finds a row by name. */
#include "registry/registry.h"

#include <math.h>
#include <string.h>

#define HIDDEN   1
#define OUTPUT   2
#define ANYWHERE (HIDDEN | OUTPUT)

/* A bound of a range, and whether the function attains it. */
#define ABOVE(x)       x, 0
#define FROM(x)        x, 1
#define BELOW(x)       x, 0
#define TO(x)          x, 1

#define FAN_IN_AND_OUT 0
#define FAN_IN         1

typedef struct activation_row {
    pb_activation_info info; /* its name first: see find */
    int needs_z;
} activation_row;

static const activation_row activations[] = {
#define LOG(...)               1
#define NO_LOG                 0
#define RANGE(low, high)       low, high
#define INIT(factor, fans)     factor, fans
#define PLACES(places)         places
#define DERIVATIVE_FROM_A(...) 0
#define DERIVATIVE_FROM_Z(...) 1
#define ELEMENTWISE_ACTIVATION(name, value, derivative, log, range, init, places) \
    {{#name, ((places) & HIDDEN) != 0, ((places) & OUTPUT) != 0, 0, log, range, init}, derivative},
#define ROWWISE_ACTIVATION(name, range, init, places) \
    {{#name, ((places) & HIDDEN) != 0, ((places) & OUTPUT) != 0, 1, 1, range, init}, 0},
#include "registry/activations.def"
};

static const pb_loss_info losses[] = {
#define NO_PARAMETER                                       NULL, 0, 0, 0
#define PARAMETER(name, low, high, ends_belong)            #name, low, high, ends_belong
#define TARGETS(low, high, low_belongs, sum_to_one, words) words, low, high, low_belongs, sum_to_one
#define PREDICTIONS(low, high, ends_belong)                low, high, ends_belong
#define DEFAULT_OUTPUT(output)                             #output
#define CANONICAL(output)                                  #output
#define LOSS(name, value, derivative, value_in_z, delta_in_z, output, canonical, parameter, \
             targets, predictions)                                                          \
    {#name, output, canonical, targets, parameter, predictions},
#include "registry/losses.def"
};

static const pb_optimizer_info optimizers[] = {
#define STATES(n)                                  n
#define OPTIMIZER(name, states, constants, update) {#name, states},
#include "registry/optimizers.def"
};

static const pb_schedule_info schedules[] = {
#define SGD                                                    1
#define ALL                                                    0
#define FOR(solvers)                                           solvers
#define SCHEDULE(name, acts_on, rate, after_epoch, on_plateau) {#name, acts_on},
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
    if (strcmp(info->canonical_output, "NONE") == 0) {
        info->canonical_output = NULL;
    }
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
