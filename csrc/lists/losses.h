/* The losses: one row each, and nowhere else. A sample's loss is the sum over its outputs of
 *
 *     VALUE          l(y, a), with a = y_pred, for any output activation
 *     SLOPE          dl/da, likewise
 *     DEFAULT_OUTPUT the output activation of an estimator with this loss
 *     CANONICAL      the output activation whose Jacobian turns SLOPE into a - y; NONE without
 *     VALUE_IN_Z     l with the canonical output in the pre-activation z, where a saturated output
 *                    keeps its exact, finite loss. With softmax z arrives as z - logsumexp(z).
 *     TARGETS        smallest and largest target, whether the targets of a row must sum to one,
 *                    and the same in words
 *
 * Adding the row is all: where delta looks like an error is this one column, CANONICAL. */

/* clang-format off */
LOSS(squared_error,
    VALUE(v_mul(v_set1(REAL(0.5)), v_mul(v_sub(a, y), v_sub(a, y)))),
    SLOPE(v_sub(a, y)),
    DEFAULT_OUTPUT(identity), CANONICAL(identity),
    VALUE_IN_Z(v_mul(v_set1(REAL(0.5)), v_mul(v_sub(z, y), v_sub(z, y)))),
    TARGETS(-INFINITY, INFINITY, 0, "finite numbers"))

LOSS(binary_log_loss,
    VALUE(v_neg(v_add(v_xlogy(y, a), v_xlogy(v_sub(v_set1(1), y), v_sub(v_set1(1), a))))),
    SLOPE(v_sub(v_ratio(v_sub(v_set1(1), y), v_sub(v_set1(1), a)), v_ratio(y, a))),
    DEFAULT_OUTPUT(logistic), CANONICAL(logistic),
    VALUE_IN_Z(v_logistic_loss(y, z)),
    TARGETS(0, 1, 0, "numbers from 0 to 1"))

LOSS(log_loss,
    VALUE(v_neg(v_xlogy(y, a))),
    SLOPE(v_neg(v_ratio(y, a))),
    DEFAULT_OUTPUT(softmax), CANONICAL(softmax),
    VALUE_IN_Z(v_neg(v_select(v_eq(y, v_set1(0)), v_set1(0), v_mul(y, z)))),
    TARGETS(0, 1, 1, "numbers from 0 to 1 that sum to 1 in each row"))

/* Half the Poisson deviance: y log(y / a) - y + a. */
LOSS(poisson,
    VALUE(v_add(v_sub(v_poisson_log_term(y, v_log(a), a), y), a)),
    SLOPE(v_sub(v_set1(1), v_ratio(y, a))),
    DEFAULT_OUTPUT(exp), CANONICAL(exp),
    VALUE_IN_Z(v_add(v_sub(v_poisson_log_term(y, z, a), y), a)),
    TARGETS(0, INFINITY, 0, "finite numbers >= 0"))
/* clang-format on */

#undef LOSS
#undef VALUE
#undef SLOPE
#undef DEFAULT_OUTPUT
#undef CANONICAL
#undef VALUE_IN_Z
#undef TARGETS
