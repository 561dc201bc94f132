"""
The main job: two scikit-learn tables, from scaling to a searched model
=======================================================================

Prints a table of scores, the same fits by scikit-learn beside them (how far the
loss curves differ, how long each took), and the seed of the project: where the
gradient at the output equals y_pred - y, and where it does not.  Draws the
loss curves and a confusion matrix.  Takes well under a minute:

    python examples/01_main_job.py [picture.png]
"""

import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor, Network

PICTURE = Path(sys.argv[1] if len(sys.argv) > 1 else "main_job.png")

# Fits of a fixed number of epochs stop early on purpose.
warnings.filterwarnings("ignore", category=ConvergenceWarning)


def title(text):
    print(f"\n{text}\n{'-' * len(text)}")


# --- Scores: scaling, cross-validation, grid search --------------------------


def scores(name, X, y, model, grid):
    """Cross-validate a pipeline, search its grid with two workers, test the best."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    folds = cross_val_score(pipeline, X_train, y_train, cv=5)
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X_train, y_train)
    best = {key.split("__")[1]: value for key, value in search.best_params_.items()}
    print(
        f"{name:<9} {folds.mean():.3f} ± {folds.std():.3f}   "
        f"{search.best_score_:.3f}   {search.score(X_test, y_test):.3f}   {best}"
    )
    return y_test, search.predict(X_test)


# --- The same fit by scikit-learn --------------------------------------------


def race(name, X, y, ours, repeats=3):
    """Fit both libraries' estimator with the same parameters, taking turns."""
    theirs = getattr(sklearn.neural_network, type(ours).__name__)
    theirs = theirs(**{k: getattr(ours, k) for k in theirs().get_params()})
    times = {ours: [], theirs: []}
    X = StandardScaler().fit_transform(X)
    # One thread each: on a busy machine more of them would slow scikit-learn down.
    with threadpool_limits(1):
        for _ in range(repeats):
            for model, seconds in times.items():
                start = time.perf_counter()
                model.fit(X, y)
                seconds.append(time.perf_counter() - start)
    a, b = np.array(ours.loss_curve_), np.array(theirs.loss_curve_)
    t_ours, t_theirs = (median(seconds) for seconds in times.values())
    print(
        f"{name:<9} {len(a):>6}   {np.max(np.abs(a - b) / b):>10.1e}   "
        f"{t_ours:>8.3f} s   {t_theirs:>8.3f} s   {t_theirs / t_ours:>5.1f}"
    )
    return a, b


# --- The seed of the project -------------------------------------------------


def seed(loss, output_activation, y):
    """Print delta at the output, what it is by finite differences, and y_pred - y."""
    net = Network(
        [3, 4, y.shape[1]],
        activation="tanh",
        output_activation=output_activation,
        loss=loss,
        random_state=0,
    )
    x = np.array([[0.5, -1.0, 2.0]])
    delta = net.backprop(x, y).delta[-1][0]
    # For one sample dF/db is delta: moving b moves z by the same step.
    numeric = np.zeros_like(delta)
    bias, step = net.intercepts[-1], 1e-5
    for k in range(len(delta)):
        middle = bias[k]
        bias[k] = middle + step
        above = net.loss(x, y)
        bias[k] = middle - step
        numeric[k] = (above - net.loss(x, y)) / (2 * step)
        bias[k] = middle
    difference = (net.predict(x) - y)[0]
    same = np.allclose(delta, difference, rtol=0, atol=1e-12)
    print(
        f"{loss:<16} {output_activation:<9} {row(delta)} {row(numeric)} "
        f"{row(difference)} {'yes' if same else 'NO'}"
    )


def row(values):
    return f"{' '.join(f'{value:+.4f}' for value in values):<23}"


# --- The picture -------------------------------------------------------------


def draw(curves, tested):
    try:
        import matplotlib
    except ImportError:
        print("\nmatplotlib is not installed, so there is no picture.")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from sklearn.metrics import ConfusionMatrixDisplay

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    ours, theirs = curves
    epochs = np.arange(1, len(ours) + 1)
    left.semilogy(epochs, theirs, color="0.75", linewidth=6, label="scikit-learn")
    left.semilogy(epochs, ours, color="#0072b2", linewidth=1.5, label="pybackprop")
    left.set(title="Digits: loss of each epoch", xlabel="epoch", ylabel="objective F")
    left.legend()
    ConfusionMatrixDisplay.from_predictions(
        *tested, ax=right, cmap="Blues", colorbar=False
    )
    right.set_title("Digits: the searched model on its test set")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=120)
    print(f"\nLoss curves and confusion matrix: {PICTURE.resolve()}")


def main():
    print(f"pybackprop {pybackprop.__version__}, scikit-learn {sklearn.__version__}")
    digits = load_digits(return_X_y=True)
    diabetes = load_diabetes(return_X_y=True)

    title("Scores (accuracy and R²) of a Pipeline with StandardScaler")
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
    scores(
        "diabetes",
        *diabetes,
        MLPRegressor(
            hidden_layer_sizes=(20,), solver="lbfgs", alpha=100.0, random_state=0
        ),
        {
            "mlpregressor__activation": ["tanh", "relu"],
            "mlpregressor__alpha": [10.0, 100.0, 1000.0],
        },
    )

    title("The same fit by scikit-learn's MLP (float64, one thread, median of 3)")
    print("table     epochs   difference   pybackprop   scikit-learn   ratio")
    fixed = {"max_iter": 40, "tol": 0.0, "random_state": 0}
    curves = race("digits", *digits, MLPClassifier(**fixed))
    race("diabetes", *diabetes, MLPRegressor(**fixed))
    print("difference: largest |ours - theirs| / theirs over the two loss curves")

    title("The seed: is delta, the gradient at the output, simply y_pred - y?")
    columns = "delta from the core", "finite differences", "y_pred - y"
    print(f"{'loss':<16} {'output':<9} ", *(f"{c:<23}" for c in columns), "equal")
    seed("squared_error", "identity", np.array([[1.0, -2.0]]))
    seed("binary_log_loss", "logistic", np.array([[1.0]]))
    seed("log_loss", "softmax", np.array([[0.0, 1.0, 0.0]]))
    seed("squared_error", "logistic", np.array([[1.0, 0.0]]))

    draw(curves, tested)


# Workers of the search may import this file again.
if __name__ == "__main__":
    main()
