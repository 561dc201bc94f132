"""
Names: activations, losses, solvers, schedules
==============================================

All names come from the lists of the compiled core: the estimators, ``Network``, their
error messages and this page read them there.
"""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.by_hand.activations import ACTIVATIONS
from pybackprop.by_hand.losses import LOSSES

# %%
# List the names
# --------------
# The error message for an unknown name has the list.


def names(make, **parameter):
    """The names that are offered instead of one that does not exist."""
    try:
        make(**parameter)
    except ValueError as refusal:
        print(fill(str(refusal), 80), end="\n\n")


def network(**parameter):
    return Network([2, 3, 1], **parameter)


def classifier(**parameter):
    return MLPClassifier(**parameter).fit([[0.0], [1.0]], [0, 1])


def regressor(**parameter):
    return MLPRegressor(**parameter).fit([[0.0], [1.0]], [0.0, 1.0])


names(network, activation="?")
names(network, output_activation="?")
names(network, loss="?")
names(classifier, loss="?")
names(regressor, loss="?")
names(regressor, solver="?")
names(regressor, learning_rate="?")

# %%
# ``Network`` accepts any loss with any output.  The estimators use the name 'log_loss'
# for both log-losses, and refuse an output whose values the loss does not accept.
#
# Activations and their derivatives
# ---------------------------------
# f(z) in blue and f′(z), dashed, in orange, by the formulas of
# ``pybackprop.by_hand.activations``.  The points are computed by the core, with a
# network whose only weight is 1, so that z is its input.

z = np.linspace(-5, 5, 201)
figure, panels = plt.subplots(
    3, 5, figsize=(11, 6.5), sharex=True, layout="constrained"
)
for axes, (name, (f, f_prime)) in zip(panels.flat, ACTIVATIONS.items(), strict=True):
    axes.plot(z, f(z), color="#0072b2", label="f(z)")
    axes.plot(z, f_prime(z), color="#d55e00", linestyle="--", label="f′(z)")
    one = Network([1, 1], output_activation=name)
    one.coefs[0][:], one.intercepts[0][:] = 1, 0
    trace = one.forward(z[::20, np.newaxis])
    axes.plot(trace.z[0], trace.a[1], ".", color="#0072b2")
    axes.plot(trace.z[0], trace.f_prime[0], ".", color="#d55e00")
    axes.set(title=name, ylim=(-1.8, 3))
    axes.grid(alpha=0.3)
panels[0, 0].legend(fontsize="small")
figure.supxlabel("pre-activation z")
plt.show()

# %%
# Losses and their derivatives
# ----------------------------
# ℓ(y, ŷ) of one output as a function of the prediction ŷ, for the target y = 1, and its
# derivative ∂ℓ/∂ŷ, dashed, by the formulas of ``pybackprop.by_hand.losses``.  The
# gradient at the pre-activation is the product of this derivative with that of the
# output activation.

parameters = {"huber": [1.0], "quantile": [0.9], "tweedie": [1.5]}
figure, panels = plt.subplots(2, 5, figsize=(11, 4.8), layout="constrained")
for axes, (name, (loss, derivative)) in zip(panels.flat, LOSSES.items(), strict=False):
    ends = (0.02, 0.98) if "log_loss" in name else (0.05, 4)
    y_pred = np.linspace(*ends, 200)
    target, rest = np.ones_like(y_pred), parameters.get(name, [])
    axes.plot(y_pred, loss(target, y_pred, *rest), color="#0072b2", label="ℓ")
    axes.plot(
        y_pred, derivative(target, y_pred, *rest), "--", color="#d55e00", label="∂ℓ/∂ŷ"
    )
    described = ", ".join(map(str, rest))
    axes.set(title=f"{name}, {described}" if rest else name, ylim=(-3, 3), xlabel="ŷ")
    axes.grid(alpha=0.3)
for axes in panels.flat[len(LOSSES) :]:
    axes.axis("off")
panels[0, 0].legend(fontsize="small")
plt.show()
