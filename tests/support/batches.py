"""Makes a small table, batches of its rows, and a model fitted to them."""

import threading

import numpy as np

from pybackprop import MLPClassifier

RNG = np.random.RandomState(0)
X = RNG.standard_normal((300, 5))
VALUES = X @ RNG.standard_normal((5, 2))
CODES = np.digitize(VALUES[:, 0], [-1, 1])
LABELS = (VALUES > 0).astype(int)
NAMES = np.array(["bad", "fair", "good"])[CODES]
WEIGHTS = RNG.uniform(size=300)
WEIGHTS[64:128] = 0  # one whole batch
PARAMS = {
    "hidden_layer_sizes": (6, 4),
    "max_iter": 5,
    "random_state": 0,
    "shuffle": False,
    "batch_size": 64,
}


def cut(*arrays, size=64):
    """Return batches of the rows of some arrays; None stays None."""
    return [
        tuple(None if a is None else a[i : i + size] for a in arrays)
        for i in range(0, arrays[0].shape[0], size)
    ]


def fitted(**options):
    return MLPClassifier(**PARAMS | options).fit(X, CODES)


def no_reader_left():
    """Return whether the threads that prefetch batches end in time."""
    for thread in threading.enumerate():
        if "reader" in thread.name:
            thread.join(30)
            if thread.is_alive():
                return False
    return True
