"""The fitted perceptron that a picture is of, alone or at the end of a pipeline."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from pybackprop.inspection._resolve import hint_for, network_and_targets
from pybackprop.network import Network


def fitted_last_step(estimator, attribute):
    """The estimator itself, or a pipeline's last step: fitted, with an attribute.

    Raises
    ------
    TypeError
        Where it has no such attribute even though it is fitted.
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
    """Raise TypeError for what is no Network."""
    if not isinstance(network, Network):
        hint = ": of an estimator, call from_estimator" * hasattr(network, "fit")
        raise TypeError(f"network must be a Network. Got {network!r}{hint}.")


def names_of_inputs(estimator):
    """Names of the features that the network itself sees; None where there are none.

    Made-up names, such as a pipeline's 'x0', count as none.
    """
    if not hasattr(estimator, "feature_names_in_"):
        return None
    if not isinstance(estimator, Pipeline):
        return estimator.feature_names_in_
    try:
        return estimator[:-1].get_feature_names_out()
    except (AttributeError, ValueError):  # a step that does not say
        return None


def inputs_of_last_step(estimator, X):
    """What the steps of a pipeline before its last make of X."""
    while isinstance(estimator, Pipeline):
        X = estimator[:-1].transform(X) if len(estimator) > 1 else X
        estimator = estimator.steps[-1][1]
    return X


def network_of_last_step(estimator, X, y):
    """The network of the last step, with the samples and targets that it sees."""
    model = fitted_last_step(estimator, "coefs_")
    return network_and_targets(model, inputs_of_last_step(estimator, X), y)
