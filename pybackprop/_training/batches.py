"""Batches that a user's iterable gives, as the rows of a training.

Every pass over the iterable is an epoch, and each of its items a step.  Of all batches
only the first is kept, for what else looks at the data: callbacks and diagnosis.
Batches are read, checked and converted in the thread of _training/prefetch.py.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import repeat
from numbers import Integral

import numpy as np
import scipy.sparse

from pybackprop import _core
from pybackprop._constraints import InvalidParameterError, number
from pybackprop._data.dataset import Table
from pybackprop._data.labels import MULTILABEL, labels_in
from pybackprop._data.numeric import said_of
from pybackprop._data.sparse import canonical_rows, valid_table
from pybackprop._data.weights import check_sample_weight
from pybackprop._model.layers import check_layers
from pybackprop._training.prefetch import read_ahead

_AHEAD = number(Integral, 0, 1000, closed="both")


class Batches:
    """What ``fit_batches`` was given, to be iterated anew for each epoch.

    Parameters
    ----------
    given : iterable, or callable that returns one
    n_ahead : int
        Most batches that are read before they are needed.
    """

    def __init__(self, given, n_ahead):
        if hasattr(given, "__next__"):
            raise InvalidParameterError(
                "batches must be what can be iterated anew for every epoch: a list, an "
                "object with __iter__, or a callable that returns an iterator. Got an "
                f"iterator, {given!r}, which can be read once: pass what makes it."
            )
        if not (_is_iterable(given) or callable(given)):
            raise InvalidParameterError(
                "batches must be an iterable of (X, y) or (X, y, sample_weight), or a "
                f"callable that returns one. Got {type(given).__name__}."
            )
        if not _AHEAD.holds(n_ahead):
            raise InvalidParameterError(
                f"read_ahead must be {_AHEAD.words}. Got {n_ahead!r}."
            )
        self._given, self._n_ahead = given, int(n_ahead)
        self._pass = None

    def require_trainable(self, model, held_out):
        """Raise AttributeError for a solver, or ValueError for what goes with rows."""
        if model.solver not in _core.optimizers():
            raise AttributeError(
                f"solver={model.solver!r} does not train batch by batch: there is no "
                "fit_batches."
            )
        if model.early_stopping and held_out[0] is None:
            raise ValueError(
                "fit_batches does not support early_stopping=True without a validation "
                "set: pass X_val and y_val."
            )

    def length(self):
        """How many batches there are, by ``len``; None where that is not known."""
        try:
            return len(self._given) or None
        except TypeError:  # a callable, or a loader that does not know
            return None

    @property
    def is_open(self):
        """Whether a pass has been begun, and not yet trained on."""
        return self._pass is not None

    def open(self, prepare):
        """Begin a pass: its first batch, or None.

        ``prepare(batch, position)``, counted from 1, is what all batches become, in the
        thread that reads them.
        """
        self.close()
        self._pass = read_ahead(self._prepared(prepare), self._n_ahead)
        return self.next()

    def next(self):
        """The next batch; None if the pass is over."""
        batch = next(self._pass, None)
        if batch is None:
            self.close()
        return batch

    def close(self):
        """End the pass that is going on, if any."""
        going_on, self._pass = self._pass, None
        if going_on is not None:
            going_on.close()

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


class BatchRows:
    """The batches of a fit, as a network is trained on them: see InMemory.

    Parameters
    ----------
    model : estimator
        The draft; the first batch sets its attributes, and all others are held to it.
    batches : Batches
    classes : array-like or None
        Of a classifier; without, they are found in a pass of their own.
    starts_anew : bool
        Whether the first batch says the data type.

    Attributes
    ----------
    table : Table
        The first batch, once ``begin`` has read it, for the diagnosis of a fit.
    given : tuple
        X and y of it, as callbacks are to see them.
    n_batches : int or None
        Batches of an epoch: by ``len``, or as many as in the last pass.
    n_samples : None
        Only the end of an epoch tells.
    """

    n_samples = None

    def __init__(self, model, batches, classes, starts_anew):
        self.model, self.batches = model, batches
        self.n_batches = batches.length()
        self.table = None
        self._classes, self._starts_anew = classes, starts_anew
        self._epoch = 0
        self._accepted = (np.float64, np.float32)
        if not starts_anew:
            _, self._accepted = check_layers(model.coefs_, model.intercepts_)

    def begin(self):
        """Read the first batch, from which epoch 1 goes on; the loss to fit it by."""
        if self.model._lacks_classes(self._classes):
            self._classes = self._find_classes()
        self._epoch = 1
        self._require_some(self.batches.open(self._checked))
        return self._loss

    def epoch(self):
        """Yield the Tables of one epoch."""
        table = self._first
        if not self.batches.is_open:
            self._epoch += 1
            table = self.batches.open(self._checked)
            self._require_some(table)
        while table is not None:
            yield table
            table = self.batches.next()

    def training(self, model, network, optimizer, n_threads):
        """What trains a network epoch by epoch, changing its parameters in place."""
        return _Training(self, network, optimizer, n_threads)

    def _require_some(self, batch):
        if batch is None:
            raise ValueError(
                f"batches gave no batch in epoch {self._epoch}. It must be possible to "
                "iterate over them anew for every epoch."
            )

    def _find_classes(self):
        """The labels of all batches; None for a multilabel y, whose columns they are.

        The pass also tells how many batches there are.
        """

        def labels_of(batch, position):
            with _said_of_batch(position, 0):
                return labels_in(valid_table(_parts(batch)[1], "y"))

        labels = found = self.batches.open(labels_of)
        self._require_some(labels)
        n_batches = 0
        while labels is not None and labels is not MULTILABEL:
            found = labels_in(found, labels)
            n_batches += 1
            labels = self.batches.next()
        self.batches.close()
        if labels is MULTILABEL:
            return None
        self.n_batches = self.n_batches or n_batches
        return found

    def _checked(self, batch, position):
        """The Table of a batch, on memory of its own: a loader may use its anew."""
        with _said_of_batch(position, self._epoch):
            X_given, y, sample_weight = _parts(batch)
            X, y = self._validated(X_given, y)
            given = check_sample_weight(sample_weight, X.shape[0], may_be_zero=True)
            X, given = _own(canonical_rows(X)), _own(given)
            if self.table is None:
                self._loss = self.model._start_batches(y, self._classes, X.dtype)
            targets = _own(self.model._check_validation_targets(y, X.dtype))
            weights = self.model._weigh_classes(targets, given, "sample_weight", True)
            table = Table(X, targets, weights, None, given_weight=given)
            if self.table is None:
                self._keep_first(table, X_given, y)
            return table

    def _validated(self, X, y):
        is_first = self.table is None
        resets = is_first and self._starts_anew
        X, y = self.model._validate(X, y, self._accepted, resets)
        if not is_first and X.dtype != self.dtype:
            raise ValueError(
                f"X must be {self.dtype}, as in the first batch. Got {X.dtype}."
            )
        return X, y

    def _keep_first(self, table, X, y):
        # A scorer is to see the caller's labels, and names if there are any.
        self.given = table.X if isinstance(X, np.ndarray) else X, _own(y)
        self.given_weight = table.given_weight
        self.n_features, self.dtype = table.X.shape[1], table.X.dtype
        self._first = self.table = table
        if not _weighs(table):
            self.table = replace(table, sample_weight=None)


def _parts(batch):
    """X, y and sample_weight, or None, of a batch; ValueError if it is none."""
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        length = f" of length {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        raise ValueError(
            "a batch must be a tuple (X, y) or (X, y, sample_weight). "
            f"Got {type(batch).__name__}{length}."
        )
    return (*batch, None)[:3]


def _own(array):
    """The same on memory that nobody else has."""
    if array is None or scipy.sparse.issparse(array):
        return array if array is None else array.copy()
    return np.array(array)


def _said_of_batch(position, epoch):
    where = f"epoch {epoch}" if epoch else "the pass that looks for classes"
    return said_of(f"In batch {position} of {where}")


class _Training:
    """The epochs of one fit."""

    def __init__(self, rows, network, optimizer, n_threads):
        model = rows.model
        if rows.n_batches is None and optimizer.moves_by_the_step:
            raise ValueError(
                f"learning_rate={model.learning_rate!r} with "
                f"warmup_epochs={model.warmup_epochs} moves from step to step, and has "
                "to know how many batches make an epoch: give batches a __len__."
            )
        self.n_samples = 0
        self._rows, self._dtype = rows, network.dtype
        self._largest = rows.table.X.shape[0]
        self._core = _core.Training(
            network.core,
            network.parameters,
            optimizer,
            *self._read(rows.table),
            self._largest,
            n_threads,
        )

    def orders(self, shuffle, random_state):
        """Each epoch is in the order of the batches."""
        return repeat(None)

    def epoch(self, order):
        """One epoch; as _core.Training has it."""
        self._core.epoch_begins()
        n_rows = n_batches = 0
        # A step is taken when the next is at hand, since the last one is looked at.
        waiting = None
        for table in self._rows.epoch():
            if _weighs(table):
                if waiting is not None:
                    self._take_step(*waiting, False)
                waiting = table, n_batches, n_rows
            n_batches += 1
            n_rows += table.X.shape[0]
        if waiting is None:
            raise ValueError("sample_weight must not be zero for all rows of an epoch.")
        self._take_step(*waiting, True)
        self.n_samples = n_rows
        if self._rows.batches.length() is None:
            self._rows.n_batches = n_batches
        return self._core.epoch_ends()

    def _take_step(self, table, index, first_row, is_last):
        self._largest = max(self._largest, table.X.shape[0])
        self._core.read_rows(*self._read(table), self._largest)
        # Where the rate does not move by the step, nobody may know the number; and more
        # batches than were promised are trained on at the rate of an epoch's end.
        n_batches = self._rows.n_batches or index + 1
        index = min(index, n_batches - 1)
        self._core.part(None, index, n_batches, first_row, is_last)

    def _read(self, table):
        """Samples, targets and weights as the core reads them."""
        return (
            _core.Samples(table.X, self._dtype),
            self._rows.model._core_targets(table.targets, self._dtype),
            table.sample_weight,
        )


def _weighs(table):
    return table.sample_weight is None or table.sample_weight.any()
