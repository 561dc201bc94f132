"""
Label smoothing, costs of mistakes, small weights
=================================================

With label smoothing, a classifier is less confident, in wrong and in right predictions;
the log-loss shows the effect.  Your own loss makes one kind of mistake more expensive
than another.  L1 and max-norm keep weights small.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# Label smoothing
# ---------------
X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, train_size=300, random_state=0)
print("label_smoothing  surest of its mistakes  log-loss of 1497 other digits")
for smoothing in (0, 0.1):
    model = MLPClassifier(label_smoothing=smoothing, max_iter=300, random_state=0)
    proba = model.fit(X, y).predict_proba(X_test)
    wrong = proba.argmax(axis=1) != y_test
    print(
        f"{smoothing:15}  {proba[wrong].max():22.2f}  {log_loss(y_test, proba):29.3f}"
    )

# %%
# Your own loss
# -------------
# Linex (Varian 1975): overestimates cost more than underestimates.


def linex(y, y_pred):
    """exp(x) - x - 1 with x = 2 (y_pred - y), and its derivative."""
    x = 2 * (y_pred - y)
    return (np.exp(x) - x - 1).sum(axis=1), 2 * (np.exp(x) - 1)


X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
print("loss of the regressor  share of patients that are overestimated")
for name, loss in [("squared_error", "squared_error"), ("your own, linex", linex)]:
    model = MLPRegressor(loss=loss, alpha=1, max_iter=100, random_state=0)
    y_pred = cross_val_predict(model, X, y)
    print(f"{name:21}  {np.mean(y_pred > y):39.2f}")

# %%
# Small weights
# -------------
X, y = load_breast_cancer(return_X_y=True)
X = scale(X)
penalties = {
    "alpha=0.0001": {},
    "alpha=1, l1_ratio=1": {"alpha": 1, "l1_ratio": 1},
    "max_norm=0.5": {"max_norm": 0.5},
}
figure, panels = plt.subplots(1, 3, figsize=(10, 5), layout="constrained")
print("penalty                 features that matter  longest weight vector  score")
for axes, (name, parameters) in zip(panels, penalties.items(), strict=True):
    model = MLPClassifier((20,), max_iter=300, random_state=0, **parameters).fit(X, y)
    W = model.coefs_[0]
    matter = np.sum(np.abs(W).max(axis=1) > 0.05)
    longest = np.linalg.norm(W, axis=0).max()
    print(f"{name:22}  {matter:20}  {longest:21.2f}  {model.score(X, y):.3f}")
    image = axes.imshow(W, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set(title=name, xlabel="hidden unit", ylabel="feature")
figure.colorbar(image, ax=panels, label="weight")
plt.show()
