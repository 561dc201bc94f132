"""
A rare class: class weights
===========================

Only every eighth image of an eight is kept, so that eights are little more than one
image in a hundred. A network that is trained for few epochs then always predicts "no
eight". With ``class_weight="balanced"`` both classes have the same total weight in the
loss: how many eights are found, and at which cost?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    precision_score,
    recall_score,
)
from sklearn.model_selection import train_test_split

from pybackprop import MLPClassifier

# A fixed number of epochs is enough here, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

X, digit = load_digits(return_X_y=True)
is_eight = digit == 8
kept = ~is_eight | (np.cumsum(is_eight) % 8 == 0)
X_train, X_test, y_train, y_test = train_test_split(
    X[kept] / 16, is_eight[kept], stratify=is_eight[kept], random_state=0, test_size=0.5
)
# The other eights are added to the test set, for more precise scores.
X_test = np.concatenate((X_test, X[~kept] / 16))
y_test = np.concatenate((y_test, is_eight[~kept]))
print(f"{y_train.sum()} of {len(y_train)} training images are eights")
print(f"{y_test.sum()} of {len(y_test)} test images are eights")

# %%
# Recall and precision
# --------------------
# ``recall`` is the share of the eights that are found, ``precision`` the share of
# eights among the images classified as eights.

scores = {}
print(
    f"{'class_weight':<24} {'recall':>7} {'precision':>10} {'balanced':>9} "
    f"{'accuracy':>9}"
)
for class_weight in (None, {True: 20}, "balanced"):
    model = MLPClassifier((30,), class_weight=class_weight, max_iter=30, random_state=0)
    y_pred = model.fit(X_train, y_train).predict(X_test)
    scores[str(class_weight)] = model.predict_proba(X_test)[:, 1]
    print(
        f"{class_weight!s:<24} {recall_score(y_test, y_pred):>7.3f} "
        f"{precision_score(y_test, y_pred, zero_division=0):>10.3f} "
        f"{balanced_accuracy_score(y_test, y_pred):>9.3f} "
        f"{accuracy_score(y_test, y_pred):>9.3f}"
    )

# %%
# The predicted probability of an eight for each test image: with class weights, the
# eights are above one half.
figure, panels = plt.subplots(
    1, 2, figsize=(9, 3.5), sharex=True, sharey=True, layout="constrained"
)
bins = np.linspace(0, 1, 26)
for axes, class_weight in zip(panels, ("None", "balanced"), strict=True):
    for is_it, color, label in ((False, "0.6", "other"), (True, "#d55e00", "eight")):
        seen = scores[class_weight][y_test == is_it]
        axes.hist(seen, bins, color=color, alpha=0.7, label=label)
    axes.axvline(0.5, color="black", linestyle=":")
    axes.set(title=f"class_weight={class_weight}", xlabel="probability of an eight")
panels[0].set(yscale="log", ylabel="test images")
panels[0].legend()
plt.show()

# %%
# Class weights are a short form of sample weights:
weights = len(y_train) / (2 * np.bincount(y_train))
by_hand = MLPClassifier((30,), max_iter=30, random_state=0)
by_hand.fit(X_train, y_train, sample_weight=weights[y_train.astype(int)])
same = np.array_equal(by_hand.coefs_[0], model.coefs_[0])
print(f"The same bits by sample_weight: {'yes' if same else 'NO'}")
