/* Tests exp, log, tanh, logistic, log_logistic and the smooth rectifiers over their whole range:
 * within a stated error of the C library's long double functions, exact at the ends, and with the
 * same bits on every instruction set and in every lane. Prints the largest errors, which the
 * documentation quotes. */
#include "matrices.h"

/* ---- The functions, by the kernels that compute them ----------------------------------------- */

typedef struct function {
    const char *name;
    long double (*reference)(long double x);
    double bound[2]; /* largest error promised, in ulp of the exact value: float32, float64 */
} function;

static long double ref_logistic(long double z) {
    return z < 0 ? expl(z) / (1 + expl(z)) : 1 / (1 + expl(-z));
}
static long double ref_log_logistic(long double z) {
    return z < 0 ? z - log1pl(expl(z)) : -log1pl(expl(-z));
}

static long double ref_softplus(long double z) { return -ref_log_logistic(-z); }
static long double ref_elu(long double z) { return z < 0 ? expm1l(z) : z; }
static long double ref_selu(long double z) {
    return z < 0 ? 1.75809934084737685994021752081228L * expm1l(z)
                 : 1.05070098735548049341933498529461L * z;
}
static long double ref_silu(long double z) { return z == -INFINITY ? -0.0L : z * ref_logistic(z); }
static long double ref_mish(long double z) {
    const long double u = expl(-fabsl(z));
    return z == -INFINITY ? -0.0L
           : z < 0        ? z * u * (2 + u) / (2 + 2 * u + u * u)
                          : z * (1 + 2 * u) / (1 + 2 * u + 2 * u * u);
}
/* z erfc(x) / 2 at x = -z / sqrt(2), corrected for the rounding of x: in the tail the error of
 * erfc would be x^2 times as large. */
static long double ref_gelu(long double z) {
    if (isinf(z)) {
        return z < 0 ? -0.0L : z;
    }
    const long double x = -z * sqrtl(0.5L);
    const long double square = z * z / 2, rest = fmal(z / 2, z, -square);
    const long double lost = x == 0 ? 0 : (rest - fmal(x, x, -square)) / (2 * x);
    const long double slope = isfinite(square) ? 1.12837916709551257390L * expl(-square) : 0;
    return z * (erfcl(x) - slope * lost) / 2;
}
static long double ref_gelu_tanh(long double z) {
    const long double w = 1.59576912160573071175978423973752747L * (z + 0.044715L * z * z * z);
    return z == -INFINITY ? -0.0L : z * ref_logistic(w);
}

enum {
    EXP,
    LOG,
    TANH,
    LOGISTIC,
    LOG_LOGISTIC,
    SOFTPLUS,
    ELU,
    SELU,
    SILU,
    MISH,
    GELU,
    GELU_TANH,
    N_FUNCTIONS
};

static const function functions[N_FUNCTIONS] = {
    [EXP] = {"exp", expl, {1, 1}},
    [LOG] = {"log", logl, {1, 1}},
    [TANH] = {"tanh", tanhl, {3, 3}},
    [LOGISTIC] = {"logistic", ref_logistic, {3, 3}},
    [LOG_LOGISTIC] = {"log_logistic", ref_log_logistic, {2.5, 2.5}},
    [SOFTPLUS] = {"softplus", ref_softplus, {2.5, 2.5}},
    [ELU] = {"elu", ref_elu, {1, 1}},
    [SELU] = {"selu", ref_selu, {2, 2}},
    [SILU] = {"silu", ref_silu, {3, 3}},
    [MISH] = {"mish", ref_mish, {4, 4}},
    [GELU] = {"gelu", ref_gelu, {6, 6}},
    [GELU_TANH] = {"gelu_tanh", ref_gelu_tanh, {4, 4}},
};

/* y = f(x). The kernels have no plain logarithm: the log-loss of a target 1 is -log a. */
static void compute(const pb_kernels *kernels, pb_dtype dtype, int f, size_t n, const void *x,
                    void *y) {
    const pb_matrix matrix = plane_with_gaps(1, n, 0);
    pb_activation row;
    if (f == LOG_LOGISTIC) {
        kernels->log_activate[PB_ACTIVATION_logistic](&matrix, x, y);
        return;
    }
    if (pb_find_activation(functions[f].name, &row) == PB_OK) {
        kernels->activate[row](&matrix, x, y);
        return;
    }
    void *ones = reals(dtype, n);
    for (size_t i = 0; i < n; i++) {
        put(dtype, ones, i, 1);
    }
    kernels->loss_value[PB_LOSS_log_loss](&matrix, ones, x, x, 0, y);
    for (size_t i = 0; i < n; i++) {
        put(dtype, y, i, -get(dtype, y, i));
    }
    free(ones);
}

/* M_LN2 and its like are not in C11. */
#define LOG_2     0.69314718055994530942
#define SQRT_HALF 0.70710678118654752440

/* ---- Inputs ---------------------------------------------------------------------------------- */

#define MAX_INPUTS 150000

/* In [0, 1), with all digits of a double. */
static double draw_unit(void) {
    const double high = draw_bits();
    return (high + (double)(draw_bits() >> 11) * 0x1p-21) * 0x1p-32;
}

/* Appends x and -x. */
static size_t push(pb_dtype dtype, void *x, size_t n, double value) {
    put(dtype, x, n, value);
    put(dtype, x, n + 1, -value);
    return n + 2;
}

/* Appends `value` and its three neighbours on each side, with either sign. */
static size_t push_around(pb_dtype dtype, void *x, size_t n, double value) {
    double below = rounded(dtype, value), above = below;
    n = push(dtype, x, n, below);
    for (int i = 0; i < 3; i++) {
        below = dtype == PB_FLOAT64 ? nextafter(below, -INFINITY)
                                    : (double)nextafterf((float)below, -INFINITY);
        above = dtype == PB_FLOAT64 ? nextafter(above, INFINITY)
                                    : (double)nextafterf((float)above, INFINITY);
        n = push(dtype, x, push(dtype, x, n, below), above);
    }
    return n;
}

static size_t make_inputs(pb_dtype dtype, void *x) {
    const int is_double = dtype == PB_FLOAT64;
    const int lowest = is_double ? -1074 : -149, highest = is_double ? 1023 : 127;
    size_t n = 0;
    /* The edges: ends of the range, and where results leave it or a reduction changes. */
    /* clang-format off */
    const double edges[] = {
        0, 1, 0.5, 2, SQRT_HALF, 2 * SQRT_HALF, INFINITY, NAN, DBL_MIN, DBL_MAX, FLT_MIN, FLT_MAX,
        709.78271289338397, 708.39641853226408, 744.44007192138122, 745.13321910194111, 746, 710,
        88.722839052068, 87.336544750553, 103.278929903431, 103.972077083991, 104, 89,
        20, 9.5, 9.0109, 19.0615, 36.7368, 37.42994775023705, 16.635532, 17.3286, 0x1p-53, 0x1p-24,
        /* The worst known: of all floats that matter, and of 80 million doubles a function. */
        0x1.78e2fcp+2, 0x1.67cc32p+0, 0x1.fd0794p-8, 0x1.0a111ap+2, 0x1.78f4d8p+2,
        0x1.e904f58e6d552p+1, 0x1.6926bb54789d9p+0, 0x1.a18528007767p-3, 0x1.b92526b5aa3bap+1,
        0x1.045fe9d105934p+1, 0x1.8172b4p+5, 0x1.201c243c6805ep+2, 0x1.ff395cp-6,
        0x1.fe5d5006bd4cp-6, 0x1.b8f44c3dc921ep+1, 0x1.0388dap+1,
        /* Of the rectifiers, of a million points each. */
        0x1.706f3d69ee688p-2, 0x1.287ddbbed5828p-2, 0x1.fffff3eb7d280p-6, 0x1.d4e0957fb9ba0p+0,
        0x1.08805245fb05cp+1, 0x1.46294cbc6bf5bp+2, 0x1.5101b3d40a97ap+0, 38.9, 14.9, 21.6, 11,
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        n = push_around(dtype, x, n, edges[i]);
    }
    /* Half-odd multiples of log 2, where the argument reduction goes over to the next integer. */
    for (int k = 0; k < 1100; k++) {
        n = push(dtype, x, n, (k + 0.5) * LOG_2);
    }
    /* Every binade, the subnormal ones too. */
    for (int e = lowest; e <= highest; e++) {
        for (int i = 0; i < 14; i++) {
            n = push(dtype, x, n, ldexp(1 + draw_unit(), e));
        }
    }
    /* Dense where exp, tanh and the logistic change, and where log crosses zero. */
    const double spans[] = {750, 110, 40, 10, 1};
    for (size_t s = 0; s < sizeof spans / sizeof spans[0]; s++) {
        for (int i = 0; i < 4000; i++) {
            n = push(dtype, x, n, draw_unit() * spans[s]);
        }
    }
    for (int i = 0; i < 8000; i++) {
        n = push(dtype, x, n, 1 + (draw_unit() - 0.5) * ldexp(1, -i / 250));
    }
    return n;
}

/* ---- Error ----------------------------------------------------------------------------------- */

/* |actual - exact| in units of the last place that `exact` has in the data type. A result that
 * overflowed stands for the next power of two, as in the definition of rounding. */
static double error_in_ulp(pb_dtype dtype, double actual, long double exact) {
    const int digits = dtype == PB_FLOAT64 ? DBL_MANT_DIG : FLT_MANT_DIG;
    const int min_exp = dtype == PB_FLOAT64 ? DBL_MIN_EXP : FLT_MIN_EXP;
    const int max_exp = dtype == PB_FLOAT64 ? DBL_MAX_EXP : FLT_MAX_EXP;
    const long double limit = ldexpl(1, max_exp);
    long double given = (long double)actual;
    if (isnan(exact) || isnan(actual)) {
        return isnan(exact) && isnan(actual) ? 0 : INFINITY;
    }
    if (fabsl(exact) >= limit) {
        return isinf(actual) && (actual > 0) == (exact > 0) ? 0 : INFINITY;
    }
    if (isinf(actual)) {
        given = actual > 0 ? limit : -limit;
    }
    int exponent = min_exp;
    if (exact != 0) {
        (void)frexpl(exact, &exponent);
    }
    exponent = exponent < min_exp ? min_exp : exponent;
    return (double)ldexpl(fabsl(given - exact), digits - exponent);
}

static void test_errors(pb_dtype dtype, const pb_kernels *kernels, size_t n, const void *x) {
    void *y = reals(dtype, n);
    for (int f = 0; f < N_FUNCTIONS; f++) {
        double largest = 0, at = 0;
        compute(kernels, dtype, f, n, x, y);
        for (size_t i = 0; i < n; i++) {
            const double input = get(dtype, x, i);
            const double error =
                error_in_ulp(dtype, get(dtype, y, i), functions[f].reference((long double)input));
            if (error > largest) {
                largest = error;
                at = input;
            }
        }
        printf("    %-12s %s: %.3f ulp at %a\n", functions[f].name, dtype_name(dtype), largest, at);
        /* Where long double is double the reference is off by up to an ulp itself. */
        const double slack = dtype == PB_FLOAT64 && LDBL_MANT_DIG == DBL_MANT_DIG ? 1 : 0;
        CHECK(largest <= functions[f].bound[dtype] + slack, "%s at %a: %g ulp", functions[f].name,
              at, largest);
    }
    free(y);
}

/* ---- Bits ------------------------------------------------------------------------------------ */

static void test_bits(pb_dtype dtype, pb_isa isa, const pb_kernels *kernels, size_t n,
                      const void *x) {
    const pb_kernels *baseline = pb_kernels_of(PB_BASELINE, dtype);
    void *expected = reals(dtype, n), *y = reals(dtype, n);
    for (int f = 0; f < N_FUNCTIONS; f++) {
        compute(baseline, dtype, f, n, x, expected);
        compute(kernels, dtype, f, n, x, y);
        CHECK_BITS(dtype, n, y, expected, functions[f].name);
        /* Pieces of every short length, so that each input meets other lanes and other company. */
        size_t done = 0;
        for (size_t length = 1; done + length <= n; done += length, length = length % 35 + 1) {
            const size_t offset = done * item_size(dtype);
            compute(kernels, dtype, f, length, (const char *)x + offset, (char *)y + offset);
        }
        CHECK_BITS(dtype, done, y, expected, pb_isa_name(isa));
    }
    free(expected);
    free(y);
}

/* ---- Edges ----------------------------------------------------------------------------------- */

static void test_edges(pb_dtype dtype, const pb_kernels *kernels) {
    const double log_2 = rounded(dtype, LOG_2);
    /* clang-format off */
    const struct { int f; double x, y; } edges[] = {
        {EXP, 0, 1}, {EXP, -0.0, 1}, {EXP, INFINITY, INFINITY}, {EXP, -INFINITY, 0},
        {EXP, NAN, NAN},
        {LOG, 1, 0}, {LOG, 0, -INFINITY}, {LOG, -0.0, -INFINITY}, {LOG, INFINITY, INFINITY},
        {LOG, -1, NAN}, {LOG, -INFINITY, NAN}, {LOG, NAN, NAN},
        {TANH, 0, 0}, {TANH, -0.0, -0.0}, {TANH, INFINITY, 1}, {TANH, -INFINITY, -1},
        {TANH, NAN, NAN},
        {LOGISTIC, 0, 0.5}, {LOGISTIC, -0.0, 0.5}, {LOGISTIC, INFINITY, 1},
        {LOGISTIC, -INFINITY, 0}, {LOGISTIC, NAN, NAN},
        {LOG_LOGISTIC, 0, -log_2}, {LOG_LOGISTIC, INFINITY, -0.0},
        {LOG_LOGISTIC, -INFINITY, -INFINITY}, {LOG_LOGISTIC, NAN, NAN},
        {LOG_LOGISTIC, -1e30, rounded(dtype, -1e30)},
        {SOFTPLUS, INFINITY, INFINITY}, {SOFTPLUS, -INFINITY, 0}, {SOFTPLUS, 0, log_2},
        {SOFTPLUS, NAN, NAN},
        {ELU, INFINITY, INFINITY}, {ELU, -INFINITY, -1}, {ELU, -0.0, -0.0}, {ELU, NAN, NAN},
        {SILU, INFINITY, INFINITY}, {SILU, -INFINITY, 0}, {SILU, 0, 0}, {SILU, -0.0, -0.0},
        {SILU, 1e30, rounded(dtype, 1e30)}, {SILU, -1e30, 0}, {SILU, NAN, NAN},
        {MISH, INFINITY, INFINITY}, {MISH, -INFINITY, -0.0}, {MISH, 0, 0}, {MISH, -0.0, -0.0},
        {MISH, 1e30, rounded(dtype, 1e30)}, {MISH, -1e30, -0.0}, {MISH, NAN, NAN},
        {GELU, INFINITY, INFINITY}, {GELU, -INFINITY, 0}, {GELU, 0, 0}, {GELU, -0.0, -0.0},
        {GELU, 1e30, rounded(dtype, 1e30)}, {GELU, -1e30, 0}, {GELU, NAN, NAN},
        {GELU_TANH, INFINITY, INFINITY}, {GELU_TANH, -INFINITY, 0}, {GELU_TANH, 0, 0},
        {GELU_TANH, -0.0, -0.0}, {GELU_TANH, 1e30, rounded(dtype, 1e30)}, {GELU_TANH, -1e30, 0},
        {GELU_TANH, NAN, NAN},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        double x = 0, y = 0;
        put(dtype, &x, 0, edges[i].x);
        compute(kernels, dtype, edges[i].f, 1, &x, &y);
        const double actual = get(dtype, &y, 0);
        CHECK(same_bits(actual, edges[i].y) || (edges[i].f == LOG && actual == edges[i].y),
              "%s(%g) is %g, not %g: %s", functions[edges[i].f].name, edges[i].x, actual,
              edges[i].y, dtype_name(dtype));
    }

    /* relu(-0) is +0 and relu(NaN) is NaN, on every machine. */
    const double inputs[] = {-0.0, 0, -1, 1, NAN, INFINITY, -INFINITY, 0x1p-149, -0x1p-149};
    const double outputs[] = {0, 0, 0, 1, NAN, INFINITY, 0, 0x1p-149, 0};
    enum { N = sizeof inputs / sizeof inputs[0] };
    double z[N], a[N], expected[N];
    for (size_t i = 0; i < N; i++) {
        put(dtype, z, i, inputs[i]);
        put(dtype, expected, i, outputs[i]);
    }
    const pb_matrix matrix = plane_with_gaps(1, N, 0);
    kernels->activate[PB_ACTIVATION_relu](&matrix, z, a);
    CHECK_BITS(dtype, N, a, expected, "relu");
}

int main(void) {
    FOR_DTYPES(dtype) {
        void *x = reals(dtype, MAX_INPUTS);
        const size_t n = make_inputs(dtype, x);
        CHECK(n <= MAX_INPUTS, "%zu inputs", n);
        test_errors(dtype, pb_kernels_of(PB_BASELINE, dtype), n, x);
        FOR_VARIANTS(isa, dtype, kernels) {
            test_bits(dtype, isa, kernels, n, x);
            test_edges(dtype, kernels);
        }
        free(x);
    }
    return check_summary();
}
