"""Tests sizes beyond 32 bits, beyond 64 bits, and beyond the available memory."""

import subprocess
import sys

import numpy as np
import pytest

from pybackprop import MLPClassifier, MLPRegressor, Network

X = np.random.RandomState(0).normal(size=(40, 3))
CODES = np.arange(40) % 2
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.promise(
    "No input kills the interpreter",
    "Layer sizes whose weights exceed any memory raise an error that names them, or "
    "MemoryError; no product of sizes overflows silently.",
)
@pytest.mark.parametrize(
    "hidden",
    [2**58, 2**60, 2**62, 2**63, 2**64, 2**64 + 3, 10**400]
    + [(2**32, 2**32), (2**32 + 1, 2**32 - 1), (2**31, 2**33), (2**20, 2**44)],
    ids=lambda hidden: str(hidden)[:30],
)
def test_sizes_that_no_memory_holds_are_refused(hidden):
    model = MLPClassifier(hidden_layer_sizes=3, max_iter=2, random_state=0)
    model.fit(X, CODES)
    before = model.predict_proba(X)
    for solver in ("adam", "lbfgs"):
        model.set_params(hidden_layer_sizes=hidden, solver=solver)
        with pytest.raises((ValueError, MemoryError)) as refused:
            model.fit(X, CODES)
        if refused.type is ValueError:
            assert "hidden_layer_sizes" in str(refused.value)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    sizes = [3, *np.atleast_1d(np.array(hidden, object)), 1]
    with pytest.raises((OverflowError, ValueError, MemoryError)):
        Network(sizes)


@pytest.mark.parametrize("big", [2**31, 2**32 + 1, 2**62, 2**63, 2**64, 2**70])
def test_counts_of_any_size_are_accepted(big):
    expected = MLPClassifier(batch_size=40, max_iter=4, random_state=0).fit(X, CODES)
    counts = {"n_iter_no_change": big, "max_fun": big, "verbose": False}
    model = MLPClassifier(batch_size=big, max_iter=4, random_state=0, n_jobs=-big)
    with pytest.warns(UserWarning, match="batch_size"):
        model.set_params(**counts).fit(X, CODES)
    assert model.loss_curve_ == expected.loss_curve_
    for n_jobs in (257, big):
        with pytest.raises(ValueError, match="n_jobs"):
            model.set_params(n_jobs=n_jobs).fit(X, CODES)
    for solver in ("sgd", "adam", "lbfgs"):
        model = MLPRegressor(max_iter=big, max_time=0.05, solver=solver, tol=0)
        model.set_params(n_iter_no_change=np.inf, random_state=0, max_fun=big)
        assert model.fit(X, X[:, 0]).n_iter_ > 0


UNDER_A_LIMIT = """
import resource, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from sklearn.base import clone
from pybackprop import MLPClassifier, MLPRegressor
X = np.random.RandomState(0).normal(size=(600, 40))
y = np.arange(600) % 3
model = MLPClassifier(hidden_layer_sizes=(20,), max_iter=2, random_state=0).fit(X, y)
before = model.predict_proba(X[:50]).tobytes()
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
short = 0
large = MLPClassifier(hidden_layer_sizes=(600, 60), max_iter=1, random_state=0)
other = MLPRegressor(hidden_layer_sizes=(600, 60), solver="lbfgs", max_iter=1)
many = np.zeros((100000, 40))
for extra in [int(n) << 18 for n in sys.argv[1:]]:
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, -1))
    for call in (
        lambda: model.set_params(hidden_layer_sizes=(600, 60)).fit(X, y),
        lambda: model.predict_proba(many),
        lambda: model.set_params(n_jobs=4).transform(many),
        lambda: large.fit(X, y),
        lambda: other.fit(X, y),
    ):
        weights = model.coefs_
        try:
            call()
        except MemoryError:
            short += 1
            assert model.coefs_ is weights
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    if model.coefs_[0].shape == (40, 20):
        assert model.predict_proba(X[:50]).tobytes() == before
    else:
        model = clone(model).set_params(hidden_layer_sizes=20, n_jobs=None).fit(X, y)
print(short)
"""


@pytest.mark.promise(
    "No input kills the interpreter",
    "If memory is short, a fit or a prediction raises MemoryError, and the fitted "
    "model is unchanged.",
)
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_lack_of_memory_is_an_exception(drawn):
    limits = drawn([0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 200], 6)
    result = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, *map(str, limits)],
        capture_output=True,
        text=True,
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 10 * len(limits) / 14
