"""The estimators' fit, as a pipeline: check, data, network, train, commit.

What depends on the task (classification or regression) is in the Targets of
``_model/targets.py``; the solvers are in ``_training/``.
"""

from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples

from pybackprop import _core
from pybackprop._data.labels import ClassLabels
from pybackprop._data.numeric import argument_named
from pybackprop._data.sparse import valid_table
from pybackprop._data.weights import check_sample_weight
from pybackprop._estimator.callbacks import (
    CallbackSupportMixin,
    FitObserver,
    with_callbacks,
    without_running_fit,
)
from pybackprop._estimator.data import (
    read_arrays,
    read_batches,
    read_validation_set,
    scorer_of,
)
from pybackprop._estimator.fitted import (
    NetworkCache,
    fitted_network,
    fitted_parameters,
    network_and_rows,
    objective_of_fit,
    targets_of,
    working_copy,
)
from pybackprop._estimator.hidden_layers import HiddenLayersMixin
from pybackprop._estimator.start_network import build_network
from pybackprop._model.optimizer import Optimizer
from pybackprop._model.serialization import read, written
from pybackprop._parameters import (
    check_parameters,
    defaults_of,
    is_stochastic,
)
from pybackprop._solvers import SOLVERS
from pybackprop._threads import effective_n_threads
from pybackprop._training.batches import BatchSource
from pybackprop._training.diagnosis import warn_of_inputs, warn_of_targets
from pybackprop._training.lbfgs import fit_lbfgs
from pybackprop._training.request import FitRequest
from pybackprop._training.resume import (
    ResumeState,
    require_resumable,
    start_generator,
    validate_state,
)
from pybackprop._training.state import (
    ATTRIBUTES,
    Problem,
    TrainingState,
    history_columns,
)
from pybackprop._training.stochastic import fit_stochastic
from pybackprop.network import Network

# Attributes that a fit sets.  A new fit starts without them.
FITTED = {
    *ATTRIBUTES.values(),
    "coefs_",
    "intercepts_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "classes_",
    "n_features_in_",
    "feature_names_in_",
    "_labels",
    "_class_weights",
    "_activation_of_fit",
    "_objective_of_fit",
    "_fitted_network",
}

# Attributes that are objects of this package: a file has a dict of each.
_PARTS = {"_labels": ClassLabels, "_optimizer": Optimizer, "_pause": ResumeState}

# Decisions are computed for blocks of rows with this many outputs in all: 8 MB.
_VALUES_PER_BLOCK = 2**20


class BaseMLP(CallbackSupportMixin, HiddenLayersMixin, BaseEstimator):
    """Base class of the two estimators: fits, predictions and parameters."""

    # The Targets of the task.
    _targets_class = None

    # ---------------------------------------------------------------------------- fits
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
        resume=False,
    ):
        """Train the network.

        A fit that raises, or is interrupted, leaves the estimator as it was.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32; anything else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels of any type, or a multilabel indicator matrix, in
            classification; numbers in the loss's domain in regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0. A sample of weight 0 takes no part.
        X_val, y_val : as X and y, default=None
            A validation set, whose loss and score are recorded each epoch. With
            ``early_stopping=True`` it decides, and none is split off. In a pipeline,
            ``Pipeline(transform_input=["X_val"])`` transforms it.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Weights of the validation set.
        groups : array-like of shape (n_samples,), default=None
            For a splitter in ``validation_fraction``.
        resume : bool, default=False
            Whether to continue the last fit after ``max_iter`` or ``max_time`` ended
            it, until the current ``max_iter``, also after pickling. The result has the
            bits of an uninterrupted fit. Data and parameters must be the same, except
            parameters that only decide when to stop or that change no bit. A generator
            passed as ``random_state`` is not used. A fit that ended for lack of
            progress or in divergence (``stopped_``) is returned unchanged. Not
            supported by 'lbfgs'.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            For an argument or parameter outside its range, for two that contradict each
            other, or if training diverges.
        """
        request = FitRequest(
            "fit",
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
            resume=resume,
        )
        return self._fit(request)

    @available_if(is_stochastic)
    def partial_fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train for one epoch on the given samples.

        The optimizer of the first call, or of the last fit, continues. A changed
        parameter of the optimizer, such as ``learning_rate_init``, takes effect in the
        next fit.

        With a validation set and ``early_stopping=True``, each call counts as an epoch
        of ``fit``: once the score has not improved for more than ``n_iter_no_change``
        calls, the best weights are restored, ``stopped_`` is True, and further calls
        change nothing until the next ``fit``::

            for X, y in batches:
                model.partial_fit(X, y, X_val=X_val, y_val=y_val)
                if model.stopped_:
                    break

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As in ``fit``.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.
        """
        request = FitRequest(
            "partial_fit",
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )
        return self._fit(request)

    @available_if(is_stochastic)
    def fit_batches(
        self,
        batches,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        resume=False,
        read_ahead=1,
    ):
        """Train on batches that are read anew for every epoch, one step per batch.

        Otherwise as ``fit``: the result has the bits of a fit of all samples with
        ``shuffle=False`` and a ``batch_size`` that makes the same batches, but only few
        of them are in memory at a time. ``batch_size``, ``shuffle`` and
        ``validation_fraction`` are not used.

        Parameters
        ----------
        batches : iterable, or callable that returns one
            Tuples (X, y) or (X, y, sample_weight), each as in ``fit``; weights may all
            be 0 in some batches. Each epoch iterates anew, so an iterator, which can be
            read only once, is refused: pass the function that makes it. The first batch
            determines features, their names and the data type; all others must have
            the same. Epochs may be of different lengths.
        X_val, y_val, sample_weight_val
            As in ``fit``. ``early_stopping=True`` needs them.
        resume : bool, default=False
            As in ``fit``. The bits are those of a fit that had not stopped if
            ``batches`` gives the same in every epoch.
        read_ahead : int, default=1
            Maximum number of batches that are read before their step, in a thread of
            their own. 0 reads in the caller's thread. At most this many batches and
            five more are in memory at a time.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            As ``fit``; for a batch that does not match the first, and for an epoch
            without any; and for a ``learning_rate`` that changes at each step if the
            number of batches is unknown: ``batches`` then need a ``__len__``.

        Notes
        -----
        Callbacks see the first batch as X and y. The page *Training on batches*
        explains how batches are read and closed, and what happens after an error.

        Examples
        --------
        >>> import numpy as np
        >>> from pybackprop import MLPRegressor
        >>> def batches():
        ...     for seed in range(10):
        ...         X = np.random.RandomState(seed).uniform(-1, 1, (100, 2))
        ...         yield X, X[:, 0] * X[:, 1]
        >>> model = MLPRegressor(max_iter=5, tol=0, n_iter_no_change=5)
        >>> model = model.set_params(random_state=0)
        >>> print(model.fit_batches(batches).n_iter_)
        5
        """
        request = FitRequest(
            "fit_batches",
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            resume=resume,
        )
        return self._fit_batches(batches, read_ahead, request)

    def _fit_batches(self, batches, read_ahead, request):
        """Fit batches, which are closed at the end, whatever happens."""
        with closing(BatchSource(batches, read_ahead)) as source:
            return self._fit(replace(request, batches=source))

    def _fit(self, request):
        """Check, then train a working copy, and commit it if that has succeeded.

        A fit that raises leaves the estimator as it was.
        """
        model = working_copy(self)
        at_start = vars(model).copy()
        check_parameters(model)
        request.check(model)
        if request.resume:
            require_resumable(model, vars(model))
        if _has_stopped(model, request):
            return self
        continues = model.warm_start or request.is_one_epoch or request.resume
        starts_anew = not (continues and hasattr(model, "coefs_"))
        if not starts_anew:
            validate_state(vars(model))
        elif not request.is_one_epoch:
            _reset(model)
        model._train(request, starts_anew)
        self._commit(model, at_start)
        return self

    @with_callbacks
    def _train(self, request, starts_anew):
        """Train a working copy, and set all that a fit sets."""
        # Data.
        attributes = {} if starts_anew else vars(self)
        targets = self._targets_class.from_attributes(self, attributes)
        data, seen = self._read_data(targets, request, starts_anew)
        with closing(data):
            vars(self).update(targets.attributes())
            validation_set = read_validation_set(self, targets, request, data.dtype)
            # Network.
            state = TrainingState(vars(self))
            if starts_anew:
                state.n_iter = state.t = 0
            generator = start_generator(self, state, data.n_samples, request.resume)
            network = build_network(self, data, starts_anew, generator)
            if request.resume and state.resume_state.parameters is not None:
                network.parameters[:] = state.resume_state.parameters
            self._take_network(network)
            vars(self).update(state.attributes())
            # Train.
            may_score = validation_set is not None or self.early_stopping
            scorer = scorer_of(self) if may_score else None
            problem = Problem(self, network, data, validation_set, scorer)
            feature_names = getattr(self, "feature_names_in_", None)
            has_warned = starts_anew and warn_of_inputs(problem, feature_names)
            with FitObserver(
                self,
                request,
                SOLVERS[self.solver].unit,
                1 if request.is_one_epoch else self.max_iter,
                partial(_fitted_now, self, network),
                **seen,
            ) as observer:
                if is_stochastic(self):
                    fit_stochastic(problem, request, state, generator, observer)
                else:
                    fit_lbfgs(problem, state, observer)
            if starts_anew and not (request.is_one_epoch or has_warned):
                warn_of_targets(problem)

    def _read_data(self, targets, request, starts_anew):
        """Return the training data, and X, y and weights as callbacks see them."""
        if request.batches is None:
            return read_arrays(self, targets, request, starts_anew)
        return read_batches(self, targets, request, starts_anew)

    def _take_network(self, network):
        """Predict by a network; ``coefs_`` and ``intercepts_`` are its views."""
        self.coefs_ = network.coefs  # views
        self.intercepts_ = network.intercepts
        self.n_layers_ = len(network.layer_sizes)
        vars(self).pop("_activation_of_fit", None)
        self._objective_of_fit = objective_of_fit(self)
        self._fitted_network = NetworkCache(network)

    def _commit(self, model, at_start):
        """Become the working copy, in one assignment.

        Keeps parameters that other threads or signal handlers have set since the start.
        """
        set_since = {
            name: value
            for name, value in vars(self).copy().items()
            if at_start.get(name, model) is not value and name not in FITTED
        }
        self.__dict__ = vars(model) | set_since

    # --------------------------------------------------------------- the fitted network
    @property
    def history_(self):
        """A row per epoch, or iteration, as a dict of columns."""
        return history_columns(self._history)

    @property
    def network_(self):
        """The network of the fit, on the memory of ``coefs_`` and ``intercepts_``."""
        return fitted_network(self)

    def encode_targets(self, y):
        """Return y as the numbers that ``network_`` was trained to predict.

        ``network_.backprop(X, model.encode_targets(y))`` is what a step of the fit
        computes on these samples.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            As in ``fit``; labels have to be those of the fit.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            In the data type of the network. Class labels become one-hot rows, one
            column of 0 and 1, or indicators, with the ``label_smoothing`` of the fit.

        Raises
        ------
        ValueError
            For a y that the fit would have refused, or for a label that is new.
        """
        fitted = fitted_parameters(self)
        targets, dtype = targets_of(fitted), fitted.network_.dtype
        targets.validate(y)
        with argument_named("y"):
            y = check_array(
                valid_table(y, "y"),
                accept_sparse="csr",
                ensure_2d=False,
                dtype=None,
                input_name="y",
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return targets.numbers(targets.encode(y, dtype), dtype)

    def _outputs(self, X, logits=False, decide=None):
        """Return the network's outputs, or logits, for X that is not validated yet.

        With ``decide``, returns ``decide(outputs, is_finite)``, computed block by
        block, so that not all outputs are in memory.
        """
        cache = vars(self).get("_fitted_network")
        if cache is not None:
            outputs = cache.outputs_of_few(self, X, logits)
            if outputs is not None:
                return outputs if decide is None else decide(outputs, True)
        network, X = network_and_rows(self, X)
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
        n_rows = max(1, _VALUES_PER_BLOCK // network.layer_sizes[-1])
        starts = range(0, X.shape[0], n_rows)
        blocks = (decide(outputs_of(X[i : i + n_rows]), False) for i in starts)
        return next(blocks) if len(starts) == 1 else _joined(blocks, X.shape[0])

    def _score(self, y, sample_weight, predict):
        """Return the score of what ``predict()`` returns; y is checked before."""
        targets = targets_of(self)
        targets.validate(y)
        weights = None
        if sample_weight is not None:
            weights = check_sample_weight(sample_weight, _num_samples(y))
        with argument_named("X or y"):
            return targets.score_predictions(valid_table(y, "y"), predict(), weights)

    # ------------------------------------------------------- scikit-learn's conventions
    def set_params(self, **params):
        """Set parameters for the next fit: all or, where a name is unknown, none.

        Predictions are those of the fitted network, until another ``activation`` is
        set: the network was not trained with it, so predictions are refused until the
        next fit.

        Parameters
        ----------
        **params : dict
            As in the constructor.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.
        """
        super(BaseMLP, working_copy(self)).set_params(**params)
        fitted = vars(self)
        if "activation" in params and "coefs_" in fitted:
            before = self.activation
            before = tuple(before) if isinstance(before, list) else before
            fitted.setdefault("_activation_of_fit", before)
        return super().set_params(**params)

    def __getstate__(self):
        state = written(without_running_fit(super().__getstate__()), _PARTS)
        if "_fitted_network" in state:
            state["_fitted_network"] = None  # made again of coefs_ and intercepts_
        return state

    def __setstate__(self, state):
        state = read(type(self).__name__, state, _PARTS)
        # An older version may have had fewer parameters.
        for name in defaults_of(type(self)).keys() - state.keys():
            state[name] = defaults_of(type(self))[name]
        # One array in two places, as a fit leaves it; a file may have held it twice.
        labels, classes = state.get("_labels"), state.get("classes_")
        if isinstance(labels, ClassLabels) and np.array_equal(classes, labels.classes):
            labels.classes = classes
        super().__setstate__(state)
        if hasattr(self, "coefs_"):
            self._fitted_network = NetworkCache.from_copy(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _has_stopped(model, request):
    """Return whether training has ended by itself, so that more changes nothing."""
    if request.is_one_epoch:
        return model.early_stopping and getattr(model, "_partial_fit_is_over", False)
    return request.resume and model.stopped_


def _reset(model):
    """Remove the attributes that fits set."""
    attributes = vars(model)
    for name in FITTED:
        attributes.pop(name, None)


def _fitted_now(model, network):
    """Return the fitted attributes as if the fit ended now, in memory of their own."""
    copied = Network.from_parameters(
        network.coefs,
        network.intercepts,
        activation=network.activation,
        output_activation=network.output_activation,
        copy=True,
    )
    if model.early_stopping and is_stochastic(model):
        copied.parameters[:] = model._best_parameters
    network_attributes = {
        "coefs_": copied.coefs,
        "intercepts_": copied.intercepts,
        "_fitted_network": NetworkCache(copied),
    }
    # These two are never changed once they are attributes, only replaced.
    shared = {"_optimizer", "_objective_of_fit"}
    names = vars(model).keys() & FITTED - {*network_attributes, *shared}
    return network_attributes | deepcopy({name: vars(model)[name] for name in names})


def _joined(blocks, n_rows):
    """Return blocks of rows as one array, or sparse matrix, filled block by block."""
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
