/* x^y = e^(y log x) loses as many digits as y log x has before the point: so the logarithm and the
 * product are pairs of doubles, their sum the number (Dekker 1971), and fma gives what a product
 * lost. Series as in Muller, "Elementary Functions", 3rd ed., chapters 3 and 11. */
#include "base/portable_math.h"

#include <math.h>

#include "base/fma.h"

typedef struct pair {
    double high, low; /* |low| at most about a unit in the last place of high */
} pair;

static pair sum_of(double larger, double smaller) {
    const double high = larger + smaller;
    return (pair){high, smaller - (high - larger)};
}

static pair product_of(pair a, pair b) {
    const double high = a.high * b.high;
    const double low = pb_fma(a.high, b.high, -high) + (a.high * b.low + a.low * b.high);
    return sum_of(high, low);
}

static pair quotient_of(pair a, pair b) {
    const double high = a.high / b.high;
    const double rest = pb_fma(-high, b.high, a.high) + (a.low - high * b.low);
    return sum_of(high, rest / b.high);
}

/* log 2, its high part with trailing zeros, so that n times it is exact. */
#define LOG_2_HIGH 0x1.62e42fefa38p-1
#define LOG_2_LOW  0x1.ef35793c7673p-45

/* log x = e log 2 + 2 atanh s with x = 2^e m, m in [sqrt(1/2), sqrt(2)], s = (m - 1) / (m + 1);
 * atanh s = s + s (q/3 + q^2/5 + ...), q = s^2 <= 0.03. */
static pair log_of(double x) {
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    const pair s = quotient_of((pair){m - 1, 0}, sum_of(m > 1 ? m : 1, m > 1 ? 1 : m));
    const pair q = product_of(s, s);
    double p = 0;
    for (int k = 27; k >= 7; k -= 2) {
        p = pb_fma(p, q.high, 1.0 / k);
    }
    /* From here on a rounding would show: 1/5 + q p, then 1/3 + q (...), as pairs. */
    const pair fifth = quotient_of((pair){1, 0}, (pair){5, 0});
    const pair third = quotient_of((pair){1, 0}, (pair){3, 0});
    pair tail = sum_of(fifth.high, pb_fma(q.high, p, fifth.low));
    tail = product_of(q, tail);
    tail = sum_of(third.high, tail.high + (tail.low + third.low));
    tail = product_of(s, product_of(q, tail));
    pair log_m = sum_of(s.high, tail.high);
    log_m.low += tail.low + s.low;
    const double e = exponent;
    pair log_x = sum_of(e * LOG_2_HIGH, 2 * log_m.high);
    if (exponent == 0) {
        log_x = (pair){2 * log_m.high, 0};
    }
    return sum_of(log_x.high, log_x.low + (e * LOG_2_LOW + 2 * log_m.low));
}

/* e^x = 2^n (1 + r + r^2/2 + r^3 (1/6 + ...)) with x = n log 2 + r, |r| <= log(2) / 2. */
static double exp_of(pair x) {
    const double n = floor(x.high * 1.44269504088896340736 + 0.5);
    const pair r = sum_of(pb_fma(-n, LOG_2_HIGH, x.high), pb_fma(-n, LOG_2_LOW, x.low));
    double p = 0;
    for (int k = 17; k >= 3; k--) {
        p = (p * r.high + 1) / k;
    }
    const pair square = product_of(r, r);
    const pair half = {0.5 * square.high, 0.5 * square.low};
    /* r^3 / 6 + ... = r^2/2 (r/3 + ...), and p = 1/3 + r/12 + ... */
    const pair one_and_r = sum_of(1, r.high);
    const pair sum = sum_of(one_and_r.high, half.high);
    const double rest = half.high * (p * r.high);
    return ldexp(sum.high + (rest + (sum.low + (one_and_r.low + (r.low + half.low)))), (int)n);
}

double pb_pow(double x, double y) {
    const pair log_x = log_of(x);
    const double high = y * log_x.high;
    /* Beyond these e^x is infinite, or 0, and n would not fit in an int. */
    if (!(fabs(high) < 800)) {
        return high > 0 ? INFINITY : 0;
    }
    return exp_of(sum_of(high, pb_fma(y, log_x.high, -high) + y * log_x.low));
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
