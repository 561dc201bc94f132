/* The losses once more, from their definitions and in long double: what the tests compare with. */
#ifndef FORMULAS_H
#define FORMULAS_H

#include <math.h>
#include <string.h>

/* l and dl/da of one output, by name; `scale` is the size of the terms that l is a sum of. Zero for
 * a loss that has no formula here. */
static int plain_loss(const char *name, long double y, long double a, long double *l,
                      long double *slope, long double *scale) {
    if (strcmp(name, "squared_error") == 0) {
        *l = *scale = (a - y) * (a - y) / 2;
        *slope = a - y;
    } else if (strcmp(name, "binary_log_loss") == 0) {
        *l = -((y == 0 ? 0 : y * logl(a)) + (y == 1 ? 0 : (1 - y) * logl(1 - a)));
        *scale = *l + (1 - y); /* 1 - a is rounded, near 1 for a small a */
        *slope = (y == 1 ? 0 : (1 - y) / (1 - a)) - (y == 0 ? 0 : y / a);
    } else if (strcmp(name, "log_loss") == 0) {
        *l = *scale = y == 0 ? 0 : -y * logl(a);
        *slope = y == 0 ? 0 : -y / a;
    } else if (strcmp(name, "poisson") == 0) {
        *l = (y == 0 ? 0 : y * logl(y / a)) - y + a;
        *scale = (y == 0 ? 0 : fabsl(y * logl(y / a))) + y + a;
        *slope = 1 - (y == 0 ? 0 : y / a);
    } else {
        return 0;
    }
    return 1;
}

#endif
