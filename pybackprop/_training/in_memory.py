"""Trains on arrays in memory, or in a memory-mapped file.

The solvers use training data through the methods of ArrayData, wherever the samples
are: BatchData reads them batch by batch, and DaskData leaves them on a cluster.
"""

from pybackprop import _core
from pybackprop._data.dataset import take_rows
from pybackprop._threads import effective_n_threads
from pybackprop._training.sampling import BlockSampler, epoch_orders
from pybackprop._training.validation import split_off
from pybackprop._warnings import warn_caller


class ArrayData:
    """Training data in arrays.

    Parameters
    ----------
    table : Dataset
    targets : Targets
    chosen : ndarray of int64 or None
        The rows of the table that are trained on; None for all.

    Attributes
    ----------
    n_samples, n_features : int
    dtype : numpy dtype
    total_weight : float
        Sum of the weights of all samples.
    dataset : Dataset
        The table. The diagnosis of a fit looks at some of its rows.
    targets : Targets
    """

    def __init__(self, table, targets, chosen=None):
        self.dataset = table
        self.targets = targets
        self.chosen = chosen
        self.n_samples = table.X.shape[0] if chosen is None else len(chosen)
        self.n_features = table.X.shape[1]
        self.dtype = table.X.dtype

    @property
    def total_weight(self):
        weights = self.dataset.sample_weight
        return self.n_samples if weights is None else weights.sum()

    def close(self):
        """Release what is held outside of this process: nothing."""

    def split_off(self, params, groups, random_state):
        """Split off a validation set.

        Returns
        -------
        rest : ArrayData
        validation_set : Dataset
        rows : tuple of ndarray
            The rows of both.
        """
        strata = self.targets.strata(self.dataset.targets)
        rows = split_off(
            params.validation_fraction, self.dataset, strata, groups, random_state
        )
        train, validation = rows
        rest = ArrayData(self.dataset, self.targets, train)
        return rest, self.dataset.take(validation), rows

    def training(self, params, network, optimizer):
        """Return what trains a network epoch by epoch, in place."""
        return _ArrayTraining(self, params, network, optimizer)

    def objective(self, params, network):
        """Return the objective of all samples, ``f(parameters, gradient)``.

        It returns the value and writes the gradient.
        """
        samples, targets, weights = self.core_arguments(network)
        workspace = _core.objective_workspace(
            network.core, self.n_samples, effective_n_threads(params.n_jobs)
        )

        def objective(parameters, gradient):
            return network.core.objective(
                parameters, samples, targets, weights, gradient, workspace=workspace
            )

        return objective

    def core_arguments(self, network):
        """Return samples, targets and weights in the form that the core takes."""
        table = self.dataset
        return (
            _core.Samples(table.X, network.dtype),
            self.targets.core_targets(table.targets, network.dtype),
            table.sample_weight,
        )


class _ArrayTraining:
    """Trains a network on arrays, epoch by epoch."""

    def __init__(self, data, params, network, optimizer):
        self.chosen = data.chosen
        self.n_samples = data.n_samples
        self.batch_size = batch_size_of(params.batch_size, data.n_samples)
        self.core = _core.Training(
            network.core,
            network.parameters,
            optimizer,
            *data.core_arguments(network),
            self.batch_size,
            effective_n_threads(params.n_jobs),
        )

    def epoch_orders(self, shuffle, random_state):
        """Yield the order of the samples for each epoch."""
        return epoch_orders(self.n_samples, self.batch_size, shuffle, random_state)

    def epoch(self, order):
        """Train for one epoch, and return what _core.Training.epoch returns."""
        if isinstance(order, BlockSampler):
            return self._epoch_of_chunks(order)
        return self.core.epoch(self._rows_at(order))

    def _epoch_of_chunks(self, order):
        n_batches = -(-self.n_samples // self.batch_size)
        self.core.begin_epoch()
        for first_batch, positions, is_last in order.chunks():
            rows = self._rows_at(positions)
            self.core.part(rows, first_batch, n_batches, 0, is_last)
        return self.core.end_epoch()

    def _rows_at(self, positions):
        """Return the table's rows at positions of the chosen rows; None for all."""
        if self.chosen is None or positions is None:
            return self.chosen if positions is None else positions
        return take_rows(self.chosen, positions)


def batch_size_of(batch_size, n_samples):
    """Return the number of samples per batch that a parameter asks for."""
    if isinstance(batch_size, str):
        return min(200, n_samples)
    if batch_size > n_samples:
        warn_caller(
            f"batch_size={batch_size} is larger than the {n_samples} training samples. "
            "It is going to be clipped."
        )
    return min(int(batch_size), n_samples)
