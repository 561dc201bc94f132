"""Converts fitted estimators to scikit-learn's of the same names, and back."""

import copy
import inspect

import numpy as np
from sklearn import neural_network
from sklearn.base import is_classifier
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.utils.validation import check_is_fitted

from pybackprop import _core
from pybackprop._data.labels import ClassLabels
from pybackprop._estimator.fitted import network_of
from pybackprop._estimator.from_network import take_network
from pybackprop._model.optimizer import Optimizer
from pybackprop._parameters import check_parameters
from pybackprop._training.state import TrainingState
from pybackprop.classifier import MLPClassifier
from pybackprop.export._dense_layers import check_estimator, fitted_network
from pybackprop.network import Network
from pybackprop.regressor import MLPRegressor

# Fitted attributes with the same meaning in both packages, if the solver sets them.
_SHARED = (
    "classes_ n_layers_ n_outputs_ out_activation_ n_iter_ t_ loss_ loss_curve_ "
    "best_loss_ validation_scores_ best_validation_score_ n_features_in_ "
    "feature_names_in_ _no_improvement_count"
).split()
# Parameters on which no result depends.
_WITHOUT_EFFECT = {"n_jobs"}


def to_sklearn(estimator):
    """Convert a fitted estimator to one of scikit-learn.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted. Edits of ``coefs_`` and ``intercepts_`` are included.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or MLPRegressor
        A fitted estimator with copies of all arrays. Its predictions are equal up to
        the rounding of its sums and of its exp and tanh. ``partial_fit`` and
        ``warm_start`` continue the training, with the state of the optimizer.

    Raises
    ------
    TypeError
        If the estimator is not one of pybackprop.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If scikit-learn does not have a parameter that is not at its default, or its
        value, or the output activation; or if a classifier has a single class, for
        which scikit-learn's ``predict_proba`` has two columns.

    Notes
    -----
    A parameter that affects training alone can be changed before the conversion:
    ``to_sklearn(estimator.set_params(solver="adam"))``.

    An estimator of float32 predicts in float32 whatever X is, and scikit-learn's in the
    wider of the two types. ``loss_`` and the curves keep their values; with several
    outputs scikit-learn would report the mean of the squared errors over the outputs,
    and not their sum.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pybackprop import MLPClassifier
    >>> from pybackprop.export import to_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(solver="lbfgs", random_state=0).fit(X, y)
    >>> other = to_sklearn(model)
    >>> print(type(other).__module__.split(".")[0])
    sklearn
    >>> other.score(X, y) == model.score(X, y)
    True
    """
    estimator = check_estimator(estimator)
    network = fitted_network(estimator)
    their_class = (
        neural_network.MLPClassifier
        if is_classifier(estimator)
        else neural_network.MLPRegressor
    )
    other = their_class(**_parameters(estimator, their_class))
    try:
        other._validate_params()
    except ValueError as error:
        raise ValueError(f"scikit-learn cannot hold this estimator: {error}") from None
    if is_classifier(estimator):
        labels = estimator._labels
        _refuse_single_class(estimator)
        output = "softmax" if labels.kind == "multiclass" else "logistic"
        other._label_binarizer = labels.binarizer()
    else:
        output = _core.losses()[estimator.loss]["default_output"]
    if estimator.out_activation_ != output:
        raise ValueError(
            f"scikit-learn cannot hold this estimator: out_activation_ must be "
            f"{output!r} for its parameters and targets. "
            f"Got {estimator.out_activation_!r}."
        )
    vars(other).update(_shared_attributes(estimator))
    other.coefs_, other.intercepts_ = _arrays(network, network.parameters)
    state = TrainingState(vars(estimator))
    best = network.parameters
    if getattr(estimator, "_best_parameters", None) is not None:
        best = state.best_parameters_for(network)
    other._best_coefs, other._best_intercepts = _arrays(network, best)
    optimizer = getattr(estimator, "_optimizer", None)
    # The optimizer is kept unless solver or learning_rate were set after the fit.
    if optimizer is not None and (
        optimizer.name == estimator.solver
        and optimizer.schedule in ("constant", estimator.learning_rate)
    ):
        other._optimizer = _their_optimizer(optimizer, network)
    return other


def from_sklearn(estimator):
    """Convert a fitted estimator of scikit-learn to one of pybackprop.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted.

    Returns
    -------
    MLPClassifier or MLPRegressor
        A fitted estimator with copies of all arrays. Its predictions are equal up to
        the rounding of its sums and of its exp and tanh. ``partial_fit`` and
        ``warm_start`` continue the training, with the state of the optimizer.

    Raises
    ------
    TypeError
        If the estimator is not one of these two.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If pybackprop does not have a parameter or its value, or if a classifier has a
        single class.
    """
    if isinstance(estimator, neural_network.MLPClassifier):
        our_class = MLPClassifier
    elif isinstance(estimator, neural_network.MLPRegressor):
        our_class = MLPRegressor
    else:
        raise TypeError(
            "estimator must be a fitted MLPClassifier or MLPRegressor of "
            f"sklearn.neural_network. Got {estimator!r}."
        )
    check_is_fitted(estimator, "coefs_")
    other = our_class(**_parameters(estimator, our_class))
    check_parameters(other)
    labels = None
    if is_classifier(estimator):
        _refuse_single_class(estimator)
        labels = ClassLabels.from_binarizer(estimator._label_binarizer)
    network = Network.from_parameters(
        estimator.coefs_,
        estimator.intercepts_,
        activation=other.activation,
        output_activation=estimator.out_activation_,
        copy=True,
    )
    shared = _shared_attributes(estimator)
    state = TrainingState.from_elsewhere("it was trained by scikit-learn", shared)
    if other.early_stopping:
        best = (estimator._best_coefs, estimator._best_intercepts)
        state.best_parameters = _vector(network, *best)
    if hasattr(estimator, "_optimizer"):
        state.optimizer = _our_optimizer(estimator._optimizer, other, network)
    take_network(other, network, labels, state, shared)
    network_of(other)  # raises if the fitted attributes are inconsistent
    return other


def _parameters(estimator, other_class):
    """Return the parameters for the other class, or raise ValueError."""
    signature = inspect.signature(type(estimator)).parameters
    known = other_class._get_param_names()
    parameters = {}
    for name, value in estimator.get_params(deep=False).items():
        default = signature[name].default
        if name in known:
            parameters[name] = copy.deepcopy(value)
        elif not (
            name in _WITHOUT_EFFECT
            or value is default
            or (np.isscalar(value) and value == default)
        ):
            raise ValueError(
                f"{other_class.__module__.split('.')[0]}'s {other_class.__name__} "
                f"has no parameter {name!r}. Got {name}={value!r}, which is not its "
                f"default; if only predictions matter, set_params({name}={default!r}) "
                "before."
            )
    return parameters


def _refuse_single_class(estimator):
    if len(estimator.classes_) == 1:
        raise ValueError(
            "A classifier of one class cannot be converted: predict_proba has one "
            "column in pybackprop and two in scikit-learn. "
            f"Got classes_={estimator.classes_!r}."
        )


def _shared_attributes(estimator):
    """Return copies of the fitted attributes that mean the same in both, by name."""
    attributes = vars(estimator)
    names = (name for name in _SHARED if name in attributes)
    return {name: copy.deepcopy(attributes[name]) for name in names}


def _arrays(network, vector):
    """Copy coefficients and intercepts from a vector to lists of arrays."""
    coefs, intercepts = network.core.views(vector)
    return [coef.copy() for coef in coefs], [b.copy() for b in intercepts]


def _vector(network, *lists):
    """Copy lists of arrays to one vector: all coefficients, then all intercepts."""
    arrays = [array.ravel() for arrays in lists for array in arrays]
    return np.concatenate(arrays).astype(network.dtype, copy=False)


def _their_optimizer(optimizer, network):
    """Convert an optimizer to scikit-learn's, so that its next step is the same."""
    parameters = [*network.coefs, *network.intercepts]
    h = optimizer.hyperparameters
    states = [
        [*coefs, *intercepts]
        for coefs, intercepts in (_arrays(network, s) for s in optimizer.states)
    ]
    if optimizer.name == "sgd":
        other = SGDOptimizer(
            parameters,
            optimizer.learning_rate_init,
            optimizer.schedule,
            h["momentum"],
            h["nesterov"],
            optimizer.power_t,
        )
        other.learning_rate = optimizer.learning_rate
        (other.velocities,) = states
    else:
        other = AdamOptimizer(
            parameters,
            optimizer.learning_rate_init,
            h["beta_1"],
            h["beta_2"],
            h["epsilon"],
        )
        other.t = optimizer.n_steps
        other.ms, other.vs = states
    return other


def _our_optimizer(optimizer, model, network):
    """Convert an optimizer of scikit-learn, so that its next step is the same."""
    other = Optimizer.from_params(model, network)
    other.learning_rate_init = float(optimizer.learning_rate_init)
    if isinstance(optimizer, SGDOptimizer):
        other.schedule = optimizer.lr_schedule
        other.power_t = float(optimizer.power_t)
        other.learning_rate = float(optimizer.learning_rate)
        names, states = ("momentum", "nesterov"), [optimizer.velocities]
    else:
        # scikit-learn stores the bias-corrected learning rate of Adam's last step.
        other.learning_rate = other.learning_rate_init
        other.n_steps = optimizer.t
        names, states = ("beta_1", "beta_2", "epsilon"), [optimizer.ms, optimizer.vs]
    other.hyperparameters |= {name: getattr(optimizer, name) for name in names}
    other.states = np.stack([_vector(network, state) for state in states])
    return other
