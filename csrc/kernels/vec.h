/* Defines vec, a vector of VLEN reals, and its operations, with one section per instruction set.
 * Each section serves both data types; all other kernels are one text for all instruction sets.
 *
 * The operations are IEEE-exact and the same on every instruction set: no reciprocal estimates,
 * and a fused multiply-add only where v_fma or v_fnma is written. Comparisons are false for NaN.
 *
 *     v_load v_store              VLEN reals, any alignment
 *     v_load_part v_store_part    the first n < VLEN; the rest is loaded as +0, not stored
 *     v_set1 v_neg v_abs v_add v_sub v_mul v_div v_sqrt
 *     v_fma(a, b, c)              a b + c, rounded once
 *     v_fnma(a, b, c)             c - a b, rounded once
 *     v_lt v_le v_gt v_eq v_and_mask v_select(mask, if true, if false)
 *     v_bits_and v_bits_or        on the bit patterns
 *     v_bits_shl v_bits_shr       by the width of the mantissa field
 *     v_bits(pattern)             the same bit pattern in every lane
 *     v_zip_low v_zip_high(a, b)  a0 b0 a1 b1 ..., from the lower or the upper halves
 *
 * Included by variant.h with PB_REAL_IS_DOUBLE and one of PB_ISA_BASELINE, _NEON, _AVX2, _AVX512.
 */

#if PB_REAL_IS_DOUBLE
typedef double real;
typedef uint64_t real_bits;
#    define MANTISSA_BITS             52
#    define EXPONENT_BIAS             1023
#    define REAL_MAX                  DBL_MAX
#    define REAL_MIN_NORMAL           DBL_MIN
#    define PICK(of_double, of_float) of_double
#else
typedef float real;
typedef uint32_t real_bits;
#    define MANTISSA_BITS             23
#    define EXPONENT_BIAS             127
#    define REAL_MAX                  FLT_MAX
#    define REAL_MIN_NORMAL           FLT_MIN
#    define PICK(of_double, of_float) of_float
#endif

#define REAL(x) ((real)(x))

/* Small functions must be inlined: calling one would pass vectors in memory. */
#if defined(__GNUC__) || defined(__clang__)
#    define INLINE static inline __attribute__((always_inline, unused))
#else
#    define INLINE static __forceinline
#endif

/* Prefetches a cache line; the address may be invalid. */
#if defined(__GNUC__) || defined(__clang__)
#    define PREFETCH(address) __builtin_prefetch(address)
#else
#    define PREFETCH(address) (void)(address)
#endif
#define IN_A_LINE ((ptrdiff_t)(64 / sizeof(real)))

/* ---- AVX-512 ------------------------------------------------------------------------------- */
#if PB_ISA_AVX512

#    define VLEN        PICK(8, 16)
#    define X(op)       PICK(_mm512_##op##_pd, _mm512_##op##_ps)
#    define TO_BITS     PICK(_mm512_castpd_si512, _mm512_castps_si512)
#    define OF_BITS     PICK(_mm512_castsi512_pd, _mm512_castsi512_ps)
#    define XI(op)      PICK(_mm512_##op##_epi64, _mm512_##op##_epi32)
#    define TILE_ROWS_1 8
#    define TILE_ROWS_2 8
#    define TILE_ROWS_3 8
#    define STRIP_ROWS  8

#    if PB_REAL_IS_DOUBLE
typedef __m512d vec;
typedef __mmask8 mask;
#    else
typedef __m512 vec;
typedef __mmask16 mask;
#    endif

INLINE mask first_lanes(size_t n) { return (mask)((1u << n) - 1u); }
INLINE vec v_load(const real *p) { return X(loadu)(p); }
INLINE void v_store(real *p, vec a) { X(storeu)(p, a); }
INLINE vec v_load_part(const real *p, size_t n) { return X(maskz_loadu)(first_lanes(n), p); }
INLINE void v_store_part(real *p, vec a, size_t n) { X(mask_storeu)(p, first_lanes(n), a); }
INLINE vec v_fma(vec a, vec b, vec c) { return X(fmadd)(a, b, c); }
INLINE vec v_fnma(vec a, vec b, vec c) { return X(fnmadd)(a, b, c); }
INLINE mask v_lt(vec a, vec b) {
    return PICK(_mm512_cmp_pd_mask, _mm512_cmp_ps_mask)(a, b, _CMP_LT_OQ);
}
INLINE mask v_le(vec a, vec b) {
    return PICK(_mm512_cmp_pd_mask, _mm512_cmp_ps_mask)(a, b, _CMP_LE_OQ);
}
INLINE mask v_eq(vec a, vec b) {
    return PICK(_mm512_cmp_pd_mask, _mm512_cmp_ps_mask)(a, b, _CMP_EQ_OQ);
}
INLINE mask v_and_mask(mask a, mask b) { return (mask)(a & b); }
INLINE vec v_select(mask m, vec a, vec b) { return X(mask_blend)(m, b, a); }
INLINE vec v_bits(real_bits pattern) { return OF_BITS(XI(set1)(PICK((long long), (int)) pattern)); }
INLINE vec v_bits_and(vec a, vec b) { return OF_BITS(XI (and)(TO_BITS(a), TO_BITS(b))); }
INLINE vec v_bits_or(vec a, vec b) { return OF_BITS(XI(or)(TO_BITS(a), TO_BITS(b))); }
INLINE vec v_bits_shl(vec a) { return OF_BITS(XI(slli)(TO_BITS(a), MANTISSA_BITS)); }
INLINE vec v_bits_shr(vec a) { return OF_BITS(XI(srli)(TO_BITS(a), MANTISSA_BITS)); }
INLINE vec v_zip(vec a, vec b, int first) {
#    if PB_REAL_IS_DOUBLE
    const __m512i zip = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
#    else
    const __m512i zip = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#    endif
    return X(permutex2var)(a, XI(add)(zip, XI(set1)(first)), b);
}
INLINE vec v_zip_low(vec a, vec b) { return v_zip(a, b, 0); }
INLINE vec v_zip_high(vec a, vec b) { return v_zip(a, b, VLEN / 2); }

/* ---- AVX2 with FMA ------------------------------------------------------------------------- */
#elif PB_ISA_AVX2

#    define VLEN        PICK(4, 8)
#    define X(op)       PICK(_mm256_##op##_pd, _mm256_##op##_ps)
#    define TO_BITS     PICK(_mm256_castpd_si256, _mm256_castps_si256)
#    define OF_BITS     PICK(_mm256_castsi256_pd, _mm256_castsi256_ps)
#    define XI(op)      PICK(_mm256_##op##_epi64, _mm256_##op##_epi32)
#    define TILE_ROWS_1 8
#    define TILE_ROWS_2 6
#    define TILE_ROWS_3 4
#    define STRIP_ROWS  12

#    if PB_REAL_IS_DOUBLE
typedef __m256d vec;
#    else
typedef __m256 vec;
#    endif
typedef vec mask;

INLINE __m256i first_lanes(size_t n) {
    /* VLEN ones, then VLEN zeros: the VLEN values from index VLEN - n on have n ones. */
    static const PICK(int64_t, int32_t) window[2 * VLEN] = {
        -1, -1, -1, -1,
#    if !PB_REAL_IS_DOUBLE
        -1, -1, -1, -1,
#    endif
    };
    return _mm256_loadu_si256((const __m256i *)(const void *)(window + VLEN - n));
}
INLINE vec v_load(const real *p) { return X(loadu)(p); }
INLINE void v_store(real *p, vec a) { X(storeu)(p, a); }
INLINE vec v_load_part(const real *p, size_t n) { return X(maskload)(p, first_lanes(n)); }
INLINE void v_store_part(real *p, vec a, size_t n) { X(maskstore)(p, first_lanes(n), a); }
INLINE vec v_fma(vec a, vec b, vec c) { return X(fmadd)(a, b, c); }
INLINE vec v_fnma(vec a, vec b, vec c) { return X(fnmadd)(a, b, c); }
INLINE mask v_lt(vec a, vec b) { return X(cmp)(a, b, _CMP_LT_OQ); }
INLINE mask v_le(vec a, vec b) { return X(cmp)(a, b, _CMP_LE_OQ); }
INLINE mask v_eq(vec a, vec b) { return X(cmp)(a, b, _CMP_EQ_OQ); }
INLINE mask v_and_mask(mask a, mask b) { return X (and)(a, b); }
INLINE vec v_select(mask m, vec a, vec b) { return X(blendv)(b, a, m); }
INLINE vec v_bits(real_bits pattern) {
    return OF_BITS(PICK(_mm256_set1_epi64x((long long)pattern), _mm256_set1_epi32((int)pattern)));
}
INLINE vec v_bits_and(vec a, vec b) { return X (and)(a, b); }
INLINE vec v_bits_or(vec a, vec b) { return X(or)(a, b); }
INLINE vec v_bits_shl(vec a) { return OF_BITS(XI(slli)(TO_BITS(a), MANTISSA_BITS)); }
INLINE vec v_bits_shr(vec a) { return OF_BITS(XI(srli)(TO_BITS(a), MANTISSA_BITS)); }
/* Unpacking zips each half separately; then the halves are combined. */
#    define HALVES PICK(_mm256_permute2f128_pd, _mm256_permute2f128_ps)
INLINE vec v_zip_low(vec a, vec b) { return HALVES(X(unpacklo)(a, b), X(unpackhi)(a, b), 0x20); }
INLINE vec v_zip_high(vec a, vec b) { return HALVES(X(unpacklo)(a, b), X(unpackhi)(a, b), 0x31); }

/* ---- ARM NEON (AArch64) -------------------------------------------------------------------- */
#elif PB_ISA_NEON

#    define VLEN        PICK(2, 4)
#    define X(op)       PICK(op##_f64, op##_f32)
#    define XU(op)      PICK(op##_u64, op##_u32)
#    define TO_BITS     PICK(vreinterpretq_u64_f64, vreinterpretq_u32_f32)
#    define OF_BITS     PICK(vreinterpretq_f64_u64, vreinterpretq_f32_u32)
#    define TILE_ROWS_1 8
#    define TILE_ROWS_2 8
#    define TILE_ROWS_3 8
#    define STRIP_ROWS  8

#    if PB_REAL_IS_DOUBLE
typedef float64x2_t vec;
typedef uint64x2_t mask;
#    else
typedef float32x4_t vec;
typedef uint32x4_t mask;
#    endif

INLINE vec v_load(const real *p) { return X(vld1q)(p); }
INLINE void v_store(real *p, vec a) { X(vst1q)(p, a); }
INLINE vec v_fma(vec a, vec b, vec c) { return X(vfmaq)(c, a, b); }
INLINE vec v_fnma(vec a, vec b, vec c) { return X(vfmsq)(c, a, b); }
INLINE mask v_lt(vec a, vec b) { return X(vcltq)(a, b); }
INLINE mask v_le(vec a, vec b) { return X(vcleq)(a, b); }
INLINE mask v_eq(vec a, vec b) { return X(vceqq)(a, b); }
INLINE mask v_and_mask(mask a, mask b) { return XU(vandq)(a, b); }
INLINE vec v_select(mask m, vec a, vec b) { return X(vbslq)(m, a, b); }
INLINE vec v_bits(real_bits pattern) { return OF_BITS(XU(vdupq_n)(pattern)); }
INLINE vec v_bits_and(vec a, vec b) { return OF_BITS(XU(vandq)(TO_BITS(a), TO_BITS(b))); }
INLINE vec v_bits_or(vec a, vec b) { return OF_BITS(XU(vorrq)(TO_BITS(a), TO_BITS(b))); }
INLINE vec v_bits_shl(vec a) { return OF_BITS(XU(vshlq_n)(TO_BITS(a), MANTISSA_BITS)); }
INLINE vec v_bits_shr(vec a) { return OF_BITS(XU(vshrq_n)(TO_BITS(a), MANTISSA_BITS)); }
INLINE vec v_zip_low(vec a, vec b) { return X(vzip1q)(a, b); }
INLINE vec v_zip_high(vec a, vec b) { return X(vzip2q)(a, b); }

INLINE vec v_set1(real x) { return X(vdupq_n)(x); }
INLINE vec v_add(vec a, vec b) { return X(vaddq)(a, b); }
INLINE vec v_sub(vec a, vec b) { return X(vsubq)(a, b); }
INLINE vec v_mul(vec a, vec b) { return X(vmulq)(a, b); }
INLINE vec v_div(vec a, vec b) { return X(vdivq)(a, b); }
INLINE vec v_sqrt(vec a) { return X(vsqrtq)(a); }

/* ---- Baseline: one lane of plain C, for every processor, and the oracle of the others -------- */
#else

#    define VLEN           1
#    define TILE_ROWS_1    4
#    define TILE_ROWS_2    4
#    define TILE_ROWS_3    4
#    define STRIP_ROWS     8
#    define WORK_PER_CHECK ((size_t)1 << 25) /* fma may be computed in software */

typedef real vec;
typedef int mask;

INLINE vec v_of_bits(real_bits b) {
    vec a;
    memcpy(&a, &b, sizeof a);
    return a;
}
INLINE real_bits v_to_bits(vec a) {
    real_bits b;
    memcpy(&b, &a, sizeof b);
    return b;
}
INLINE vec v_load(const real *p) { return *p; }
INLINE void v_store(real *p, vec a) { *p = a; }
INLINE vec v_fma(vec a, vec b, vec c) { return PICK(pb_fma, pb_fmaf)(a, b, c); }
INLINE vec v_fnma(vec a, vec b, vec c) { return PICK(pb_fma, pb_fmaf)(-a, b, c); }
INLINE mask v_lt(vec a, vec b) { return a < b; }
INLINE mask v_le(vec a, vec b) { return a <= b; }
INLINE mask v_eq(vec a, vec b) { return a == b; }
INLINE mask v_and_mask(mask a, mask b) { return a && b; }
INLINE vec v_select(mask m, vec a, vec b) { return m ? a : b; }
INLINE vec v_bits(real_bits pattern) { return v_of_bits(pattern); }
INLINE vec v_bits_and(vec a, vec b) { return v_of_bits(v_to_bits(a) & v_to_bits(b)); }
INLINE vec v_bits_or(vec a, vec b) { return v_of_bits(v_to_bits(a) | v_to_bits(b)); }
INLINE vec v_bits_shl(vec a) { return v_of_bits(v_to_bits(a) << MANTISSA_BITS); }
INLINE vec v_bits_shr(vec a) { return v_of_bits(v_to_bits(a) >> MANTISSA_BITS); }
INLINE vec v_zip_low(vec a, vec b) { return (void)b, a; }
INLINE vec v_zip_high(vec a, vec b) { return (void)a, b; }

INLINE vec v_set1(real x) { return x; }
INLINE vec v_add(vec a, vec b) { return a + b; }
INLINE vec v_sub(vec a, vec b) { return a - b; }
INLINE vec v_mul(vec a, vec b) { return a * b; }
INLINE vec v_div(vec a, vec b) { return a / b; }
INLINE vec v_sqrt(vec a) { return PICK(sqrt, sqrtf)(a); }

#endif

/* ---- Common to several instruction sets ------------------------------------------------------ */

#if PB_ISA_AVX2 || PB_ISA_AVX512
INLINE vec v_set1(real x) { return X(set1)(x); }
INLINE vec v_add(vec a, vec b) { return X(add)(a, b); }
INLINE vec v_sub(vec a, vec b) { return X(sub)(a, b); }
INLINE vec v_mul(vec a, vec b) { return X(mul)(a, b); }
INLINE vec v_div(vec a, vec b) { return X(div)(a, b); }
INLINE vec v_sqrt(vec a) { return X(sqrt)(a); }
#else
/* Without masked loads and stores, partial vectors are copied through memory. */
INLINE vec v_load_part(const real *p, size_t n) {
    real lanes[VLEN] = {0};
    memcpy(lanes, p, n * sizeof(real));
    return v_load(lanes);
}
INLINE void v_store_part(real *p, vec a, size_t n) {
    real lanes[VLEN];
    v_store(lanes, a);
    memcpy(p, lanes, n * sizeof(real));
}
#endif

/* A tile of a product is up to TILE_VECS vectors wide, and TILE_ROWS_1, _2 or _3 rows high for that
 * many vectors: as many sums as the registers hold. */
#define TILE_VECS     3
#define PANEL_COLUMNS (TILE_VECS * VLEN)
#ifndef WORK_PER_CHECK
#    define WORK_PER_CHECK ((size_t)1 << 29)
#endif

#define SIGN_BIT ((real_bits)1 << (8 * sizeof(real) - 1))

INLINE mask v_gt(vec a, vec b) { return v_lt(b, a); }
INLINE vec v_abs(vec a) { return v_bits_and(a, v_bits((real_bits)~SIGN_BIT)); }
INLINE vec v_neg(vec a) { return v_mul(a, v_set1(-1)); }
INLINE vec v_is_nan_or(vec a, vec b) { return v_select(v_eq(a, a), b, a); } /* a if NaN, else b */

/* Transposes a VLEN x VLEN matrix of vectors: zips the upper half of the rows into the lower half,
 * log2(VLEN) times. */
#define ZIP_ROUND                                                         \
    do {                                                                  \
        vec zipped[VLEN];                                                 \
        UNROLL for (size_t i = 0; 2 * i + 1 < VLEN; i++) {                \
            zipped[2 * i] = v_zip_low(rows[i], rows[i + VLEN / 2]);       \
            zipped[2 * i + 1] = v_zip_high(rows[i], rows[i + VLEN / 2]);  \
        }                                                                 \
        UNROLL for (size_t i = 0; i < VLEN; i++) { rows[i] = zipped[i]; } \
    } while (0)

INLINE void v_transpose(vec *rows) {
    if (VLEN > 1) {
        ZIP_ROUND;
    }
    if (VLEN > 2) {
        ZIP_ROUND;
    }
    if (VLEN > 4) {
        ZIP_ROUND;
    }
    if (VLEN > 8) {
        ZIP_ROUND;
    }
}

/* Loads or stores the first n lanes, or all if n >= VLEN. */
INLINE vec v_load_upto(const real *p, size_t n) {
    return n >= VLEN ? v_load(p) : v_load_part(p, n);
}
INLINE void v_store_upto(real *p, vec a, size_t n) {
    if (n >= VLEN) {
        v_store(p, a);
    } else {
        v_store_part(p, a, n);
    }
}
