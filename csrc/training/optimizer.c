/* The constants of a step are computed in double for both data types and rounded once: 1 - beta_2
 * in float alone would be off by 5e-5. */
#include "training/optimizer.h"

#include <math.h>
#include <string.h>

/* x^n by squaring: IEEE products only, so the same bits with every C library. */
static double pb_power(double x, int64_t n) {
    double power = 1;
    for (; n > 0; n /= 2, x *= x) {
        if (n % 2 == 1) {
            power *= x;
        }
    }
    return power;
}

void pb_update_constants(pb_optimizer_rule rule, const pb_hyperparameters *h, double rate,
                         int64_t t, double *constants) {
    memset(constants, 0, PB_MAX_CONSTANTS * sizeof *constants);
    switch (rule) {
#define CONSTANTS(...) {__VA_ARGS__}
#define OPTIMIZER(name, states, rule_constants, update)                                           \
    case PB_OPTIMIZER_##name: {                                                                   \
        (void)t;                                                                                  \
        const double values[] = rule_constants;                                                   \
        _Static_assert(sizeof values <= PB_MAX_CONSTANTS * sizeof(double), "too many constants"); \
        memcpy(constants, values, sizeof values);                                                 \
        break;                                                                                    \
    }
#include "lists/optimizers.h"
    case PB_OPTIMIZER_COUNT: break;
    }
}
