/* The floating-point environment of a thread: how it rounds, whether it keeps subnormal numbers,
 * which exceptions trap. Results are promised to the last bit for the default one: to nearest, all
 * subnormal numbers kept, no traps. Any other may be set when a caller comes in; some libraries set
 * "flush to zero" for a whole process. */
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

/* Puts a saved environment back, raised exceptions included (but for MSVC, which keeps those
 * apart): what was raised in between is forgotten. */
void pb_float_environment_leave(const pb_float_environment *saved);

#endif
