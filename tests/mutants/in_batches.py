"""Bugs in how batches are read and handed on, and in what goes block by block."""

from mutants.planted import Mutant

_AHEAD = "pybackprop/_training/prefetch.py"
_BATCHES = "pybackprop/_training/batches.py"
_ROWS = "pybackprop/_data/dataset.py"
_TARGETS = "pybackprop/_data/labels.py"
_READER = "pybackprop/_estimator/data.py"
_TEST = "tests/data/test_fit_batches.py"
_TEST_OF_AHEAD = "tests/data/test_read_ahead.py"

MUTANTS = (
    Mutant(
        "two batches more are read ahead",
        _AHEAD,
        "for _ in range(n_items):",
        "for _ in range(n_items + 2):",
        "more memory than was asked for",
        _TEST_OF_AHEAD,
    ),
    Mutant(
        "a thread that reads is not told that it is over",
        _AHEAD,
        "        self._is_over = True\n        self._tokens.put(None)",
        "        self._is_over = True",
        "each fit that fails leaves a thread",
        _TEST_OF_AHEAD,
    ),
    Mutant(
        "what an iterator raises ends its epoch",
        _AHEAD,
        "self._items.put((None, exception, False))",
        "self._items.put((None, None, True))",
        "half a table is taken for all",
        _TEST,
    ),
    Mutant(
        "an iterator is not closed",
        _BATCHES,
        "            if close is not None:\n                close()",
        "            if close is None:\n                close()",
        "files stay open",
        _TEST,
    ),
    Mutant(
        "a batch stays on the memory of its loader",
        _READER,
        "    return np.array(array)",
        "    return np.asarray(array)",
        "a loader that uses its memory anew changes what is trained on",
        _TEST,
    ),
    Mutant(
        "no batch is the last",
        _BATCHES,
        "self._take_step(*waiting, True)",
        "self._take_step(*waiting, False)",
        "the history has no norm of a gradient",
        _TEST,
    ),
    Mutant(
        "dropout takes each batch for the first",
        _BATCHES,
        "waiting = table, n_batches, n_samples",
        "waiting = table, n_batches, 0",
        "other masks than in fit",
        _TEST,
    ),
    Mutant(
        "float64 follows float32",
        _READER,
        "        if not is_first and X.dtype != self._dtype:",
        "        if is_first and X.dtype != self._dtype:",
        "the core is handed a type that is not the network's",
        _TEST,
    ),
    Mutant(
        "rows to look at begin anew in each block",
        _ROWS,
        "rows[-n_seen % step :: step]",
        "rows[::step]",
        "rows are not evenly spread",
        "tests/data/test_larger_than_memory.py",
    ),
    Mutant(
        "labels are found in the first block alone",
        _TARGETS,
        "for rows in _blocks(len(y))]",
        "for rows in list(_blocks(len(y)))[:1]]",
        "a class that comes late is no class",
        "tests/data/test_larger_than_memory.py",
    ),
)
