"""What the two estimators share: a fit that succeeds or changes nothing.

_parameters.py checks the parameters, _data/labels.py encodes class labels,
_training/stochastic.py and _training/lbfgs.py train a network, and
_training/validation.py measures it on a validation set.
"""

from copy import copy, deepcopy

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from pybackprop import _core
from pybackprop._data.dataset import Table
from pybackprop._data.labels import ClassLabels
from pybackprop._data.numeric import numbers_only, require_numbers
from pybackprop._data.sparse import canonical_rows, valid_table
from pybackprop._data.weights import check_sample_weight
from pybackprop._estimator.fitted import (
    FittedNetwork,
    as_fitted,
    network_as_fitted,
    network_of,
    objective_of_fit,
)
from pybackprop._estimator.hidden_layers import HiddenLayersMixin
from pybackprop._model.initialization import check_given_layers, generator_of
from pybackprop._model.layers import check_layers
from pybackprop._model.losses import check_output
from pybackprop._model.optimizer import Optimizer
from pybackprop._model.serialization import read, written
from pybackprop._parameters import check_parameters, defaults_of, layer_sizes
from pybackprop._threads import effective_n_threads
from pybackprop._training.batches import Batches, BatchRows
from pybackprop._training.callbacks import FitTasks, outside_of_fits, with_callbacks
from pybackprop._training.diagnosis import warn_of_inputs, warn_of_targets
from pybackprop._training.history import columns_of
from pybackprop._training.in_memory import InMemory
from pybackprop._training.lbfgs import fit_lbfgs
from pybackprop._training.resume import Pause, require_pause, require_reached
from pybackprop._training.stochastic import fit_stochastic
from pybackprop._training.validation import check_given, is_scorer, require_complete
from pybackprop.network import Network

# What a fit writes.  A fit that starts anew starts without any of them.
FITTED = (
    "coefs_ intercepts_ n_layers_ n_outputs_ out_activation_ classes_ n_iter_ t_ loss_ "
    "loss_curve_ validation_loss_curve_ _history best_loss_ validation_scores_ "
    "best_validation_score_ stopping_reason_ stopped_ n_features_in_ feature_names_in_ "
    "_labels _class_weights _optimizer _no_improvement_count _best_parameters _pause "
    "_partial_fit_is_over _activation_of_fit _objective_of_fit _fitted_network"
).split()

# Of these, what are objects of this package.
_PARTS = {"_labels": ClassLabels, "_optimizer": Optimizer, "_pause": Pause}

# Outputs of which only a decision is kept are computed so many at a time: 8 MB.
_VALUES_OF_A_BLOCK = 2**20


def is_stochastic(estimator):
    """Whether the solver goes by mini-batches: partial_fit exists for those alone."""
    return estimator.solver in _core.optimizers()


def _joined(blocks, n_rows):
    """Blocks of rows as one array, or sparse matrix, where each goes as it comes."""
    first = next(blocks)
    if scipy.sparse.issparse(first):
        return scipy.sparse.vstack([first, *blocks], format=first.format)
    whole = np.empty((n_rows, *first.shape[1:]), dtype=first.dtype)
    end = len(first)
    whole[:end] = first
    for block in blocks:
        whole[end : end + len(block)] = block
        end += len(block)
    return whole


class MultilayerPerceptron(HiddenLayersMixin, BaseEstimator):
    """What the two estimators share."""

    @property
    def history_(self):
        """A row an epoch, or an iteration, as a dict of columns."""
        return columns_of(self._history)

    @property
    def network_(self):
        """The network of the fit, on the memory of ``coefs_`` and ``intercepts_``."""
        return network_as_fitted(self)

    def encode_targets(self, y):
        """y as the numbers that ``network_`` was trained to give.

        ``network_.backprop(X, model.encode_targets(y))`` is what a step of the fit
        computes on these samples.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            As in ``fit``; of a classifier, labels that it knows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            In the data type of the network. Labels are 0 and 1: one-hot, a column of
            them, or indicators; with the ``label_smoothing`` of the fit.

        Raises
        ------
        ValueError
            For a y that the fit would have refused, or for a label that is new.
        """
        fitted = as_fitted(self)
        dtype = fitted.network_.dtype
        fitted._require_targets(y)
        with numbers_only("y"):
            y = check_array(
                valid_table(y, "y"),
                accept_sparse="csr",
                ensure_2d=False,
                dtype=None,
                input_name="y",
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = fitted._check_validation_targets(y, dtype)
        return fitted._numbers(targets, dtype)

    def set_params(self, **params):
        """Set parameters for the next fit: all or, where a name is unknown, none.

        Predictions are those of the fitted network, until another ``activation`` is
        set: by that it was not trained, and they are refused until the next fit.

        Parameters
        ----------
        **params : dict
            As in the constructor.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.
        """
        super(MultilayerPerceptron, self._draft()).set_params(**params)
        fitted = vars(self)
        if "activation" in params and "coefs_" in fitted:
            before = self.activation
            before = tuple(before) if isinstance(before, list) else before
            fitted.setdefault("_activation_of_fit", before)
        return super().set_params(**params)

    def _draft(self):
        """An estimator like this one, to try on it what may fail."""
        draft = object.__new__(type(self))
        draft.__dict__.update(self.__dict__)
        return draft

    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        held_out,
        incremental=False,
        resume=False,
        classes=None,
        groups=None,
    ):
        """Any fit; held_out is (X_val, y_val, sample_weight_val), and X may be Batches.

        All is decided by a draft, which is this estimator as it is now, and only a fit
        that has succeeded takes over: one that raises leaves the estimator as it was.
        """
        draft = self._draft()
        at_start = vars(draft).copy()
        check_parameters(draft)
        if incremental and not is_stochastic(draft):  # since it was looked up
            raise AttributeError(
                f"solver={draft.solver!r} does not train batch by batch: there is no "
                "partial_fit."
            )
        if isinstance(X, Batches):
            X.require_trainable(draft, held_out)
        require_complete(draft, *held_out, groups)
        if resume:
            require_pause(draft)
        if draft._has_stopped(incremental, resume):
            return self
        goes_on = draft.warm_start or incremental or resume
        starts_anew = not (hasattr(draft, "coefs_") and goes_on)
        if not starts_anew:
            require_reached(draft)
        elif not incremental:
            draft._forget_fit()
        draft._fit_draft(
            X,
            y,
            sample_weight,
            held_out,
            groups,
            classes,
            starts_anew=starts_anew,
            incremental=incremental,
            resume=resume,
        )
        self._take_over(draft, at_start)
        return self

    def _forget_fit(self):
        for name in FITTED:
            self.__dict__.pop(name, None)

    def _take_over(self, draft, at_start):
        """Become the draft, in one assignment, with what was set since the start.

        Those are parameters, which other threads or a signal's handler may set.
        """
        set_since = {
            name: value
            for name, value in vars(self).copy().items()
            if at_start.get(name, draft) is not value and name not in FITTED
        }
        self.__dict__ = vars(draft) | set_since

    @with_callbacks
    def _fit_draft(
        self,
        X,
        y,
        sample_weight,
        held_out,
        groups,
        classes,
        *,
        starts_anew,
        incremental,
        resume,
    ):
        """Train a draft and write all that a fit writes."""
        rows, loss = self._check_rows(
            X, y, sample_weight, starts_anew, incremental, classes
        )
        if isinstance(X, Batches):
            X, y = rows.given
        held_out = check_given(self, *held_out, rows.dtype)
        random_state = self._generator(rows, resume)
        network = self._training_network(rows, loss, starts_anew, random_state)
        if resume and self._pause.parameters is not None:
            network.parameters[:] = self._pause.parameters
        # Views: at any time the draft predicts by the weights reached so far.
        self.coefs_ = network.coefs
        self.intercepts_ = network.intercepts
        vars(self).pop("_activation_of_fit", None)
        self._objective_of_fit = objective_of_fit(self)
        self._fitted_network = FittedNetwork(network)
        n_threads = effective_n_threads(self.n_jobs)
        warned = starts_anew and warn_of_inputs(self, rows.table)
        with FitTasks(
            self,
            "partial_fit" if incremental else "fit",
            "epoch" if is_stochastic(self) else "iteration",
            1 if incremental else self.max_iter,
            lambda: self._fitted_now(network),
            X=X,
            y=y,
            sample_weight=rows.given_weight,
        ) as tasks:
            if self.solver == "lbfgs":
                fit_lbfgs(self, network, rows, held_out, n_threads, tasks)
            else:
                fit_stochastic(
                    self,
                    network,
                    rows,
                    held_out,
                    groups,
                    random_state,
                    n_threads,
                    tasks,
                    incremental=incremental,
                    resume=resume,
                )
        if starts_anew and not (incremental or warned):
            warn_of_targets(self, network, rows.table)

    def _generator(self, rows, resume):
        """The generator of a fit, or that of the fit that is gone on with."""
        if not resume:
            return generator_of(self.random_state)
        # The draft's own: should it fail, the estimator's is as it was.
        self._pause = copy(self._pause)
        self._pause.require_same(self, rows.n_samples)
        return self._pause.generator()

    def _fitted_now(self, network):
        """What a fit that ended now would leave, in memory that no training changes."""
        copied = Network.from_parameters(
            network.coefs,
            network.intercepts,
            activation=network.activation,
            output_activation=network.output_activation,
            copy=True,
        )
        if self.early_stopping and is_stochastic(self):
            copied.parameters[:] = self._best_parameters
        of_network = {
            "coefs_": copied.coefs,
            "intercepts_": copied.intercepts,
            "_fitted_network": FittedNetwork(copied),
        }
        # These two, once they are attributes, are never changed, only replaced.
        kept = {"_optimizer", "_objective_of_fit"}
        names = vars(self).keys() & set(FITTED) - {*of_network, *kept}
        return of_network | deepcopy({name: vars(self)[name] for name in names})

    def _has_stopped(self, incremental, resume):
        """Whether more training would only repeat that it has ended by itself."""
        if incremental:
            return self.early_stopping and getattr(self, "_partial_fit_is_over", False)
        return resume and self.stopped_

    def _check_rows(self, X, y, sample_weight, starts_anew, incremental, classes):
        """The samples of a fit, checked, as training rows; and the loss to fit by."""
        if isinstance(X, Batches):
            rows = BatchRows(self, X, classes, starts_anew)
            return rows, rows.begin()
        X_given = X if is_scorer(self.scoring) else None
        dtype = (np.float64, np.float32)
        if not starts_anew:
            _, dtype = check_layers(self.coefs_, self.intercepts_)
        X, y = self._validate(X, y, dtype, starts_anew)
        given_weight = check_sample_weight(sample_weight, X.shape[0])
        X = canonical_rows(X)
        targets, loss = self._check_targets(y, X.dtype, incremental, classes)
        self._start_class_weights(targets, given_weight, incremental)
        weights = self._weigh_classes(targets, given_weight, "sample_weight")
        return InMemory(Table(X, targets, weights, y, X_given, given_weight)), loss

    def _start_class_weights(self, targets, sample_weight, incremental):
        """Find the weights of the classes, where there are classes."""

    def _weigh_classes(self, targets, sample_weight, name, may_be_zero=False):
        """Sample weights with those of the classes multiplied in."""
        return sample_weight

    def _check_scored(self, y, sample_weight):
        """What a score is taken of: y that can be, and weights; None for all alike."""
        self._require_targets(y)
        if sample_weight is None:
            return None
        return check_sample_weight(sample_weight, _num_samples(y))

    def _validate(self, X, y, dtype, reset):
        require_numbers(X, "X")
        self._require_targets(y)
        with numbers_only("X or y"):
            X, y = validate_data(
                self,
                valid_table(X),
                valid_table(y, "y"),
                accept_sparse=["csr", "csc"],
                multi_output=True,
                dtype=dtype,
                reset=reset,
                **self._validation_options,
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _training_network(self, rows, loss, starts_anew, random_state):
        """The network to train: with initial weights, or with those reached so far."""
        hidden = layer_sizes(self.hidden_layer_sizes)
        sizes = [rows.n_features, *hidden, self.n_outputs_]
        functions = {
            "activation": self.activation,
            "output_activation": self.out_activation_,
            **self._objective(loss),
        }
        if not starts_anew:
            reached, _ = check_layers(self.coefs_, self.intercepts_)
            if reached != sizes:
                raise ValueError(
                    f"hidden_layer_sizes={self.hidden_layer_sizes!r}, the features and "
                    f"the outputs ask for the layer sizes {sizes}, but training that "
                    f"goes on has {reached}. Fit with warm_start=False to start anew."
                )
            return Network.from_parameters(
                self.coefs_, self.intercepts_, **functions, copy=True
            )
        given = self._initial_layers(sizes, rows.dtype)
        self.n_layers_ = len(sizes)
        self.n_iter_ = 0
        self.t_ = 0
        try:
            network = Network(
                sizes, **functions, dtype=rows.dtype, random_state=random_state
            )
        except OverflowError as error:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} is too large: {error}"
            ) from error
        # All was drawn, whatever is given: the order of samples is then the same.
        for views, arrays in zip(
            (network.coefs, network.intercepts), given, strict=True
        ):
            for view, array in zip(views, arrays or views, strict=True):
                view[...] = array
        return network

    def _choose_output(self, dtype):
        """Set the output activation, and return the Loss, that are asked for."""
        output = self._output_asked_for(dtype)
        loss = self._loss_with(output, dtype)
        check_output(loss.row, output, loss.words)
        self.out_activation_ = output
        return loss

    def _objective(self, loss):
        """What the network minimizes, as keyword arguments of ``Network``."""
        return {**loss.functions, "alpha": self.alpha, "l1_ratio": self.l1_ratio}

    def _initial_layers(self, sizes, dtype):
        """coefs_init and intercepts_init, checked; None where they are to be drawn."""
        of_coefs = list(zip(sizes[:-1], sizes[1:], strict=True))
        of_intercepts = [(n,) for n in sizes[1:]]
        return (
            check_given_layers("coefs_init", self.coefs_init, of_coefs, dtype),
            check_given_layers(
                "intercepts_init", self.intercepts_init, of_intercepts, dtype
            ),
        )

    def _core_targets(self, y, dtype):
        """Checked targets for the core."""
        return _core.Targets(y, dtype)

    def _numbers(self, targets, dtype):
        """Checked targets as the numbers that the core makes of them."""
        return targets

    def _outputs(self, X, logits=False, decide=None):
        """The network's outputs, or logits, for X that is still to be validated.

        Or what ``decide`` makes of them, row by row: then they are not all kept. Its
        second argument says whether they are known to be finite.
        """
        kept = vars(self).get("_fitted_network")
        if kept is not None:
            outputs = kept.outputs_of_few(self, X, logits)
            if outputs is not None:
                return outputs if decide is None else decide(outputs, True)
        network, X = self._network_and_rows(X)
        n_threads = effective_n_threads(self.n_jobs)

        def outputs_of(rows):
            return network.core.predict(
                network.parameters,
                _core.Samples(rows, network.dtype),
                logits,
                n_threads,
            )

        if decide is None:
            return outputs_of(X)
        n_rows = max(1, _VALUES_OF_A_BLOCK // network.layer_sizes[-1])
        starts = range(0, X.shape[0], n_rows)
        blocks = (decide(outputs_of(X[i : i + n_rows]), False) for i in starts)
        return next(blocks) if len(starts) == 1 else _joined(blocks, X.shape[0])

    def _network_and_rows(self, X):
        """The network as ``coefs_`` and ``intercepts_`` now are, and X validated."""
        check_is_fitted(self)
        kept = vars(self).get("_fitted_network")
        network = network_of(self) if kept is None else kept.network_of(self)
        require_numbers(X, "X")
        with numbers_only("X"):
            X = validate_data(
                self,
                valid_table(X),
                accept_sparse=["csr", "csc"],
                dtype=network.dtype,
                reset=False,
            )
        return network, canonical_rows(X)

    def __getstate__(self):
        state = written(outside_of_fits(super().__getstate__()), _PARTS)
        if "_fitted_network" in state:
            state["_fitted_network"] = None  # made again of coefs_ and intercepts_
        return state

    def __setstate__(self, state):
        state = read(type(self).__name__, state, _PARTS)
        # An older version may have had fewer parameters.
        for name in defaults_of(type(self)).keys() - state.keys():
            state[name] = defaults_of(type(self))[name]
        super().__setstate__(state)
        if hasattr(self, "coefs_"):
            self._fitted_network = FittedNetwork.of_copied(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
