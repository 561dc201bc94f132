"""Edited fitted attributes are used where they are valid and refused elsewhere."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone

from pybackprop import MLPClassifier, MLPRegressor
from pybackprop.export import to_c, to_sklearn
from support.foreign_values import FOREIGN
from support.processes import run_python

X = np.random.RandomState(0).normal(size=(30, 4))
CODES = np.arange(30) % 3
SETTINGS = {"hidden_layer_sizes": (5, 6), "max_iter": 3, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def targets(model):
    return CODES if isinstance(model, MLPClassifier) else X[:, 0]


def fitted(kind=MLPClassifier, **params):
    model = kind(**SETTINGS, **params)
    return model.fit(X, targets(model))


class Subclass(np.ndarray):
    """An array of a subclass."""


# Edits of an array that keep its numbers, and edits that make it invalid.
SAME = {
    "Fortran order": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "a subclass": lambda a: a.view(Subclass),
    "the other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "a longer float": lambda a: a.astype(np.longdouble),
    "lists": lambda a: a.tolist(),
    "read-only": lambda a: np.broadcast_to(a, a.shape),
}
OTHER = {
    "cut": lambda a: a[:-1],
    "no rows": lambda a: a[:0],
    "of length 1": lambda a: a.ravel()[:1],
    "a number": lambda a: np.array(0.5),
    "transposed": lambda a: np.atleast_2d(a).T,
    "objects": lambda a: a.astype(object),
    "complex": lambda a: a + 1j,
    "strings": lambda a: a.astype(str),
    "dates": lambda a: np.zeros(a.shape, "M8[s]"),
    "bytes": lambda a: b"abc",
    "ragged": lambda a: [[1.0], [1.0, 2.0]],
    "sparse": scipy.sparse.csr_matrix,
    "None": lambda a: None,
}


def uses(model):
    """Return every way to use a fitted model."""
    y = targets(model)
    for method in ("predict", "transform", "activations"):
        yield method, lambda m, method=method: getattr(m, method)(X)
    if isinstance(model, MLPClassifier):
        for method in ("predict_proba", "predict_log_proba", "decision_function"):
            yield method, lambda m, method=method: getattr(m, method)(X)
    yield "predict one row", lambda m: m.predict(X[:1])
    yield "score", lambda m: m.score(X, y)
    yield "partial_fit", lambda m: m.set_params(early_stopping=False).partial_fit(X, y)
    yield "warm start", lambda m: m.set_params(warm_start=True).fit(X, y)
    yield "resume", lambda m: m.set_params(max_iter=5).fit(X, y, resume=True)
    yield "pickle", lambda m: pickle.loads(pickle.dumps(m)).predict(X)
    yield "deepcopy", lambda m: copy.deepcopy(m).predict(X)
    yield "to_sklearn", lambda m: to_sklearn(m).predict(X)
    yield "to_c", lambda m: to_c(m)


@pytest.mark.promise(
    "No silently wrong results",
    "Other arrays with equal values in coefs_ and intercepts_ give the same "
    "predictions: any memory order, byte order or float type, read-only, or lists.",
)
@pytest.mark.parametrize("edit", SAME)
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_the_same_numbers_in_other_arrays_are_used(name, edit):
    model, edited = fitted(), fitted()
    arrays = getattr(edited, name)
    for layer, array in enumerate(arrays):
        arrays[layer] = SAME[edit](array.copy())
    for copied in (edited, pickle.loads(pickle.dumps(edited)), copy.copy(edited)):
        for rows in (X, X[:1]):
            expected = model.predict_proba(rows)
            np.testing.assert_array_equal(copied.predict_proba(rows), expected)
    edited.partial_fit(X, CODES)
    assert not np.array_equal(edited.predict_proba(X), model.predict_proba(X))


@pytest.mark.promise(
    "No silently wrong results",
    "An edited coefs_ or intercepts_ with a wrong shape or type raises an error that "
    "names it; it is never broadcast, truncated or stripped of its imaginary part.",
)
@pytest.mark.parametrize("edit", OTHER)
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_arrays_that_do_not_fit_are_named(name, edit):
    for layer in (0, 1, 2):
        model = fitted()
        arrays = getattr(model, name)
        arrays[layer] = OTHER[edit](arrays[layer].copy())
        for how, use in uses(model):
            with pytest.raises(ValueError, match=r"(coefs|intercepts)_\[\d\]|sizes"):
                use(model)
                pytest.fail(how)


@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_lists_that_do_not_fit_are_named(name):
    for change in (
        lambda a: a[:-1],
        lambda a: [*a, a[-1]],
        lambda a: [],
        lambda a: 5,
        lambda a: None,
        lambda a: np.array(3.0),
        lambda a: "abc",
        lambda a: a[::-1],
    ):
        model = fitted()
        setattr(model, name, change(getattr(model, name)))
        for _, use in uses(model):
            with pytest.raises(ValueError, match="coefs_|intercepts_"):
                use(model)
        assert repr(model) == repr(clone(model))


def test_missing_attributes_are_named():
    for name in ("coefs_", "intercepts_", "out_activation_", "_labels"):
        model = fitted()
        delattr(model, name)
        for use in (model.predict, model.predict_proba, model.activations):
            if name == "_labels" and use == model.predict_proba:
                continue
            with pytest.raises((AttributeError, ValueError), match=name):
                use(X)


@pytest.mark.promise(
    "No silently wrong results",
    "Class labels, features, outputs and an output activation that contradict the "
    "weights raise an error that names them, also in every export.",
)
def test_attributes_that_contradict_the_weights_are_named():
    for name, value, calls in [
        ("classes_", np.array(["a", "b", "c"]), ("predict", "predict_proba")),
        ("classes_", [0, 1], ("predict", "decision_function")),
        ("n_features_in_", 7, ("predict", "transform", "activations")),
        ("n_outputs_", 7, ()),
        ("n_layers_", 2, ()),
    ]:
        model = fitted()
        setattr(model, name, value)
        for call in calls:
            with pytest.raises(ValueError, match=name):
                getattr(model, call)(X if name != "n_features_in_" else X[:, :4])
        for export in (to_sklearn, to_c):
            with pytest.raises(ValueError, match=name):
                export(model)
    binary = MLPClassifier(**SETTINGS).fit(X, CODES > 0)
    binary.out_activation_ = "softmax"
    for rows in (X, X[:1]):
        with pytest.raises(ValueError, match="out_activation_"):
            binary.predict(rows)


@pytest.mark.parametrize("edit", [np.array(["a", "b", "c"]), None, "deleted"])
@pytest.mark.parametrize("how", ["warm_start", "resume", "partial_fit"])
def test_training_does_not_go_on_with_other_classes(how, edit):
    model = fitted().set_params(warm_start=how == "warm_start", max_iter=9)
    if isinstance(edit, str):
        del model.classes_
    else:
        model.classes_ = edit
    before = model.coefs_[0].tobytes()
    with pytest.raises(ValueError, match="classes_ must be those of the fit"):
        if how == "partial_fit":
            model.partial_fit(X, CODES)
        else:
            model.fit(X, CODES, resume=how == "resume")
    assert model.coefs_[0].tobytes() == before


def test_classes_edited_in_place_stay_in_order():
    """Training looks up labels in sorted classes; the codes index core memory."""
    model = MLPClassifier(**SETTINGS).fit(X, CODES)
    model.classes_ += 10
    assert set(model.predict(X)) <= {10, 11, 12}
    model.partial_fit(X, CODES + 10)
    model.classes_[0] = 99
    with pytest.raises(ValueError, match="classes_ must be sorted"):
        model.partial_fit(X, np.where(CODES == 0, 99, CODES + 10))


def test_an_invalid_history_is_named():
    model = MLPClassifier(**SETTINGS).fit(X, CODES)
    model._history = 7
    with pytest.raises(ValueError, match="_history must be the list"):
        _ = model.history_


@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_impossible_training_state_is_named(early_stopping):
    for name, value in [
        ("t_", "x"), ("t_", -1), ("t_", 2**70), ("t_", None),
        ("n_iter_", 3.7), ("n_iter_", None),
        ("_no_improvement_count", "x"),
        ("best_loss_", np.nan), ("best_loss_", "x"),
        ("best_validation_score_", {}),
        ("loss_curve_", None), ("loss_curve_", (1, 2)),
        ("validation_scores_", 5),
        ("_history", 7),
    ]:  # fmt: skip
        model = fitted(early_stopping=early_stopping)
        setattr(model, name, value)
        for how in ("warm start", "resume", "partial_fit"):
            with pytest.raises(ValueError, match=name):
                dict(uses(model))[how](model)
    model = fitted(early_stopping=early_stopping)
    model.n_iter_ = 1
    with pytest.raises(ValueError, match="n_iter_ must be 3"):
        dict(uses(model))["resume"](model)
    for foreign in (None, 5, object()):
        model = fitted(early_stopping=early_stopping)
        model._optimizer = model._pause = foreign
        for how, says in (("resume", "resume=True"), ("partial_fit", "_optimizer")):
            with pytest.raises(ValueError, match=says):
                dict(uses(model))[how](model)
    model = fitted(early_stopping=True)
    model._best_parameters = np.zeros(1)
    with pytest.raises(ValueError, match="_best_parameters"):
        dict(uses(model))["warm start"](model)


def test_a_vector_of_parameters_cannot_be_resized():
    model = fitted()
    expected = model.predict_proba(X[:1])
    with pytest.raises(ValueError, match="cannot resize"):
        model.coefs_[0].base.resize(0, refcheck=False)
    with pytest.raises(ValueError, match="resize"):
        model.coefs_[0].resize(0, refcheck=False)
    np.testing.assert_array_equal(model.predict_proba(X[:1]), expected)


def use_with_anything(seed):
    """Replace each attribute by each foreign value or delete it, in every use."""
    rng = np.random.RandomState(seed)
    kind = [MLPClassifier, MLPRegressor][seed % 2]
    stored = pickle.dumps(fitted(kind, early_stopping=seed > 1))
    names = sorted(vars(pickle.loads(stored)).keys() - kind().get_params().keys())
    calls = list(uses(pickle.loads(stored)))
    n_refused = 0
    for name in names:
        for value in [*FOREIGN, "delete"]:
            for how, use in calls:
                if rng.uniform() < 0.9:
                    continue
                model = pickle.loads(stored)
                if isinstance(value, str) and value == "delete":
                    delattr(model, name)
                else:
                    setattr(model, name, value)
                try:
                    use(model)
                except (ValueError, AttributeError):
                    n_refused += 1
                except Exception as error:
                    raise AssertionError((name, value, how)) from error
    return n_refused


@pytest.mark.promise(
    "No input kills the interpreter",
    "Any fitted attribute may be deleted or replaced by any object: later calls "
    "return a result or raise ValueError or AttributeError.",
)
@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("seed", range(4))
def test_any_object_in_place_of_an_attribute_is_safe(seed):
    """Run in a separate process, since a crash would end it."""
    program = f"import test_edited_attributes as t; print(t.use_with_anything({seed}))"
    result = run_python(program)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 100
