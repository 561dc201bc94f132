/* Functions that the rows of registry/losses.def use, with the same bits on every instruction set.
 */

/* y log x, 0 where y is 0 (unless x is NaN). */
INLINE vec v_xlogy(vec y, vec x) {
    return v_select(v_and_mask(v_eq(y, v_set1(0)), v_eq(x, x)), v_set1(0), v_mul(y, v_log(x)));
}

/* y / x, 0 where y is 0. */
INLINE vec v_ratio(vec y, vec x) { return v_select(v_eq(y, v_set1(0)), v_set1(0), v_div(y, x)); }

/* Binary log-loss of a logistic output: max(z, 0) - z y + log1p(e^-|z|). */
INLINE vec v_logistic_loss(vec y, vec z) {
    const vec rest = v_log1p_unit(v_exp(v_neg(v_abs(z))));
    return v_add(v_fnma(z, y, v_max(z, v_set1(0))), rest);
}

/* y log(y / e^z) with a = e^z. y / a is the precise form as long as a and y / a are positive and
 * finite; beyond, y log y - y z is. */
INLINE vec v_poisson_log_term(vec y, vec z, vec a) {
    const vec ratio = v_div(y, a);
    const mask usable = v_and_mask(v_gt(ratio, v_set1(0)), v_le(ratio, v_set1(REAL_MAX)));
    const vec term = v_select(usable, v_mul(y, v_log(ratio)), v_fnma(y, z, v_mul(y, v_log(y))));
    return v_select(v_eq(y, v_set1(0)), v_set1(0), term);
}

/* The sign of e: -1, 0 or 1. */
INLINE vec v_sign(vec e) {
    return v_select(v_gt(e, v_set1(0)), v_set1(1), v_select(v_lt(e, v_set1(0)), v_set1(-1), e));
}

/* e^2 / 2 for |e| up to t, and t (|e| - t / 2) beyond. */
INLINE vec v_huber_loss(vec e, vec t) {
    const vec half = v_set1(REAL(0.5)), size = v_abs(e);
    const vec line = v_mul(t, v_fnma(half, t, size));
    return v_select(v_gt(size, t), line, v_mul(half, v_mul(e, e)));
}

/* 1 - q above the target, -q below it, 0 at it. */
INLINE vec v_quantile_gradient(vec e, vec q) {
    const vec below = v_select(v_lt(e, v_set1(0)), v_neg(q), e);
    return v_select(v_gt(e, v_set1(0)), v_sub(v_set1(1), q), below);
}

/* s e^x in two factors, which overflow only where the product does (but for x beyond twice the
 * range of exp); 0 where s is 0. */
INLINE vec v_times_exp(vec s, vec x) {
    const vec half = v_exp(v_mul(v_set1(REAL(0.5)), x));
    return v_select(v_eq(s, v_set1(0)), v_set1(0), v_mul(v_mul(s, half), half));
}

/* y / e^z. */
INLINE vec v_over_exp(vec y, vec z) { return v_times_exp(y, v_neg(z)); }

/* s (e^x - 1). */
INLINE vec v_times_expm1(vec s, vec x) {
    const vec small = v_mul(s, v_expm1_upto_one(v_min(x, v_set1(1))));
    return v_select(v_gt(x, v_set1(1)), v_sub(v_times_exp(s, x), s), small);
}

/* u - 1 - log u of u = y / e^z, with a = e^z. y / a is the precise form as long as it is positive
 * and finite; beyond, y e^-z and log y - z are. */
INLINE vec v_gamma_loss(vec y, vec z, vec a) {
    const vec ratio = v_div(y, a);
    const mask usable = v_and_mask(v_gt(ratio, v_set1(0)), v_le(ratio, v_set1(REAL_MAX)));
    const vec u = v_select(usable, ratio, v_over_exp(y, z));
    const vec log_u = v_select(usable, v_log(ratio), v_sub(v_log(y), z));
    return v_sub(v_sub(u, v_set1(1)), log_u);
}

/* Half the Tweedie deviance of a = e^z. With w = z - log y it is
 *
 *     y^(2-p) [(e^((2-p) w) - 1) / (2-p) + (e^((1-p) w) - 1) / (p-1)],
 *
 * whose terms stay small as a nears y, and as p nears 1 or 2. At y = 0 it is a^(2-p) / (2-p). */
INLINE vec v_tweedie_loss(vec y, vec z, vec p) {
    const vec to_2 = v_sub(v_set1(2), p), from_1 = v_sub(p, v_set1(1));
    const vec log_y = v_log(y), w = v_sub(z, log_y);
    const vec scale = v_exp(v_mul(to_2, log_y));
    const vec rising = v_div(v_times_expm1(scale, v_mul(to_2, w)), to_2);
    const vec falling = v_div(v_times_expm1(scale, v_neg(v_mul(from_1, w))), from_1);
    const vec at_0 = v_div(v_exp(v_mul(to_2, z)), to_2);
    return v_select(v_eq(y, v_set1(0)), at_0, v_add(rising, falling));
}

/* Its derivative by a: (a - y) a^-p, as (a - y) / a times a^(1-p), which overflows no sooner. */
INLINE vec v_tweedie_gradient(vec y, vec a, vec p) {
    const vec power = v_exp(v_mul(v_sub(v_set1(1), p), v_log(a)));
    return v_mul(v_div(v_sub(a, y), a), power);
}

/* Its derivative by z: a^(2-p) - y a^(1-p). */
INLINE vec v_tweedie_delta(vec y, vec z, vec p) {
    const vec to_2 = v_sub(v_set1(2), p), from_1 = v_sub(p, v_set1(1));
    return v_sub(v_exp(v_mul(to_2, z)), v_over_exp(y, v_mul(from_1, z)));
}
