/* Formulas of the losses in long double, from their definitions, as an oracle. */
#ifndef FORMULAS_H
#define FORMULAS_H

#include <math.h>
#include <string.h>

/* l and dl/da of one output, by name, with the parameter p; `scale` is the size of the terms that l
 * is a sum of. Zero for a loss that has no formula here. */
static int plain_loss(const char *name, long double p, long double y, long double a, long double *l,
                      long double *gradient, long double *scale) {
    const long double e = a - y;
    if (strcmp(name, "squared_error") == 0) {
        *l = *scale = (a - y) * (a - y) / 2;
        *gradient = a - y;
    } else if (strcmp(name, "binary_log_loss") == 0) {
        *l = -((y == 0 ? 0 : y * logl(a)) + (y == 1 ? 0 : (1 - y) * logl(1 - a)));
        *scale = *l + (1 - y); /* 1 - a is rounded, near 1 for a small a */
        *gradient = (y == 1 ? 0 : (1 - y) / (1 - a)) - (y == 0 ? 0 : y / a);
    } else if (strcmp(name, "log_loss") == 0) {
        *l = *scale = y == 0 ? 0 : -y * logl(a);
        *gradient = y == 0 ? 0 : -y / a;
    } else if (strcmp(name, "poisson") == 0) {
        *l = (y == 0 ? 0 : y * logl(y / a)) - y + a;
        *scale = (y == 0 ? 0 : fabsl(y * logl(y / a))) + y + a;
        *gradient = 1 - (y == 0 ? 0 : y / a);
    } else if (strcmp(name, "absolute_error") == 0) {
        *l = *scale = fabsl(e);
        *gradient = e > 0 ? 1 : e < 0 ? -1 : 0;
    } else if (strcmp(name, "huber") == 0) {
        *l = *scale = fabsl(e) <= p ? e * e / 2 : p * (fabsl(e) - p / 2);
        *gradient = fabsl(e) <= p ? e : e > 0 ? p : -p;
    } else if (strcmp(name, "quantile") == 0) {
        *l = *scale = e > 0 ? (1 - p) * e : -p * e;
        *gradient = e > 0 ? 1 - p : e < 0 ? -p : 0;
    } else if (strcmp(name, "gamma") == 0) {
        *l = y / a - 1 - logl(y / a);
        *scale = y / a + 1 + fabsl(logl(y / a));
        *gradient = e / (a * a);
    } else if (strcmp(name, "tweedie") == 0) {
        *l = powl(y, 2 - p) / ((1 - p) * (2 - p)) - y * powl(a, 1 - p) / (1 - p) +
             powl(a, 2 - p) / (2 - p);
        *scale = powl(y, 2 - p) / ((p - 1) * (2 - p)) + y * powl(a, 1 - p) / (p - 1) +
                 powl(a, 2 - p) / (2 - p);
        *scale *= 1 + fabsl(logl(a)) + (y == 0 ? 0 : fabsl(logl(y))); /* exponents are rounded */
        *gradient = e * powl(a, -p);
    } else {
        return 0;
    }
    return 1;
}

#endif
