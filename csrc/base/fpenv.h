/* The floating-point environment of a thread: rounding mode, subnormal numbers and traps. Results
 * are defined to the last bit for the default environment: round to nearest, subnormal numbers
 * kept, no traps. A caller may have any other; some libraries set "flush to zero" for a whole
 * process. */
#ifndef PB_FPENV_H
#define PB_FPENV_H

#if defined(_MSC_VER) || (defined(_WIN32) && defined(__x86_64__))
typedef unsigned int pb_float_environment;
#else
#    include <fenv.h>
typedef fenv_t pb_float_environment;
#endif

/* Saves the calling thread's environment and sets the default one. */
void pb_float_environment_enter(pb_float_environment *saved);

/* Restores a saved environment, raised exceptions included (except with MSVC, which stores them
 * elsewhere): exceptions raised in between are discarded. */
void pb_float_environment_leave(const pb_float_environment *saved);

#endif
