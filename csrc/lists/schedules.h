/* The learning rate schedules: one row each, and nowhere else.
 *
 *     FOR            the solvers it acts on: SGD alone, as scikit-learn's three do, or ALL
 *     RATE           the rate of a step, in rate (the present one), epoch (epochs done, a fraction
 *                    for the batches done of the present one), x (the share of the horizon that is
 *                    done, at most 1) and s (the pb_schedule)
 *     AFTER_EPOCH    the present rate after n_samples samples
 *     ON_PLATEAU     the rate to go on with once progress has stalled; STOP ends the training
 *
 * With pb_fall(x) = (1 + cos(pi x)) / 2 and pb_pow(x, y) = x^y from training/elementary.h. */

/* clang-format off */
SCHEDULE(constant,    FOR(SGD), RATE(rate), AFTER_EPOCH(rate), ON_PLATEAU(STOP))
SCHEDULE(invscaling,  FOR(SGD), RATE(rate),
    AFTER_EPOCH(s->learning_rate_init / pb_pow((double)n_samples + 1, s->power_t)),
    ON_PLATEAU(STOP))
SCHEDULE(adaptive,    FOR(SGD), RATE(rate), AFTER_EPOCH(rate),
    ON_PLATEAU(rate <= 1e-6 ? STOP : rate / 5))

/* Loshchilov & Hutter 2017, without restarts. */
SCHEDULE(cosine,      FOR(ALL), RATE(rate * pb_fall(x)), AFTER_EPOCH(rate), ON_PLATEAU(STOP))
SCHEDULE(linear,      FOR(ALL), RATE(rate * (1 - x)), AFTER_EPOCH(rate), ON_PLATEAU(STOP))
/* Smith & Topin 2019, with the usual constants: up to the peak in 30 %, from 1/25 of it, then down
 * to 1e-4 of that start. */
SCHEDULE(one_cycle,   FOR(ALL),
    RATE(x < 0.3 ? rate * (1 + (1 / 25.0 - 1) * pb_fall(x / 0.3))
                 : rate * (1 / 25e4 + (1 - 1 / 25e4) * pb_fall((x - 0.3) / 0.7))),
    AFTER_EPOCH(rate), ON_PLATEAU(STOP))
SCHEDULE(step,        FOR(ALL), RATE(rate * pb_pow(s->decay_rate, floor(epoch / s->decay_steps))),
    AFTER_EPOCH(rate), ON_PLATEAU(STOP))
SCHEDULE(exponential, FOR(ALL), RATE(rate * pb_pow(s->decay_rate, epoch / s->decay_steps)),
    AFTER_EPOCH(rate), ON_PLATEAU(STOP))
/* clang-format on */

#undef SCHEDULE
#undef FOR
#undef RATE
#undef AFTER_EPOCH
#undef ON_PLATEAU
