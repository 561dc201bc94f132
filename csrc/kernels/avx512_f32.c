#if defined(__x86_64__) || defined(_M_X64)
#    define PB_ISA_AVX512     1
#    define PB_REAL_IS_DOUBLE 0
#    define PB_VARIANT        pb_kernels_avx512_f32
#    include "kernels/variant.h"
#endif
