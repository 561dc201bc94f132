"""Computes the activations of a fitted network's layers, also as features.

A layer's activations leave the core as they are computed, block of rows by block of
rows, so memory is that of what is returned.
"""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if

from pybackprop import _core
from pybackprop._estimator.fitted import network_and_rows, on_snapshot
from pybackprop._model.layers import check_layers
from pybackprop._parameters import layer_sizes
from pybackprop._threads import effective_n_threads


class HiddenLayersMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The methods ``activations`` and ``transform`` of an estimator with a network."""

    @on_snapshot
    def activations(self, X):
        """Return the activations of every layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        list of ndarray of shape (n_samples, d_l)
            As ``Trace.a``: the first is X, sparse if it was, and the last the output.
        """
        network, X = network_and_rows(self, X)
        n_layers = len(network.layer_sizes)
        return [X, *_activations(self, network, X, range(1, n_layers))]

    def transform(self, X):
        """Return the activations of the last hidden layer, as features.

        There is no such method without a hidden layer. Those of the other layers come
        from ``activations``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, d_(L-1))
        """
        _has_hidden_layer(self)  # it may have been another fit's method
        network, X = network_and_rows(self, X)
        (features,) = _activations(self, network, X, [len(network.layer_sizes) - 2])
        return features

    @property
    def _n_features_out(self):
        sizes, _ = check_layers(self.coefs_, self.intercepts_)
        return sizes[-2]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self, "transform"):
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        else:
            tags.transformer_tags = None
        return tags


def _activations(params, network, X, layers):
    """Return the activations of some layers; the core keeps none of the others."""
    wanted = {
        layer: np.empty((X.shape[0], network.layer_sizes[layer]), network.dtype)
        for layer in layers
    }
    n_layers = len(network.layer_sizes)
    network.core.forward(
        network.parameters,
        _core.Samples(X, network.dtype),
        {"a": [wanted.get(layer) for layer in range(1, n_layers)]},
        effective_n_threads(params.n_jobs),
    )
    return list(wanted.values())


def _has_hidden_layer(estimator):
    fitted = vars(estimator).get("coefs_")
    if fitted is None:
        sizes = layer_sizes(estimator.hidden_layer_sizes)
        n_hidden = 1 if sizes is None else len(sizes)  # a fit says what is wrong
    else:
        n_hidden = len(fitted) - 1 if isinstance(fitted, (list, tuple)) else 1
    if n_hidden == 0:
        raise AttributeError(
            "transform gives the activations of the last hidden layer, and with "
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} there is none."
        )
    return True


# Only here: the class's body has been wrapped for set_output, which would turn a method
# that some estimators do not have into one that all have.  And set_output's names of
# the columns are to be those of the fit that they come from.
HiddenLayersMixin.transform = on_snapshot(HiddenLayersMixin.transform)
for _name in ("transform", "fit_transform", "get_feature_names_out"):
    _method = getattr(HiddenLayersMixin, _name)
    setattr(HiddenLayersMixin, _name, available_if(_has_hidden_layer)(_method))
