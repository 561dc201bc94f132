/* Fused multiply-add: a b + c, rounded once, with the instruction if the target or this processor
 * has it and in software otherwise. The C library's fma is not used: some round twice (mingw-w64),
 * and glibc's takes twenty times as long without the instruction.
 *
 * Requires the default rounding mode (fpenv.h). */
#ifndef PB_FMA_H
#define PB_FMA_H

#include <float.h>
#include <math.h>

/* 16 concerns _Float16 only. */
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#    error "pybackprop promises exact arithmetic, in float and double: on x86 of 32 bits add \
-msse2 -mfpmath=sse, elsewhere look for what keeps more digits (FLT_EVAL_METHOD)"
#endif

/* Whether every processor of the target has the instruction. PB_NO_FMA_INSTRUCTION disables it, for
 * tests of the software version. */
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

/* The software version, on any machine. */
double pb_exact_fma(double a, double b, double c);
float pb_exact_fmaf(float a, float b, float c);

#endif
