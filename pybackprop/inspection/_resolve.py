"""What an inspection looks at: a network, or the one of a fitted estimator."""

from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length

from pybackprop._estimator.base import MultilayerPerceptron
from pybackprop._estimator.fitted import as_fitted
from pybackprop.network import Network


def network_and_targets(network, X, y):
    """A network with samples and numeric targets, whatever of both was given.

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
        As given with a Network; with an estimator ``estimator.network_targets(y)``.

    Raises
    ------
    TypeError
        For anything but these.
    sklearn.exceptions.NotFittedError
        For an estimator that is not fitted.
    ValueError
        For X or y that the estimator refuses.
    """
    if isinstance(network, Network):
        return network, X, y
    if not isinstance(network, MultilayerPerceptron):
        raise TypeError(
            "network must be a Network or a fitted MLPClassifier or MLPRegressor. "
            f"Got {kind_and_hint(network)}."
        )
    model = as_fitted(network)
    check_consistent_length(X, y)
    _, X = model._network_and_rows(X)
    return model.network_, X, model.network_targets(y)


def kind_and_hint(other):
    """What an argument is that was to be one of ours, to end a message with."""
    is_class = isinstance(other, type)
    kind = f"the class {other.__name__}" if is_class else type(other).__name__
    return kind + hint_for(other)


def hint_for(other):
    """What to do with an estimator that is none of ours, to end a message with."""
    if isinstance(other, Pipeline):
        return "; take its last step, model[-1], and transform X with model[:-1]"
    if type(other).__module__.startswith("sklearn.neural_network"):
        return " of scikit-learn; convert it with pybackprop.export.from_sklearn"
    if hasattr(other, "best_estimator_"):
        return "; take its best_estimator_"
    if hasattr(other, "regressor_"):
        return "; take its regressor_, and transform y with its transformer_"
    return ""
