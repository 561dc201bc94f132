"""An output activation is accepted if the loss is defined for all its values.

Class labels, decisions and probabilities are tested with each output.
"""

import pickle
import re

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor, Network
from support.lists import ACTIVATIONS, LOSSES, OUTPUTS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SOLVERS = ("sgd", "adam", "lbfgs")
FAST = {"hidden_layer_sizes": (6,), "max_iter": 40, "random_state": 0}
FAST |= {"learning_rate_init": 0.02}


def make_data(kind):
    X, y = load_iris(return_X_y=True)
    if kind == "multilabel":
        return make_multilabel_classification(
            120, n_features=5, n_classes=3, random_state=0
        )
    X = scale(X)
    if kind == "binary":
        return X[50:], np.array(["no", "yes"])[y[50:] - 1]
    return X, np.array(["a", "b", "c"])[y]


def logits(model, X):
    """Return logits of a network with one hidden layer of relu, by NumPy."""
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    return hidden @ model.coefs_[1] + model.intercepts_[1]


# ---------------------------------------------------------------------- regressor
DOMAINS = {
    "squared_error": set(OUTPUTS),
    "absolute_error": set(OUTPUTS),
    "huber": set(OUTPUTS),
    "quantile": set(OUTPUTS),
    # Some activations; those with positive values.
    "poisson": {"exp", "logistic", "softmax"},
    "gamma": {"exp", "logistic", "softmax"},
    "tweedie": {"exp", "logistic", "softmax"},
}
REFUSED = {"identity", "tanh", "relu"}  # they may be 0 or less


@pytest.mark.feature(
    "Any output activation whose values the loss accepts",
    use="MLPRegressor(output_activation='logistic')",
    requested="#11791",
)
@pytest.mark.sampled(50)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("loss", DOMAINS)
def test_a_regressor_accepts_outputs_in_the_domain_of_its_loss(loss, output):
    X = scale(load_iris().data)
    y = np.c_[expit(X[:, 0]), 1 - expit(X[:, 0])]  # in the range of every activation
    model = MLPRegressor(
        loss, (3,), output_activation=output, quantile=0.4, max_iter=3, random_state=0
    )
    if output in DOMAINS[loss]:
        model.fit(X, y)
        assert model.out_activation_ == output
        assert np.isfinite(model.predict(X)).all()
    elif output in REFUSED:
        with pytest.raises(ValueError, match=f"output_activation='{output}'.*'{loss}'"):
            model.fit(X, y)
        assert not hasattr(model, "coefs_")


def test_a_logistic_regressor_stays_between_0_and_1_and_fits():
    X = scale(load_iris().data)
    y = expit(2 * X[:, 0] - X[:, 1])
    model = MLPRegressor(
        output_activation="logistic", solver="lbfgs", tol=1e-9, max_iter=500, alpha=0
    ).set_params(hidden_layer_sizes=(), random_state=0)
    model.fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], [2, -1, 0, 0], atol=1e-2)
    far = model.predict(100 * X)
    assert ((far >= 0) & (far <= 1)).all()


def test_auto_is_the_default_of_the_loss():
    X, y = scale(load_iris().data), load_iris().target + 0.5
    for loss in DOMAINS:
        record = LOSSES[loss]
        auto = MLPRegressor(loss, quantile=0.4, **FAST).fit(X, y)
        named = clone(auto).set_params(output_activation=record["default_output"])
        named.fit(X, y)
        assert auto.out_activation_ == named.out_activation_ == record["default_output"]
        np.testing.assert_array_equal(auto.predict(X), named.predict(X))


# --------------------------------------------------------------------- classifier
def expected_probabilities(kind, output, z):
    """Return (probabilities, log-probabilities) by NumPy."""
    if output == "softmax":
        return softmax(z, axis=1), log_softmax(z, axis=1)
    p, log_p = expit(z), log_expit(z)
    if kind == "binary":
        return np.c_[expit(-z), p], np.c_[log_expit(-z), log_p]
    if kind == "multiclass":
        shares = p / p.sum(axis=1, keepdims=True)
        return shares, np.log(shares)
    return p, log_p


@pytest.mark.feature(
    "The output activation of the classifier",
    use="MLPClassifier(output_activation='logistic')",
    requested="#6094",
)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("output", ["auto", "logistic", "softmax"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_probabilities_are_those_of_the_output(kind, output, solver):
    X, y = make_data(kind)
    model = MLPClassifier(output_activation=output, solver=solver, **FAST)
    if kind == "multilabel" and output == "softmax":
        with pytest.raises(ValueError, match="output_activation='softmax'.*multilabel"):
            model.fit(X, y)
        return
    model.fit(X, y)
    used = output
    if output == "auto":
        used = "softmax" if kind == "multiclass" else "logistic"
    assert model.out_activation_ == used
    expected = {"binary": 2 if used == "softmax" else 1}.get(kind, 3)
    assert model.n_outputs_ == model.coefs_[-1].shape[1] == expected
    proba, log_proba = expected_probabilities(kind, used, logits(model, X))
    np.testing.assert_allclose(model.predict_proba(X), proba, rtol=1e-10)
    np.testing.assert_allclose(
        model.predict_log_proba(X), log_proba, rtol=1e-9, atol=1e-12
    )
    if kind == "multilabel":
        np.testing.assert_array_equal(model.predict(X), proba > 0.5)
    else:
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
        winners = model.classes_[proba.argmax(axis=1)]
        np.testing.assert_array_equal(model.predict(X), winners)
        assert model.score(X, y) > 0.85


def test_probabilities_are_finite_where_all_logistic_outputs_underflow():
    X, y = make_data("multiclass")
    model = MLPClassifier(output_activation="logistic", **FAST).fit(X, y)
    model.intercepts_[-1][:] = [-2000, -2001, -2003]
    model.coefs_[-1][:] = 0
    expected = softmax([0, -1, -3])
    np.testing.assert_allclose(model.predict_proba(X[:1])[0], expected, rtol=1e-12)


def one_hot_or_column(model, y):
    table = (y[:, None] == model.classes_).astype(float)
    return table[:, 1:] if model.n_outputs_ == 1 else table


@pytest.mark.parametrize("output", ["logistic", "softmax", "auto"])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_loss_is_that_of_one_hot_or_0_1_targets(kind, loss, output):
    X, y = make_data(kind)
    model = MLPClassifier(
        output_activation=output, loss=loss, solver="lbfgs", alpha=0, **FAST
    ).fit(X, y)
    table, z = one_hot_or_column(model, y), logits(model, X)
    a = {
        "softmax": lambda: softmax(z, axis=1),
        "logistic": lambda: expit(z),
        "identity": lambda: z,
    }[model.out_activation_]()
    if loss == "squared_error":
        losses = ((a - table) ** 2).sum(axis=1) / 2
    else:
        with np.errstate(divide="ignore"):
            losses = -np.log(np.where(table == 1, a, 1)).sum(axis=1)
            if model.out_activation_ == "logistic":
                losses -= np.log(np.where(table == 0, 1 - a, 1)).sum(axis=1)
    assert model.loss_ == pytest.approx(losses.mean(), rel=1e-9)


@pytest.mark.feature(
    "Squared error for classification", use="MLPClassifier(loss='squared_error')"
)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_a_classifier_of_squared_error_accepts_any_output(kind, output):
    X, y = make_data(kind)
    model = MLPClassifier(loss="squared_error", output_activation=output, **FAST)
    if kind == "multilabel" and ACTIVATIONS[output]["rowwise"]:
        with pytest.raises(ValueError, match="output_activation=.*multilabel"):
            model.fit(X, y)
        return
    model.fit(X, y)
    y_pred = Network.from_parameters(
        model.coefs_,
        model.intercepts_,
        activation="relu",
        output_activation=output,
    ).predict(X)
    if kind == "multilabel":
        np.testing.assert_array_equal(model.predict(X), y_pred > 0.5)
    else:
        codes = y_pred.argmax(1) if y_pred.shape[1] > 1 else 1 * (y_pred[:, 0] > 0.5)
        np.testing.assert_array_equal(model.predict(X), model.classes_[codes])


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
@pytest.mark.parametrize(
    ("params", "has_it"),
    [
        ({}, True),
        ({"output_activation": "logistic"}, True),
        ({"output_activation": "softmax", "loss": "squared_error"}, True),
        ({"loss": "squared_error"}, False),
        ({"output_activation": "tanh", "loss": "squared_error"}, False),
        ({"output_activation": "relu", "loss": "squared_error"}, False),
        ({"output_activation": "exp", "loss": "squared_error"}, False),
    ],
)
def test_outputs_that_are_not_probabilities_have_no_predict_proba(
    params, has_it, method
):
    X, y = make_data("multiclass")
    model = MLPClassifier(**params, **FAST)
    assert hasattr(model, method) == has_it
    model.fit(X, y)
    assert hasattr(model, method) == has_it
    # The fitted activation counts until the next fit.
    model.set_params(output_activation="auto", loss="log_loss")
    assert hasattr(model, method) == has_it


@pytest.mark.parametrize("output", ["identity", "tanh", "relu", "exp"])
def test_log_loss_refuses_outputs_that_are_not_probabilities(output):
    X, y = make_data("binary")
    model = MLPClassifier(**FAST).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(output_activation=output)
    with pytest.raises(ValueError, match=f"output_activation='{output}'.*'log_loss'"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("output", ["logistic", "softmax"])
def test_one_class_is_certain(output):
    X = np.eye(5)
    model = MLPClassifier(output_activation=output, max_iter=3).fit(X, ["only"] * 5)
    assert (model.predict(X) == "only").all()
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((5, 1)))


@pytest.mark.parametrize("output", ["logistic", "softmax"])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_early_stopping_partial_fit_and_pickles_work(kind, output):
    X, y = make_data(kind)
    model = MLPClassifier(output_activation=output, early_stopping=True, **FAST)
    model.fit(X, y)
    assert model.best_validation_score_ == max(model.validation_scores_)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    model = MLPClassifier(output_activation=output, **FAST)
    for _ in range(60):
        model.partial_fit(X, y, classes=sorted(set(y)))
    assert model.score(X, y) > 0.8


def test_sparse_labels_stay_sparse():
    X, y = make_data("multilabel")
    model = MLPClassifier(output_activation="tanh", loss="squared_error", **FAST)
    dense = model.fit(X, y).predict(X)
    predicted = model.fit(X, scipy.sparse.csr_matrix(y)).predict(X)
    assert scipy.sparse.issparse(predicted)
    np.testing.assert_array_equal(predicted.toarray(), dense)


def test_a_warm_start_may_change_the_output():
    X, y = make_data("binary")
    model = MLPClassifier(warm_start=True, **FAST).fit(X, y)
    model.set_params(loss="squared_error", output_activation="tanh").fit(X, y)
    assert model.out_activation_ == "tanh"
    few, many = model.predict(X[:1]), model.predict(X)
    assert few[0] == many[0]
    model.set_params(output_activation="softmax")
    with pytest.raises(ValueError, match="layer sizes would change"):
        model.fit(X, y)
    assert model.out_activation_ == "tanh"


def test_a_search_tries_outputs_and_losses():
    X, y = make_data("binary")
    grid = {"output_activation": ["auto", "softmax"], "loss": ["log_loss"]}
    search = GridSearchCV(MLPClassifier(**FAST), grid, cv=2, scoring="neg_log_loss")
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("output", ["identity", "tanh", "relu", "gelu", "logistic"])
def test_the_decision_function_decides_as_predict_does(kind, output):
    X, y = make_data(kind)
    model = MLPClassifier(output_activation=output, loss="squared_error", **FAST)
    decision = model.fit(X, y).decision_function(X)
    if kind == "multiclass":
        decided = model.classes_[decision.argmax(axis=1)]
    elif kind == "binary":
        decided = model.classes_[(decision > 0).astype(int)]
    else:
        decided = (decision > 0).astype(int)
    np.testing.assert_array_equal(model.predict(X), decided)


def test_the_error_for_an_unsuitable_output_lists_suitable_ones():
    X, y = np.ones((20, 2)), np.ones(20)
    with pytest.raises(ValueError, match="choose 'auto' or one of") as refusal:
        MLPRegressor("poisson", output_activation="relu").fit(X, y)
    suitable = re.findall(r"'(\w+)'", str(refusal.value).split("one of")[1])
    assert {"exp", "softplus"} <= set(suitable)
    for name in suitable:
        MLPRegressor("poisson", output_activation=name, max_iter=2).fit(X, y)
