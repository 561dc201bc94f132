"""
Checks of gradients and trainings
=================================

Your own loss has two lines, and one of them may be wrong.  ``check_gradients`` compares
them with finite differences and reports the wrong one.  Then this script shows the
checks before a long training and during it.
"""

import warnings

import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, Network
from pybackprop.inspection import LayerMonitor, check_gradients, check_training

# A fixed number of epochs is enough here, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
network = Network([10, 8, 1], activation="tanh", random_state=0)


# %%
# A loss with its derivative
# --------------------------
def log_cosh(y, y_pred):
    """log cosh of the difference, and its derivative at y_pred."""
    difference = y_pred - y
    return np.log(np.cosh(difference)).sum(axis=1), np.tanh(difference)


print(check_gradients(network, X, y, loss=log_cosh))


# %%
# The same with the derivative at y, which has the other sign:
def wrong_sign(y, y_pred):
    """log cosh again, with a derivative of the wrong sign."""
    values, slopes = log_cosh(y, y_pred)
    return values, -slopes


check = check_gradients(network, X, y, loss=wrong_sign)
print(check)
assert not check.ok

# %%
# Before a training
# -----------------
# Is the first loss as expected, do gradients reach all layers, can the network overfit
# twenty samples?
X, y = load_digits(return_X_y=True)
X = X / 16
deep = {"hidden_layer_sizes": (30,) * 5, "max_iter": 15, "random_state": 0}
print(check_training(MLPClassifier(activation="logistic", **deep), X, y))

# %%
# Both failures have one cause, the small derivatives of the logistic function.  With
# relu:
print(check_training(MLPClassifier(activation="relu", **deep), X, y))

# %%
# During a training
# -----------------
# A callback, with scikit-learn 1.9 or newer, records statistics of each layer after
# each epoch, and changes no bit of the fit.
model = MLPClassifier(activation="relu", **deep)
if hasattr(model, "set_callbacks"):
    monitor = LayerMonitor()
    model.set_callbacks(monitor).fit(X, y)
    print(monitor)
