"""Converts the network's outputs to predictions: labels, numbers, probabilities."""

import numpy as np

from pybackprop import _core


def require_same_classes(labels, classes):
    """Raise ValueError if the classes that an estimator shows are not its labels."""
    if not (classes is labels.classes or np.array_equal(classes, labels.classes)):
        raise ValueError(
            f"classes_ must be those of the fit, {labels.classes}. Got {classes!r}."
        )


def labels_from_outputs(labels, y_pred, is_finite=False):
    """Return the predicted labels for the network's outputs."""
    # NaN, or one infinity beside another, would silently become class 0.
    if not (is_finite or len(labels.classes) == 1 or _core.all_finite(y_pred)):
        raise ValueError(
            "Cannot predict a class: the network's outputs for X are not finite. X may "
            "hold values far larger than those of the fit: scale it as for the fit."
        )
    return labels.decode(decide(labels, y_pred))


def numbers_from_outputs(y_pred):
    """Return the numbers that a regressor predicts: a vector for one output."""
    return y_pred.ravel() if y_pred.shape[1] == 1 else y_pred


def decision_from_logits(labels, z):
    """Return the decision function from logits with a column per output."""
    if labels.kind != "binary":
        return z
    if len(labels.classes) == 1:
        return np.zeros(len(z), dtype=z.dtype)
    return z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0]


def class_logits(labels, activation, z):
    """Return logits with a column per class, and their activation.

    Parameters
    ----------
    labels : ClassLabels
    activation : {'softmax', 'logistic', 'identity'}
        Maps z to probabilities.
    z : ndarray of shape (n_samples, n_outputs)
    """
    if len(labels.classes) == 1 and labels.kind == "binary":
        # The only class is certain, whatever the network says.
        return "softmax", np.zeros_like(z[:, :1])
    if labels.kind == "multilabel" or activation == "softmax":
        return activation, z
    if z.shape[1] > 1:
        return "softmax", _log_shares(activation, z)
    others = -z if activation == "logistic" else 1 - z
    return activation, np.concatenate((others, z), axis=1)


def decide(labels, y_pred):
    """Return codes or indicators from the network's outputs."""
    if labels.kind == "multilabel":
        return y_pred > 0.5
    if len(labels.classes) == 1:
        return np.zeros(len(y_pred), dtype=int)
    if y_pred.shape[1] == 1:
        return (y_pred[:, 0] > 0.5).astype(int)
    return y_pred.argmax(axis=1)


def _log_shares(activation, z):
    """Return logits of a softmax that gives each output's share of a row's sum."""
    logits = _core.log_activate(activation, z)
    # Where all outputs are 0, all shares are equal.
    logits[np.isneginf(logits).all(axis=1)] = 0
    return logits
