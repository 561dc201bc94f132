"""Computes the bits of fits and predictions: one line per case and data type.

    python golden_bits.py --print                   prints the lines
    python golden_bits.py --check golden_bits.txt   compares them with the file's
    python golden_bits.py --write golden_bits.txt C_PROGRAM
                                                    records them, and those of C_PROGRAM

Run with the package installed.  ``--threads N ...`` sets ``n_jobs`` to each number in
turn; ``--after-other-work`` runs other computations first.  Inputs are integers scaled
by powers of two: no random generator and no library function whose bits may differ.
Each case is fitted from several layouts of the same table, and has a line only if all
of them agree.

NumPy, SciPy and scikit-learn take part only with exact operations: integer draws of
RandomState, ``random_sample``, copies, comparisons.  SciPy computes the steps of
L-BFGS, so that solver has lines for its objective and gradient, and none for a fit.
"""

import argparse
import hashlib
import inspect
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

from pybackprop import MLPClassifier, MLPRegressor, Network

HEAD = """\
# The golden bits: for each function and data type the SHA-256 of its outputs, on inputs
# made from integers by exact operations. Every machine, compiler, instruction set,
# number of threads and layout of the input must give these. A NaN is made canonical
# before it is hashed; the sign of a zero counts. tests/c/golden_bits.c computes the
# lines, tests/golden_bits.py those of estimators.
#
# A line that changes is a breaking change, and CHANGELOG.md must say so. Written by
# `make golden-bits`; not to be edited.
"""
OURS = "estimator/"

# --- Numbers --------------------------------------------------------------------------


def hashed(stream, shape):
    """Return 64-bit integers that look random (the finalizer of Steele et al. 2014)."""
    x = np.arange(np.prod(shape, dtype=int), dtype=np.uint64).reshape(shape)
    x = (x ^ np.uint64(stream << 40)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)


def below(n, stream, shape):
    return (hashed(stream, shape) % np.uint64(n)).astype(np.int64)


def fractions(stream, shape, dtype):
    """Return numbers in [-1, 1) with all the digits of the data type."""
    digits = 53 if dtype == np.float64 else 24
    integers = (hashed(stream, shape) >> np.uint64(64 - digits)).astype(np.int64)
    return ((integers - 2 ** (digits - 1)) * 2.0 ** (1 - digits)).astype(dtype)


def samples(n_rows, n_features, dtype):
    """Return a table with many zeros and some empty rows, for the sparse layouts."""
    shape = (n_rows, n_features)
    X = 2 * fractions(1, shape, dtype) * (below(4, 2, shape) > 0).astype(dtype)
    X[31::32] = 0
    return X + dtype(0)  # no -0, which a sparse table need not store


def targets(kind, n_rows, dtype):
    if kind == "binary":
        return np.array(["no", "yes"])[below(2, 3, n_rows)]
    if kind == "multiclass":
        return below(5, 4, n_rows) * 3 - 2
    if kind == "multilabel":
        return below(2, 5, (n_rows, 4))
    if kind == "counts":
        return below(7, 6, n_rows).astype(dtype)
    return fractions(7, (n_rows, 3) if kind == "outputs" else n_rows, dtype)


def digest(*arrays):
    """Return the SHA-256 of numbers (little-endian, all NaN alike) and labels."""
    sha = hashlib.sha256()
    for array in arrays:
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
            sha.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")))
        else:
            sha.update("\n".join(map(str, array.ravel().tolist())).encode())
    return sha.hexdigest()


# --- Layouts --------------------------------------------------------------------------


def strided(array):
    wide = np.full([2 * n + 1 for n in array.shape], -99, dtype=array.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def backward(array):
    turned = tuple(slice(None, None, -1) for _ in array.shape)
    return np.ascontiguousarray(array[turned])[turned]


def misaligned(array):
    """Return a copy at an odd address."""
    buffer = bytearray(array.nbytes + 1)
    at = np.frombuffer(buffer, np.uint8).ctypes.data
    offset = 1 - at % 2
    buffer[offset : offset + array.nbytes] = array.tobytes()
    return np.frombuffer(buffer, array.dtype, array.size, offset).reshape(array.shape)


# The layout of the table, and the layout of the other arrays.
LAYOUTS = {
    "rows": (np.ascontiguousarray, np.ascontiguousarray),
    "columns": (np.asfortranarray, np.asfortranarray),
    "strided": (strided, strided),
    "csr": (scipy.sparse.csr_matrix, strided),
    "backward": (backward, backward),
    "misaligned": (misaligned, misaligned),
    "csc": (scipy.sparse.csc_matrix, np.asfortranarray),
}


def in_each_layout(case, number, compute, X, *others):
    """Return compute(X, *others) of three layouts of X, which must agree."""
    names = list(LAYOUTS)
    hashes = {}
    for name in [names[0], names[1 + number % 3], names[4 + number % 3]]:
        of_table, of_others = LAYOUTS[name]
        laid_out = [other if other is None else of_others(other) for other in others]
        hashes[name] = compute(of_table(X), *laid_out)
    for name, value in hashes.items():
        if value != hashes["rows"]:
            raise AssertionError(f"{case} {X.dtype}: {name} has other bits than rows")
    return hashes["rows"]


# --- Cases ----------------------------------------------------------------------------

SGD = {"solver": "sgd", "learning_rate_init": 0.125}
ADAM = {"solver": "adam", "learning_rate_init": 0.0078125}
# Stops making progress at once, so that the rate falls.
FALLING = {**SGD, "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1}

# Targets, rows, features, whether weighted; parameters.  Three epochs by default.
CASES = {
    "binary": ("binary", 150, 6, False, {**ADAM, "hidden_layer_sizes": (9,)}),
    "line": ("multiclass", 150, 6, True, {**SGD, "hidden_layer_sizes": ()}),
    "multilabel": ("multilabel", 260, 17, True, {**ADAM, "alpha": 0.5}),
    "plain-sgd": ("number", 90, 7, False, {**SGD, "momentum": 0.0, "batch_size": 7}),
    "heavy-sgd": (
        "outputs",
        150,
        7,
        False,
        {**SGD, "nesterovs_momentum": False, "hidden_layer_sizes": (8, 5)},
    ),
    "adaptive": ("outputs", 120, 5, True, {**FALLING, "max_iter": 9}),
    "invscaling": ("multiclass", 120, 5, False, {**SGD, "learning_rate": "invscaling"}),
    "limits": (
        "multiclass",
        300,
        15,
        True,
        {
            "solver": "adamw",
            "hidden_layer_sizes": (9, 7),
            "learning_rate": "cosine",
            "learning_rate_init": [0.0078125, 0.015625, 0.03125],
            "warmup_epochs": 1.5,
            "alpha": [0.5, 0.25, 1.0],
            "l1_ratio": 0.25,
            "global_clipnorm": 0.125,
            "max_norm": 1.0,
        },
    ),
    "one-cycle": (
        "outputs",
        120,
        5,
        False,
        {**SGD, "learning_rate": "one_cycle", "max_norm": 0.5},
    ),
    "poisson": ("counts", 300, 11, False, {**ADAM, "loss": "poisson"}),
    "poisson-weighted": ("counts", 300, 11, True, {**SGD, "loss": "poisson"}),
    "ordered": ("number", 301, 9, True, {**ADAM, "shuffle": False, "batch_size": 64}),
    "in-blocks": ("multiclass", 700, 13, True, {**ADAM, "batch_size": 700}),
    "over-blocks": ("outputs", 700, 13, False, {**SGD, "batch_size": 300}),
    "shuffled-blocks": ("binary", 900, 9, True, {**ADAM, "shuffle": "blocks"}),
    "whole-blocks": (
        "number",
        1300,
        9,
        True,
        {**SGD, "shuffle": "blocks", "batch_size": 512},
    ),
    "one-by-one": ("binary", 40, 3, False, {**SGD, "batch_size": 1}),
    "early-stopping": (
        "multiclass",
        200,
        8,
        False,
        {**ADAM, "early_stopping": True, "n_iter_no_change": 2, "max_iter": 6},
    ),
    "wide": (
        "multiclass",
        400,
        65,
        False,
        {**ADAM, "hidden_layer_sizes": (150, 49), "max_iter": 1},
    ),
    "long-rows": ("number", 64, 600, True, {**SGD, "hidden_layer_sizes": (10,)}),
}
for _activation in ("identity", "logistic", "tanh", "relu"):
    for _name, _solver in (("sgd", SGD), ("adam", ADAM)):
        CASES[f"{_activation}-{_name}"] = (
            "multiclass",
            210,
            19,
            _name == "sgd",
            {**_solver, "activation": _activation, "hidden_layer_sizes": (17, 9)},
        )


def estimator(kind, threads, **parameters):
    labels = kind in ("binary", "multiclass", "multilabel")
    model = (MLPClassifier if labels else MLPRegressor)(
        **{"hidden_layer_sizes": (12,), "max_iter": 3, "random_state": 7, **parameters}
    )
    if "n_jobs" in model.get_params():
        model.set_params(n_jobs=threads)
    return model


def fitted(model):
    return digest(
        *model.coefs_, *model.intercepts_, model.loss_curve_, model.n_iter_, model.t_
    )


def predicted(model, X):
    if not hasattr(model, "predict_proba"):
        return digest(model.predict(X))
    return digest(model.predict(X), model.predict_proba(X), model.predict_log_proba(X))


def row_by_row(model, X):
    """Check that a row has the same bits alone and in its table."""
    methods = ["predict", "predict_proba", "predict_log_proba"]
    for method in filter(lambda name: hasattr(model, name), methods):
        whole = getattr(model, method)(X)
        for row in (0, len(X) // 2, len(X) - 1):
            if digest(getattr(model, method)(X[row : row + 1])) != digest(
                whole[row : row + 1]
            ):
                raise AssertionError(f"{method}: row {row} has other bits alone")


def weights_of(n_rows):
    """Return sample weights of which every fifth is zero."""
    return (1 + below(1000, 8, n_rows)) * 2.0**-8 * (np.arange(n_rows) % 5 != 3)


def fit_lines(threads, dtype):
    for number, (name, case) in enumerate(CASES.items()):
        kind, n_rows, n_features, weighted, parameters = case
        X, y = samples(n_rows, n_features, dtype), targets(kind, n_rows, dtype)
        weights = weights_of(n_rows) if weighted else None

        def fit(X, y, weights, kind=kind, parameters=parameters):
            model = estimator(kind, threads, **parameters).fit(X, y, weights)
            return fitted(model), predicted(model, X)

        fit_hash, predict_hash = in_each_layout(name, number, fit, X, y, weights)
        yield f"fit/{name}", fit_hash
        yield f"predict/{name}", predict_hash
        if number % 4 == 0:
            row_by_row(estimator(kind, threads, **parameters).fit(X, y, weights), X)


def partial_fit_lines(threads, dtype):
    """Return the lines of three calls to partial_fit and of a warm start after them."""
    X, y = samples(210, 8, dtype), targets("multiclass", 210, dtype)
    for number, (name, solver) in enumerate((("sgd", SGD), ("adam", ADAM))):

        def partial_fit(X, y, solver=solver):
            model = estimator("multiclass", threads, warm_start=True, **solver)
            for start in (0, 70, 140):
                rows = slice(start, start + 70)
                model.partial_fit(X[rows], y[rows], classes=np.unique(y))
            return fitted(model) + fitted(model.fit(X, y))

        joined = in_each_layout(name, number, partial_fit, X, y)
        yield f"partial_fit/{name}", joined[:64]
        yield f"warm_start/{name}", joined[64:]


def lbfgs_lines(threads, dtype):
    """Return the lines of L-BFGS: the objective of all rows, and its gradient."""
    shapes = {
        "squared_error": ((7, 10, 3), "tanh", "identity"),
        "log_loss": ((20, 33, 5), "relu", "softmax"),
        "binary_log_loss": ((5, 4), "relu", "logistic"),
        "poisson": ((11, 6, 6, 1), "logistic", "exp"),
    }
    n_rows = 700
    takes_threads = "n_jobs" in inspect.signature(Network).parameters
    options = {"n_jobs": threads} if takes_threads else {}
    for number, (loss, (sizes, activation, output)) in enumerate(shapes.items()):
        network = Network(
            sizes,
            activation=activation,
            output_activation=output,
            loss=loss,
            alpha=0.25,
            dtype=dtype,
            random_state=3,
            **options,
        )
        y = fractions(9, (n_rows, sizes[-1]), dtype)
        if loss != "squared_error":
            y = below(2, 10, y.shape).astype(dtype)
        if loss == "log_loss":
            y = np.eye(sizes[-1], dtype=dtype)[below(sizes[-1], 11, n_rows)]

        def objective(X, y, weights, network=network):
            coef_grads, intercept_grads = network.gradients(X, y, weights)
            value = network.objective(X, y, weights)
            return digest(value, *coef_grads, *intercept_grads, network.predict(X))

        X = samples(n_rows, sizes[0], dtype)
        yield (
            f"lbfgs/{loss}",
            in_each_layout(loss, number, objective, X, y, weights_of(n_rows)),
        )


def by_name(threads):
    """Return {(name, data type): hash} of all cases."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {
            (OURS + name, np.dtype(dtype).name): value
            for dtype in (np.float32, np.float64)
            for part in (fit_lines, partial_fit_lines, lbfgs_lines)
            for name, value in part(threads, dtype)
        }


def other_work():
    """Train networks of other shapes, some in parallel, and multiply with NumPy."""

    def fit(seed):
        dtype = (np.float32, np.float64)[seed % 2]
        X = samples(400, 30 + seed, dtype)
        for kind in ("outputs", "binary"):
            model = estimator(kind, 1 + seed % 4, hidden_layer_sizes=(70, 11 + seed))
            model.fit(X, targets(kind, 400, dtype)).predict(X[::2])
        X.T @ X

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit(0)
        workers = [threading.Thread(target=fit, args=(seed,)) for seed in range(1, 6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


# --- The file -------------------------------------------------------------------------


def read(text):
    """Return {(name, data type): hash} of lines of golden bits."""
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {(name, dtype): value for name, dtype, value in rows}


def compare(recorded, computed):
    """Return the differences in words."""
    names = {key: " ".join(key) for key in {**recorded, **computed}}
    return (
        [
            f"other bits: {names[key]}"
            for key in recorded
            if key in computed and recorded[key] != computed[key]
        ]
        + [
            f"not recorded yet (make golden-bits does it): {names[key]}"
            for key in computed
            if key not in recorded
        ]
        + [
            f"recorded, but nothing computes it: {names[key]}"
            for key in recorded
            if key not in computed
        ]
    )


def write(path, program, computed):
    """Record the lines of the C program and ours; print what changes."""
    new = {**read(subprocess.check_output([program, "1"], text=True)), **computed}
    old = read(path.read_text("utf-8")) if path.exists() else {}
    text = "".join(f"{name} {dtype} {value}\n" for (name, dtype), value in new.items())
    path.write_text(HEAD + text, "utf-8")
    changed = sum(old[key] != new[key] for key in old if key in new)
    print(
        f"{path}: {len(new)} lines: {len(new.keys() - old.keys())} new, "
        f"{len(old.keys() - new.keys())} gone, {changed} with other bits"
    )
    if changed:
        print("Other bits are a breaking change: CHANGELOG.md must say so.")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--after-other-work", action="store_true")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--print", action="store_true")
    mode.add_argument("--check", type=Path, metavar="FILE")
    mode.add_argument("--write", nargs=2, type=Path, metavar=("FILE", "C_PROGRAM"))
    options = parser.parse_args(arguments)
    if options.after_other_work:
        other_work()
    computed = by_name(options.threads[0])
    for n_threads in options.threads[1:]:
        for difference in compare(computed, by_name(n_threads)):
            raise AssertionError(f"{n_threads} threads: {difference}")
    if options.print:
        for (name, dtype), value in computed.items():
            print(name, dtype, value)
    elif options.write:
        write(*options.write, computed)
    else:
        recorded = read(options.check.read_text("utf-8"))
        ours = {key: recorded[key] for key in recorded if key[0].startswith(OURS)}
        differences = compare(ours, computed)
        print("\n".join([*differences, f"{len(ours)} lines compared"]))
        return bool(differences)
    return 0


if __name__ == "__main__":
    sys.exit(main())
