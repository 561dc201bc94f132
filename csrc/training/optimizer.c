/* Computes the constants of a step, in double for both data types: 1 - beta_2 in float alone would
 * be off by 5e-5. */
#include "training/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/double_double.h"

/* x^n by squaring, in double-double, since the roundings of many squarings would show. Uses only
 * operations of IEEE 754, so that every C library gives the same bits. */
static double pb_power(double x, int64_t n) {
    pb_double_double power = {1, 0}, square = {x, 0};
    for (; n > 0; n /= 2) {
        if (n % 2 == 1) {
            power = pb_dd_multiply(power, square);
        }
        square = pb_dd_multiply(square, square);
    }
    return power.high;
}

void pb_update_constants(pb_optimizer_rule rule, const pb_hyperparameters *h, double rate,
                         int64_t t, double *constants) {
    memset(constants, 0, PB_MAX_CONSTANTS * sizeof *constants);
    switch (rule) {
#define CONSTANTS(...) {__VA_ARGS__}
#define OPTIMIZER(name, states, rule_constants, ...)                                              \
    case PB_OPTIMIZER_##name: {                                                                   \
        (void)t;                                                                                  \
        const double values[] = rule_constants;                                                   \
        _Static_assert(sizeof values <= PB_MAX_CONSTANTS * sizeof(double), "too many constants"); \
        memcpy(constants, values, sizeof values);                                                 \
        break;                                                                                    \
    }
#include "registry/optimizers.def"
    case PB_OPTIMIZER_COUNT: break;
    }
}
