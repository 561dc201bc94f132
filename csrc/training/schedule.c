/* The learning rate over time. */
#include <math.h>

#include "base/threads.h"
#include "kernels/lists.h"

#define STOP 0

pb_status pb_schedule_after_epoch(const pb_schedule *s, int64_t n_samples, double *learning_rate) {
    pb_schedule_rule rule;
    const pb_status status = pb_find_schedule(s->name, &rule);
    if (status != PB_OK) {
        return status;
    }
    const double rate = *learning_rate;
    pb_scope scope;
    pb_scope_enter(&scope);
    switch (rule) {
#define AFTER_EPOCH(expression) expression
#define SCHEDULE(name, after_epoch, on_plateau) \
    case PB_SCHEDULE_##name: *learning_rate = after_epoch; break;
#include "lists/schedules.h"
    case PB_SCHEDULE_COUNT: break;
    }
    pb_scope_leave(&scope);
    return PB_OK;
}

pb_status pb_schedule_on_plateau(const pb_schedule *s, double *learning_rate) {
    pb_schedule_rule rule;
    const pb_status status = pb_find_schedule(s->name, &rule);
    if (status != PB_OK) {
        return status;
    }
    const double rate = *learning_rate;
    pb_scope scope;
    pb_scope_enter(&scope);
    switch (rule) {
#define ON_PLATEAU(expression) expression
#define SCHEDULE(name, after_epoch, on_plateau) \
    case PB_SCHEDULE_##name: *learning_rate = on_plateau; break;
#include "lists/schedules.h"
    case PB_SCHEDULE_COUNT: break;
    }
    pb_scope_leave(&scope);
    return PB_OK;
}
