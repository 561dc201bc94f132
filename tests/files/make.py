"""Makes the files of the present version; run it before a release.

One folder per version, never changed after that version is released.  It has one file
per object; expected.json has the training table, the predictions of each object, and
its predictions after more training, with numbers in C's hexadecimal, which keeps every
bit. Objects of scikit-learn are left out: scikit-learn alone can keep its files
readable.
"""

import json
import pickle
import re
import warnings
from pathlib import Path
from zipfile import ZIP_DEFLATED

import joblib
import numpy as np
from sklearn.exceptions import ConvergenceWarning

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor, Network

HERE = Path(__file__).parent
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0}


def table():
    """Return 40 rows of 3 features, with one label, two labels and a number per row."""
    X = (37 * np.arange(120) % 101).reshape(40, 3) / 50 - 1
    labels = np.array(["ebb", "flood", "slack"])[np.arange(40) % 3]
    return X, labels, (X[:, :2] > 0).astype(int), X @ [1.0, -2.0, 0.5]


def continue_training(model, how, X, y):
    """Train further, in one of the ways that expected.json names."""
    if how == "partial_fit":
        model.partial_fit(X, y)
    elif how == "resume":
        model.set_params(max_iter=model.max_iter + 5).fit(X, y, resume=True)
    elif how == "fit":
        model.fit(X, y)
    return model


def outputs(model, X):
    """Return the predictions of a model for ten rows, in hexadecimal."""
    method = getattr(model, "predict_proba", model.predict)
    return [float(value).hex() for value in np.ravel(method(X[:10]))]


def models():
    """Return {name of a file: (model, dtype, target, how training continues)}."""
    return {
        "classifier_sgd.pkl": (
            MLPClassifier(solver="sgd", learning_rate="invscaling", **SMALL),
            "float64",
            "label",
            "partial_fit",
        ),
        "classifier_adam_early_stopping.pkl": (
            MLPClassifier(early_stopping=True, validation_fraction=0.2, **SMALL),
            "float32",
            "label",
            "resume",
        ),
        "classifier_two_labels.joblib": (
            MLPClassifier(solver="nadam", class_weight=[{1: 2}, {}], **SMALL),
            "float64",
            "two_labels",
            "partial_fit",
        ),
        "regressor_dropout.pkl": (
            MLPRegressor(dropout=0.3, warm_start=True, activation=["tanh"], **SMALL),
            "float32",
            "number",
            "fit",
        ),
        "regressor_huber.skops": (
            MLPRegressor(loss="huber", solver="rmsprop", **SMALL),
            "float64",
            "number",
            "resume",
        ),
        "regressor_lbfgs.pkl": (
            MLPRegressor(solver="lbfgs", **SMALL),
            "float64",
            "number",
            None,
        ),
    }


def save(model, path):
    if path.suffix == ".joblib":
        joblib.dump(model, path, compress=3, protocol=4)
    elif path.suffix == ".skops":
        import skops.io

        skops.io.dump(model, path, compression=ZIP_DEFLATED)
    else:
        path.write_bytes(pickle.dumps(model, protocol=4))


def make(folder):
    folder.mkdir(exist_ok=True)
    X, labels, two_labels, number = table()
    targets = {"label": labels, "two_labels": two_labels, "number": number}
    expected = {
        "X": X.tolist(),
        "targets": {name: y.tolist() for name, y in targets.items()},
        "files": {},
    }
    for name, (model, dtype, target, how) in models().items():
        y = targets[target]
        model.fit(X.astype(dtype), y)
        save(model, folder / name)
        before = outputs(model, X.astype(dtype))
        after = how and outputs(
            continue_training(model, how, X.astype(dtype), y), X.astype(dtype)
        )
        expected["files"][name] = {
            "dtype": dtype,
            "target": target,
            "outputs": before,
            "goes_on_by": how,
            "outputs_then": after,
        }
    unfitted = MLPRegressor(**SMALL)
    save(unfitted, folder / "unfitted.pkl")
    expected["files"]["unfitted.pkl"] = {
        "dtype": "float64",
        "target": "number",
        "outputs": None,
        "goes_on_by": "fit",
        "outputs_then": outputs(unfitted.fit(X, number), X),
    }
    network = Network([3, 4, 2], activation="elu", alpha=0.1, random_state=0)
    save(network, folder / "network.pkl")
    expected["files"]["network.pkl"] = {
        "dtype": "float64",
        "target": "number",
        "outputs": outputs(network, X),
        "goes_on_by": None,
        "outputs_then": None,
    }
    text = json.dumps(expected, separators=(",", ":")).replace('"files"', '\n"files"')
    text = re.sub(r'("\w+\.\w+":\{)', r"\n\1", text)
    (folder / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    pyproject = (HERE.parents[1] / "pyproject.toml").read_text()
    # An in-place build does not know its version.
    pybackprop.__version__ = re.search(r'^version = "(.*)"', pyproject, re.M)[1]
    make(HERE / pybackprop.__version__)
