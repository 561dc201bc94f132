"""The logits and the activations of every layer are accessible."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from pybackprop import MLPClassifier, MLPRegressor, Network

ESTIMATORS = [MLPClassifier, MLPRegressor]
FAST = {"hidden_layer_sizes": (7, 5), "max_iter": 20, "random_state": 0}
X, Y = scale(load_iris().data), load_iris().target


def forward(model, X):
    """Return the activations of hidden layers, and the output's pre-activation."""
    f = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[model.activation]
    a = [X.toarray() if scipy.sparse.issparse(X) else X]
    for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
        a.append(f(a[-1] @ coef + intercept))
    return [*a[:-1], a[-2] @ coef + intercept]


# ------------------------------------------------------------------- decision_function
@pytest.mark.feature(
    "Logits of a classifier", use="MLPClassifier().decision_function(X)"
)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_decision_function_is_the_pre_activation_of_the_output(activation):
    model = MLPClassifier(activation=activation, **FAST).fit(X, Y)
    z = model.decision_function(X)
    assert z.shape == (150, 3)
    assert_allclose(z, forward(model, X)[-1], rtol=1e-12, atol=1e-12)
    assert_array_equal(model.classes_[z.argmax(axis=1)], model.predict(X))


@pytest.mark.parametrize("labels", [Y, Y > 0, np.eye(3, dtype=int)[Y]])
def test_a_tie_is_decided_as_scikit_learn_decides_it(labels):
    """Decide for the first class, as argmax does, and against a label."""
    predictions = []
    for Classifier in (MLPClassifier, sklearn.neural_network.MLPClassifier):
        model = Classifier(**FAST).fit(X, labels)
        for array in model.coefs_ + model.intercepts_:
            array[:] = 0
        proba = model.predict_proba(X)
        assert_array_equal(proba, proba[0, 0])
        predictions.append(model.predict(X))
    assert_array_equal(*predictions)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sign_of_a_binary_decision_is_what_is_predicted(dtype):
    labels = np.where(Y == 1, "yes", "no")
    model = MLPClassifier(**FAST).fit(X.astype(dtype), labels)
    z = model.decision_function(X.astype(dtype))
    assert z.shape == (150,) and z.dtype == dtype
    assert_array_equal(model.classes_[(z > 0).astype(int)], model.predict(X))
    proba = model.predict_proba(X.astype(dtype))
    assert_allclose(np.log(proba[:, 1] / proba[:, 0]), z, rtol=1e-4, atol=1e-5)


def test_each_label_has_a_decision_of_its_own():
    X, labels = make_multilabel_classification(n_classes=4, random_state=0)
    model = MLPClassifier(**FAST).fit(X, labels)
    assert model.decision_function(X).shape == labels.shape
    assert_array_equal(model.decision_function(X) > 0, model.predict(X))


def test_with_one_class_there_is_nothing_to_decide():
    model = MLPClassifier(**FAST).fit(X, np.full(150, "only"))
    assert_array_equal(model.decision_function(X), np.zeros(150))


def test_a_row_has_the_same_decision_alone_and_in_a_table():
    model = MLPClassifier(**FAST).fit(X, Y)
    alone = np.concatenate([model.decision_function(X[i : i + 1]) for i in range(20)])
    assert_array_equal(alone, model.decision_function(X[:20]))


# ------------------------------------------------------------------------- activations
@pytest.mark.feature(
    "The activations of every layer of a fitted model",
    use="MLPClassifier().activations(X)",
)
@pytest.mark.parametrize("as_table", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_activations_are_those_of_plain_numpy(Estimator, dtype, as_table):
    table = as_table(X.astype(dtype))
    model = Estimator(activation="tanh", **FAST).fit(table, Y)
    a = model.activations(table)
    expected = forward(model, table)
    assert [layer.shape for layer in a] == [layer.shape for layer in expected]
    for layer, by_hand in zip(a[1:-1], expected[1:-1], strict=True):
        assert layer.dtype == dtype
        atol = 1e-6 if dtype == "float32" else 1e-14
        assert_allclose(layer, by_hand, rtol=0, atol=atol)
    predicted = model.predict(table)
    if Estimator is MLPRegressor:
        assert_array_equal(a[-1][:, 0], predicted)
    else:
        assert_array_equal(a[-1], model.predict_proba(table))


def test_activations_have_the_bits_of_a_trace():
    model = MLPClassifier(activation="logistic", **FAST).fit(X, Y)
    functions = {"activation": "logistic", "output_activation": "softmax"}
    network = Network.from_parameters(model.coefs_, model.intercepts_, **functions)
    for ours, traced in zip(model.activations(X), network.forward(X).a, strict=True):
        assert_array_equal(ours, traced)
    for ours, traced in zip(
        model.set_params(n_jobs=2).activations(X[:1]),
        network.forward(X[:1]).a,
        strict=True,
    ):
        assert_array_equal(ours, traced)


def test_transform_needs_only_the_memory_of_its_result():
    rng = np.random.RandomState(0)
    table = rng.standard_normal((50_000, 4))
    model = MLPRegressor(hidden_layer_sizes=(200, 2), max_iter=1, random_state=0)
    model.fit(table[:100], table[:100, 0])
    tracemalloc.start()
    features = model.transform(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert features.shape == (50_000, 2)
    # The activations of the first hidden layer would take 80 MB.
    assert peak < features.nbytes + 2_000_000


# --------------------------------------------------------------------------- transform
@pytest.mark.feature(
    "The last hidden layer as features for another model",
    use="make_pipeline(MLPClassifier(), LogisticRegression())",
    requested="#8291",
)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_transform_gives_the_last_hidden_layer(Estimator):
    model = Estimator(**FAST)
    features = model.fit_transform(X, Y)
    assert_array_equal(features, model.activations(X)[2])
    assert_array_equal(features, clone(model).fit(X, Y).transform(X))
    assert_array_equal(features, pickle.loads(pickle.dumps(model)).transform(X))


def test_the_next_step_of_a_pipeline_gets_the_hidden_layer():
    network = MLPClassifier(**FAST)
    pipeline = make_pipeline(StandardScaler(), network, LogisticRegression())
    pipeline.fit(load_iris().data, Y)
    fitted = clone(network).fit(X, Y)
    alone = LogisticRegression().fit(fitted.transform(X), Y)
    assert_allclose(
        pipeline.predict_proba(load_iris().data),
        alone.predict_proba(fitted.transform(X)),
    )
    grid = {"mlpclassifier__hidden_layer_sizes": [(4,), (3, 6)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(load_iris().data, Y)
    assert search.n_features_in_ == 4


def test_fit_transform_passes_weights_on():
    weights = np.arange(150.0)
    features = MLPRegressor(**FAST).fit_transform(X, Y, sample_weight=weights)
    model = MLPRegressor(**FAST).fit(X, Y, sample_weight=weights)
    assert_array_equal(features, model.transform(X))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_features_have_names(container):
    pytest.importorskip(container)
    model = MLPRegressor(**FAST).set_output(transform=container).fit(X, Y)
    names = [f"mlpregressor{i}" for i in range(5)]
    assert_array_equal(model.get_feature_names_out(), names)
    features = model.transform(X)
    assert list(features.columns) == names
    assert_array_equal(np.asarray(features), model.activations(X)[2])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_linear_model_has_no_transform(Estimator):
    linear = Estimator(hidden_layer_sizes=(), max_iter=3)
    for model in (linear, clone(linear).fit(X, Y)):
        for name in ("transform", "fit_transform", "get_feature_names_out"):
            assert not hasattr(model, name)
        with pytest.raises(AttributeError, match="no attribute 'transform'") as raised:
            _ = model.transform
        assert "hidden_layer_sizes=() there is none" in str(raised.value.__cause__)
    assert len(model.activations(X)) == 2
    # The fitted layers count, not the parameter.
    assert not hasattr(model.set_params(hidden_layer_sizes=(3,)), "transform")
    assert hasattr(Estimator(hidden_layer_sizes=(3,)), "transform")


@pytest.mark.parametrize("method", ["transform", "activations", "decision_function"])
def test_an_unfitted_model_is_refused(method):
    with pytest.raises(NotFittedError):
        getattr(MLPClassifier(), method)(X)
    model = MLPClassifier(**FAST).fit(X, Y)
    with pytest.raises(ValueError, match="3 features.*4 features"):
        getattr(model, method)(X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        getattr(model, method)(np.full((2, 4), np.nan))
