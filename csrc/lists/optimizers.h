/* The update rules: one row each, and nowhere else. One parameter w with gradient g:
 *
 *     STATES         number of state values a parameter, s0, s1, ..., all zero at the start
 *     CONSTANTS      values of the step, computed once in double, then rounded once to the data
 *                    type: c0, c1, ... in the rate (the learning rate), t (the number of this
 *                    step, from 1) and h (the hyperparameters)
 *     UPDATE         vector statements that assign the states and w
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
/* clang-format on */

#undef OPTIMIZER
#undef STATES
#undef CONSTANTS
#undef UPDATE
