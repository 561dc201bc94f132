"""Tests that a fit on a Dask cluster has the bits of the local fit."""

import pickle
import time
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError

pytest.importorskip("distributed", minversion="2025.1")

import dask  # noqa: E402
import dask.array as da  # noqa: E402
import dask.bag  # noqa: E402
import pandas as pd  # noqa: E402
from distributed import Client, LocalCluster  # noqa: E402

import pybackprop  # noqa: E402
from pybackprop.dask import MLPClassifier, MLPRegressor  # noqa: E402

dd = pytest.importorskip("dask.dataframe")

N_SAMPLES = 3000

pytestmark = pytest.mark.filterwarnings("ignore:One machine would be faster")


def start(n_workers):
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    return LocalCluster(n_workers=n_workers, **options)


@pytest.fixture(scope="module")
def client():
    with start(2) as cluster, Client(cluster) as client:
        yield client


def some_data(n_samples=N_SAMPLES, dtype=np.float64):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n_samples, 5))
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)
    return (
        X.astype(dtype),
        y,
        rng.uniform(0, 2, n_samples) * rng.randint(2, size=n_samples),
    )


def lazy(array, chunks):
    return None if array is None else da.from_array(array, chunks=chunks)


def test_without_a_client():
    with pytest.raises(ValueError, match="No clients"):
        Client.current()
    with pytest.raises(RuntimeError, match="from dask.distributed import Client"):
        MLPClassifier(solver="lbfgs").fit(da.ones((9, 2)), da.arange(9))


def same(lazy, expected):
    return np.array_equal(lazy.compute(), expected)


def require_same(model, local):
    """Check that all results of two fits are the same, except the seconds."""
    assert model.n_iter_ == local.n_iter_
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(model, name), getattr(local, name), strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
    for name, column in local.history_.items():
        if name == "penalty" and model.solver == "lbfgs":
            # Only this column needs the sum of the weights, which has another order.
            np.testing.assert_allclose(model.history_[name], column, rtol=1e-14)
        elif name != "seconds":
            assert np.array_equal(model.history_[name], column, equal_nan=True), name
    assert model.stopping_reason_ == local.stopping_reason_


SETTINGS = {
    "lbfgs": {"solver": "lbfgs", "max_iter": 5},
    "adam": {"solver": "adam", "shuffle": "blocks", "batch_size": 768},
    "sgd": {"solver": "sgd", "shuffle": False, "batch_size": 512, "alpha": 0.1},
    "dropout": {"shuffle": "blocks", "batch_size": 512, "dropout": 0.3, "n_jobs": 2},
    "clipped": {
        "shuffle": "blocks",
        "batch_size": 256,
        "global_clipnorm": 0.1,
        "max_norm": 1.0,
        "learning_rate": "cosine",
        "l1_ratio": 0.5,
    },
    "whole": {"shuffle": "blocks", "batch_size": N_SAMPLES, "class_weight": "balanced"},
}


def model_of(name, **params):
    params = {"hidden_layer_sizes": (7, 4), "max_iter": 3, "random_state": 1} | params
    return MLPClassifier(**params | SETTINGS[name])


def local_of(model):
    """Return the local estimator with the same parameters."""
    kind = getattr(pybackprop, type(model).__name__)
    return kind(**clone(model).get_params())


@pytest.mark.parametrize(
    "name, dtype, weighted, chunks",
    [
        ("lbfgs", np.float64, True, (700, 3)),
        ("adam", np.float32, False, ((1, 255, 1744, 1000), 5)),
        ("adam", np.float64, True, (N_SAMPLES, 5)),
        ("dropout", np.float64, False, (100, 5)),
    ],
)
def test_the_bits_are_those_of_the_local_fit(client, name, dtype, weighted, chunks):
    check_bits(name, dtype, weighted, chunks)


def check_bits(name, dtype, weighted, chunks):
    X, y, weights = some_data(dtype=dtype)
    weights = weights if weighted else None
    model = model_of(name)
    local = local_of(model).fit(X, y, sample_weight=weights)
    model.fit(lazy(X, chunks), lazy(y, 333), sample_weight=lazy(weights, 1024))
    require_same(model, local)
    assert np.array_equal(model.classes_, local.classes_)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), local.predict_proba(X))


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [1, 4])  # the tests above have 2
def test_the_bits_do_not_depend_on_the_number_of_workers(n_workers):
    with start(n_workers) as cluster, Client(cluster) as client:
        assert len(client.nthreads()) == n_workers
        for name in SETTINGS:
            check_bits(name, np.float64, name != "adam", (450, 5))
        for name in ("lbfgs", "adam", "sgd"):
            check_bits(name, np.float32, True, ((3, 2600, 397), 2))


@pytest.mark.feature(
    "One large fit on a Dask cluster, with the bits of the local fit",
    "pybackprop.dask.MLPRegressor(solver='lbfgs').fit(dask_array, y)",
)
def test_a_regression_with_several_outputs(client):
    X, _, weights = some_data()
    Y = np.stack([X[:, 0] * X[:, 1], np.abs(X[:, 2])], axis=1)
    model = MLPRegressor(
        hidden_layer_sizes=(6,),
        loss="huber",
        solver="lbfgs",
        max_iter=4,
        random_state=0,
    )
    local = local_of(model).fit(X, Y, sample_weight=weights)
    model.fit(lazy(X, (512, 5)), lazy(Y, (999, 1)), sample_weight=lazy(weights, 50))
    require_same(model, local)
    predicted = model.predict(lazy(X, (512, 5)))
    assert predicted.shape == Y.shape and predicted.chunks[1] == (2,)
    assert same(predicted, local.predict(X))
    assert model.score(lazy(X, (90, 5)), Y, weights) == local.score(X, Y, weights)


def test_a_custom_loss_and_continued_training(client):
    X, _, _ = some_data()
    y = X[:, 0] + 1

    def loss(y, y_pred):
        return ((y_pred - y) ** 4).sum(axis=1) / 4, (y_pred - y) ** 3

    model = MLPRegressor(
        hidden_layer_sizes=(5,),
        loss=loss,
        shuffle="blocks",
        batch_size=1024,
        max_iter=2,
        warm_start=True,
        random_state=0,
    )
    local = local_of(model).fit(X, y).fit(X, y)
    model.fit(lazy(X, (500, 5)), lazy(y, 500)).fit(lazy(X, (800, 5)), lazy(y, 800))
    require_same(model, local)


def test_several_labels_and_strings(client):
    X, y, _ = some_data()
    of_words = np.array(["no", "yes", "perhaps"])[y]
    several = (X[:, :3] > 0).astype(int)
    for target in (of_words, several):
        model = model_of("adam", class_weight="balanced")
        local = local_of(model).fit(X, target)
        chunks = (600, *target.shape[1:])
        model.fit(lazy(X, (600, 5)), lazy(target, chunks))
        require_same(model, local)
        predicted = model.predict(lazy(X, (700, 5)))
        assert predicted.dtype == local.predict(X).dtype
        assert same(predicted, local.predict(X))


def test_data_frames_keep_the_names_of_their_features(client):
    X, y, weights = some_data(1500)
    names = ["a", "b", "c", "d", "e"]
    frame = pd.DataFrame(X, columns=names).assign(y=y, w=weights + 0.5)
    local = local_of(model_of("adam")).fit(frame[names], y, sample_weight=frame.w)
    lazy_frame = dd.from_pandas(frame, npartitions=4)
    lazy_frame = lazy_frame[lazy_frame.w > 0]  # partitions of unknown lengths
    model = model_of("adam")
    model.fit(lazy_frame[names], lazy_frame.y, sample_weight=lazy_frame.w)
    require_same(model, local)
    assert list(model.feature_names_in_) == names
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = model.predict(lazy_frame[names])
        assert same(predicted, local.predict(frame[names]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(lazy_frame[names[::-1]])


@pytest.mark.filterwarnings("ignore:Dask currently has limited support")
@pytest.mark.parametrize("dtype", ["category", "Int64", "str"])
def test_labels_of_pandas_own_types(client, dtype):
    X, y, _ = some_data(1000)
    frame = pd.DataFrame(X, columns=list("abcde")).assign(y=pd.Series(y).astype(dtype))
    model = model_of("lbfgs", max_iter=2)
    local = local_of(model).fit(frame[["a", "b"]], frame.y)
    lazy_frame = dd.from_pandas(frame, npartitions=3)
    model.fit(lazy_frame[["a", "b"]], lazy_frame.y)
    require_same(model, local)
    assert model.classes_.dtype == local.classes_.dtype
    assert np.array_equal(model.classes_, local.classes_)


def test_predictions_are_lazy(client):
    X, y, _ = some_data()
    model = model_of("lbfgs").fit(X, y)  # with NumPy arrays: the local fit

    def fail(chunk):
        raise AssertionError("computed")

    untouched = lazy(X, (700, 5)).map_blocks(fail, meta=np.empty((0, 0)))
    table = lazy(X, (700, 2))
    shapes = {"predict": (), "predict_proba": (3,), "predict_log_proba": (3,)}
    for method, shape in (
        shapes | {"decision_function": (3,), "transform": (4,)}
    ).items():
        outputs = getattr(model, method)(untouched)
        assert isinstance(outputs, da.Array)
        assert outputs.shape == (N_SAMPLES, *shape)
        assert outputs.chunks[0] == untouched.chunks[0]
        expected = getattr(model, method)(X)
        assert outputs.dtype == outputs._meta.dtype == expected.dtype
        assert same(getattr(model, method)(table), expected)
    assert model.score(table, lazy(y, 300)) == model.score(X, y)
    # Neither edits nor later fits change predictions that were requested before.
    predicted, before = model.predict_proba(table), model.predict_proba(X)
    model.coefs_[0][...] *= 2
    model.set_params(random_state=5).fit(X, y)
    assert same(predicted, before)
    assert not np.array_equal(model.predict_proba(X), before)
    few = table[table[:, 0] > 2.5]
    assert same(model.predict(few), model.predict(X[X[:, 0] > 2.5]))


def test_predictions_of_a_model_that_is_not_fitted(client):
    with pytest.raises(NotFittedError):
        MLPClassifier().predict(da.zeros((10, 2)))


def test_early_stopping_with_a_validation_set(client):
    X, y, _ = some_data()
    held_out = {"X_val": X[:500], "y_val": y[:500]}
    model = model_of("adam", early_stopping=True, max_iter=30, n_iter_no_change=2)
    model.set_params(tol=0.05, max_iter=30)
    local = local_of(model).fit(X, y, **held_out)
    held_out = {name: lazy(array, 100) for name, array in held_out.items()}
    model.fit(lazy(X, (700, 5)), lazy(y, 700), **held_out)
    assert model.stopped_
    require_same(model, local)
    assert model.validation_scores_ == local.validation_scores_


def test_a_fit_is_resumed_where_it_stopped(client):
    X, y, _ = some_data()
    local = local_of(model_of("dropout").set_params(max_iter=4)).fit(X, y)
    model = model_of("dropout").set_params(max_iter=2)
    model.fit(lazy(X, (700, 5)), lazy(y, 700)).set_params(max_iter=4)
    model = pickle.loads(pickle.dumps(model))
    require_same(model.fit(lazy(X, (150, 5)), lazy(y, 70), resume=True), local)


def test_nothing_is_left_on_the_workers(client):
    X, y, _ = some_data()
    table = lazy(X, (700, 5)).persist()
    dask.compute(table)
    before = set().union(*client.has_what().values())
    model_of("adam").fit(table, y)
    bad = model_of("adam", loss=lambda y, y_pred: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bad.fit(table, y)
    del bad
    for _ in range(100):  # the scheduler is notified first, and then the workers
        left = set().union(*client.has_what().values()) - before
        if not left:
            return
        time.sleep(0.1)
    assert not left


def test_the_same_warnings_of_scales_and_labels(client):
    X, y, _ = some_data()
    kinds = pybackprop.exceptions.ScalingWarning, DataConversionWarning
    for data in ((X * [1e4, 1, 1, 1, 1], y), (X, y.reshape(-1, 1))):
        said = []
        for model in (model_of("adam"), local_of(model_of("adam"))):
            table, labels = data
            if isinstance(model, MLPClassifier):
                table, labels = lazy(table, (700, 5)), lazy(labels, 100)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(table, labels)
            said.append([str(w.message) for w in caught if w.category in kinds])
        assert said[0] == said[1] != []


# --- Input that a fit refuses ---------------------------------------------------------


def parts(array):
    return lazy(array, (700, *array.shape[1:]))


def with_value(array, value, at=-1):
    array = array.astype(np.result_type(array, type(value)))
    array[at] = value
    return array


X, Y, _ = some_data()
WEIGHTS = np.ones(N_SAMPLES)
BAD = {
    "NaN in the last chunk": (with_value(X, np.nan, (-1, 2)), Y, None),
    "infinity": (with_value(X, np.inf, (5, 0)), Y, None),
    "complex": (with_value(X, 1j, (0, 0)), Y, None),
    "strings": (np.full((N_SAMPLES, 2), "a"), Y, None),
    "labels that are no labels": (X, with_value(Y, 0.5), None),
    "NaN among labels": (X, with_value(Y, np.nan), None),
    "several columns of labels": (X, np.stack([Y, Y + 1, Y]).T, None),
    "a negative weight": (X, Y, with_value(WEIGHTS, -1.0)),
    "NaN among weights": (X, Y, with_value(WEIGHTS, np.nan)),
    "weights of zero": (X, Y, 0 * WEIGHTS),
    "an infinite sum": (X, Y, 1e308 * WEIGHTS),
    "weights as a table": (X, Y, WEIGHTS.reshape(-1, 1)),
    "one dimension": (X[:, 0], Y, None),
    "fewer labels than samples": (X, Y[:-1], None),
    "no samples": (X[:0], Y[:0], None),
    "no features": (X[:, :0], Y, None),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_gets_the_local_message_and_changes_nothing(client, bad):
    table, labels, weights = BAD[bad]
    model = MLPClassifier((3,), solver="lbfgs", max_iter=2, random_state=0).fit(X, Y)
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError)) as of_local:
        pybackprop.MLPClassifier((3,), solver="lbfgs").fit(table, labels, weights)
    with pytest.raises(type(of_local.value)) as of_cluster:
        weights = None if weights is None else parts(weights)
        model.fit(parts(table), parts(labels), weights)
    first_lines = [str(e.value).splitlines()[0] for e in (of_local, of_cluster)]
    assert first_lines[0] == first_lines[1]
    assert vars(model) == before


def test_targets_outside_the_domain_of_a_loss(client):
    model = MLPRegressor(loss="poisson", solver="lbfgs")
    said = []
    for fit in (model.fit, pybackprop.MLPRegressor(loss="poisson").fit):
        y = with_value(np.ones(N_SAMPLES), -2.0)
        with pytest.raises(ValueError, match="y must be") as caught:
            fit(*(map(parts, (X, y)) if fit == model.fit else (X, y)))
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "params, message",
    [
        ({"shuffle": True, "batch_size": 256}, "shuffle must be 'blocks', or False"),
        ({"shuffle": "blocks"}, "multiple of 256.*'auto', which is 200"),
        ({"shuffle": False, "batch_size": 300}, "multiple of 256.*batch_size=300"),
        (
            {"shuffle": "blocks", "batch_size": 256, "early_stopping": True},
            "needs a validation set, X_val and y_val",
        ),
    ],
)
def test_parameters_that_a_cluster_does_not_support(client, params, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**params).fit(parts(X), parts(Y))


def test_other_options_that_a_cluster_does_not_support(client):
    with pytest.raises(ValueError, match="partial_fit trains on samples in memory"):
        MLPClassifier().partial_fit(parts(X), parts(Y), classes=[0, 1])
    sparse = parts(X).map_blocks(scipy.sparse.csr_matrix)
    with pytest.raises(TypeError, match="dense chunks"):
        MLPClassifier(solver="lbfgs").fit(sparse, parts(Y))
    with pytest.raises(TypeError, match="Dask array or data frame. Got a Dask Bag"):
        MLPClassifier(solver="lbfgs").fit(dask.bag.from_sequence([1]), Y)


def test_a_warm_start_refuses_other_features_and_classes(client):
    model = MLPClassifier((3,), solver="lbfgs", max_iter=2, warm_start=True)
    model.fit(parts(X), parts(Y))
    before = dict(vars(model))
    with pytest.raises(ValueError, match="X has 4 features, but MLPClassifier"):
        model.fit(parts(X[:, :4]), parts(Y))
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        model.fit(parts(X), parts(Y + 1))
    assert vars(model) == before
