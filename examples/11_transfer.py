"""
What a network has learned of one task, taken to another with few examples
==========================================================================

A network learns to tell the digits 0 to 4.  Its hidden layers then begin a second one,
for the digits 5 to 9, of which only fifty are known: ``coefs_init`` and
``intercepts_init`` hand them over, and ``learning_rate_init`` with a rate for each
layer lets the output layer, which is new, learn faster than what is handed over.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit

from pybackprop import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = X / 16
low, high = y < 5, y >= 5

first = MLPClassifier((64, 32), max_iter=100, random_state=0).fit(X[low], y[low])
print(f"digits 0 to 4, {low.sum()} of them: {first.score(X[low], y[low]):.3f}")

# The output layer is another one: zeros are as good a start as any for it.
handed_over = {
    "coefs_init": [*first.coefs_[:-1], np.zeros((32, 5))],
    "intercepts_init": [*first.intercepts_[:-1], np.zeros(5)],
}
tries = {
    "from random weights": {},
    "from the first network": handed_over,
    "the same, each layer at its rate": handed_over
    | {"learning_rate_init": [3e-4, 1e-3, 1e-2]},
}
print("digits 5 to 9, 50 of them, 30 epochs: share of the others told apart")
X, y = X[high], y[high]
for name, parameters in tries.items():
    scores = []
    for train, test in ShuffleSplit(10, train_size=50, random_state=0).split(X):
        model = MLPClassifier((64, 32), max_iter=30, random_state=0, **parameters)
        scores.append(model.fit(X[train], y[train]).score(X[test], y[test]))
    print(f"  {name:33} {np.mean(scores):.3f}")
