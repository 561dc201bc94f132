#define PB_REAL_IS_DOUBLE 1
#define PB_VARIANT        pb_kernels_baseline_f64
#include "kernels/variant.h"
