"""Tests that inspections accept a network, or a fitted estimator with its labels."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.inspection._resolve import network_and_targets
from support.estimator_problems import PROBLEMS, STRINGS, X, fitted, numbers_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_a_network_and_its_data_are_used_unchanged():
    network, rows, y = Network([4, 1]), [[0, 0, 0, 0]], [1]
    given = network_and_targets(network, rows, y)
    assert all(a is b for a, b in zip(given, (network, rows, y), strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_an_estimator_gives_its_network_and_numbers(problem, dtype):
    model, rows, y = fitted(problem, dtype)
    network, checked, targets = network_and_targets(model, rows, y)
    assert network is model.network_
    assert_array_equal(checked, rows)
    assert checked.dtype == targets.dtype == dtype
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(targets, numbers_of(problem, dtype), rtol=tolerance)
    assert np.isfinite(network.objective(checked, targets))
    by_lists = y.toarray() if scipy.sparse.issparse(y) else y.tolist()
    assert_array_equal(network_and_targets(model, rows, by_lists)[2], targets)


def test_it_is_the_network_of_the_fit_after_set_params():
    model, rows, y = fitted("smoothed")
    expected = network_and_targets(model, rows, y)
    model.set_params(activation="tanh", label_smoothing=0.0, loss="squared_error")
    network, _, targets = network_and_targets(model, rows, y)
    assert network is expected[0]
    assert_array_equal(targets, expected[2])


def test_the_table_is_checked_as_in_predict():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = MLPClassifier(max_iter=2, random_state=0).fit(frame, STRINGS)
    _, checked, _ = network_and_targets(model, frame, STRINGS)
    assert_array_equal(checked, X)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        network_and_targets(model, X, STRINGS)
    with pytest.raises(ValueError, match="feature names should match"):
        network_and_targets(model, frame[list("dcba")], STRINGS)
    model, _, _ = fitted("multiclass")
    sparse = network_and_targets(model, scipy.sparse.csc_matrix(X), STRINGS)[1]
    assert_array_equal(sparse.toarray(), X)
    for rows, y, says in [
        (X[:, :2], STRINGS, "X has 2 features"),
        (X[:3], STRINGS, "inconsistent numbers of samples"),
        (np.full_like(X, np.nan), STRINGS, "X contains NaN"),
        (X, np.full(40, "spring"), r"y must hold the classes .*spring"),
    ]:
        with pytest.raises(ValueError, match=says):
            network_and_targets(model, rows, y)


def test_other_objects_are_refused():
    model = fitted("multiclass")[0]
    for other, says in [
        (3, "Got int"),
        (MLPClassifier, r"Got the class MLPClassifier\.$"),
        (TheirClassifier(), "Got MLPClassifier of scikit-learn; .*from_sklearn"),
        (GridSearchCV(model, {}), "Got GridSearchCV"),
        (
            GridSearchCV(model, {}, cv=2).fit(X, STRINGS),
            r"Got GridSearchCV; take its best_estimator_\.$",
        ),
        (
            TransformedTargetRegressor(MLPRegressor(max_iter=1)).fit(X, X[:, 0]),
            "Got TransformedTargetRegressor; take its regressor_",
        ),
        (
            make_pipeline(StandardScaler(), model),
            r"Got Pipeline; take its last step, model\[-1\], and transform X with "
            r"model\[:-1\]\.$",
        ),
    ]:
        says = rf"network must be a Network or a fitted MLPClassifier .*{says}"
        with pytest.raises(TypeError, match=says):
            network_and_targets(other, X, STRINGS)
    with pytest.raises(NotFittedError):
        network_and_targets(MLPClassifier(), X, STRINGS)
