"""Fuzzes estimators: only documented exceptions, and failures that change nothing.

A harness for atheris, run by ``make fuzz-python``; its arguments are libFuzzer's. Bytes
become parameters, some of a wrong type, data of any kind, and a sequence of calls. A
crash, another exception, or an estimator that a failed call has changed ends it.
"""

import sys
import warnings

import atheris
import numpy as np
import scipy.sparse

from support.reference import assert_state, state_of

with atheris.instrument_imports(include=["pybackprop"]):
    from pybackprop import MLPClassifier, MLPRegressor
    from pybackprop._parameters import rules_of

# NotFittedError is both of the first; a missing method is an AttributeError.
DOCUMENTED = (ValueError, TypeError, AttributeError, MemoryError)
ODD = [None, True, -1, 0, 1, 3, 2**70, 0.5, 1.0, -0.1, 1e308, 5e-324]
ODD += [float("nan"), float("inf"), "", "auto", "relu", "nonsense", b"sgd", [], (), {}]
ODD += [(3, 2), [0.1, 0.2], np.float32(0.25), np.int8(2), np.array(3), object(), len]
ODD += [np.array([1, 2]), "softmax", ["tanh", "relu"], 1j, np.nan, "balanced", "loss"]
NAMES = ["sgd", "adam", "nadam", "lbfgs", "tanh", "exp", "poisson", "gamma", "cosine"]
NAMES += ["invscaling", "adaptive", "one_cycle", "log_loss", "huber", "logistic"]
DTYPES = [np.float64, np.float32, np.float16, ">f8", "<f4", int, np.uint8, bool, object]
DTYPES += [complex, "U3", "S2", np.longdouble, "datetime64[s]"]
LAYOUTS = [
    np.asarray,
    np.asfortranarray,
    lambda X: X[::-1],
    lambda X: X[:, ::-2] if X.ndim == 2 else X[::-2],
    lambda X: X.tolist(),
    lambda X: np.broadcast_to(X[:1], X.shape),
    lambda X: np.ma.masked_array(X),
    scipy.sparse.csr_matrix,
    scipy.sparse.csc_array,
    scipy.sparse.coo_matrix,
    scipy.sparse.dok_array,
]
SHAPES = [(7, 3), (7, 3), (7, 3), (20, 3), (1, 3), (0, 3), (7, 0), (7,), (), (7, 3, 1)]
METHODS = ["fit", "partial_fit", "predict", "score", "transform", "predict_proba"]
METHODS += ["decision_function", "activations", "fit", "fit"]


class Bytes(atheris.FuzzedDataProvider):
    def one_of(self, values):
        return values[self.ConsumeIntInRange(0, len(values) - 1)]

    def seldom(self):
        return self.ConsumeIntInRange(0, 7) == 7


def table_of(data, shape=None):
    """Return an array, table or something else; mostly one that a fit accepts."""
    if data.seldom():
        return data.one_of(ODD)
    shape = data.one_of(SHAPES) if shape is None or data.seldom() else shape
    rng = np.random.RandomState(data.ConsumeIntInRange(0, 255))
    X = rng.standard_normal(shape) if data.ConsumeBool() else rng.randint(0, 3, shape)
    X = np.asarray(X)
    if data.seldom() and X.size and X.dtype.kind == "f":
        X.flat[0] = data.one_of([np.nan, np.inf, 1e308, -1e308, 5e-324])
    if data.seldom():
        X = X.astype(data.one_of(DTYPES))
    return data.one_of(LAYOUTS)(X) if data.seldom() else X


def targets_of(data):
    if data.seldom():
        return table_of(data)
    rng = np.random.RandomState(data.ConsumeIntInRange(0, 255))
    y = rng.randint(0, data.ConsumeIntInRange(1, 4), 7)
    kinds = [y, y + 0.5, y.astype(str), y.astype(object), y > 0, np.eye(4)[y], -y]
    return data.one_of(kinds)


def estimator_of(data):
    kind = MLPClassifier if data.ConsumeBool() else MLPRegressor
    model = kind(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    names = list(rules_of(kind))
    for _ in range(data.ConsumeIntInRange(0, 4)):
        # These decide the time of a fit, and the memory that valid parameters may need.
        name = data.one_of(names)
        value = data.one_of(NAMES if data.ConsumeBool() else ODD)
        is_long = name in ("max_iter", "max_fun", "n_jobs") and isinstance(value, int)
        model.set_params(**{name: 3 if is_long and value > 3 else value})
    return model


def arguments_of(data, method):
    X = table_of(data, (7, 3))
    if method not in ("fit", "partial_fit", "score"):
        return [X], {}
    more = {}
    if data.seldom():
        more["sample_weight"] = table_of(data, (7,))
    if data.seldom() and method != "score":
        more |= {"X_val": table_of(data, (7, 3)), "y_val": targets_of(data)}
    if data.seldom() and method == "fit":
        more["resume"] = data.one_of([True, False, *ODD])
    if data.ConsumeBool() and method == "partial_fit":
        more["classes"] = data.one_of([[0, 1, 2, 3], [0, 1], table_of(data, (4,))])
    return [X, targets_of(data)], more


def call(model, method, arguments, more):
    """Make a call, which raises only documented exceptions and then changes nothing."""
    before = state_of(model)
    try:
        getattr(model, method)(*arguments, **more)
    except DOCUMENTED:
        after = vars(model)
        assert list(after) == list(before)
        for name in before:
            if name != "random_state":  # the user's generator, which draws advance
                assert_state(after[name], before[name], name)


def one_input(raw):
    data = Bytes(raw)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model = estimator_of(data)
            calls = [data.one_of(METHODS) for _ in range(data.ConsumeIntInRange(1, 4))]
            inputs = [arguments_of(data, method) for method in calls]
        except Exception:  # NumPy or SciPy cannot make such data
            return
        for method, (arguments, more) in zip(calls, inputs, strict=True):
            call(model, method, arguments, more)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
