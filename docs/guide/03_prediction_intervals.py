"""
Quantiles and prediction intervals
==================================

A predicted mean has no uncertainty. Two predicted quantiles give an interval: 90 % of
the targets should lie between the 5 % and the 95 % quantile, and this can be counted.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPRegressor

X, y = load_diabetes(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0)

# %%
# One network per quantile
# ------------------------
#
# ``loss="quantile"`` is the pinball loss. Its gradient is constant: :math:`-q` below
# the target and :math:`1 - q` above it, at any distance. So scale the targets to the
# size of the outputs; otherwise steps of constant length take very long. The same loss,
# ``scoring="loss"``, decides when to stop.


def network(quantile):
    mlp = MLPRegressor(
        "quantile",
        quantile=quantile,
        hidden_layer_sizes=(16,),
        learning_rate_init=0.01,
        alpha=3.0,
        max_iter=500,
        early_stopping=True,
        scoring="loss",  # not R², which measures the prediction of a mean
        n_iter_no_change=20,
        random_state=0,
    )
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), mlp), transformer=StandardScaler()
    )


def interval(X, y):
    """Three fitted networks: the ends of the interval, and the median."""
    return [network(quantile).fit(X, y) for quantile in (0.05, 0.5, 0.95)]


low, median, high = (model.predict(X_test) for model in interval(X, y))
print("share of the held-out targets below the predicted quantile")
for name, predicted in (("5 %", low), ("50 %", median), ("95 %", high)):
    print(f"  {name:>4}: {np.mean(y_test <= predicted):.3f}")
print(f"between the outer two: {np.mean((low <= y_test) & (y_test <= high)):.3f}")
print(f"lower end above the upper one: {np.sum(low > high)} of {len(y_test)}")

# %%
# Calibrated intervals
# --------------------
#
# Fitted quantiles cover fewer new targets than intended, because they were fitted to
# other data. Held-out rows show by how much: the interval is widened at both ends until
# it covers 90 % of them (conformalized quantile regression, Romano et al. 2019).


def widened_interval(X, y, seed):
    """The networks, and by how much to move both ends outwards."""
    X, X_aside, y, y_aside = train_test_split(X, y, test_size=0.3, random_state=seed)
    models = interval(X, y)
    low, _, high = (model.predict(X_aside) for model in models)
    outside = np.maximum(low - y_aside, y_aside - high)  # negative inside
    level = np.ceil(0.9 * (len(outside) + 1)) / len(outside)
    return models, np.quantile(outside, level, method="higher")


# %%
# One split is not enough to measure coverage: with 133 targets it varies by some
# percent. Ten splits:

X_all, y_all = load_diabetes(return_X_y=True)
covered = {"as fitted": [], "widened": []}
for seed in range(10):
    split = train_test_split(X_all, y_all, test_size=0.3, random_state=seed)
    models, margin = widened_interval(split[0], split[2], seed)
    low, _, high = (model.predict(split[1]) for model in models)
    for name, m in (("as fitted", 0.0), ("widened", margin)):
        inside = (low - m <= split[3]) & (split[3] <= high + m)
        covered[name].append((inside.mean(), np.mean(high - low) + 2 * m))
for name, counts in covered.items():
    coverage, width = np.mean(counts, axis=0)
    print(f"{name:<10} covers {coverage:.3f} of the held-out, {width:.0f} wide")

# %%
# The last of these splits:

median, target = models[1].predict(split[1]), split[3]
order = np.argsort(median)
place = np.arange(len(order))
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.fill_between(
    place, low[order] - margin, high[order] + margin, color="0.85", label="widened"
)
ax.fill_between(place, low[order], high[order], color="#56b4e9", label="5 % to 95 %")
ax.plot(place, median[order], color="#0072b2", label="median")
ax.plot(place, target[order], ".", color="black", markersize=4, label="held-out target")
ax.set(xlabel="patients, by predicted median", ylabel="progression of diabetes")
ax.legend(ncols=2, fontsize="small")
plt.show()

# %% **Advice.** Scale the targets, fit one network per quantile, use its loss for early
# stopping, and count the coverage on new rows. If the coverage must hold, widen the
# interval with held-out rows; it then holds on average over patients, not for each
# group of patients. The quantiles may cross, because the networks are independent; sort
# them where they do. :ref:`sphx_glr_auto_examples_03_losses.py` compares the other
# losses.
