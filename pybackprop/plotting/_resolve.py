"""Resolves the argument of a Display: a fitted estimator, alone or in a pipeline."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from pybackprop.inspection._resolve import hint_for, network_and_targets
from pybackprop.network import Network


def fitted_last_step(estimator, attribute):
    """Return the estimator or the last step of a pipeline, which must be fitted.

    Raises
    ------
    TypeError
        If it is no estimator, or does not have the attribute after fit.
    NotFittedError
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            "estimator must be a fitted MLPClassifier or MLPRegressor, or a Pipeline "
            f"that ends in one. Got {estimator!r}."
        )
    model = estimator
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    check_is_fitted(model)
    if getattr(model, attribute, None) is None:
        raise TypeError(
            "estimator must be a fitted MLPClassifier or MLPRegressor, or a Pipeline "
            f"that ends in one. Got {model!r}, which has no {attribute}"
            f"{hint_for(model)}."
        )
    return model


def require_network(network):
    """Raise TypeError unless ``network`` is a Network."""
    if not isinstance(network, Network):
        hint = ": of an estimator, call from_estimator" * hasattr(network, "fit")
        raise TypeError(f"network must be a Network. Got {network!r}{hint}.")


def names_of_inputs(estimator):
    """Return the names of the network's input features, or None.

    Names that a pipeline generates, such as 'x0', are not returned.
    """
    if not hasattr(estimator, "feature_names_in_"):
        return None
    if not isinstance(estimator, Pipeline):
        return estimator.feature_names_in_
    try:
        return estimator[:-1].get_feature_names_out()
    except (AttributeError, ValueError):  # a step without names
        return None


def inputs_of_last_step(estimator, X):
    """Transform X with all steps of a pipeline but the last."""
    while isinstance(estimator, Pipeline):
        X = estimator[:-1].transform(X) if len(estimator) > 1 else X
        estimator = estimator.steps[-1][1]
    return X


def network_of_last_step(estimator, X, y):
    """Return the network of the last step, with its input samples and targets."""
    model = fitted_last_step(estimator, "coefs_")
    return network_and_targets(model, inputs_of_last_step(estimator, X), y)
