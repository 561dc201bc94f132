/* Compiles the kernels for one instruction set and data type. A .c file defines both and includes
 * this file. Instruction sets are selected by pragma instead of compiler flags, so that a plain
 * setup.py builds every variant.
 *
 * Requires PB_VARIANT (the name of the table), PB_REAL_IS_DOUBLE, and PB_ISA_AVX2 or the like
 * except for the baseline. */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fma.h"
#include "kernels/kernels.h"

#if defined(__FAST_MATH__)
#    error "pybackprop promises exact arithmetic: build it without -ffast-math or -Ofast"
#endif

#if PB_ISA_AVX2 || PB_ISA_AVX512
#    include <immintrin.h>
#elif PB_ISA_NEON
#    include <arm_neon.h>
#endif

#if defined(__clang__)
#    define UNROLL _Pragma("clang loop unroll(full)")
#    if PB_ISA_AVX2
#        pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#    elif PB_ISA_AVX512
#        pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), \
                                     apply_to = function)
#    endif
#elif defined(__GNUC__)
#    define UNROLL _Pragma("GCC unroll 16")
#    if PB_ISA_AVX2
#        pragma GCC push_options
#        pragma GCC target("avx2,fma")
#    elif PB_ISA_AVX512
#        pragma GCC push_options
#        pragma GCC target("avx512f,avx2,fma")
#    endif
#else
#    define UNROLL
#endif

#include "kernels/vec.h"

#include "kernels/elementary.h"

#include "kernels/loss_terms.h"

#include "kernels/gelu_silu_mish.h"

#include "kernels/elementwise.h"

#include "kernels/reduce.h"

#include "kernels/softmax.h"

#include "kernels/gemm.h"

#include "kernels/layout.h"

#include "kernels/sparse.h"

#include "kernels/optimizers.h"

#include "kernels/dropout.h"

const pb_kernels PB_VARIANT = {
    .item_size = sizeof(real),
    .lanes = VLEN,
    .panel_columns = PANEL_COLUMNS,
    .work_per_check = WORK_PER_CHECK,
    .product = product,
    .row_product = row_product,
    .csr_product = csr_product,
    .csr_transposed_product = csr_transposed_product,
    .activate =
        {
#define ELEMENTWISE_ACTIVATION(name, ...) name##_activate,
#define ROWWISE_ACTIVATION(name, ...)     name##_activate,
#include "registry/activations.def"
        },
    .log_activate =
        {
#define ELEMENTWISE_ACTIVATION(name, ...) name##_has_log ? name##_log_activate : NULL,
#define ROWWISE_ACTIVATION(name, ...)     name##_log_activate,
#include "registry/activations.def"
        },
    .activate_and_log =
        {
#define ELEMENTWISE_ACTIVATION(name, ...) NULL,
#define ROWWISE_ACTIVATION(name, ...)     name##_activate_and_log,
#include "registry/activations.def"
        },
    .vjp =
        {
#define ELEMENTWISE_ACTIVATION(name, ...) name##_vjp,
#define ROWWISE_ACTIVATION(name, ...)     name##_vjp,
#include "registry/activations.def"
        },
    .loss_value =
        {
#define LOSS(name, ...) name##_loss_value,
#include "registry/losses.def"
        },
    .loss_value_in_z =
        {
#define LOSS(name, ...) name##_loss_value_in_z,
#include "registry/losses.def"
        },
    .loss_gradient =
        {
#define LOSS(name, ...) name##_loss_gradient,
#include "registry/losses.def"
        },
    .loss_delta_in_z =
        {
#define LOSS(name, ...) name##_loss_delta_in_z,
#include "registry/losses.def"
        },
    .update =
        {
#define OPTIMIZER(name, ...) name##_update,
#include "registry/optimizers.def"
        },
    .finish_gradient = finish_gradient,
    .add_signs = add_signs,
    .limit_columns = limit_columns,
    .add_bias = add_bias,
    .add = add,
    .unit_sums = unit_sums,
    .panel_sums = panel_sums,
    .sum_of_squares = sum_of_squares,
    .sum_of_magnitudes = sum_of_magnitudes,
    .all_finite = all_finite,
    .draw_mask = draw_mask,
    .apply_mask = apply_mask,
    .mask_csr = mask_csr,
    .transpose = transpose,
    .gather = gather,
    .gather_targets = gather_targets,
    .pack_panels = pack_panels,
};

#if PB_ISA_AVX2 || PB_ISA_AVX512
#    if defined(__clang__)
#        pragma clang attribute pop
#    elif defined(__GNUC__)
#        pragma GCC pop_options
#    endif
#endif
