/* One step of an update rule. */
#ifndef PB_OPTIMIZER_H
#define PB_OPTIMIZER_H

#include "network/network.h"

/* The rule's constants for step `t` (from 1) at a learning rate, in double. */
void pb_update_constants(pb_optimizer_rule rule, const pb_hyperparameters *h, double rate,
                         int64_t t, double *constants);

#endif
