/* The losses: one row each, and nowhere else. A sample's loss is the sum over its outputs of
 *
 *     VALUE          l(y, a), with a = y_pred, for any output activation
 *     SLOPE          dl/da, likewise
 *     DEFAULT_OUTPUT the output activation of an estimator with this loss
 *     CANONICAL      the output activation whose Jacobian turns SLOPE into a - y; NONE without
 *     VALUE_IN_Z     l with the default output in the pre-activation z, where a saturated output
 *                    keeps its exact, finite loss. With softmax z arrives as z - logsumexp(z).
 *     DELTA_IN_Z     delta = dl/dz with the default output, where SLOPE and Jacobian may have
 *                    overflowed; here z is the output's own
 *     PARAMETER      `parameter` in the formulas: its name for users, lowest and highest value,
 *                    and whether these belong; NO_PARAMETER without
 *     TARGETS        smallest and largest target, whether the smallest belongs, whether the targets
 *                    of a row must sum to one, and the same in words
 *     PREDICTIONS    lowest and highest y_pred, and whether these belong
 *
 * Adding the row is all: where delta looks like an error is this one column, CANONICAL. Where a
 * slope jumps (absolute_error and quantile at a = y), it is 0, which is a subgradient.
 *
 * Huber 1964 has the loss of that name, Koenker & Bassett 1978 that of a quantile; deviances are
 * those of McCullagh & Nelder 1989, halved, and complete: 0 at a = y. */

/* clang-format off */
LOSS(squared_error,
    VALUE(v_mul(v_set1(REAL(0.5)), v_mul(v_sub(a, y), v_sub(a, y)))),
    SLOPE(v_sub(a, y)),
    DEFAULT_OUTPUT(identity), CANONICAL(identity),
    VALUE_IN_Z(v_mul(v_set1(REAL(0.5)), v_mul(v_sub(z, y), v_sub(z, y)))),
    DELTA_IN_Z(v_sub(a, y)),
    NO_PARAMETER,
    TARGETS(-INFINITY, INFINITY, 1, 0, "finite numbers"),
    PREDICTIONS(-INFINITY, INFINITY, 1))

LOSS(absolute_error,
    VALUE(v_abs(v_sub(a, y))),
    SLOPE(v_sign(v_sub(a, y))),
    DEFAULT_OUTPUT(identity), CANONICAL(NONE),
    VALUE_IN_Z(v_abs(v_sub(z, y))),
    DELTA_IN_Z(v_sign(v_sub(z, y))),
    NO_PARAMETER,
    TARGETS(-INFINITY, INFINITY, 1, 0, "finite numbers"),
    PREDICTIONS(-INFINITY, INFINITY, 1))

/* Half the square up to the parameter, from there on a line. */
LOSS(huber,
    VALUE(v_huber_loss(v_sub(a, y), parameter)),
    SLOPE(v_max(v_min(v_sub(a, y), parameter), v_neg(parameter))),
    DEFAULT_OUTPUT(identity), CANONICAL(NONE),
    VALUE_IN_Z(v_huber_loss(v_sub(z, y), parameter)),
    DELTA_IN_Z(v_max(v_min(v_sub(z, y), parameter), v_neg(parameter))),
    PARAMETER(huber_delta, 0, INFINITY, 0),
    TARGETS(-INFINITY, INFINITY, 1, 0, "finite numbers"),
    PREDICTIONS(-INFINITY, INFINITY, 1))

LOSS(quantile,
    VALUE(v_mul(v_quantile_slope(v_sub(a, y), parameter), v_sub(a, y))),
    SLOPE(v_quantile_slope(v_sub(a, y), parameter)),
    DEFAULT_OUTPUT(identity), CANONICAL(NONE),
    VALUE_IN_Z(v_mul(v_quantile_slope(v_sub(z, y), parameter), v_sub(z, y))),
    DELTA_IN_Z(v_quantile_slope(v_sub(z, y), parameter)),
    PARAMETER(quantile, 0, 1, 1),
    TARGETS(-INFINITY, INFINITY, 1, 0, "finite numbers"),
    PREDICTIONS(-INFINITY, INFINITY, 1))

LOSS(binary_log_loss,
    VALUE(v_neg(v_add(v_xlogy(y, a), v_xlogy(v_sub(v_set1(1), y), v_sub(v_set1(1), a))))),
    SLOPE(v_sub(v_ratio(v_sub(v_set1(1), y), v_sub(v_set1(1), a)), v_ratio(y, a))),
    DEFAULT_OUTPUT(logistic), CANONICAL(logistic),
    VALUE_IN_Z(v_logistic_loss(y, z)),
    DELTA_IN_Z(v_sub(a, y)),
    NO_PARAMETER,
    TARGETS(0, 1, 1, 0, "numbers from 0 to 1"),
    PREDICTIONS(0, 1, 1))

LOSS(log_loss,
    VALUE(v_neg(v_xlogy(y, a))),
    SLOPE(v_neg(v_ratio(y, a))),
    DEFAULT_OUTPUT(softmax), CANONICAL(softmax),
    VALUE_IN_Z(v_neg(v_select(v_eq(y, v_set1(0)), v_set1(0), v_mul(y, z)))),
    DELTA_IN_Z(v_sub(a, y)),
    NO_PARAMETER,
    TARGETS(0, 1, 1, 1, "numbers from 0 to 1 that sum to 1 in each row"),
    PREDICTIONS(0, 1, 1))

/* Half the Poisson deviance: y log(y / a) - y + a. */
LOSS(poisson,
    VALUE(v_add(v_sub(v_poisson_log_term(y, v_log(a), a), y), a)),
    SLOPE(v_sub(v_set1(1), v_ratio(y, a))),
    DEFAULT_OUTPUT(exp), CANONICAL(exp),
    VALUE_IN_Z(v_add(v_sub(v_poisson_log_term(y, z, a), y), a)),
    DELTA_IN_Z(v_sub(a, y)),
    NO_PARAMETER,
    TARGETS(0, INFINITY, 1, 0, "finite numbers >= 0"),
    PREDICTIONS(0, INFINITY, 0))

/* Half the gamma deviance: y / a - 1 - log(y / a). */
LOSS(gamma,
    VALUE(v_gamma_loss(y, v_log(a), a)),
    SLOPE(v_div(v_sub(v_set1(1), v_div(y, a)), a)),
    DEFAULT_OUTPUT(exp), CANONICAL(NONE),
    VALUE_IN_Z(v_gamma_loss(y, z, a)),
    DELTA_IN_Z(v_sub(v_set1(1), v_over_exp(y, z))),
    NO_PARAMETER,
    TARGETS(0, INFINITY, 0, 0, "finite numbers > 0"),
    PREDICTIONS(0, INFINITY, 0))

/* Half the Tweedie deviance of power p, the parameter; with p at its ends that of Poisson and of
 * gamma: y^(2-p) / ((1-p) (2-p)) - y a^(1-p) / (1-p) + a^(2-p) / (2-p). */
LOSS(tweedie,
    VALUE(v_tweedie_loss(y, v_log(a), parameter)),
    SLOPE(v_tweedie_slope(y, a, parameter)),
    DEFAULT_OUTPUT(exp), CANONICAL(NONE),
    VALUE_IN_Z(v_tweedie_loss(y, z, parameter)),
    DELTA_IN_Z(v_tweedie_delta(y, z, parameter)),
    PARAMETER(power, 1, 2, 0),
    TARGETS(0, INFINITY, 1, 0, "finite numbers >= 0"),
    PREDICTIONS(0, INFINITY, 0))
/* clang-format on */

#undef LOSS
#undef VALUE
#undef SLOPE
#undef DEFAULT_OUTPUT
#undef CANONICAL
#undef VALUE_IN_Z
#undef DELTA_IN_Z
#undef PARAMETER
#undef NO_PARAMETER
#undef TARGETS
#undef PREDICTIONS
