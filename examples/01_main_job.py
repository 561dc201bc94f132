"""
The main job: from scaling to a searched model
==============================================

Two of scikit-learn's datasets go through a pipeline: scaling, cross-validation, a grid
search with two workers.  Then scikit-learn's own networks make the same fits, and the
script prints the difference of the loss curves and the time of each fit.  Last, it
shows where the gradient at the output equals y_pred - y, and where it does not.

With an argument the picture goes to a file::

    python examples/01_main_job.py picture.png
"""

import sys
import time
import warnings
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import numpy as np
import sklearn.neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_limits

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor, Network

# A fixed number of epochs is enough here, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
print(f"pybackprop {pybackprop.__version__}, scikit-learn {sklearn.__version__}")

# %%
# Scores: scaling, cross-validation, grid search
# ----------------------------------------------
# Accuracy on the digits, R² on the diabetes dataset.


def scores(name, X, y, model, grid):
    """Cross-validate a pipeline, search its grid with two workers, test the best."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    folds = cross_val_score(pipeline, X_train, y_train, cv=5)
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X_train, y_train)
    best = {key.split("__")[-1]: value for key, value in search.best_params_.items()}
    print(
        f"{name:<9} {folds.mean():.3f} ± {folds.std():.3f}   "
        f"{search.best_score_:.3f}   {search.score(X_test, y_test):.3f}   {best}"
    )
    return y_test, search.predict(X_test)


digits = load_digits(return_X_y=True)
diabetes = load_diabetes(return_X_y=True)
print("table     5 folds         search  test    best parameters")
tested = scores(
    "digits",
    *digits,
    MLPClassifier(max_iter=40, random_state=0),
    {
        "mlpclassifier__hidden_layer_sizes": [(50,), (100,), (64, 64)],
        "mlpclassifier__alpha": [1e-4, 1.0],
    },
)
# Targets from 25 to 346 are scaled as the inputs are.
regressor = MLPRegressor(
    hidden_layer_sizes=(20,), solver="lbfgs", alpha=10.0, random_state=0
)
inner = "transformedtargetregressor__regressor__"
_ = scores(
    "diabetes",
    *diabetes,
    TransformedTargetRegressor(regressor, transformer=StandardScaler()),
    {inner + "activation": ["tanh", "relu"], inner + "alpha": [1.0, 10.0, 100.0]},
)

# %%
# The same fit by scikit-learn
# ----------------------------
# In float64, with the same parameters, in turns.  The difference is the largest
# \|ours - theirs\| / theirs over the two loss curves; the times are medians of three.


def race(name, X, y, ours, repeats=3):
    """Fit both libraries' estimator with the same parameters, taking turns."""
    theirs = getattr(sklearn.neural_network, type(ours).__name__)
    theirs = theirs(**{k: getattr(ours, k) for k in theirs().get_params()})
    times = {ours: [], theirs: []}
    # One thread each: on a busy machine more of them would slow scikit-learn down.
    with threadpool_limits(1):
        for _ in range(repeats):
            for model, seconds in times.items():
                start = time.perf_counter()
                model.fit(scale(X), y)
                seconds.append(time.perf_counter() - start)
    a, b = np.array(ours.loss_curve_), np.array(theirs.loss_curve_)
    t_ours, t_theirs = (median(seconds) for seconds in times.values())
    print(
        f"{name:<9} {len(a):>6}   {np.max(np.abs(a - b) / b):>10.1e}   "
        f"{t_ours:>8.3f} s   {t_theirs:>8.3f} s   {t_theirs / t_ours:>5.1f}"
    )
    return a, b


print("table     epochs   difference   pybackprop   scikit-learn   ratio")
fixed = {"max_iter": 40, "tol": 0.0, "random_state": 0}
curves = race("digits", *digits, MLPClassifier(**fixed))
_ = race("diabetes", diabetes[0], scale(diabetes[1]), MLPRegressor(**fixed))

# %%
# The picture
# -----------
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
epochs = np.arange(1, len(curves[0]) + 1)
left.semilogy(epochs, curves[1], color="0.75", linewidth=6, label="scikit-learn")
left.semilogy(epochs, curves[0], color="#0072b2", linewidth=1.5, label="pybackprop")
left.set(title="Digits: loss of each epoch", xlabel="epoch", ylabel="objective F")
left.legend()
ConfusionMatrixDisplay.from_predictions(*tested, ax=right, cmap="Blues", colorbar=False)
right.set_title("Digits: the searched model on its test set")
if len(sys.argv) > 1:
    Path(sys.argv[1]).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(sys.argv[1], dpi=120)
    print(f"Loss curves and confusion matrix: {Path(sys.argv[1]).resolve()}")

# %%
# Is delta, the gradient at the output, equal to y_pred - y?
# ----------------------------------------------------------
# It is for three of these pairs of loss and output activation and not for the fourth.
# The only other such pair is the Poisson deviance with exp.


def row(values):
    return f"{' '.join(f'{value:+.4f}' for value in values):<23}"


x = np.array([[0.5, -1.0, 2.0]])
print(f"{'loss':<15} {'output':<8} {'delta':<23} {'y_pred - y':<23} equal")
for loss, output_activation, y in (
    ("squared_error", "identity", [1.0, -2.0]),
    ("binary_log_loss", "logistic", [1.0]),
    ("log_loss", "softmax", [0.0, 1.0, 0.0]),
    ("squared_error", "logistic", [1.0, 0.0]),
):
    net = Network(
        [3, 4, len(y)],
        activation="tanh",
        output_activation=output_activation,
        loss=loss,
        random_state=0,
    )
    delta = net.backprop(x, np.array([y])).delta[-1][0]
    difference = net.predict(x)[0] - y
    same = np.allclose(delta, difference, rtol=0, atol=1e-12)
    print(
        f"{loss:<15} {output_activation:<8} {row(delta)} {row(difference)} "
        f"{'yes' if same else 'NO'}"
    )
