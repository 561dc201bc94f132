/* Polls by the clock: reading it takes some 20 ns, while the callback may have to acquire a lock.
 */
#include "base/interrupt.h"

#if defined(_WIN32)
#    define WIN32_LEAN_AND_MEAN
#    include <windows.h>

/* Some C libraries of Windows have no timespec_get. */
double pb_seconds(void) {
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (double)count.QuadPart / (double)frequency.QuadPart;
}

#else
#    include <time.h>

double pb_seconds(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif

pb_status pb_interrupt_poll(pb_interrupt *interrupt) {
    if (interrupt == NULL || interrupt->poll == NULL) {
        return PB_OK;
    }
    const double t = pb_seconds();
    /* Polls also if the clock was set back. */
    if (t - interrupt->last < interrupt->interval && t >= interrupt->last) {
        return PB_OK;
    }
    interrupt->last = t;
    return interrupt->poll(interrupt->context) ? PB_INTERRUPTED : PB_OK;
}
