#if defined(__aarch64__) || defined(_M_ARM64)
#    define PB_ISA_NEON       1
#    define PB_REAL_IS_DOUBLE 0
#    define PB_VARIANT        pb_kernels_neon_f32
#    include "kernels/variant.h"
#endif
