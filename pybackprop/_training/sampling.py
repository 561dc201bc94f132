"""Draws the order of the samples for each epoch."""

import numpy as np

from pybackprop import _core

# Rows whose order is in memory at once: 2 MB.
_CHUNK_ROWS = 2**18


def epoch_orders(n_samples, batch_size, shuffle, random_state):
    """Yield the order of the samples for each epoch.

    Parameters
    ----------
    n_samples, batch_size : int
    shuffle : bool or "blocks"
    random_state : RandomState
        Drawn from once per epoch, at its beginning.

    Yields
    ------
    None, ndarray of int64 or BlockSampler
        None stands for all rows as they lie; an array has their positions.
    """
    if shuffle == "blocks":
        while True:
            seed = int(random_state.randint(2**63 - 1, dtype=np.int64))
            yield BlockSampler(n_samples, batch_size, seed)
    if not shuffle:
        while True:
            yield None
    in_turn = np.arange(n_samples, dtype=np.int64)
    positions = in_turn
    while True:
        # One permutation per epoch, applied to the order of the last one.
        permutation = in_turn.copy()
        random_state.shuffle(permutation)
        positions = positions.take(permutation)
        yield positions


class BlockSampler:
    """Draws blocks of rows in random order, and the rows within each block.

    Blocks have ``_core.BLOCK_ROWS`` rows, counted from the start of X. A shorter last
    block stays last. A batch of whole blocks sorts them by position, so that
    neighbouring blocks are neighbours in the tree of sums, and a machine that holds
    both can add them.

    The order is a function of the seed, and any part of it can be computed alone, so it
    is neither stored nor sent.

    Parameters
    ----------
    n_samples, batch_size : int
    seed : int
        At least 0 and below 2 ** 64.

    Attributes
    ----------
    blocks : ndarray of int64
        Numbers of the blocks in their order.
    """

    def __init__(self, n_samples, batch_size, seed):
        self.n_samples = n_samples
        self.batch_size = batch_size
        self.seed = seed
        n_whole, left = divmod(n_samples, _core.BLOCK_ROWS)
        blocks = _numbers(seed, np.arange(n_whole, dtype=np.uint64), _OF_BLOCKS)
        blocks = blocks.argsort()
        per_batch, cut = divmod(batch_size, _core.BLOCK_ROWS)
        if cut == 0:
            n_full = n_whole // per_batch * per_batch
            blocks[:n_full].reshape(-1, per_batch).sort(axis=1)
            blocks[n_full:].sort()
        self.blocks = np.append(blocks, [n_whole] if left else []).astype(np.int64)

    def rows_of(self, blocks):
        """Return the rows of some blocks, given by number, in this epoch's order.

        Returns
        -------
        ndarray of int64
        """
        size = _core.BLOCK_ROWS
        whole = blocks[(blocks + 1) * size <= self.n_samples]
        rows = whole[:, np.newaxis] * size + np.arange(size)
        within = _numbers(self.seed, rows.astype(np.uint64), _OF_ROWS).argsort(axis=1)
        rows = np.take_along_axis(rows, within, axis=1).ravel()
        if len(whole) == len(blocks):
            return rows
        last = np.arange(self.n_samples // size * size, self.n_samples)
        within = _numbers(self.seed, last.astype(np.uint64), _OF_ROWS).argsort()
        return np.append(rows, last[within])

    def chunks(self):
        """Yield the order of an epoch in chunks of whole batches.

        Yields
        ------
        tuple of int, ndarray of int64 and bool
            Number of the first batch, rows, and whether the epoch ends with them.
        """
        size = max(1, _CHUNK_ROWS // self.batch_size) * self.batch_size
        for start in range(0, self.n_samples, size):
            stop = min(start + size, self.n_samples)
            first = start // _core.BLOCK_ROWS
            rows = self.rows_of(self.blocks[first : -(-stop // _core.BLOCK_ROWS)])
            skip = start - first * _core.BLOCK_ROWS
            piece = np.ascontiguousarray(rows[skip : skip + stop - start])
            yield start // self.batch_size, piece, stop == self.n_samples


# splitmix64 (Steele, Lea & Flood 2014), whose n-th number can be had by itself: it maps
# the 64-bit numbers one to one, so no two rows draw the same.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_OF_BLOCKS, _OF_ROWS = np.uint64(0), np.uint64(1)


def _numbers(seed, counts, stream):
    """Return 64-bit random numbers, one per count below 2 ** 63, all different."""
    start = _mixed(np.array([seed], np.uint64) + stream * _GAMMA)
    return _mixed(start + (counts + np.uint64(1)) * _GAMMA)


def _mixed(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
