/* Computes a fused multiply-add in software.
 *
 * Rounding to odd records in the last bit whether anything was lost. A second rounding, to nearest
 * and to at least two digits fewer, then gives the correctly rounded result (Boldo & Melquiond,
 * "Emulation of a FMA and correctly rounded sums", IEEE Transactions on Computers 57, 2008). For
 * floats, double is the wider type. Doubles use the algorithm of that paper where no intermediate
 * result can overflow or underflow, and 128-bit integers elsewhere. */
#include "base/double_double.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FRACTION_BITS = 52, EXPONENT_MAX = 0x7ff, BIAS = 1023 };

#define HIDDEN_BIT ((uint64_t)1 << FRACTION_BITS)
#define SIGN       ((uint64_t)1 << 63)
#define INFINITE   ((uint64_t)EXPONENT_MAX << FRACTION_BITS)

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int exponent_field(double x) { return (int)(bits_of(x) >> FRACTION_BITS & EXPONENT_MAX); }

/* ---- Rounding to odd ------------------------------------------------------------------------- */

/* a + b, rounded to odd: if inexact, the neighbour whose last bit is 1. */
static double odd_sum(double a, double b) {
    const pb_double_double sum = pb_two_sum(a, b);
    uint64_t bits = bits_of(sum.high);
    /* Neither comparison is true if low is NaN, as it is beside an infinity. */
    if ((sum.low > 0 || sum.low < 0) && bits % 2 == 0) {
        bits += (sum.low > 0) == (sum.high > 0) ? 1 : UINT64_MAX;
    }
    return of_bits(bits);
}

float pb_exact_fmaf(float a, float b, float c) { return (float)odd_sum((double)a * b, c); }

/* ---- Integers of 128 bits -------------------------------------------------------------------- */

typedef struct wide {
    uint64_t high, low;
} wide;

static wide wide_product(uint64_t a, uint64_t b) {
    const uint64_t a_high = a >> 32, a_low = (uint32_t)a, b_high = b >> 32, b_low = (uint32_t)b;
    const uint64_t lowest = a_low * b_low;
    const uint64_t middle = a_high * b_low + (lowest >> 32);
    const uint64_t other = a_low * b_high + (uint32_t)middle;
    return (wide){a_high * b_high + (middle >> 32) + (other >> 32), other << 32 | (uint32_t)lowest};
}

/* Shifts x < 2^127 right; lost bits set the last bit, which is rounding to odd again. */
static wide wide_right(wide x, int n) {
    n = n < 127 ? n : 127;
    if (n >= 64) {
        x = (wide){0, x.high | (x.low != 0)};
        n -= 64;
    }
    if (n == 0) {
        return x;
    }
    const int lost = x.low << (64 - n) != 0;
    return (wide){x.high >> n, x.high << (64 - n) | x.low >> n | (uint64_t)lost};
}

/* |x - y|; sets *x_is_less. */
static wide wide_difference(wide x, wide y, int *x_is_less) {
    *x_is_less = x.high < y.high || (x.high == y.high && x.low < y.low);
    const wide large = *x_is_less ? y : x, small = *x_is_less ? x : y;
    return (wide){large.high - small.high - (large.low < small.low), large.low - small.low};
}

static wide wide_sum(wide x, wide y) {
    const uint64_t low = x.low + y.low;
    return (wide){x.high + y.high + (low < x.low), low};
}

/* ---- Any finite numbers ---------------------------------------------------------------------- */

/* x = digits 2^(exponent - BIAS - FRACTION_BITS), the digits in [2^52, 2^53). */
static uint64_t digits_of(double x, int *exponent) {
    uint64_t m = bits_of(x) % HIDDEN_BIT;
    *exponent = exponent_field(x);
    if (*exponent > 0) {
        return m | HIDDEN_BIT;
    }
    for (*exponent = 1; m < HIDDEN_BIT; m *= 2) {
        (*exponent)--;
    }
    return m;
}

/* m 2^(exponent - BIAS - 63), m rounded to odd and its first bit set, to the nearest double. */
static double nearest(uint64_t sign, uint64_t m, int exponent) {
    if (exponent >= EXPONENT_MAX) {
        return of_bits(sign | INFINITE);
    }
    const int field = exponent > 1 ? exponent : 1;
    const int n_dropped = 63 - FRACTION_BITS + (field - exponent);
    if (n_dropped > 64) {
        return of_bits(sign);
    }
    const uint64_t half = (uint64_t)1 << 63;
    const uint64_t kept = n_dropped < 64 ? m >> n_dropped : 0;
    const uint64_t dropped = n_dropped < 64 ? m << (64 - n_dropped) : m;
    const int up = dropped > half || (dropped == half && kept % 2 == 1);
    /* A carry increments the exponent, possibly to that of infinity; a subnormal number has no
     * hidden bit to add to it. */
    return of_bits(sign | (((uint64_t)(field - 1) << FRACTION_BITS) + kept + (uint64_t)up));
}

/* Represents product and c as integers of 125 bits. Bits that the smaller one loses are sticky, and
 * far below the digits that remain after cancellation. */
static double by_integers(double a, double b, double c) {
    int a_exponent, b_exponent, exponent, is_less = 0;
    const uint64_t a_m = digits_of(a, &a_exponent), b_m = digits_of(b, &b_exponent);
    const uint64_t c_m = digits_of(c, &exponent);
    uint64_t sign = (bits_of(a) ^ bits_of(b)) & SIGN;
    const uint64_t c_sign = bits_of(c) & SIGN;
    /* Both times 2^(exponent - BIAS - 124). */
    wide product = wide_product(a_m << 9, b_m << 10), addend = {c_m << 8, 0};
    const int distance = a_exponent + b_exponent - BIAS + 1 - exponent;
    if (distance > 0) {
        addend = wide_right(addend, distance);
        exponent += distance;
    } else {
        product = wide_right(product, -distance);
    }
    wide sum;
    if (sign == c_sign) {
        sum = wide_sum(product, addend);
    } else {
        sum = wide_difference(product, addend, &is_less);
        sign = is_less ? c_sign : sign;
    }
    if (sum.high == 0) {
        if (sum.low == 0) {
            return 0;
        }
        sum = (wide){sum.low, 0};
        exponent -= 64;
    }
    for (exponent += 3; sum.high >> 63 == 0; exponent--) {
        sum = wide_sum(sum, sum);
    }
    return nearest(sign, sum.high | (sum.low != 0), exponent);
}

double pb_exact_fma(double a, double b, double c) {
    const int a_exponent = exponent_field(a), b_exponent = exponent_field(b);
    const int c_exponent = exponent_field(c);
    /* Factors between 2^-480 and 2^480: no digit of the product, at least 2^-960, is below 2^-1074.
     */
    if (abs(a_exponent - BIAS) < 480 && abs(b_exponent - BIAS) < 480 && c_exponent < BIAS + 960) {
        const pb_double_double product = pb_two_product(a, b);
        const pb_double_double low = pb_two_sum(c, product.low);
        const pb_double_double high = pb_two_sum(product.high, low.high);
        return high.high + odd_sum(low.low, high.low);
    }
    if (a == 0 || b == 0 || a_exponent == EXPONENT_MAX || b_exponent == EXPONENT_MAX) {
        return a * b + c; /* only the final addition can round */
    }
    if (c == 0) {
        return a * b;
    }
    return c_exponent == EXPONENT_MAX ? c : by_integers(a, b, c);
}

/* ---- The instruction, if this processor has it ----------------------------------------------- */

#if !PB_HAS_FMA

#    if defined(__x86_64__) && defined(__GNUC__) && !defined(PB_NO_FMA_INSTRUCTION)
#        define RUNS_FMA __builtin_cpu_supports("fma")
static __attribute__((target("fma"))) double instruction(double a, double b, double c) {
    return __builtin_fma(a, b, c);
}
static __attribute__((target("fma"))) float instructionf(float a, float b, float c) {
    return __builtin_fmaf(a, b, c);
}
#    else
#        define RUNS_FMA     0
#        define instruction  pb_exact_fma
#        define instructionf pb_exact_fmaf
#    endif

double pb_fma(double a, double b, double c) {
    return RUNS_FMA ? instruction(a, b, c) : pb_exact_fma(a, b, c);
}

float pb_fmaf(float a, float b, float c) {
    return RUNS_FMA ? instructionf(a, b, c) : pb_exact_fmaf(a, b, c);
}

#endif
