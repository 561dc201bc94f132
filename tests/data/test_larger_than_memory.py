"""Tests training on memory-mapped tables that are larger than the memory."""

import re
import shutil
import subprocess
import sys
import tracemalloc
import types
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from pybackprop import MLPClassifier, MLPRegressor
from support.internals import sample_rows

pytestmark = pytest.mark.filterwarnings("ignore")

WAYS = {
    "blocks": {"shuffle": "blocks"},
    "in order": {"shuffle": False},
    "lbfgs": {"solver": "lbfgs"},
}
SMALL = {"hidden_layer_sizes": (3,), "batch_size": 1024, "max_iter": 2}


def mapped(path, array, dtype=None):
    """Write an array to a file and return a read-only memory map of it."""
    np.asarray(array).astype(dtype or array.dtype).tofile(path)
    return np.memmap(path, dtype or array.dtype, "r", shape=array.shape)


# ------------------------------------------------------------------------------- bits
def by_memmap(path, array):
    return mapped(path, array)


def by_load(path, array):
    np.save(path, array)
    return np.load(f"{path}.npy", mmap_mode="r")


def by_joblib(path, array):
    joblib.dump(array, path)
    return joblib.load(path, mmap_mode="r")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mapping", [by_memmap, by_load, by_joblib])
def test_a_mapped_table_has_the_bits_of_one_in_memory(tmp_path, mapping, way):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1500, 4)).astype(np.float32)
    y, weights = np.digitize(X[:, 0] * X[:, 1], [0, 1]), rng.uniform(size=1500)
    arrays = {"X": X, "y": y, "sample_weight": weights}
    model = MLPClassifier(**SMALL | WAYS[way], random_state=0)
    expected = model.fit(**arrays).loss_curve_
    files = {name: mapping(tmp_path / name, array) for name, array in arrays.items()}
    assert all(isinstance(array, np.memmap) for array in files.values())
    assert model.fit(**files).loss_curve_ == expected
    assert_array_equal(model.predict(files["X"]), model.predict(X))


# ------------------------------------------------------------- work block by block
@pytest.mark.parametrize("most", [7, 1000, 10**6])
def test_sampled_rows_are_evenly_spread_over_rows_with_weight(most):
    rng = np.random.RandomState(0)
    weights = rng.uniform(size=300_000) * (rng.uniform(size=300_000) < 0.4)
    weighing = np.flatnonzero(weights)
    expected = weighing[:: -(-len(weighing) // most)]
    assert_array_equal(sample_rows(len(weights), weights, most), expected)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int8, np.float64])
def test_labels_of_many_rows(dtype):
    y = np.arange(200_000) // 50_000 * 2 - 1
    y[-1] = 9
    X, y = np.abs(y)[:, np.newaxis], np.abs(y).astype(dtype)
    model = MLPClassifier(hidden_layer_sizes=(1,), max_iter=1).fit(X, y)
    assert model.classes_.tolist() == [1, 3, 5, 9] and model.classes_.dtype == dtype
    expected = y[:, None] == model.classes_
    assert_array_equal(model.encode_targets(y), expected)


# ----------------------------------------------------------------- memory per row
def bytes_a_row(fit):
    """Return the growth of peak memory per row; ``fit`` takes the number of rows."""
    lengths, peaks = (2**19, 2**21), []
    for length in lengths:
        tracemalloc.start()
        fit(length)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (lengths[1] - lengths[0])


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    """Write the columns of a long table to files: X, numbers, classes and weights."""
    folder = tmp_path_factory.mktemp("files")
    rows = np.random.RandomState(0).standard_normal((2**15, 3)).astype(np.float32)
    X = np.tile(rows, (2**6, 1))
    y = X[:, 0] - X[:, 1]
    classes = np.digitize(y, [-1, 1])
    files = {"X": X, "y": y, "y in double": y.astype(np.float64), "classes": classes}
    files["short classes"], files["weights"] = classes.astype(np.uint8), np.abs(y) + 1.0
    yield {name: mapped(folder / name, array) for name, array in files.items()}
    shutil.rmtree(folder)


# The values of docs/larger_than_memory.md.
KEPT = {
    "numbers": (MLPRegressor, "y", {}, None, 0),
    "numbers of another type": (MLPRegressor, "y in double", {}, None, 4),
    "classes": (MLPClassifier, "classes", {}, None, 4),
    "classes of a byte": (MLPClassifier, "short classes", {}, None, 4),
    "weights": (MLPRegressor, "y", {}, "weights", 0),
}


@pytest.mark.promise(
    "Memory",
    "With lbfgs, shuffle='blocks' or shuffle=False, the only memory of a fit on a "
    "memory-mapped array that grows with the number of rows is 4 bytes per row for "
    "class codes.",
)
@pytest.mark.sampled(6)
@pytest.mark.parametrize("kind", KEPT)
@pytest.mark.parametrize("way", WAYS)
def test_memory_of_a_fit_per_row(columns, kind, way):
    estimator, y, options, weights, kept = KEPT[kind]
    model = estimator(**SMALL | WAYS[way] | options, random_state=0)

    def fit(n):
        some = None if weights is None else columns[weights].astype(np.float64)[:n]
        model.fit(columns["X"][:n], columns[y][:n], some)

    fit(2**12)
    assert bytes_a_row(fit) == pytest.approx(kept, abs=0.4)


def test_shuffling_all_rows_needs_memory_per_row():
    """Test that the measurement finds the order of all rows, eight bytes per row."""
    X = np.broadcast_to(np.float32([[1, 2, 3]]), (2**21, 3))
    y = np.broadcast_to(np.float32([1]), 2**21)
    model = MLPRegressor(**SMALL | {"max_iter": 1})
    assert bytes_a_row(lambda n: model.fit(X[:n], y[:n])) > 15


# ------------------------------------------------------------ chunks of files on a disk
def readers_of(library, folder):
    """Return the readers of a library for the table in a folder, by name.

    Each yields frames of 100 rows with y in the last column.
    """
    module = pytest.importorskip(library)
    names = {"csv": "read_csv", "parquet": "read_parquet"}
    parts = {suffix: sorted(folder.glob(f"part-*.{suffix}")) for suffix in names}
    if library == "pandas":
        yield "chunks", lambda: module.read_csv(folder / "all.csv", chunksize=100)
    if library == "polars":
        lazy = module.scan_parquet(folder / "all.parquet")
        yield "slices", lambda: (lazy.slice(i, 100).collect() for i in (0, 100, 200))
    if library == "pyarrow":
        csv = pytest.importorskip("pyarrow.csv")
        parquet = pytest.importorskip("pyarrow.parquet")
        module = types.SimpleNamespace(
            read_csv=csv.read_csv, read_parquet=parquet.read_table
        )
        file = parquet.ParquetFile(folder / "all.parquet")
        yield "batches", lambda: file.iter_batches(100)
    for suffix, name in names.items():
        if (library, suffix) == ("pandas", "parquet") and not find_spec("pyarrow"):
            continue  # its unit of reading
        read = getattr(module, name)
        yield suffix, lambda paths=parts[suffix], read=read: map(read, paths)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Return the digits in memory, and a folder with them in one file and in parts."""
    polars = pytest.importorskip("polars")
    folder = tmp_path_factory.mktemp("digits")
    X, y = load_digits(return_X_y=True)
    X = np.sqrt(X[:300] / 7)  # numbers that need all of their digits
    names = [f"x{i}" for i in range(64)]
    frame = polars.DataFrame(X, names, orient="row").with_columns(digit=y[:300])
    parts = {f"part-{i}": frame[100 * i : 100 * i + 100] for i in range(3)}
    for name, part in {"all": frame, **parts}.items():
        part.write_csv(folder / f"{name}.csv")
        part.write_parquet(folder / f"{name}.parquet")
    return X, y[:300], names, folder


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_chunks_of_files_have_the_bits_of_arrays(digits, library):
    """Test each reader with partial_fit and with fit_batches."""
    X, y, names, folder = digits
    params = SMALL | {"random_state": 0, "shuffle": False, "batch_size": 100}
    in_parts, whole = MLPClassifier(**params), MLPClassifier(**params).fit(X, y)
    for i in (0, 100, 200):
        in_parts.partial_fit(X[i : i + 100], y[i : i + 100], classes=range(10))

    n_ways = 0
    for way, read in readers_of(library, folder):
        model, n_ways = MLPClassifier(**params), n_ways + 1
        for frame in read():
            chunk = frame[names] if library == "pandas" else frame.select(names)
            model.partial_fit(chunk, frame["digit"], classes=range(10))
        assert_array_equal(model.coefs_[0], in_parts.coefs_[0], way)

        def batches(read=read):
            for frame in read():
                chunk = frame[names] if library == "pandas" else frame.select(names)
                yield chunk, frame["digit"]

        model = MLPClassifier(**params).fit_batches(batches)
        assert model.loss_curve_ == whole.loss_curve_, way
        assert_array_equal(model.coefs_[0], whole.coefs_[0], way)
    assert n_ways >= 2


# ---------------------------------------------------------------------- a whole process
# RLIMIT_DATA limits private writable memory, which cannot exceed the machine's memory.
# A file that is mapped read-only counts for RLIMIT_AS only, which would forbid to map
# it at all.
CHILD = """
import re, resource, sys, threading, time, warnings
import numpy as np
from pybackprop import MLPRegressor

folder, n_rows, n_features, room, ways = *sys.argv[1:2], *map(eval, sys.argv[2:])
warnings.simplefilter("ignore")
X = np.memmap(folder + "/X", np.float32, "r", shape=(n_rows, n_features))
y = np.memmap(folder + "/y", np.float32, "r", shape=n_rows)


def mb(name):
    with open("/proc/self/status") as status:
        return int(re.search(name + r":\\s*(\\d+)", status.read())[1]) / 1024


def watch():
    global peak
    while not is_over.wait(0.002):
        peak = max(peak, mb("RssAnon"))


small = {"hidden_layer_sizes": (4,), "batch_size": 1024, "max_iter": 1}
for way in ways:
    MLPRegressor(**small | way).fit(X[:5000], y[:5000])  # loads libraries and threads
peak, is_over = 0, threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
limit = int((mb("VmData") + room) * 2**20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    for way in ways:
        model = MLPRegressor(**small | way)
        for n in (n_rows // 4, n_rows):
            time.sleep(0.01)
            peak = before = mb("RssAnon")
            model.fit(X[:n], y[:n])
            print(limit / 2**20, X[:n].nbytes / 2**20, peak - before, model.loss_)
except MemoryError:
    print("MemoryError")
finally:
    is_over.set()
    watcher.join()
"""
N_ROWS, N_FEATURES = 2**21, 128  # 1 GB
ROOM = 24  # MB


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write sparse files of 1 GB that take some MB on the disk; most rows are 0."""
    folder = tmp_path_factory.mktemp("holes")
    rows = np.random.RandomState(0).standard_normal((1024, N_FEATURES))
    rows = rows.astype(np.float32)
    y = rows[:, :20].sum(axis=1)
    for name, array in (("X", rows), ("y", y)):
        with open(folder / name, "wb") as file:
            file.truncate(array[:1].nbytes * N_ROWS)
            for start in range(0, N_ROWS, N_ROWS // 64):
                file.seek(array[:1].nbytes * start)
                array.tofile(file)
    yield folder
    shutil.rmtree(folder)


def fits_within_limit(folder, ways):
    """Return the output of a process with a memory limit of ROOM above its start."""
    arguments = [str(folder), *map(repr, (N_ROWS, N_FEATURES, ROOM, ways))]
    return subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def knows_private_memory():
    try:
        return re.search("RssAnon", Path("/proc/self/status").read_text()) is not None
    except OSError:
        return False


linux = pytest.mark.skipif(
    not knows_private_memory(), reason="this system does not tell private memory apart"
)


@linux
@pytest.mark.slow
@pytest.mark.feature("Datasets larger than memory", "np.load('X.npy', mmap_mode='r')")
@pytest.mark.promise(
    "Memory",
    "A process limited to 24 MB more than it uses after its imports can fit a dataset"
    " of 1 GB, and uses no more memory for it than for a quarter of the dataset.",
)
def test_a_table_many_times_the_limit_is_fitted(folder):
    ways = [*WAYS.values(), {"shuffle": True}]
    *lines, last = fits_within_limit(folder, ways)
    for short, long in zip(lines[:6:2], lines[1:6:2], strict=True):
        (_, _, peak_of_short, _), (limit, size, peak, loss) = (
            map(float, line.split()) for line in (short, long)
        )
        assert size > 3 * limit and np.isfinite(loss)
        assert peak - peak_of_short < 4  # MB, where 8 bytes per row are 12 MB
    # An order of all rows exceeds the limit at one of these lengths.
    assert last == "MemoryError" and len(lines) >= 2 * len(WAYS)
