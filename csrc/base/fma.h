/* a b + c, rounded once: by the instruction where the target or this processor has it, elsewhere by
 * what is here. The C library's is not asked: some round twice (mingw-w64's do), and glibc's takes
 * twenty times as long without the instruction.
 *
 * Needs the default rounding, as all arithmetic here does (fpenv.h). */
#ifndef PB_FMA_H
#define PB_FMA_H

#include <float.h>
#include <math.h>

/* 16 speaks of _Float16 alone. */
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#    error "pybackprop promises exact arithmetic, in float and double: on x86 of 32 bits add \
-msse2 -mfpmath=sse, elsewhere look for what keeps more digits (FLT_EVAL_METHOD)"
#endif

/* Whether each processor of the target has the instruction. With PB_NO_FMA_INSTRUCTION it is used
 * nowhere, for tests of what stands in. */
#if defined(PB_NO_FMA_INSTRUCTION)
#    define PB_HAS_FMA 0
#elif defined(__FMA__) || defined(__aarch64__) || defined(__s390x__) || defined(__powerpc64__)
#    define PB_HAS_FMA 1
#elif defined(FP_FAST_FMA) && defined(FP_FAST_FMAF)
#    define PB_HAS_FMA 1
#else
#    define PB_HAS_FMA 0
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
