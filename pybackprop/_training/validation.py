"""The validation set: given or split off, and the loss and score of each epoch on it.

Where no score is asked for by name, one forward pass gives both.
"""

from inspect import signature
from numbers import Real

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from pybackprop import _core
from pybackprop._data.dataset import Table, take_rows
from pybackprop._data.numeric import said_of
from pybackprop._data.sparse import canonical_rows
from pybackprop._data.weights import check_sample_weight, require_total_weight


def is_scorer(scoring):
    """Whether a value of ``scoring`` stands for a scorer, which has to be called."""
    return scoring is not None and scoring != "loss"


# ------------------------------------------------------------------ the set as given
def require_complete(model, X_val, y_val, sample_weight_val, groups):
    """Raise ValueError for arguments of which one asks for another or rules it out."""
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(
            f"X_val and y_val must be given together. Got {given} without {missing}."
        )
    if X_val is None and sample_weight_val is not None:
        raise ValueError(
            "sample_weight_val are the weights of X_val. Got sample_weight_val without "
            "X_val."
        )
    if groups is None:
        return
    if X_val is not None:
        raise ValueError(
            "groups are for splitting off a validation set. Got groups and X_val, "
            "which is one already."
        )
    splits = hasattr(model.validation_fraction, "split")
    if not (splits and model.early_stopping) or model.solver == "lbfgs":
        raise ValueError(
            "groups are for a splitter in validation_fraction, which is used with "
            "early_stopping=True and a solver that goes by epochs. Got groups with "
            f"validation_fraction={model.validation_fraction!r}, "
            f"early_stopping={model.early_stopping!r} and solver={model.solver!r}."
        )


def check_given(model, X_val, y_val, sample_weight_val, dtype):
    """The Table of a validation set that a user gives; None if there is none.

    X_val is held to the features of the X that was fitted, y_val to its outputs.
    """
    if X_val is None:
        return None
    with said_of("In the validation set X_val, y_val"):
        X, y = model._validate(X_val, y_val, dtype, reset=False)
        X = canonical_rows(X)
        targets = model._check_validation_targets(y, dtype)
    weights = check_sample_weight(sample_weight_val, X.shape[0], "sample_weight_val")
    weights = model._weigh_classes(targets, weights, "sample_weight_val")
    return Table(X, targets, weights, y, X_val)


# ------------------------------------------------------------------ the set split off
def split_off(model, table, groups, random_state):
    """Rows to train on and rows to validate on, by the model's validation_fraction.

    Drawn as scikit-learn draws it where that is a fraction. Of a splitter, or of pairs
    of rows, the last split counts: for time series that is the one which validates on
    the newest samples and trains on all before them; elsewhere one is like another.

    Returns
    -------
    tuple of two ndarrays of int64
    """
    fraction, n_samples = model.validation_fraction, table.X.shape[0]
    if isinstance(fraction, Real):
        # As train_test_split does before it indexes, see _data/dataset.py.
        strata = model._stratify_by(table.targets)
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
    """Indices of rows as a vector of int64, or ValueError."""
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
    # Of its own: the core goes where the indices lead.
    return np.array(array, dtype=np.int64, order="C")


# ------------------------------------------------------------------------- measuring
class Validation:
    """A validation set made ready to be measured after each epoch.

    Parameters
    ----------
    model : estimator
        The draft; its predictions are those of ``network``, as it now is.
    network : pybackprop.Network
    table : Table
    n_threads : int
    """

    def __init__(self, model, network, table, n_threads):
        n_samples = table.X.shape[0]
        self.model = model
        self.table = table
        self.decides = model.early_stopping and model.solver != "lbfgs"
        self.parameters = network.parameters
        self.core = network._core_without_penalty()
        self.samples = _core.Samples(table.X, network.dtype)
        self.targets = model._core_targets(table.targets, network.dtype)
        self.y_pred = np.zeros((n_samples, network.layer_sizes[-1]), network.dtype)
        hidden = [None] * (len(network.layer_sizes) - 2)
        self.trace = _core.Trace(self.core, n_samples, {"a": [*hidden, self.y_pred]})
        self.workspace = _core.objective_workspace(self.core, n_samples, n_threads)
        self.scorer = get_scorer(model.scoring) if is_scorer(model.scoring) else None
        self.scorer_takes_weights = self.scorer is not None and _takes_weights(
            self.scorer
        )

    def measure(self):
        """Loss, without penalty, and score of the network as it now is.

        NaN both, if an output is not finite.
        """
        loss = self.core.objective(
            self.parameters,
            self.samples,
            self.targets,
            self.table.sample_weight,
            trace=self.trace,
            workspace=self.workspace,
        )
        if not _core.all_finite(self.y_pred):
            return np.nan, np.nan
        score = self._score(loss)
        if self.decides and np.isnan(score):
            raise ValueError(
                "The score that decides over early_stopping is NaN on the validation "
                f"set, with scoring={self.model.scoring!r}. The set may be too small, "
                "or lack a class."
            )
        return loss, score

    def _score(self, loss):
        model, table = self.model, self.table
        if model.scoring is None:
            return model._score_outputs(table.targets, self.y_pred, table.sample_weight)
        if self.scorer is None:
            return -loss
        weights = {}
        if table.sample_weight is not None and self.scorer_takes_weights:
            weights["sample_weight"] = table.sample_weight
        score = self.scorer(model, table.X_given, table.y, **weights)
        if not isinstance(score, Real):
            raise ValueError(
                f"scoring={model.scoring!r} must return a number. Got {score!r}."
            )
        return float(score)


def _takes_weights(scorer):
    """Whether a callable, or the metric in a scorer of scikit-learn, takes weights."""
    metric = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in signature(metric).parameters
