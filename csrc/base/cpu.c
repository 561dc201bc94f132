/* Processor features. On x86 the operating system must save the wide registers too: the
 * compilers' own query looks at XCR0, and so does the one for compilers without it. */
#include "base/cpu.h"

#if defined(__x86_64__) || defined(_M_X64)
#    define PB_X86 1
#    if defined(_MSC_VER) && !defined(__clang__)
#        include <immintrin.h>
#        include <intrin.h>
#    endif
#endif

const char *pb_isa_name(pb_isa isa) {
    switch (isa) {
    case PB_BASELINE: return "baseline";
    case PB_NEON: return "neon";
    case PB_AVX2: return "avx2";
    case PB_AVX512: return "avx512";
    case PB_ISA_COUNT: break;
    }
    return "unknown";
}

#if defined(PB_X86) && defined(_MSC_VER) && !defined(__clang__)

static int x86_runs(pb_isa isa) {
    int leaf[4];
    __cpuid(leaf, 0);
    if (leaf[0] < 7) {
        return 0;
    }
    __cpuidex(leaf, 1, 0);
    const int has_fma = (leaf[2] >> 12) & 1;
    const int has_xsave = (leaf[2] >> 27) & 1;
    if (!has_fma || !has_xsave) {
        return 0;
    }
    const unsigned long long saved = _xgetbv(0);
    __cpuidex(leaf, 7, 0);
    const int ymm = (saved & 0x06) == 0x06;
    const int zmm = (saved & 0xe6) == 0xe6;
    return isa == PB_AVX2 ? ymm && ((leaf[1] >> 5) & 1) : zmm && ((leaf[1] >> 16) & 1);
}

#elif defined(PB_X86)

static int x86_runs(pb_isa isa) {
    if (!__builtin_cpu_supports("fma")) {
        return 0;
    }
    return isa == PB_AVX2 ? __builtin_cpu_supports("avx2") != 0
                          : __builtin_cpu_supports("avx512f") != 0;
}

#endif

int pb_isa_runnable(pb_isa isa) {
    switch (isa) {
    case PB_BASELINE: return 1;
    case PB_NEON:
#if defined(__aarch64__) || defined(_M_ARM64)
        return 1; /* part of the architecture */
#else
        return 0;
#endif
    case PB_AVX2:
    case PB_AVX512:
#if defined(PB_X86)
        return x86_runs(isa);
#else
        return 0;
#endif
    case PB_ISA_COUNT: break;
    }
    return 0;
}
