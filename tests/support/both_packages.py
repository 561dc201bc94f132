"""Lists the estimators of both packages, and makes data for them."""

from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

import pybackprop

ESTIMATORS = ("MLPClassifier", "MLPRegressor")

PACKAGES = (pybackprop, neural_network)

SOLVERS = ("sgd", "adam", "lbfgs")

FAST = {"hidden_layer_sizes": (8,), "max_iter": 15, "random_state": 0}


def make_data(name="MLPClassifier"):
    X, y = (
        load_iris(return_X_y=True) if "Cl" in name else load_diabetes(return_X_y=True)
    )
    return scale(X), y if "Cl" in name else scale(y)


def bits(model, X):
    """Return all predictions of a model, as bytes."""
    answers = [model.predict(X).tobytes()]
    if hasattr(model, "predict_proba"):
        answers.append(model.predict_proba(X).tobytes())
    return answers
