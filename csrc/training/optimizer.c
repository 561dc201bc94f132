/* The constants of a step are computed in double for both data types and rounded once: 1 - beta_2
 * in float alone would be off by 5e-5. */
#include "training/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/fma.h"

/* x^n by squaring. Each product keeps what rounding took from it (a fused multiply-add has it
 * exactly), since the roundings of many squarings would show. IEEE operations only, so
 * the same bits with every C library. */
static double pb_power(double x, int64_t n) {
    double power = 1, power_lost = 0, x_lost = 0;
    for (; n > 0; n /= 2) {
        if (n % 2 == 1) {
            const double product = power * x;
            const double lost = pb_fma(power, x, -product) + (power * x_lost + power_lost * x);
            power = product + lost;
            power_lost = lost - (power - product);
        }
        const double square = x * x;
        const double lost = pb_fma(x, x, -square) + 2 * (x * x_lost);
        x = square + lost;
        x_lost = lost - (x - square);
    }
    return power;
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
