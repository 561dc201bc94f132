#define PB_REAL_IS_DOUBLE 0
#define PB_VARIANT        pb_kernels_baseline_f32
#include "kernels/variant.h"
