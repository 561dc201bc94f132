"""Checks the rows of a collection on the workers that hold them.

A shard is checked by a task on a worker, which raises what the local estimator would
raise for these rows.  Each task returns a summary, and the client combines summaries
into what depends on the whole table, such as its classes.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.utils import check_array

from pybackprop._data.labels import ClassLabels
from pybackprop._data.numeric import argument_named, require_numbers
from pybackprop._data.weights import require_total_weight
from pybackprop._estimator.data import check_table


@dataclass
class ShardSummary:
    """What the client needs to know of some rows.

    Attributes
    ----------
    labels : ndarray or None
        Labels that occur in y, if it holds labels.
    a_target : ndarray
        The first row of y.
    weights : ndarray or None
        The smallest, the largest and the sum.
    """

    labels: np.ndarray | None
    a_target: np.ndarray
    weights: np.ndarray | None


@dataclass
class Shard:
    """Some rows of the table, checked: X in the data type of the network."""

    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    found: ShardSummary


def checked_shard(estimator, targets, dtype, X, y, sample_weight):
    """Check the rows of a shard, and return a Shard: a task of a worker.

    Parameters
    ----------
    estimator : estimator
        Not fitted, for messages.
    targets : Targets
        With the parameters of the fit.
    dtype : numpy dtype
        Of the network.
    X, y, sample_weight : ndarray
        The last may be None.
    """
    require_dense(X)
    require_dense(y, "y")
    with warnings.catch_warnings():
        # Many classes among few rows say nothing about the whole dataset.
        warnings.simplefilter("ignore")
        X, y = check_table(estimator, targets, X, y, dtype, reset=True)
        labels = _labels_in(targets, y, X.dtype)
    of_weights = None
    if sample_weight is not None:
        sample_weight = _checked_weights(sample_weight)
        with np.errstate(over="ignore"):
            of_weights = np.array([f(sample_weight) for f in (np.min, np.max, np.sum)])
    found = ShardSummary(labels, y[:1], of_weights)
    return Shard(np.ascontiguousarray(X), np.ascontiguousarray(y), sample_weight, found)


def _labels_in(targets, y, dtype):
    """Return the labels in y; None for numbers, which are checked."""
    if not targets.has_classes:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        type(targets)(targets.params, n_outputs).encode(y, dtype)
        return None
    labels = ClassLabels.from_y(y)
    if labels.kind == "multilabel":
        labels = ClassLabels.from_y(y.ravel())
    return labels.classes


def require_dense(array, name="X"):
    """Raise TypeError for a chunk, or an array whose chunks are, sparse."""
    if scipy.sparse.issparse(getattr(array, "_meta", array)):
        raise TypeError(
            f"{name} must have dense chunks for a fit on a cluster. Got sparse ones: "
            f"pass {name}.map_blocks(lambda chunk: chunk.toarray()), or fit the local "
            "estimator."
        )


def _checked_weights(sample_weight):
    require_numbers(sample_weight, "sample_weight")
    with argument_named("sample_weight"):
        return check_array(
            sample_weight,
            ensure_2d=False,
            dtype=np.float64,
            order="C",
            input_name="sample_weight",
        )


def require_weights(found):
    """Raise what a local fit raises for weights, from what was found in the shards."""
    if found[0].weights is None:
        return
    smallest, largest, sums = np.transpose([of_shard.weights for of_shard in found])
    require_total_weight(np.concatenate((smallest, largest)), "sample_weight")
    with np.errstate(over="ignore"):
        total = sums.sum()
    if total == np.inf:
        raise ValueError(
            f"sample_weight must have a finite sum. Got weights up to {largest.max()}."
        )


def some_targets(found, n_samples):
    """Return few targets in which all labels of the table occur, if it has labels."""
    if found[0].labels is None:
        return found[0].a_target
    labels = np.concatenate([of_shard.labels for of_shard in found])
    n_columns = found[0].a_target.shape[1:]
    if n_columns:
        return np.repeat(labels.reshape(-1, 1), n_columns[0], axis=1)
    # As often as it takes not to look like numbers, unless they do in the table.
    n_classes = len(ClassLabels.from_y(labels).classes)
    return np.tile(labels, 3) if n_samples > 2 * n_classes else labels


def add_class_totals(totals, shard, labels):
    """Add the weights of a shard's rows to those of their classes: a task.

    In the rows' order, as a local fit does.

    Parameters
    ----------
    totals : ndarray of shape (n_columns, n_classes) or None
        Of all shards before.
    shard : Shard
    labels : ClassLabels
    """
    codes = labels.encode(shard.y)
    columns, n_values = labels.columns(codes), len(labels.values)
    if totals is None:
        totals = np.zeros((len(columns), n_values))
    totals = totals.copy()
    weights = 1.0 if shard.sample_weight is None else shard.sample_weight
    for of_column, column in zip(totals, columns, strict=True):
        np.add.at(of_column, column, weights)
    return totals
