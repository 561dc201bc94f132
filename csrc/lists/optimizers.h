/* The update rules: one row each, and nowhere else. One parameter w with gradient g:
 *
 *     STATES         number of state values a parameter, s0, s1, ..., all zero at the start
 *     CONSTANTS      values of the step, computed once in double, then rounded once to the data
 *                    type: c0, c1, ... in the rate (the learning rate), t (the number of this
 *                    step, from 1) and h (the hyperparameters)
 *     UPDATE         vector statements that assign the states and w; `keep` is what a weight decay
 *                    apart from the objective leaves of w, 1 - rate weight_decay, and 1 for an
 *                    intercept
 *
 * The order of operations is scikit-learn's, so that the same gradients give the same bits. */

/* clang-format off */

/* Momentum (Polyak 1964); Nesterov's form as in Sutskever et al. 2013:
 * v <- mu v - rate g, then w <- w + v, or w <- w + (mu v - rate g). */
OPTIMIZER(sgd, STATES(1),
    CONSTANTS(h->momentum, rate, h->nesterov),
    UPDATE(
        const vec step = v_mul(c1, g);
        s0 = v_sub(v_mul(c0, s0), step);
        w = v_add(w, v_select(v_gt(c2, v_set1(0)), v_sub(v_mul(c0, s0), step), s0));))

/* Adam (Kingma & Ba 2015, end of section 2): the bias corrections are folded into the rate. */
OPTIMIZER(adam, STATES(2),
    CONSTANTS(h->beta_1, 1 - h->beta_1, h->beta_2, 1 - h->beta_2, h->epsilon,
              -(rate * sqrt(1 - pb_power(h->beta_2, t)) / (1 - pb_power(h->beta_1, t)))),
    UPDATE(
        s0 = v_add(v_mul(c0, s0), v_mul(c1, g));
        s1 = v_add(v_mul(c2, s1), v_mul(c3, v_mul(g, g)));
        w = v_add(w, v_div(v_mul(c5, s0), v_add(v_sqrt(s1), c4)));))

/* Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2): w decays first, and
 * epsilon stands beside the root of the corrected second moment. */
OPTIMIZER(adamw, STATES(2),
    CONSTANTS(h->beta_1, 1 - h->beta_1, h->beta_2, 1 - h->beta_2, h->epsilon,
              -(rate / (1 - pb_power(h->beta_1, t))), 1 / sqrt(1 - pb_power(h->beta_2, t))),
    UPDATE(
        s0 = v_add(v_mul(c0, s0), v_mul(c1, g));
        s1 = v_add(v_mul(c2, s1), v_mul(c3, v_mul(g, g)));
        w = v_add(v_mul(keep, w),
                  v_div(v_mul(c5, s0), v_add(v_mul(c6, v_sqrt(s1)), c4)));))

/* RMSprop (Tieleman & Hinton 2012), epsilon beside the root. */
OPTIMIZER(rmsprop, STATES(1),
    CONSTANTS(h->beta_2, 1 - h->beta_2, h->epsilon, -rate),
    UPDATE(
        s0 = v_add(v_mul(c0, s0), v_mul(c1, v_mul(g, g)));
        w = v_add(w, v_div(v_mul(c3, g), v_add(v_sqrt(s0), c2)));))

/* Adam with Nesterov's momentum (Dozat 2016), of constant beta_1: the first moment of the step is
 * beta_1 m / (1 - beta_1^(t + 1)) + (1 - beta_1) g / (1 - beta_1^t). */
OPTIMIZER(nadam, STATES(2),
    CONSTANTS(h->beta_1, 1 - h->beta_1, h->beta_2, 1 - h->beta_2, h->epsilon,
              -(rate * h->beta_1 / (1 - pb_power(h->beta_1, t + 1))),
              -(rate * (1 - h->beta_1) / (1 - pb_power(h->beta_1, t))),
              1 / sqrt(1 - pb_power(h->beta_2, t))),
    UPDATE(
        s0 = v_add(v_mul(c0, s0), v_mul(c1, g));
        s1 = v_add(v_mul(c2, s1), v_mul(c3, v_mul(g, g)));
        w = v_add(w, v_div(v_add(v_mul(c5, s0), v_mul(c6, g)),
                           v_add(v_mul(c7, v_sqrt(s1)), c4)));))
/* clang-format on */

#undef OPTIMIZER
#undef STATES
#undef CONSTANTS
#undef UPDATE
