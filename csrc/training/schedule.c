/* Evaluates the learning rate schedules: at each step, after each epoch and on a plateau. */
#include "training/schedule.h"

#include <math.h>

#include "base/portable_math.h"
#include "base/thread_pool.h"

#define STOP 0

/* Which of the three formulas of a row to evaluate. */
typedef enum event { STEP, EPOCH_END, PLATEAU } event;

/* Evaluates a formula of a row of registry/schedules.def, with the variables named there. */
static double evaluate(pb_schedule_rule rule, event when, const pb_schedule *s, double rate,
                       double epoch, int64_t n_samples) {
    const double x = epoch < s->horizon ? epoch / s->horizon : 1;
    (void)x;
    switch (rule) {
#define RATE(expression)        expression
#define AFTER_EPOCH(expression) expression
#define ON_PLATEAU(expression)  expression
#define SCHEDULE(name, rate_of_step, after_epoch, on_plateau, ...) \
    case PB_SCHEDULE_##name:                                       \
        return when == STEP ? (rate_of_step) : when == EPOCH_END ? (after_epoch) : (on_plateau);
#include "registry/schedules.def"
    case PB_SCHEDULE_COUNT: break;
    }
    return rate;
}

double pb_rate_of_step(pb_schedule_rule rule, const pb_schedule *s, double epoch, double length,
                       double rate) {
    const double scheduled = evaluate(rule, STEP, s, rate, epoch, 0);
    const double end = epoch + length;
    return end < s->warmup_epochs ? scheduled * (end / s->warmup_epochs) : scheduled;
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

/* Replaces the base rate after an epoch or on a plateau. */
static pb_status update_rate(const pb_schedule *s, event when, int64_t n_samples,
                             double *learning_rate) {
    pb_schedule_rule rule;
    const pb_status status = pb_find_schedule(s->name, &rule);
    if (status != PB_OK) {
        return status;
    }
    pb_scope scope;
    pb_scope_enter(&scope);
    *learning_rate = evaluate(rule, when, s, *learning_rate, 0, n_samples);
    pb_scope_leave(&scope);
    return PB_OK;
}

pb_status pb_schedule_after_epoch(const pb_schedule *s, int64_t n_samples, double *learning_rate) {
    return update_rate(s, EPOCH_END, n_samples, learning_rate);
}

pb_status pb_schedule_on_plateau(const pb_schedule *s, double *learning_rate) {
    return update_rate(s, PLATEAU, 0, learning_rate);
}
