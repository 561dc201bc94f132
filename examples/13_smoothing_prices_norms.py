"""
A classifier less sure of itself, errors at their own price, small weights
==========================================================================

With label smoothing a classifier is less sure where it errs, and where it is right too:
the log-loss says what that costs.  A loss of one's own says that one kind of error is
worse than another.  L1 and max-norm keep weights small.
"""

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, train_size=300, random_state=0)
print("label_smoothing  surest of its errors  log-loss of 1497 other digits")
for smoothing in (0, 0.1):
    model = MLPClassifier(label_smoothing=smoothing, max_iter=300, random_state=0)
    proba = model.fit(X, y).predict_proba(X_test)
    wrong = proba.argmax(axis=1) != y_test
    print(
        f"{smoothing:15}  {proba[wrong].max():20.2f}  {log_loss(y_test, proba):29.3f}"
    )


def linex(y, y_pred):
    """exp(2 r) - 2 r - 1 with r = y_pred - y: too much costs more (Varian 1975)."""
    x = 2 * (y_pred - y)
    return (np.exp(x) - x - 1).sum(axis=1), 2 * (np.exp(x) - 1)


X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
print("\nloss of the regressor  share of patients for whom it says too much")
for name, loss in [("squared_error", "squared_error"), ("one's own, linex", linex)]:
    model = MLPRegressor(loss=loss, alpha=1, max_iter=100, random_state=0)
    y_pred = cross_val_predict(model, X, y)
    print(f"{name:21}  {np.mean(y_pred > y):41.2f}")

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)
print("\npenalty                 features that matter  longest weight vector  score")
for name, parameters in [
    ("alpha=0.0001", {}),
    ("alpha=1, l1_ratio=1", {"alpha": 1, "l1_ratio": 1}),
    ("max_norm=0.5", {"max_norm": 0.5}),
]:
    model = MLPClassifier((20,), max_iter=300, random_state=0, **parameters).fit(X, y)
    W = model.coefs_[0]
    matter = np.sum(np.abs(W).max(axis=1) > 0.05)
    longest = np.linalg.norm(W, axis=0).max()
    print(f"{name:22}  {matter:20}  {longest:21.2f}  {model.score(X, y):.3f}")
