/* Elementary functions of the learning rate schedules, in double. They use operations of IEEE 754
 * only, so that every C library gives the same bits. */
#ifndef PB_PORTABLE_MATH_H
#define PB_PORTABLE_MATH_H

/* x^y for a finite x > 0 and a finite y, to 0.52 units in the last place where the result is
 * normal. */
double pb_pow(double x, double y);

/* (1 + cos(pi x)) / 2 for x in [0, 1]: decreases from exactly 1 to exactly 0. */
double pb_cosine_decay(double x);

#endif
