"""Predictions for few samples take a fast path, with the same bits and checks.

Unusual input must give the results of the full path. The tests take the full path by
passing the same numbers in another container, or by blocking the fast path.
"""

import copy
import pickle
import threading
import warnings
from unittest import mock

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from pybackprop import MLPClassifier, MLPRegressor, _core
from pybackprop._estimator.fitted import NetworkCache

N_FEATURES = 6
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(120, N_FEATURES))
LABELS = (X[:, :3].argmax(axis=1), X[:, 0] > 0)
KINDS = {
    "multiclass": (MLPClassifier, np.array(["a", "b", "c"])[LABELS[0]]),
    "binary": (MLPClassifier, LABELS[1].astype(int)),
    "one class": (MLPClassifier, np.zeros(120)),
    "multilabel": (MLPClassifier, (X[:, :3] > 0).astype(int)),
    "regression": (MLPRegressor, X[:, 0]),
    "poisson": (MLPRegressor, np.abs(X[:, :2])),
}


def fit(kind="multiclass", dtype=np.float64, **params):
    estimator, y = KINDS[kind]
    params = {"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (9, 7)} | params
    if kind == "poisson":
        params["loss"] = "poisson"
    return estimator(**params).fit(X.astype(dtype), y)


def methods(model):
    names = ("predict", "predict_proba", "predict_log_proba")
    return [name for name in names if hasattr(model, name)]


class fast_path_counted:
    """Counts predictions of NetworkCache, and those left to the full path."""

    def __enter__(self):
        self.short = self.full = 0
        answer = NetworkCache.outputs_of_few

        def counted(kept, *args):
            outputs = answer(kept, *args)
            if outputs is None:
                self.full += 1
            else:
                self.short += 1
            return outputs

        self.patch = mock.patch.object(NetworkCache, "outputs_of_few", counted)
        self.patch.start()
        return self

    def __exit__(self, *_):
        self.patch.stop()


def full_way():
    return mock.patch.object(NetworkCache, "outputs_of_few", lambda *_: None)


def outcome(model, method, rows):
    """Return the result of a call: bits or error message, and warning messages."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = getattr(model, method)(rows)
        except Exception as error:
            result = (type(error), str(error))
        else:
            result = (result.dtype, result.shape, result.tolist())
    return result, [(w.category, str(w.message)) for w in caught]


def assert_as_on_the_full_path(model, rows):
    for method in methods(model):
        actual = outcome(model, method, rows)
        with full_way():
            expected = outcome(model, method, rows)
        np.testing.assert_equal(actual, expected)


# ------------------------------------------------------------------------- same bits
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_the_bits_that_it_has_in_the_table(kind, dtype, activation):
    model = fit(kind, dtype, activation=activation)
    table = X.astype(dtype)
    for method in methods(model):
        predict = getattr(model, method)
        with full_way():
            whole = predict(table)
        with fast_path_counted() as counted:
            for rows in (slice(0, 1), slice(7, 8), slice(3, 13), slice(0, 120)):
                few = predict(table[rows])
                assert few.dtype == whole.dtype
                assert few.tobytes() == whole[rows].tobytes()
        assert (counted.short, counted.full) == (4, 0)


@pytest.mark.parametrize("order", ["sliced", "fortran", "reversed", "read-only"])
def test_memory_of_any_order_takes_the_fast_path(order):
    rows = X[:3].copy()
    view = {
        "sliced": np.repeat(rows, 2, axis=1)[:, ::2],
        "fortran": np.asfortranarray(rows),
        "reversed": rows[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": rows,
    }[order]
    view.flags.writeable = order != "read-only"
    model = fit()
    with fast_path_counted() as counted:
        actual, expected = model.predict_proba(view), model.predict_proba(rows)
    assert counted.full == 0
    assert actual.tobytes() == expected.tobytes()
    assert_as_on_the_full_path(model, view)


def test_a_result_is_the_callers_own():
    for kind in KINDS:
        model = fit(kind)
        for method in methods(model):
            first = getattr(model, method)(X[:1])
            kept = first.copy()
            getattr(model, method)(X[1:2])
            assert first.tobytes() == kept.tobytes()
            first[:] = first[::-1]
            assert first.flags.owndata or first.base is not None


# ------------------------------------------------------ unusual X on the full path
def misaligned():
    memory = np.zeros(N_FEATURES * 8 + 1, dtype=np.uint8)
    rows = memory[1:].view(np.float64).reshape(1, -1)
    rows[:] = X[:1]
    return rows


class Subclass(np.ndarray):
    pass


UNUSUAL = {
    "list": X[:1].tolist(),
    "DataFrame": pd.DataFrame(X[:1]),
    "names": pd.DataFrame(X[:1], columns=list("abcdef")),
    "CSR": scipy.sparse.csr_array(X[:1]),
    "CSC": scipy.sparse.csc_array(X[:1]),
    "matrix": X[:1].view(np.matrix),
    "masked": np.ma.masked_array(X[:1], X[:1] > 0),
    "subclass": X[:1].view(Subclass),
    "float32": X[:1].astype(np.float32),
    "float16": X[:1].astype(np.float16),
    "longdouble": X[:1].astype(np.longdouble),
    "int": X[:1].astype(int),
    "bool": X[:1] > 0,
    "object": X[:1].astype(object),
    "str": X[:1].astype(str),
    "complex": X[:1].astype(complex),
    "swapped": X[:1].astype(X.dtype.newbyteorder()),
    "misaligned": misaligned(),
    "no rows": X[:0],
    "no columns": X[:1, :0],
    "1-d": X[0],
    "0-d": np.array(1.0),
    "3-d": X[:1, :, None],
    "narrow": X[:1, 1:],
    "wide": np.hstack([X[:1], X[:1]]),
    "None": None,
    "number": 1.0,
    "NaN": np.full((1, N_FEATURES), np.nan),
    "infinity": np.where(np.arange(N_FEATURES) == 3, -np.inf, X[:1]),
    "last NaN": np.vstack([X[:4], np.where(np.arange(N_FEATURES) == 5, np.nan, X[0])]),
}


@pytest.mark.parametrize("unusual", UNUSUAL)
@pytest.mark.parametrize("kind", ["multiclass", "binary", "regression"])
def test_unusual_arrays_take_the_full_path(kind, unusual):
    model = fit(kind)
    rows = UNUSUAL[unusual]
    with fast_path_counted() as counted:
        for method in methods(model):
            outcome(model, method, rows)
    assert counted.short == 0
    assert_as_on_the_full_path(model, rows)


def test_a_float32_model_takes_float32():
    model = fit(dtype=np.float32)
    with fast_path_counted() as counted:
        wide = model.predict_proba(X[:1])
        narrow = model.predict_proba(X[:1].astype(np.float32))
    assert (counted.short, counted.full) == (1, 1)
    assert wide.tobytes() == narrow.tobytes()


def test_values_need_not_be_finite_where_scikit_learn_is_told_so():
    model = fit("regression")
    with config_context(assume_finite=True):
        assert np.isnan(model.predict(np.full((1, N_FEATURES), np.nan))).all()
        assert_as_on_the_full_path(model, X[:1])


def test_feature_names_are_checked():
    names = list("abcdef")
    model = MLPClassifier(max_iter=2).fit(pd.DataFrame(X, columns=names), LABELS[0])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X[:1])
    assert_as_on_the_full_path(model, X[:1])
    assert_as_on_the_full_path(model, pd.DataFrame(X[:1], columns=names[::-1]))


def test_many_rows_take_the_full_path_and_have_the_same_bits():
    model = fit()
    many = np.tile(X, (20, 1))
    with fast_path_counted() as counted:
        proba = model.predict_proba(many)
    assert counted.short == 0
    assert proba[:120].tobytes() == model.predict_proba(X).tobytes()


# ----------------------------------------------------------------- fitted attributes
def test_an_estimator_that_is_not_fitted_says_so():
    for estimator in (MLPClassifier, MLPRegressor):
        for method in methods(estimator()):
            with pytest.raises(NotFittedError):
                getattr(estimator(), method)(X[:1])
            with pytest.raises(NotFittedError):
                getattr(clone(fit()), method)(X[:1])


def in_place(model):
    model.coefs_[1] *= 2
    model.intercepts_[0][:] = 1


def one_array(model):
    model.coefs_[0] = model.coefs_[0] + 1


def one_intercept(model):
    model.intercepts_[-1] = model.intercepts_[-1] + np.arange(3)


def all_arrays(model):
    model.coefs_ = [2 * W for W in model.coefs_]
    model.intercepts_ = [b + 1 for b in model.intercepts_]


def tuples(model):
    model.coefs_ = tuple(model.coefs_)
    model.coefs_[0][:] += 1


def lists(model):
    model.coefs_ = [(3 * W).tolist() for W in model.coefs_]


def other_dtype(model):
    model.coefs_ = [W.astype(np.float32) for W in model.coefs_]
    model.intercepts_ = [b.astype(np.float32) for b in model.intercepts_]


def other_order(model):
    model.coefs_[0] = np.asfortranarray(model.coefs_[0])


def dtype_in_place(model):
    model.coefs_[0].dtype = np.int64


def swapped_layers(model):
    model.coefs_[1], model.coefs_[2] = model.coefs_[2].T, model.coefs_[1].T


def swapped_rows(model):
    model.coefs_[0] = model.coefs_[0][::-1]


def wider(model):
    model.coefs_[0] = np.zeros((N_FEATURES, 11))
    model.coefs_[1] = np.ones((11, 7))
    model.intercepts_[0] = np.ones(11)


def a_layer_less(model):
    model.coefs_ = [model.coefs_[0][:, :7], model.coefs_[2]]
    model.intercepts_ = model.intercepts_[1:]


def lost_layer(model):
    del model.coefs_[1]


def misfit(model):
    model.coefs_[1] = np.zeros((4, 4))


def no_coefs(model):
    del model.coefs_


def no_intercepts(model):
    del model.intercepts_


def other_activation(model):
    model.set_params(activation="tanh")


def no_activation(model):
    model.activation = "nonsense"


def other_output(model):
    model.out_activation_ = "identity"


def other_width(model):
    model.n_features_in_ = 4


def no_width(model):
    del model.n_features_in_


def names_added(model):
    model.feature_names_in_ = np.array(list("abcdef"), dtype=object)


def not_finite(model):
    model.coefs_[0][:] = np.nan


EDITS = [
    in_place, one_array, one_intercept, all_arrays, tuples, lists, other_dtype,
    other_order, dtype_in_place, swapped_layers, swapped_rows, wider, a_layer_less,
    lost_layer, misfit, no_coefs, no_intercepts, other_activation, no_activation,
    other_output, other_width, no_width, names_added, not_finite,
]  # fmt: skip


def unpickled(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("made", [lambda m: m, unpickled, copy.deepcopy, copy.copy])
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.filterwarnings("ignore:Setting the dtype:DeprecationWarning")
def test_an_edit_takes_effect(edit, made):
    model = made(fit())
    before = outcome(model, "predict_proba", X[:1])
    edit(model)
    # A model that has never predicted and was never inspected.
    fresh = object.__new__(MLPClassifier)
    vars(fresh).update({k: v for k, v in vars(model).items() if k != "_fitted_network"})
    for rows in (X[:1], X[:5]):
        for method in methods(model):
            expected = outcome(fresh, method, rows)
            for _ in range(2):
                np.testing.assert_equal(outcome(model, method, rows), expected)
    if edit not in (other_order, no_width):
        assert outcome(model, "predict_proba", X[:1]) != before


def test_edits_after_an_edit_take_effect():
    model = fit("regression")
    model.coefs_ = [W.copy() for W in model.coefs_]
    for _ in range(3):
        first = model.predict(X[:1])
        model.coefs_[0] += 0.5
        assert model.predict(X[:1]) != first
        assert_as_on_the_full_path(model, X[:1])


def test_an_estimator_with_restored_arrays_is_fast_again():
    model = fit()
    coefs = model.coefs_
    expected = model.predict_proba(X[:1])
    model.coefs_ = [2 * W for W in coefs]
    assert model.predict_proba(X[:1]).tobytes() != expected.tobytes()
    model.coefs_ = coefs
    model.predict_proba(X[:1])
    with fast_path_counted() as counted:
        assert model.predict_proba(X[:1]).tobytes() == expected.tobytes()
    assert counted.short == 1


def test_a_second_fit_takes_effect():
    model = fit(warm_start=True)
    for again in (model.fit, model.partial_fit):
        first = model.predict_proba(X[:1])
        again(X, KINDS["multiclass"][1])
        assert model.predict_proba(X[:1]).tobytes() != first.tobytes()
        assert_as_on_the_full_path(model, X[:1])


# -------------------------------------------------------------------------- copies
def through_joblib(model, path, **options):
    joblib.dump(model, path / "model.joblib")
    return joblib.load(path / "model.joblib", **options)


COPIES = {
    "pickle": lambda model, _: unpickled(model),
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "copy": lambda model, _: copy.copy(model),
    "joblib": through_joblib,
    "mapped": lambda model, path: through_joblib(model, path, mmap_mode="r"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_predicts_the_same_and_as_fast(kind, how, tmp_path):
    model = fit(kind)
    other = COPIES[how](model, tmp_path)
    with fast_path_counted() as counted:
        for method in methods(model):
            expected = getattr(model, method)(X[:1])
            assert getattr(other, method)(X[:1]).tobytes() == expected.tobytes()
    # Memory mapped from a file is not copied, and is read at each call.
    assert (counted.full == 0) == (how != "mapped")
    assert_as_on_the_full_path(other, X[:1])


@pytest.mark.parametrize("how", ["pickle", "deepcopy", "joblib"])
def test_a_copy_shares_nothing(how, tmp_path):
    model = fit()
    before = model.predict_proba(X[:1])
    other = COPIES[how](model, tmp_path)
    other.coefs_[0][:] = 0
    other.predict_proba(X[:1])
    assert model.predict_proba(X[:1]).tobytes() == before.tobytes()


def test_the_kept_network_does_not_make_a_pickle_larger():
    model = fit(hidden_layer_sizes=(300, 300))
    before = len(pickle.dumps(model))
    model.predict(X)
    model.predict(X[:100])
    assert len(pickle.dumps(model)) == before
    others = sum(a.nbytes for a in [*model.coefs_, *model.intercepts_])
    assert before < 3.1 * others + 10_000  # the parameters and Adam's two moments


# ------------------------------------------------------------------- many threads
def test_one_model_serves_many_threads_at_once():
    model = fit()
    expected = [model.predict_proba(X[i : i + 1 + i % 3]) for i in range(100)]
    wrong, start = [], threading.Barrier(8)

    def work():
        start.wait()
        for _ in range(50):
            for i in range(100):
                few = model.predict_proba(X[i : i + 1 + i % 3])
                if few.tobytes() != expected[i].tobytes():
                    wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# -------------------------------------------------------------------------- the core
def test_the_core_accepts_only_views_of_the_vector():
    core = _core.Network(
        (2, 3, 1), ["relu"], "identity", "squared_error", [0, 0], np.float64
    )
    vector = np.arange(13.0)
    coefs, intercepts = core.views(vector)
    assert core.are_views(vector, coefs, intercepts)
    assert not core.are_views(vector, coefs[::-1], intercepts)
    assert not core.are_views(vector.copy(), coefs, intercepts)
    assert not core.are_views(vector, coefs, tuple(intercepts))
    assert not core.are_views(vector, [coefs[0], None], intercepts)
    assert not core.are_views(vector, None, None)
    few_rows = _core.SmallBatchPredictor(core, vector)
    assert few_rows.predict(np.ones((1, 2)), coefs, intercepts, True).shape == (1, 1)
    assert few_rows.predict(np.ones((1, 2)), coefs[:1], intercepts, True) is None
    for wrong in (vector[:-1], vector.astype(np.float32), np.arange(26.0)[::2], [0.0]):
        with pytest.raises(TypeError, match="vector of length 13"):
            _core.SmallBatchPredictor(core, wrong)
