"""
Activations in a deep, narrow network
=====================================

The test accuracy of one network on the digits after a few epochs, for each activation,
as the mean over several initial weights.  Eight hidden layers are more than the digits
need; they show which activations propagate a gradient through all layers with the
initial weights of their publication.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from pybackprop import MLPClassifier

# A fixed number of epochs is enough here, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

ACTIVATIONS = (
    "logistic hard_sigmoid tanh hard_tanh relu leaky_relu elu selu gelu gelu_tanh silu "
    "mish softplus hard_silu"
).split()
DEPTH, WIDTH, EPOCHS, SEEDS = 8, 20, 10, 2

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)


def accuracy(activation):
    """Mean test accuracy over networks of different initial weights."""
    scores = []
    for seed in range(SEEDS):
        model = MLPClassifier(
            hidden_layer_sizes=(WIDTH,) * DEPTH,
            activation=activation,
            learning_rate_init=0.003,
            batch_size=50,
            max_iter=EPOCHS,
            random_state=seed,
        )
        scores.append(model.fit(X_train, y_train).score(X_test, y_test))
    return np.mean(scores)


print(f"{DEPTH} hidden layers of {WIDTH} units, {EPOCHS} epochs")
reached = {name: accuracy(name) for name in ACTIVATIONS}
for name, score in reached.items():
    print(f"{name:<14} {score:.3f}")

# %%
# The logistic and its hard form are at chance level, and softplus learns slowly; all
# others have learned.
names = sorted(reached, key=reached.get)
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.barh(names, [reached[name] for name in names], color="#0072b2")
axes.axvline(0.1, color="0.5", linestyle=":", label="guessing")
axes.set(xlabel="test accuracy", title=f"{DEPTH} hidden layers, {EPOCHS} epochs")
axes.legend(loc="lower right")
plt.show()

# %%
# A list of activations
# ---------------------
# One per layer: logistic layers, which reduce the gradient, below or above relu layers.

for n_logistic in (0, 2, 4, 8):
    below = ["logistic"] * n_logistic + ["relu"] * (DEPTH - n_logistic)
    print(
        f"{n_logistic} logistic layers, then {DEPTH - n_logistic} of relu   "
        f"{accuracy(below):.3f}   the other way round {accuracy(below[::-1]):.3f}"
    )
