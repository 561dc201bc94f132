"""Splits off a validation set, and measures loss and score on it after each epoch.

Where no scorer is set, one forward pass gives both.
"""

from numbers import Real

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from pybackprop import _core
from pybackprop._data.dataset import take_rows
from pybackprop._data.weights import require_total_weight
from pybackprop._solvers import SOLVERS
from pybackprop._threads import effective_n_threads


def split_off(fraction, table, strata, groups, random_state):
    """Return rows to train on and rows to validate on.

    A fraction is drawn as scikit-learn draws it. Of a splitter, or of pairs of rows,
    the last split is used: for time series it validates on the newest samples and
    trains on all before them; elsewhere one split is as good as another.

    Parameters
    ----------
    fraction : float, splitter or list of pairs
        The parameter ``validation_fraction``.
    table : Dataset
    strata : ndarray or None
        What a split by a fraction is stratified by.
    groups : array-like or None
        For a splitter.
    random_state : RandomState

    Returns
    -------
    tuple of two ndarrays of int64
    """
    n_samples = table.X.shape[0]
    if isinstance(fraction, Real):
        # As train_test_split does before it indexes, see _data/dataset.py.
        kind = ShuffleSplit if strata is None else StratifiedShuffleSplit
        splitter = kind(1, test_size=fraction, random_state=random_state)
        (pair,) = splitter.split(table.targets, strata)
        train_rows, validation_rows = (np.asarray(rows, np.int64) for rows in pair)
    else:
        train_rows, validation_rows = _last_pair(fraction, table, groups)
    if len(validation_rows) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            f"(now {fraction}) or the size of your dataset (now {n_samples} samples)."
        )
    if table.sample_weight is not None:
        for name, rows in (("training", train_rows), ("validation", validation_rows)):
            require_total_weight(
                take_rows(table.sample_weight, rows), f"sample_weight of {name} rows"
            )
    return train_rows, validation_rows


def _last_pair(fraction, table, groups):
    pairs = fraction
    if hasattr(fraction, "split"):
        if groups is not None and len(groups) != table.X.shape[0]:
            raise ValueError(
                f"groups must have an entry for each of the {table.X.shape[0]} samples "
                f"of X. Got {len(groups)}."
            )
        pairs = fraction.split(table.X, table.y, groups)
    *_, pair = [(), *pairs]
    if len(pair) != 2:
        raise ValueError(
            "validation_fraction must give pairs of rows, (train, validation). "
            f"Got {pair!r} of {fraction!r}."
        )
    n_samples = table.X.shape[0]
    train_rows = _check_rows(pair[0], n_samples, "training")
    validation_rows = _check_rows(pair[1], n_samples, "validation")
    shared = np.intersect1d(train_rows, validation_rows)
    if len(shared):
        raise ValueError(
            "validation_fraction must give training and validation rows that are "
            f"disjoint. Got {len(shared)} rows in both, row {shared[0]} among them."
        )
    return train_rows, validation_rows


def _check_rows(rows, n_samples, name):
    """Return indices of rows as a vector of int64, or raise ValueError."""
    array = np.asarray(rows)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise ValueError(
            f"The {name} rows of validation_fraction must be a one-dimensional, "
            f"non-empty sequence of ints. Got the shape {array.shape} of {array.dtype}."
        )
    if array.min() < 0 or array.max() >= n_samples:
        raise ValueError(
            f"The {name} rows of validation_fraction must be from 0 to "
            f"{n_samples - 1}. Got {array.min()} to {array.max()}."
        )
    # A copy that the caller cannot change: the core does not check row indices.
    return np.array(array, dtype=np.int64, order="C")


class Validation:
    """Measures loss and score on a validation set.

    Parameters
    ----------
    problem : Problem
        With a validation set; its network is measured as it is at that time.
    """

    def __init__(self, problem):
        params, network, table = problem.params, problem.network, problem.validation_set
        n_samples = table.X.shape[0]
        self.problem = problem
        solver = SOLVERS[params.solver]
        self.score_decides = params.early_stopping and solver.early_stopping
        self.core = network._core_without_penalty()
        self.samples = _core.Samples(table.X, network.dtype)
        self.targets = problem.targets.core_targets(table.targets, network.dtype)
        self.y_pred = np.zeros((n_samples, network.layer_sizes[-1]), network.dtype)
        hidden = [None] * (len(network.layer_sizes) - 2)
        self.trace = _core.Trace(self.core, n_samples, {"a": [*hidden, self.y_pred]})
        n_threads = effective_n_threads(params.n_jobs)
        self.workspace = _core.objective_workspace(self.core, n_samples, n_threads)

    def measure(self):
        """Return loss, without penalty, and score; NaN if an output is not finite."""
        loss = self.core.objective(
            self.problem.network.parameters,
            self.samples,
            self.targets,
            self.problem.validation_set.sample_weight,
            trace=self.trace,
            workspace=self.workspace,
        )
        if not _core.all_finite(self.y_pred):
            return np.nan, np.nan
        score = self._score(loss)
        if self.score_decides and np.isnan(score):
            raise ValueError(
                "The score that decides over early_stopping is NaN on the validation "
                f"set, with scoring={self.problem.params.scoring!r}. The set may be "
                "too small, or lack a class."
            )
        return loss, score

    def _score(self, loss):
        scoring, table = self.problem.params.scoring, self.problem.validation_set
        weights = table.sample_weight
        if scoring is None:
            return self.problem.targets.score(table.targets, self.y_pred, weights)
        if scoring == "loss":
            return -loss
        score = self.problem.scorer(table.X_given, table.y, weights)
        if not isinstance(score, Real):
            raise ValueError(
                f"scoring={scoring!r} must return a number. Got {score!r}."
            )
        return float(score)
