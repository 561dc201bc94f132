"""A saved model loads with the same bits, in this version and in later ones."""

import copy
import importlib.util
import io
import json
import pickle
import re

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor, Network, inspection
from pybackprop._model import serialization
from support.checkout import ROOT, TESTS
from support.reference import assert_state, timeless
from support.saved_files import unpickled

FILES = TESTS / "files"
PYPROJECT = ROOT / "pyproject.toml"
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}
RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4))
LABELS = np.array(["a", "b", "c"])[RNG.randint(0, 3, 60)]
NUMBERS = X @ RNG.standard_normal(4)


# -------------------------------------------------------------------- round trips
def through_bytes(dump, load):
    def trip(model):
        file = io.BytesIO()
        dump(model, file)
        file.seek(0)
        return load(file)

    return trip


def through_skops(model):
    skops_io = pytest.importorskip("skops.io")
    trusted = [f"{type(model).__module__}.{type(model).__name__}"]
    return skops_io.loads(skops_io.dumps(model), trusted=trusted)


def through_a_map(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


TRIPS = {
    **{
        f"pickle {protocol}": lambda model, protocol=protocol: pickle.loads(
            pickle.dumps(model, protocol)
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": through_bytes(joblib.dump, joblib.load),
    "joblib compressed": through_bytes(
        lambda model, file: joblib.dump(model, file, compress=9), joblib.load
    ),
    "cloudpickle": lambda model: pickle.loads(cloudpickle.dumps(model)),
    "skops": through_skops,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}

STOCHASTIC = {
    "sgd": {"solver": "sgd", "learning_rate": "adaptive"},
    "adam": {},
    "adamw": {"solver": "adamw", "learning_rate_init": [0.01, 0.001]},
    "rmsprop": {"solver": "rmsprop", "dropout": 0.2},
    "nadam": {"solver": "nadam", "activation": ["elu"]},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "generator": {"random_state": np.random.RandomState(3)},
}
KINDS = [(MLPClassifier, LABELS), (MLPRegressor, NUMBERS)]


def bits(model, dtype="float64"):
    proba = getattr(model, "predict_proba", model.predict)(X.astype(dtype))
    return proba.tobytes(), np.asarray(model.predict(X[:1].astype(dtype))).tobytes()


def by_partial_fit(model, table, y):
    held_out = {"X_val": table, "y_val": y} if model.early_stopping else {}
    for _ in range(2):
        model.partial_fit(table, y, **held_out)


def by_warm_start(model, table, y):
    model.set_params(warm_start=True).fit(table, y)


def by_resume(model, table, y):
    model.set_params(max_iter=8).fit(table, y, resume=True)


@pytest.mark.promise(
    "Files",
    "A model restored from pickle (any protocol), joblib, cloudpickle, skops or copy "
    "predicts the same bits and continues training with the same bits.",
)
@pytest.mark.sampled(21)
@pytest.mark.parametrize(
    "continue_training", [by_partial_fit, by_warm_start, by_resume]
)
@pytest.mark.parametrize("options", STOCHASTIC.values(), ids=STOCHASTIC)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_saved_model_is_the_same_model(dtype, options, continue_training):
    estimator, y = KINDS[dtype == "float32"]
    table = X.astype(dtype)
    model = estimator(**SMALL | copy.deepcopy(options)).fit(table, y)
    expected = bits(model, dtype)
    others = {name: trip(model) for name, trip in TRIPS.items() if name != "copy"}
    for name, other in others.items():
        assert bits(other, dtype) == expected, name
        assert_state(vars(other), vars(model), name)
    # A shallow copy shares its parameters, such as a generator.
    assert bits(copy.copy(model), dtype) == expected
    continue_training(model, table, y)
    for name, other in others.items():
        assert bits(other, dtype) == expected, name
        continue_training(other, table, y)
        assert bits(other, dtype) == bits(model, dtype), name
        assert_state(timeless(other), timeless(model), name)


@pytest.mark.parametrize("trip", TRIPS.values(), ids=TRIPS)
@pytest.mark.parametrize("kind", KINDS, ids=["classifier", "regressor"])
def test_lbfgs_and_unfitted_models(kind, trip):
    estimator, y = kind
    model = estimator(solver="lbfgs", warm_start=True, **SMALL)
    unfitted = trip(model)
    assert vars(unfitted) == vars(model)
    model.fit(X, y)
    assert bits(unfitted.fit(X, y)) == bits(model)
    other = trip(model)
    assert bits(other) == bits(model)
    assert bits(other.fit(X, y)) == bits(model.fit(X, y))


@pytest.mark.promise(
    "Files",
    "joblib.load(..., mmap_mode='r') loads a model, and further training of that "
    "model leaves the file unchanged.",
)
@pytest.mark.parametrize("options", STOCHASTIC.values(), ids=STOCHASTIC)
def test_a_mapped_file_is_read_and_never_written(options, tmp_path):
    model = MLPClassifier(**SMALL | copy.deepcopy(options)).fit(X, LABELS)
    other = through_a_map(model, tmp_path)
    before = (tmp_path / "model.joblib").read_bytes()
    for continue_training in (by_partial_fit, by_warm_start):
        assert bits(other) == bits(model)
        continue_training(other, X, LABELS)
        continue_training(model, X, LABELS)
    assert bits(other) == bits(model)
    assert (tmp_path / "model.joblib").read_bytes() == before


@pytest.mark.parametrize("trip", TRIPS.values(), ids=TRIPS)
def test_a_saved_network_is_the_same_network(trip):
    y = np.abs(X[:, :2]) + 0.5
    for options in (
        {"activation": ["elu", "tanh"], "alpha": [0.1, 0.2, 0.3], "l1_ratio": 0.5},
        {"loss": "huber", "loss_parameter": 0.3, "dtype": "float32"},
        {"loss": "poisson", "output_activation": "exp"},
    ):
        network = Network([4, 3, 3, 2], random_state=0, **options)
        table = X.astype(network.dtype)
        other = trip(network)
        assert other.predict(table).tobytes() == network.predict(table).tobytes()
        assert other.objective(table, y) == network.objective(table, y)
        for ours, theirs in zip(
            network.gradients(table, y), other.gradients(table, y), strict=True
        ):
            assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
        other.coefs[0][...] = 0  # still views
        assert not other.parameters[: other.coefs[0].size].any()


def test_inside_pipelines_and_searches():
    model = make_pipeline(StandardScaler(), MLPClassifier(**SMALL)).fit(X, LABELS)
    search = GridSearchCV(
        MLPRegressor(**SMALL), {"alpha": [0.1, 0.01]}, cv=2, scoring="r2"
    ).fit(X, NUMBERS)
    for fitted in (model, search):
        for name in ("pickle 2", "pickle 5", "joblib", "cloudpickle", "deepcopy"):
            assert bits(TRIPS[name](fitted)) == bits(fitted)
        skops_io = pytest.importorskip("skops.io")
        saved = skops_io.dumps(fitted)
        untrusted = skops_io.get_untrusted_types(data=saved)
        assert [name for name in untrusted if name.startswith("pybackprop")] in (
            ["pybackprop.classifier.MLPClassifier"],
            ["pybackprop.regressor.MLPRegressor"],
        )
        assert bits(skops_io.loads(saved, trusted=untrusted)) == bits(fitted)


# --------------------------------------------------------------- contents of files
@pytest.mark.promise(
    "Files",
    "A skops file asks its reader to trust one class only, that of the estimator.",
)
@pytest.mark.parametrize("options", STOCHASTIC.values(), ids=STOCHASTIC)
def test_skops_must_trust_one_class(options):
    skops_io = pytest.importorskip("skops.io")
    for model, name in (
        (MLPClassifier(**SMALL | options).fit(X, LABELS), "classifier.MLPClassifier"),
        (MLPRegressor(**SMALL | options).fit(X, NUMBERS), "regressor.MLPRegressor"),
        (Network([4, 3, 2]), "network.Network"),
    ):
        untrusted = skops_io.get_untrusted_types(data=skops_io.dumps(model))
        assert untrusted == [f"pybackprop.{name}"]


@pytest.mark.promise(
    "Files",
    "A saved model contains no row of the training data and does not grow with their "
    "number.",
)
@pytest.mark.parametrize(
    "options",
    [*STOCHASTIC.values(), {"solver": "lbfgs"}, {"scoring": "r2"}],
    ids=[*STOCHASTIC, "lbfgs", "scoring"],
)
@pytest.mark.parametrize("given", [False, True])
def test_no_training_data_is_inside(options, given):
    def saved(n_rows):
        rng = np.random.RandomState(1)
        X, y, weights = rng.rand(n_rows, 4), rng.rand(n_rows), rng.rand(n_rows) + 1
        parts = [X, y, weights]
        held_out = {}
        if given:
            held_out = {"X_val": rng.rand(n_rows, 4), "y_val": rng.rand(n_rows)}
            parts += held_out.values()
        model = MLPRegressor(**SMALL | copy.deepcopy(options))
        file = pickle.dumps(model.fit(X, y, weights, **held_out))
        numbers = np.concatenate([part.ravel() for part in parts])
        assert not any(number.tobytes() in file for number in numbers)
        return len(file)

    small, large = saved(40), saved(400)
    assert large <= small + 200  # longer texts of reasons, larger counts


def test_a_state_is_plain():
    plain = (bool, int, float, str, type(None), np.ndarray, np.number)

    def look(value, where):
        if isinstance(value, dict):
            for key, item in value.items():
                assert type(key) in (str, int), where
                look(item, f"{where}[{key!r}]")
        elif isinstance(value, (list, tuple)):
            for item in value:
                look(item, where)
        else:
            assert isinstance(value, plain), where

    for name in STOCHASTIC.keys() - {"generator"}:
        model = MLPClassifier(**SMALL | STOCHASTIC[name]).fit(X, LABELS)
        look(model.__getstate__(), name)


# ------------------------------------------------------------------------- formats
def changed(model, **changes):
    """Return a model of the same class, from a changed state."""
    other = object.__new__(type(model))
    other.__setstate__(model.__getstate__() | changes)
    return other


MODELS = [
    MLPClassifier(**SMALL).fit(X, LABELS),
    MLPRegressor(**SMALL),
    Network([4, 3, 2]),
]


@pytest.mark.promise(
    "Files",
    "A file in an unknown, newer format is refused with a message that names the "
    "version that wrote it.",
)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("number", [serialization.FORMAT + 1, 0, "1.5", None])
def test_an_unknown_format_is_refused(model, number):
    with pytest.raises(
        ValueError,
        match=rf"This {type(model).__name__} was saved by pybackprop 7\.8\.9, in "
        rf"format {number!r}\. .* up to {serialization.FORMAT}: update",
    ):
        changed(model, _pybackprop_format=number, _pybackprop_version="7.8.9")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_an_older_format_is_converted(model, monkeypatch):
    saved = pickle.dumps(model)
    seen = []

    def convert(state):
        seen.append(set(state))
        return state

    monkeypatch.setattr(serialization, "FORMAT", 3)
    monkeypatch.setattr(serialization, "_CONVERSIONS", {1: convert, 2: convert})
    other = pickle.loads(saved)
    assert len(seen) == 2 and not any("format" in name for name in seen[0])
    assert not any("pybackprop" in name for name in vars(other))


def test_a_state_without_a_format_is_used_unchanged():
    """Test a class whose __getstate__ does not call that of the estimators."""

    class Own(MLPClassifier):
        def __getstate__(self):
            return dict(vars(self))

    model = Own(**SMALL).fit(X, LABELS)
    assert bits(copy.deepcopy(model)) == bits(model)


def test_a_parameter_that_an_older_version_lacked_has_its_default():
    model = MLPClassifier(max_time=5, **SMALL).fit(X, LABELS)
    state = model.__getstate__()
    del state["max_time"], state["dropout"]
    other = object.__new__(MLPClassifier)
    other.__setstate__(state)
    assert other.max_time is None and other.dropout == 0.0
    assert bits(other) == bits(model)
    assert bits(other.fit(X, LABELS)) == bits(model)


def test_reading_a_state_does_not_change_it():
    model = MODELS[0]
    state = model.__getstate__()
    before = pickle.dumps(state)
    object.__new__(MLPClassifier).__setstate__(state)
    assert pickle.dumps(state) == before


# ------------------------------------------------------------ files of each version
def load(path):
    if path.suffix == ".joblib":
        return joblib.load(path)
    if path.suffix == ".skops":
        skops_io = pytest.importorskip("skops.io")
        return skops_io.load(path, trusted=skops_io.get_untrusted_types(file=path))
    return unpickled(path)


def script_that_makes_files():
    spec = importlib.util.spec_from_file_location("make_files", FILES / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAVED = sorted(
    path
    for folder in FILES.iterdir()
    if (folder / "expected.json").exists()
    for path in folder.iterdir()
    if path.name != "expected.json"
)


@pytest.mark.promise(
    "Files",
    "Files saved by earlier releases load, predict the same bits and continue "
    "training.",
)
@pytest.mark.parametrize(
    "path", SAVED, ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_the_files_of_each_version_load_and_continue_training(path):
    table = json.loads((path.parent / "expected.json").read_text())
    expected = table["files"][path.name]
    script = script_that_makes_files()
    X = np.array(table["X"], dtype=expected["dtype"])
    y = np.array(table["targets"][expected["target"]])
    model = load(path)
    if expected["outputs"] is not None:
        assert script.outputs(model, X) == expected["outputs"]
    if expected["goes_on_by"] is not None:
        model = script.continue_training(model, expected["goes_on_by"], X, y)
        assert script.outputs(model, X) == expected["outputs_then"]


@pytest.mark.skipif(not PYPROJECT.exists(), reason="needs the source tree")
def test_this_version_has_its_files():
    version = re.search(r'^version = "(.*)"', PYPROJECT.read_text(), re.M)[1]
    folder = FILES / version
    listed = json.loads((folder / "expected.json").read_text())["files"]
    assert sorted(listed) == [path.name for path in SAVED if path.parent == folder]
    assert max(path.stat().st_size for path in folder.iterdir()) < 20_000
    assert version.encode() in (folder / "network.pkl").read_bytes()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("_check_gradients", "GradientCheck"),
        ("_check_training", "TrainingCheck"),
        ("_delta_table", "DeltaTable"),
        ("_explain_delta", "DeltaExplanation"),
        ("_formulations", "Formulations"),
        ("_layer_monitor", "LayerMonitor"),
    ],
)
def test_results_of_inspection_load_by_the_names_of_their_first_modules(module, name):
    # pickle writes a reference to a class as module and name, each on a line.
    reference = f"cpybackprop.inspection.{module}\n{name}\n.".encode()
    assert pickle.loads(reference) is getattr(inspection, name)
