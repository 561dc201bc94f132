/* gelu, gelu_tanh, silu and mish with their derivatives: z G(z) for a G that rises from 0 to 1.
 *
 *     gelu         G = Phi, the distribution function of the standard normal distribution
 *     gelu_tanh    G = (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2
 *     silu         G = the logistic function
 *     mish         G = tanh(log(1 + e^z))
 *
 * The first three have G(-z) = 1 - G(z), and so f(z) = z + f(-z) and f'(z) = 1 - f'(-z): only the
 * left tail, at -x with x = |z|, is computed. There f keeps its relative accuracy however small it
 * is, because the exponent of e is represented by two numbers, and factors of a power of e are
 * applied before the power can become subnormal. Largest errors found in float32 and float64, in
 * units in the last place (tests/c/test_elementary.c): gelu 5.5, gelu_tanh 3.3, silu 2.7, mish 3.9.
 * A derivative has an absolute error of that size, since it crosses zero. */

/* ---- The common part ----------------------------------------------------------------------- */

/* f(z), given f(-|z|). */
INLINE vec v_from_left_tail(vec z, vec tail) { return v_add(v_max(z, v_set1(0)), tail); }

/* f'(z), given f'(-|z|). */
INLINE vec v_derivative_from_left_tail(vec z, vec derivative) {
    return v_select(v_gt(z, v_set1(0)), v_sub(v_set1(1), derivative), derivative);
}

/* The rounding error of a product: x y = product + error, exactly. */
INLINE vec v_lost_by_product(vec x, vec y, vec product) { return v_neg(v_fnma(x, y, product)); }

/* The rounding error of a sum: a + b = sum + error, exactly (Knuth's two-sum). */
INLINE vec v_lost_by_sum(vec a, vec b, vec sum) {
    const vec b_taken = v_sub(sum, a);
    return v_add(v_sub(a, v_sub(sum, b_taken)), v_sub(b, b_taken));
}

/* ---- gelu (Hendrycks & Gimpel 2016) -------------------------------------------------------- */

/* For larger x, gelu(-x) and its derivative are 0. */
#define GELU_TAIL PICK(38.9, 14.9f)
/* 1 / sqrt(2 pi) */
#define NORMAL_DENSITY_AT_0 REAL(0.398942280401432677939946059934381868)

/* (x + 4) e^(x^2/2) Phi(-x) for 0 <= x <= GELU_TAIL: a polynomial in t = (x - 4) / (x + 4), as
 * Shepherd & Laframboise (1981) expand it. Interpolated at Chebyshev's nodes in 60 digits; off by
 * 3.7e-17 and 1.4e-8 of the value. */
INLINE vec v_normal_tail(vec t) {
#if PB_REAL_IS_DOUBLE
    static const real c[] = {
        -0x1.0959f1400a39p-30,  0x1.3fb7ce475a168p-34,  0x1.de6d02a26289cp-27,
        0x1.f4eaa9c85bbbp-27,   -0x1.480d99ae63529p-24, -0x1.4b471811b021p-23,
        0x1.1b207d62865e8p-22,  0x1.11c074ae9e33fp-20,  -0x1.4f9d808db1d2fp-21,
        -0x1.8d35cd874dc01p-18, 0x1.7fdd9eeeb883fp-21,  0x1.26cf8dea72ab1p-15,
        -0x1.0011cb7c88079p-19, -0x1.e4a415fb8cca5p-13, 0x1.17a4a6b9505f7p-13,
        0x1.ab825f7e9996dp-10,  -0x1.c81719cabcedep-9,  -0x1.ee2761034c407p-8,
        0x1.eec4cc3e4560cp-5,   -0x1.7dff2bff6889ap-3,  0x1.8c6dbf2cfc2fdp-2,
        -0x1.373e3a893c287p-1,  0x1.82b4bb8c94dcep-1,
    };
#else
    static const real c[] = {
        -0x1.0750a6p-13f, 0x1.8c5abcp-13f, 0x1.9abfa6p-10f, -0x1.cd803ep-9f, -0x1.ed2f4ep-8f,
        0x1.eed8f4p-5f,   -0x1.7dffeep-3f, 0x1.8c6d9p-2f,   -0x1.373e38p-1f, 0x1.82b4bcp-1f,
    };
#endif
    vec p = v_set1(c[0]);
    UNROLL for (size_t i = 1; i < sizeof c / sizeof c[0]; i++) { p = v_fma(p, t, v_set1(c[i])); }
    return p;
}

/* x = |z|, no further than GELU_TAIL; e^(-x^2/2) = p 2^n; and e^(x^2/2) Phi(-x). */
INLINE vec v_gelu_parts(vec z, vec *x, vec *p, vec *n) {
    const vec half = v_set1(REAL(0.5));
    *x = v_min(v_abs(z), v_set1(GELU_TAIL));
    const vec square = v_mul(*x, *x);
    const vec lost = v_lost_by_product(*x, *x, square);
    *p = v_exp_parts(v_neg(v_mul(square, half)), v_neg(v_mul(lost, half)), n);
    const vec q = v_div(v_set1(1), v_add(*x, v_set1(4)));
    return v_mul(v_normal_tail(v_mul(v_sub(*x, v_set1(4)), q)), q);
}

/* gelu(-x) = -x Phi(-x). */
INLINE vec v_gelu(vec z) {
    vec x, p, n;
    const vec ratio = v_gelu_parts(z, &x, &p, &n);
    return v_from_left_tail(z, v_neg(v_scale(v_mul(v_mul(x, ratio), p), n)));
}

/* gelu'(-x) = Phi(-x) - x e^(-x^2/2) / sqrt(2 pi). */
INLINE vec v_gelu_derivative(vec z) {
    vec x, p, n;
    const vec ratio = v_gelu_parts(z, &x, &p, &n);
    const vec factor = v_fnma(x, v_set1(NORMAL_DENSITY_AT_0), ratio);
    return v_derivative_from_left_tail(z, v_scale(v_mul(factor, p), n));
}

/* ---- gelu_tanh (the same paper's approximation) -------------------------------------------- */

/* For larger x, gelu_tanh(-x) and its derivative are 0. */
#define GELU_TANH_TAIL PICK(21.6, 11.0f)
/* 2 sqrt(2/pi), and that times 0.044715, each in two parts. */
#define GELU_LINEAR     PICK(0x1.9884533d43651p+0, 0x1.988454p+0f)
#define GELU_LINEAR_LOW PICK(-0x1.cbc0d30ebfd15p-54, -0x1.857936p-25f)
#define GELU_CUBIC      PICK(0x1.2444f2a4d8b4bp-4, 0x1.2444f2p-4f)
#define GELU_CUBIC_LOW  PICK(-0x1.6c843a29d1c70p-61, 0x1.49b16ap-29f)

/* x = |z|, no further than GELU_TANH_TAIL; e^-w = p 2^n with w = x (linear + cubic x^2), so that
 * G(-x) = e^-w / (1 + e^-w). w is up to hundreds, so its rounding would be hundreds of that of
 * e^-w. */
INLINE void v_gelu_tanh_parts(vec z, vec *x, vec *p, vec *n) {
    const vec linear = v_set1(GELU_LINEAR), cubic = v_set1(GELU_CUBIC);
    *x = v_min(v_abs(z), v_set1(GELU_TANH_TAIL));
    const vec square = v_mul(*x, *x);
    const vec curved = v_mul(cubic, square);
    vec low = v_lost_by_product(cubic, square, curved);
    low = v_fma(cubic, v_lost_by_product(*x, *x, square), low);
    low = v_fma(v_set1(GELU_CUBIC_LOW), square, low);
    const vec sum = v_add(linear, curved);
    low = v_add(v_add(low, v_set1(GELU_LINEAR_LOW)), v_lost_by_sum(linear, curved, sum));
    const vec w = v_mul(*x, sum);
    low = v_fma(*x, low, v_lost_by_product(*x, sum, w));
    *p = v_exp_parts(v_neg(w), v_neg(low), n);
}

/* gelu_tanh(-x) = -x e^-w / (1 + e^-w). */
INLINE vec v_gelu_tanh(vec z) {
    vec x, p, n;
    v_gelu_tanh_parts(z, &x, &p, &n);
    const vec below = v_add(v_set1(1), v_scale(p, n));
    return v_from_left_tail(z, v_neg(v_div(v_scale(v_mul(x, p), n), below)));
}

/* gelu_tanh'(-x) = e^-w (1 + e^-w - x w') / (1 + e^-w)^2. */
INLINE vec v_gelu_tanh_derivative(vec z) {
    vec x, p, n;
    v_gelu_tanh_parts(z, &x, &p, &n);
    const vec below = v_add(v_set1(1), v_scale(p, n));
    const vec curved = v_mul(v_set1(3 * GELU_CUBIC), v_mul(x, x));
    const vec factor = v_fnma(x, v_add(v_set1(GELU_LINEAR), curved), below);
    return v_derivative_from_left_tail(z, v_div(v_scale(v_mul(factor, p), n), v_mul(below, below)));
}

/* ---- silu (Hendrycks & Gimpel 2016; Elfwing et al. 2017) ------------------------------------ */

/* x = |z|, no further than e^-x = p 2^n is of use. */
INLINE vec v_exponential_tail(vec z, vec *p, vec *n) {
    const vec x = v_min(v_abs(z), v_set1(-EXP_FACTOR_LOW));
    *p = v_exp_parts(v_neg(x), v_set1(0), n);
    return x;
}

/* silu(-x) = -x e^-x / (1 + e^-x). */
INLINE vec v_silu(vec z) {
    vec p, n;
    const vec x = v_exponential_tail(z, &p, &n);
    const vec below = v_add(v_set1(1), v_scale(p, n));
    return v_from_left_tail(z, v_neg(v_div(v_scale(v_mul(x, p), n), below)));
}

/* silu'(-x) = e^-x (1 + e^-x - x) / (1 + e^-x)^2. */
INLINE vec v_silu_derivative(vec z) {
    vec p, n;
    const vec x = v_exponential_tail(z, &p, &n);
    const vec below = v_add(v_set1(1), v_scale(p, n));
    const vec top = v_scale(v_mul(v_sub(below, x), p), n);
    return v_derivative_from_left_tail(z, v_div(top, v_mul(below, below)));
}

/* ---- mish (Misra 2019) ---------------------------------------------------------------------- */

/* With u = e^-|z|: mish(z) = z (1 + 2u) / (1 + 2u + 2u^2) for z >= 0, and
 * z u (2 + u) / (2 + 2u + u^2) below. */
INLINE vec v_mish(vec z) {
    vec p, n;
    const vec x = v_exponential_tail(z, &p, &n);
    const vec u = v_scale(p, n), one = v_set1(1), two = v_set1(2);
    const mask left = v_lt(z, v_set1(0));
    const vec left_top = v_neg(v_scale(v_mul(v_mul(x, v_add(two, u)), p), n));
    const vec right_top = v_mul(z, v_fma(two, u, one));
    const vec left_below = v_fma(u, v_add(two, u), two);
    const vec right_below = v_fma(v_mul(two, u), v_add(one, u), one);
    return v_div(v_select(left, left_top, right_top), v_select(left, left_below, right_below));
}

/* mish'(z) = ((1 + 2u) d + 4 z u^2 (1 + u)) / d^2 for z >= 0, where d = 1 + 2u + 2u^2, and
 * u ((2 + u) d + 4 z (1 + u)) / d^2 below, where d = 2 + 2u + u^2. */
INLINE vec v_mish_derivative(vec z) {
    vec p, n;
    const vec x = v_exponential_tail(z, &p, &n);
    const vec u = v_scale(p, n), one = v_set1(1), two = v_set1(2);
    const mask left = v_lt(z, v_set1(0));
    const vec bend = v_mul(v_mul(v_set1(4), x), v_add(one, u));
    const vec left_below = v_fma(u, v_add(two, u), two);
    const vec left_top = v_sub(v_mul(v_add(two, u), left_below), bend);
    const vec right_below = v_fma(v_mul(two, u), v_add(one, u), one);
    const vec right_top = v_fma(v_fma(two, u, one), right_below, v_mul(bend, v_mul(u, u)));
    const vec top = v_select(left, v_scale(v_mul(left_top, p), n), right_top);
    const vec below = v_select(left, left_below, right_below);
    return v_div(top, v_mul(below, below));
}
