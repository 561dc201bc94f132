/* a b + c, rounded once. Where the target promises an instruction for it, that; elsewhere the
 * library's is not asked: some round twice (mingw-w64's do), and one that takes the instruction
 * apart in software can be far slower than what is here.
 *
 * Needs the default rounding, as all arithmetic here does (float_environment.h). */
#ifndef PB_EXACT_FMA_H
#define PB_EXACT_FMA_H

#include <float.h>
#include <math.h>

/* 16 speaks of _Float16 alone. */
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#    error "pybackprop promises exact arithmetic, in float and double: on x86 of 32 bits add \
-msse2 -mfpmath=sse, elsewhere look for what keeps more digits (FLT_EVAL_METHOD)"
#endif

/* Whether the target has the instruction, whatever processor it is. Say 0 to do without it. */
#ifndef PB_HAS_FMA
#    if defined(__FMA__) || defined(__aarch64__) || defined(__s390x__) || defined(__powerpc64__)
#        define PB_HAS_FMA 1
#    elif defined(FP_FAST_FMA) && defined(FP_FAST_FMAF)
#        define PB_HAS_FMA 1
#    else
#        define PB_HAS_FMA 0
#    endif
#endif

#if PB_HAS_FMA
static inline double pb_fma(double a, double b, double c) { return fma(a, b, c); }
static inline float pb_fmaf(float a, float b, float c) { return fmaf(a, b, c); }
#else
double pb_fma(double a, double b, double c);
float pb_fmaf(float a, float b, float c);
#endif

/* On any machine, without the instruction. */
double pb_exact_fma(double a, double b, double c);
float pb_exact_fmaf(float a, float b, float c);

#endif
