"""Defines a callback that records its calls, and estimators and data for it."""

import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor

try:
    from sklearn.callback import CallbackContext
except ImportError:
    CallbackContext = None

needs_callbacks = pytest.mark.skipif(
    CallbackContext is None, reason="callbacks came with scikit-learn 1.9"
)

N_ITER = 4

SOLVERS = ["sgd", "adam", "lbfgs"]

ITERATIONS = {"sgd": "epoch", "adam": "epoch", "lbfgs": "iteration"}

X, Y = load_iris(return_X_y=True)

X = StandardScaler().fit_transform(X)

DIABETES, PROGRESSION = load_diabetes(return_X_y=True, scaled=False)

TABLES = {
    MLPClassifier: (X, Y),
    MLPRegressor: (StandardScaler().fit_transform(DIABETES), PROGRESSION / 100),
}


def make(kind=MLPClassifier, **parameters):
    defaults = {
        "hidden_layer_sizes": (5,),
        "max_iter": N_ITER,
        "learning_rate_init": 0.01,
        "random_state": 0,
        "n_jobs": 1,
    }
    return kind(**defaults | parameters)


class Recorder:
    """Records every call: (hook, task, number of the task, arguments)."""

    def __init__(self, stop_after=None):
        self.calls = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name, context.task_id, {}))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name, context.task_id, {}))

    def on_fit_task_begin(
        self, estimator, context, *, X, y, metadata, fitted_estimator
    ):
        self._record("begin", estimator, context, X, y, metadata, fitted_estimator)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self._record("end", estimator, context, X, y, metadata, fitted_estimator)
        if self.stop_after is None or context.parent is None:
            return None
        return context.task_id + 1 == self.stop_after

    def _record(self, hook, estimator, context, X, y, metadata, fitted):
        given = {
            "X": X,
            "y": y,
            "metadata": metadata,
            "fitted": fitted,
            "n_tasks": context.max_subtasks,
            # The estimator continues to train: compute its predictions now.
            "predicted": estimator.predict(X),
        }
        self.calls.append((hook, context.task_name, context.task_id, given))

    @property
    def order(self):
        return [call[:3] for call in self.calls]

    def given(self, hook, task):
        return [call[3] for call in self.calls if call[:2] == (hook, task)]


def in_order(task, n_tasks, root="fit", root_id=0):
    each = [(hook, task, i) for i in range(n_tasks) for hook in ("begin", "end")]
    root_calls = [(hook, root, root_id) for hook in ("setup", "begin")]
    ends = [(hook, root, root_id) for hook in ("end", "teardown")]
    return root_calls + each + ends


def bits(model):
    return b"".join(array.tobytes() for array in [*model.coefs_, *model.intercepts_])
