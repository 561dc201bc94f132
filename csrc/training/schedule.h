/* The learning rate of a step. */
#ifndef PB_SCHEDULE_H
#define PB_SCHEDULE_H

#include "registry/registry.h"

/* As pb_schedule_rate, for a rule that is found, in the floating-point environment as it is. */
double pb_rate_of_step(pb_schedule_rule rule, const pb_schedule *schedule, double epoch,
                       double length, double rate);

#endif
