"""
Looking inside a training
=========================

A loss that does not decrease shows that something is wrong, but not what. The history
of the epochs, the gradients of each layer, and a few checks before the training show
more.
"""

import warnings

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from pybackprop import MLPClassifier, Network
from pybackprop.inspection import LayerMonitor, check_gradients, check_training
from pybackprop.plotting import LossCurveDisplay

warnings.filterwarnings("ignore", category=ConvergenceWarning)  # some epochs are enough
X, y = load_digits(return_X_y=True)
X, X_val, y, y_val = train_test_split(X / 16, y, random_state=0, stratify=y)

# %%
# The loss, epoch by epoch
# ------------------------
#
# Two networks with six hidden layers differ only in their activation. ``history_`` has
# one row per epoch, ready for a data frame, and
# :class:`~pybackprop.plotting.LossCurveDisplay` draws it. A validation set is evaluated
# in each epoch. The callback, which needs scikit-learn 1.9 or later, is used below.

models, monitors = {}, {}
for activation in ("relu", "logistic"):
    model = MLPClassifier((20,) * 6, activation=activation, max_iter=40, random_state=0)
    monitors[activation] = LayerMonitor()
    model.set_callbacks(monitors[activation])
    models[activation] = model.fit(X, y, X_val=X_val, y_val=y_val)

figure, panels = plt.subplots(1, 2, sharey=True, figsize=(9, 3.6), layout="constrained")
for ax, (activation, model) in zip(panels, models.items(), strict=True):
    LossCurveDisplay.from_estimator(model, ax=ax, panels=["loss"])
    ax.set_title(activation)
plt.show()
for name, column in models["relu"].history_.items():
    print(f"{name:<16} {column[0]:10.4g}  ... {column[-1]:10.4g}")

# %%
# What each layer does
# --------------------
#
# The loss of the logistic network hardly changes. After each epoch,
# :class:`~pybackprop.inspection.LayerMonitor` records for each layer the size of its
# gradient, the relative change of its weights, and the number of units with derivative
# 0. It does not change the training.

monitors["logistic"]

# %%
# Each logistic layer multiplies the gradient by a derivative of at most 1/4, so the
# first layer receives little. With relu, the first layer receives about as much as the
# last:

figure, ax = plt.subplots(figsize=(5.5, 3.5), layout="constrained")
for (activation, monitor), style in zip(monitors.items(), ("o-", "s--"), strict=True):
    history = {name: np.array(column) for name, column in monitor.history_.items()}
    first = history["epoch"] == 0
    norms = history["coef_grad_norm"][first]
    ax.semilogy(history["layer"][first], norms, style, label=activation)
ax.set(xlabel="layer", ylabel="norm of dF/dW", title="Before the first epoch")
ax.legend()
plt.show()

# %%
# Before a long training
# ----------------------
#
# :func:`~pybackprop.inspection.check_training` makes the usual sanity checks and states
# the remedy for each failure.

check_training(MLPClassifier((20,) * 6, "logistic", random_state=0), X, y)

# %%
# Your own loss
# -------------
#
# The derivative of your own loss is written by hand and easily wrong.
# :func:`~pybackprop.inspection.check_gradients` compares it with finite differences.


def log_cosh(y, y_pred):
    difference = y_pred - y
    return np.log(np.cosh(difference)).sum(axis=1), np.tanh(difference)


def forgotten_factor(y, y_pred):
    difference = y_pred - y
    return (difference**2).sum(axis=1), difference  # not 2 * difference


network = Network([64, 5, 1], activation="tanh", random_state=0)
for loss in (log_cosh, forgotten_factor):
    check = check_gradients(network, X[:50], y[:50] / 9, loss=loss)
    print(f"{loss.__name__}: {'right' if check.ok else 'WRONG'}")

# %% **Advice.** Run the checks first, then look at the loss curve, then at the layers.
# If gradients vanish in the first layers, use another activation. If weights change by
# much more than a thousandth per step (the monitor records the change per epoch, here
# of seven steps), use a smaller learning rate. If units have derivative 0, scale the
# features or use a smaller learning rate. If the validation loss rises again, stop
# there. :ref:`sphx_glr_auto_examples_02_activations.py` trains deep networks with every
# activation, :ref:`sphx_glr_auto_examples_08_callbacks.py` shows your own callbacks.
