"""
Losses: quantiles, robust losses, deviances
===========================================

The effect of the loss, on two datasets of scikit-learn.  Quantiles give an interval
whose coverage can be counted; a Huber loss, or a callable such as log cosh, is robust
against wrong targets; a gamma deviance fits positive targets whose spread grows with
their mean; and a logistic output keeps a share between 0 and 1.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_absolute_error, mean_gamma_deviance
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor

# A fixed number of epochs is enough here, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
SETTINGS = {
    "hidden_layer_sizes": (16,),
    "solver": "adam",
    "learning_rate_init": 0.01,
    "alpha": 1.0,
    "max_iter": 150,
    "random_state": 0,
}


def model(loss, **params):
    """A regressor behind a scaler of its inputs."""
    regressor = MLPRegressor(loss, **(SETTINGS | params))
    return make_pipeline(StandardScaler(), regressor)


def scaled(loss, **params):
    """The same with its targets scaled too, for losses of a difference."""
    return TransformedTargetRegressor(
        regressor=model(loss, **params), transformer=StandardScaler()
    )


# %%
# Quantiles: an interval of the progression of diabetes
# -----------------------------------------------------
# The share of patients below the predicted quantile, cross-validated.

X, y = load_diabetes(return_X_y=True)
quantiles = {
    quantile: cross_val_predict(scaled("quantile", quantile=quantile), X, y, cv=5)
    for quantile in (0.1, 0.5, 0.9)
}
for quantile, predicted in quantiles.items():
    print(f"quantile {quantile}: {np.mean(y <= predicted):.3f}")
predicted = cross_val_predict(scaled("squared_error"), X, y, cv=5)
print(f"squared error, a mean: {np.mean(y <= predicted):.3f}")

# %%
order = np.argsort(quantiles[0.5])
rank = np.arange(len(y))
figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
low, high = quantiles[0.1][order], quantiles[0.9][order]
axes.fill_between(rank, low, high, color="#56b4e9", alpha=0.5, label="0.1 to 0.9")
axes.plot(rank, quantiles[0.5][order], color="#0072b2", label="0.5, the median")
axes.plot(rank, y[order], ".", color="0.3", markersize=4, label="patient")
axes.set(xlabel="patients, by their predicted median", ylabel="progression")
axes.legend(title="predicted quantile")
plt.show()

# %%
# Robust losses: one target in twenty is wrong
# --------------------------------------------
# These training targets are ten times too large; the mean absolute error is that on the
# test set.


def log_cosh(y, y_pred):
    """Your own loss: log cosh of the residual, and its derivative."""
    e = y_pred - y
    values = np.abs(e) + np.log1p(np.exp(-2 * np.abs(e))) - np.log(2)
    return values.sum(axis=1), np.tanh(e)


X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
mistyped = y_train.copy()
mistyped[::20] *= 10  # a digit too many
for name, loss, params in (
    ("squared_error", "squared_error", {}),
    ("absolute_error", "absolute_error", {}),
    ("huber", "huber", {"huber_delta": 0.2}),
    ("log cosh, a callable", log_cosh, {}),
):
    clean, spoilt = (
        mean_absolute_error(
            y_test, scaled(loss, **params).fit(X_train, targets).predict(X_test)
        )
        for targets in (y_train, mistyped)
    )
    print(f"{name:<21} clean {clean:5.1f}   mistyped {spoilt:5.1f}")

# %%
# A deviance: positive targets whose spread grows with their mean
# ---------------------------------------------------------------
# Half the gamma deviance, which measures relative differences, cross-validated.

for name, fitted in (
    ("squared_error", scaled("squared_error", solver="lbfgs")),
    ("poisson", model("poisson", solver="lbfgs")),
    ("tweedie, power 1.5", model("tweedie", power=1.5, solver="lbfgs")),
    ("gamma", model("gamma", solver="lbfgs")),
):
    predicted = cross_val_predict(fitted, X, y, cv=5)
    deviance = mean_gamma_deviance(y, predicted.clip(1)) / 2
    print(f"{name:<19} {deviance:.4f}   smallest prediction {predicted.min():6.1f}")

# %%
# Outputs: shares between 0 and 1, and independent classes
# --------------------------------------------------------
# The ratio of a petal's width to its length, for flowers ten times as large.

X, y = load_iris(return_X_y=True)
share = X[:, 3] / X[:, 2]
for output in ("auto", "logistic"):
    fitted = model("squared_error", output_activation=output).fit(X[:, :2], share)
    predicted = fitted.predict(10 * X[:, :2])
    print(f"{output:<9} from {predicted.min():6.3f} to {predicted.max():.3f}")

# %%
# The confidence of a classifier, by output activation and label smoothing:

for params in ({}, {"output_activation": "logistic"}, {"label_smoothing": 0.1}):
    classifier = MLPClassifier(**(SETTINGS | {"alpha": 0.0} | params))
    proba = cross_val_predict(
        make_pipeline(StandardScaler(), classifier), X, y, cv=5, method="predict_proba"
    )
    accuracy, surest = np.mean(proba.argmax(axis=1) == y), proba.max(axis=1).mean()
    print(f"{params or 'softmax'!s:<36} accuracy {accuracy:.3f}, sure of {surest:.3f}")
