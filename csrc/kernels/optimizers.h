/* Finishes the gradient of the objective, and applies one step of each rule of
 * registry/optimizers.def. */

/* x / S. If S is a power of two, as many batch sizes are, multiplying by 1 / S gives the same bits
 * and is much faster. */
INLINE vec v_divide(vec x, vec divisor, vec inverse, int is_exact) {
    return is_exact ? v_mul(x, inverse) : v_div(x, divisor);
}

/* g = (g + alpha w) / S; without coefs (an intercept) g / S. */
static void finish_gradient(size_t n, const void *coefs, double alpha, double total_weight,
                            void *gradient) {
    const real *w = coefs;
    real *g = gradient;
    const real rounded = (real)total_weight;
    const vec decay = v_set1((real)alpha);
    const vec total = v_set1(rounded), inverse = v_set1(1 / rounded);
    int exponent;
    const int is_exact = frexp((double)rounded, &exponent) == 0.5 && abs(exponent) < 64;
    if (w == NULL) {
        FOR_VECTORS(n, v_store(g + i, v_divide(v_load(g + i), total, inverse, is_exact)),
                    v_store_part(
                        g + i, v_divide(v_load_part(g + i, left), total, inverse, is_exact), left));
        return;
    }
    FOR_VECTORS(n,
                v_store(g + i, v_divide(v_add(v_load(g + i), v_mul(decay, v_load(w + i))), total,
                                        inverse, is_exact)),
                v_store_part(g + i,
                             v_divide(v_add(v_load_part(g + i, left),
                                            v_mul(decay, v_load_part(w + i, left))),
                                      total, inverse, is_exact),
                             left));
}

/* g += strength sign(w), the subgradient of strength ||w||_1 that is 0 at w = 0. */
static void add_signs(size_t n, const void *coefs, double strength, void *gradient) {
    const real *w = coefs;
    real *g = gradient;
    const vec zero = v_set1(0), up = v_set1((real)strength), down = v_set1(-(real)strength);
    for (size_t i = 0; i < n; i += VLEN) {
        const vec w_i = v_load_upto(w + i, n - i);
        const vec sign = v_select(v_gt(w_i, zero), up, v_select(v_lt(w_i, zero), down, zero));
        v_store_upto(g + i, v_add(v_load_upto(g + i, n - i), sign), n - i);
    }
}

/* Scales the largest numbers so far down that the sum of their squares does not overflow. */
#if PB_REAL_IS_DOUBLE
#    define SCALE_OF_LARGE ((real)0x1p-768)
#else
#    define SCALE_OF_LARGE ((real)0x1p-96)
#endif

/* Norms of some columns of w times `scale`, summed in row order. */
INLINE vec column_norms(const real *w, size_t n_rows, size_t n_columns, vec scale, size_t left) {
    vec squares = v_set1(0);
    for (size_t i = 0; i < n_rows; i++) {
        const vec w_ij = v_mul(v_load_upto(w + i * n_columns, left), scale);
        squares = v_add(squares, v_mul(w_ij, w_ij));
    }
    return v_sqrt(squares);
}

/* Scales columns longer than `longest` down to it: w_ij *= longest / ||w_j||. */
static void limit_columns(size_t n_rows, size_t n_columns, double longest, void *coefs) {
    real *w = coefs;
    const vec limit = v_set1((real)longest), one = v_set1(1), largest = v_set1(REAL_MAX);
    for (size_t j = 0; j < n_columns; j += VLEN) {
        const size_t left = n_columns - j;
        vec scale = one, norm = column_norms(w + j, n_rows, n_columns, one, left);
        real norms[VLEN];
        v_store(norms, norm);
        for (size_t i = 0; i < VLEN; i++) {
            if (norms[i] > REAL_MAX) { /* the squares overflow although the norm does not */
                scale = v_select(v_gt(norm, largest), v_set1(SCALE_OF_LARGE), one);
                norm = column_norms(w + j, n_rows, n_columns, scale, left);
                break;
            }
        }
        const mask too_long = v_gt(norm, v_mul(limit, scale));
        scale = v_select(too_long, scale, one);
        const vec factor = v_select(too_long, v_div(limit, norm), one);
        for (size_t i = 0; i < n_rows; i++) {
            real *w_i = w + i * n_columns + j;
            v_store_upto(w_i, v_mul(v_mul(v_load_upto(w_i, left), scale), factor), left);
        }
    }
}

#define STATES(n)   n
#define UPDATE(...) __VA_ARGS__
#define OPTIMIZER(name, n_states, constants_, update_, ...)                               \
    static void name##_update(const pb_update *u) {                                       \
        const vec c0 = v_set1((real)u->constants[0]), c1 = v_set1((real)u->constants[1]); \
        const vec c2 = v_set1((real)u->constants[2]), c3 = v_set1((real)u->constants[3]); \
        const vec c4 = v_set1((real)u->constants[4]), c5 = v_set1((real)u->constants[5]); \
        const vec c6 = v_set1((real)u->constants[6]), c7 = v_set1((real)u->constants[7]); \
        const vec decay_factor = v_set1((real)u->decay_factor);                           \
        (void)decay_factor;                                                               \
        (void)c0, (void)c1, (void)c2, (void)c3, (void)c4, (void)c5, (void)c6, (void)c7;   \
        real *w_ = u->parameters;                                                         \
        const real *g_ = u->gradient;                                                     \
        real *s0_ = u->states;                                                            \
        real *s1_ = (n_states) > 1 ? s0_ + u->stride : s0_;                               \
        real *s2_ = (n_states) > 2 ? s1_ + u->stride : s0_;                               \
        for (size_t i = 0; i < u->n; i += VLEN) {                                         \
            const size_t left = u->n - i;                                                 \
            const vec g = v_load_upto(g_ + i, left);                                      \
            vec w = v_load_upto(w_ + i, left);                                            \
            vec s0 = (n_states) > 0 ? v_load_upto(s0_ + i, left) : v_set1(0);             \
            vec s1 = (n_states) > 1 ? v_load_upto(s1_ + i, left) : v_set1(0);             \
            vec s2 = (n_states) > 2 ? v_load_upto(s2_ + i, left) : v_set1(0);             \
            (void)s0, (void)s1, (void)s2;                                                 \
            update_;                                                                      \
            v_store_upto(w_ + i, w, left);                                                \
            if ((n_states) > 0) {                                                         \
                v_store_upto(s0_ + i, s0, left);                                          \
            }                                                                             \
            if ((n_states) > 1) {                                                         \
                v_store_upto(s1_ + i, s1, left);                                          \
            }                                                                             \
            if ((n_states) > 2) {                                                         \
                v_store_upto(s2_ + i, s2, left);                                          \
            }                                                                             \
        }                                                                                 \
    }
#include "registry/optimizers.def"
