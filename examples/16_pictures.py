"""
Plots of a network and its training
===================================

Five Displays by scikit-learn's convention: each draws into given axes or makes a
figure, and keeps the drawn objects as attributes.  The two moons show decisions in two
dimensions, the digits show layers and weights.  A sixth Display, of both formulations
of backpropagation, is in :ref:`sphx_glr_auto_examples_14_both_formulations.py`.
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
# The decision surface:
DecisionSurfaceDisplay.from_estimator(moons, X_moons, y_moons)
plt.show()

# %%
# The activation of each hidden unit, a smooth step across a straight line:
DecisionSurfaceDisplay.from_estimator(moons, X_moons, y_moons, layer=1)
plt.show()

# %%
# The network with the activations and the deltas of one sample, the one with the least
# certain prediction:
sample = abs(moons.predict_proba(X_moons)[:, 1] - 0.5).argmin()
NetworkDisplay.from_estimator(
    moons, X_moons, y_moons, sample=sample, show=("a", "delta")
)
plt.show()

# %%
# The loss curve on the digits, with and without penalty:
LossCurveDisplay.from_estimator(digits)
plt.show()

# %% The weights of the first layer: bright where ink increases the pre-activation of a
# unit, dark where it decreases it, grey where it has no effect.
FirstLayerDisplay.from_estimator(digits)
plt.show()

# %%
# The size of the gradient in each layer of a deep network before training:
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
