/* Softmax, the activation that couples the units of a sample. A vector holds one unit of several
 * samples, and sums over units run in the order of reduce.h, so a sample has the same bits alone
 * and among others. */

/* Loads or stores `lanes` samples of one unit, with any stride. */
INLINE vec load_samples(const real *p, size_t sample_stride, size_t lanes) {
    if (sample_stride == 1) {
        return v_load_upto(p, lanes);
    }
    real values[VLEN] = {0};
    for (size_t i = 0; i < lanes && i < VLEN; i++) {
        values[i] = p[i * sample_stride];
    }
    return v_load(values);
}

INLINE void store_samples(real *p, size_t sample_stride, vec a, size_t lanes) {
    if (sample_stride == 1) {
        v_store_upto(p, a, lanes);
        return;
    }
    real values[VLEN];
    v_store(values, a);
    for (size_t i = 0; i < lanes && i < VLEN; i++) {
        p[i * sample_stride] = values[i];
    }
}

/* Loops over vectors of samples: `at` is the offset of the first unit, `lanes` the number of
 * samples. */
#define FOR_SAMPLES(matrix)                                                          \
    for (size_t s = 0, at = 0, lanes = (matrix)->n_samples; s < (matrix)->n_samples; \
         s += VLEN, at = s * (matrix)->sample_stride, lanes = (matrix)->n_samples - s)

#define LOAD(x, u) load_samples((x) + at + (u) * matrix->unit_stride, matrix->sample_stride, lanes)
#define STORE(x, u, v) \
    store_samples((x) + at + (u) * matrix->unit_stride, matrix->sample_stride, v, lanes)

/* The largest value of each sample; NaN if the first one is. */
#define MAX_OF_UNITS(z, largest)                              \
    vec largest = LOAD(z, 0);                                 \
    for (size_t u = 1; u < matrix->n_units; u++) {            \
        const vec z_u = LOAD(z, u);                           \
        largest = v_select(v_gt(z_u, largest), z_u, largest); \
    }

/* p_j = e^(z_j - max z) / sum_k e^(z_k - max z), and
 * log p_j = (z_j - max z) - log sum_k e^(z_k - max z). Either pointer may be NULL, which is a
 * compile-time constant of each call. */
INLINE void softmax(const pb_matrix *matrix, const real *z, real *p, real *log_p) {
    FOR_SAMPLES(matrix) {
        MAX_OF_UNITS(z, largest)
        vec chains[CHAINS];
        start_chains(chains);
        for (size_t u = 0; u < matrix->n_units; u++) {
            const vec shifted = v_sub(LOAD(z, u), largest);
            const vec e = v_exp(shifted);
            if (p != NULL) {
                STORE(p, u, e);
            }
            if (log_p != NULL) {
                STORE(log_p, u, shifted);
            }
            chains[u % CHAINS] = v_add(chains[u % CHAINS], e);
        }
        const vec sum = v_tree(chains);
        const vec log_sum = log_p == NULL ? sum : v_log(sum);
        for (size_t u = 0; u < matrix->n_units; u++) {
            if (p != NULL) {
                STORE(p, u, v_div(LOAD(p, u), sum));
            }
            if (log_p != NULL) {
                STORE(log_p, u, v_sub(LOAD(log_p, u), log_sum));
            }
        }
    }
}

static void softmax_activate(const pb_matrix *matrix, const void *z, void *a) {
    softmax(matrix, z, a, NULL);
}

static void softmax_log_activate(const pb_matrix *matrix, const void *z, void *log_a) {
    softmax(matrix, z, NULL, log_a);
}

static void softmax_activate_and_log(const pb_matrix *matrix, const void *z, void *a, void *log_a) {
    softmax(matrix, z, a, log_a);
}

/* v_i <- p_i (v_i - sum_j p_j v_j): the product with the Jacobian, which is symmetric. */
static void softmax_vjp(const pb_matrix *matrix, const void *z, const void *a_, void *v_) {
    (void)z;
    const real *p = a_;
    real *v = v_;
    FOR_SAMPLES(matrix) {
        vec chains[CHAINS];
        start_chains(chains);
        for (size_t u = 0; u < matrix->n_units; u++) {
            chains[u % CHAINS] = v_fma(LOAD(p, u), LOAD(v, u), chains[u % CHAINS]);
        }
        const vec mean = v_tree(chains);
        for (size_t u = 0; u < matrix->n_units; u++) {
            STORE(v, u, v_mul(LOAD(p, u), v_sub(LOAD(v, u), mean)));
        }
    }
}
