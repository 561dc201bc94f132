"""Peers with scikit-learn's estimator interface: pybackprop and scikit-learn.

Their parameters have the same meaning, so nothing is converted.
"""

import numpy as np
from workloads import SEED


class Clock(np.random.RandomState):
    """Random state that calls ``tick`` when the order of an epoch is drawn.

    Both libraries draw one order at the start of each epoch, so ``tick`` sees the start
    of every epoch without a change of either library.
    """

    def __init__(self, tick):
        super().__init__(SEED)
        self._tick = tick

    def shuffle(self, x):
        self._tick()
        super().shuffle(x)


def settings(workload):
    """Return parameters of an estimator that stops after ``max_iter`` only."""
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
    """Return an estimator of a module with MLPClassifier and MLPRegressor."""
    kind = library.MLPClassifier if workload.classes else library.MLPRegressor
    model = kind(**settings(workload))
    if n_threads is not None and "n_jobs" in model.get_params():
        model.set_params(n_jobs=n_threads)
    return model


class EstimatorTraining:
    """Runs ``fit`` from the initial weights and measures each epoch."""

    def __init__(self, library, workload, table, n_threads):
        self.model = estimator(library, workload, n_threads)
        self.table = table

    def train(self, n_epochs, tick=lambda: None):
        """Fit; return the loss of each epoch.

        L-BFGS draws no order, so its time starts with the fit. Its epochs are
        iterations, of which there may be fewer, and the last loss stands for each.
        """
        self.model.set_params(max_iter=n_epochs, random_state=Clock(tick))
        if self.model.solver == "lbfgs":
            tick()
        self.model.fit(*self.table)
        tick()
        if self.model.solver == "lbfgs":
            return [self.model.loss_] * self.model.n_iter_
        return self.model.loss_curve_
