/* Sums, each in one fixed order. Over columns: 16 interleaved chains (element j goes to chain
 * j mod 16, in order), added by a binary tree, neighbours first. Over rows: row order. */

#define CHAINS 16

static real tree_16(const real *chains) {
    real s[CHAINS];
    memcpy(s, chains, sizeof s);
    for (size_t width = 1; width < CHAINS; width *= 2) {
        for (size_t i = 0; i < CHAINS; i += 2 * width) {
            s[i] = s[i] + s[i + width];
        }
    }
    return s[0];
}

/* Runs `statement` for each vector of each chain: `x_` at place i with `left` lanes, chain c. */
#define FOR_CHAINS(n, statement)                           \
    for (size_t start = 0; start < (n); start += CHAINS) { \
        for (size_t c = 0; c < CHAINS / VLEN; c++) {       \
            const size_t i = start + c * VLEN;             \
            if (i < (n)) {                                 \
                const size_t left = (n) - i;               \
                statement;                                 \
            }                                              \
        }                                                  \
    }

INLINE real chains_total(const vec *chains) {
    real lanes[CHAINS];
    for (size_t c = 0; c < CHAINS / VLEN; c++) {
        v_store(lanes + c * VLEN, chains[c]);
    }
    return tree_16(lanes);
}

static real sum_16(const real *x, size_t n) {
    vec chains[CHAINS / VLEN];
    for (size_t c = 0; c < CHAINS / VLEN; c++) {
        chains[c] = v_set1(0);
    }
    FOR_CHAINS(n, chains[c] = v_add(chains[c], v_load_upto(x + i, left)));
    return chains_total(chains);
}

/* sum_j x_j y_j, one fused multiply-add a step. */
static real dot_16(const real *x, const real *y, size_t n) {
    vec chains[CHAINS / VLEN];
    for (size_t c = 0; c < CHAINS / VLEN; c++) {
        chains[c] = v_set1(0);
    }
    FOR_CHAINS(n, chains[c] = v_fma(v_load_upto(x + i, left), v_load_upto(y + i, left), chains[c]));
    return chains_total(chains);
}

static void row_sums(size_t n_rows, size_t n, const void *x_, double *sums) {
    const real *x = x_;
    for (size_t r = 0; r < n_rows; r++) {
        sums[r] = (double)(n == 1 ? x[r] : sum_16(x + r * n, n));
    }
}

/* In double for both data types: a float has at most half of a double's digits, so the squares
 * are exact there and the penalty loses nothing. */
static double sum_of_squares(size_t n, const void *x_) {
    const real *x = x_;
    double s[CHAINS] = {0};
    size_t i = 0;
    for (; i + CHAINS <= n; i += CHAINS) {
        for (size_t c = 0; c < CHAINS; c++) {
            s[c] += (double)x[i + c] * (double)x[i + c];
        }
    }
    for (size_t c = 0; i + c < n; c++) {
        s[c] += (double)x[i + c] * (double)x[i + c];
    }
    for (size_t width = 1; width < CHAINS; width *= 2) {
        for (size_t c = 0; c < CHAINS; c += 2 * width) {
            s[c] = s[c] + s[c + width];
        }
    }
    return s[0];
}

/* x - x is 0 for a finite x and NaN for any other. */
static int all_finite(size_t n, const void *x_) {
    const real *x = x_;
    vec differences = v_set1(0);
    FOR_VECTORS(n, differences = v_add(differences, v_sub(v_load(x + i), v_load(x + i))),
                differences =
                    v_add(differences, v_sub(v_load_part(x + i, left), v_load_part(x + i, left))));
    real lanes[VLEN];
    v_store(lanes, differences);
    for (size_t c = 0; c < VLEN; c++) {
        if (!(lanes[c] == 0)) {
            return 0;
        }
    }
    return 1;
}

/* sums_j = d_0j + d_1j + ..., in row order from +0. */
static void column_sums(size_t n_rows, size_t n, const void *d_, void *sums_) {
    const real *d = d_;
    real *sums = sums_;
    for (size_t j = 0; j < n; j += VLEN) {
        vec sum = v_set1(0);
        for (size_t r = 0; r < n_rows; r++) {
            sum = v_add(sum, v_load_upto(d + r * n + j, n - j));
        }
        v_store_upto(sums + j, sum, n - j);
    }
}
