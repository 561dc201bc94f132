"""A scikit-learn-like MLP as a peer: pybackprop's estimators and scikit-learn's own.

Nothing is converted: the parameters mean the same, and the losses show it.
"""

import numpy as np
from workloads import SEED


class Clock(np.random.RandomState):
    """Random numbers that call ``tick`` whenever the order of an epoch is drawn.

    Both libraries draw one order an epoch, as its first act, so the beginnings of the
    epochs inside ``fit`` are seen without a change to either.
    """

    def __init__(self, tick):
        super().__init__(SEED)
        self._tick = tick

    def shuffle(self, x):
        self._tick()
        super().shuffle(x)


def settings(workload):
    """Parameters of either library's estimator, with no end but ``max_iter``."""
    return {
        "hidden_layer_sizes": workload.hidden,
        "activation": workload.activation,
        "solver": workload.solver,
        "alpha": workload.alpha,
        "batch_size": workload.batch,
        "tol": 0.0,
        "n_iter_no_change": np.inf,
        "random_state": SEED,
    }


def estimator(library, workload, n_threads=None):
    """An estimator of a module that has MLPClassifier and MLPRegressor."""
    kind = library.MLPClassifier if workload.classes else library.MLPRegressor
    model = kind(**settings(workload))
    if n_threads is not None and "n_jobs" in model.get_params():
        model.set_params(n_jobs=n_threads)
    return model


class EstimatorTraining:
    """``fit`` from the initial weights, epoch by epoch under a clock."""

    def __init__(self, library, workload, table, n_threads):
        self.model = estimator(library, workload, n_threads)
        self.table = table

    def train(self, n_epochs, tick=lambda: None):
        """Losses of the epochs.

        L-BFGS draws no order, so its clock starts with the fit; an epoch is then an
        iteration, of which there may be fewer, and all have the last loss.
        """
        self.model.set_params(max_iter=n_epochs, random_state=Clock(tick))
        if self.model.solver == "lbfgs":
            tick()
        self.model.fit(*self.table)
        tick()
        if self.model.solver == "lbfgs":
            return [self.model.loss_] * self.model.n_iter_
        return self.model.loss_curve_
