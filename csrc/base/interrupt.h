/* Interruption: long calls poll a callback at most once per `interval`. */
#ifndef PB_INTERRUPT_H
#define PB_INTERRUPT_H

#include "pybackprop.h"

/* Seconds of UTC, from a clock that is cheap to read. */
double pb_seconds(void);

/* Calls `poll` if `interval` has passed: PB_INTERRUPTED if it returns a value other than 0, PB_OK
 * otherwise. */
pb_status pb_interrupt_poll(pb_interrupt *interrupt);

#endif
