"""Bugs in pybackprop/dask: the tree in parts, what travels, what is left behind."""

from mutants.planted import Mutant

_TREE = "pybackprop/dask/_tree_reduction.py"
_SHARDS = "pybackprop/dask/_shards.py"
_HOLDER = "pybackprop/dask/_shard_worker.py"
_ON_WORKERS = "pybackprop/dask/_dataset.py"
_PREDICTIONS = "pybackprop/dask/_predictions.py"
_PARTS, _BITS = "tests/distributed/test_dask_parts.py", "tests/distributed/test_dask.py"

MUTANTS = (
    Mutant(
        "an odd last sum waits for a neighbour",
        _TREE,
        "if right << level >= n_leaves:",
        "if right << level > n_leaves:",
        "fits of some numbers of rows fail on a cluster",
        _PARTS,
    ),
    Mutant(
        "shards have any number of blocks",
        _SHARDS,
        "shard_blocks = 2 ** max(0, exponent)",
        "shard_blocks = 1 + max(0, exponent)",
        "workers send a gradient for each block",
        _PARTS,
    ),
    Mutant(
        "dropout counts the rows of a shard",
        _HOLDER,
        "first_row=first_row,\n",
        "first_row=0,\n",
        "masks depend on the number of workers",
        _BITS,
    ),
    Mutant(
        "the last block counts as a whole one",
        _ON_WORKERS,
        "return len(blocks) * BLOCK_ROWS - max(0, missing)",
        "return len(blocks) * BLOCK_ROWS",
        "the loss of an epoch weighs its last batch too much",
        _BITS,
    ),
    Mutant(
        "lazy predictions share the model's memory",
        _PREDICTIONS,
        "deepcopy(working_copy(model, without=_OF_TRAINING))",
        "working_copy(model, without=_OF_TRAINING)",
        "a prediction is that of a later fit, or of edited weights",
        _BITS,
    ),
)
