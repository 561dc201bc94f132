/* The elementary functions of the schedules, in double: operations of IEEE 754 alone, so the same
 * bits with every C library. */
#ifndef PB_PORTABLE_MATH_H
#define PB_PORTABLE_MATH_H

/* x^y for a finite x > 0 and a finite y, to 0.52 units in the last place where the result is
 * normal. */
double pb_pow(double x, double y);

/* (1 + cos(pi x)) / 2 for x in [0, 1]: falls from exactly 1 to exactly 0, half a cosine. */
double pb_cosine_decay(double x);

#endif
