"""Classes, sparse tables and results need the memory that is documented."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from pybackprop import MLPClassifier, MLPRegressor

# pytest keeps the warnings that it sees.
pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
RNG = np.random.RandomState(0)
X = RNG.standard_normal((30, 4))


# ---------------------------------------------------------------------- peak memory
def peak(call):
    """Return the maximum number of bytes that NumPy and Python held during a call."""
    call()  # objects that are made once exist now
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def rows(n, n_features=2, dtype=np.float32):
    return np.random.RandomState(1).random_sample((n, n_features)).astype(dtype)


def trained(table, y, estimator=MLPClassifier, **options):
    narrow = SMALL | {"hidden_layer_sizes": (2,), "max_iter": 1, "batch_size": 1000}
    return estimator(**narrow | options).fit(table, y)


@pytest.mark.promise(
    "Memory",
    "Class labels take 4 bytes per row, for any number of classes, with class "
    "weights, label smoothing and stratification; no one-hot matrix is made.",
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_smoothing": 0.1},
        {"class_weight": "balanced"},
        {"loss": "squared_error"},
        {"solver": "lbfgs"},
        {"warm_start": True},
    ],
)
def test_classes_are_codes(options):
    table, y = rows(20_000), np.arange(20_000) % 1000
    in_bytes = len(y) * 1000  # one byte per class; float64 would take 8 times as much
    assert peak(lambda: trained(table, y, **options))[0] < in_bytes / 5


def test_classes_are_codes_in_further_calls():
    table, y = rows(20_000), np.arange(20_000) % 1000
    model = trained(table, y)
    in_bytes = len(y) * 1000
    for call in (
        lambda: model.partial_fit(table, y),
        lambda: model.predict(table),
        lambda: model.score(table, y),
    ):
        # Outputs that are not kept are computed 8 MB at a time.
        assert peak(call)[0] < in_bytes / 5 + 8e6
    # The outputs for the validation set, a tenth, are the only float32 table.
    stops = trained(table, y, early_stopping=True, validation_fraction=0.1)
    held = peak(lambda: trained(table, y, early_stopping=True))[0]
    assert held < in_bytes / 5 + 0.1 * len(y) * 1000 * 4 + stops.n_iter_


@pytest.mark.promise(
    "Memory",
    "Multilabel targets take one byte per label.",
)
@pytest.mark.parametrize("options", [{}, {"class_weight": [{1: 2}] * 200}])
@pytest.mark.parametrize("sparse", [False, True])
def test_labels_are_bytes(sparse, options):
    table, labels = rows(10_000), np.arange(2_000_000).reshape(10_000, 200) % 7 == 0
    y = scipy.sparse.csr_matrix(labels.astype(np.int64)) if sparse else labels
    # A sorted copy of sparse labels has a value and an index, of 8 and 4 bytes.
    copied = 12 * y.nnz if sparse else 0
    # Some tables of bytes while labels are checked; float64 would take 8 bytes.
    assert peak(lambda: trained(table, y, **options))[0] < 3.5 * labels.size + copied


@pytest.mark.promise(
    "Memory",
    "A prediction needs the memory of its result and a constant, for any number of "
    "rows.",
)
def test_predictions_need_constant_memory():
    table = rows(400_000, 4, np.float64)
    y = (table[:, 0] > 0.5).astype(int) + (table[:, 1] > 0.5)
    classifier = trained(table, y)
    regressor = trained(table, table[:, 2], MLPRegressor)
    for call in (
        lambda: regressor.predict(table),
        lambda: classifier.predict(table),
        lambda: classifier.predict_proba(table),
        lambda: classifier.decision_function(table),
    ):
        most, result = peak(call)
        assert most < result.nbytes + 13e6


def test_decisions_block_by_block_are_those_of_all_rows(monkeypatch):
    table = rows(200, 4)
    for y in (
        (table[:, 0] > 0.5).astype(int),
        np.array(["a", "bb", "ccc"])[np.arange(200) % 3],
        table[:, :3] > 0.5,
        scipy.sparse.csr_matrix(table[:, :3] > 0.5),
    ):
        model = trained(table, y, max_iter=20)
        whole = model.predict(table)
        sparse = scipy.sparse.csr_array(table)
        for size in (1, 100, 599):
            with monkeypatch.context() as patch:
                patch.setattr("pybackprop._estimator.base._VALUES_PER_BLOCK", size)
                for given in (table, sparse):
                    parts = model.predict(given)
                    assert type(parts) is type(whole) and parts.dtype == whole.dtype
                    assert parts.shape == whole.shape and not (parts != whole).sum()


@pytest.mark.promise(
    "Memory",
    "Sparse matrices stay sparse: 100,000 features need 100,000 weights per unit.",
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"early_stopping": True},
        pytest.param({"solver": "lbfgs"}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("container", ["csr_matrix", "csc_array"])
def test_sparse_tables_stay_sparse(container, options):
    n = 100_000
    draw = np.random.RandomState(0)
    places = draw.randint(0, n, 50_000), draw.randint(0, n, 50_000)
    table = getattr(scipy.sparse, container)((draw.rand(50_000), places), shape=(n, n))
    options = {"hidden_layer_sizes": (1,)} | options
    most, _ = peak(lambda: trained(table, draw.rand(n), MLPRegressor, **options))
    # A bit for each of the 10^10 places would be 1.25 GB; L-BFGS has 25 vectors.
    assert most < 45 * 8 * n


@pytest.mark.promise(
    "Memory",
    "fit reads a float64 or float32 array in place, in any memory order, and does not"
    " copy it.",
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_table_is_not_copied(solver, order, dtype):
    table = np.asarray(rows(4000, 100, dtype), order=order)
    options = {"solver": solver, "batch_size": 200}
    most, _ = peak(lambda: trained(table, table[:, 0], MLPRegressor, **options))
    assert most < table.nbytes / 4


FORMULA = """
import sys
from pathlib import Path

import numpy as np

from pybackprop import MLPRegressor


def status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])


options, refit = eval(sys.argv[1]), int(sys.argv[2])
X = np.random.RandomState(0).random_sample((400, 1000))
y = X[:, 0]
MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, **options).fit(X, y)
wide = {"hidden_layer_sizes": (2000, 1000), "max_iter": 2, "n_jobs": 1}
model = MLPRegressor(random_state=0, **wide, **options)
if refit:
    model.fit(X, y)
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
model.fit(X, y)
print((status("VmHWM") - before) / (8 * (1000 * 2000 + 2000 * 1000 + 1000)))
"""


@pytest.mark.slow
@pytest.mark.promise(
    "Memory",
    "Besides its data, a fit needs memory for two parameter vectors, those of the "
    "optimizer (sgd 1, adam 2), one more if the best weights are kept, the previous "
    "model until the new one is complete, and the layers of one batch; with L-BFGS "
    "also SciPy's, about 25 vectors.",
)
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="asks Linux for the peak"
)
@pytest.mark.sampled(2)
@pytest.mark.parametrize("refit", [0, 1])
@pytest.mark.parametrize(
    ("options", "states"),
    [
        pytest.param({"solver": "sgd"}, 1, marks=pytest.mark.full),
        ({"solver": "adam"}, 2),
        ({"solver": "adam", "early_stopping": True}, 3),
        pytest.param({"solver": "lbfgs"}, 25, marks=pytest.mark.full),
    ],
)
def test_a_fit_needs_what_the_formula_says(options, states, refit):
    command = [sys.executable, "-W", "ignore", "-c", FORMULA, str(options), str(refit)]
    found = float(subprocess.run(command, capture_output=True, check=True).stdout)
    # Besides, the activations and deltas of a batch: here 0.5 of the parameters.
    assert found < 2 + states + 0.8
