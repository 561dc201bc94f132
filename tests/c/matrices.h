/* Lays out matrices for tests (kernels/kernels.h): unit u of sample s is at
 * u * unit_stride + s * sample_stride, in an array that ends with the last element. */
#ifndef PLANES_H
#define PLANES_H

#include "check.h"

/* What kernels must leave alone is this before and after; the inputs have NaN there, from which no
 * kernel makes it. */
#define UNTOUCHED 42.0

static inline size_t whole_vectors(const pb_kernels *kernels, size_t n) {
    return (n + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
}

/* The samples of a unit side by side, the units `gap` elements apart. */
static inline pb_matrix plane_with_gaps(size_t n_units, size_t n_samples, size_t gap) {
    const pb_matrix matrix = {n_units, n_samples, n_samples + gap, 1};
    return matrix;
}

/* The units of a sample side by side: a table whose rows are samples. */
static inline pb_matrix plane_of_table(size_t n_units, size_t n_samples) {
    const pb_matrix matrix = {n_units, n_samples, 1, n_units};
    return matrix;
}

static inline size_t place_in(const pb_matrix *matrix, size_t u, size_t s) {
    return u * matrix->unit_stride + s * matrix->sample_stride;
}

static inline size_t plane_length(const pb_matrix *matrix) {
    return matrix->n_units == 0 || matrix->n_samples == 0
               ? 0
               : place_in(matrix, matrix->n_units - 1, matrix->n_samples - 1) + 1;
}

static inline void *filled_reals(pb_dtype dtype, size_t n, double value) {
    void *array = reals(dtype, n);
    for (size_t i = 0; i < n; i++) {
        put(dtype, array, i, value);
    }
    return array;
}

/* A matrix's array with the values of `units`, which is (n_units, n_samples) without gaps; `gap` is
 * what lies between them. */
static inline void *lay_out_plane(pb_dtype dtype, const pb_matrix *matrix, const void *units,
                                  double gap) {
    void *array = filled_reals(dtype, plane_length(matrix), gap);
    for (size_t u = 0; u < matrix->n_units; u++) {
        for (size_t s = 0; s < matrix->n_samples; s++) {
            put(dtype, array, place_in(matrix, u, s), get(dtype, units, u * matrix->n_samples + s));
        }
    }
    return array;
}

#endif
