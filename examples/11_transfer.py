"""
Transfer of hidden layers to another task
=========================================

A network learns to classify digits.  Its hidden layers are the initial layers of a
second network, which predicts whether the ink of a digit encloses a hole, from twenty
images only.  ``coefs_init`` and ``intercepts_init`` pass the layers, and
``learning_rate_init`` with one rate per layer lets the new output layer learn faster
than the others.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit

from pybackprop import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, digit = load_digits(return_X_y=True)
X = X / 16
first = MLPClassifier((64, 32), max_iter=100, random_state=0).fit(X[:900], digit[:900])
X, has_hole = X[900:], np.isin(digit[900:], [0, 6, 8, 9])
print(f"the first network names {first.score(X, digit[900:]):.3f} of the other digits")

# The output layer is new and starts at zeros.
handed_over = {
    "coefs_init": [*first.coefs_[:-1], np.zeros((32, 1))],
    "intercepts_init": [*first.intercepts_[:-1], np.zeros(1)],
}

# %%
# The second task
# ---------------
# The accuracy on all other images, for ten sets of twenty images that the first network
# has not seen.  Random initial weights are tried with several learning rates.

tries = {
    f"random weights, rate {rate}": {"learning_rate_init": rate}
    for rate in (0.001, 0.003, 0.01)
} | {
    "handed over, rate 0.001": handed_over,
    "handed over, a rate for each layer": handed_over
    | {"learning_rate_init": [3e-4, 1e-3, 1e-2]},
}
judged_rightly = {}
for name, parameters in tries.items():
    scores = []
    for train, test in ShuffleSplit(10, train_size=20, random_state=0).split(X):
        model = MLPClassifier((64, 32), max_iter=100, random_state=0, **parameters)
        model.fit(X[train], has_hole[train])
        scores.append(model.score(X[test], has_hole[test]))
    judged_rightly[name] = scores
    print(f"{name:35} {np.mean(scores):.3f}")

# %%
# The transferred layers help, most of all if the new layer learns faster.
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
for place, scores in enumerate(reversed(judged_rightly.values())):
    axes.plot(scores, [place] * len(scores), "o", color="#0072b2", alpha=0.5)
    axes.plot(np.mean(scores), place, "k|", markersize=25, label="mean")
axes.set_yticks(range(len(judged_rightly)), list(reversed(judged_rightly)))
axes.set(xlabel="accuracy on all the rest, a point for each twenty", ylim=(-1, 5))
legend = [labels[:1] for labels in axes.get_legend_handles_labels()]
axes.legend(*legend, markerscale=0.4)
plt.show()
