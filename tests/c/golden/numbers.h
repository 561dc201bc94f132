/* Input of the golden bits: numbers made from integers by exact operations, so that they are the
 * same on every machine with any C library; and arrays of them, compared and hashed to the bit. */
#ifndef GOLDEN_NUMBERS_H
#define GOLDEN_NUMBERS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"
#include "pybackprop.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- What went wrong ----------------------------------------------------------------------- */

static long n_failures;

/* Past this many only the count goes on: one changed kernel may change every line. */
#define FAILURES_PRINTED 40

static void fail(const char *format, ...) {
    va_list values;
    if (++n_failures <= FAILURES_PRINTED) {
        va_start(values, format);
        vfprintf(stderr, format, values);
        va_end(values);
        fputc('\n', stderr);
    }
}

/* What must go well before there is anything to hash. */
static void require(pb_status status, const char *what) {
    if (status != PB_OK) {
        fprintf(stderr, "%s: %s\n", what, pb_status_message(status));
        exit(EXIT_FAILURE);
    }
}

/* ---- Integers ------------------------------------------------------------------------------ */

/* 64 bits that look random: place i of stream s (the finalizer of Steele et al. 2014, SplitMix). */
static uint64_t hashed(uint64_t s, uint64_t i) {
    uint64_t x = (s << 40 ^ i) * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t below(uint64_t n, uint64_t s, uint64_t i) { return hashed(s, i) % n; }

/* In [-1, 1) with all the digits that the data type has: a sum in another order, or a product
 * rounded once more or less, then is another number. */
static double fraction(pb_dtype dtype, uint64_t s, uint64_t i) {
    return dtype == PB_FLOAT64 ? ((double)(hashed(s, i) >> 11) - 0x1p52) * 0x1p-52
                               : ((double)(hashed(s, i) >> 40) - 0x1p23) * 0x1p-23;
}

/* ---- Arrays of either data type ------------------------------------------------------------ */

static size_t item_size(pb_dtype dtype) {
    return dtype == PB_FLOAT64 ? sizeof(double) : sizeof(float);
}

static const char *dtype_name(pb_dtype dtype) {
    return dtype == PB_FLOAT64 ? "float64" : "float32";
}

static void *allocate(size_t n, size_t size) {
    void *memory = malloc(n * size + 1);
    if (memory == NULL) {
        require(PB_NO_MEMORY, "golden_bits");
    }
    return memory;
}

/* Filled with NaN: what is read without having been written shows in everything after it. */
static void *reals(pb_dtype dtype, size_t n) {
    return memset(allocate(n, item_size(dtype)), 0xff, n * item_size(dtype));
}

static void *at(pb_dtype dtype, const void *array, ptrdiff_t i) {
    return (void *)((uintptr_t)array + (uintptr_t)(i * (ptrdiff_t)item_size(dtype)));
}

/* Only with a value that the data type holds exactly. */
static void put(pb_dtype dtype, void *array, size_t i, double value) {
    if (dtype == PB_FLOAT64) {
        ((double *)array)[i] = value;
    } else {
        ((float *)array)[i] = (float)value;
    }
}

/* The bits of element i; every NaN is the same one. */
static uint64_t bits_of(pb_dtype dtype, const void *array, size_t i) {
    if (dtype == PB_FLOAT64) {
        uint64_t b;
        memcpy(&b, (const double *)array + i, sizeof b);
        return (b & ~(UINT64_C(1) << 63)) > UINT64_C(0x7ff0000000000000)
                   ? UINT64_C(0x7ff8000000000000)
                   : b;
    }
    uint32_t b;
    memcpy(&b, (const float *)array + i, sizeof b);
    return (b & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : b;
}

static void set_bits(pb_dtype dtype, void *array, size_t i, uint64_t bits) {
    if (dtype == PB_FLOAT64) {
        memcpy((double *)array + i, &bits, sizeof bits);
    } else {
        const uint32_t low = (uint32_t)bits;
        memcpy((float *)array + i, &low, sizeof low);
    }
}

static int same_bits(pb_dtype dtype, size_t n, const void *a, const void *b) {
    for (size_t i = 0; i < n; i++) {
        if (bits_of(dtype, a, i) != bits_of(dtype, b, i)) {
            return 0;
        }
    }
    return 1;
}

/* Least significant byte first, whatever the machine has. */
static void hash_reals(sha256 *s, pb_dtype dtype, size_t n, const void *array) {
    const size_t size = item_size(dtype);
    for (size_t i = 0; i < n; i++) {
        const uint64_t bits = bits_of(dtype, array, i);
        uint8_t bytes[8];
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)(bits >> (8 * k));
        }
        sha256_add(s, bytes, size);
    }
}

#endif
