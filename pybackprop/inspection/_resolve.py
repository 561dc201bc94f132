"""Resolves the argument of an inspection: a Network, or a fitted estimator with one."""

from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length

from pybackprop._estimator.base import BaseMLP
from pybackprop._estimator.fitted import fitted_parameters, network_and_rows
from pybackprop.network import Network


def network_and_targets(network, X, y):
    """Return the network, samples and numeric targets of a network or an estimator.

    Parameters
    ----------
    network : Network or fitted MLPClassifier or MLPRegressor
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        For an estimator as in its ``fit``.

    Returns
    -------
    network : Network
        The one given, or ``estimator.network_``.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        As given with a Network; with an estimator checked as for ``predict``.
    y : array-like
        As given with a Network; with an estimator ``estimator.encode_targets(y)``.

    Raises
    ------
    TypeError
        If ``network`` is neither a Network nor one of these estimators.
    sklearn.exceptions.NotFittedError
        For an estimator that is not fitted.
    ValueError
        For X or y that the estimator refuses.
    """
    if isinstance(network, Network):
        return network, X, y
    if not isinstance(network, BaseMLP):
        raise TypeError(
            "network must be a Network or a fitted MLPClassifier or MLPRegressor. "
            f"Got {kind_and_hint(network)}."
        )
    model = fitted_parameters(network)
    check_consistent_length(X, y)
    _, X = network_and_rows(model, X)
    return model.network_, X, model.encode_targets(y)


def kind_and_hint(other):
    """Name the type of a wrong argument and the remedy, for the end of a message."""
    is_class = isinstance(other, type)
    kind = f"the class {other.__name__}" if is_class else type(other).__name__
    return kind + hint_for(other)


def hint_for(other):
    """Name the remedy for an estimator of another package, or return an empty str."""
    if isinstance(other, Pipeline):
        return "; take its last step, model[-1], and transform X with model[:-1]"
    if type(other).__module__.startswith("sklearn.neural_network"):
        return " of scikit-learn; convert it with pybackprop.export.from_sklearn"
    if hasattr(other, "best_estimator_"):
        return "; take its best_estimator_"
    if hasattr(other, "regressor_"):
        return "; take its regressor_, and transform y with its transformer_"
    return ""
