"""Bugs in pybackprop: the binding, the estimators, the loop over epochs."""

from mutants.planted import Mutant

_CORE = "pybackprop/_core.pyx"
_STOPPING = "pybackprop/_stopping.py"
_TRAINING = "pybackprop/_training.py"
_TARGETS = "pybackprop/_targets.py"

MUTANTS = (
    # ---- the binding
    Mutant(
        "a status of the core is dropped",
        _CORE,
        "        raise OverflowError(message)\n    raise ValueError(message)",
        "        raise OverflowError(message)\n    return 0",
        "what the core refuses counts as done",
        "tests/test_same_bits.py",
    ),
    Mutant(
        "rows are as far apart as they are long",
        _CORE,
        "cnp.PyArray_STRIDE(values, 0) // cnp.PyArray_ITEMSIZE(values)\n"
        "            self.c.column_stride",
        "cnp.PyArray_DIM(values, 1)\n            self.c.column_stride",
        "slices of a table predict other rows",
        "tests/test_network.py",
    ),
    Mutant(
        "columns of targets are taken as neighbours",
        _CORE,
        "cnp.PyArray_STRIDE(values, 1) // cnp.PyArray_ITEMSIZE(values)\n"
        "            self.n_outputs",
        "1\n            self.n_outputs",
        "a transposed y is another problem",
        "tests/test_network.py",
    ),
    Mutant(
        "signals are never asked for",
        _CORE,
        "            self.c.ask = handle_signals\n",
        "",
        "Ctrl-C waits for the end of the epoch",
        "tests/test_threads.py",
    ),
    Mutant(
        "few rows are not looked at for NaN",
        _CORE,
        "        if not finite:\n            return None",
        "        if finite > 1:\n            return None",
        "a prediction of NaN in the place of an error",
        "tests/test_single_row.py",
    ),
    Mutant(
        "few rows are taken as contiguous",
        _CORE,
        "        rows = cnp.PyArray_GETCONTIGUOUS(rows)\n",
        "",
        "a slice of a table predicts other rows",
        "tests/test_single_row.py",
    ),
    Mutant(
        "the count of steps does not come back",
        _CORE,
        "        self.optimizer.n_steps = self.c.n_steps\n",
        "",
        "Adam corrects in each epoch as in the first",
        "tests/test_parity_training.py",
    ),
    Mutant(
        "intercepts are copies",
        _CORE,
        "parameters[intercepts_at:intercepts_at + fan_out])",
        "parameters[intercepts_at:intercepts_at + fan_out].copy())",
        "intercepts_ stay as they were drawn",
        "tests/test_network.py",
    ),
    Mutant(
        "what a loss of the caller's raises is dropped",
        _CORE,
        "loss.raised[<unsigned long>PyThread_get_thread_ident()] = exception\n"
        "        return 1",
        "loss.raised[<unsigned long>PyThread_get_thread_ident()] = exception\n"
        "        return 0",
        "a fit goes on with old numbers where the loss has raised",
        "tests/test_own_loss.py",
    ),
    # ---- progress
    Mutant(
        "the sign of tol",
        _STOPPING,
        "model.loss_ > model.best_loss_ - model.tol:",
        "model.loss_ > model.best_loss_ + model.tol:",
        "a training that creeps never stops",
        "tests/test_parity_training.py",
    ),
    Mutant(
        "a plateau is counted one epoch early",
        _STOPPING,
        "model._no_improvement_count > model.n_iter_no_change:",
        "model._no_improvement_count >= model.n_iter_no_change:",
        "training stops an epoch before scikit-learn's",
        "tests/test_parity_training.py",
    ),
    Mutant(
        "the best weights are those of the last epoch",
        _STOPPING,
        "        model._best_parameters[:] = network.parameters",
        "        model._best_parameters = network.parameters",
        "early stopping restores what it was to undo",
        "tests/test_validation_set.py",
    ),
    Mutant(
        "early stopping keeps the last weights",
        _TRAINING,
        "        network.parameters[:] = model._best_parameters",
        "        model._best_parameters[:] = network.parameters",
        "the fitted weights are not those of best_validation_score_",
        "tests/test_validation_set.py",
    ),
    Mutant(
        "of equal scores the last one counts",
        _STOPPING,
        "    if score > model.best_validation_score_:",
        "    if score >= model.best_validation_score_:",
        "other weights than scikit-learn's after early stopping",
        "tests/test_parity_training.py",
    ),
    Mutant(
        "validation rows are trained on",
        _TRAINING,
        "            yield rows.take(positions)",
        "            yield positions",
        "the validation score is one of training",
        "tests/test_validation_set.py",
    ),
    Mutant(
        "each epoch shuffles the table anew",
        _TRAINING,
        "positions = positions.take(permutation)",
        "positions = permutation",
        "other orders than scikit-learn's from the second epoch on",
        "tests/test_parity_training.py",
    ),
    Mutant(
        "a resumed fit has the orders of the first epochs",
        _TRAINING,
        "random_state), done, None)",
        "random_state), 0, None)",
        "a fit in two halves is another fit",
        "tests/test_resume.py",
    ),
    # ---- state
    Mutant(
        "copies of an optimizer share their state",
        "pybackprop/_optimizer.py",
        "        other.states = self.states.copy()\n",
        "",
        "a partial_fit that raises leaves its momentum behind",
        "tests/test_bad_input.py",
    ),
    Mutant(
        "a draft is the estimator itself",
        "pybackprop/_perceptron.py",
        "        draft.__dict__.update(self.__dict__)",
        "        draft.__dict__ = self.__dict__",
        "a fit that raises leaves an estimator half fitted",
        "tests/test_bad_input.py",
    ),
    Mutant(
        "initial weights go by the wrong fan",
        "pybackprop/_initialization.py",
        'fans = fan_in if record["init_by_fan_in"] else fan_in + fan_out',
        'fans = fan_out if record["init_by_fan_in"] else fan_in + fan_out',
        "units of wide layers saturate from the start",
        "tests/test_activations.py",
    ),
    Mutant(
        "the features have the dropout of the first layer",
        "pybackprop/_dropout.py",
        "np.array([model.input_dropout, *hidden], dtype=np.float64)",
        "np.array([*hidden, model.input_dropout], dtype=np.float64)",
        "input_dropout is that of the last hidden layer",
        "tests/test_dropout.py",
    ),
    # ---- targets and weights
    Mutant(
        "balanced weights count classes that do not occur",
        _TARGETS,
        "totals.sum() / (occurs.sum() * totals[occurs]",
        "totals.sum() / (n_values * totals[occurs]",
        "the penalty weighs more where one class does not occur",
        "tests/test_class_weight.py",
    ),
    Mutant(
        "a probability of one half is the second class",
        _TARGETS,
        "return (y_pred[:, 0] > 0.5).astype(int)",
        "return (y_pred[:, 0] >= 0.5).astype(int)",
        "ties are decided otherwise than by scikit-learn and by argmax",
        "tests/test_outputs.py",
    ),
    Mutant(
        "one negative weight passes among others",
        "pybackprop/_sample_weight.py",
        "    if (weights < 0).any():",
        "    if weights.sum() < 0:",
        "a row's loss is rewarded",
        "tests/test_bad_input.py",
    ),
    Mutant(
        "the penalty of L-BFGS's history forgets the weights",
        "pybackprop/_lbfgs.py",
        "total_weight = table.X.shape[0] if weights is None else weights.sum()",
        "total_weight = table.X.shape[0]",
        "the column penalty of history_ is wrong with sample_weight",
        "tests/test_history.py",
    ),
    # ---- tables and threads
    Mutant(
        "indices of columns are not put in order",
        "pybackprop/_sparse.py",
        "        rows.sum_duplicates()\n",
        "",
        "columns of an unsorted row do not learn",
        "tests/test_network.py",
    ),
    Mutant(
        "a step that fails keeps the parameters it has reached",
        "pybackprop/network.py",
        "            self.parameters[:] = before[0]\n",
        "",
        "NaN in a network after an exception",
        "tests/test_network_step.py",
    ),
    Mutant(
        "a name makes a new optimizer at each step",
        "pybackprop/network.py",
        "                self._optimizers[optimizer] = self.optimizer(optimizer)\n"
        "            return self._optimizers[optimizer]",
        "                return self.optimizer(optimizer)\n"
        "            return self._optimizers[optimizer]",
        "adam forgets its moments",
        "tests/test_network_step.py",
    ),
    Mutant(
        "a column one past the last is taken for one",
        "pybackprop/_sparse.py",
        "indices.max() >= minor",
        "indices.max() > minor",
        "the core reads a weight that is not there",
        "tests/test_corrupted_tables.py",
    ),
    Mutant(
        "n_jobs=-1 leaves a processor idle",
        "pybackprop/_threads.py",
        "max(1, granted() + 1 + int(n_jobs))",
        "max(1, granted() + int(n_jobs))",
        "fewer threads than asked for",
        "tests/test_threads.py",
    ),
)
