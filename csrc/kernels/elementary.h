/* exp, log, tanh, and the functions built on them: logistic, softplus and hard_sigmoid. Polynomials
 * with fused multiply-adds, the same bits on every instruction set. NaN gives NaN. Largest errors
 * found in float32 and float64, in units in the last place (tests/c/test_elementary.c holds the
 * worst points and the bounds): exp 0.87, expm1 0.9, log 0.85, tanh 2.5, logistic 2.5, its
 * logarithm 2.0.
 *
 * Argument reduction as in the elementary-function literature (Muller, "Elementary Functions",
 * 3rd ed., chapters 11 and 14): x = n log 2 + r with log 2 split in two, so that r is exact to
 * well below a unit in the last place. */

#define LOG2_E REAL(1.44269504088896340735992468100189214)
/* log 2 = LOG_2_HIGH + LOG_2_LOW; the high part has trailing zeros, so that n * high is exact. */
#define LOG_2_HIGH PICK(0x1.62e42fefa38p-1, 0x1.62ep-1f)
#define LOG_2_LOW  PICK(0x1.ef35793c7673p-45, 0x1.0bfbe8p-15f)
/* Adding and subtracting 1.5 * 2^(mantissa bits) rounds to the nearest integer, ties to even. */
#define ROUNDER PICK(0x1.8p52, 0x1.8p23f)
/* Beyond these bounds exp is 0 or infinite, and n must stay within what v_scale takes. */
#define EXP_LOW  PICK(-746.0, -104.0f)
#define EXP_HIGH PICK(710.0, 89.0f)
/* For smaller x, e^x is 0 even times a factor of thousands. */
#define EXP_FACTOR_LOW PICK(-760.0, -112.0f)
/* For smaller x, e^x - 1 rounds to -1. */
#define EXPM1_LOW PICK(-40.0, -20.0f)
/* For larger x, expm1(2 x) / (expm1(2 x) + 2) rounds to 1. */
#define TANH_ONE PICK(20.0, 9.5f)
/* For larger x, e^-x - 1 rounds to -1. */
#define EXPM1_ONE PICK(40.0, 20.0f)

INLINE vec v_min(vec a, vec b) { return v_select(v_lt(b, a), b, a); } /* a if NaN */
INLINE vec v_max(vec a, vec b) { return v_select(v_lt(a, b), b, a); } /* a if NaN */

/* 2^n for an integer-valued n from 1 - bias to bias: n + bias, shifted into the exponent field. */
INLINE vec v_power_of_two(vec n) {
    return v_bits_shl(v_add(n, v_set1(ROUNDER + REAL(EXPONENT_BIAS))));
}

/* x 2^n, in two factors so that a subnormal result is rounded once and n may pass the bias. */
INLINE vec v_scale(vec x, vec n) {
    const vec half = v_sub(v_fma(n, v_set1(REAL(0.5)), v_set1(ROUNDER)), v_set1(ROUNDER));
    return v_mul(v_mul(x, v_power_of_two(half)), v_power_of_two(v_sub(n, half)));
}

/* (e^r - 1 - r) / r^2 for |r| <= log(2) / 2: the Taylor series, to below a quarter ulp of e^r. */
INLINE vec v_exp_tail(vec r) {
#if PB_REAL_IS_DOUBLE
    vec p = v_set1(1.0 / 6227020800.0);
    p = v_fma(p, r, v_set1(1.0 / 479001600.0));
    p = v_fma(p, r, v_set1(1.0 / 39916800.0));
    p = v_fma(p, r, v_set1(1.0 / 3628800.0));
    p = v_fma(p, r, v_set1(1.0 / 362880.0));
    p = v_fma(p, r, v_set1(1.0 / 40320.0));
    p = v_fma(p, r, v_set1(1.0 / 5040.0));
#else
    vec p = v_set1(1.0f / 40320.0f);
    p = v_fma(p, r, v_set1(1.0f / 5040.0f));
#endif
    p = v_fma(p, r, v_set1(REAL(1.0 / 720.0)));
    p = v_fma(p, r, v_set1(REAL(1.0 / 120.0)));
    p = v_fma(p, r, v_set1(REAL(1.0 / 24.0)));
    p = v_fma(p, r, v_set1(REAL(1.0 / 6.0)));
    return v_fma(p, r, v_set1(REAL(0.5)));
}

/* x = n log 2 + r + lost: what r lost to rounding is worth a quarter ulp of e^r. */
INLINE vec v_reduce(vec x, vec *n, vec *lost) {
    *n = v_sub(v_fma(x, v_set1(LOG2_E), v_set1(ROUNDER)), v_set1(ROUNDER));
    const vec exact = v_fnma(*n, v_set1(LOG_2_HIGH), x);
    const vec r = v_fnma(*n, v_set1(LOG_2_LOW), exact);
    *lost = v_fnma(*n, v_set1(LOG_2_LOW), v_sub(exact, r));
    return r;
}

/* e^(r + lost) - 1 for what v_reduce leaves. */
INLINE vec v_expm1_reduced(vec r, vec lost) {
    return v_add(r, v_fma(v_mul(r, r), v_exp_tail(r), lost));
}

/* e^x. */
INLINE vec v_exp(vec x) {
    vec n, lost;
    const vec r = v_reduce(v_min(v_max(x, v_set1(EXP_LOW)), v_set1(EXP_HIGH)), &n, &lost);
    return v_scale(v_add(v_expm1_reduced(r, lost), v_set1(1)), n);
}

/* e^(x + low) = p 2^n, where low is what x lost to rounding, for x from EXP_FACTOR_LOW to 0. A
 * factor then goes to p: the product is rounded once where e^x alone is subnormal. */
INLINE vec v_exp_parts(vec x, vec low, vec *n) {
    vec lost;
    const vec r = v_reduce(x, n, &lost);
    const vec p = v_add(v_expm1_reduced(r, lost), v_set1(1));
    return v_fma(p, low, p);
}

/* e^x - 1 for x <= 0. */
INLINE vec v_expm1_below(vec x) {
    vec n, lost;
    const vec r = v_reduce(v_min(v_max(x, v_set1(EXPM1_LOW)), v_set1(0)), &n, &lost);
    const vec p = v_power_of_two(n);
    return v_fma(p, v_expm1_reduced(r, lost), v_sub(p, v_set1(1)));
}

/* log x; -infinity at 0, NaN below. With x = 2^e m, m in [sqrt(1/2), sqrt(2)), f = m - 1 and
 * s = f / (2 + f): log m = 2 atanh s = f - f^2/2 + s (f^2/2 + R), R = 2 (s^2/3 + s^4/5 + ...). */
INLINE vec v_log(vec x) {
    const vec one = v_set1(1);
    const mask subnormal = v_lt(x, v_set1(REAL_MIN_NORMAL));
    const vec scale = v_set1(PICK(0x1p54, 0x1p25f));
    const vec normal = v_select(subnormal, v_mul(x, scale), x);
    /* The exponent field, placed in the last bits of 2^mantissa bits, reads as that plus itself. */
    const vec big = v_set1(PICK(0x1p52, 0x1p23f));
    vec e = v_sub(v_bits_or(v_bits_shr(normal), big), v_add(big, v_set1(REAL(EXPONENT_BIAS))));
    e = v_sub(e, v_select(subnormal, v_set1(PICK(54, 25)), v_set1(0)));
    const vec mantissa = v_bits((((real_bits)1) << MANTISSA_BITS) - 1);
    vec m = v_bits_or(v_bits_and(normal, mantissa), one);
    const mask upper = v_gt(m, v_set1(REAL(1.41421356237309504880168872420969808)));
    m = v_select(upper, v_mul(m, v_set1(REAL(0.5))), m);
    e = v_select(upper, v_add(e, one), e);

    const vec f = v_sub(m, one);
    const vec s = v_div(f, v_add(f, v_set1(2)));
    const vec q = v_mul(s, s);
#if PB_REAL_IS_DOUBLE
    vec r = v_set1(2.0 / 23.0);
    r = v_fma(r, q, v_set1(2.0 / 21.0));
    r = v_fma(r, q, v_set1(2.0 / 19.0));
    r = v_fma(r, q, v_set1(2.0 / 17.0));
    r = v_fma(r, q, v_set1(2.0 / 15.0));
    r = v_fma(r, q, v_set1(2.0 / 13.0));
    r = v_fma(r, q, v_set1(2.0 / 11.0));
#else
    vec r = v_set1(2.0f / 11.0f);
#endif
    r = v_fma(r, q, v_set1(REAL(2.0 / 9.0)));
    r = v_fma(r, q, v_set1(REAL(2.0 / 7.0)));
    r = v_fma(r, q, v_set1(REAL(2.0 / 5.0)));
    r = v_fma(r, q, v_set1(REAL(2.0 / 3.0)));
    r = v_mul(r, q);
    const vec half_square = v_mul(v_mul(f, f), v_set1(REAL(0.5)));
    /* e log 2 + f - (f^2/2 - (s (f^2/2 + R) + e log 2's low part)), smallest first. */
    const vec correction = v_fma(s, v_add(half_square, r), v_mul(e, v_set1(LOG_2_LOW)));
    const vec log_m = v_sub(f, v_sub(half_square, correction));
    vec y = v_fma(e, v_set1(LOG_2_HIGH), log_m);

    y = v_select(v_gt(x, v_set1(REAL_MAX)), x, y);
    y = v_select(v_eq(x, v_set1(0)), v_set1(REAL(-INFINITY)), y);
    y = v_select(v_lt(x, v_set1(0)), v_set1(REAL(NAN)), y);
    return v_is_nan_or(x, y);
}

/* log(1 + u) for u in [0, 1]: the rounding error of 1 + u is exact and is put back. */
INLINE vec v_log1p_unit(vec u) {
    const vec one = v_set1(1);
    const vec w = v_add(one, u);
    const vec lost = v_sub(u, v_sub(w, one));
    return v_add(v_log(w), v_div(lost, w));
}

/* tanh x = t / (t + 2) with t = e^2|x| - 1, given the sign of x. */
INLINE vec v_tanh(vec x) {
    const vec magnitude = v_abs(x);
    const vec twice = v_add(magnitude, magnitude);
    vec n, lost;
    const vec r = v_reduce(v_min(twice, v_set1(2 * TANH_ONE)), &n, &lost);
    const vec p = v_power_of_two(n);
    const vec t = v_fma(p, v_expm1_reduced(r, lost), v_sub(p, v_set1(1)));
    vec y = v_div(t, v_add(t, v_set1(2)));
    y = v_select(v_gt(magnitude, v_set1(TANH_ONE)), v_set1(1), y);
    return v_bits_or(v_abs(y), v_bits_and(x, v_bits(SIGN_BIT)));
}

/* e^x - 1 for x <= 1. */
INLINE vec v_expm1_upto_one(vec x) {
    vec n, lost;
    const vec r = v_reduce(v_max(x, v_set1(-EXPM1_ONE)), &n, &lost);
    const vec e_r_minus_1 = v_add(r, v_fma(v_mul(r, r), v_exp_tail(r), lost));
    const vec p = v_power_of_two(n);
    return v_fma(p, e_r_minus_1, v_sub(p, v_set1(1)));
}

/* 1 / (1 + e^-z), without overflow: e^-|z| is at most 1. */
INLINE vec v_logistic(vec z) {
    const vec u = v_exp(v_neg(v_abs(z)));
    const vec top = v_select(v_lt(z, v_set1(0)), u, v_set1(1));
    return v_div(top, v_add(v_set1(1), u));
}

/* log(1 + e^z) = max(z, 0) + log1p(e^-|z|). */
INLINE vec v_softplus(vec z) {
    return v_add(v_max(z, v_set1(0)), v_log1p_unit(v_exp(v_neg(v_abs(z)))));
}

/* log of the logistic: -softplus(-z). */
INLINE vec v_log_logistic(vec z) { return v_neg(v_softplus(v_neg(z))); }

/* (z + 3) / 6, within 0 and 1. */
INLINE vec v_hard_sigmoid(vec z) {
    const vec line = v_div(v_add(z, v_set1(3)), v_set1(6));
    return v_min(v_max(line, v_set1(0)), v_set1(1));
}
