"""Reads training data batch by batch from a user's iterable.

Every pass over the iterable is an epoch, and each of its items a step.  Only the first
batch is kept, for what else looks at the data: callbacks and diagnosis.  Batches are
read, checked and converted in the thread of ``prefetch``.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import repeat
from numbers import Integral

from pybackprop import _core
from pybackprop._constraints import InvalidParameterError, number
from pybackprop._threads import effective_n_threads
from pybackprop._training.prefetch import prefetch

_N_AHEAD = number(Integral, 0, 1000, closed="both")


class BatchSource:
    """Iterates over a user's batches, anew for each epoch.

    Parameters
    ----------
    given : iterable, or callable that returns one
    n_ahead : int
        Maximum number of batches that are read before they are needed.
    """

    def __init__(self, given, n_ahead):
        if hasattr(given, "__next__"):
            raise InvalidParameterError(
                "batches must allow a new iteration in every epoch: a list, an object "
                "with __iter__, or a callable that returns an iterator. Got an "
                f"iterator, {given!r}; pass the function that makes it."
            )
        if not (_is_iterable(given) or callable(given)):
            raise InvalidParameterError(
                "batches must be an iterable of (X, y) or (X, y, sample_weight), or a "
                f"callable that returns one. Got {type(given).__name__}."
            )
        if not _N_AHEAD.is_satisfied_by(n_ahead):
            raise InvalidParameterError(
                f"read_ahead must be {_N_AHEAD.description}. Got {n_ahead!r}."
            )
        self._given, self._n_ahead = given, int(n_ahead)
        self._pass = None

    def length(self):
        """Return the number of batches by ``len``; None where that is not known."""
        try:
            return len(self._given) or None
        except TypeError:  # a callable, or a loader that does not know
            return None

    @property
    def is_open(self):
        """Whether a pass has been begun that has not come to its end."""
        return self._pass is not None

    def open(self, prepare):
        """Begin a pass, and return its first batch, or None.

        ``prepare(batch, position)`` converts each batch, in the thread that reads it;
        positions count from 1.
        """
        self.close()
        self._pass = prefetch(self._prepared(prepare), self._n_ahead)
        return self.next()

    def next(self):
        """Return the next batch; None if the pass is over."""
        batch = next(self._pass, None)
        if batch is None:
            self.close()
        return batch

    def close(self):
        """End the pass that has been begun, if any."""
        begun, self._pass = self._pass, None
        if begun is not None:
            begun.close()

    def _prepared(self, prepare):
        batches = self._given if _is_iterable(self._given) else self._given()
        if not _is_iterable(batches):
            raise TypeError(
                "batches, a callable, must return an iterable of batches. "
                f"Got {type(batches).__name__}."
            )
        iterator, position = iter(batches), 0
        try:
            for batch in iterator:
                position += 1  # not by enumerate, which holds on to the batch
                prepared = prepare(batch, position)
                del batch
                yield prepared
                del prepared
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()


def _is_iterable(value):
    # Not hasattr(value, "__iter__"), which a class of iterables has too.
    return isinstance(value, Iterable) or hasattr(type(value), "__getitem__")


class BatchData:
    """Training data in batches; the methods are those of ArrayData.

    Parameters
    ----------
    source : BatchSource
    targets : Targets
    prepare : callable
        ``prepare(batch, position, epoch)`` returns the Dataset of a batch, on memory of
        its own: a loader may reuse that of the batch.
    n_batches : int or None
        Batches per epoch, if known.

    Attributes
    ----------
    dataset : Dataset
        The first batch, for the diagnosis of a fit.
    n_features : int
    dtype : numpy dtype
    n_batches : int or None
        Batches per epoch: by ``len``, or as many as in the last pass.
    n_samples : None
        Only the end of an epoch shows how many samples there are.
    """

    n_samples = None

    def __init__(self, source, targets, prepare, n_batches=None):
        self.source, self.targets = source, targets
        self.n_batches = source.length() or n_batches
        self._prepare = prepare
        self._epoch = 1
        # The pass that this begins is that of the first epoch.
        self._first = self.dataset = self._open()
        self.n_features, self.dtype = self.dataset.X.shape[1], self.dataset.X.dtype
        if not has_weight(self.dataset):
            self.dataset = replace(self.dataset, sample_weight=None)

    def close(self):
        """End the pass that has been begun, if any."""
        self.source.close()

    def epoch(self):
        """Yield the Datasets of one epoch."""
        table = self._first
        if not self.source.is_open:
            self._epoch += 1
            table = self._open()
        while table is not None:
            yield table
            table = self.source.next()

    def training(self, params, network, optimizer):
        """Return what trains a network epoch by epoch, in place."""
        return _BatchTraining(self, params, network, optimizer)

    def core_arguments(self, table, network_dtype):
        """Return samples, targets and weights in the form that the core takes."""
        return (
            _core.Samples(table.X, network_dtype),
            self.targets.core_targets(table.targets, network_dtype),
            table.sample_weight,
        )

    def _open(self):
        batch = self.source.open(partial(self._prepare, epoch=self._epoch))
        require_batch(batch, self._epoch)
        return batch


def require_batch(batch, epoch):
    """Raise ValueError for a pass without any batch."""
    if batch is None:
        raise ValueError(
            f"batches gave no batch in epoch {epoch}. It must be possible to iterate "
            "over them anew for every epoch."
        )


def has_weight(table):
    """Whether any sample of a table has a weight above 0."""
    return table.sample_weight is None or table.sample_weight.any()


class _BatchTraining:
    """Trains a network batch by batch, epoch by epoch."""

    def __init__(self, data, params, network, optimizer):
        if data.n_batches is None and optimizer.is_per_step:
            raise ValueError(
                f"learning_rate={params.learning_rate!r} with "
                f"warmup_epochs={params.warmup_epochs} changes at each step and needs "
                "the number of batches per epoch: give batches a __len__."
            )
        self.n_samples = 0
        self._data, self._dtype = data, network.dtype
        self._largest = data.dataset.X.shape[0]
        self._core = _core.Training(
            network.core,
            network.parameters,
            optimizer,
            *data.core_arguments(data.dataset, network.dtype),
            self._largest,
            effective_n_threads(params.n_jobs),
        )

    def epoch_orders(self, shuffle, random_state):
        """Yield None for each epoch: the order is that of the batches."""
        return repeat(None)

    def epoch(self, order):
        """Train for one epoch, and return what _core.Training.epoch returns."""
        self._core.begin_epoch()
        n_samples = n_batches = 0
        # A step is taken once the next batch is read, since the last step is marked.
        waiting = None
        for table in self._data.epoch():
            if has_weight(table):
                if waiting is not None:
                    self._take_step(*waiting, False)
                waiting = table, n_batches, n_samples
            n_batches += 1
            n_samples += table.X.shape[0]
        if waiting is None:
            raise ValueError("sample_weight must not be zero for all rows of an epoch.")
        self._take_step(*waiting, True)
        self.n_samples = n_samples
        if self._data.source.length() is None:
            self._data.n_batches = n_batches
        return self._core.end_epoch()

    def _take_step(self, table, index, first_row, is_last):
        self._largest = max(self._largest, table.X.shape[0])
        self._core.read_rows(
            *self._data.core_arguments(table, self._dtype), self._largest
        )
        # A rate that is constant within an epoch does not need the number of batches.
        # Batches in excess of it are trained on at the rate of an epoch's end.
        n_batches = self._data.n_batches or index + 1
        index = min(index, n_batches - 1)
        self._core.part(None, index, n_batches, first_row, is_last)
