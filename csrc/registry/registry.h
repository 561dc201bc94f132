/* Enumerators for the rows of the lists, and lookup of a row by name. kernels/variant.h turns the
 * formulas of the rows into kernels. */
#ifndef PB_REGISTRY_H
#define PB_REGISTRY_H

#include "pybackprop.h"

typedef enum pb_activation {
#define ELEMENTWISE_ACTIVATION(name, ...) PB_ACTIVATION_##name,
#define ROWWISE_ACTIVATION(name, ...)     PB_ACTIVATION_##name,
#include "registry/activations.def"
    PB_ACTIVATION_COUNT
} pb_activation;

typedef enum pb_loss {
#define LOSS(name, ...) PB_LOSS_##name,
#include "registry/losses.def"
    PB_LOSS_COUNT
} pb_loss;

typedef enum pb_optimizer_rule {
#define OPTIMIZER(name, ...) PB_OPTIMIZER_##name,
#include "registry/optimizers.def"
    PB_OPTIMIZER_COUNT
} pb_optimizer_rule;

typedef enum pb_schedule_rule {
#define SCHEDULE(name, ...) PB_SCHEDULE_##name,
#include "registry/schedules.def"
    PB_SCHEDULE_COUNT
} pb_schedule_rule;

/* Maximum number of constants of an update rule. */
#define PB_MAX_CONSTANTS 8

/* Whether the derivative of an activation is computed from z: the workspace must then store z. */
int pb_activation_needs_z(pb_activation activation);

pb_status pb_find_activation(const char *name, pb_activation *activation);
pb_status pb_find_loss(const char *name, pb_loss *loss);
pb_status pb_find_optimizer(const char *name, pb_optimizer_rule *rule);
pb_status pb_find_schedule(const char *name, pb_schedule_rule *rule);

#endif
