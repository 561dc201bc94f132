/* The learning rate over time. */
#include "training/schedule.h"

#include <math.h>

#include "base/thread_pool.h"
#include "base/portable_math.h"

#define STOP 0

double pb_rate_of_step(pb_schedule_rule rule, const pb_schedule *s, double epoch, double length,
                       double rate) {
    const double x = epoch < s->horizon ? epoch / s->horizon : 1;
    double modulated = rate;
    (void)x;
    switch (rule) {
#define RATE(expression) expression
#define SCHEDULE(name, rule_rate, ...) \
    case PB_SCHEDULE_##name: modulated = rule_rate; break;
#include "registry/schedules.def"
    case PB_SCHEDULE_COUNT: break;
    }
    const double warm = epoch + length;
    return warm < s->warmup_epochs ? modulated * (warm / s->warmup_epochs) : modulated;
}

pb_status pb_schedule_rate(const pb_schedule *s, double epoch, double length,
                           double *learning_rate) {
    pb_schedule_rule rule;
    const pb_status status = pb_find_schedule(s->name, &rule);
    if (status != PB_OK) {
        return status;
    }
    pb_scope scope;
    pb_scope_enter(&scope);
    *learning_rate = pb_rate_of_step(rule, s, epoch, length, *learning_rate);
    pb_scope_leave(&scope);
    return PB_OK;
}

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
#define SCHEDULE(name, rule_rate, after_epoch, ...) \
    case PB_SCHEDULE_##name: *learning_rate = after_epoch; break;
#include "registry/schedules.def"
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
#define SCHEDULE(name, rule_rate, after_epoch, on_plateau, ...) \
    case PB_SCHEDULE_##name: *learning_rate = on_plateau; break;
#include "registry/schedules.def"
    case PB_SCHEDULE_COUNT: break;
    }
    pb_scope_leave(&scope);
    return PB_OK;
}
