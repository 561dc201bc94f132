"""Tests the input and output of Network, and that memory layout does not matter."""

import numpy as np
import pytest
import scipy.sparse

from pybackprop import Network
from support.internals import Samples


@pytest.fixture
def net():
    return Network(
        [5, 7, 3],
        activation="tanh",
        output_activation="softmax",
        loss="log_loss",
        alpha=0.1,
        random_state=0,
    )


@pytest.fixture
def data():
    rng = np.random.RandomState(1)
    X = rng.uniform(-1, 1, size=(600, 5)) * (rng.rand(600, 5) < 0.4)
    return X, np.eye(3)[rng.randint(3, size=600)]


def bits(net, X, y, weights=None):
    trace = net.backprop(X, y, weights)
    gradients = trace.coef_grads + trace.intercept_grads
    return np.concatenate([[trace.loss], *(g.ravel() for g in gradients)])


def strided(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan)
    view = wide[::-2, ::3]
    view[...] = X
    return view


def misaligned(array):
    buffer = bytearray(array.nbytes + 1)
    first = np.frombuffer(buffer, np.uint8).ctypes.data
    view = np.frombuffer(buffer, array.dtype, array.size, 1 - first % 2)
    view = view.reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def misaligned_csr(X):
    X = scipy.sparse.csr_matrix(X)
    X.indptr = X.indptr.astype(np.int64)
    X.data, X.indices, X.indptr = map(misaligned, (X.data, X.indices, X.indptr))
    return X


LAYOUTS = {
    "column-major": np.asfortranarray,
    "strides, backwards": strided,
    "odd addresses": misaligned,
    "CSR at odd addresses": misaligned_csr,
    "read-only": lambda X: (X.setflags(write=False), X)[1],
    "a list": lambda X: X.tolist(),
    "CSR": scipy.sparse.csr_matrix,
    "CSR array": scipy.sparse.csr_array,
    "CSC": scipy.sparse.csc_matrix,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_a_table_does_not_change_a_bit(net, data, layout):
    X, y = data
    reference = bits(net, X.copy(), y)
    np.testing.assert_array_equal(bits(net, LAYOUTS[layout](X.copy()), y), reference)
    np.testing.assert_array_equal(
        net.predict(LAYOUTS[layout](X.copy())), net.predict(X)
    )


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if "CS" not in name])
def test_the_layout_of_targets_does_not_change_a_bit(net, data, layout):
    X, y = data
    np.testing.assert_array_equal(
        bits(net, X, LAYOUTS[layout](y.copy())), bits(net, X, y)
    )


def test_targets_and_weights_at_odd_addresses(net, data):
    X, y = data
    weights = np.arange(1.0, len(X) + 1)
    np.testing.assert_array_equal(
        bits(net, X, misaligned(y), misaligned(weights)), bits(net, X, y, weights)
    )


def test_unsorted_and_duplicate_column_indices_are_corrected_in_a_copy(net):
    X = scipy.sparse.csr_matrix(
        (np.array([1.0, 2.0, 3.0, 4.0]), [3, 0, 3, 1], [0, 3, 4]), shape=(2, 5)
    )
    before = X.indices.copy()
    np.testing.assert_array_equal(net.predict(X), net.predict(X.toarray()))
    np.testing.assert_array_equal(X.indices, before)


def test_unsorted_columns_train_like_sorted_columns():
    """Test enough features for several ranges, each of which searches its columns."""
    rng = np.random.RandomState(2)
    X = scipy.sparse.csr_matrix(rng.rand(20, 700) * (rng.rand(20, 700) < 0.1))
    y = rng.rand(20, 1)
    net = Network([700, 3, 1], random_state=0)
    expected = bits(net, X.copy(), y)
    for row in range(20):
        of_row = slice(*X.indptr[row : row + 2])
        shuffled = of_row.start + rng.permutation(of_row.stop - of_row.start)
        X.indices[of_row], X.data[of_row] = X.indices[shuffled], X.data[shuffled]
    X.has_sorted_indices = False
    np.testing.assert_array_equal(bits(net, X, y), expected)


def test_a_row_has_the_bits_alone_that_it_has_in_a_table(net, data):
    X, _ = data
    table = net.predict(X)
    for i in [0, 1, 255, 256, 599]:
        np.testing.assert_array_equal(net.predict(X[i : i + 1])[0], table[i])


def test_forward_is_the_first_half_of_backprop(net, data):
    X, y = data
    forward, whole = net.forward(X), net.backprop(X, y)
    for ours, theirs in [(forward.z, whole.z), (forward.a, whole.a)]:
        for layer, reference in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(layer, reference)
    np.testing.assert_array_equal(forward.a[-1], net.predict(X))
    logits = net.core.predict(net.parameters, Samples(X, net.dtype), True)
    np.testing.assert_array_equal(forward.z[-1], logits)


def test_an_array_assigned_to_a_view_is_copied(net, data):
    X, y = data
    other = Network([5, 7, 3], activation="tanh", random_state=3)
    expected = bits(net, X, y)
    for use in (lambda: net.predict(X[:1]), lambda: net.objective(X, y)):
        net.coefs[1] = np.asfortranarray(other.coefs[1])
        net.intercepts = [b + 1 for b in net.intercepts]
        use()
        np.testing.assert_array_equal(net.coefs[1], other.coefs[1])
        assert net.core.are_views(net.parameters, net.coefs, net.intercepts)
        assert not np.array_equal(bits(net, X, y), expected)
        expected = bits(net, X, y)
    net.coefs[1] = np.zeros((3, 3))
    with pytest.raises(ValueError, match=r"coefs\[1\] must have 7 rows"):
        net.predict(X)
    net.coefs = other.coefs[:1]
    with pytest.raises(ValueError, match="one array per layer"):
        net.objective(X, y)


def test_assigned_parameters_are_visible_in_the_views(net):
    vector = net.parameters
    net.parameters = np.arange(len(vector))
    assert net.parameters is vector
    assert net.coefs[0][0, 1] == 1 and net.intercepts[-1][-1] == len(vector) - 1
    net.parameters *= 2
    assert net.coefs[0][0, 1] == 2
    with pytest.raises(ValueError, match=r"must have the shape \(66,\). Got \(3,\)"):
        net.parameters = [1, 2, 3]


def test_one_row_is_predicted_as_in_a_table(net, data):
    X, _ = data
    for row in (X[:1], X[:1].tolist(), scipy.sparse.csr_array(X[:1])):
        np.testing.assert_array_equal(net.predict(row), net.predict(X)[:1])
    with pytest.raises(ValueError, match="X must have 5 features. Got 4"):
        net.predict(X[:1, :4])
    with pytest.raises(ValueError, match="X contains NaN"):
        net.predict(np.full((1, 5), np.nan))


def test_coefs_and_intercepts_are_writable_views_of_one_vector(net, data):
    X, _ = data
    net.coefs[0][...] = 0
    net.intercepts[1][:] = [0, np.log(2), np.log(5)]
    net.coefs[1][...] = 0
    np.testing.assert_allclose(net.predict(X[:1])[0], [1 / 8, 2 / 8, 5 / 8], rtol=1e-15)
    assert net.parameters.shape == (5 * 7 + 7 * 3 + 7 + 3,)
    assert np.count_nonzero(net.parameters) == 7 + 2


def test_from_parameters_shares_matching_arrays_and_copies_others(net):
    functions = {"activation": "tanh", "output_activation": "softmax"}
    shared = Network.from_parameters(net.coefs, net.intercepts, **functions)
    assert shared.parameters is net.parameters
    foreign = [W.copy() for W in net.coefs]
    copied = Network.from_parameters(foreign, net.intercepts, **functions)
    assert not np.shares_memory(copied.parameters, net.parameters)
    np.testing.assert_array_equal(copied.parameters, net.parameters)
    # The first array is still a view, another is not: old values must not be used.
    mixed = Network.from_parameters(
        [net.coefs[0], 2 * net.coefs[1]], net.intercepts, **functions
    )
    np.testing.assert_array_equal(mixed.coefs[1], 2 * net.coefs[1])
    transposed = Network.from_parameters(
        [net.coefs[0], np.asfortranarray(net.coefs[1])], net.intercepts, **functions
    )
    np.testing.assert_array_equal(transposed.parameters, net.parameters)


def test_replace_changes_given_parameters_and_keeps_the_rest(net, data):
    X, y = data
    other = net.replace(alpha=0.0)
    assert other.parameters is net.parameters
    assert repr(other) == repr(net).replace("alpha=0.1", "alpha=0.0")
    assert other.objective(X, y) < net.objective(X, y)
    copied = net.replace(copy=True)
    np.testing.assert_array_equal(copied.parameters, net.parameters)
    assert not np.shares_memory(copied.parameters, net.parameters)
    narrow = net.replace(dtype="float32", intercepts=[np.ones(7), np.ones(3)])
    assert narrow.dtype == np.float32 and net.dtype == np.float64
    np.testing.assert_array_equal(narrow.coefs[0], net.coefs[0].astype(np.float32))
    np.testing.assert_array_equal(narrow.intercepts[1], np.ones(3))
    deeper = net.replace(
        coefs=[net.coefs[0], np.eye(7), net.coefs[1]],
        intercepts=[net.intercepts[0], np.zeros(7), net.intercepts[1]],
    )
    assert deeper.layer_sizes == (5, 7, 7, 3)


def test_replace_keeps_the_parameter_of_a_loss_and_drops_it_with_the_loss():
    huber = Network([2, 1], loss="huber", loss_parameter=0.1, dtype="float32")
    assert huber.replace(alpha=1.0).loss_parameter == huber.loss_parameter
    assert huber.replace(loss_parameter=2.0).loss_parameter == 2
    assert huber.replace(loss="squared_error").loss_parameter is None
    # In float64 the threshold has the value that the float32 core computes with.
    assert huber.replace(dtype="float64").loss_parameter == float(np.float32(0.1))
    X, y = np.array([[0.3, -1.2]]), np.array([0.7])
    wide = huber.replace(dtype="float64")
    assert wide.objective(X, y) == pytest.approx(huber.objective(X, y), rel=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"dtype": "float16"}, ValueError, "dtype must be 'float64' or 'float32'"),
        ({"dtype": "no type"}, ValueError, "dtype must be.*Got 'no type'"),
        ({"loss": "nonsense"}, ValueError, "loss must be one of"),
        ({"coefs": [np.eye(5)]}, ValueError, "one array per layer"),
        ({"layer_sizes": [5, 3]}, TypeError, "layer_sizes"),
    ],
)
def test_replace_refuses_invalid_parameters(net, change, error, message):
    with pytest.raises(error, match=message):
        net.replace(**change)


def test_the_gradient_of_a_large_batch_is_a_tree_of_blocks_of_256_rows():
    # With one weight, dF/dw is the sum of x * delta in the documented order.
    net = Network([1, 1])
    net.parameters[:] = [0.7, 0.0]
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((1100, 1)), rng.standard_normal((1100, 1))
    delta = net.backprop(X, y).delta[0]

    def chain(rows):
        total = 0.0
        for x, d in zip(X[rows, 0], delta[rows, 0], strict=True):
            # exact product in extended precision, rounded once: a fused multiply-add
            total = float(np.longdouble(x) * np.longdouble(d) + np.longdouble(total))
        return total

    sums = [chain(slice(i, i + 256)) for i in range(0, 1100, 256)]
    expected = (((sums[0] + sums[1]) + (sums[2] + sums[3])) + sums[4]) / 1100
    computed = net.gradients(X, y)[0][0][0, 0]
    assert computed == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "softmax"}, "activation must be one of"),
        ({"activation": "nonsense"}, "activation must be one of"),
        ({"output_activation": "nonsense"}, "output_activation must be one of"),
        ({"loss": "nonsense"}, "loss must be one of"),
        ({"alpha": -1.0}, "alpha must be"),
        ({"alpha": np.nan}, "alpha must be"),
        ({"layer_sizes": [3]}, "layer_sizes must be"),
        ({"layer_sizes": [3, 0]}, "layer_sizes must be"),
        ({"layer_sizes": [2**62, 2**62]}, "sizes"),
        ({"layer_sizes": [2**70, 1]}, "layer sizes must be at most"),
        ({"dtype": "float16"}, "dtype must be"),
    ],
)
def test_invalid_parameters_of_a_network_are_named(change, message):
    with pytest.raises((ValueError, TypeError, OverflowError), match=message):
        Network(**{"layer_sizes": [3, 2], **change})


@pytest.mark.parametrize(
    ("X", "y", "weights", "message"),
    [
        (np.zeros((2, 4)), np.eye(3)[:2], None, "X must have 5 features"),
        (np.zeros((2, 5)), np.eye(3), None, "y must have the shape"),
        (np.zeros((2, 5)), np.zeros((2, 3)), None, "sum to 1"),
        (np.zeros((2, 5)), np.full((2, 3), -1.0), None, "from 0 to 1"),
        (np.full((2, 5), np.nan), np.eye(3)[:2], None, "NaN"),
        (np.zeros((2, 5)), np.eye(3)[:2], [1.0], "sample_weight must have the shape"),
        (np.zeros((2, 5)), np.eye(3)[:2], [-1.0, 1], "sample_weight must be >= 0"),
        (np.zeros((2, 5)), np.eye(3)[:2], [0.0, 0], "sample_weight must not be zero"),
    ],
)
def test_invalid_data_is_named(net, X, y, weights, message):
    with pytest.raises(ValueError, match=message):
        net.backprop(X, y, weights)


def test_a_corrupted_sparse_matrix_is_refused_before_it_is_read(net):
    for name, values in [
        ("indices", [0, 7]),
        ("indices", [0, -1]),
        ("indptr", [0, 2, 1]),
        ("indptr", [0, 1, 9]),
        ("indptr", [1, 1, 2]),
        ("data", [1.0]),
    ]:
        X = scipy.sparse.csr_matrix(np.eye(5)[:2])
        setattr(X, name, np.array(values, dtype=getattr(X, name).dtype))
        with pytest.raises(ValueError, match="X is a corrupted CSR matrix"):
            net.predict(X)


def test_its_repr_creates_an_equal_network():
    for net in (
        Network([5, 7, 3], loss="huber", loss_parameter=0.5, dtype="float32"),
        Network([5, 4, 4, 1], activation=["tanh", "relu"], alpha=[0.1, 0.2, 0.0]),
    ):
        text = repr(net)
        assert text.startswith(f"Network({list(net.layer_sizes)}, activation=")
        assert repr(eval(text)) == text
