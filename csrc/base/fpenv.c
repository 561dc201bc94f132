/* Uses FE_DFL_ENV of the C library, which also clears "flush to zero" and "denormals are zero" on
 * x86 (glibc, musl, macOS) and AArch64; C does not guarantee that, and tests/c checks it. With MSVC
 * the control word has bits for both. mingw-w64 changes neither these bits nor traps, so there the
 * control register of the SSE instructions is set directly. */
#include "base/fpenv.h"

#if defined(_MSC_VER)

#    include <float.h>

#    define CONTROLLED (_MCW_RC | _MCW_DN | _MCW_EM)

void pb_float_environment_enter(pb_float_environment *saved) {
    unsigned int now = 0;
    _controlfp_s(saved, 0, 0);
    _controlfp_s(&now, _RC_NEAR | _DN_SAVE | _MCW_EM, CONTROLLED);
}

void pb_float_environment_leave(const pb_float_environment *saved) {
    unsigned int now = 0;
    _controlfp_s(&now, *saved, CONTROLLED);
}

#elif defined(_WIN32) && defined(__x86_64__)

static void set_register(unsigned int value) { __asm__ volatile("ldmxcsr %0" : : "m"(value)); }

void pb_float_environment_enter(pb_float_environment *saved) {
    __asm__ volatile("stmxcsr %0" : "=m"(*saved));
    set_register(0x1f80); /* all exceptions masked, none raised; to nearest, nothing flushed */
}

void pb_float_environment_leave(const pb_float_environment *saved) { set_register(*saved); }

#else

void pb_float_environment_enter(pb_float_environment *saved) {
    fegetenv(saved);
    fesetenv(FE_DFL_ENV);
}

void pb_float_environment_leave(const pb_float_environment *saved) { fesetenv(saved); }

#endif
