"""Tests arrays of every kind as every argument: the same bits, or an exception.

The cases combine kinds of arrays (type, memory, layout) with arguments. Each either
gives the results of a plain float64 array, bit for bit, or raises an exception that
names the argument and the fault.
"""

import re
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
import scipy.sparse
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from pybackprop import MLPClassifier, MLPRegressor, Network

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
    "ignore:X has feature names:UserWarning",
    "ignore:the matrix subclass:PendingDeprecationWarning",
    "ignore:overflow encountered in cast:RuntimeWarning",
)
N = 12
# Small integers are exact in every data type; a Hankel matrix can be a view of
# overlapping windows of one vector.
SERIES = np.arange(N + 2) * 5 % 7 + 1.0
X = sliding_window_view(SERIES, 3).copy()
Y = X[:, 0].copy()
WEIGHTS = X[:, 1].copy()
LABELS = np.arange(N) % 2


class Subclass(np.ndarray):
    pass


def unaligned(array):
    padded = np.empty(array.nbytes + 1, dtype=np.uint8)
    view = padded[1:].view(np.float64).reshape(array.shape)
    view[...] = array
    return view


def reverse_view(array):
    return array[::-1].copy()[::-1]


def gaps(array):
    wide = np.full([2 * n for n in array.shape], np.nan)
    wide[(slice(None, None, 2),) * array.ndim] = array
    return wide[(slice(None, None, 2),) * array.ndim]


def overlapping(array):
    if array.ndim == 1:
        start = 1 if np.array_equal(array, WEIGHTS) else 0
        return as_strided(SERIES[start:], (N,), SERIES.strides)
    return as_strided(SERIES, (N, 3), SERIES.strides * 2)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def memory_map(array, tmp_path):
    np.save(tmp_path / "array.npy", array)
    return np.load(tmp_path / "array.npy", mmap_mode="r")


def objects(array, kind):
    made = np.empty(array.shape, dtype=object)
    made.flat = [kind(value) for value in array.flat]
    return made


def frame(library, kind=None):
    def made(array):
        frames = pytest.importorskip(library)
        if array.ndim == 1:
            series = frames.Series(array)
            return series if kind is None else series.astype(kind)
        table = frames.DataFrame({f"x{i}": array[:, i] for i in range(array.shape[1])})
        return table if kind is None else table.astype(kind)

    return made


def sparse_columns(array):
    pd = pytest.importorskip("pandas")
    return frame("pandas", pd.SparseDtype("float64", 0))(array)


TAKEN = {
    "list": lambda a: a.tolist(),
    "tuple_of_rows": lambda a: tuple(a),
    "bool_like_int8": lambda a: a.astype(np.int8),
    "uint8": lambda a: a.astype(np.uint8),
    "int64": lambda a: a.astype(np.int64),
    "float16": lambda a: a.astype(np.float16),
    "long_double": lambda a: a.astype(np.longdouble),
    "other_byte_order": lambda a: a.astype(a.dtype.newbyteorder()),
    "other_byte_order_int": lambda a: a.astype(np.dtype(np.int32).newbyteorder()),
    "column_major": np.asfortranarray,
    "negative_strides": reverse_view,
    "gaps_of_nan": gaps,
    "overlapping": overlapping,
    "unaligned": unaligned,
    "read_only": read_only,
    "subclass": lambda a: a.view(Subclass),
    "masked_nowhere": lambda a: np.ma.array(a),
    "objects_of_floats": lambda a: objects(a, float),
    "objects_of_ints": lambda a: objects(a, int),
    "decimals": lambda a: objects(a, Decimal),
    "fractions": lambda a: objects(a, Fraction),
    "pandas": frame("pandas"),
    "pandas_int64_with_na": frame("pandas", "Int64"),
    "pandas_float32": frame("pandas", "Float32"),
    "pandas_objects": frame("pandas", object),
    "pandas_categories": frame("pandas", "category"),
    "pandas_sparse": sparse_columns,
    "polars": frame("polars"),
}


def masked_once(array):
    masked = np.ma.array(array)
    masked[1] = np.ma.masked
    return masked


def with_na(array):
    made = frame("pandas", "Int64")(array)
    made.iloc[1] = pytest.importorskip("pandas").NA
    return made


def with_null(array):
    pl = pytest.importorskip("polars")
    if array.ndim == 1:
        return pl.Series([None, *array[1:].tolist()])
    return pl.DataFrame({f"x{i}": [None, *array[1:, i]] for i in range(3)})


def one_date_among_numbers(array):
    if array.ndim == 1:
        return frame("pandas", "datetime64[s]")(array)
    made = frame("pandas")(array)
    made["x1"] = made["x1"].astype("datetime64[s]")
    return made


def one_string(array):
    made = objects(array, float)
    made.flat[4] = "4"
    return made


def with_complex_inside(array):
    return objects(array, np.complex128)


# Refused arrays, and the text of the message besides the name of the argument.
REFUSED = {
    "masked": (masked_once, "masked"),
    "dates": (lambda a: a.astype("datetime64[s]"), "dates"),
    "not_a_time": (lambda a: np.full(a.shape, "NaT", "datetime64[s]"), "dates"),
    "durations": (lambda a: a.astype("timedelta64[h]"), "durations"),
    "dates_in_a_column": (one_date_among_numbers, "dates"),
    "strings": (lambda a: a.astype(str), "strings"),
    "list_of_strings": (lambda a: a.astype(str).tolist(), "strings"),
    "bytes": (lambda a: a.astype("S4"), "strings"),
    "one_string_among_objects": (one_string, "strings"),
    "pandas_strings": (lambda a: frame("pandas", str)(a), "strings"),
    "structured": (lambda a: np.zeros(a.shape, dtype=[("a", float)]), "structured"),
    "records": (lambda a: np.rec.fromarrays([a], names="a"), "structured"),
    "complex_objects": (with_complex_inside, "complex"),
    "dates_in_objects": (
        lambda a: objects(a, lambda v: np.datetime64(int(v), "s")),
        "dates|no number",
    ),
    "beyond_float64": (
        lambda a: a.astype(np.longdouble) * np.longdouble("1e4000"),
        "infinity",
    ),
    "an_int_beyond_float64": (lambda a: objects(a, lambda v: 10**400), "must fit"),
    "na": (with_na, "NaN"),
    "null": (with_null, "NaN"),
    "a_dict": (lambda a: {0: 1.0}, "dict|number|dimension"),
    "a_set": (lambda a: {1.0, 2.0}, "set|number|dimension"),
    "a_generator": (lambda a: (v for v in a), "generator|number|dimension"),
    "a_string": (lambda a: "1.5", "strings"),
    "a_matrix": (np.matrix, "np.matrix|inconsistent"),
    "three_dimensions": (lambda a: a.reshape(-1, 1, 1), "dim|3|shape"),
    "no_rows": (lambda a: a[:0], "0 sample|inconsistent|shape"),
}
# scikit-learn's messages, which do not name the argument.
NAMELESS = {"a_dict", "a_set", "a_generator", "a_matrix", "three_dimensions", "no_rows"}


def fitted_bits(model):
    return [a.tobytes() for a in (*model.coefs_, *model.intercepts_)]


def regressor():
    return MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0)


def classifier():
    return MLPClassifier((3,), max_iter=2, random_state=0)


FITTED_REGRESSOR = regressor().fit(X, Y)
FITTED_CLASSIFIER = classifier().fit(X, LABELS)


def network():
    return Network((3, 3, 1), random_state=0)


def gradients(*args):
    coefs, intercepts = network().gradients(*args)
    return [a.tobytes() for a in (*coefs, *intercepts)]


# scikit-learn computes R2 of long doubles in long double.
IN_LONG_DOUBLE = {("long_double", "y of score"), ("beyond_float64", "y of score")}
# Its message says only that there are missing values.
WITHOUT_NAME = {("na", "y of score"), ("null", "y of score")}

# For each argument: the array, the argument's name, and a function of the array.
PLACES = {
    "X of fit": (X, "X", lambda a: fitted_bits(regressor().fit(a, Y))),
    "X of the classifier's fit": (
        X,
        "X",
        lambda a: fitted_bits(classifier().fit(a, LABELS)),
    ),
    "X of partial_fit": (X, "X", lambda a: fitted_bits(regressor().partial_fit(a, Y))),
    "y of fit": (Y, "y", lambda a: fitted_bits(regressor().fit(X, a))),
    "y of partial_fit": (Y, "y", lambda a: fitted_bits(regressor().partial_fit(X, a))),
    "sample_weight of fit": (
        WEIGHTS,
        "sample_weight",
        lambda a: fitted_bits(regressor().fit(X, Y, sample_weight=a)),
    ),
    "X_val": (
        X,
        "X",
        lambda a: regressor().fit(X, Y, X_val=a, y_val=Y).validation_loss_curve_,
    ),
    "y_val": (
        Y,
        "y",
        lambda a: regressor().fit(X, Y, X_val=X, y_val=a).validation_loss_curve_,
    ),
    "sample_weight_val": (
        WEIGHTS,
        "sample_weight_val",
        lambda a: (
            regressor()
            .fit(X, Y, X_val=X, y_val=Y, sample_weight_val=a)
            .validation_loss_curve_
        ),
    ),
    "X of predict": (X, "X", lambda a: FITTED_REGRESSOR.predict(a).tobytes()),
    "X of predict_proba": (
        X,
        "X",
        lambda a: FITTED_CLASSIFIER.predict_proba(a).tobytes(),
    ),
    "X of decision_function": (
        X,
        "X",
        lambda a: FITTED_CLASSIFIER.decision_function(a).tobytes(),
    ),
    "X of transform": (X, "X", lambda a: FITTED_REGRESSOR.transform(a).tobytes()),
    "X of score": (X, "X", lambda a: FITTED_REGRESSOR.score(a, Y)),
    "y of score": (Y, "y", lambda a: FITTED_REGRESSOR.score(X, a)),
    "sample_weight of score": (
        WEIGHTS,
        "sample_weight",
        lambda a: FITTED_REGRESSOR.score(X, Y, sample_weight=a),
    ),
    "X of Network.predict": (X, "X", lambda a: network().predict(a).tobytes()),
    "X of Network.gradients": (X, "X", lambda a: gradients(a, Y)),
    "y of Network.gradients": (Y, "y", lambda a: gradients(X, a)),
    "sample_weight of Network.loss": (
        WEIGHTS,
        "sample_weight",
        lambda a: network().objective(X, Y, a),
    ),
}


@cache
def from_plain(place):
    plain, _, compute = PLACES[place]
    return compute(plain)


@pytest.mark.promise(
    "No silently wrong results",
    "Numbers in any container that scikit-learn accepts (lists, data frames with "
    "their own types, objects such as Decimal, any byte order, stride, alignment or "
    "subclass) give the same bits as a plain float64 array.",
)
@pytest.mark.sampled(200)
@pytest.mark.parametrize(
    ("kind", "place"),
    # R2 of long doubles is computed in long double, with more digits.
    sorted(
        set(product([*TAKEN, "memory_map"], PLACES)) - {("long_double", "y of score")}
    ),
)
def test_numbers_of_any_kind_give_the_bits_of_a_plain_array(kind, place, tmp_path):
    plain, _, compute = PLACES[place]
    if kind == "memory_map":
        given = memory_map(plain, tmp_path)
    else:
        given = TAKEN[kind](plain)
    assert compute(given) == from_plain(place)


@pytest.mark.promise(
    "No silently wrong results",
    "Input that is not numeric raises an error that names it and is never converted "
    "silently: "
    "masked values, dates, durations, strings, structured and complex values, missing"
    " values of data frames, in X, y, weights, validation sets and scores.",
)
@pytest.mark.sampled(200)
@pytest.mark.parametrize(
    ("kind", "place"),
    sorted(set(product(REFUSED, PLACES)) - IN_LONG_DOUBLE),
)
def test_arrays_of_other_things_than_numbers_are_refused_by_name(kind, place):
    make, says = REFUSED[kind]
    plain, name, compute = PLACES[place]
    if kind in ("dates_in_a_column", "pandas_strings"):
        pytest.importorskip("pandas")
    with pytest.raises((ValueError, TypeError)) as caught:
        compute(make(plain))
    message = str(caught.value)
    assert re.search(says, message), message
    if kind not in NAMELESS and (kind, place) not in WITHOUT_NAME:
        assert re.search(rf"\b{name}\b", message), message


@pytest.mark.parametrize("place", [p for p in PLACES if PLACES[p][0] is X])
@pytest.mark.parametrize("bad", ["ragged", "one_dimension", "a_number", "no_columns"])
def test_arrays_of_other_dimensions_are_refused(place, bad):
    given = {
        "ragged": [[1.0, 2.0, 3.0]] * (N - 1) + [[1.0]],
        "one_dimension": Y,
        "a_number": np.array(1.0),
        "no_columns": X[:, :0],
    }[bad]
    with pytest.raises(ValueError, match="X must be an array|2D array|0 feature"):
        PLACES[place][2](given)


@pytest.mark.parametrize(
    "container",
    ["csr_array", "csc_array", "coo_array", "lil_array", "dok_array", "bsr_array"],
)
@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("place", ["X of predict", "X of Network.predict"])
def test_sparse_tables_of_any_format_and_type(place, dtype, container):
    _, _, compute = PLACES[place]
    given = getattr(scipy.sparse, container)(X).astype(dtype)
    assert compute(given) == compute(scipy.sparse.csr_array(X))


def test_rows_that_share_one_row_of_memory():
    """Test zero strides, as from broadcasting."""
    row, number = np.broadcast_to(X[3], X.shape), np.broadcast_to(2.5, N)
    assert fitted_bits(regressor().fit(row, number)) == fitted_bits(
        regressor().fit(row.copy(), number.copy())
    )
    expected = regressor().fit(X, Y).predict(row.copy())
    assert regressor().fit(X, Y).predict(row).tobytes() == expected.tobytes()


def test_ints_beyond_2_to_the_53_are_rounded_as_numpy_does():
    large = X.astype(np.int64) + 2**53
    assert fitted_bits(regressor().fit(large, Y)) == fitted_bits(
        regressor().fit(large.astype(np.float64), Y)
    )


def test_a_regression_refuses_sparse_targets():
    for y in (Y[:, np.newaxis], X):
        sparse = scipy.sparse.csr_array(y)
        with pytest.raises(TypeError, match=r"y must be dense.*toarray"):
            regressor().fit(X, sparse)
        with pytest.raises(TypeError, match=r"y must be dense"):
            regressor().fit(X, Y).partial_fit(X, sparse)


@pytest.mark.parametrize(
    "y", [Y[np.newaxis], Y[:-1], X[:, :, np.newaxis], np.float64(1.5)]
)
def test_targets_of_another_shape_are_refused(y):
    for model in (regressor(), classifier()):
        with pytest.raises((ValueError, TypeError)):
            model.fit(X, y)
