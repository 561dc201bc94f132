"""Tests that to_c exports strict C that computes the same numbers."""

import copy
import ctypes
import functools
import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor
from pybackprop.export import c, to_c
from support import lists
from support.activation_formulas import (
    FORMULAS,
    POINTS,
    SMALL,
    assert_is_formula,
    assert_keeps_digits,
)
from support.internals import ClassLabels

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(CC is None, reason="no C compiler")

DTYPES = ["float32", "float64"]
IRIS, SPECIES = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
IRIS, DIABETES, PROGRESS = scale(IRIS), scale(DIABETES), scale(PROGRESS)
RECORDS = lists.ACTIVATIONS
HIDDEN = [name for name in lists.HIDDEN if name in c.ACTIVATIONS]
OUTPUTS = [name for name in lists.OUTPUTS if name in c.ACTIVATIONS]
# Activations that need no function of the C library, and have the bits of the core.
PIECEWISE = {
    "identity",
    "relu",
    "leaky_relu",
    "hard_sigmoid",
    "hard_tanh",
    "hard_silu",
}
POINTER = np.ctypeslib.ndpointer(dtype=np.float64, flags="C_CONTIGUOUS")


def compile_c(source, folder, *options):
    """Compile C source with all warnings as errors, and load the library."""
    path = folder / "network.c"
    path.write_text(source, "ascii")
    library = folder / "network.so"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    command = [CC, *strict, *options, "-shared", "-fPIC", str(path), "-o"]
    result = subprocess.run(
        [*command, str(library), "-lm"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return ctypes.CDLL(str(library))


def predict(library, X, n_outputs, name="network"):
    """Return y of each sample."""
    function = getattr(library, f"{name}_predict")
    function.argtypes, function.restype = [POINTER, POINTER], None
    y = np.full((len(X), n_outputs), np.nan)
    for x, row in zip(np.asarray(X, dtype=np.float64), y, strict=True):
        function(x, row)
    return y


def classes(library, y, name="network"):
    """Return the index of the class of each row of outputs."""
    function = getattr(library, f"{name}_class")
    function.argtypes, function.restype = [POINTER], ctypes.c_int
    return np.array([function(row) for row in y])


def regressor(dtype="float64", y=PROGRESS, hidden_layer_sizes=(7, 5), **parameters):
    X = DIABETES.astype(dtype)
    model = MLPRegressor(
        hidden_layer_sizes=hidden_layer_sizes, max_iter=8, random_state=0, **parameters
    )
    return model.fit(X, y), X


def classifier(y, dtype="float64", **parameters):
    X = IRIS.astype(dtype)
    model = MLPClassifier((7, 5), max_iter=8, random_state=0, **parameters)
    return model.fit(X, y), X


# ---- Every activation ----------------------------------------------------------------


# Every activation in a hidden layer and at the output; the slow test has all pairs.
PAIRS = [(hidden, OUTPUTS[k % len(OUTPUTS)]) for k, hidden in enumerate(HIDDEN)]
PAIRS += [("relu", output) for output in OUTPUTS if ("relu", output) not in PAIRS]
ALL_PAIRS = list(itertools.product(HIDDEN, OUTPUTS))


@functools.cache
def two_outputs(dtype):
    two = np.column_stack([PROGRESS, DIABETES[:, 2] ** 2])
    return regressor(dtype, two, (5, 4))


def with_activations(pair, dtype):
    """Return a fitted model with its parameters and other activations."""
    model, X = two_outputs(dtype)
    model = copy.deepcopy(model)
    model.activation, model.out_activation_ = pair
    return model, X[:40]


def compile_pairs(pairs, dtype, folder):
    """Return a model of each pair, and one library with all of them."""
    models = (with_activations(pair, dtype)[0] for pair in pairs)
    sources = (to_c(model, name=f"n{k}") for k, model in enumerate(models))
    return compile_c("\n".join(sources), folder)


def assert_same_outputs(library, pairs, pair, dtype):
    model, X = with_activations(pair, dtype)
    y = predict(library, X, 2, f"n{pairs.index(pair)}")
    expected = model.predict(X)
    if PIECEWISE.issuperset(pair):
        assert y.astype(dtype).tobytes() == expected.tobytes()
    # The values of three small layers differ by some roundings.
    tolerance = 1e3 * np.finfo(dtype).eps * max(1, np.abs(expected).max())
    assert_allclose(y, expected, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def library_of_pairs(tmp_path_factory):
    if CC is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp
    return {dtype: compile_pairs(PAIRS, dtype, folder(dtype)) for dtype in DTYPES}


def test_every_activation_of_the_core_has_an_expression():
    assert not RECORDS.keys() - c.ACTIVATIONS.keys()
    assert c.ACTIVATIONS.keys() == FORMULAS.keys()


@pytest.fixture(scope="module")
def library_of_functions(tmp_path_factory):
    """Compile each activation's expression as a function on n values in place."""
    if CC is None:
        pytest.skip("no C compiler")
    source = "#include <math.h>\n"
    for real, suffix in (("float", "f"), ("double", "")):
        for name, expression in c.ACTIVATIONS.items():
            source += f"""
            void {name}_{real}({real} *a, int n);
            void {name}_{real}({real} *a, int n) {{
                int i;
                for (i = 0; i < n; i++) {{
                    const {real} z = a[i];
                    a[i] = {expression.replace("@", suffix)};
                }}
            }}
            """
    return compile_c(source, tmp_path_factory.mktemp("c"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(c.ACTIVATIONS.keys() - {"softmax"}))
def test_an_activation_is_its_formula(name, dtype, library_of_functions):
    real = "float" if dtype == "float32" else "double"
    function = getattr(library_of_functions, f"{name}_{real}")
    for points, check in ((POINTS, assert_is_formula), (SMALL, assert_keeps_digits)):
        z = points.astype(dtype)
        a = z.copy()
        function(ctypes.c_void_p(a.ctypes.data), len(a))
        check(name, z, a)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_activation(pair, dtype, library_of_pairs):
    assert_same_outputs(library_of_pairs[dtype], PAIRS, pair, dtype)


@needs_compiler
@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_pair_of_activations(dtype, tmp_path):
    library = compile_pairs(ALL_PAIRS, dtype, tmp_path)
    for pair in ALL_PAIRS:
        assert_same_outputs(library, ALL_PAIRS, pair, dtype)


@needs_compiler
@pytest.mark.feature("Export to one C file", use="pybackprop.export.to_c(model)")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options", [["-O0"], ["-O3", "-ffp-contract=fast"]], ids=" ".join
)
def test_a_wide_network_has_the_same_bits(options, dtype, tmp_path):
    model, X = regressor(dtype, hidden_layer_sizes=(100, 31), activation="relu")
    y = predict(compile_c(to_c(model), tmp_path, *options), X, 1)
    assert y.ravel().astype(dtype).tobytes() == model.predict(X).tobytes()
    assert_array_equal(y.astype(dtype), y)


# ---- Each kind of problem ------------------------------------------------------------


TARGETS = {
    "binary": SPECIES > 0,
    "strings": np.array(["*/ int x;", "/* ??/", "ä\n\\"])[SPECIES],
    "multiclass": SPECIES,
    "one class": np.full(150, "all"),
}


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", TARGETS)
def test_classifiers_give_the_index_of_the_class(target, dtype, tmp_path):
    model, X = classifier(TARGETS[target], dtype)
    library = compile_c(to_c(model), tmp_path)
    y = predict(library, X, model.n_outputs_)
    assert_array_equal(model.classes_[classes(library, y)], model.predict(X))
    proba = np.column_stack([1 - y, y]) if y.shape[1] == 1 else y
    if target != "one class":
        tolerance = 100 * np.finfo(dtype).eps
        assert_allclose(proba, model.predict_proba(X), rtol=0, atol=tolerance)


@needs_compiler
@pytest.mark.parametrize(
    "output, n_outputs, n_classes",
    [("logistic", 3, 3), ("softmax", 2, 2), ("identity", 1, 2), ("softmax", 2, 1)],
)
def test_classes_with_other_output_activations(output, n_outputs, n_classes, tmp_path):
    model, X = classifier(SPECIES)
    model.coefs_[-1] = model.coefs_[-1][:, :n_outputs]
    model.intercepts_[-1] = model.intercepts_[-1][:n_outputs]
    model.out_activation_, model.n_outputs_ = output, n_outputs
    model.classes_ = np.arange(n_classes)
    kind = "multiclass" if n_classes > 2 else "binary"
    model._labels = ClassLabels(model.classes_, kind)
    if n_outputs == 1:
        middle = np.median(model._outputs(X))
        model.intercepts_[-1] = model.intercepts_[-1] + 0.5 - middle
    library = compile_c(to_c(model), tmp_path)
    y = predict(library, X, n_outputs)
    expected = y.argmax(axis=1)
    if n_outputs == 1:
        expected = y[:, 0] > 0.5
    if n_classes == 1:
        expected = np.zeros(len(X))
    else:
        assert len(set(expected)) == n_classes
    assert_array_equal(classes(library, y), expected)


@needs_compiler
def test_each_label_has_a_probability(tmp_path):
    labels = np.column_stack([SPECIES > 0, SPECIES == 1]).astype(int)
    model, X = classifier(labels)
    source = to_c(model)
    assert "network_class" not in source
    y = predict(compile_c(source, tmp_path), X, 2)
    assert_array_equal(y > 0.5, model.predict(X))
    assert_allclose(y, model.predict_proba(X), rtol=0, atol=1e-14)


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "parameters", [{"loss": "poisson"}, {"hidden_layer_sizes": ()}]
)
def test_poisson_and_a_linear_model(parameters, dtype, tmp_path):
    model, X = regressor(dtype, np.abs(PROGRESS), **parameters)
    y = predict(compile_c(to_c(model), tmp_path), X, 1)
    tolerance = 100 * np.finfo(dtype).eps
    assert_allclose(y.ravel(), model.predict(X), rtol=tolerance, atol=tolerance)


@needs_compiler
def test_edited_attributes_are_exported(tmp_path):
    model, X = regressor()
    model.coefs_[0][:, 1] *= 2
    model.coefs_[0][0, 0] = -0.0
    model.coefs_[0][1, 0] = 5e-324
    model.intercepts_[1] = model.intercepts_[1] + 1
    y = predict(compile_c(to_c(model), tmp_path), X, 1)
    assert y.tobytes() == model.predict(X).tobytes()


@pytest.mark.promise(
    "Security",
    "An exported C file compiles on its own, with any compiler of C99 or later and "
    "math.h.",
)
@needs_compiler
def test_an_exported_file_compiles_in_newer_c_standards(tmp_path):
    model, X = classifier(SPECIES)
    main = """
#include <stdio.h>
int main(void) {
    const double x[4] = {%s};
    double y[3];
    iris_predict(x, y);
    printf("%%a %%a %%a %%d\\n", y[0], y[1], y[2], iris_class(y));
    return 0;
}
"""
    main %= ", ".join(float(value).hex() for value in X[77])
    (tmp_path / "main.c").write_text(to_c(model, name="iris") + main, "ascii")
    command = [CC, "-std=c11", "-Wall", "-Werror", "-pedantic", "main.c", "-lm"]
    subprocess.run([*command, "-o", "main"], cwd=tmp_path, check=True)
    output = subprocess.run(
        [tmp_path / "main"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert_allclose(
        [float.fromhex(number) for number in output[:3]],
        model.predict_proba(X[77:78])[0],
        rtol=1e-13,
    )
    assert int(output[3]) == model.predict(X[77:78])[0]


# ---- The exported source -------------------------------------------------------------


def test_constants_are_exact():
    for dtype in DTYPES:
        model, _ = regressor(dtype)
        source = to_c(model)
        suffix = "f" if dtype == "float32" else ""
        numbers = re.findall(rf"(-?0x\S*?p[+-]\d+){suffix}\b", source)
        written = [float.fromhex(number) for number in numbers]
        expected = []
        for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
            expected += [*coef.ravel(), *intercept]
        assert_array_equal(written, np.array(expected, dtype=np.float64))


def test_an_exported_file_includes_only_math_and_allocates_nothing():
    source = to_c(regressor()[0])
    assert re.findall("#include.*", source) == ["#include <math.h>"]
    assert "alloc" not in source.split("*/", 1)[1]
    others = re.findall(r"^(?!static)\w[^\n=]*?(\w+)\(", source, re.MULTILINE)
    assert set(others) == {"network_predict"}


def test_the_comment_names_classes_and_sizes():
    source = to_c(classifier(np.array(["red", "green", "blue"])[SPECIES])[0])
    comment = source.split("*/", 1)[0]
    assert "4 -> 7 -> 5 -> 3" in comment
    assert "class 0: 'blue'" in comment
    assert "double x[4], y[3];" in comment


# ---- What cannot be exported ---------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "1x", "a b", "a-b", "é", "_x", "x;", "x\n", None, 3]
)
def test_a_name_that_is_not_an_identifier_is_refused(name):
    with pytest.raises(ValueError, match="name must be a C identifier.*Got"):
        to_c(regressor()[0], name=name)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    model, _ = regressor()
    model.intercepts_[0][2] = value
    with pytest.raises(ValueError, match="intercepts_ must hold finite numbers"):
        to_c(model)


def test_an_activation_without_an_expression_is_refused_by_name(monkeypatch):
    model, _ = regressor(activation="tanh")
    monkeypatch.delitem(c.ACTIVATIONS, "tanh")
    with pytest.raises(
        NotImplementedError, match="activation must be one of .* to C.*Got 'tanh'"
    ):
        to_c(model)


def test_what_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        to_c(MLPRegressor())


def test_another_object_is_refused():
    with pytest.raises(TypeError, match="estimator must be a fitted"):
        to_c("model")
