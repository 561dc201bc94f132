"""Tests that sparse tables with inconsistent arrays are refused before use."""

import numpy as np
import pytest
import scipy.sparse

from pybackprop import MLPClassifier, MLPRegressor, Network
from support.processes import run_python

N_ROWS, N_FEATURES = 24, 7
DENSE = np.random.RandomState(0).normal(size=(N_ROWS, N_FEATURES))
DENSE[np.random.RandomState(1).uniform(size=DENSE.shape) < 0.4] = 0
DENSE[5] = 0
CODES = np.arange(N_ROWS) % 3
LABELS = scipy.sparse.csr_array((DENSE[:, :3] > 0).astype(int))
SETTINGS = {"hidden_layer_sizes": 5, "max_iter": 2, "random_state": 0}
CONTAINERS = [
    scipy.sparse.csr_array,
    scipy.sparse.csr_matrix,
    scipy.sparse.csc_array,
    scipy.sparse.csc_matrix,
]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def one_past_the_last(X):
    """Return the smallest column of CSR, or row of CSC, that is too large."""
    return X.shape[1] if X.format == "csr" else X.shape[0]


def with_value(name, place, value):
    def corrupt(X):
        array = getattr(X, name).copy()
        array[place] = value(X) if callable(value) else value
        setattr(X, name, array)

    named = value.__name__ if callable(value) else value
    corrupt.__name__ = f"{name}[{place}]={named}"
    return corrupt


def with_array(name, change):
    def corrupt(X):
        setattr(X, name, change(getattr(X, name)))

    corrupt.__name__ = f"{name} changed"
    return corrupt


def with_shape(change):
    def corrupt(X):
        X._shape = change(*X.shape)

    return corrupt


CORRUPTIONS = [
    with_value("indices", 0, -1),
    with_value("indices", 3, 2**31 - 1),
    with_value("indices", -1, one_past_the_last),
    with_value("indptr", 0, 1),
    with_value("indptr", 0, -1),
    with_value("indptr", 2, 10**6),
    with_value("indptr", 3, 0),
    with_value("indptr", -1, 10**9),
    with_value("indptr", -1, -1),
    with_array("indptr", lambda a: a[:-1]),
    with_array("indptr", lambda a: np.append(a, a[-1])),
    with_array("indptr", lambda a: a[:0]),
    with_array("indptr", lambda a: a.astype(float)),
    with_array("indptr", lambda a: a.astype(np.uint32)[::-1].copy()),
    with_array("indptr", lambda a: a.reshape(-1, 1)),
    with_array("indptr", lambda a: None),
    with_array("indices", lambda a: a[:-1]),
    with_array("indices", lambda a: a.astype(float)),
    with_array("indices", lambda a: a.astype(object)),
    with_array("indices", lambda a: a.astype(np.int64) + 2**32),
    with_array("indices", lambda a: a.reshape(-1, 1)),
    with_array("indices", lambda a: None),
    with_array("data", lambda a: a[:-1]),
    with_array("data", lambda a: a[:0]),
    with_array("data", lambda a: a.reshape(1, -1)),
    with_array("data", lambda a: None),
    with_shape(lambda n, m: (n + 1, m + 1)),
    with_shape(lambda n, m: (n - 1, m - 1)),
    with_shape(lambda n, m: (m, n)),
    with_shape(lambda n, m: (-n, m)),
    with_shape(lambda n, m: (n,)),
    with_shape(lambda n, m: (n, m, 1)),
    with_shape(lambda n, m: None),
]
NOT_COMPRESSED = {
    "coo": [
        with_array("row", lambda a: a + 10**8),
        with_array("col", lambda a: a - 10),
        with_array("col", lambda a: a[:-1]),
        with_array("data", lambda a: a[:-1]),
        with_shape(lambda n, m: (n - 1, m)),
    ],
    "bsr": [
        with_array("indices", lambda a: a + 10**8),
        with_array("indptr", lambda a: a * 10**6),
        with_array("indptr", lambda a: a[::-1].copy()),
        with_array("data", lambda a: a[:-1]),
    ],
    "lil": [
        with_array("rows", lambda a: np.array([[10**8]] * len(a) + [0], object)[:-1]),
        with_array("data", lambda a: a[:-1]),
        with_shape(lambda n, m: (n, 1)),
    ],
    "dok": [with_shape(lambda n, m: (n, 1)), with_shape(lambda n, m: (1, m))],
    "dia": [
        with_array("data", lambda a: a[:1]),
        with_array("offsets", lambda a: None),
        with_shape(lambda n, m: (-n, m)),
    ],
}
CASES = [(make, corrupt) for make in CONTAINERS[::2] for corrupt in CORRUPTIONS]
CASES += [
    (getattr(scipy.sparse, f"{name}_{kind}"), corrupt)
    for name, corruptions in NOT_COMPRESSED.items()
    for kind in ("array", "matrix")
    for corrupt in corruptions[: None if kind == "array" else 1]
]


def corrupted(make, corrupt, dense=DENSE):
    table = make(dense)
    corrupt(table)
    return table


@pytest.fixture(scope="module")
def fitted():
    several = MLPClassifier(**SETTINGS).fit(DENSE, LABELS)
    return MLPClassifier(**SETTINGS).fit(DENSE, CODES), several


def calls_with(X, model):
    """Return every call that takes a table."""
    new = MLPClassifier(**SETTINGS)
    yield lambda: new.fit(X, CODES)
    yield lambda: new.partial_fit(X, CODES, classes=[0, 1, 2])
    yield lambda: new.fit(DENSE, CODES, X_val=X, y_val=CODES)
    yield lambda: MLPRegressor(**SETTINGS, solver="lbfgs").fit(X, DENSE[:, 0])
    for method in ("predict", "activations"):
        yield lambda method=method: getattr(model, method)(X)
    yield lambda: model.score(X, CODES)
    network = Network((N_FEATURES, 3, 1))
    yield lambda: network.predict(X)
    yield lambda: network.forward(X)
    yield lambda: network.backprop(X, DENSE[:, 0])


def refuse_everywhere(model, numbers):
    for make, corrupt in [CASES[number] for number in numbers]:
        X = corrupted(make, corrupt)
        for call in calls_with(X, model):
            with pytest.raises(ValueError, match=r"X is a corrupted [A-Z]{3} matrix: "):
                call()


@pytest.mark.promise(
    "No input kills the interpreter",
    "A sparse matrix with inconsistent arrays is refused with a ValueError before "
    "SciPy or the core follows its indices, in any format and in every method.",
)
@pytest.mark.slow
def test_a_corrupted_table_is_refused_by_every_method(drawn):
    """Run in a separate process, since a crash would end it."""
    # A sample has every corruption in one compressed format, and some in other formats.
    makes = drawn(CONTAINERS[::2], 1)
    numbers = [i for i, (make, _) in enumerate(CASES) if make in makes]
    numbers += drawn(
        [i for i, (make, _) in enumerate(CASES) if make not in CONTAINERS], 8
    )
    program = (
        "import test_corrupted_tables as t\n"
        "model = t.MLPClassifier(**t.SETTINGS).fit(t.DENSE, t.CODES)\n"
        f"t.refuse_everywhere(model, {numbers})\n"
        "print('refused')"
    )
    result = run_python(program)
    assert result.stdout.strip() == "refused", result.stderr


@pytest.mark.parametrize("make", CONTAINERS, ids=lambda make: make.__name__)
def test_a_corrupted_table_leaves_the_model_as_it_was(make, fitted):
    model, _ = fitted
    before = model.predict_proba(DENSE)
    for corrupt in CORRUPTIONS:
        with pytest.raises(ValueError, match="X is a corrupted CS[RC] matrix"):
            model.fit(corrupted(make, corrupt), CODES)
    np.testing.assert_array_equal(model.predict_proba(DENSE), before)


@pytest.mark.promise(
    "No input kills the interpreter",
    "An inconsistent sparse multilabel y is refused like an inconsistent X.",
)
@pytest.mark.parametrize("make", CONTAINERS, ids=lambda make: make.__name__)
def test_corrupted_labels_are_refused(make, fitted):
    _, several = fitted
    for corrupt in CORRUPTIONS:
        y = corrupted(make, corrupt, LABELS.toarray())
        for call in (
            lambda y=y: MLPClassifier(**SETTINGS).fit(DENSE, y),
            lambda y=y: MLPClassifier(**SETTINGS).partial_fit(DENSE, y),
            lambda y=y: several.fit(DENSE, LABELS, X_val=DENSE, y_val=y),
            lambda y=y: several.score(DENSE, y),
        ):
            with pytest.raises(ValueError, match="y is a corrupted CS[RC] matrix"):
                call()


# --------------------------------------------------------- unusual but valid tables
def expected_weights(X=DENSE):
    return MLPClassifier(**SETTINGS).fit(scipy.sparse.csr_array(X), CODES).coefs_


def assert_fits_the_same(X):
    before = [getattr(X, name).copy() for name in ("data", "indices", "indptr")]
    model = MLPClassifier(**SETTINGS).fit(X, CODES)
    for a, b in zip(model.coefs_, expected_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        model.predict_proba(X), model.predict_proba(scipy.sparse.csr_array(DENSE))
    )
    for name, array in zip(("data", "indices", "indptr"), before, strict=True):
        np.testing.assert_array_equal(getattr(X, name), array)


def backwards(make):
    """Reverse the order of the indices in each row or column."""
    X = make(DENSE)
    for start, end in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        X.indices[start:end] = X.indices[start:end][::-1].copy()
        X.data[start:end] = X.data[start:end][::-1].copy()
    return X


def in_halves(make):
    """Store each value as two halves with the same index."""
    X = make(DENSE)
    halves = (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr)
    return make(halves, shape=X.shape)


@pytest.mark.promise(
    "No silently wrong results",
    "Sparse matrices with unsorted or duplicate indices give the same results as "
    "their sorted, summed form and are not modified, even if their flags claim "
    "canonical form.",
)
@pytest.mark.parametrize("lie", [False, True])
@pytest.mark.parametrize("disorder", [backwards, in_halves])
@pytest.mark.parametrize("make", CONTAINERS, ids=lambda make: make.__name__)
def test_flags_of_a_sparse_table_are_not_trusted(make, disorder, lie):
    X = disorder(make)
    if lie:
        X.has_sorted_indices = X.has_canonical_format = True
    assert_fits_the_same(X)


@pytest.mark.parametrize("make", CONTAINERS, ids=lambda make: make.__name__)
def test_other_arrays_with_the_same_numbers_give_the_same_fit(make):
    X = make(DENSE)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    assert_fits_the_same(X)
    X.indices, X.indptr = X.indices.astype(np.uint16), X.indptr.astype(np.uint64)
    assert_fits_the_same(X)
    X = make(DENSE)
    X.data = np.repeat(X.data, 2)[::2]
    X.indices = np.repeat(X.indices, 2)[::2]
    for array in (X.data, X.indices, X.indptr):
        array.setflags(write=False)
    assert_fits_the_same(X)
    # More memory than values
    X.data, X.indices = np.append(X.data, np.nan), np.append(X.indices, -1)
    assert_fits_the_same(X)


@pytest.mark.parametrize("name", ["coo", "bsr", "lil", "dok", "dia"])
def test_tables_in_other_formats_give_the_same_fit(name):
    model = MLPClassifier(**SETTINGS)
    for kind in ("array", "matrix"):
        model.fit(getattr(scipy.sparse, f"{name}_{kind}")(DENSE), CODES)
        for a, b in zip(model.coefs_, expected_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_table_without_values_is_a_table_of_zeros():
    empty = scipy.sparse.csr_array((N_ROWS, N_FEATURES))
    model = MLPClassifier(**SETTINGS).fit(empty, CODES)
    dense = MLPClassifier(**SETTINGS).fit(np.zeros(empty.shape), CODES)
    np.testing.assert_array_equal(
        model.predict_proba(empty), dense.predict_proba(np.zeros(empty.shape))
    )


class Changing(scipy.sparse.csr_array):
    """A sparse table whose indptr changes after it was read once."""

    _reads = 0

    @property
    def indptr(self):
        self._reads += 1
        good = vars(self)["indptr_"]
        return good if self._armed and self._reads == 1 else good * 10**6

    @indptr.setter
    def indptr(self, value):
        vars(self)["indptr_"] = value

    _armed = False


def test_the_checked_arrays_are_the_used_arrays():
    X = scipy.sparse.csr_array(DENSE)
    X.__class__ = Changing
    X.indptr = np.array(X.__dict__.pop("indptr"))
    X._armed = True
    expected = Network((N_FEATURES, 3, 1), random_state=0).predict(DENSE)
    actual = Network((N_FEATURES, 3, 1), random_state=0).predict(X)
    np.testing.assert_array_equal(actual, expected)
    with pytest.raises(ValueError, match="X is a corrupted CSR matrix"):
        Network((N_FEATURES, 3, 1)).predict(X)


def test_too_many_features_are_named():
    for value in (0, 1):
        wide = scipy.sparse.csr_array(
            (np.ones(value), (np.zeros(value, int), np.full(value, 2**33))),
            shape=(1, 2**40),
        )
        with pytest.raises(ValueError, match="features"):
            MLPRegressor(**SETTINGS).fit(wide, [1.0])


def test_values_that_are_not_finite_are_refused():
    X = scipy.sparse.csr_array(DENSE)
    X.data[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        MLPClassifier(**SETTINGS).fit(X, CODES)
