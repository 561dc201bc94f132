"""Tests that ONNX models predict as the estimators do, alone and within pipelines."""

import builtins

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import erf
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.fixes import parse_version

from pybackprop import MLPClassifier, MLPRegressor
from pybackprop.export import register_skl2onnx, to_onnx
from pybackprop.export._dense_layers import activations_of
from pybackprop.export._onnx_nodes import ACTIVATIONS, Nodes
from support import lists
from support.activation_formulas import (
    FORMULAS,
    POINTS,
    SMALL,
    assert_is_formula,
    assert_keeps_digits,
)
from support.internals import ClassLabels

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

DTYPES = ["float32", "float64"]
IRIS, SPECIES = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
IRIS, DIABETES, PROGRESS = scale(IRIS), scale(DIABETES), scale(PROGRESS)
RECORDS = lists.ACTIVATIONS
HIDDEN = [name for name in lists.HIDDEN if name in ACTIVATIONS]
OUTPUTS = [name for name in lists.OUTPUTS if name in ACTIVATIONS]


def run(model, X):
    """Run a model in onnxruntime, and return its outputs."""
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: X})


# ---- Each activation alone -----------------------------------------------------------


def activation_model(name, dtype, n_columns):
    """Return a model of a single activation."""
    numbers = iter(range(1000))
    nodes = Nodes(dtype, lambda hint: f"{hint}{next(numbers)}")
    nodes("Identity", ACTIVATIONS[name](nodes, "z"), output="a")
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    z, a = (
        onnx.helper.make_tensor_value_info(name, element, [None, n_columns])
        for name in "za"
    )
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, i, [o], **kw) for op, i, o, kw in nodes.nodes],
        "activation",
        [z],
        [a],
        [onnx.numpy_helper.from_array(v, k) for k, v in nodes.constants.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 13)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=7)


def test_every_activation_of_the_core_has_nodes():
    assert not RECORDS.keys() - ACTIVATIONS.keys()
    assert ACTIVATIONS.keys() == FORMULAS.keys()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name, dtype):
    z = POINTS.reshape(4, -1).astype(dtype)
    (a,) = run(activation_model(name, dtype, z.shape[1]), z)
    # Erf is less accurate in ONNX Runtime 1.23, the last version for Python 3.10.
    is_old = parse_version(runtime.__version__) < parse_version("1.24")
    assert_is_formula(name, z, a, roundings=8 if is_old and name == "gelu" else 4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"softmax"}))
def test_small_results_have_a_small_relative_error(name, dtype):
    z = SMALL.reshape(-1, 1).astype(dtype)
    (a,) = run(activation_model(name, dtype, 1), z)
    assert_keeps_digits(name, z, a)


def test_the_formulas_of_the_gelu():
    z = np.linspace(-3, 3, 50)
    assert_allclose(FORMULAS["gelu"](z), z * (1 + erf(z / np.sqrt(2))) / 2, atol=1e-15)
    u = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    assert_allclose(FORMULAS["gelu_tanh"](z), z * (1 + np.tanh(u)) / 2, atol=1e-15)


def test_one_activation_for_all_layers_or_one_for_each():
    assert activations_of("tanh", 3) == ["tanh"] * 3
    assert activations_of("tanh", 0) == []
    assert activations_of(("tanh", "relu"), 2) == ["tanh", "relu"]


# ---- Whole estimators ----------------------------------------------------------------


def classifier(y, dtype="float64", **parameters):
    parameters = {
        "hidden_layer_sizes": (7, 5),
        "max_iter": 8,
        "random_state": 0,
        **parameters,
    }
    X = IRIS.astype(dtype)
    return MLPClassifier(**parameters).fit(X, y), X


def regressor(y=PROGRESS, dtype="float64", **parameters):
    parameters = {
        "hidden_layer_sizes": (7, 5),
        "max_iter": 8,
        "random_state": 0,
        **parameters,
    }
    X = DIABETES.astype(dtype)
    return MLPRegressor(**parameters).fit(X, y), X


def assert_same_answers(outputs, model, X):
    """Compare predictions up to the rounding of sums of some hundred products."""
    tolerance = 100 * np.finfo(outputs[-1].dtype).eps
    if is_classifier(model):
        assert_array_equal(outputs[0], model.predict(X))
        assert_allclose(outputs[1], model.predict_proba(X), rtol=0, atol=tolerance)
    else:
        expected = model.predict(X).reshape(len(X), -1)
        assert_allclose(outputs[0], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", HIDDEN)
def test_every_hidden_activation(activation, dtype):
    model, X = regressor(dtype=dtype, activation=activation)
    (y_pred,) = run(to_onnx(model, X), X)
    assert y_pred.dtype == dtype
    assert_same_answers([y_pred], model, X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_activation(output, dtype):
    model, X = regressor(np.column_stack([PROGRESS, -PROGRESS]), dtype)
    model.out_activation_ = output
    assert_same_answers(run(to_onnx(model, X), X), model, X)


TARGETS = {
    "bool": SPECIES > 0,
    "int": SPECIES + 7,
    "int32": SPECIES.astype("int32"),
    "negative": np.where(SPECIES, -1, 1),
    "whole floats": SPECIES / 1,
    "two strings": np.where(SPECIES, "setosa", "ärger"),
    "strings": np.array(["x", "yy", "z"])[SPECIES],
    "objects": np.array(["x", "yy", "z"], dtype=object)[SPECIES],
    "multilabel": np.column_stack([SPECIES > 0, SPECIES == 1]).astype(int),
    "one class": np.full(150, "all"),
}


@pytest.mark.feature("Export to ONNX", use="pybackprop.export.to_onnx(model, X)")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", TARGETS)
def test_classifiers_give_labels_and_probabilities(target, dtype):
    model, X = classifier(TARGETS[target], dtype)
    exported = to_onnx(model, X)
    assert [output.name for output in exported.graph.output] == [
        "label",
        "probabilities",
    ]
    label, proba = run(exported, X)
    assert proba.dtype == dtype
    assert label.dtype == (object if model.classes_.dtype.kind in "UO" else "int64")
    assert_same_answers([label, proba], model, X)


def test_a_small_probability_has_a_small_relative_error():
    model, X = classifier(SPECIES > 0)
    model.intercepts_[-1] += 30.0
    _, proba = run(to_onnx(model, X), X)
    assert model.predict_proba(X)[:, 0].max() < 1e-9
    assert_allclose(proba, model.predict_proba(X), rtol=1e-12)


# Some rows of outputs are all 0, except with logistic, which is positive.
SHIFTS = {"logistic": 0.0, "relu": 0.0, "hard_sigmoid": -3.0}


def of_other_outputs(output, n_outputs, classes, kind, shift=0.0):
    """Return a classifier with another output activation, as after another loss."""
    model, X = classifier(SPECIES)
    model.coefs_[-1] = model.coefs_[-1][:, :n_outputs]
    model.intercepts_[-1] = model.intercepts_[-1][:n_outputs] + shift
    model.out_activation_, model.n_outputs_ = output, n_outputs
    model.classes_ = np.array(classes)
    model._labels = ClassLabels(model.classes_, kind)
    y_pred = FORMULAS[output](model._outputs(X, logits=True))
    return model, X, y_pred


@pytest.mark.parametrize("output", [name for name in SHIFTS if name in OUTPUTS])
def test_outputs_of_several_classes_are_normalized(output):
    model, X, y_pred = of_other_outputs(
        output, 3, ["a", "b", "c"], "multiclass", SHIFTS[output]
    )
    total = y_pred.sum(axis=1, keepdims=True)
    assert (total == 0).any() or output == "logistic"
    label, *proba = run(to_onnx(model, X), X)
    assert_array_equal(label, model.classes_[y_pred.argmax(axis=1)])
    assert len(proba) == hasattr(model, "predict_proba")
    if proba:
        with np.errstate(invalid="ignore"):
            expected = np.where(total == 0, 1 / 3, y_pred / total)
        assert_allclose(proba[0], expected, rtol=1e-12, atol=1e-13)


def test_probabilities_are_finite_where_all_outputs_underflow():
    model, X, _ = of_other_outputs("logistic", 3, [1, 2, 3], "multiclass", -1000)
    z = model._outputs(X, logits=True)
    _, proba = run(to_onnx(model, X), X)
    # Where e^z is small, logistic(z) is e^z.
    assert_allclose(proba, FORMULAS["softmax"](z), rtol=1e-10)


def test_two_classes_may_have_two_outputs():
    model, X, y_pred = of_other_outputs("softmax", 2, ["a", "b"], "binary")
    label, proba = run(to_onnx(model, X), X)
    assert_array_equal(label, model.classes_[y_pred.argmax(axis=1)])
    assert_allclose(proba, y_pred, rtol=1e-12)


def test_one_output_of_two_classes_may_be_another_number():
    model, X, y_pred = of_other_outputs("identity", 1, ["a", "b"], "binary")
    shift = 0.5 - np.median(y_pred)
    model, X, y_pred = of_other_outputs("identity", 1, ["a", "b"], "binary", shift)
    label, *proba = run(to_onnx(model, X), X)
    assert set(label) == {"a", "b"}
    assert_array_equal(label, model.classes_[(y_pred[:, 0] > 0.5).astype(int)])
    assert len(proba) == hasattr(model, "predict_proba")
    if proba:
        assert_allclose(proba[0], np.hstack([1 - y_pred, y_pred]), atol=1e-13)


def test_one_class_may_have_two_outputs():
    model, X, _ = of_other_outputs("softmax", 2, ["all"], "binary")
    label, proba = run(to_onnx(model, X), X)
    assert_array_equal(label, ["all"] * len(X))
    assert_array_equal(proba, np.ones((len(X), 1)))


def test_a_classifier_without_probabilities_has_labels_alone(monkeypatch):
    model, X = classifier(SPECIES)
    monkeypatch.setattr(MLPClassifier, "predict_proba", property())
    (label,) = run(to_onnx(model, X), X)
    assert_array_equal(label, model.predict(X))


@pytest.mark.parametrize("y", [PROGRESS, np.column_stack([PROGRESS, PROGRESS**2])])
def test_regressors_give_one_column_per_output(y):
    model, X = regressor(y)
    exported = to_onnx(model, X)
    assert [output.name for output in exported.graph.output] == ["variable"]
    assert_same_answers(run(exported, X), model, X)


def test_poisson_and_a_linear_model():
    for parameters in ({"loss": "poisson"}, {"hidden_layer_sizes": ()}):
        model, X = regressor(np.abs(PROGRESS), **parameters)
        assert_same_answers(run(to_onnx(model, X), X), model, X)


def test_edited_attributes_are_exported():
    model, X = regressor()
    before = run(to_onnx(model, X), X)[0]
    model.coefs_[0][:, 1] *= 2
    model.intercepts_[1] = model.intercepts_[1] + 1
    after = run(to_onnx(model, X), X)[0]
    assert np.abs(after - before).max() > 0.1
    assert_same_answers([after], model, X)


def test_x_decides_the_data_type_and_its_values_do_not_matter():
    model, X = regressor()
    for table in (X[:1], X.tolist(), scipy.sparse.csr_matrix(X), X.astype("float64")):
        assert to_onnx(model, table) == to_onnx(model, X)
    single = X.astype("float32")
    (y_pred,) = run(to_onnx(model, single), single)
    assert y_pred.dtype == "float32"
    assert_allclose(y_pred.ravel(), model.predict(X), rtol=1e-4, atol=1e-5)


# ---- Pipelines -----------------------------------------------------------------------


@pytest.mark.feature(
    "Export of pipelines to ONNX through skl2onnx",
    use="pybackprop.export.register_skl2onnx()",
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [t for t in TARGETS if t != "one class"])
def test_pipelines_with_a_classifier(target, dtype):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_skl2onnx()
    register_skl2onnx()
    X = (5 + 3 * IRIS).astype(dtype)
    model = make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=9))
    model.fit(X, TARGETS[target])
    exported = skl2onnx.to_onnx(model, X, options={"zipmap": False})
    assert_same_answers(run(exported, X), model, X)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pipelines_with_a_regressor(dtype):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_skl2onnx()
    X = (5 + 3 * DIABETES).astype(dtype)
    model = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(6,), max_iter=9)
    )
    model.fit(X, PROGRESS)
    assert_same_answers(run(skl2onnx.to_onnx(model, X), X), model, X)


def test_searches_and_zipped_probabilities():
    skl2onnx = pytest.importorskip("skl2onnx")
    register_skl2onnx()
    X = IRIS.astype("float32")
    search = GridSearchCV(MLPClassifier(max_iter=9), {"alpha": [0.1, 0.01]}, cv=2)
    search.fit(X, TARGETS["strings"])
    label, zipped = run(skl2onnx.to_onnx(search, X), X)
    assert_array_equal(label, search.predict(X))
    proba = np.array([[row[name] for name in search.classes_] for row in zipped])
    assert_allclose(proba, search.predict_proba(X), atol=1e-5)


def test_a_classifier_without_probabilities_in_a_pipeline(monkeypatch):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_skl2onnx()
    model = make_pipeline(StandardScaler(), MLPClassifier(max_iter=5))
    model.fit(IRIS, TARGETS["strings"])
    monkeypatch.setattr(MLPClassifier, "predict_proba", property())
    (label,) = run(skl2onnx.to_onnx(model, IRIS), IRIS)
    assert_array_equal(label, model.predict(IRIS))


def test_an_old_operator_set_is_refused():
    skl2onnx = pytest.importorskip("skl2onnx")
    register_skl2onnx()
    model, X = regressor()
    with pytest.raises(RuntimeError, match="target_opset must be at least 13.*Got 12"):
        skl2onnx.to_onnx(model, X, target_opset=12)


# ---- What cannot be exported ---------------------------------------------------------


def test_what_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        to_onnx(MLPRegressor(), DIABETES)


def test_another_object_is_refused():
    with pytest.raises(TypeError, match="estimator must be a fitted"):
        to_onnx(StandardScaler().fit(DIABETES), DIABETES)


@pytest.mark.parametrize("X", [DIABETES[:, 1:], DIABETES[0]])
def test_an_x_of_another_shape_is_refused(X):
    model, _ = regressor()
    with pytest.raises(ValueError, match=r"X must have the shape \(n_samples, 10\)"):
        to_onnx(model, X)


@pytest.mark.parametrize("classes", [[0.5, 1.5, 2.0], np.array([1, "a", None], object)])
def test_labels_that_onnx_lacks_are_refused(classes):
    model, X = classifier(SPECIES)
    model.classes_ = np.asarray(classes)
    with pytest.raises(ValueError, match="classes_ must be strings, integers or bools"):
        to_onnx(model, X)


def test_an_activation_without_nodes_is_refused_by_name(monkeypatch):
    model, X = regressor(activation="tanh")
    monkeypatch.delitem(ACTIVATIONS, "tanh")
    with pytest.raises(
        NotImplementedError, match="activation must be one of .* to ONNX.*Got 'tanh'"
    ):
        to_onnx(model, X)


@pytest.mark.parametrize("package", ["onnx", "skl2onnx"])
def test_a_missing_package_is_named_with_its_extra(package, monkeypatch):
    model, X = regressor()
    real_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=rf"needs {package}.*pybackprop\[export\]"):
        to_onnx(model, X) if package == "onnx" else register_skl2onnx()
