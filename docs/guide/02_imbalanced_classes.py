"""
Imbalanced classes
==================

If one customer in thirty leaves, a network that always predicts "no" is nearly always
right and useless. The remedy depends on the cause: the metric, the threshold, or the
cost of a mistake.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier

X, y = make_classification(
    n_samples=6000,
    n_informative=6,
    weights=[0.97],
    flip_y=0.01,
    class_sep=0.8,
    random_state=0,
)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, test_size=0.5, random_state=0)
print(f"{y.sum()} of {len(y)} training rows are of the rare class")

# %%
# Class weights or another threshold
# ----------------------------------
#
# ``class_weight="balanced"`` gives both classes the same total weight in the loss. The
# alternative is to train without weights and to move the threshold, here to the value
# with the best F-score in cross-validation.


def network(**params):
    mlp = MLPClassifier((20,), alpha=1.0, random_state=0, **params)
    mlp.set_params(learning_rate_init=0.005, early_stopping=True)
    mlp.set_params(scoring="average_precision")
    return make_pipeline(StandardScaler(), mlp)


models = {
    "always no": DummyClassifier(),
    "plain": network(),
    "class_weight": network(class_weight="balanced"),
    "threshold": TunedThresholdClassifierCV(network(), scoring="f1", cv=3),
}
print("              accuracy  precision  recall  average precision  mean probability")
for name, model in models.items():
    model.fit(X, y)
    y_pred, proba = model.predict(X_test), model.predict_proba(X_test)[:, 1]
    print(
        f"{name:<13} {accuracy_score(y_test, y_pred):8.3f} "
        f"{precision_score(y_test, y_pred, zero_division=0):10.3f} "
        f"{recall_score(y_test, y_pred):7.3f} "
        f"{average_precision_score(y_test, proba):18.3f} {proba.mean():17.3f}"
    )
print(f"the truth, for the last column: {y_test.mean():.3f}")

# %% The accuracy is not informative. The average precision depends on the order of the
# probabilities and on no threshold, so it measures how well the rare class is
# separated. Class weights shift the probabilities, as the last column shows: they no
# longer match the population. A threshold does not change them.

figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
for name, color, style in (
    ("plain", "#0072b2", "-"),
    ("class_weight", "#d55e00", "--"),
):
    proba = models[name].predict_proba(X_test)[:, 1]
    precision, recall, _ = precision_recall_curve(y_test, proba)
    ax.plot(recall, precision, color=color, linestyle=style, label=name)
ax.set(title="What each threshold gives", xlabel="recall", ylabel="precision")
ax.legend()
plt.show()

# %%
# When each row has its own cost
# ------------------------------
#
# ``sample_weight`` multiplies the loss of each row and its contribution to every
# gradient. If the cost of missing a row is known, use it as the weight.

cost = np.where(y == 1, np.random.RandomState(0).gamma(2.0, 10.0, len(y)), 1.0)
by_cost = network().fit(X, y, mlpclassifier__sample_weight=cost)
y_pred = by_cost.predict(X_test)
print(f"rare rows found: {recall_score(y_test, y_pred):.3f}")
print(f"of those named, right: {precision_score(y_test, y_pred):.3f}")

# %%
# **Advice.** Measure the average precision or the cost of mistakes, not the accuracy,
# and use the same metric in ``scoring=`` for early stopping. If you need calibrated
# probabilities, train without weights and move the threshold. If rows have different
# costs, pass ``sample_weight``. Use ``class_weight="balanced"`` if the decisions of
# :meth:`~pybackprop.MLPClassifier.predict` should give both classes equal weight.
# :ref:`sphx_glr_auto_examples_05_class_weight.py` shows the same on images, and that
# class weights are multiplied into sample weights.
