"""
Callbacks: scores of each epoch, and an early end
=================================================

Callbacks need scikit-learn 1.9 or newer.  The script shows accuracy and log-loss in
each epoch, the same for each fit of a grid search with two workers, and your own
callback, which ends a fit as soon as unseen samples are predicted well enough.
"""

import sys
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:
    print("Callbacks need scikit-learn 1.9 or newer, so there is nothing to show here.")
    sys.exit()

# A fixed number of epochs is enough here, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
digits = load_digits(return_X_y=True)

# %%
# Scores of each epoch
# --------------------
# A progress bar on the outermost estimator is added if rich is installed.  The guard is
# for the processes that collect scores: on some systems they import this file again.


def monitored(X, y):
    """Scores of each epoch, and a progress bar if rich is installed."""
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    step = MLPClassifier(max_iter=10, random_state=0).set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), step)
    try:
        pipeline.set_callbacks(ProgressBar())  # on the outermost estimator
    except ImportError as error:
        print(error)
    pipeline.fit(X, y)
    print("epoch   accuracy   log-loss   (training samples)")
    for row in monitor.get_logs().data:
        if row["task_name"] == "epoch":
            number = row["task_id"] + 1
            print(f"{number:>5} {row['accuracy']:>10.3f} {-row['neg_log_loss']:>10.3f}")


if __name__ == "__main__":
    monitored(*digits)

# %%
# From the workers of a search
# ----------------------------


def searched(X, y):
    """The first and the last epoch of each fit in the workers of a search."""
    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(max_iter=10, random_state=0).set_callbacks(monitor)
    rates = [1e-3, 1e-2]
    search = GridSearchCV(model, {"learning_rate_init": rates}, cv=2, n_jobs=2)
    search.fit(X / 16, y)
    fits = {}
    for row in monitor.get_logs().data:
        if row["task_name"] == "epoch":
            fits.setdefault(row["parent_task_id_path"], []).append(row["accuracy"])
    print("fit of the search           accuracy after epoch 1   after epoch 10")
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for path, accuracies in sorted(fits.items()):
        # The search has all its fits, the folds of each rate in turn, and the refit.
        if path[1] == 0:
            name = f"rate {rates[path[2] // 2]:g}, fold {path[2] % 2}"
        else:
            name = "refit with the best"
        print(f"{name:<27} {accuracies[0]:>22.3f} {accuracies[-1]:>16.3f}")
        line = "-" if path[1] else "--" if path[2] < 2 else ":"
        axes.plot(range(1, len(accuracies) + 1), accuracies, line, label=name)
    axes.set(xlabel="epoch", ylabel="accuracy on the fold's training samples")
    axes.legend(title="fit of the search")
    plt.show()


if __name__ == "__main__":
    searched(*digits)

# %%
# Your own callback
# -----------------
# It ends a fit once the score on unseen samples reaches a threshold.


class GoodEnough:
    """Ends a fit once the score on unseen samples reaches a threshold."""

    def __init__(self, X, y, score):
        self.X = X
        self.y = y
        self.score = score
        self.scores = []

    def setup(self, estimator, context):
        self.scores = []

    def on_fit_task_begin(self, estimator, context):
        pass

    # Arguments that a hook does not name are not computed.
    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(self.X, self.y))
            return self.scores[-1] >= self.score
        return False

    def teardown(self, estimator, context):
        pass


def stopped(X, y):
    """The same fit without and with a callback that ends it."""
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    model = MLPClassifier(max_iter=100, random_state=0)
    print("callback      epochs   unseen   why it ended")
    for name, callbacks in {
        "none": [],
        "GoodEnough": [GoodEnough(X_test, y_test, score=0.95)],
    }.items():
        model.set_callbacks(*callbacks).fit(X_train, y_train)
        score = model.score(X_test, y_test)
        print(f"{name:<12} {model.n_iter_:>7} {score:>8.3f}   {model.stopping_reason_}")


if __name__ == "__main__":
    stopped(*digits)
