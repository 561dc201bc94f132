"""
Export to scikit-learn, ONNX and C
==================================

One trained model predicts in scikit-learn, in onnxruntime and in plain C.  It separates
benign from malignant tumours (Wisconsin, 569 samples of 30 measurements).  Each export
must give the same probabilities on unseen samples.  onnxruntime and a C compiler are
skipped if they are not installed.
"""

import ctypes
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from pybackprop import MLPClassifier
from pybackprop.export import to_c, to_onnx, to_sklearn

# 300 epochs are enough for what is shown.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(scale(X), y, random_state=0)
model = MLPClassifier((16, 8), max_iter=300, random_state=0).fit(X_train, y_train)
expected = model.predict_proba(X_test)
print(f"Trained: accuracy {model.score(X_test, y_test):.3f} on unseen samples")

# %%
# Three targets
# -------------


def in_sklearn(model, X):
    """scikit-learn's own class, with our weights."""
    other = to_sklearn(model)
    print(f"to_sklearn: a {type(other).__module__}.{type(other).__name__}")
    return other.predict_proba(X)


def in_onnxruntime(model, X):
    """An ONNX graph, or None without onnx and onnxruntime."""
    try:
        import onnxruntime

        exported = to_onnx(model, X)
    except ImportError as missing:
        print(f"to_onnx: left out ({missing})")
        return None
    size = len(exported.SerializeToString())
    print(f"to_onnx: {len(exported.graph.node)} nodes in {size} bytes")
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return session.run(["probabilities"], {"X": X})[0]


def in_c(model, X):
    """A C file, compiled and called through ctypes, or None without a compiler."""
    compiler = shutil.which("cc")
    source = to_c(model, name="tumour")
    print(f"to_c: {len(source.splitlines())} lines, {len(source)} bytes")
    if compiler is None:
        print("  no C compiler is installed")
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tumour.c")
        path.write_text(source, encoding="ascii")
        command = [compiler, "-std=c99", "-O2", "-shared", "-fPIC", str(path)]
        library = Path(folder, "tumour.so")
        subprocess.run([*command, "-o", str(library), "-lm"], check=True)
        predict = ctypes.CDLL(str(library)).tumour_predict
        y = np.empty((len(X), model.n_outputs_))
        for x, row in zip(X, y, strict=True):
            predict(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(row.ctypes.data))
    # The one output is the probability of the second class.
    return np.hstack([1 - y, y])


for export in (in_sklearn, in_onnxruntime, in_c):
    proba = export(model, X_test)
    if proba is not None:
        right = np.mean(model.classes_[proba.argmax(axis=1)] == y_test)
        largest = np.abs(proba - expected).max()
        print(f"  accuracy {right:.3f}, largest difference {largest:.1e}")

# %%
# Unsupported models are refused by name
# --------------------------------------

try:
    to_sklearn(model.set_params(activation="gelu").fit(X_train, y_train))
except ValueError as refusal:
    print(refusal)
