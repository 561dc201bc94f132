"""Publishes the state of a fit to the estimator and to scikit-learn's callbacks.

Callbacks came with scikit-learn 1.9: they are set by ``set_callbacks`` and called at
the beginning and the end of each task of a fit, which is a tree of tasks.  Here the
root is a call to ``fit``, ``partial_fit`` or ``fit_batches``, and its leaves are the
epochs, or iterations of L-BFGS.  Only this file knows that older versions have no
callbacks, and in which attributes scikit-learn keeps them.
"""

import sklearn
from sklearn.utils.metaestimators import available_if

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    def _require_callbacks(estimator):
        raise AttributeError(
            "set_callbacks needs scikit-learn 1.9 or newer: update scikit-learn. "
            f"Got {sklearn.__version__}."
        )

    class CallbackSupportMixin:
        """Stands in for scikit-learn's class of that name."""

        @available_if(_require_callbacks)
        def set_callbacks(self, *callbacks):
            """Not available before scikit-learn 1.9."""

    def with_callbacks(method):
        """Return the method itself: there is nothing to tear down."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "FitObserver",
    "with_callbacks",
    "without_running_fit",
]

# Attributes by which scikit-learn connects an estimator to a running fit: to the task
# of a meta-estimator, to its own root task, and to the callbacks that it set up.
_UNDER_WAY = (
    "_parent_callback_ctx",
    "_callback_fit_ctx",
    "_skl_callbacks_to_teardown",
)


def without_running_fit(state):
    """Return the attributes of an estimator without those of a fit in progress.

    A callback may keep the fitted estimators that it gets, or save them.  Each is a
    copy, and a copy takes no part in the fit that it was made in: if it is fitted
    later, that is a fit of its own.  The callbacks stay, as scikit-learn has it.
    """
    # A copy, since other threads may add an attribute meanwhile.
    attributes = state.copy().items()
    return {name: value for name, value in attributes if name not in _UNDER_WAY}


class FitObserver:
    """Publishes the state of a training to the estimator, and calls its callbacks.

    The state is published when the training begins and ends, before a scorer is called,
    and around each epoch if there are callbacks: then somebody looks at the estimator.

    Without callbacks no context is made: one takes 16 microseconds, which may be more
    than an epoch, and leaves a reference cycle.

    Parameters
    ----------
    estimator : estimator
        The working copy that is fitted, in a method that ``with_callbacks`` wraps.
    request : FitRequest
    task : str
        What a task is called.
    n_tasks : int
        Maximum number of tasks.
    fitted_now : callable
        Returns the fitted attributes as if the fit ended now, in memory of their own.
        Called only for a callback that asks for a fitted estimator.
    X, y
        As the caller gave them: a scorer is to see the caller's labels and names.
    sample_weight : ndarray of shape (n_samples,) or None
    """

    def __init__(
        self, estimator, request, task, n_tasks, fitted_now, *, X, y, sample_weight
    ):
        self._estimator = estimator
        self._root = None
        self._current = None
        if not hasattr(estimator, "_skl_callbacks"):
            return
        self._name = task
        self._fitted_now = {"reconstruction_attributes": fitted_now}
        # Scorers take the metadata as keyword arguments, so only what they know.
        weights = None if sample_weight is None else {"sample_weight": sample_weight}
        self._data = {"estimator": estimator, "X": X, "y": y, "metadata": weights}
        name = "partial_fit" if request.is_one_epoch else "fit"
        self._root = estimator._init_callback_context(name, max_subtasks=n_tasks)

    def __enter__(self):
        if self._root is not None:
            self._root.call_on_fit_task_begin(**self._data)
        return self

    def __exit__(self, exception_type, exception, traceback):
        if self._root is not None and exception_type is None:
            self._end_task()  # an iteration of L-BFGS whose line search failed
            self._root.call_on_fit_task_end(**self._data, **self._fitted_now)

    def publish(self, state):
        """Set the fitted attributes that show a TrainingState."""
        vars(self._estimator).update(state.attributes())

    def begin(self, state):
        """Begin the next task, unless one is going on."""
        if self._root is not None and self._current is None:
            self.publish(state)  # the stopping rules may have changed it since the end
            self._current = self._root.subcontext(self._name)
            self._current.call_on_fit_task_begin(**self._data, **self._fitted_now)

    def end(self, state):
        """End the task that is going on, if any; return whether a callback stops."""
        if self._current is None:
            return False
        self.publish(state)
        return self._end_task()

    def _end_task(self):
        task, self._current = self._current, None
        if task is None:
            return False
        return task.call_on_fit_task_end(**self._data, **self._fitted_now)
