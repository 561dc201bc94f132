/* Detects processor features. On x86 the operating system must save the wide registers too, which
 * XCR0 tells. The code uses cpuid itself, since __builtin_cpu_supports depends on the compiler's
 * runtime library, and the one of zig reports no feature at all. */
#include "base/cpu.h"

#if defined(__x86_64__) || defined(_M_X64)
#    define PB_X86 1
#    if defined(_MSC_VER) && !defined(__clang__)
#        include <immintrin.h>
#        include <intrin.h>
#    else
#        include <cpuid.h>
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

#if defined(PB_X86)

typedef struct registers {
    unsigned eax, ebx, ecx, edx;
} registers;

/* Reads a leaf of cpuid: all zeros if the processor does not have it. */
static registers cpuid(unsigned leaf) {
    registers r = {0, 0, 0, 0};
#    if defined(_MSC_VER) && !defined(__clang__)
    int words[4];
    __cpuid(words, 0);
    if ((unsigned)words[0] >= leaf) {
        __cpuidex(words, (int)leaf, 0);
        r = (registers){(unsigned)words[0], (unsigned)words[1], (unsigned)words[2],
                        (unsigned)words[3]};
    }
#    else
    __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
#    endif
    return r;
}

/* Returns the registers that the operating system saves: the low half of XCR0. */
static unsigned saved_registers(void) {
#    if defined(_MSC_VER) && !defined(__clang__)
    return (unsigned)_xgetbv(0);
#    else
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#    endif
}

static int x86_runs(pb_isa isa) {
    const registers basic = cpuid(1), extended = cpuid(7);
    const int has_fma = (basic.ecx >> 12) & 1;
    const int may_ask_xcr0 = (basic.ecx >> 27) & 1;
    if (!has_fma || !may_ask_xcr0) {
        return 0;
    }
    const unsigned saved = saved_registers();
    const int ymm = (saved & 0x06) == 0x06;
    const int zmm = (saved & 0xe6) == 0xe6;
    const int has_avx2 = (extended.ebx >> 5) & 1;
    const int has_avx512f = (extended.ebx >> 16) & 1;
    return ymm && has_avx2 && (isa == PB_AVX2 || (zmm && has_avx512f));
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
