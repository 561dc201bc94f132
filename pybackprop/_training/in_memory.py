"""Training rows that lie in this process's memory, or in a file that is mapped there.

What the solvers ask of training rows, wherever these are, is the class InMemory:
they see numbers of rows and weights, an objective, and epochs.
"""

from pybackprop import _core
from pybackprop._data.dataset import take_rows
from pybackprop._training.sampling import BlockOrder, orders
from pybackprop._training.validation import split_off
from pybackprop._warnings import warn_caller


class InMemory:
    """A Table to train on.

    Parameters
    ----------
    table : Table
    chosen : ndarray of int64 or None
        The rows of it that are trained on; None for all.

    Attributes
    ----------
    n_samples, n_features : int
    dtype : numpy dtype
    given_weight : ndarray of shape (n_samples,) or None
        sample_weight without the weights of classes.
    table : Table
        In which the diagnosis of a fit looks at some rows.
    """

    def __init__(self, table, chosen=None):
        self.table = table
        self.chosen = chosen
        self.n_samples = table.X.shape[0] if chosen is None else len(chosen)
        self.n_features = table.X.shape[1]
        self.dtype = table.X.dtype
        self.given_weight = table.given_weight

    @property
    def total_weight(self):
        """Sum of the weights of all rows."""
        weights = self.table.sample_weight
        return self.n_samples if weights is None else weights.sum()

    def split_off(self, model, groups, random_state):
        """What is left of the rows, a Table to validate on, and what tells both."""
        train, validation = split_off(model, self.table, groups, random_state)
        rest = InMemory(self.table, train)
        return rest, self.table.take(validation), (train, validation)

    def training(self, model, network, optimizer, n_threads):
        """What trains a network epoch by epoch, changing its parameters in place."""
        return _Training(self, model, network, optimizer, n_threads)

    def objective(self, model, network, n_threads):
        """The objective of all rows: f(parameters, gradient), which is written to."""
        samples, targets, weights = self.read(model, network)
        workspace = _core.objective_workspace(network.core, self.n_samples, n_threads)

        def objective(parameters, gradient):
            return network.core.objective(
                parameters, samples, targets, weights, gradient, workspace=workspace
            )

        return objective

    def read(self, model, network):
        """Samples, targets and weights as the core reads them."""
        table = self.table
        return (
            _core.Samples(table.X, network.dtype),
            model._core_targets(table.targets, network.dtype),
            table.sample_weight,
        )


class _Training:
    """The epochs of one fit."""

    def __init__(self, rows, model, network, optimizer, n_threads):
        self.chosen = rows.chosen
        self.n_samples = rows.n_samples
        self.batch_size = batch_size_of(model.batch_size, rows.n_samples)
        self.core = _core.Training(
            network.core,
            network.parameters,
            optimizer,
            *rows.read(model, network),
            self.batch_size,
            n_threads,
        )

    def orders(self, shuffle, random_state):
        """The order of each epoch in turn."""
        return orders(self.n_samples, self.batch_size, shuffle, random_state)

    def epoch(self, order):
        """One epoch; as _core.Training has it."""
        if isinstance(order, BlockOrder):
            return self._epoch_of_pieces(order)
        return self.core.epoch(self._rows_at(order))

    def _epoch_of_pieces(self, order):
        n_batches = -(-self.n_samples // self.batch_size)
        self.core.epoch_begins()
        for first_batch, positions, is_last in order.pieces():
            rows = self._rows_at(positions)
            self.core.part(rows, first_batch, n_batches, 0, is_last)
        return self.core.epoch_ends()

    def _rows_at(self, positions):
        """Rows of the table at some positions of the chosen ones; None for all."""
        if self.chosen is None or positions is None:
            return self.chosen if positions is None else positions
        return take_rows(self.chosen, positions)


def batch_size_of(batch_size, n_samples):
    """The number of rows of a batch that a parameter asks for."""
    if isinstance(batch_size, str):
        return min(200, n_samples)
    if batch_size > n_samples:
        warn_caller(
            f"batch_size={batch_size} is larger than the {n_samples} training samples. "
            "It is going to be clipped."
        )
    return min(int(batch_size), n_samples)
