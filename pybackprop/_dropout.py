"""Dropout: what share of the inputs of each layer a training step leaves out."""

from numbers import Real

import numpy as np


def dropout_rates(model, n_layers):
    """The rates of a model's layers, or None where nothing is left out.

    Parameters
    ----------
    model : estimator
        Its ``input_dropout`` is the rate of the features, its ``dropout`` that of
        each hidden layer: one for all, or one a layer.
    n_layers : int
        Weight layers, so that there are ``n_layers - 1`` hidden ones.

    Returns
    -------
    ndarray of shape (n_layers,) or None
        Features first.

    Raises
    ------
    ValueError
        If a list has not one rate a hidden layer.
    """
    n_hidden = n_layers - 1
    hidden = model.dropout
    if isinstance(hidden, Real):
        if hidden == model.input_dropout == 0:
            return None
        hidden = [hidden] * n_hidden
    elif len(hidden) != n_hidden:
        raise ValueError(
            f"dropout must have one rate for each of the {n_hidden} layers of "
            f"hidden_layer_sizes={model.hidden_layer_sizes!r}. Got {hidden!r}."
        )
    rates = np.array([model.input_dropout, *hidden], dtype=np.float64)
    return rates if rates.any() else None
