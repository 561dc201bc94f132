/* The learning rate schedules: one row each, and nowhere else.
 *
 *     AFTER_EPOCH    the rate after n_samples samples, in rate (the present one),
 * s->learning_rate_init and s->power_t ON_PLATEAU     the rate to go on with once progress has
 * stalled; STOP ends the training */

/* clang-format off */
SCHEDULE(constant,   AFTER_EPOCH(rate), ON_PLATEAU(STOP))
SCHEDULE(invscaling, AFTER_EPOCH(s->learning_rate_init / pow((double)n_samples + 1, s->power_t)),
                     ON_PLATEAU(STOP))
SCHEDULE(adaptive,   AFTER_EPOCH(rate), ON_PLATEAU(rate <= 1e-6 ? STOP : rate / 5))
/* clang-format on */

#undef SCHEDULE
#undef AFTER_EPOCH
#undef ON_PLATEAU
