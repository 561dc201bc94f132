/* Selects the table of kernels at the first use: the best instruction set that this machine runs,
 * or the one that the environment variable PYBACKPROP_ISA names. The choice is the only state, and
 * threads that race for it write the same value. */
#include "kernels/kernels.h"

#if defined(_MSC_VER) && !defined(__clang__)
/* MSVC has no <stdatomic.h> in C mode; accesses to a volatile int are atomic there. */
typedef volatile int atomic_int;
#    define atomic_load(place)         (*(place))
#    define atomic_store(place, value) (*(place) = (value))
#else
#    include <stdatomic.h>
#endif
#include <stdlib.h>
#include <string.h>

#define UNDECIDED (-1)

static atomic_int chosen = UNDECIDED;

static const pb_kernels *table_of(pb_isa isa, pb_dtype dtype) {
    switch (isa) {
    case PB_BASELINE:
        return dtype == PB_FLOAT64 ? &pb_kernels_baseline_f64 : &pb_kernels_baseline_f32;
#if defined(__x86_64__) || defined(_M_X64)
    case PB_AVX2: return dtype == PB_FLOAT64 ? &pb_kernels_avx2_f64 : &pb_kernels_avx2_f32;
    case PB_AVX512: return dtype == PB_FLOAT64 ? &pb_kernels_avx512_f64 : &pb_kernels_avx512_f32;
#elif defined(__aarch64__) || defined(_M_ARM64)
    case PB_NEON: return dtype == PB_FLOAT64 ? &pb_kernels_neon_f64 : &pb_kernels_neon_f32;
#endif
    default: return NULL;
    }
}

const pb_kernels *pb_kernels_of(pb_isa isa, pb_dtype dtype) {
    return pb_isa_runnable(isa) ? table_of(isa, dtype) : NULL;
}

static pb_status choose(int *choice) {
    const char *wanted = getenv("PYBACKPROP_ISA");
    if (wanted == NULL || wanted[0] == '\0') {
        for (int isa = PB_ISA_COUNT - 1; isa >= 0; isa--) {
            if (pb_isa_runnable((pb_isa)isa)) {
                *choice = isa;
                return PB_OK;
            }
        }
    }
    for (int isa = 0; wanted != NULL && isa < PB_ISA_COUNT; isa++) {
        if (strcmp(wanted, pb_isa_name((pb_isa)isa)) == 0) {
            *choice = isa;
            return pb_isa_runnable((pb_isa)isa) ? PB_OK : PB_ISA_NOT_RUNNABLE;
        }
    }
    return PB_UNKNOWN_ISA;
}

static pb_status decide(int *choice) {
    *choice = atomic_load(&chosen);
    if (*choice == UNDECIDED) {
        const pb_status status = choose(choice);
        if (status != PB_OK) {
            return status;
        }
        atomic_store(&chosen, *choice);
    }
    return PB_OK;
}

pb_status pb_kernels_chosen(pb_dtype dtype, const pb_kernels **kernels) {
    int choice = UNDECIDED;
    if (dtype != PB_FLOAT32 && dtype != PB_FLOAT64) {
        return PB_BAD_ARGUMENT;
    }
    const pb_status status = decide(&choice);
    if (status == PB_OK) {
        /* Uses no cpuid, which takes microseconds in a virtual machine. */
        *kernels = table_of((pb_isa)choice, dtype);
    }
    return status;
}

pb_status pb_isa_chosen(const char **name) {
    int choice = UNDECIDED;
    const pb_status status = decide(&choice);
    if (status == PB_OK) {
        *name = pb_isa_name((pb_isa)choice);
    }
    return status;
}

pb_status pb_isa_at(size_t index, const char **name, int *runnable) {
    if (index >= PB_ISA_COUNT) {
        return PB_BAD_ARGUMENT;
    }
    *name = pb_isa_name((pb_isa)index);
    *runnable = pb_isa_runnable((pb_isa)index);
    return PB_OK;
}

const char *pb_compiler(void) {
#define WORDS(x)  #x
#define NUMBER(x) WORDS(x)
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#elif defined(_MSC_VER)
    return "msvc " NUMBER(_MSC_VER);
#else
    return "an unknown compiler";
#endif
}

const char *pb_version(void) { return PB_VERSION; }
