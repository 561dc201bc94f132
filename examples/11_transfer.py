"""
What was learned of one task, taken to another
==============================================

A network learns to tell the digits 0 to 4.  Its hidden layers then begin a second one,
for the digits 5 to 9, of which only fifty are known: ``coefs_init`` and
``intercepts_init`` hand them over, and ``learning_rate_init`` with a rate for each
layer lets the output layer, which is new, learn faster than what is handed over.
"""

import warnings

import matplotlib.pyplot as plt
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

# %%
# The second task
# ---------------
# Thirty epochs on 50 digits from 5 to 9, ten times with other ones: the share of all
# the others that is told apart.

tries = {
    "from random weights": {},
    "from the first network": handed_over,
    "the same, each layer at its rate": handed_over
    | {"learning_rate_init": [3e-4, 1e-3, 1e-2]},
}
X, y = X[high], y[high]
told_apart = {}
for name, parameters in tries.items():
    scores = []
    for train, test in ShuffleSplit(10, train_size=50, random_state=0).split(X):
        model = MLPClassifier((64, 32), max_iter=30, random_state=0, **parameters)
        scores.append(model.fit(X[train], y[train]).score(X[test], y[test]))
    told_apart[name] = scores
    print(f"{name:33} {np.mean(scores):.3f}")

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for place, scores in enumerate(reversed(told_apart.values())):
    axes.plot(scores, [place] * len(scores), "o", color="#0072b2", alpha=0.5)
    axes.plot(np.mean(scores), place, "k|", markersize=25, label="mean")
axes.set_yticks(range(len(told_apart)), list(reversed(told_apart)))
axes.set(xlabel="accuracy on digits 5 to 9, a point for each fifty", ylim=(-1, 3))
axes.legend(*[labels[:1] for labels in axes.get_legend_handles_labels()])
plt.show()
