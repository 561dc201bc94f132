"""
Pictures of a network and its training
======================================

Five Displays by scikit-learn's convention: each draws on axes of one's own or makes a
figure, and keeps what it has drawn as attributes.  Two moons for what a plane can show,
the digits for what layers and weights look like.  A sixth Display, of both recipes for
backpropagation, is in :ref:`sphx_glr_auto_examples_14_both_recipes.py`.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits, make_moons
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, Network
from pybackprop.plotting import (
    DecisionSurfaceDisplay,
    FirstLayerDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
    NetworkDisplay,
)

X_moons, y_moons = make_moons(300, noise=0.2, random_state=0)
moons = make_pipeline(
    StandardScaler(),
    MLPClassifier((4,), activation="tanh", solver="lbfgs", alpha=0.3, random_state=0),
).fit(X_moons, y_moons)
X, y = load_digits(return_X_y=True)
X = X / 16
digits = MLPClassifier((36,), alpha=3, early_stopping=True, random_state=0).fit(X, y)

# %%
# What it decides:
DecisionSurfaceDisplay.from_estimator(moons, X_moons, y_moons)
plt.show()

# %%
# What each hidden unit contributes, a smooth step across a straight line:
DecisionSurfaceDisplay.from_estimator(moons, X_moons, y_moons, layer=1)
plt.show()

# %%
# The network, with the activations of one sample and the deltas on their way back: of
# the sample that it is least sure of:
sample = abs(moons.predict_proba(X_moons)[:, 1] - 0.5).argmin()
NetworkDisplay.from_estimator(
    moons, X_moons, y_moons, sample=sample, show=("a", "delta")
)
plt.show()

# %%
# How the loss fell on the digits, with the penalty and without:
LossCurveDisplay.from_estimator(digits)
plt.show()

# %%
# What the first layer looks for in a digit: bright where ink excites a unit, dark where
# it calms it, grey where it does not matter.
FirstLayerDisplay.from_estimator(digits)
plt.show()

# %%
# How much gradient reaches each layer of a deep network before it is trained:
axes = None
for activation in ("logistic", "relu"):
    deep = MLPClassifier.from_network(
        Network(
            [64, *[30] * 6, 10],
            activation=activation,
            output_activation="softmax",
            loss="log_loss",
            random_state=0,
        )
    )
    display = GradientFlowDisplay.from_estimator(deep, X, y, ax=axes, name=activation)
    axes = display.ax_
plt.show()
