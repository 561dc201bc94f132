/* Long work asks its caller, by the clock, whether to go on. */
#ifndef PB_INTERRUPT_H
#define PB_INTERRUPT_H

#include "pybackprop.h"

/* Seconds of UTC, by a clock that is cheap to read. */
double pb_seconds(void);

/* PB_INTERRUPTED if the caller was asked now and said stop, PB_OK otherwise. */
pb_status pb_interrupt_poll(pb_interrupt *interrupt);

#endif
