"""Training data on the workers of a Dask cluster.

The results are those of ArrayData, bit by bit.
"""

import time
from functools import cached_property, partial

import dask
import numpy as np
from distributed import futures_of

from pybackprop import _core
from pybackprop._data.dataset import Dataset, max_examined_rows
from pybackprop._data.weights import require_total_weight
from pybackprop._training.in_memory import batch_size_of
from pybackprop._training.sampling import BlockSampler, epoch_orders
from pybackprop._warnings import warn_caller
from pybackprop.dask._actor_pool import ActorPool, release, wait_for_shards
from pybackprop.dask._checks import add_class_totals, checked_shard
from pybackprop.dask._shard_worker import Batch, Job, ShardWorker, Sums
from pybackprop.dask._shards import BLOCK_ROWS, n_blocks_of, plan_for
from pybackprop.dask._tree_reduction import add_neighbours, root_level


class DaskData:
    """Training data on the workers of a client, with the methods of ArrayData.

    Parameters
    ----------
    client : distributed.Client
    targets : Targets
    n_samples, n_features : int
    dtype : numpy dtype
        Of the network.

    Attributes
    ----------
    n_samples, n_features, dtype
        As given.
    """

    def __init__(self, client, targets, n_samples, n_features, dtype):
        self.targets = targets
        self.n_samples = n_samples
        self.n_features = n_features
        self.dtype = np.dtype(dtype)
        self._client = client
        self._plan = None
        self._shards = []
        self._actor_pool = None

    # ------------------------------------------------------------- where the rows are
    def persist(self, estimator, X, y, sample_weight):
        """Check the rows on the workers, and keep them there.

        Parameters
        ----------
        estimator : estimator
            Not fitted, for messages.
        X, y, sample_weight : dask.array.Array
            Of known chunks; the last may be None.

        Returns
        -------
        list of ShardSummary
        """
        targets = self.targets.detached()
        check = partial(checked_shard, estimator, targets, self.dtype)
        check = dask.delayed(check, pure=False)
        addresses = _in_order_of_rows(self._client, X)
        self._plan = plan_for(self.n_samples, len(addresses))
        runs = self._plan.runs
        for address, run in zip(addresses[: len(runs)], runs, strict=True):
            rows, chunks = slice(*self._plan.rows_of(run)), self._plan.chunks_of(run)
            parts = [_parts(array, rows, chunks) for array in (X, y, sample_weight)]
            self._shards += self._client.compute(
                [check(*arrays) for arrays in zip(*parts, strict=True)],
                workers=[address],
                allow_other_workers=True,
            )
        found = self._client.map(_found, self._shards, pure=False)
        wait_for_shards(self._client, self._shards)
        return self._client.gather(found)

    def class_totals(self, labels):
        """Return the total weight of each class, or of 0 and 1 for each label."""
        totals = None
        for shard in self._shards:  # one after the other: sums have one order
            totals = self._client.submit(
                add_class_totals, totals, shard, labels, pure=False
            )
        return totals.result()

    def hold(self):
        """Make the workers ready to train, once the targets know their classes."""
        targets = self.targets.detached()
        make = partial(ShardWorker, targets, self.n_samples, self._plan.shard_rows)
        self._actor_pool = ActorPool(self._client, self._shards, make)
        if self._weighed is not None:
            largest = [of_shard.largest.max() for of_shard in self._weighed]
            require_total_weight(np.array(largest), "class_weight times sample_weight")

    def close(self):
        """Release everything on the workers."""
        if self._actor_pool is not None:
            self._actor_pool.close()
        release(self._client, self._shards)
        self._shards = []

    # ------------------------------------------------------------------------ weights
    @cached_property
    def _weighed(self):
        """The ShardWeights of each shard; None without weights."""
        weighed = self._by_number("weighed")
        return None if weighed[0] is None else weighed

    @cached_property
    def _largest(self):
        """The largest weight of each block; None without weights."""
        if self._weighed is None:
            return None
        return np.concatenate([of_shard.largest for of_shard in self._weighed])

    @property
    def total_weight(self):
        """Sum of the weights of all rows."""
        if self._weighed is None:
            return self.n_samples
        return np.sum([of_shard.total for of_shard in self._weighed])

    def largest_weight(self, blocks):
        """Return the largest weight in some blocks."""
        if self._largest is None:
            return 1.0
        if isinstance(blocks, range):
            blocks = slice(blocks.start, blocks.stop)
        return self._largest[blocks].max()

    # ------------------------------------------------------------ what the solvers ask
    @cached_property
    def dataset(self):
        """A Dataset of some rows, evenly over the table."""
        n_shards = len(self._shards)
        if self._weighed is None:
            counts = [min(self._plan.shard_rows, self.n_samples)] * n_shards
            n_rows = self.n_samples
        else:
            counts = [of_shard.n_rows for of_shard in self._weighed]
            n_rows = sum(counts)
        max_rows = max_examined_rows(self.n_features)
        before = np.concatenate(([0], np.cumsum(counts)[:-1])).tolist()
        parts = self._by_number("sample_rows", -(-n_rows // max_rows), before)
        X, targets, weights = zip(*parts, strict=True)
        weights = None if weights[0] is None else np.concatenate(weights)
        return Dataset(np.concatenate(X), np.concatenate(targets), weights, None)

    def split_off(self, params, groups, random_state):
        """Not supported on a cluster; the estimator refuses it earlier."""
        raise NotImplementedError

    def training(self, params, network, optimizer):
        """Return what trains a network epoch by epoch, in place."""
        return _DaskTraining(self, params, network, optimizer)

    def objective(self, params, network):
        """Return the objective of all samples, ``f(parameters, gradient)``."""
        summation = _Summation(self, params, network)
        blocks = range(n_blocks_of(self.n_samples))

        def objective(parameters, gradient):
            sums, scale = summation.of(parameters, blocks)
            gradient[:] = sums.gradient
            value, _ = _core.finish_sums(
                network.core, parameters, sums.loss, sums.weight, scale, gradient
            )
            return value

        return objective

    def call(self, method, *args):
        """Return the values of all replies, and the seconds of each worker."""
        answers = self._actor_pool.call(method, *args)
        return [a.value for a in answers], [a.seconds for a in answers]

    def _by_number(self, method, *args):
        """Return the values of a method for each shard, in the table's order."""
        values, _ = self.call(method, *args)
        by_number = {
            number: v for of_worker in values for number, v in of_worker.items()
        }
        return [by_number[number] for number in sorted(by_number)]


class _Summation:
    """Sums the losses and gradients of a batch of blocks."""

    def __init__(self, rows, params, network, optimizer=None):
        self._rows = rows
        self._clock = _Clock()
        self._job = Job(
            network={
                "layer_sizes": network.layer_sizes,
                "activation": network.activation,
                "output_activation": network.output_activation,
                "loss": network.loss,
                "loss_parameter": network.loss_parameter,
                "dtype": network.dtype.name,
            },
            dropout=None if optimizer is None else optimizer.dropout,
            dropout_seed=0 if optimizer is None else optimizer.dropout_seed,
            n_jobs=params.n_jobs,
        )

    def of(self, parameters, blocks, epoch=0, seed=None):
        """Return the unfinished Sums of a batch, and the scale of its weights."""
        scale = _core.weight_scale(self._rows.largest_weight(blocks))
        batch = Batch(blocks, scale, epoch, seed)
        began = time.perf_counter()
        parts, seconds = self._rows.call("sums", self._job, parameters, batch)
        n_blocks = len(blocks)
        sums = {node: value for part in parts for node, value in part.items()}
        sums = add_neighbours(sums, n_blocks, Sums.__add__)
        self._clock.count(time.perf_counter() - began, sum(seconds))
        root = sums[root_level(n_blocks), 0]
        root.gradient = np.require(root.gradient, requirements="AW")
        return root, scale


class _DaskTraining:
    """Trains a network on a cluster, epoch by epoch."""

    def __init__(self, rows, params, network, optimizer):
        self.n_samples = rows.n_samples
        self.batch_size = batch_size_of(params.batch_size, rows.n_samples)
        self._rows = rows
        self._network = network
        self._optimizer = optimizer
        self._solver = _core.Solver(network.core, network.parameters, optimizer)
        self._summation = _Summation(rows, params, network, optimizer)

    def epoch_orders(self, shuffle, random_state):
        """Yield the order of the samples for each epoch."""
        return epoch_orders(self.n_samples, self.batch_size, shuffle, random_state)

    def epoch(self, order):
        """Train for one epoch, and return what _core.Training.epoch returns."""
        n_blocks = n_blocks_of(self.n_samples)
        size = n_blocks_of(self.batch_size)
        blocks = order.blocks if isinstance(order, BlockSampler) else range(n_blocks)
        batches = [blocks[first : first + size] for first in range(0, n_blocks, size)]
        weighing = [i for i in range(len(batches)) if self._weighs(batches[i])]
        loss = penalty = 0.0
        n_counted = 0
        for index in weighing:
            place = index, len(batches), index == weighing[-1]
            value, norm = self._step(batches[index], order, place)
            n_rows = self._rows_in(batches[index])
            loss += value[0] * n_rows
            penalty += value[1] * n_rows
            n_counted += n_rows
        self._optimizer.n_epochs += 1
        finite = _core.all_finite(self._network.parameters)
        return loss / n_counted, finite, penalty / n_counted, norm

    def _step(self, blocks, order, place):
        """Return objective and penalty of a batch, and its gradient's norm or None."""
        network, parameters = self._network, self._network.parameters
        seed = order.seed if isinstance(order, BlockSampler) else None
        sums, scale = self._summation.of(
            parameters, blocks, self._optimizer.n_epochs, seed
        )
        value = _core.finish_sums(
            network.core, parameters, sums.loss, sums.weight, scale, sums.gradient
        )
        return value, self._solver.take_step(sums.gradient, *place)

    def _weighs(self, blocks):
        return self._rows.largest_weight(blocks) > 0

    def _rows_in(self, blocks):
        """Return the number of rows; only the table's last block may have fewer."""
        missing = (int(blocks[-1]) + 1) * BLOCK_ROWS - self.n_samples
        return len(blocks) * BLOCK_ROWS - max(0, missing)


class _Clock:
    """Warns once that the cluster does not speed up this fit."""

    # A cluster answers within 5 to 20 ms, whatever is asked.
    _SHORT_STEP = 0.02
    _N_STEPS = 20

    def __init__(self):
        self._steps = []

    def count(self, whole, computing):
        """Count a step: seconds that it took, and that all workers computed."""
        if len(self._steps) == self._N_STEPS:
            return
        self._steps.append((whole, computing))
        if len(self._steps) < self._N_STEPS:
            return
        whole, computing = np.median(self._steps, axis=0)
        if computing < min(self._SHORT_STEP, whole):
            warn_caller(
                f"One machine would be faster: a step takes {1000 * whole:.1f} ms on "
                f"the cluster, of which the workers compute {1000 * computing:.1f} ms "
                "in all. Fit the local estimator, or take larger batches."
            )


def _parts(array, rows, chunks):
    """Return some rows of a Dask array as one Delayed per chunk."""
    if array is None:
        return [None] * len(chunks)
    array = array[rows]
    return array.rechunk({0: chunks}).to_delayed().ravel().tolist()


def _found(shard):
    return shard.found


def _in_order_of_rows(client, X):
    """Return the addresses of all workers, those with the first rows first.

    Keys of the chunks of an array that was persisted end with their numbers.
    """
    places = {address: [] for address in client.nthreads()}
    holders = client.who_has(futures_of(X))
    for key, addresses in holders.items():
        is_numbered = isinstance(key, tuple) and len(key) > 1
        for address in addresses:
            if is_numbered and address in places:
                places[address].append(key[1])
    return sorted(
        places, key=lambda a: (np.median(places[a]) if places[a] else np.inf, a)
    )
