/* The activations: one row each, and nowhere else.
 *
 * An elementwise activation:
 *
 *     VALUE          f(z), a vector expression in z
 *     SLOPE_IN_A     f'(z), written in a = f(z); or
 *     SLOPE_IN_Z     f'(z), written in z (and a): the pre-activations are then kept
 *     LOG            log f(z) in z, exact where f(z) underflows; NO_LOG where nobody needs it
 *     INIT_FACTOR    initial weights are uniform within +-sqrt(factor / (fan in + fan out))
 *     PLACES         HIDDEN, OUTPUT or ANYWHERE
 *
 * A rowwise activation couples the units of a row; its kernels stand in kernels/softmax.h as
 * NAME_activate, NAME_log_activate, NAME_activate_and_log and NAME_vjp.
 *
 * Factors: Glorot & Bengio 2010 with scikit-learn's choice of 2 for the logistic and 6 for the
 * others. The vector operations are those of kernels/vec.h and kernels/exp_log_tanh.h. */

/* clang-format off */
ELEMENTWISE_ACTIVATION(identity,
    VALUE(z),
    SLOPE_IN_A(v_set1(1)),
    LOG(v_log(z)), INIT_FACTOR(6), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(logistic,
    VALUE(v_logistic(z)),
    SLOPE_IN_A(v_mul(a, v_sub(v_set1(1), a))),
    LOG(v_log_logistic(z)), INIT_FACTOR(2), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(tanh,
    VALUE(v_tanh(z)),
    SLOPE_IN_A(v_fnma(a, a, v_set1(1))),
    NO_LOG, INIT_FACTOR(6), PLACES(ANYWHERE))

/* relu(NaN) is NaN and relu(-0) is +0. Its slope at the kink is 0, as published. */
ELEMENTWISE_ACTIVATION(relu,
    VALUE(v_select(v_le(z, v_set1(0)), v_set1(0), z)),
    SLOPE_IN_A(v_select(v_gt(a, v_set1(0)), v_set1(1), v_set1(0))),
    NO_LOG, INIT_FACTOR(6), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(exp,
    VALUE(v_exp(z)),
    SLOPE_IN_A(a),
    LOG(z), INIT_FACTOR(6), PLACES(OUTPUT))

ROWWISE_ACTIVATION(softmax, INIT_FACTOR(6), PLACES(OUTPUT))
/* clang-format on */

#undef ELEMENTWISE_ACTIVATION
#undef ROWWISE_ACTIVATION
#undef VALUE
#undef SLOPE_IN_A
#undef SLOPE_IN_Z
#undef LOG
#undef NO_LOG
#undef INIT_FACTOR
#undef PLACES
