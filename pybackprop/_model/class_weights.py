"""Computes the weights that ``class_weight`` gives to classes."""

import sys
from numbers import Real

import numpy as np


def class_weights_of(labels, class_weight, encoded, sample_weight):
    """Return the weights that ``class_weight`` gives to the values of each column of y.

    'balanced' weighs a value that occurs n times among N samples, and is one of K
    that occur, by N / (K n), with sums of weights in the place of numbers of samples.

    Parameters
    ----------
    labels : ClassLabels
    class_weight : 'balanced', dict or list of dict
        A dict from labels to weights, where a label without one weighs 1; for a
        multilabel problem, a list of dicts from 0 and 1 to weights, one per label.
    encoded : ndarray
        As ``ClassLabels.encode`` returns it.
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    list of ndarray
        A vector, (n_classes,) or of the weights of 0 and 1, for each column of y.
    """
    values = labels.values
    if isinstance(class_weight, str):
        columns = labels.columns(encoded)
        return [balanced_weights(c, len(values), sample_weight) for c in columns]
    if labels.kind != "multilabel":
        return [_weights_by_label(class_weight, values)]
    n_columns = len(labels.classes)
    if isinstance(class_weight, dict) or len(class_weight) != n_columns:
        raise ValueError(
            f"class_weight must be 'balanced' or a list of {n_columns} dicts, "
            f"one per label, for a multilabel y. Got {class_weight!r}."
        )
    return [_weights_by_label(by_label, values) for by_label in class_weight]


def balanced_weights(codes, n_values, sample_weight):
    """Return the balanced weight of each value from 0 to ``n_values - 1``."""
    totals = np.bincount(codes, weights=sample_weight, minlength=n_values)
    occurs = totals > 0
    weights = np.ones(n_values)
    weights[occurs] = totals.sum() / (occurs.sum() * totals[occurs].astype(np.float64))
    return weights


def _weights_by_label(by_label, labels):
    """Return weights in the order of the labels from a dict of some of them."""
    if not isinstance(by_label, dict):
        raise ValueError(
            f"class_weight must be 'balanced' or a dict from labels to weights for one "
            f"column of labels. Got {by_label!r}."
        )
    unknown = [label for label in by_label if label not in labels]
    if unknown:
        raise ValueError(
            f"class_weight must have only the labels {labels}. "
            f"Got a weight for {unknown}."
        )
    for label, weight in by_label.items():
        if not (isinstance(weight, Real) and 0 <= weight <= sys.float_info.max):
            raise ValueError(
                "class_weight must be finite numbers >= 0. "
                f"Got {weight!r} for {label!r}."
            )
    return np.array([by_label.get(label, 1) for label in labels], dtype=np.float64)
