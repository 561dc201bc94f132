"""
Names: activations, losses, solvers, schedules
==============================================

``pybackprop.catalogue()`` has every name that a parameter accepts, with its properties.
It reads the lists of the compiled core, as the estimators, ``Network`` and their error
messages do.
"""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

from pybackprop import Network, catalogue
from pybackprop.by_hand.activations import ACTIVATIONS
from pybackprop.by_hand.losses import LOSSES

# %%
# List the names
# --------------
# The catalogue maps each kind to names, and each name to its properties.


def show(title, names):
    print(fill(f"{title}: {', '.join(names)}", 80, subsequent_indent="    "))


names = catalogue()
activations, losses = names["activations"], names["losses"]
show("activation", [name for name, row in activations.items() if row["hidden"]])
show("output_activation", names["outputs"])
show("loss of Network", losses)
# The estimators use one name for a loss and its elementwise form, as scikit-learn does.
forms = {row["elementwise_form"] for row in losses.values()}
for task in ("regression", "classification"):
    offered = [name for name, row in losses.items() if row[task] and name not in forms]
    show(f"loss in {task}", offered)
show("solver", names["solvers"])
show("learning_rate", names["schedules"])

# %%
# ``Network`` accepts any loss with any output.  The estimators refuse an output whose
# values the loss does not accept.
#
# Where delta is y_pred − y
# -------------------------
# A loss has at most one output activation, its canonical one, with which the gradient
# at the pre-activation is y_pred − y.

for name, row in losses.items():
    print(f"{name:16} {row['canonical_output'] or 'none':9} y: {row['target_domain']}")

# %%
# Activations and their derivatives
# ---------------------------------
# f(z) in blue and f′(z), dashed, in orange, by the formulas of
# ``pybackprop.by_hand.activations``.  The points are computed by the core, with a
# network whose only weight is 1, so that z is its input.


def panels_for(n_panels, height):
    """A figure with one panel per name, five in a row."""
    n_rows = -(-n_panels // 5)
    figure, panels = plt.subplots(
        n_rows, 5, figsize=(11, height * n_rows), layout="constrained", squeeze=False
    )
    for axes in panels.flat[n_panels:]:
        axes.axis("off")
    return figure, list(panels.flat)


def one_weight(**functions):
    """A network whose pre-activation is its input."""
    network = Network([1, 1], **functions)
    network.coefs[0][:], network.intercepts[0][:] = 1, 0
    return network


elementwise = [name for name, row in activations.items() if not row["rowwise"]]
z = np.linspace(-5, 5, 201)
figure, panels = panels_for(len(elementwise), 2.2)
for axes, name in zip(panels, elementwise, strict=False):
    if name in ACTIVATIONS:
        f, f_prime = ACTIVATIONS[name]
        axes.plot(z, f(z), color="#0072b2", label="f(z)")
        axes.plot(z, f_prime(z), color="#d55e00", linestyle="--", label="f′(z)")
    trace = one_weight(output_activation=name).forward(z[::20, np.newaxis])
    axes.plot(trace.z[0], trace.a[1], ".", color="#0072b2")
    axes.plot(trace.z[0], trace.f_prime[0], ".", color="#d55e00")
    axes.set(title=name, ylim=(-1.8, 3))
    axes.grid(alpha=0.3)
panels[0].legend(fontsize="small")
figure.supxlabel("pre-activation z")
plt.show()

# %%
# Losses and their derivatives
# ----------------------------
# ℓ(y, ŷ) of one output as a function of the prediction ŷ, for the target y = 1, and its
# derivative ∂ℓ/∂ŷ, dashed, by the formulas of ``pybackprop.by_hand.losses``; again the
# points are computed by the core.  The gradient at the pre-activation is the product of
# this derivative with that of the output activation.


def parameter_of(row):
    """A value in the range of the loss's parameter, None if it has none."""
    low, high = row["parameter_low"], row["parameter_high"]
    if row["parameter"] is None:
        return None
    return low + 0.75 * (high - low) if np.isfinite(high) else 1.0


figure, panels = panels_for(len(losses), 2.4)
for axes, (name, row) in zip(panels, losses.items(), strict=False):
    parameter = parameter_of(row)
    rest = [] if parameter is None else [parameter]
    low, high = max(row["prediction_low"], 0), min(row["prediction_high"], 4)
    y_pred = np.linspace(low + 0.05, high - 0.02, 200)
    if name in LOSSES:
        loss, derivative = (
            f(np.ones_like(y_pred), y_pred, *rest) for f in LOSSES[name]
        )
        axes.plot(y_pred, loss, color="#0072b2", label="ℓ")
        axes.plot(y_pred, derivative, "--", color="#d55e00", label="∂ℓ/∂ŷ")
    network = one_weight(loss=name, loss_parameter=parameter)
    for point in y_pred[::20]:
        trace = network.backprop([[point]], [1.0])
        axes.plot(point, trace.loss, ".", color="#0072b2")
        axes.plot(point, trace.dloss_da[0][0, 0], ".", color="#d55e00")
    title = name if parameter is None else f"{name}, {parameter:g}"
    axes.set(title=title, ylim=(-3, 3), xlabel="ŷ")
    axes.grid(alpha=0.3)
panels[0].legend(fontsize="small")
plt.show()
