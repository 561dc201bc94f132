/* Tests the fused multiply-add of the core and its software version on cases that are hard to
 * round: against recorded hashes, which tests/core/test_fma.py computes from the same cases in
 * integers, and against each other in the kernels of every variant. */
#include "check.h"
#include "golden/sha256.h"

/* After a change of the cases, take the new hashes from tests/core/test_fma.py. */
#define FLOAT32_HASH "9273ad57324feb04afecc3b411c8c19c26c0081ab6d15bca9b684e47216be4b4"
#define FLOAT64_HASH "e28e84e0b481d00f01cd6dabbe6b84da962abc8e366ed7305da811ff4a48ac9b"

enum { N_CASES = 100000 };

/* ---- Numbers of a data type as integers ------------------------------------------------------ */

/* Widths of the fields of a number, and their limits. */
typedef struct format {
    pb_dtype dtype;
    int fraction_bits, bias, infinite;
    uint64_t sign, fraction;
} format;

static const format formats[] = {
    {PB_FLOAT32, 23, 127, 255, UINT64_C(1) << 31, (UINT64_C(1) << 23) - 1},
    {PB_FLOAT64, 52, 1023, 2047, UINT64_C(1) << 63, (UINT64_C(1) << 52) - 1}};

static double of_bits(const format *f, uint64_t bits) {
    double x;
    float y;
    const uint32_t low = (uint32_t)bits;
    memcpy(&x, &bits, sizeof x);
    memcpy(&y, &low, sizeof y);
    return f->dtype == PB_FLOAT64 ? x : (double)y;
}

static uint64_t bits_of(const format *f, double value) {
    const float y = (float)value;
    uint64_t bits;
    uint32_t low;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&low, &y, sizeof low);
    return f->dtype == PB_FLOAT64 ? bits : low;
}

static int is_nan(const format *f, uint64_t bits) {
    return (bits & ~f->sign) > (uint64_t)f->infinite << f->fraction_bits;
}

/* ---- Cases: tests/core/test_fma.py has the same text in Python
 * ------------------------------------ */

/* Few ones, many ones in a row, or any: products of these end just beside the middle between two
 * numbers, or exactly there. */
static uint64_t hard_fraction(const format *f) {
    const uint32_t kind = draw_bits() % 8;
    const uint64_t one = 1, j = draw_bits() % (uint32_t)f->fraction_bits;
    uint64_t any = draw_bits();
    any = any << 32 | draw_bits();
    switch (kind) {
    case 0: return 0;
    case 1: return one << j;
    case 2: return f->fraction & ~((one << j) - 1);
    case 3: return f->fraction >> j;
    case 4: return any % 16 << (f->fraction_bits - 4);
    case 5: return one << j | one << any % (uint64_t)f->fraction_bits;
    default: return any & f->fraction;
    }
}

static int below(int n) { return (int)(draw_bits() % (uint32_t)n); }

/* Fields of the exponents of a, b and c; the product's is to be about `product` then. */
static void hard_exponents(const format *f, int relation, int e[3]) {
    const int half_below = -f->fraction_bits - 1; /* the first digit that c has not */
    const int largest = f->infinite - 1;
    const int edges[] = {0, 0, 1, f->bias, largest, f->infinite};
    for (int i = 0; i < 3; i++) {
        e[i] = below(f->infinite + 1);
    }
    const int spread = below(2 * f->fraction_bits + 8), near = below(3) - 1;
    const int half = below(f->bias) - f->bias / 2;
    int product;
    switch (relation) {
    case 0: return; /* any */
    case 1:
    case 7: product = e[2] + spread - f->fraction_bits - 4; break;        /* they overlap */
    case 2: product = e[2] + half_below + near; break;                    /* half a digit of c */
    case 3: product = e[2] - half_below + near; break;                    /* of the product */
    case 4: e[2] = spread % 3, product = half_below - 1 + spread; break;  /* subnormal */
    case 5: e[2] = largest - spread % 2, product = largest - near; break; /* overflow */
    case 6: e[2] = largest, product = e[2] + half_below + near; break;    /* and just not */
    default: e[0] = edges[e[0] % 6], e[1] = edges[e[1] % 6], e[2] = edges[e[2] % 6]; return;
    }
    e[0] = (product + f->bias) / 2 + half;
    e[1] = product + f->bias - e[0];
    for (int i = 0; i < 2; i++) {
        e[i] = e[i] < 0 ? 0 : e[i] > largest ? largest : e[i];
    }
}

static void hard_case(const format *f, int i, uint64_t bits[3]) {
    int e[3];
    hard_exponents(f, i % 9, e);
    for (int k = 0; k < 3; k++) {
        const uint64_t sign = below(2) ? f->sign : 0, fraction = hard_fraction(f);
        bits[k] = sign | (uint64_t)e[k] << f->fraction_bits | fraction;
    }
    const int step = below(5) - 2;
    if (i % 9 == 7) { /* c is the product, but for its sign and some last digits */
        const double product = rounded(f->dtype, of_bits(f, bits[0]) * of_bits(f, bits[1]));
        const uint64_t c = bits_of(f, product);
        bits[2] = is_nan(f, c) ? bits[2] : ((c ^ f->sign) + (uint64_t)(int64_t)step);
        bits[2] &= f->sign | (f->sign - 1);
    }
}

/* ---- Their results --------------------------------------------------------------------------- */

typedef double fused_of(const format *f, double a, double b, double c);

static double used(const format *f, double a, double b, double c) {
    return f->dtype == PB_FLOAT64 ? pb_fma(a, b, c) : (double)pb_fmaf((float)a, (float)b, (float)c);
}

static double exact(const format *f, double a, double b, double c) {
    return f->dtype == PB_FLOAT64 ? pb_exact_fma(a, b, c)
                                  : (double)pb_exact_fmaf((float)a, (float)b, (float)c);
}

/* The first byte is the least significant; every NaN is one. */
static void check_hash(const format *f, fused_of *fused_, const char *recorded, const char *what) {
    sha256 s;
    char hex[SHA256_HEX];
    sha256_start(&s);
    draw_state = 1;
    for (int i = 0; i < N_CASES; i++) {
        uint64_t in[3];
        uint8_t bytes[8];
        hard_case(f, i, in);
        uint64_t out =
            bits_of(f, fused_(f, of_bits(f, in[0]), of_bits(f, in[1]), of_bits(f, in[2])));
        if (is_nan(f, out)) {
            out = (uint64_t)f->infinite << f->fraction_bits | UINT64_C(1) << (f->fraction_bits - 1);
        }
        for (int k = 0; k < 8; k++) {
            bytes[k] = (uint8_t)(out >> (8 * k));
        }
        sha256_add(&s, bytes, item_size(f->dtype));
    }
    sha256_finish(&s, hex);
    CHECK(strcmp(hex, recorded) == 0, "%s, %s: the hash is %s", what, dtype_name(f->dtype), hex);
}

/* Some cases side by side, so that they fill vectors and leave a rest: 1 c, then a b is added. */
static void check_kernels(const format *f) {
    enum { N = 37 };
    draw_state = 1;
    for (int first = 0; first + N <= N_CASES; first += N) {
        double a[N], b[N], c[N];
        void *rows = reals(f->dtype, 2 * N), *expected = reals(f->dtype, N);
        void *factors = reals(f->dtype, 2), *row = reals(f->dtype, N);
        for (size_t i = 0; i < N; i++) {
            uint64_t in[3];
            hard_case(f, first + (int)i, in);
            a[i] = of_bits(f, in[0]);
            b[i] = of_bits(f, in[1]);
            c[i] = of_bits(f, in[2]) + 0.0; /* as the sum begins with +0 */
            put(f->dtype, rows, i, c[i]);
            put(f->dtype, rows, N + i, b[i]);
        }
        for (size_t i = 0; i < N; i += 6) {
            put(f->dtype, factors, 0, 1);
            put(f->dtype, factors, 1, a[i]);
            for (size_t j = 0; j < N; j++) {
                put(f->dtype, expected, j, exact(f, a[i], b[j], c[j]));
            }
            FOR_VARIANTS(isa, f->dtype, kernels) {
                kernels->row_product(2, N, factors, rows, row);
                CHECK_BITS(f->dtype, N, row, expected, pb_isa_name(isa));
            }
        }
        free(rows);
        free(expected);
        free(factors);
        free(row);
    }
}

int main(void) {
    for (size_t i = 0; i < 2; i++) {
        const format *f = &formats[i];
        const char *hash = f->dtype == PB_FLOAT64 ? FLOAT64_HASH : FLOAT32_HASH;
        check_hash(f, used, hash, "what the core uses");
        check_hash(f, exact, hash, "without an instruction");
        check_kernels(f);
    }
    return check_summary();
}
