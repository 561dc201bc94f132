"""Defines the workloads: data, network and solver, the same for every peer.

Data, initial weights and the order of rows come from one seed each, so the loss curves
of all peers can be compared. Tables with the shape of a published data set are random:
the time of an epoch depends on the shape, not on the values.
"""

from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np

SEED = 0


@dataclass(frozen=True)
class Workload:
    """A table, a network and a solver.

    ``classes`` is 0 for a regression with one output; a ``density`` below 1 asks for
    a CSR matrix; ``source`` is a data set of scikit-learn, or ``drawn``.
    """

    name: str
    rows: int
    features: int
    hidden: tuple
    batch: int
    classes: int = 2
    activation: str = "relu"
    solver: str = "adam"
    density: float = 1.0
    source: str = "drawn"
    alpha: float = 1e-4
    rows_of: int = 0

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))  # JSON has lists

    @property
    def sizes(self):
        """Number of units of each layer, features first."""
        return (self.features, *self.hidden, self.classes if self.classes > 2 else 1)

    @property
    def n_parameters(self):
        return sum((a + 1) * b for a, b in pairwise(self.sizes))

    @property
    def batches(self):
        return -(-self.rows // self.batch)

    @property
    def flops(self):
        """Number of multiplications and additions of an epoch.

        A weight takes part in three products per row, each with a multiplication and an
        addition: forward A W, gradient A' D, and backward D W'. The first layer has no
        backward product. A stored element of a sparse row counts like a feature of a
        dense row.
        """
        products = list(pairwise(self.sizes))
        first = products[0][0] * products[0][1] * self.density
        others = sum(a * b for a, b in products[1:])
        return (4 * first + 6 * others) * self.rows

    def shortened(self, seconds):
        """Return the workload with fewer rows if an epoch would take longer.

        Estimates the time of a slow peer from 25 GF/s, 0.2 ms per batch, and 10 ns per
        parameter for Adam's step. ``rows_of`` then is the original number of rows. A
        full batch stays a full batch; otherwise at least four batches remain.
        """
        per_batch = 2e-4 + 1e-8 * self.n_parameters
        guess = self.flops / 25e9 + self.batches * per_batch
        rows = int(self.rows * seconds / guess)
        if self.batches == 1:
            rows = max(rows, min(20, self.rows))
        else:
            rows = max(rows // self.batch, 4) * self.batch
        if rows >= self.rows:
            return self
        batch = rows if self.batches == 1 else self.batch
        return replace(self, rows=rows, batch=batch, rows_of=self.rows_of or self.rows)

    def as_dict(self):
        return asdict(self)


DIGITS = Workload("digits", 1797, 64, (100,), batch=200, classes=10, source="digits")
EPOCHS = [
    DIGITS,
    Workload("iris", 150, 4, (100,), batch=150, classes=3, source="iris"),
    Workload("50,000 x 50", 50_000, 50, (256, 128), batch=256),
    Workload("10,000 x 20", 10_000, 20, (64, 64), batch=32),
    Workload("60,000 x 784", 60_000, 784, (512, 256), batch=128, classes=10),
    # The network of Baldi, Sadowski and Whiteson (2014), without its 11 million rows.
    Workload("HIGGS network", 50_000, 28, (300,) * 5, batch=100, activation="tanh"),
    Workload("CSR, 1 % dense", 10_000, 2_000, (64,), batch=200, density=0.01),
]
FULL_BATCH = Workload(
    "digits, L-BFGS", 1797, 64, (100,), 1797, 10, solver="lbfgs", source="digits"
)
TWENTY_ROWS = Workload("20 rows", 20, 4, (100,), batch=20)


def table(workload, dtype):
    """Return X, an array or CSR matrix, and y, class numbers or targets of dtype."""
    if workload.source != "drawn":
        import sklearn.datasets
        from sklearn.preprocessing import StandardScaler

        load = getattr(sklearn.datasets, f"load_{workload.source}")
        X, y = load(return_X_y=True)
        # Pixels from 0 to 1: a pixel that is rarely set would be far out of the scale
        # of the others, and scikit-learn's clipped loss would differ in float32.
        X = X / 16 if workload.source == "digits" else StandardScaler().fit_transform(X)
        return np.ascontiguousarray(X[: workload.rows], dtype), y[: workload.rows]
    random = np.random.default_rng(SEED)
    if workload.density < 1:
        X = _sparse_rows(workload, dtype, random)
    else:
        shape = workload.rows, workload.features
        X = random.standard_normal(shape, dtype=np.float32).astype(dtype)
    n_scores = max(workload.classes, 1)
    directions = random.standard_normal((workload.features, n_scores)).astype(dtype)
    scores = X @ directions
    scores += random.standard_normal(scores.shape).astype(dtype)
    if workload.classes == 0:
        return X, np.ascontiguousarray(scores[:, 0] / scores.std())
    y = scores.argmax(axis=1)
    # No class may be missing, and with few rows one would be.
    y[: workload.classes] = np.arange(workload.classes)[: workload.rows]
    return X, y


def _sparse_rows(workload, dtype, random):
    """Each row has the same number of elements, in columns drawn at random."""
    import scipy.sparse

    n_per_row = max(1, round(workload.density * workload.features))
    columns = random.random((workload.rows, workload.features), dtype=np.float32)
    columns = np.sort(np.argpartition(columns, n_per_row - 1)[:, :n_per_row], axis=1)
    values = random.standard_normal(columns.size).astype(dtype)
    starts = np.arange(0, columns.size + 1, n_per_row)
    shape = workload.rows, workload.features
    return scipy.sparse.csr_matrix((values, columns.ravel(), starts), shape)


def initial_layers(workload, dtype, random_state):
    """Draw (W, b) of each layer as scikit-learn and pybackprop do."""
    factor = 2 if workload.activation == "logistic" else 6
    layers = []
    for fan_in, fan_out in pairwise(workload.sizes):
        bound = np.sqrt(factor / (fan_in + fan_out))
        W = random_state.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype)
        b = random_state.uniform(-bound, bound, fan_out).astype(dtype)
        layers.append((W, b))
    return layers


def start(workload, dtype):
    """Return the initial layers and an iterator over the order of rows per epoch.

    Each epoch draws a permutation and applies it to the previous order, as both
    estimators do. The time of an epoch includes this for every peer.
    """
    random_state = np.random.RandomState(SEED)
    layers = initial_layers(workload, dtype, random_state)

    def orders():
        order = np.arange(workload.rows)
        while True:
            permutation = np.arange(workload.rows)
            random_state.shuffle(permutation)
            order = order[permutation]
            yield order

    return layers, orders()
