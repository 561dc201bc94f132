/* x^y = e^(y log x) loses as many digits as y log x has before the point, so the logarithm and the
 * product are double-doubles. Series as in Muller, "Elementary Functions", 3rd ed., chapters 3 and
 * 11. */
#include "base/portable_math.h"

#include <math.h>

#include "base/double_double.h"

/* log 2, its high part with trailing zeros, so that n times it is exact. */
#define LOG_2_HIGH 0x1.62e42fefa38p-1
#define LOG_2_LOW  0x1.ef35793c7673p-45

/* log x = e log 2 + 2 atanh s with x = 2^e m, m in [sqrt(1/2), sqrt(2)], s = (m - 1) / (m + 1);
 * atanh s = s + s (q/3 + q^2/5 + ...), q = s^2 <= 0.03. */
static pb_double_double log_of(double x) {
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    const pb_double_double s =
        pb_dd_divide((pb_double_double){m - 1, 0}, pb_fast_two_sum(m > 1 ? m : 1, m > 1 ? 1 : m));
    const pb_double_double q = pb_dd_multiply(s, s);
    double p = 0;
    for (int k = 27; k >= 7; k -= 2) {
        p = pb_fma(p, q.high, 1.0 / k);
    }
    /* From here on rounding errors matter: 1/5 + q p, then 1/3 + q (...), in double-double. */
    const pb_double_double fifth = pb_dd_divide((pb_double_double){1, 0}, (pb_double_double){5, 0});
    const pb_double_double third = pb_dd_divide((pb_double_double){1, 0}, (pb_double_double){3, 0});
    pb_double_double tail = pb_fast_two_sum(fifth.high, pb_fma(q.high, p, fifth.low));
    tail = pb_dd_multiply(q, tail);
    tail = pb_fast_two_sum(third.high, tail.high + (tail.low + third.low));
    tail = pb_dd_multiply(s, pb_dd_multiply(q, tail));
    pb_double_double log_m = pb_fast_two_sum(s.high, tail.high);
    log_m.low += tail.low + s.low;
    const double e = exponent;
    pb_double_double log_x = pb_fast_two_sum(e * LOG_2_HIGH, 2 * log_m.high);
    if (exponent == 0) {
        log_x = (pb_double_double){2 * log_m.high, 0};
    }
    return pb_fast_two_sum(log_x.high, log_x.low + (e * LOG_2_LOW + 2 * log_m.low));
}

/* e^x = 2^n (1 + r + r^2/2 + r^3 (1/6 + ...)) with x = n log 2 + r, |r| <= log(2) / 2. */
static double exp_of(pb_double_double x) {
    const double n = floor(x.high * 1.44269504088896340736 + 0.5);
    const pb_double_double r =
        pb_fast_two_sum(pb_fma(-n, LOG_2_HIGH, x.high), pb_fma(-n, LOG_2_LOW, x.low));
    double p = 0;
    for (int k = 17; k >= 3; k--) {
        p = (p * r.high + 1) / k;
    }
    const pb_double_double square = pb_dd_multiply(r, r);
    const pb_double_double half = {0.5 * square.high, 0.5 * square.low};
    /* r^3 / 6 + ... = r^2/2 (r/3 + ...), and p = 1/3 + r/12 + ... */
    const pb_double_double one_and_r = pb_fast_two_sum(1, r.high);
    const pb_double_double sum = pb_fast_two_sum(one_and_r.high, half.high);
    const double rest = half.high * (p * r.high);
    return ldexp(sum.high + (rest + (sum.low + (one_and_r.low + (r.low + half.low)))), (int)n);
}

double pb_pow(double x, double y) {
    const pb_double_double log_x = log_of(x);
    const double high = y * log_x.high;
    /* For larger arguments e^x is infinite or 0, and n would not fit in an int. */
    if (!(fabs(high) < 800)) {
        return high > 0 ? INFINITY : 0;
    }
    return exp_of(pb_fast_two_sum(high, pb_fma(y, log_x.high, -high) + y * log_x.low));
}

/* sin v for |v| <= pi / 4, by the Taylor series. */
static double sin_of(double v) {
    const double q = v * v;
    double p = 0;
    for (int k = 18; k >= 2; k -= 2) {
        p = (1 - p) * (q / (k * (k + 1)));
    }
    return pb_fma(-v, p, v);
}

/* (1 + cos(pi x)) / 2 = 1 - sin^2(pi x / 2) = sin^2(pi (1 - x) / 2). */
double pb_cosine_decay(double x) {
    const double half_pi = 1.57079632679489661923;
    const double s = sin_of(half_pi * (x <= 0.5 ? x : 1 - x));
    return x <= 0.5 ? pb_fma(-s, s, 1) : s * s;
}
