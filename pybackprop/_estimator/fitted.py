"""Reads a fitted estimator: its network, its targets, and the parameters of its fit.

Users may edit ``coefs_`` and ``intercepts_``, in place or by assigning other arrays,
and predictions use them as they are.  So a network is reused between predictions only
while both are views of the vector that it was made for, to which an edit in place
writes.

The parameters of an estimator apply to its next fit.  Those that define the objective
of the last fit are stored separately, also in a pickle.

A successful fit replaces the ``__dict__`` of its estimator in one assignment and leaves
the old one unchanged.  So a reference to a ``__dict__`` is a reference to a whole
model: the old one or the new one, never some attributes of each.
"""

from functools import wraps

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from pybackprop import _core
from pybackprop._constraints import InvalidParameterError
from pybackprop._data.numeric import argument_named, require_numbers
from pybackprop._data.sparse import canonical_rows, valid_table
from pybackprop._model.layers import check_layers
from pybackprop._model.losses import gives_probabilities
from pybackprop._parameters import LOSS_PARAMETERS, RULES, loss_rule_of
from pybackprop.network import Network


class NetworkCache:
    """Keeps a network ready for predictions, and makes it anew after a change.

    Parameters
    ----------
    network : pybackprop.Network or None
        As trained; an estimator's ``coefs_`` and ``intercepts_`` are its views.
    """

    __slots__ = ("_ready", "_trainable")

    def __init__(self, network=None):
        self._keep(network)
        self._trainable = None

    def __reduce__(self):
        # A copied network would not share memory with the copied estimator.
        return NetworkCache, ()

    def _keep(self, network):
        # One assignment: other threads see either the old pair or the new.
        if network is None:
            self._ready = None
        else:
            self._ready = (
                network,
                _core.SmallBatchPredictor(network.core, network.parameters),
            )

    @classmethod
    def from_copy(cls, model):
        """Make the cache of a model that was unpickled or copied.

        Its layers are arrays of their own; they become views of one vector again, if
        they still form a valid network.
        """
        try:
            arrays = [*model.coefs_, *model.intercepts_]
            network = network_of(model)
        except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError):
            return cls()  # a prediction will say why
        if _is_made_of(network, model):
            return cls(network)
        # Memory that belongs to others, such as a mapped file, is used as it is.
        if all(type(a) is np.ndarray and a.dtype == network.dtype for a in arrays):
            model.coefs_ = network.coefs
            model.intercepts_ = network.intercepts
            return cls(network)
        return cls()

    def network_of(self, model):
        """Return the network of the present ``coefs_`` and ``intercepts_``."""
        ready = self._ready
        if ready is not None:
            network, _ = ready
            if _has_functions(network, model) and _is_made_of(network, model):
                _require_fitting(network, model)
                return network
        network = network_of(model)
        # A copy would not see the next edit.
        self._keep(network if _is_made_of(network, model) else None)
        return network

    def trainable(self, model, objective):
        """Return the network with loss and penalty, keyword arguments of ``Network``.

        To be called after ``network_of``, which checks the weights. It is one object
        for as long as nothing changes, since its steps keep their optimizer there.
        """
        kept = self._trainable
        if kept is not None:
            network, its_objective = kept
            if (
                its_objective == objective
                and _has_functions(network, model)
                and _is_made_of(network, model)
            ):
                return network
        network = network_of(model, **objective)
        is_its_own = _is_made_of(network, model)
        self._trainable = (network, objective) if is_its_own else None
        return network

    def outputs_of_few(self, model, X, logits):
        """Return outputs, or logits, for few rows of a plain array of valid values.

        Returns None for unusual input, which takes the full path.
        """
        ready = self._ready
        if ready is None:
            return None
        network, few_rows = ready
        fitted = vars(model)
        if (
            # Then an array, which has no names, has to be warned of.
            "feature_names_in_" in fitted
            or fitted.get("n_features_in_") != network.layer_sizes[0]
            or not _has_functions(network, model)
        ):
            return None
        return few_rows.predict(
            X, fitted.get("coefs_"), fitted.get("intercepts_"), logits
        )


def network_of(model, **objective):
    """Return a network of a model's coefficients, on their own memory if possible.

    ``objective`` has its loss and penalty, which no prediction depends on.

    Raises ValueError where they do not fit the model's features and outputs, and where
    ``set_params`` has put another ``activation`` there for the next fit: the fitted
    network was not trained with it. Edits of the weights are used as they are.
    """
    # Its messages name the attributes of an estimator, those of Network its arguments.
    check_layers(model.coefs_, model.intercepts_)
    network = Network.from_parameters(
        model.coefs_,
        model.intercepts_,
        activation=model.activation,
        output_activation=model.out_activation_,
        **objective,
    )
    _require_fitting(network, model)
    return network


def _require_fitting(network, model):
    n_features = vars(model).get("n_features_in_", network.layer_sizes[0])
    if n_features != network.layer_sizes[0]:
        raise ValueError(
            f"coefs_[0] must have a row for each of n_features_in_={n_features!r}. Got "
            f"{network.layer_sizes[0]}."
        )
    n_outputs = targets_of(model).n_outputs
    if n_outputs not in (None, network.layer_sizes[-1]):
        raise ValueError(
            f"coefs_[{len(network.coefs) - 1}] must have {n_outputs!r} columns, the "
            f"outputs of the fit with out_activation_={model.out_activation_!r}. Got "
            f"{network.layer_sizes[-1]}."
        )
    before = vars(model).get("_activation_of_fit")
    if before is not None:
        n_hidden = len(network.hidden_activations)
        of_fit = (before,) * n_hidden if isinstance(before, str) else before
        if of_fit != network.hidden_activations:
            raise ValueError(
                f"activation={model.activation!r} is not that of the fit, {before!r}. "
                "Fit again to use it, or set it back."
            )


def _has_functions(network, model):
    fitted = vars(model)
    activation = fitted.get("activation")
    return (
        # A network keeps a list as a tuple.
        (
            activation == network.activation
            or (type(activation) is list and tuple(activation) == network.activation)
        )
        and isinstance(fitted.get("out_activation_"), str)
        and fitted["out_activation_"] == network.output_activation
    )


def _is_made_of(network, model):
    return network.core.are_views(network.parameters, model.coefs_, model.intercepts_)


class NoNetworkError(ValueError, AttributeError):
    """The fitted attributes do not describe a network.

    An AttributeError too, as NotFittedError is, since scikit-learn looks at every
    property of an estimator that it shows in a notebook.
    """


# The loss, its parameter, the penalty, and what the targets become.
_OBJECTIVE_PARAMETERS = (
    "loss",
    *LOSS_PARAMETERS,
    "alpha",
    "l1_ratio",
    "label_smoothing",
)


def objective_of_fit(model):
    """Return the parameters of the objective, by name, which a fit keeps."""
    parameters = vars(model)
    names = (name for name in _OBJECTIVE_PARAMETERS if name in parameters)
    kept = {name: parameters[name] for name in names}
    if np.ndim(kept.get("alpha")) == 1:
        kept["alpha"] = list(kept["alpha"])  # a copy, which nobody else changes
    return kept


def objective_arguments(params, loss):
    """Return what a network minimizes, as keyword arguments of ``Network``."""
    return {**loss.functions, "alpha": params.alpha, "l1_ratio": params.l1_ratio}


def fitted_parameters(model):
    """Return a copy of an estimator with the parameters that its network was fitted by.

    All other attributes are shared.  Parameters that were not kept, as in a file of an
    earlier version, are those of the estimator.

    Raises NotFittedError, or ValueError for a kept parameter that no fit leaves.
    """
    fitted = working_copy(model)
    check_is_fitted(fitted)
    attributes = vars(fitted)
    kept = attributes.get("_objective_of_fit")
    kept = objective_of_fit(fitted) if kept is None else kept
    if not isinstance(kept, dict):
        raise ValueError(
            f"_objective_of_fit must be the dict that a fit leaves. Got {kept!r}."
        )
    rules = {**RULES, "loss": loss_rule_of(type(fitted))}
    for name in (name for name in _OBJECTIVE_PARAMETERS if name in attributes):
        value = kept.get(name, attributes[name])
        if not rules[name].is_satisfied_by(value):
            raise InvalidParameterError(
                f"{name} must be {rules[name].description}, as in a fit. Got {value!r}."
            )
        attributes[name] = value
    activation = attributes.pop("_activation_of_fit", None)
    if activation is not None:
        attributes["activation"] = activation
    return fitted


def fitted_network(model):
    """Return a network on a model's own parameters, with the objective of its fit."""
    try:
        fitted = fitted_parameters(model)
        cache = vars(fitted).get("_fitted_network") or NetworkCache()
        network = cache.network_of(fitted)
        loss = targets_of(fitted).loss_with(network.output_activation, network.dtype)
        return cache.trainable(fitted, objective_arguments(fitted, loss))
    except AttributeError:
        raise
    except ValueError as error:
        raise NoNetworkError(str(error)) from error


def targets_of(model):
    """Return the Targets of a fitted estimator."""
    return model._targets_class.from_attributes(model, vars(model))


def has_probabilities(model):
    """Return whether outputs are probabilities, as fitted or else as asked for."""
    output = vars(model).get("out_activation_") or model.output_activation
    if output == "auto":
        return model.loss != "squared_error"
    return (
        isinstance(output, str)
        and output in _core.activations()
        and gives_probabilities(output)
    )


def network_and_rows(model, X):
    """Return the network of the present weights, and X validated for it.

    Parameters
    ----------
    model : fitted estimator
    X : {array-like, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    network : Network
    X : ndarray or CSR matrix
        In the network's data type.
    """
    check_is_fitted(model)
    cache = vars(model).get("_fitted_network")
    network = network_of(model) if cache is None else cache.network_of(model)
    require_numbers(X, "X")
    with argument_named("X"):
        X = validate_data(
            model,
            valid_table(X),
            accept_sparse=["csr", "csc"],
            dtype=network.dtype,
            reset=False,
        )
    return network, canonical_rows(X)


# --------------------------------------------------------------- copies of an estimator
def working_copy(estimator, without=()):
    """Return an estimator with the same attributes, on which a fit may try and fail.

    ``without`` names attributes that it does not get.
    """
    copied = object.__new__(type(estimator))
    copied.__dict__.update(estimator.__dict__)
    for name in without:
        copied.__dict__.pop(name, None)
    return copied


def snapshot(estimator):
    """Return an estimator that shares the present ``__dict__``, so one whole fit."""
    now = object.__new__(type(estimator))
    now.__dict__ = estimator.__dict__
    return now


def on_snapshot(method):
    """Let a method of X see one fit, whatever other threads do to the estimator."""

    @wraps(method)
    def called(self, X):
        return method(snapshot(self), X)

    return called
