"""
Export
======

A trained network can be used without pybackprop: as a scikit-learn estimator, as an
ONNX graph, or as one C file. Preprocessing must be exported with it; here it is a
scaler.
"""

import copy

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier
from pybackprop.export import from_sklearn, to_c, to_onnx, to_sklearn

X, y = load_wine(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
network = MLPClassifier((4,), activation="tanh", alpha=1.0, max_iter=1000)
network.set_params(learning_rate_init=0.01, random_state=0)
pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
expected = pipeline.predict_proba(X_test)
print(f"accuracy on the test set: {pipeline.score(X_test, y_test):.3f}")

# %%
# A pipeline as one network
# -------------------------
#
# A scaler is a linear map, :math:`(x - m) / s`, and so is the first layer before its
# activation, so both can be one layer: :math:`W \leftarrow W / s` and
# :math:`b \leftarrow b - (m / s) W`, with the old :math:`W`. Predictions use the edited
# ``coefs_`` and ``intercepts_``.

scaler, fitted = pipeline[0], pipeline[-1]
alone = copy.deepcopy(fitted)
alone.intercepts_[0] -= (scaler.mean_ / scaler.scale_) @ alone.coefs_[0]
alone.coefs_[0] /= scaler.scale_[:, np.newaxis]
difference = np.abs(alone.predict_proba(X_test) - expected).max()
print(f"largest difference of a probability: {difference:.1e}")

# %%
# To scikit-learn and back
# ------------------------

theirs = to_sklearn(fitted)
difference = np.abs(theirs.predict_proba(scaler.transform(X_test)) - expected).max()
print(f"{type(theirs).__module__}: differs by {difference:.1e}")
back = from_sklearn(theirs)
same = all(map(np.array_equal, back.coefs_, fitted.coefs_))
print(f"and back, the same coefficients: {same}")

# %%
# To C
# ----
#
# One file that depends only on ``math.h``, for a microcontroller or a program in any
# language that can call C.

source = to_c(alone, name="wine")
print("\n".join(source.splitlines()[:12]))
print(f"... {len(source.splitlines())} lines in all")

# %%
# To ONNX
# -------
#
# For onnxruntime and other ONNX runtimes. The export needs the package onnx.

try:
    graph = to_onnx(alone, X).graph
    print(*(f"{node.op_type}" for node in graph.node))
except ImportError as missing:
    print(missing)

# %% **Advice.** For a scikit-learn service, use :func:`~pybackprop.export.to_sklearn`;
# the result can be trained further. For ONNX runtimes, use
# :func:`~pybackprop.export.to_onnx`, or :func:`~pybackprop.export.register_skl2onnx`
# for whole pipelines. For a device, use :func:`~pybackprop.export.to_c`, with the
# scaler in the first layer as above. For pybackprop itself, pickle the model. Compare
# the predictions of an export with the original's once, as
# :ref:`sphx_glr_auto_examples_09_export.py` does for all three.
