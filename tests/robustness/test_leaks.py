"""Tests that no call leaks memory and that unused objects are freed at once."""

import copy
import ctypes
import gc
import pickle
import sys
import weakref

import numpy as np
import pytest
import scipy.sparse
from sklearn.utils.fixes import parse_version

from pybackprop import MLPClassifier, MLPRegressor, Network, export
from support.internals import CoreNetwork, Samples, Targets
from support.leaks import (
    leaks,
    without_collection,
)
from support.lists import OPTIMIZERS

# pytest keeps the warnings that it sees.
pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
RNG = np.random.RandomState(0)
X = RNG.standard_normal((30, 4))
SPARSE = scipy.sparse.csr_matrix(X * (X > 0))
CODES = np.arange(30) % 3
LABELS = (X[:, :3] > 0).astype(int)
NUMBERS = X @ RNG.standard_normal(4)
CLASSIFIER = MLPClassifier(**SMALL).fit(X, CODES)
REGRESSOR = MLPRegressor(**SMALL).fit(X, NUMBERS)
NETWORK = Network([4, 5, 2], random_state=0)


# -------------------------------------------------------------- every path of a call
def squares(y, y_pred):
    return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y


class FailsAt:
    """A loss, scorer, rate or hook that raises an exception in its nth call."""

    def __init__(self, n, kind=RuntimeError):
        self.left, self.kind = n, kind

    def _count(self):
        self.left -= 1
        if self.left == 0:
            raise self.kind("as it was told to")

    def loss(self, y, y_pred):
        self._count()
        return squares(y, y_pred)

    def score(self, model, X, y):
        self._count()
        return 1.0

    def rate(self, epoch):
        self._count()
        return 0.1


class Hooks:
    """A callback whose hooks do nothing unless one is set."""

    def __init__(self, at_end=None):
        self.at_end = at_end

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **kwargs):
        pass

    def on_fit_task_end(self, estimator, context, **kwargs):
        return self.at_end and self.at_end()


def fit(estimator, y, table=X, **options):
    return lambda: estimator(**SMALL | options).fit(table, y)


def refused(call, kind=Exception):
    """Return a call whose exception is caught and dropped."""

    def caught():
        try:
            call()
        except kind:
            return
        raise AssertionError("nothing was refused")

    return caught


def failing(part, n, kind=RuntimeError, **options):
    """Return a fit in which a user's function raises in its nth call."""

    def call():
        name = {"loss": "loss", "score": "scoring", "rate": "learning_rate"}[part]
        raises = {name: getattr(FailsAt(n, kind), part)}
        MLPRegressor(**SMALL | options | raises).fit(X, NUMBERS)

    return refused(call, kind)


def with_callbacks(at_end=None, **options):
    hooks = Hooks(at_end)  # one class, since scikit-learn caches the signatures of 128

    def call():
        pytest.importorskip("sklearn.callback")
        MLPRegressor(**SMALL | options).set_callbacks(hooks).fit(X, NUMBERS)

    return call


def continue_fits():
    model = MLPClassifier(**SMALL).fit(X, CODES)
    model.set_params(max_iter=5).fit(X, CODES, resume=True)
    model.set_params(warm_start=True).fit(X, CODES)


def in_parts():
    model = MLPClassifier(early_stopping=True, **SMALL)
    for _ in range(3):
        model.partial_fit(X, CODES, classes=[0, 1, 2], X_val=X, y_val=CODES)


def raise_at_end():
    raise RuntimeError


PATHS = {
    **{
        f"fit {solver}": fit(MLPClassifier, CODES, solver=solver)
        for solver in ["lbfgs", *OPTIMIZERS]
    },
    "fit sparse": fit(MLPRegressor, NUMBERS, SPARSE),
    "fit float32": fit(MLPRegressor, NUMBERS, X.astype(np.float32)),
    "fit labels": fit(MLPClassifier, LABELS, class_weight=[{1: 2}, {}, {}]),
    "fit early stopping": fit(MLPClassifier, CODES, early_stopping=True),
    "fit scoring": fit(MLPRegressor, NUMBERS, early_stopping=True, scoring="r2"),
    "fit smoothed": fit(MLPClassifier, CODES, label_smoothing=0.1, dropout=0.1),
    "fit threads": fit(MLPRegressor, NUMBERS, n_jobs=2, batch_size=10),
    "fit out of time": fit(MLPRegressor, NUMBERS, max_time=1e-9),
    "fit lbfgs out of time": fit(MLPRegressor, NUMBERS, max_time=1e-9, solver="lbfgs"),
    "own loss": fit(MLPRegressor, NUMBERS, loss=squares),
    "own loss lbfgs": fit(MLPRegressor, NUMBERS, loss=squares, solver="lbfgs"),
    "resume, warm start": continue_fits,
    "partial_fit": in_parts,
    "predict a row": lambda: CLASSIFIER.predict_proba(X[:1]),
    "predict": lambda: (CLASSIFIER.predict(X), REGRESSOR.predict(X)),
    "predict sparse": lambda: REGRESSOR.predict(SPARSE),
    "probabilities": lambda: CLASSIFIER.predict_log_proba(X),
    "score": lambda: CLASSIFIER.score(X, CODES),
    "layers": lambda: (CLASSIFIER.transform(X), CLASSIFIER.activations(X)),
    "pickle": lambda: pickle.loads(pickle.dumps(CLASSIFIER)),
    "copies": lambda: (copy.copy(CLASSIFIER), copy.deepcopy(REGRESSOR)),
    "network": lambda: NETWORK.backprop(X, LABELS[:, :2]),
    "network passes": lambda: (
        NETWORK.forward(X),
        NETWORK.predict(SPARSE),
        NETWORK.gradients(X, LABELS[:, :2]),
        pickle.loads(pickle.dumps(NETWORK)),
    ),
    "to_c": lambda: export.to_c(CLASSIFIER),
    "to_sklearn": lambda: export.from_sklearn(export.to_sklearn(CLASSIFIER)),
    "refused parameter": refused(fit(MLPClassifier, CODES, alpha=-1)),
    "refused X": refused(fit(MLPClassifier, CODES, X * np.nan)),
    "refused y": refused(fit(MLPRegressor, NUMBERS * np.inf)),
    "refused row": refused(lambda: CLASSIFIER.predict(X[:1] * np.nan)),
    "refused validation set": refused(
        lambda: MLPClassifier(**SMALL).fit(X, CODES, X_val=X[:, :2], y_val=CODES)
    ),
    "refused huge number": refused(fit(MLPClassifier, CODES, [[10**400] * 5] * 40)),
    "refused width": refused(lambda: CLASSIFIER.predict(X[:, :2])),
    "refused state": refused(
        lambda: CLASSIFIER.__setstate__({"_pybackprop_format": 9})
    ),
    "refused network": refused(lambda: Network([4, 3, 2], activation="none")),
    "refused sizes": refused(lambda: Network([2**40, 2**40, 2])),
    "core network": refused(lambda: CoreNetwork([4, 2], [], "?", "?", [0.0], "f8")),
    "core samples": refused(lambda: Samples(X, np.float32)),
    "core targets": refused(lambda: Targets(X[0], np.float64)),
    "divergence": refused(
        fit(MLPRegressor, NUMBERS, solver="sgd", learning_rate_init=1e200)
    ),
    "loss raises": failing("loss", 1),
    "loss raises later": failing("loss", 3, early_stopping=True),
    "loss raises in lbfgs": failing("loss", 3, solver="lbfgs"),
    "loss is interrupted": failing("loss", 2, KeyboardInterrupt),
    "loss is interrupted in lbfgs": failing(
        "loss", 2, KeyboardInterrupt, solver="lbfgs"
    ),
    "scorer raises": failing("score", 2, early_stopping=True),
    "rate raises": failing("rate", 2),
    "callbacks": with_callbacks(),
    "callback stops": with_callbacks(lambda: True),
    "callback stops lbfgs": with_callbacks(lambda: True, solver="lbfgs"),
    "callback raises": refused(with_callbacks(raise_at_end)),
}


# ----------------------------------------------------------------------------- leaks


@pytest.mark.promise(
    "Memory",
    "No call leaks a single block of memory, whether it succeeds, is refused, raises "
    "or is interrupted.",
)
@pytest.mark.parametrize("path", PATHS)
def test_nothing_leaks(path):
    assert not leaks(PATHS[path])


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("path", PATHS)
def test_nothing_leaks_in_many_calls(path):
    assert not leaks(PATHS[path], 300, n_rounds=4)


def test_the_smallest_leaks_are_detected():
    kept = []
    malloc = ctypes.CDLL(None).malloc
    malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    for leak in (
        lambda: kept.append([]),
        lambda: kept.append(1.5 * len(kept)),
        lambda: malloc(1),
    ):
        assert leaks(leak, 10)


# -------------------------------------------------------- reference cycles and holders


def skip_if_scipy_makes_a_cycle(is_lbfgs):
    """SciPy's L-BFGS kept the objective and its table until a garbage collection."""
    if is_lbfgs and parse_version(scipy.__version__) < parse_version("1.14"):
        pytest.skip("before 1.14 SciPy's optimizer is a circle of references itself")


@pytest.mark.promise(
    "Memory",
    "Objects are freed as soon as they are deleted: no call leaves a reference cycle,"
    " not even a call that raised.",
)
@pytest.mark.sampled(16)
@pytest.mark.parametrize("path", PATHS)
def test_no_call_leaves_a_reference_cycle(path):
    skip_if_scipy_makes_a_cycle("lbfgs" in path)
    PATHS[path]()
    with without_collection() as left:
        PATHS[path]()
    # A context of scikit-learn's callbacks and its children refer to each other.
    theirs = [item for item in left if type(item).__name__ == "CallbackContext"]
    known = {id(part) for item in theirs for part in gc.get_referents(item)}
    known |= {id(item) for item in theirs}
    assert not [type(item) for item in left if id(item) not in known]


def watched(array):
    """Return a copy that owns its memory, and a weak reference: views keep it alive."""
    array = array.copy()
    return array, weakref.ref(array)


HOLDERS = {
    "fit": lambda model, data, val: model.fit(*data),
    "validation set": lambda model, data, val: model.fit(*data, **val),
    "partial_fit": lambda model, data, val: model.partial_fit(*data, **val),
    "resume": lambda model, data, val: (
        model.fit(*data).set_params(max_iter=5).fit(*data, resume=True)
    ),
    "lbfgs": lambda model, data, val: model.set_params(solver="lbfgs").fit(
        *data, **val
    ),
    "scoring": lambda model, data, val: model.set_params(scoring="r2").fit(
        *data, **val
    ),
    "own loss": lambda model, data, val: model.set_params(loss=squares).fit(*data),
    "splitting": lambda model, data, val: model.set_params(
        early_stopping=True, scoring="r2"
    ).fit(*data),
    "loss raises": lambda model, data, val: refused(
        lambda: model.set_params(loss=FailsAt(2).loss).fit(*data), RuntimeError
    )(),
    "callbacks": lambda model, data, val: (
        pytest.importorskip("sklearn.callback")
        and model.set_callbacks(Hooks()).fit(*data, **val)
    ),
    "prediction": lambda model, data, val: model.fit(X, NUMBERS).score(*data),
}


@pytest.mark.promise(
    "Memory",
    "An estimator keeps no reference to the arrays passed to it: the data are freed "
    "as soon as the caller deletes them.",
)
@pytest.mark.sampled(8)
@pytest.mark.parametrize("how", HOLDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_data_is_not_kept(how, dtype):
    model = MLPRegressor(batch_size=10, **SMALL)
    arrays = [X.astype(dtype), NUMBERS.astype(dtype), np.ones(30)]
    given, seen = zip(*(watched(a) for a in arrays + arrays), strict=True)
    with without_collection():
        HOLDERS[how](
            model,
            given[:3],
            dict(zip(("X_val", "y_val", "sample_weight_val"), given[3:], strict=True)),
        )
        del given
        assert [reference() for reference in seen] == [None] * 6
    assert model is not None


@pytest.mark.promise(
    "Memory",
    "A deleted estimator is freed at once, with its network and optimizer.",
)
@pytest.mark.parametrize("options", [{}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_an_estimator_is_freed_at_once(options):
    skip_if_scipy_makes_a_cycle("solver" in options)
    with without_collection():
        model = MLPRegressor(**SMALL | options).fit(X, NUMBERS)
        model.predict(X[:1])
        seen = [weakref.ref(model), weakref.ref(model.coefs_[0].base)]
        if "solver" not in options:
            seen.append(weakref.ref(model._optimizer))
        del model
        assert [reference() for reference in seen] == [None] * len(seen)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_working_copy_that_fails_is_freed_with_its_exception(early_stopping):
    copies = []

    def loss(y, y_pred):
        frame = sys._getframe()
        while frame.f_code.co_name != "_train":
            frame = frame.f_back
        copies.append(weakref.ref(frame.f_locals["self"]))
        raise RuntimeError

    with without_collection():
        model = MLPRegressor(loss=loss, early_stopping=early_stopping, **SMALL)
        with pytest.raises(RuntimeError):
            model.fit(X, NUMBERS)
        assert copies[0]() is None
