"""Tests that smoothed labels are y (1 - e) + e / K in every kind of classification."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FAST = {"hidden_layer_sizes": (5,), "max_iter": 12, "random_state": 0, "alpha": 0.0}
KINDS = {
    # Labels, output, K, the core's loss
    "binary": ("logistic", 2, "binary_log_loss"),
    "binary softmax": ("softmax", 2, "log_loss"),
    "multiclass": ("softmax", 3, "log_loss"),
    "multiclass logistic": ("logistic", 3, "binary_log_loss"),
    "multilabel": ("logistic", 2, "binary_log_loss"),
}


def make_data(kind, dtype="float64"):
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    if kind == "multilabel":
        X, y = make_multilabel_classification(100, 4, n_classes=3, random_state=0)
    elif kind.startswith("binary"):
        X, y = X[50:], y[50:]
    return X.astype(dtype), y


def table_of(y, n_outputs):
    """Return targets of 0 and 1 for each output."""
    if y.ndim == 2:
        return y.astype(float)
    if n_outputs == 1:
        return (y == y.max()).astype(float).reshape(-1, 1)
    return (y[:, None] == np.unique(y)).astype(float)


def network_of(model, loss):
    return Network.from_parameters(
        model.coefs_,
        model.intercepts_,
        activation="relu",
        output_activation=model.out_activation_,
        loss=loss,
    )


@pytest.mark.feature("Label smoothing", use="MLPClassifier(label_smoothing=0.1)")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_that_of_smoothed_targets(kind, dtype):
    output, K, loss = KINDS[kind]
    X, y = make_data(kind, dtype)
    weights = np.random.RandomState(0).uniform(0.5, 2, len(X))
    model = MLPClassifier(
        output_activation=output, label_smoothing=0.2, solver="lbfgs", **FAST
    ).fit(X, y, weights)
    smoothed = table_of(y, model.n_outputs_) * 0.8 + 0.2 / K
    expected = network_of(model, loss).objective(X, smoothed.astype(dtype), weights)
    rel = 1e-12 if dtype == "float64" else 1e-5
    assert model.loss_ == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_zero_smoothing_changes_no_bit_and_small_smoothing_little(kind, solver):
    X, y = make_data(kind)
    plain, zero, little = (
        MLPClassifier(output_activation=KINDS[kind][0], solver=solver, **params, **FAST)
        for params in ({}, {"label_smoothing": 0.0}, {"label_smoothing": 1e-9})
    )
    plain.fit(X, y), zero.fit(X, y), little.fit(X, y)
    assert plain.loss_curve_ == zero.loss_curve_
    assert plain.loss_curve_ != little.loss_curve_
    np.testing.assert_allclose(plain.loss_curve_, little.loss_curve_, rtol=1e-5)


def test_torch_smooths_alike():
    torch = pytest.importorskip("torch")
    X, y = make_data("multiclass")
    model = MLPClassifier(label_smoothing=0.15, solver="lbfgs", **FAST).fit(X, y)
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    z = torch.tensor(hidden @ model.coefs_[1] + model.intercepts_[1])
    theirs = torch.nn.CrossEntropyLoss(label_smoothing=0.15)(z, torch.tensor(y))
    assert model.loss_ == pytest.approx(theirs.item(), rel=1e-12)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_smoothed_classifier_is_less_certain_and_still_right(solver):
    X, y = load_digits(return_X_y=True)
    settings = {"solver": solver, "hidden_layer_sizes": (20,), "max_iter": 40}
    settings["learning_rate_init"] = 0.01
    models = [
        MLPClassifier(label_smoothing=e, random_state=0, **settings).fit(X / 16, y)
        for e in (0.0, 0.2)
    ]
    certain, smooth = (model.predict_proba(X / 16).max(axis=1) for model in models)
    assert smooth.mean() < 0.9 < certain.mean()
    # The smoothed optimum gives the right class 1 - e + e / K.
    assert np.median(smooth) == pytest.approx(0.82, abs=0.1)
    assert models[1].score(X / 16, y) > 0.93


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_still_scores_labels(kind):
    X, y = make_data(kind)
    model = MLPClassifier(
        output_activation=KINDS[kind][0],
        label_smoothing=0.999,
        early_stopping=True,
        **FAST,
    ).fit(X, y)
    plain = MLPClassifier(
        output_activation=KINDS[kind][0], early_stopping=True, **FAST
    ).fit(X, y)
    # The same rows were held out, and both scores are fractions of these rows.
    n_held_out = -(-len(X) // 10)
    for score in model.validation_scores_ + plain.validation_scores_:
        assert score * n_held_out == pytest.approx(round(score * n_held_out), abs=1e-9)
    other = MLPClassifier(
        output_activation=KINDS[kind][0], label_smoothing=0.999, **FAST
    )
    for _ in range(3):
        other.partial_fit(X, y, classes=model.classes_)
    assert np.isfinite(other.loss_)
