"""Runs every public operation, and lets each of its allocations fail in turn.

    LD_PRELOAD=failing_allocator.so python failing_allocations.py [NAME ...]
    python failing_allocations.py --names

Runs the named operations, or all, and prints for each how many allocations of the core
or of NumPy's data failed, and by how many bytes the process has grown.  ``--names``
prints the names of all operations.  Each failure must raise MemoryError and leave every
object unchanged; the same object must then give the same results as without a failure.
c/failing_allocator.c makes the allocations fail.
"""

import copy
import ctypes
import gc
import pickle
import sys
import warnings

import numpy as np
import scipy.sparse
from sklearn.model_selection import ShuffleSplit

from pybackprop import MLPClassifier, MLPRegressor, Network, _core, catalogue
from pybackprop.export import from_sklearn, to_c, to_sklearn
from support.reference import assert_state, state_of

# Smaller blocks hold no data, and NumPy caches them.
LEAST_OF_NUMPY = 256
ENOUGH_TO_SEE_GROWTH = 32

draws = np.random.RandomState(0)
X = draws.normal(size=(80, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
LABELS = np.array(["a", "b", "c"])[Y]
SEVERAL = (X[:, :3] > 0).astype(int)
NUMBERS = X[:, :2] @ [[1.0, 2.0], [3.0, -1.0]]
WEIGHTS = draws.uniform(0.5, 2, size=80)
SPARSE = scipy.sparse.random(80, 6, 0.5, "csr", random_state=1)
FAST = {"hidden_layer_sizes": (9, 5), "max_iter": 2, "batch_size": 30}
FAST |= {"random_state": 3, "n_jobs": 1}


# --- The allocator --------------------------------------------------------------------


class Allocator:
    """The preloaded allocator, which watches the core and NumPy."""

    def __init__(self):
        self.c = ctypes.CDLL(None)
        self.c.failing_watch.argtypes = [ctypes.c_size_t] * 3
        self.c.failing_begin.argtypes = [ctypes.c_long, ctypes.c_int]
        self.c.failing_end.restype = ctypes.c_long
        (numpy_core,) = {
            module.__file__
            for name, module in sys.modules.items()
            if name.endswith("core._multiarray_umath") and hasattr(module, "__file__")
            if module.__file__.endswith(".so")
        }
        for path, least in ((_core.__file__, 1), (numpy_core, LEAST_OF_NUMPY)):
            with open("/proc/self/maps", encoding="utf-8") as maps:
                code = [
                    [int(end, 16) for end in line.split()[0].split("-")]
                    for line in maps
                    if line.rstrip().endswith(path) and "x" in line.split()[1]
                ]
            assert code, f"{path} is not loaded"
            for first, end in code:
                self.c.failing_watch(first, end, least)

    def refuse(self, n_granted, remains_short, act, model):
        """Return the result of act(model), its exception and the number of refusals.

        Refuses all requests after ``n_granted``, or only the next one.
        """
        result, raised = None, None
        self.c.failing_begin(n_granted, remains_short)
        try:
            result = act(model)
        except BaseException as exception:
            raised = exception
        return result, raised, self.c.failing_end()


class InUse(ctypes.Structure):
    """The struct that glibc's mallinfo2 returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks "
        "fordblks keepcost".split()
    ]


def bytes_in_use():
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = InUse
    in_use = mallinfo2()
    return in_use.uordblks + in_use.hblkhd


# --- The operations -------------------------------------------------------------------

OPERATIONS = {}


def operation(name, model, act):
    """Describe ``act(copy of model)``; a callable ``model`` makes the model."""
    OPERATIONS[name] = model, act


def fit(model, **more):
    return model.fit(X, NUMBERS if isinstance(model, MLPRegressor) else LABELS, **more)


def fitted(kind, **params):
    return fit(kind(**FAST | params))


def unlike_before(model):
    """Return a model fitted to other samples, so that unchanged results are noticed."""
    targets = NUMBERS if isinstance(model, MLPRegressor) else LABELS
    return model.fit(X[::-1], targets)


def every_fit():
    held_out = {
        "X_val": X[:30],
        "y_val": LABELS[:30],
        "sample_weight_val": WEIGHTS[:30],
    }
    for solver in catalogue()["solvers"]:
        for kind in (MLPClassifier, MLPRegressor):
            yield f"fit {solver} {kind.__name__}", {"solver": solver}, kind, {}
    for name, params, more in (
        ("early stopping", {"early_stopping": True}, {}),
        ("splitter", {"early_stopping": True,
                      "validation_fraction": ShuffleSplit(1, random_state=0)}, {}),
        ("validation set", {}, held_out),
        ("validation set lbfgs", {"solver": "lbfgs"}, held_out),
        ("scorer", {"early_stopping": True, "scoring": "balanced_accuracy"}, {}),
        ("weights", {"class_weight": "balanced"}, {"sample_weight": WEIGHTS}),
        ("smoothing", {"label_smoothing": 0.1}, {}),
        ("dropout", {"dropout": 0.25, "input_dropout": 0.1}, {}),
        ("warm start", {"warm_start": True}, {}),
        ("warm start lbfgs", {"warm_start": True, "solver": "lbfgs"}, {}),
        ("warm start early", {"warm_start": True, "early_stopping": True}, {}),
        ("threads", {"n_jobs": 3}, {}),
        ("layers", {"alpha": [1e-3, 0, 1], "learning_rate_init": [0.1, 0.01, 0.1],
                    "max_norm": 2.0, "global_clipnorm": 1.0}, {}),
        ("own loss", None, {}),
    ):  # fmt: skip
        kind = MLPClassifier
        if params is None:
            kind, params = MLPRegressor, {"loss": half_squares}
        yield f"fit {name}", params, kind, more


def half_squares(y, y_pred):
    return ((y_pred - y) ** 2).sum(axis=1) / 2, y_pred - y


def continue_training(model):
    return model.fit(X, LABELS, resume=True)


def list_operations():
    for name, params, kind, more in every_fit():
        operation(name, kind(**FAST | params), lambda m, more=more: fit(m, **more))
        operation(f"re{name}", fitted(kind, **params), unlike_before)
    for dtype in (np.float32, np.float64):
        table = SPARSE.astype(dtype)
        for solver in ("sgd", "lbfgs"):
            model = MLPClassifier(**FAST, solver=solver)
            operation(
                f"fit sparse {np.dtype(dtype)} {solver}",
                model,
                lambda m, table=table: m.fit(table, SEVERAL),
            )
        model = MLPClassifier(**FAST, input_dropout=0.3)
        operation(
            f"fit sparse {np.dtype(dtype)} dropout",
            model,
            lambda m, table=table: m.fit(table.tocsc(), LABELS),
        )
    for early in (False, True):
        model = fitted(MLPClassifier, early_stopping=early).set_params(max_iter=4)
        operation("resume" + early * " early stopping", model, continue_training)
    for name, model in (
        ("first", MLPClassifier(**FAST)),
        ("next", fitted(MLPClassifier)),
        ("dropout", fitted(MLPClassifier, dropout=0.2)),
    ):
        operation(
            f"partial_fit {name}",
            model,
            lambda m: m.partial_fit(X[:50], LABELS[:50], classes=["a", "b", "c"]),
        )
        operation(
            f"partial_fit {name} validation set",
            copy.deepcopy(model).set_params(early_stopping=True),
            lambda m: m.partial_fit(
                X, LABELS, classes=["a", "b", "c"], X_val=X[::2], y_val=LABELS[::2]
            ),
        )
    of_a_classifier = (
        "predict", "predict_proba", "predict_log_proba", "decision_function",
        "activations", "transform",
    )  # fmt: skip
    for method in of_a_classifier:
        for name, table in (("", X), (" row", X[:1]), (" sparse", SPARSE)):
            operation(
                f"{method}{name}",
                fitted(MLPClassifier, n_jobs=2),
                lambda m, method=method, table=table: getattr(m, method)(table),
            )
    operation("predict several", MLPClassifier(**FAST).fit(SPARSE, SEVERAL),
              lambda m: m.predict(SPARSE))  # fmt: skip
    operation("predict numbers", fitted(MLPRegressor), lambda m: m.predict(X))
    operation("score", fitted(MLPClassifier), lambda m: m.score(X, LABELS, WEIGHTS))
    operation("score numbers", fitted(MLPRegressor), lambda m: m.score(X, NUMBERS))
    operation("edited", fitted(MLPRegressor), edited_predict)
    operation("pickle", fitted(MLPClassifier), there_and_back)
    operation("pickle early", fitted(MLPRegressor, early_stopping=True), there_and_back)
    operation("deepcopy", fitted(MLPClassifier), copy.deepcopy)
    operation("to_c", fitted(MLPClassifier), to_c)
    operation("to_sklearn", fitted(MLPClassifier), lambda m: vars(to_sklearn(m)))
    operation("from_sklearn", to_sklearn(fitted(MLPClassifier)), from_sklearn)
    list_operations_of_networks()


def edited_predict(model):
    """Predict with coefficients that are no longer views of one vector."""
    edited = copy.copy(model)
    edited.coefs_ = [W.copy() for W in model.coefs_]
    return edited.predict(X), edited.predict(X[:1])


def there_and_back(model):
    return pickle.loads(pickle.dumps(model))


def list_operations_of_networks():
    def network():
        return Network([6, 9, 2], activation="tanh", random_state=0)

    operation("Network", [None], lambda _: network().parameters)
    for method in ("backprop", "objective", "gradients"):
        operation(
            f"Network.{method}",
            network,
            lambda n, method=method: getattr(n, method)(X, NUMBERS, WEIGHTS),
        )
    operation("Network.forward", network, lambda n: n.forward(X))
    operation("Network.forward sparse", network, lambda n: n.forward(SPARSE))
    operation("Network.predict", network, lambda n: n.predict(X))
    operation("Network.step", network, lambda n: n.step(X, NUMBERS, "adam", WEIGHTS))
    operation(
        "Trace.f_prime",
        network,
        lambda n: n.backprop(X, NUMBERS).f_prime,
    )


# --- One after the other --------------------------------------------------------------


def bits_of(value):
    """Return a copy of all that is compared, without the seconds of the epochs."""
    if isinstance(value, Network):
        # All that an operation could change; the core keeps no state, and an optimizer
        # has none before its first step.
        optimizers = {
            name: vars(optimizer)
            for name, optimizer in value._optimizers.items()
            if optimizer.n_steps > 0 or optimizer.states.any()
        }
        return copy.deepcopy((value.__getstate__(), optimizers))
    if not hasattr(value, "get_params"):
        return copy.deepcopy(value)
    state = state_of(value)
    if "_history" in state:
        state["_history"] = [row[:-1] for row in state["_history"]]
    return state


def fresh(model):
    return model() if callable(model) else copy.deepcopy(model)


def refuse_each(allocator, name, remains_short):
    """Return how often an operation has failed."""
    prototype, act = OPERATIONS[name]
    expected = bits_of(act(fresh(prototype)))
    n_failed, n_refused = 0, 1
    for n in range(10_000):
        where = f"{name}, allocation {n}"
        model = fresh(prototype)
        before = bits_of(model)
        result, raised, n_refused = allocator.refuse(n, remains_short, act, model)
        if raised is not None:
            if n_refused == 0 or not isinstance(raised, MemoryError):
                raise AssertionError(f"{where}: {raised!r}") from raised
            assert_state(bits_of(model), before, f"{where}: state")
            # A free-threaded Python often raises the same MemoryError object again,
            # which would collect the frames of all its tracebacks.
            raised.__traceback__ = None
            result = act(model)
            n_failed += 1
        # An operation may work without the refused memory, such as a cache.
        assert_state(bits_of(result), expected, f"{where}: result")
        if n_refused == 0:
            return n_failed
    raise AssertionError(f"{name} allocates without end")


def main(names):
    warnings.simplefilter("ignore")
    list_operations()
    if names == ["--names"]:
        print(*OPERATIONS, sep="\n")
        return
    allocator = Allocator()
    data = [X, Y, LABELS, SEVERAL, NUMBERS, WEIGHTS, SPARSE]
    data_before = copy.deepcopy(data)
    for name in names or OPERATIONS:
        n_failed = refuse_each(allocator, name, remains_short=False)
        in_use, n_before = bytes_in_use(), n_failed
        while n_failed < n_before + ENOUGH_TO_SEE_GROWTH:
            n_failed += refuse_each(allocator, name, remains_short=True)
        print(name, n_failed, bytes_in_use() - in_use, sep="\t", flush=True)
        assert_state(data, data_before, f"data of {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
