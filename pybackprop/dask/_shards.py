"""Plans which worker holds which runs of whole row blocks.

A shard has 2**k blocks and begins at a multiple of that, so the sum over all of its
rows is one node of the tree of sums.
"""

from dataclasses import dataclass

import numpy as np

from pybackprop import _core

BLOCK_ROWS = _core.BLOCK_ROWS
# Enough for an even share, few enough for the scheduler.
_SHARDS_A_WORKER = 8
# A run may be longer or shorter by this share, to end where more is added up at home.
_TOLERANCE = 0.06


@dataclass(frozen=True)
class Plan:
    """How a table is divided into shards.

    Attributes
    ----------
    n_samples : int
    shard_blocks : int
        Row blocks of a shard, 2**k; the last shard may have fewer.
    runs : list of range
        Shards of each worker, side by side; none is empty.
    """

    n_samples: int
    shard_blocks: int
    runs: list

    @property
    def shard_rows(self):
        """Number of rows in each shard but the last."""
        return self.shard_blocks * BLOCK_ROWS

    def rows_of(self, shards):
        """Return the first row of adjacent shards, and the row after their last."""
        first, end = shards[0] * self.shard_rows, (shards[-1] + 1) * self.shard_rows
        return first, min(end, self.n_samples)

    def chunks_of(self, shards):
        """Return the numbers of rows of some shards."""
        pairs = (self.rows_of([shard]) for shard in shards)
        return tuple(end - first for first, end in pairs)


def n_blocks_of(n_samples):
    """Return the number of row blocks of a table; the last may be shorter."""
    return -(-n_samples // BLOCK_ROWS)


def plan_for(n_samples, n_workers):
    """Return a Plan that gives each worker about the same number of rows."""
    n_blocks = n_blocks_of(n_samples)
    exponent = max(0, n_blocks // (_SHARDS_A_WORKER * n_workers)).bit_length() - 1
    shard_blocks = 2 ** max(0, exponent)
    n_shards = -(-n_blocks // shard_blocks)
    share = n_shards / n_workers
    cuts = sorted({0, n_shards, *(_cut(i * share, share) for i in range(1, n_workers))})
    runs = [range(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
    return Plan(n_samples, shard_blocks, runs)


def _cut(ideal, share):
    """Return the multiple of the largest power of two that is close to ideal."""
    low = int(np.ceil(ideal - _TOLERANCE * share))
    high = int(ideal + _TOLERANCE * share)
    if high < low or low < 1:
        return round(ideal)
    return max(range(low, high + 1), key=lambda cut: (cut & -cut, -abs(cut - ideal)))
