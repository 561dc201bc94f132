/* Helpers of the test programs: checks that print where they failed and with which values, arrays
 * of either data type, and a generator of numbers that are exact in both.
 *
 * A program makes its checks and ends with `return check_summary();`. */
#ifndef PB_CHECK_H
#define PB_CHECK_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fma.h"
#include "kernels/kernels.h"

/* ---- Checks -------------------------------------------------------------------------------- */

static long checks_made, checks_failed;

/* Failures past this many are counted, not printed: one defect may break thousands of checks. */
#define CHECKS_PRINTED 25

static inline int check_failed(const char *file, int line) {
    const int print = ++checks_failed <= CHECKS_PRINTED;
    if (print) {
        printf("%s:%d: ", file, line);
    }
    return print;
}

/* A condition; what follows is a printf format and values that say where it broke. */
#define CHECK(condition, ...)                                   \
    do {                                                        \
        checks_made++;                                          \
        if (!(condition) && check_failed(__FILE__, __LINE__)) { \
            printf("%s: ", #condition);                         \
            printf(__VA_ARGS__);                                \
            printf("\n");                                       \
        }                                                       \
    } while (0)

/* Two integers, a pb_status among them. */
#define CHECK_SAME(actual, expected, ...)                                                 \
    do {                                                                                  \
        const long long actual_ = (long long)(actual), expected_ = (long long)(expected); \
        checks_made++;                                                                    \
        if (actual_ != expected_ && check_failed(__FILE__, __LINE__)) {                   \
            printf("%s is %lld, not %lld: ", #actual, actual_, expected_);                \
            printf(__VA_ARGS__);                                                          \
            printf("\n");                                                                 \
        }                                                                                 \
    } while (0)

/* Two doubles within an absolute tolerance; a NaN is close to nothing. */
#define CHECK_CLOSE(actual, expected, tolerance, ...)                                          \
    do {                                                                                       \
        const double actual_ = (actual), expected_ = (expected);                               \
        checks_made++;                                                                         \
        if (!(fabs(actual_ - expected_) <= (tolerance)) && check_failed(__FILE__, __LINE__)) { \
            printf("%s is %.17g, not %.17g: ", #actual, actual_, expected_);                   \
            printf(__VA_ARGS__);                                                               \
            printf("\n");                                                                      \
        }                                                                                      \
    } while (0)

#define check_summary() check_summary_of(__FILE__)

static inline int check_summary_of(const char *path) {
    const char *slash = strrchr(path, '/');
    printf("%s: %ld checks, %ld failed\n", slash == NULL ? path : slash + 1, checks_made,
           checks_failed);
    return checks_failed == 0 && checks_made > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- Networks -------------------------------------------------------------------------------- */

/* One activation for each hidden layer, as pb_network_spec wants them: up to eight. */
#define EVERY_LAYER(name) ((const char *const[]){name, name, name, name, name, name, name, name})

/* ---- Arrays of either data type ------------------------------------------------------------ */

static inline size_t item_size(pb_dtype dtype) {
    return dtype == PB_FLOAT64 ? sizeof(double) : sizeof(float);
}

/* Exactly n elements, so that a sanitizer sees one step too far; filled with NaN, so that an
 * element nobody wrote is found. */
static inline void *reals(pb_dtype dtype, size_t n) {
    void *array = malloc(n * item_size(dtype) + (n == 0));
    if (array == NULL) {
        printf("out of memory\n");
        exit(EXIT_FAILURE);
    }
    memset(array, 0xff, n * item_size(dtype));
    return array;
}

static inline double get(pb_dtype dtype, const void *array, size_t i) {
    return dtype == PB_FLOAT64 ? ((const double *)array)[i] : (double)((const float *)array)[i];
}

static inline void put(pb_dtype dtype, void *array, size_t i, double value) {
    if (dtype == PB_FLOAT64) {
        ((double *)array)[i] = value;
    } else {
        ((float *)array)[i] = (float)value;
    }
}

/* A double as an element would hold it. For +, -, *, / and sqrt of two elements this is the
 * data type's own operation: 53 digits are enough for two roundings to be one (Figueroa 1995). */
static inline double rounded(pb_dtype dtype, double value) {
    return dtype == PB_FLOAT64 ? value : (double)(float)value;
}

static inline double fused(pb_dtype dtype, double a, double b, double c) {
    return dtype == PB_FLOAT64 ? pb_fma(a, b, c) : (double)pb_fmaf((float)a, (float)b, (float)c);
}

/* The same number to the last bit and sign; any NaN is any other. */
static inline int same_bits(double a, double b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static inline const char *dtype_name(pb_dtype dtype) {
    return dtype == PB_FLOAT64 ? "float64" : "float32";
}

static inline void check_bits(const char *file, int line, pb_dtype dtype, size_t n,
                              const void *actual, const void *expected, const char *what,
                              const char *where) {
    checks_made++;
    for (size_t i = 0; i < n; i++) {
        const double a = get(dtype, actual, i), e = get(dtype, expected, i);
        if (!same_bits(a, e)) {
            if (check_failed(file, line)) {
                printf("%s[%zu] is %a, not %a: %s %s\n", what, i, a, e, dtype_name(dtype), where);
            }
            return;
        }
    }
}

/* Two arrays of n elements; `where` is a string. */
#define CHECK_BITS(dtype, n, actual, expected, where) \
    check_bits(__FILE__, __LINE__, dtype, n, actual, expected, #actual, where)

/* ---- Numbers ------------------------------------------------------------------------------- */

static uint64_t draw_state = 1;

/* 32 bits of a linear congruential generator (Knuth's MMIX constants). */
static inline uint32_t draw_bits(void) {
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(draw_state >> 32);
}

static inline size_t draw_below(size_t n) { return draw_bits() % n; }

/* A signed integer of 22 bits times 2^-20: in [-2, 2), exact in both data types, and with
 * enough digits that a sum in another order rounds to another number. */
static inline double draw(void) { return ((double)(draw_bits() >> 10) - 0x1p21) * 0x1p-20; }

static inline void fill(pb_dtype dtype, void *array, size_t n, double scale) {
    for (size_t i = 0; i < n; i++) {
        put(dtype, array, i, draw() * scale);
    }
}

/* ---- The same penalty for every layer
 * ------------------------------------------------------------ */

enum { MAX_ALPHAS = 8 };

/* An array for pb_network_spec.alphas, which pb_network_new copies. */
#define SAME_ALPHAS(alpha)                                                                     \
    ((const double[MAX_ALPHAS]){(alpha), (alpha), (alpha), (alpha), (alpha), (alpha), (alpha), \
                                (alpha)})

/* A parameter that the loss allows, in the middle of its range; 1 where that has no end. */
static inline double usual_parameter(const char *loss) {
    pb_loss_info info = {0};
    for (size_t i = 0; pb_loss_at(i, &info) == PB_OK && strcmp(info.name, loss) != 0; i++) {
    }
    return isfinite(info.parameter_high) ? (info.parameter_low + info.parameter_high) / 2 : 1;
}

/* ---- Every instruction set × data type that this machine runs -------------------------------- */

#define FOR_DTYPES(dtype) for (pb_dtype dtype = PB_FLOAT32; dtype <= PB_FLOAT64; dtype++)

#define FOR_VARIANTS(isa, dtype, kernels)                     \
    for (pb_isa isa = PB_BASELINE; isa < PB_ISA_COUNT; isa++) \
        for (const pb_kernels *kernels = pb_kernels_of(isa, dtype); kernels != NULL; kernels = NULL)

#endif
