"""
Imbalanced classes
==================

One customer in thirty leaves, one part in fifty is faulty: a network that always says
"no" is right nearly always, and useless. What helps depends on what is wrong: the
measure, the threshold, or the price of a mistake.
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
# Other weights, or another threshold
# -----------------------------------
#
# ``class_weight="balanced"`` makes both classes weigh the same in the loss. The other
# way leaves the loss alone and moves the threshold of a network that was trained
# plainly, here to where it is best by the F-score in cross-validation.


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

# %%
# The accuracy says nothing. The average precision, which looks at the order of the
# probabilities and at no threshold, says how well the rare rows are told apart at all.
# Weights moved the probabilities, as the last column shows: they are no longer those
# of the population. A threshold leaves them as they are.

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
# When each row has its own price
# -------------------------------
#
# ``sample_weight`` multiplies the loss of a single row, and with it the row's part in
# every gradient. If what a missed row costs is known, it is the weight.

cost = np.where(y == 1, np.random.RandomState(0).gamma(2.0, 10.0, len(y)), 1.0)
by_cost = network().fit(X, y, mlpclassifier__sample_weight=cost)
y_pred = by_cost.predict(X_test)
print(f"rare rows found: {recall_score(y_test, y_pred):.3f}")
print(f"of those named, right: {precision_score(y_test, y_pred):.3f}")

# %%
# **Advice.** Measure by average precision, or by what mistakes cost, never by
# accuracy, and let ``scoring=`` stop the training by the same measure. If you need
# probabilities that are true, train plainly and move the threshold; if some rows are
# dearer than others, say so by ``sample_weight``; take ``class_weight="balanced"``
# where the decisions of :meth:`~pybackprop.MLPClassifier.predict` should weigh both
# classes alike. :ref:`sphx_glr_auto_examples_05_class_weight.py` shows the same on
# images, and that both kinds of weights are one mechanism.
