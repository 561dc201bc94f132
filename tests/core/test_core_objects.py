"""Tests that objects of the binding check their arguments and are initialized once."""

import copy
import pickle
import weakref

import numpy as np
import pytest
import scipy.sparse

from pybackprop import _core
from pybackprop._model.optimizer import Optimizer
from support.processes import run_python

SIZES = (3, 4, 2)
X = np.random.RandomState(0).normal(size=(6, 3))
Y = np.zeros((6, 2))
REFUSALS = (TypeError, ValueError, OverflowError, AttributeError, MemoryError)


def network(dtype=np.float64, sizes=SIZES, loss="squared_error"):
    hidden = ["tanh"] * (len(sizes) - 2)
    alpha = [0.0] * (len(sizes) - 1)
    return _core.Network(sizes, hidden, "identity", loss, alpha, dtype)


NET = network()
THETA = np.zeros(NET.n_parameters)


def optimizer(**attributes):
    made = Optimizer(
        "adam",
        NET.n_parameters,
        np.float64,
        schedule="constant",
        learning_rate_init=0.1,
        power_t=0.5,
        momentum=0.9,
        nesterov=True,
        beta_1=0.9,
        beta_2=0.99,
        epsilon=1e-8,
    )
    vars(made).update(attributes)
    return made


def training(theta=THETA, state=None):
    theta = theta.copy() if theta is THETA else theta
    state = optimizer() if state is None else state
    samples = _core.Samples(X, np.float64)
    targets = _core.Targets(Y, np.float64)
    return _core.Training(NET, theta, state, samples, targets, None, 3, 1)


def block_sums():
    samples, targets = _core.Samples(X, np.float64), _core.Targets(Y, np.float64)
    return _core.BlockSums(NET, samples, targets, None, 6, 1)


def all_objects():
    return {
        "Samples": _core.Samples(X, np.float64),
        "Targets": _core.Targets(Y, np.float64),
        "Network": network(),
        "Workspace": _core.objective_workspace(NET, 6, 1),
        "Trace": _core.Trace(NET, 6, {}),
        "Training": training(),
        "Solver": _core.Solver(NET, THETA.copy(), optimizer()),
        "BlockSums": block_sums(),
        "SmallBatchPredictor": _core.SmallBatchPredictor(NET, THETA),
        "LossFunction": _core.LossFunction(max, np.float64, 1),
        "Names": _core.Names(["relu"]),
    }


@pytest.mark.parametrize("name", [*all_objects(), "Interrupt"])
def test_no_object_is_made_without_arguments(name):
    kind = getattr(_core, name)
    if name == "Interrupt":
        kind.__new__(kind)  # which needs nothing
        return
    with pytest.raises(TypeError):
        kind.__new__(kind)
    with pytest.raises(TypeError):
        object.__new__(kind)
    with pytest.raises(TypeError):
        kind.__new__(kind, *[None] * 20)


@pytest.mark.parametrize("name", all_objects())
def test_an_object_cannot_be_rebuilt_copied_or_pickled(name):
    made = all_objects()[name]
    for copied in (copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))):
        with pytest.raises(TypeError):
            copied(made)
    for state in ((), (None,) * 9, {}, None):
        with pytest.raises((TypeError, AttributeError)):
            made.__setstate_cython__(state)


def test_a_second_init_changes_nothing():
    samples = _core.Samples(X, np.float64)
    before = NET.predict(THETA + 1, samples)
    for other in (np.zeros((10**6, 3), np.float32), np.zeros((9, 3)), None):
        samples.__init__(other, np.float64)
        assert (samples.n_rows, samples.n_features) == X.shape
    np.testing.assert_array_equal(NET.predict(THETA + 1, samples), before)


WRONG_ARRAYS = {
    "None": None,
    "a list": [0.0] * 26,
    "too short": THETA[:-1].copy(),
    "too long": np.zeros(27),
    "float32": THETA.astype(np.float32),
    "ints": THETA.astype(np.int64),
    "objects": THETA.astype(object),
    "swapped": THETA.astype(THETA.dtype.newbyteorder()),
    "strided": np.zeros(2 * len(THETA))[::2],
    "unaligned": np.zeros(8 * len(THETA) + 1, np.uint8)[1:].view(np.float64),
    "a table": THETA.reshape(1, -1),
    "of one": np.broadcast_to(np.zeros(1), THETA.shape),
}


@pytest.mark.parametrize("wrong", WRONG_ARRAYS, ids=str)
def test_a_bad_parameter_vector_is_refused(wrong):
    array = WRONG_ARRAYS[wrong]
    samples, targets = _core.Samples(X, np.float64), _core.Targets(Y, np.float64)
    for call in (
        lambda: NET.predict(array, samples),
        lambda: NET.forward(array, samples, {}),
        lambda: NET.objective(array, samples, targets),
        lambda: _core.SmallBatchPredictor(NET, array),
        lambda: training(theta=array),
        lambda: NET.are_views(array, [], []),
        lambda: _core.Solver(NET, array, optimizer()),
        lambda: _core.Solver(NET, THETA.copy(), optimizer()).take_step(
            array, 0, 1, True
        ),
        lambda: block_sums().add_up(array, None, THETA.copy(), 1.0),
        lambda: block_sums().add_up(THETA, None, array, 1.0),
        lambda: _core.finish_sums(NET, array, 1.0, 1.0, 1.0, THETA.copy()),
        lambda: _core.finish_sums(NET, THETA, 1.0, 1.0, 1.0, array),
    ):
        with pytest.raises(TypeError):
            call()
    if array is not None:
        with pytest.raises(TypeError):
            NET.objective(THETA, samples, targets, gradient=array)
        with pytest.raises((TypeError, AttributeError)):
            training(state=optimizer(states=np.asarray(array, dtype=object)))
        with pytest.raises(TypeError):
            NET.objective(THETA, samples, targets, weights=np.asarray(array))


def test_read_only_memory_is_not_written_to():
    frozen = THETA.copy()
    frozen.setflags(write=False)
    plane = np.zeros((6, 2))
    plane.setflags(write=False)
    z = np.zeros((1, 2))
    z.setflags(write=False)
    states = np.zeros((2, NET.n_parameters))
    states.setflags(write=False)
    samples, targets = _core.Samples(X, np.float64), _core.Targets(Y, np.float64)
    for call in (
        lambda: training(theta=frozen),
        lambda: training(state=optimizer(states=states)),
        lambda: NET.objective(THETA, samples, targets, gradient=frozen),
        lambda: _core.Solver(NET, frozen, optimizer()),
        lambda: block_sums().add_up(THETA, None, frozen, 1.0),
        lambda: _core.finish_sums(NET, THETA, 1.0, 1.0, 1.0, frozen),
        lambda: _core.Trace(NET, 6, {"a": [None, plane]}),
        lambda: _core.activate("relu", z, overwrite=True),
    ):
        with pytest.raises(TypeError, match="may be written to"):
            call()


def test_class_codes_beyond_the_outputs_are_refused():
    for codes in ([0, 1, 2, 0, 0, 0], [10**9, 0, 0, 0, 0, 0]):
        y = _core.Targets(np.array(codes, np.int32), np.float64)
        with pytest.raises(TypeError, match="codes"):
            NET.objective(THETA, _core.Samples(X, np.float64), y)
    with pytest.raises(TypeError, match="codes"):
        _core.Targets(np.array([0, -1], np.int32), np.float64)


def test_rows_that_end_beyond_the_values_are_refused():
    rows = scipy.sparse.csr_array(X)
    for name in ("data", "indices", "indptr"):
        cut = rows.copy()
        setattr(cut, name, getattr(cut, name)[:-1])
        with pytest.raises(TypeError):
            _core.Samples(cut, np.float64)
    with pytest.raises(TypeError):
        _core.Samples(rows.astype(np.float32), np.float64)


def test_functions_of_one_array_refuse_other_objects():
    for function in (_core.activate, _core.log_activate):
        for z in (np.zeros(3), np.zeros(()), np.zeros((1, 2, 3))):
            with pytest.raises(TypeError, match="2 dimensions"):
                function("relu", z)
        for z in (np.zeros((2, 2), int), np.zeros((2, 2), ">f8"), [[1 + 1j]], [["a"]]):
            with pytest.raises(TypeError):
                function("relu", z)
        for name in (None, 5, b"relu", "", "re\0lu", "\udc80"):
            with pytest.raises((TypeError, ValueError)):
                function(name, np.zeros((2, 2)))
    with pytest.raises(TypeError):
        _core.all_finite(np.array([np.nan], ">f8"))


def test_a_workspace_is_held_to_its_limits():
    for arguments in ((0, 0, 1), (1, 4, 1), (1, 77, 1), (1, 0, 0), (1, 0, 257)):
        with pytest.raises(ValueError):
            _core.Workspace(NET, *arguments)
    for arguments in ((-1, 0, 1), (2**64, 0, 1), (1, 0, -1), (1, -5, 1)):
        with pytest.raises((OverflowError, ValueError)):
            _core.Workspace(NET, *arguments)
    others = _core.objective_workspace(network(), 6, 1)
    samples = _core.Samples(X, np.float64)
    with pytest.raises(ValueError):
        NET.predict(THETA, samples, workspace=others)
    with pytest.raises(ValueError):
        NET.objective(
            THETA,
            samples,
            _core.Targets(Y, np.float64),
            workspace=_core.prediction_workspace(NET, 6, 1),
        )


@pytest.mark.parametrize(
    "sizes",
    [(), (3,), (3, 0, 2), (3, -1, 2), (3, "4", 2), (3, None, 2), None, 5]
    + [(3, 2**n, 2) for n in (60, 61, 62, 63, 64)]
    + [(2**32, 2**32, 1), (2**32 + 1, 2**32 - 1, 1), (2**30,) * 3],
    ids=str,
)
def test_sizes_that_are_not_ints_or_do_not_fit_are_refused(sizes):
    n_hidden = max(len(sizes) - 2, 0) if isinstance(sizes, tuple) else 0
    hidden, alpha = ["relu"] * n_hidden, [0.0] * (n_hidden + 1)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        _core.Network(sizes, hidden, "identity", "squared_error", alpha, "f8")


def test_layers_of_a_trace_are_arrays_and_are_held():
    class Duck:
        shape, dtype, flags = (6, 2), np.dtype(np.float64), np.zeros(1).flags

    for layers in ([None, Duck()], [None, [[0.0] * 2] * 6], [None], [None] * 3, 5):
        with pytest.raises((TypeError, ValueError)):
            _core.Trace(NET, 6, {"a": layers})
    layers = [None, np.zeros((6, 2))]
    trace = _core.Trace(NET, 6, {"a": layers})
    alive = weakref.ref(layers[1])
    layers.clear()
    assert alive() is not None
    samples, targets = _core.Samples(X, np.float64), _core.Targets(Y, np.float64)
    NET.objective(THETA, samples, targets, trace=trace)
    with pytest.raises(TypeError):
        NET.objective(THETA, _core.Samples(X[:2], np.float64), targets, trace=trace)


@pytest.mark.promise(
    "No input kills the interpreter",
    "While pybackprop reads an array, NumPy refuses to resize it, even with "
    "refcheck=False.",
)
def test_no_array_is_resized_while_it_is_checked():
    def resize(array):
        array.resize(0, refcheck=False)

    for kept, make in [
        (X.copy(), lambda a: _core.Samples(a, np.float64)),
        (X.copy(), lambda a: _core.Samples(a[::2], np.float64)),
        (Y.copy(), lambda a: _core.Targets(a, np.float64)),
        (THETA.copy(), lambda a: training(theta=a)),
        (THETA.copy(), lambda a: _core.SmallBatchPredictor(NET, a)),
        (Y.copy(), lambda a: _core.Trace(NET, 6, {"a": [None, a]})),
    ]:
        looking = make(kept)
        with pytest.raises(ValueError, match="cannot resize"):
            resize(kept)
        del looking
        resize(kept)
        assert kept.size == 0


class Fickle:
    """An integer that changes at each read: the checked value must be the one used."""

    def __init__(self, *values):
        self.values = list(values)

    def __index__(self):
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]

    def __gt__(self, other):
        return False


def test_a_size_is_read_once():
    net = _core.Network(
        (3, Fickle(2, 10**6)), [], "identity", "squared_error", [0.0], "f8"
    )
    assert net.layer_sizes == (3, 2) and net.n_parameters == 8


def random_calls(seed, n_calls):
    """Call constructors and methods with random arguments, made anew for each call."""
    rng = np.random.RandomState(seed)

    def anything():
        pool = [*all_objects().values(), *WRONG_ARRAYS.values(), X, Y, THETA.copy()]
        pool += [X.astype("f4"), scipy.sparse.csr_array(X), X[::-1, ::-1], X.T, X[:0]]
        pool += [0, 1, -1, 2**31, 2**64, 3.5, "adam", "relu", b"x", SIZES, [], {}]
        pool += [np.float32, np.float64, {"a": [None, Y.copy()]}, [THETA], optimizer()]
        return pool[rng.randint(len(pool))]

    functions = [v for v in vars(_core).values() if callable(v) and v is not X]
    n_done = 0
    for _ in range(n_calls):
        target = functions[rng.randint(len(functions))]
        if getattr(target, "__module__", "") != "pybackprop._core":
            continue
        if target is _core.set_thread_limit:
            continue
        if rng.uniform() < 0.5:
            owner = [*all_objects().values()][rng.randint(9)]
            names = [n for n in dir(owner) if n[0] != "_"] + ["__init__"]
            target = getattr(owner, names[rng.randint(len(names))])
        try:
            target(*[anything() for _ in range(rng.randint(6))])
            n_done += 1
        except REFUSALS:
            pass
    return n_done


@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("seed", range(3))
def test_random_calls_do_no_harm(seed):
    """Run in a separate process, since a crash would end it."""
    program = f"import test_core_objects as t; print(t.random_calls({seed}, 1500) > 20)"
    result = run_python(program)
    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr
