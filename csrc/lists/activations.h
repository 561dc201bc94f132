/* The activations: one row each, and nowhere else.
 *
 * An elementwise activation:
 *
 *     VALUE          f(z), a vector expression in z
 *     SLOPE_IN_A     f'(z), written in a = f(z); or
 *     SLOPE_IN_Z     f'(z), written in z (and a): the pre-activations are then kept
 *     LOG            log f(z) in z, exact where f(z) underflows; NO_LOG where nobody needs it
 *     RANGE          the values that f takes: FROM or ABOVE a low end, TO or BELOW a high one,
 *                    FROM and TO where the end itself is a value
 *     INIT           initial weights are uniform within +-sqrt(factor / (fan in + fan out)),
 *                    FAN_IN_AND_OUT, or within +-sqrt(factor / fan in), FAN_IN
 *     PLACES         HIDDEN, OUTPUT or ANYWHERE
 *
 * A rowwise activation couples the units of a row; its kernels stand in kernels/softmax.h as
 * NAME_activate, NAME_log_activate, NAME_activate_and_log and NAME_vjp.
 *
 * f(NaN) is NaN. A slope is written in a only where a still has all that it takes: elu's e^z, for
 * one, is lost in a = e^z - 1. At a kink the slope is that of one side, as published: 0 for relu.
 *
 * Initial weights: Glorot & Bengio 2010 (6, FAN_IN_AND_OUT), for the logistic with scikit-learn's 2
 * and for relu as scikit-learn has it; He et al. 2015 for the other rectifiers, with their
 * 6 / (1 + slope^2) for leaky_relu, as Clevert et al. 2016 do for elu; LeCun et al. 1998, a
 * variance of 1 / fan in, for selu, whose fixed point stands on it. Keras starts from Glorot's for
 * any activation, which softplus, hard_sigmoid and hard_tanh get.
 *
 * The vector operations are those of kernels/vec.h, kernels/exp_log_tanh.h and
 * kernels/rectifiers.h. */

/* clang-format off */
ELEMENTWISE_ACTIVATION(identity,
    VALUE(z),
    SLOPE_IN_A(v_set1(1)),
    LOG(v_log(z)), RANGE(ABOVE(-INFINITY), BELOW(INFINITY)), INIT(6, FAN_IN_AND_OUT),
    PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(logistic,
    VALUE(v_logistic(z)),
    SLOPE_IN_A(v_mul(a, v_sub(v_set1(1), a))),
    LOG(v_log_logistic(z)), RANGE(ABOVE(0), BELOW(1)), INIT(2, FAN_IN_AND_OUT), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(tanh,
    VALUE(v_tanh(z)),
    SLOPE_IN_A(v_fnma(a, a, v_set1(1))),
    NO_LOG, RANGE(ABOVE(-1), BELOW(1)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

/* relu(NaN) is NaN and relu(-0) is +0. Its slope at the kink is 0, as published. */
ELEMENTWISE_ACTIVATION(relu,
    VALUE(v_select(v_le(z, v_set1(0)), v_set1(0), z)),
    SLOPE_IN_A(v_select(v_gt(a, v_set1(0)), v_set1(1), v_set1(0))),
    NO_LOG, RANGE(FROM(0), BELOW(INFINITY)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(exp,
    VALUE(v_exp(z)),
    SLOPE_IN_A(a),
    LOG(z), RANGE(ABOVE(0), BELOW(INFINITY)), INIT(6, FAN_IN_AND_OUT), PLACES(OUTPUT))

/* The softmax of a single unit is 1. */
ROWWISE_ACTIVATION(softmax, RANGE(ABOVE(0), TO(1)), INIT(6, FAN_IN_AND_OUT), PLACES(OUTPUT))

/* Maas et al. 2013; 0.01 at the kink. */
ELEMENTWISE_ACTIVATION(leaky_relu,
    VALUE(v_select(v_gt(z, v_set1(0)), z, v_mul(v_set1(REAL(0.01)), z))),
    SLOPE_IN_A(v_select(v_gt(a, v_set1(0)), v_set1(1), v_set1(REAL(0.01)))),
    NO_LOG, RANGE(ABOVE(-INFINITY), BELOW(INFINITY)), INIT(6 / (1 + 0.01 * 0.01), FAN_IN),
    PLACES(ANYWHERE))

/* Clevert et al. 2016, with alpha = 1: no kink. */
ELEMENTWISE_ACTIVATION(elu,
    VALUE(v_select(v_lt(z, v_set1(0)), v_expm1_below(z), z)),
    SLOPE_IN_Z(v_select(v_gt(z, v_set1(0)), v_set1(1), v_exp(z))),
    NO_LOG, RANGE(ABOVE(-1), BELOW(INFINITY)), INIT(6, FAN_IN), PLACES(ANYWHERE))

/* Klambauer et al. 2017: lambda = 1.0507..., lambda alpha = 1.7580...; published as the left side's
 * slope at 0, lambda alpha. */
ELEMENTWISE_ACTIVATION(selu,
    VALUE(v_select(v_lt(z, v_set1(0)),
                   v_mul(v_set1(REAL(1.75809934084737685994021752081228)), v_expm1_below(z)),
                   v_mul(v_set1(REAL(1.05070098735548049341933498529461)), z))),
    SLOPE_IN_Z(v_select(v_gt(z, v_set1(0)), v_set1(REAL(1.05070098735548049341933498529461)),
                        v_mul(v_set1(REAL(1.75809934084737685994021752081228)), v_exp(z)))),
    NO_LOG, RANGE(ABOVE(-1.75809934084737685994), BELOW(INFINITY)), INIT(3, FAN_IN),
    PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(gelu,
    VALUE(v_gelu(z)),
    SLOPE_IN_Z(v_gelu_slope(z)),
    NO_LOG, RANGE(FROM(-0.169971207479903661694), BELOW(INFINITY)), INIT(6, FAN_IN),
    PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(gelu_tanh,
    VALUE(v_gelu_tanh(z)),
    SLOPE_IN_Z(v_gelu_tanh_slope(z)),
    NO_LOG, RANGE(FROM(-0.170040750571254050639), BELOW(INFINITY)), INIT(6, FAN_IN),
    PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(silu,
    VALUE(v_silu(z)),
    SLOPE_IN_Z(v_silu_slope(z)),
    NO_LOG, RANGE(FROM(-0.278464542761073795109), BELOW(INFINITY)), INIT(6, FAN_IN),
    PLACES(ANYWHERE))

ELEMENTWISE_ACTIVATION(mish,
    VALUE(v_mish(z)),
    SLOPE_IN_Z(v_mish_slope(z)),
    NO_LOG, RANGE(FROM(-0.308843413017250406629), BELOW(INFINITY)), INIT(6, FAN_IN),
    PLACES(ANYWHERE))

/* Dugas et al. 2001. The slope is the logistic of z, 1 - e^-a. */
ELEMENTWISE_ACTIVATION(softplus,
    VALUE(v_softplus(z)),
    SLOPE_IN_A(v_neg(v_expm1_below(v_neg(a)))),
    NO_LOG, RANGE(ABOVE(0), BELOW(INFINITY)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

/* Keras's: z / 6 + 1 / 2, within 0 and 1. Written so that the ends, +-3, have exactly 0 and 1. */
ELEMENTWISE_ACTIVATION(hard_sigmoid,
    VALUE(v_hard_sigmoid(z)),
    SLOPE_IN_Z(v_select(v_lt(v_abs(z), v_set1(3)), v_set1(REAL(1.0 / 6.0)), v_set1(0))),
    NO_LOG, RANGE(FROM(0), TO(1)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

/* Collobert 2004. */
ELEMENTWISE_ACTIVATION(hard_tanh,
    VALUE(v_min(v_max(z, v_set1(-1)), v_set1(1))),
    SLOPE_IN_A(v_select(v_lt(v_abs(a), v_set1(1)), v_set1(1), v_set1(0))),
    NO_LOG, RANGE(FROM(-1), TO(1)), INIT(6, FAN_IN_AND_OUT), PLACES(ANYWHERE))

/* Howard et al. 2019: z hard_sigmoid(z). At the kinks, +-3, the slope is that of the outer side. */
ELEMENTWISE_ACTIVATION(hard_silu,
    VALUE(v_mul(v_max(z, v_set1(-3)), v_hard_sigmoid(z))),
    SLOPE_IN_Z(v_select(v_le(z, v_set1(-3)), v_set1(0),
                        v_select(v_le(v_set1(3), z), v_set1(1),
                                 v_div(v_add(v_add(z, z), v_set1(3)), v_set1(6))))),
    NO_LOG, RANGE(FROM(-0.375), BELOW(INFINITY)), INIT(6, FAN_IN), PLACES(ANYWHERE))
/* clang-format on */

#undef ELEMENTWISE_ACTIVATION
#undef ROWWISE_ACTIVATION
#undef VALUE
#undef SLOPE_IN_A
#undef SLOPE_IN_Z
#undef LOG
#undef NO_LOG
#undef RANGE
#undef INIT
#undef PLACES
