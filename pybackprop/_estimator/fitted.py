"""A fitted estimator: its network, its parameters as of the fit, and its snapshot.

Users may edit ``coefs_`` and ``intercepts_``, in place or by assigning others, and
predictions use them as they are.  So a network is reused between predictions only while
both are views of the vector that it was made for, to which an edit in place writes.

Parameters of an estimator are those of its next fit.  It keeps those of the last that
say what its network was trained for, also in a pickle.

A successful fit replaces the ``__dict__`` of its estimator in one assignment and leaves
A successful fit replaces an estimator's ``__dict__`` in one assignment and leaves
the old one or the new one, never some attributes of each.
"""

from functools import wraps

import numpy as np
from sklearn.utils.validation import check_is_fitted

from pybackprop import _core
from pybackprop._constraints import InvalidParameterError
from pybackprop._parameters import RULES
from pybackprop.network import Network


class FittedNetwork:
    """A network made ready for predictions, and made again where it has changed.

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
        # A copy, pickled or deep, would be of memory that no estimator has.
        return FittedNetwork, ()

    def _keep(self, network):
        # One assignment: other threads see either the old pair or the new.
        if network is None:
            self._ready = None
        else:
            self._ready = network, _core.SmallBatchPredictor(network.core, network.parameters)

    @classmethod
    def of_copied(cls, model):
        """Of a model that was unpickled or copied: an array of its own for each layer.

        They become views of one vector, unless someone has made of them what is none.
        """
        try:
            arrays = [*model.coefs_, *model.intercepts_]
            network = network_of(model)
        except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError):
            return cls()  # a prediction will say why
        if _is_made_of(network, model):
            return cls(network)
        # The memory of others, such as a file's, is left where it is.
        if all(type(a) is np.ndarray and a.dtype == network.dtype for a in arrays):
            model.coefs_ = network.coefs
            model.intercepts_ = network.intercepts
            return cls(network)
        return cls()

    def network_of(self, model):
        """The network of the model's ``coefs_`` and ``intercepts_`` as they now are."""
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
        """The same with a loss and a penalty, keyword arguments of ``Network``.

        Once ``network_of`` has found that there is one. It is one object for as long as
        nothing changes, since the optimizers of its steps stay with it.
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
        """Outputs, or logits, for few rows of a plain array of valid values.

        None wherever anything is unusual: the full path then decides.
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
    """A network of a model's coefficients, on their own memory where that can be.

    ``objective`` has its loss and penalty, which no prediction depends on.

    Raises ValueError where they do not fit the model's features and outputs, and where
    ``set_params`` has put another ``activation`` there for the next fit: the fitted
    network has no answer by it. Edits by hand are taken as they are.
    """
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
    n_outputs = model._n_outputs_fitted()
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
    """Fitted attributes fit no network.

    An AttributeError too, as NotFittedError is, since scikit-learn looks at every
    property of an estimator that it shows in a notebook.
    """


# The loss, its parameter, the penalty, and what the targets become.
_OF_THE_OBJECTIVE = (
    "loss",
    "huber_delta",
    "quantile",
    "power",
    "alpha",
    "l1_ratio",
    "label_smoothing",
)


def objective_of_fit(model):
    """What a fit is to remember: its parameters of the objective, by name."""
    parameters = vars(model)
    kept = {name: parameters[name] for name in _OF_THE_OBJECTIVE if name in parameters}
    if np.ndim(kept.get("alpha")) == 1:
        kept["alpha"] = list(kept["alpha"])  # which nobody else changes
    return kept


def as_fitted(model):
    """The estimator with the parameters by which its network was trained.

    All other attributes are shared.  Where nothing was kept, as in a file of an earlier
    version, parameters are taken as they are.

    Raises NotFittedError, or ValueError for a kept parameter that no fit leaves.
    """
    fitted = model._draft()
    check_is_fitted(fitted)
    attributes = vars(fitted)
    kept = attributes.get("_objective_of_fit")
    kept = objective_of_fit(fitted) if kept is None else kept
    if not isinstance(kept, dict):
        raise ValueError(
            f"_objective_of_fit must be the dict that a fit leaves. Got {kept!r}."
        )
    rules = {**RULES, "loss": fitted._loss_rule}
    for name in (name for name in _OF_THE_OBJECTIVE if name in attributes):
        value = kept.get(name, attributes[name])
        if not rules[name].holds(value):
            raise InvalidParameterError(
                f"{name} must be {rules[name].words}, as in a fit. Got {value!r}."
            )
        attributes[name] = value
    activation = attributes.pop("_activation_of_fit", None)
    if activation is not None:
        attributes["activation"] = activation
    return fitted


def network_as_fitted(model):
    """A network on a model's own parameters, with the objective of its fit."""
    try:
        fitted = as_fitted(model)
        kept = vars(fitted).get("_fitted_network") or FittedNetwork()
        network = kept.network_of(fitted)
        loss = fitted._loss_with(network.output_activation, network.dtype)
        return kept.trainable(fitted, fitted._objective(loss))
    except AttributeError:
        raise
    except ValueError as error:
        raise NoNetworkError(str(error)) from error


def as_it_is_now(estimator):
    """The estimator with the fit that it has now: all attributes are shared."""
    now = object.__new__(type(estimator))
    now.__dict__ = estimator.__dict__
    return now


def of_one_fit(method):
    """A method of X that reads the one fit that there is when it is called."""

    @wraps(method)
    def called(self, X):
        return method(as_it_is_now(self), X)

    return called
