"""Holds the shards of a worker, and sums losses and gradients over them."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
from distributed import get_worker

from pybackprop import _core
from pybackprop._threads import effective_n_threads
from pybackprop._training.sampling import BlockSampler
from pybackprop.dask._actor_pool import replying
from pybackprop.dask._shards import BLOCK_ROWS
from pybackprop.dask._tree_reduction import add_neighbours, nodes_over
from pybackprop.network import Network


@dataclass(frozen=True)
class Job:
    """What sums are computed of: network and dropout.

    Attributes
    ----------
    network : dict
        Keyword arguments of ``Network``.
    dropout : ndarray or None
        Rates of the layers.
    dropout_seed : int
    n_jobs : int or None
        None for as many threads as the worker has.
    key : str
        Of this job alone.
    """

    network: dict
    dropout: Any
    dropout_seed: int
    n_jobs: int | None
    key: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Batch:
    """Whole row blocks, whose places in ``blocks`` are the leaves of the tree of sums.

    Attributes
    ----------
    blocks : range or ndarray of int64
        Numbers of blocks of the table.
    scale : float
        Of all weights.
    epoch : int
        Of dropout.
    seed : int or None
        Of a BlockSampler's order of the rows in a block; None as they lie.
    """

    blocks: Any
    scale: float
    epoch: int = 0
    seed: int | None = None


@dataclass
class Sums:
    """The sums of s l, of s, and of s dl/dtheta at a node, with scaled weights s."""

    loss: float
    weight: float
    gradient: np.ndarray

    def __add__(self, right):
        place = self.gradient if self.gradient.flags.writeable else None
        return Sums(
            self.loss + right.loss,
            self.weight + right.weight,
            np.add(self.gradient, right.gradient, out=place),
        )


@dataclass
class ShardWeights:
    """Number, sum and largest values of the weights in a shard.

    Attributes
    ----------
    n_rows : int
        Rows whose weight is not 0.
    total : float
    largest : ndarray
        Of each block.
    """

    n_rows: int
    total: float
    largest: np.ndarray


class ShardWorker:
    """The shards of a worker, converted for the core at the first use.

    Parameters
    ----------
    targets : Targets
        Knows the classes and their weights, if there are any.
    n_samples, shard_rows : int
        Of the whole table, and of each shard but the last.
    numbers : list of int
    *shards : Shard
    """

    def __init__(self, targets, n_samples, shard_rows, numbers, *shards):
        self._targets = targets
        self._n_samples = n_samples
        self._shard_rows = shard_rows
        self._shards = dict(zip(numbers, shards, strict=True))
        self._encoded = None
        self._job = None
        self._order = None

    @replying
    def weighed(self):
        """Return the ShardWeights of each shard, by number; None without weights."""
        self._encode()
        return {
            number: None if weights is None else _weighed(weights)
            for number, (_, _, weights) in self._encoded.items()
        }

    @replying
    def sample_rows(self, step, counts):
        """Return X, targets and weights of every ``step``-th row with a weight.

        ``counts`` has for each shard how many such rows there are before it.
        """
        self._encode()
        return {
            number: _every(step, counts[number], *arrays)
            for number, arrays in self._encoded.items()
        }

    @replying
    def sums(self, job, parameters, batch):
        """Return the Sums of the nodes of a batch that have no neighbour here."""
        self._start(job)
        parameters = _aligned(parameters)
        sums = {}
        n_blocks = len(batch.blocks)
        for number, block_sums in self._block_sums.items():
            first_row = number * self._shard_rows
            n_rows = len(self._encoded[number][0])
            for first, end in _places(batch.blocks, first_row, n_rows):
                for level, index, a, b in nodes_over(first, end, n_blocks):
                    gradient = np.empty_like(parameters)
                    loss, weight = block_sums.add_up(
                        parameters,
                        self._order_of(batch, batch.blocks[a:b], first_row, n_rows),
                        gradient,
                        batch.scale,
                        dropout_seed=job.dropout_seed,
                        epoch=batch.epoch,
                        first_row=first_row,
                    )
                    sums[level, index] = Sums(loss, weight, gradient)
                    sums = add_neighbours(sums, n_blocks, Sums.__add__)
        return sums

    def _order_of(self, batch, blocks, first_row, n_rows):
        """Return the rows of a shard in the order in which a batch uses them."""
        if batch.seed is None:
            start = blocks[0] * BLOCK_ROWS - first_row
            rows = np.arange(start, min(start + len(blocks) * BLOCK_ROWS, n_rows))
            return None if len(rows) == n_rows else rows
        if self._order is None or self._order.seed != batch.seed:
            self._order = BlockSampler(self._n_samples, BLOCK_ROWS, batch.seed)
        return self._order.rows_of(blocks) - first_row

    def _encode(self):
        """Convert X, targets and weights of each shard for the core."""
        if self._encoded is None:
            self._encoded = {
                number: tuple(map(_aligned, self._core_arrays(shard)))
                for number, shard in self._shards.items()
            }

    def _core_arrays(self, shard):
        encoded = self._targets.encode(shard.y, shard.X.dtype)
        weights = self._targets.weigh(
            encoded, shard.sample_weight, "sample_weight", may_be_zero=True
        )
        return shard.X, encoded, weights

    def _start(self, job):
        """Prepare for the sums of a job."""
        if self._job == job.key:
            return
        self._encode()
        network = Network(**job.network, random_state=0).core
        n_jobs = get_worker().state.nthreads if job.n_jobs is None else job.n_jobs
        self._block_sums = {
            number: _core.BlockSums(
                network,
                _core.Samples(X, network.dtype),
                self._targets.core_targets(targets, network.dtype),
                weights,
                len(X),
                effective_n_threads(n_jobs),
                _aligned(job.dropout),
            )
            for number, (X, targets, weights) in self._encoded.items()
        }
        self._job = job.key


def _aligned(array):
    """Return an aligned array, or None: received arrays may be unaligned."""
    return None if array is None else np.require(array, requirements="A")


def _places(blocks, first_row, n_rows):
    """Return the ranges of places in a batch that hold blocks of a shard."""
    first, end = first_row // BLOCK_ROWS, -(-(first_row + n_rows) // BLOCK_ROWS)
    if isinstance(blocks, range):
        first, end = max(first, blocks.start), min(end, blocks.stop)
        return [(first - blocks.start, end - blocks.start)] if first < end else []
    places = np.flatnonzero((first <= blocks) & (blocks < end))
    if len(places) == 0:
        return []
    starts = np.flatnonzero(np.diff(places, prepend=places[0] - 2) > 1)
    lengths = np.diff(starts, append=len(places))
    return [(int(p), int(p + n)) for p, n in zip(places[starts], lengths, strict=True)]


def _weighed(weights):
    starts = np.arange(0, len(weights), BLOCK_ROWS)
    with np.errstate(over="ignore"):
        total = weights.sum()
    largest = np.maximum.reduceat(weights, starts)
    return ShardWeights(np.count_nonzero(weights), total, largest)


def _every(step, count, X, targets, weights):
    rows = np.arange(len(X)) if weights is None else np.flatnonzero(weights)
    rows = rows[-count % step :: step]
    return X[rows], targets[rows], None if weights is None else weights[rows]
