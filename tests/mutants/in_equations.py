"""Mutants of the equations, from the forward pass to the update, and of the data."""

from mutants.planted import Mutant

_EQUATIONS = "network/test_properties.py::test_every_equation_holds_to_its_rounding"
_PARITY = (
    "estimators/test_parity_training.py"
    "::test_forty_epochs_have_the_same_losses_to_rounding"
)
_CANONICAL = (
    "network/test_gradients.py"
    "::test_delta_looks_like_an_error_only_at_the_canonical_output"
)

MUTANTS = (
    # ---- forward and backward
    Mutant(
        "no layer adds its bias",
        ".bias = $at($network, $parameters, $intercepts),",
        ".bias = NULL,",
        _EQUATIONS,
    ),
    Mutant(
        "a sign in the derivative of the logistic function",
        "DERIVATIVE_FROM_A(v_mul(a, «v_sub»(v_set1(1), a)))",
        "v_add",
        "core/test_activations.py::test_derivatives_match_differences_of_values",
    ),
    Mutant(
        "relu has the derivative 1 at 0",
        "DERIVATIVE_FROM_A(v_select(«v_gt(a, v_set1(0)), v_set1(1), v_set1(0)»)),"
        " NO_LOG",
        "v_lt(a, v_set1(0)), v_set1(0), v_set1(1)",
        "core/test_activations.py::test_derivatives_at_kinks_and_right_beside_them",
    ),
    Mutant(
        "delta of a hidden layer is multiplied by f'(a), not f'(z)",
        "->vjp[$activation($network, $l)](&$matrix, «$z», $a, $delta)",
        "$a",
        "network/test_gradients.py::test_gradient_matches_finite_differences",
    ),
    Mutant(
        "every pair of loss and output has the delta of the default output",
        "= «strcmp($loss.default_output, $output) == 0»;",
        "1",
        _CANONICAL,
    ),
    Mutant(
        "gamma with exp has the delta y_pred - y",
        "DELTA_IN_Z(«v_sub(v_set1(1), v_over_exp(y, z))»)",
        "v_sub(a, y)",
        "network/test_losses.py::test_values_and_gradients_match_scikit_learn",
    ),
    Mutant(
        "the Jacobian of the softmax lacks the mean",
        "v_mul(LOAD(p, $u), «v_sub(LOAD(v, $u), $mean)»)",
        "LOAD(v, $u)",
        "network/test_trace.py::test_the_jacobian_of_softmax_matches_differences",
    ),
    # ---- the objective
    Mutant(
        "alpha is not divided by the sum of the weights in the loss",
        ".penalty = $penalty «* $scale / $sums->weight»;",
        "",
        "training/test_penalties.py::test_objective_and_gradient_match_by_hand",
    ),
    Mutant(
        "l1_ratio is swapped in the gradient",
        "$alpha * «(1 - $network->l1_ratio)», $sums->weight",
        "$network->l1_ratio",
        "training/test_penalties.py::test_objective_and_gradient_match_by_hand",
    ),
    # ---- optimizers, schedules, dropout
    Mutant(
        "Adam corrects its first moment one step late",
        "-(rate * sqrt(1 - $power(h->beta_2, t)) / (1 - $power(h->beta_1, «t»)))",
        "t + 1",
        "training/test_update_rules.py::test_each_step_is_the_published_one",
    ),
    Mutant(
        "weight decay shrinks intercepts too",
        ".decay_factor = «$is_intercepts ? 1 :» 1 - $rate",
        "",
        "training/test_update_rules.py"
        "::test_only_adamw_has_weight_decay_and_none_of_intercepts",
    ),
    Mutant(
        "one_cycle does not come down to its end",
        "(1 - 1 / 25e4) * $decay(«(x - 0.3) / 0.7»)",
        "x - 0.3",
        "training/test_schedules.py::test_each_step_has_the_rate_of_the_formula",
    ),
    Mutant(
        "dropout scales by 1 / p in place of 1 / (1 - p)",
        "(real)(1 / «(1 - $mask->rate)»)",
        "$mask->rate",
        "training/test_dropout.py::test_the_dropped_fraction_and_the_expected_sum",
    ),
    Mutant(
        "the count of steps does not come back to the optimizer",
        "«$self.optimizer.n_steps = $self.c.n_steps»",
        "pass",
        _PARITY,
    ),
    # ---- the data
    Mutant(
        "a row of a sparse matrix ends one value early",
        "$p = $x->indptr[$row]; «$p» < $x->indptr[$row + 1]; $p++",
        "$p + 1",
        "network/test_network.py::test_the_layout_of_a_table_does_not_change_a_bit",
    ),
    Mutant(
        "each epoch shuffles the samples anew, not those of the last epoch",
        "$positions = «$positions.take($permutation)»",
        "$permutation",
        _PARITY,
    ),
    Mutant(
        "the sign of tol",
        "if $loss > $best «-» $tol:",
        "+",
        _PARITY,
    ),
    Mutant(
        "early stopping trains on the validation set, too",
        "return «take_rows(self.chosen, $positions)»",
        "$positions",
        "training/test_validation_set.py"
        "::test_the_rows_of_a_split_give_the_same_run_when_they_are_given",
    ),
    Mutant(
        "balanced weights grow with the number of samples of a class",
        "$totals.sum() «/» ($occurs.sum() * $totals[$occurs]",
        "*",
        "data/test_class_weight.py"
        "::test_a_class_weight_is_the_sample_weight_that_scikit_learn_makes_of_it",
    ),
    # ---- inspection and Dask
    Mutant(
        "the bias unit takes the place of the first unit in Ng's algorithm",
        "($delta @ $Theta.T)[:, «1:»]",
        ":-1",
        "inspection/test_formulations.py::test_both_formulations_give_the_gradient",
    ),
    Mutant(
        "the last of an odd number of sums waits for a neighbour",
        "if $right << $level «>=» $n_leaves:",
        ">",
        "distributed/test_dask_parts.py"
        "::test_the_tree_is_the_same_wherever_the_leaves_are",
    ),
)
