/* Double-double arithmetic: the unevaluated sum of two doubles, for about 106 bits. It needs the
 * default rounding mode (fpenv.h). */
#ifndef PB_DOUBLE_DOUBLE_H
#define PB_DOUBLE_DOUBLE_H

#include "base/fma.h"

/* high + low, with |low| at most about one unit in the last place of high. */
typedef struct pb_double_double {
    double high, low;
} pb_double_double;

/* a + b exactly, for any order of magnitudes (Knuth, "The Art of Computer Programming", volume 2,
 * section 4.2.2). */
static inline pb_double_double pb_two_sum(double a, double b) {
    const double high = a + b, b_seen = high - a;
    return (pb_double_double){high, (a - (high - b_seen)) + (b - b_seen)};
}

/* a + b exactly, for |a| >= |b| (Dekker, "A floating-point technique for extending the available
 * precision", 1971). */
static inline pb_double_double pb_fast_two_sum(double larger, double smaller) {
    const double high = larger + smaller;
    return (pb_double_double){high, smaller - (high - larger)};
}

/* a b exactly, without a fused multiply-add (Dekker 1971): the products of the halves are exact. */
static inline pb_double_double pb_two_product(double a, double b) {
    const double splitter = 0x1p27 + 1;
    const double a_far = splitter * a, a_high = a_far - (a_far - a), a_low = a - a_high;
    const double b_far = splitter * b, b_high = b_far - (b_far - b), b_low = b - b_high;
    const double high = a * b;
    const double low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low;
    return (pb_double_double){high, low};
}

static inline pb_double_double pb_dd_multiply(pb_double_double a, pb_double_double b) {
    const double high = a.high * b.high;
    const double low = pb_fma(a.high, b.high, -high) + (a.high * b.low + a.low * b.high);
    return pb_fast_two_sum(high, low);
}

static inline pb_double_double pb_dd_divide(pb_double_double a, pb_double_double b) {
    const double high = a.high / b.high;
    const double rest = pb_fma(-high, b.high, a.high) + (a.low - high * b.low);
    return pb_fast_two_sum(high, rest / b.high);
}

#endif
