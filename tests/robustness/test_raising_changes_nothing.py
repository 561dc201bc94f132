"""A call that raises leaves estimator and data unchanged, wherever it is raised.

First the usual cases: bad input, and users' functions that raise during a fit. Then an
asynchronous exception, like that of Ctrl-C, at each line that an operation runs.
"""

import copy
import linecache
import pickle
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.exceptions import ScalingWarning
from pybackprop.export import to_c, to_sklearn
from support.internals import one_blas_thread
from support.reference import assert_state, state_of

draws = np.random.RandomState(0)
X = draws.normal(size=(60, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
LABELS = np.array(["a", "b", "c"])[Y]
NUMBERS = X[:, :2] @ [1.0, 2.0]
WEIGHTS = draws.uniform(0.5, 2, size=60)
SPARSE = scipy.sparse.csr_matrix(np.where(X > 0, X, 0))
DATA = [X, Y, LABELS, NUMBERS, WEIGHTS, SPARSE]
FAST = {"hidden_layer_sizes": (5, 3), "max_iter": 3, "batch_size": 25}
FAST |= {"random_state": 3, "n_jobs": 1}


HELD_OUT = {"X_val": X[:20], "y_val": LABELS[:20]}


def fitted(params, kind=MLPClassifier, **more):
    y = LABELS if kind is MLPClassifier else NUMBERS
    return kind(**FAST | params).fit(X, y, **more)


class Unchanged:
    """The state of a model and its data, to be compared with a later state."""

    def __init__(self, model):
        self.model = model
        self.attributes = dict(vars(model))
        self.bits = state_of(model)
        self.data = copy.deepcopy(DATA)
        self.float_errors = np.geterr()

    def check(self, where="state"):
        now = vars(self.model)
        assert list(now) == list(self.attributes), where
        for name, value in self.attributes.items():
            assert now[name] is value, f"{where}: {name}"
        assert_state(state_of(self.model), self.bits, where)
        assert_state(DATA, self.data, where)
        assert np.geterr() == self.float_errors, where


# --- Usual cases ----------------------------------------------------------------------


class Odd(Exception):
    """An exception that only this test raises."""


def raises(exception, after=0):
    """Return a function that raises after ``after`` more calls."""
    calls = []

    def function(*args, **kwargs):
        calls.append(args)
        if len(calls) > after:
            raise exception
        return 0.5

    return function


class Unreadable:
    """An array-like whose values cannot be read."""

    def __init__(self, array):
        self.shape, self.ndim, self.dtype = array.shape, array.ndim, array.dtype

    def __len__(self):
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        raise Odd("unreadable")


class OddSplitter(ShuffleSplit):
    """A splitter that raises in split."""

    def split(self, X, y=None, groups=None):
        yield from ()
        raise Odd("no split")


SPLITS = {"early_stopping": True, "validation_fraction": OddSplitter()}
FITS = {
    "sgd": {"solver": "sgd"},
    "adam": {},
    "lbfgs": {"solver": "lbfgs"},
    "early": {"early_stopping": True},
    "dropout": {"dropout": 0.2},
    "warm": {"warm_start": True},
    "warm early": {"warm_start": True, "early_stopping": True},
    "warm lbfgs": {"warm_start": True, "solver": "lbfgs"},
    "partial_fit": {"solver": "sgd", "momentum": 0.9},
    "partial_fit early": {"early_stopping": True},
    "resume": {},
    "resume early": {"early_stopping": True},
}


def prepared(name):
    """Return a fitted model, prepared for the training of that name."""
    if not name.startswith("resume"):
        return fitted(FITS[name])
    return fitted(FITS[name], **HELD_OUT).set_params(max_iter=6)


def train(model, name, X=X, y=LABELS, **more):
    """Run the training of that name in FITS on a fitted model."""
    if name.startswith("partial_fit"):
        return model.partial_fit(X, y, **more)
    if name.startswith("resume"):
        more = HELD_OUT | more | {"resume": True}
    return model.fit(X, y, **more)


def with_nan(array):
    array = array.copy()
    array[-1, -1] = np.nan
    return array


# By name: an exception, and the parameters and arguments of a fit that cause it.
# Parameters that count calls are made anew for each.
ODD = Odd("mine")
TROUBLES = {
    "parameter": (ValueError, {"alpha": -1.0}, {}),
    "X": (ValueError, {}, {"X": with_nan(X)}),
    "lengths": (ValueError, {"hidden_layer_sizes": (2,)}, {"y": LABELS[1:]}),
    "unreadable X": (Odd, {}, {"X": Unreadable(X)}),
    "unreadable y": (Odd, {}, {"y": Unreadable(Y)}),
    "weights": (ValueError, {}, {"sample_weight": -WEIGHTS}),
    "unreadable weights": (Odd, {}, {"sample_weight": Unreadable(WEIGHTS)}),
    "class weights": (ValueError, {"class_weight": {"z": 1}}, {}),
    "validation set": (ValueError, {}, HELD_OUT | {"X_val": with_nan(X[:20])}),
    "validation weights": (
        Odd, {}, HELD_OUT | {"sample_weight_val": Unreadable(WEIGHTS[:20])}
    ),
    "scorer": (Odd, lambda: {"scoring": raises(ODD)}, HELD_OUT),
    "later scorer": (Odd, lambda: {"scoring": raises(ODD, 1)}, HELD_OUT),
    "interrupted scorer": (
        KeyboardInterrupt, lambda: {"scoring": raises(KeyboardInterrupt(), 1)}, HELD_OUT
    ),
    "exit": (SystemExit, lambda: {"scoring": raises(SystemExit(3))}, HELD_OUT),
    "memory": (MemoryError, lambda: {"scoring": raises(MemoryError(), 1)}, HELD_OUT),
    "schedule": (Odd, lambda: {"learning_rate": raises(ODD), "solver": "sgd"}, {}),
    "interrupted schedule": (
        KeyboardInterrupt, lambda: {"learning_rate": raises(KeyboardInterrupt(), 1)}, {}
    ),
    "splitter": (Odd, SPLITS, {}),
    "verbose": (BrokenPipeError, {"verbose": True}, {}),
    "max_iter": (ConvergenceWarning, {"tol": 0.0}, {}),
    "scale": (ScalingWarning, {"hidden_layer_sizes": (4,)}, {"X": 1e-9 * X}),
    "batch_size": (UserWarning, {"batch_size": 1000}, {}),
}  # fmt: skip


def applies(trouble, name):
    _, _, arguments = TROUBLES[trouble]
    is_continued = name.startswith(("partial_fit", "resume"))
    if "lbfgs" in name and trouble in ("batch_size", "splitter"):
        return False
    if "schedule" in trouble and (is_continued or "lbfgs" in name):
        return False
    if is_continued and trouble in ("splitter", "batch_size"):
        return False
    if trouble == "scale" and (is_continued or name.startswith("warm")):
        return False
    if name.startswith("partial_fit"):
        # This training has only one epoch, so no second one can fail.
        once = ("later scorer", "interrupted scorer", "memory", "max_iter")
        return trouble not in once and ("early" not in name or bool(arguments))
    return True


CASES = [(t, name) for t in TROUBLES for name in FITS if applies(t, name)]


class BrokenPipe:
    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        pass


@pytest.mark.promise(
    "A call that raises changes nothing",
    "A fit that raises leaves the previous model, every attribute of it, and all "
    "arguments unchanged to the last bit: with every solver, warm_start, partial_fit "
    "and resume, and whether the data, a scorer, a splitter, a schedule, a warning "
    "turned into an error, Ctrl-C or sys.exit ended it.",
)
@pytest.mark.parametrize(("trouble", "name"), CASES)
def test_a_fit_that_fails_leaves_the_last_one(trouble, name, monkeypatch):
    exception, params, arguments = TROUBLES[trouble]
    model = prepared(name)
    model.set_params(**(params() if callable(params) else params))
    before = Unchanged(model)
    if trouble == "verbose":
        monkeypatch.setattr(sys, "stdout", BrokenPipe())
    with warnings.catch_warnings():
        if issubclass(exception, Warning):
            warnings.simplefilter("error", exception)
        with pytest.raises(exception):
            train(model, name, **arguments)
    before.check()


def test_a_first_fit_that_fails_leaves_parameters_alone():
    for params in FITS.values():
        model = MLPClassifier(**FAST | params, scoring=raises(ODD))
        before = Unchanged(model)
        with pytest.raises(Odd):
            train(model, "fit", **HELD_OUT)
        before.check()


def test_initial_layers_that_were_given_are_never_written_to():
    given = fitted({})
    init = {"coefs_init": given.coefs_, "intercepts_init": given.intercepts_}
    for params in FITS.values():
        model = MLPClassifier(**FAST | params | init, scoring=raises(ODD, 1))
        before = Unchanged(model)
        with pytest.raises(Odd):
            train(model, "fit", **HELD_OUT)
        before.check()


def test_only_a_passed_generator_advances():
    generator = np.random.RandomState(0)
    model = fitted({"random_state": generator})
    before = generator.get_state(legacy=False)
    model.set_params(scoring=raises(ODD, 1))
    attributes = dict(vars(model))
    with pytest.raises(Odd):
        train(model, "fit", **HELD_OUT)
    assert vars(model) == attributes
    after = generator.get_state(legacy=False)
    assert (after["state"]["key"] != before["state"]["key"]).any() or (
        after["state"]["pos"] != before["state"]["pos"]
    )


@pytest.mark.promise(
    "A call that raises changes nothing",
    "set_params sets all parameters or, if one of them is unknown, none.",
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    "params",
    [
        {"alpha": 5.0, "solver": "sgd", "nobody": 1.0},
        {"alpha": 5.0, "alpha__deep": 1.0},
        {"alpha": 5.0, "nobody__deep": 1.0},
    ],
)
def test_set_params_sets_all_or_none(kind, params):
    for model in (kind(**FAST), fitted({}, kind)):
        before = Unchanged(model)
        with pytest.raises((ValueError, AttributeError)):
            model.set_params(**params)
        before.check()
        assert model.set_params(alpha=5.0, solver="sgd") is model
        assert (model.alpha, model.solver) == (5.0, "sgd")
        assert model.set_params() is model


@pytest.mark.skipif(
    not hasattr(MLPClassifier(), "set_callbacks"),
    reason="callbacks came with scikit-learn 1.9",
)
def test_set_callbacks_sets_all_or_none():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = fitted({}).set_callbacks(monitor)
    attributes, callbacks = dict(vars(model)), model._skl_callbacks
    with pytest.raises(TypeError):
        model.set_callbacks(monitor, print)
    assert vars(model) == attributes and model._skl_callbacks is callbacks


# --- Asynchronous exceptions ----------------------------------------------------------


class OutOfNowhere(BaseException):
    """An exception of a signal handler, which may come between any two lines."""


class Injector:
    """A tracer that raises before a line of this package.

    Parameters
    ----------
    model : object
        Once its state was replaced by a new one, no signal is handled before the
        operation is done, and nothing is raised.
    at : tuple or None
        A line, as (file, number), and how often it runs before the exception. None:
        no exception.
    """

    package = pybackprop.__path__[0]
    # Holds a lock: a tracer may raise before it is released, but no signal is handled.
    but = "_threads.py"

    def __init__(self, model, at=None):
        self.model = model
        self.state = getattr(model, "__dict__", None)
        self.at = at
        self.seen = {}
        self.has_raised = False

    def __call__(self, frame, event, argument):
        path = frame.f_code.co_filename
        if not path.startswith(self.package) or path.endswith(self.but):
            return None
        if event == "line" and not self.has_raised:
            line = path, frame.f_lineno
            n = self.seen[line] = self.seen.get(line, -1) + 1
            is_over = getattr(self.model, "__dict__", None) is not self.state
            if (line, n) == self.at and not is_over:
                self.has_raised = True
                raise OutOfNowhere
        return self

    def run(self, act):
        """Return the result of act(model), or raise OutOfNowhere."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            return act(self.model)
        finally:
            sys.settrace(before)


def bits_of(result):
    """Return the state that an operation leaves, without the seconds of epochs."""
    if hasattr(result, "get_params"):
        result = state_of(result)
        if "_history" in result:
            result["_history"] = [row[:-1] for row in result["_history"]]
    return result


def is_with(path, number):
    return linecache.getline(path, number).lstrip().startswith("with ")


def raise_everywhere(prepare, act):
    """Raise before the first and last run of each line of act(prepare()).

    Returns the number of exceptions.
    """
    watched = Injector(prepare())
    expected = bits_of(watched.run(act))
    places = [
        (line, n)
        for line, last in watched.seen.items()
        # The last event of a `with` is its exit, where no signal is handled.
        for n in ({0} if is_with(*line) else {0, last})
    ]
    model = prepare()
    n_raised = 0
    for place in places:
        before = Unchanged(model)
        injector = Injector(model, place)
        try:
            injector.run(act)
        except OutOfNowhere:
            n_raised += 1
            before.check(place)
            assert one_blas_thread._n_inside == 0, place
        else:
            assert not injector.has_raised, f"{place} swallows exceptions"
            model = prepare()
    assert_state(bits_of(act(model)), expected, "after all of it")
    return n_raised


TO_DISTURB = ["adam", "lbfgs", "early", "partial_fit", "resume early"]
TO_DISTURB += ["warm early", "warm lbfgs"]


@pytest.mark.slow
@pytest.mark.promise(
    "A call that raises changes nothing",
    "Ctrl-C between any two lines of a fit leaves the model unchanged, and the next "
    "fit gives the bits of an undisturbed one.",
)
@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", TO_DISTURB)
def test_a_fit_raising_at_any_line(name):
    trained = {}

    def prepare():
        return copy.deepcopy(trained.setdefault(name, prepared(name)))

    assert raise_everywhere(prepare, lambda model: train(model, name)) > 300


OPERATIONS = {
    "predict": lambda model: model.predict(X),
    "predict a row": lambda model: model.predict(X[:1]),
    "predict sparse": lambda model: model.predict_proba(SPARSE),
    "activations": lambda model: model.activations(X),
    "transform": lambda model: model.transform(X),
    "score": lambda model: model.score(X, LABELS, WEIGHTS),
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "copy": copy.deepcopy,
    "set_params": lambda model: model.set_params(alpha=1.0, solver="sgd"),
    "to_c": to_c,
    "to_sklearn": lambda model: vars(to_sklearn(model)),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * name.startswith("to_"))
        for name in OPERATIONS
    ],
)
def test_other_operations_raising_at_any_line(name):
    model = fitted({"solver": "lbfgs"})
    assert raise_everywhere(lambda: copy.deepcopy(model), OPERATIONS[name]) > 0


@pytest.mark.parametrize("method", ["backprop", "gradients", "objective"])
def test_networks_raising_at_any_line(method):
    network = Network([4, 5, 1], random_state=0)
    parameters = network.parameters.copy()
    watched = Injector(network)
    expected = watched.run(lambda n: getattr(n, method)(X, NUMBERS, WEIGHTS))
    for line in watched.seen:
        with pytest.raises(OutOfNowhere):
            Injector(network, (line, 0)).run(
                lambda n: getattr(n, method)(X, NUMBERS, WEIGHTS)
            )
        assert network.parameters.tobytes() == parameters.tobytes()
    again = getattr(network, method)(X, NUMBERS, WEIGHTS)
    assert pickle.dumps(again) == pickle.dumps(expected)
