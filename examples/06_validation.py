"""
What is set aside decides when training stops, and what the score then promises
===============================================================================

The digits were written by thirteen people, mostly one after the other, so that rows
which are neighbours are of the same hand. Rows set aside at random are therefore easier
than the digits of people who did not write for the training. Prints what early stopping
thinks of a model and what later rows show, for rows at random, for blocks of rows as
groups, and for the newest rows; then the same fit stopped by other scores, and its
history; then a fit that is stopped, pickled and gone on with. Seconds to run:

    python examples/06_validation.py
"""

import pickle
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupShuffleSplit, TimeSeriesSplit

from pybackprop import MLPClassifier

# One fit below is stopped on purpose.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X = X / 16
# The last 600 images are, by and large, of people who did not write the first 1197.
X_train, y_train, X_new, y_new = X[:1197], y[:1197], X[1197:], y[1197:]
blocks = np.arange(len(y_train)) // 138

print("Early stopping by accuracy: what was promised, what new writers show")
for name, validation_fraction, groups in (
    ("rows at random", 0.2, None),
    ("blocks of writers", GroupShuffleSplit(1, test_size=0.2, random_state=0), blocks),
    ("the newest rows", TimeSeriesSplit(n_splits=5), None),
):
    model = MLPClassifier(
        (50,),
        early_stopping=True,
        validation_fraction=validation_fraction,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(X_train, y_train, groups=groups)
    print(
        f"  {name:<18} promised {model.best_validation_score_:.3f}   "
        f"shown {model.score(X_new, y_new):.3f}   after {model.n_iter_} epochs"
    )

print("\nA validation set of one's own, and the score that decides")
models = {}
for scoring in (None, "loss", "top_k_accuracy"):
    model = MLPClassifier(
        (50,),
        early_stopping=True,
        scoring=scoring,
        alpha=0,
        learning_rate_init=0.01,
        max_iter=300,
        random_state=0,
    )
    model.fit(X_train[:900], y_train[:900], X_val=X_train[900:], y_val=y_train[900:])
    models[scoring] = model
    loss = log_loss(y_new, model.predict_proba(X_new))
    print(
        f"  scoring={scoring!s:<15} {model.n_iter_:>4} epochs   new writers: accuracy "
        f"{model.score(X_new, y_new):.3f}, loss {loss:.3f}"
    )
history = models["loss"].history_
print(f"  {models['loss'].stopping_reason_}")
print("\n  epoch   loss  validation_loss  validation_score")
for row in range(0, len(history["epoch"]), max(1, len(history["epoch"]) // 6)):
    print(
        f"  {history['epoch'][row]:>5}  {history['loss'][row]:.3f}  "
        f"{history['validation_loss'][row]:>15.3f}  "
        f"{history['validation_score'][row]:>16.3f}"
    )

print("\nStopped after 7 epochs, pickled, and gone on with")
params = {"early_stopping": True, "random_state": 0}
through = MLPClassifier(max_iter=40, **params).fit(X_train, y_train)
paused = MLPClassifier(max_iter=7, **params).fit(X_train, y_train)
print(f"  {paused.stopping_reason_}")
elsewhere = pickle.loads(pickle.dumps(paused)).set_params(max_iter=40)
elsewhere.fit(X_train, y_train, resume=True)
same = all(map(np.array_equal, elsewhere.coefs_, through.coefs_))
print(f"  The bits of a fit that ran through: {'yes' if same else 'NO'}")
