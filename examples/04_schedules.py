"""
Learning rate schedules, AdamW and clipping, each where it changes the result
=============================================================================

SGD on digits at a rate that is good to begin with and too high to end with; digits
again with weights that decay apart from the objective; diabetes with its targets as
they are, at which SGD diverges.  Takes seconds:

    python examples/04_schedules.py
"""

import warnings

from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor

# Fits of a fixed number of epochs stop early on purpose.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

SPLITS = ShuffleSplit(3, test_size=0.3, random_state=0)


def title(text):
    print(f"\n{text}\n{'-' * len(text)}")


def score(X, y, model, scoring=None):
    """Mean score on three splits of a table; None if a fit diverges."""
    pipeline = make_pipeline(StandardScaler(), model)
    try:
        return cross_val_score(
            pipeline, X, y, cv=SPLITS, scoring=scoring, error_score="raise"
        ).mean()
    except ValueError as refusal:
        if "non-finite" not in str(refusal):
            raise
        return None


def a_tenth_after_ten(epoch):
    return 1.0 if epoch < 10 else 0.1


def schedules(X, y):
    title("Digits, 15 epochs of SGD, learning_rate_init=1.0: accuracy")
    choices = ["constant", "linear", "cosine", "one_cycle", a_tenth_after_ten]
    for learning_rate in choices:
        model = MLPClassifier(
            (50,),
            solver="sgd",
            learning_rate=learning_rate,
            learning_rate_init=1.0,
            max_iter=15,
            random_state=0,
        )
        name = getattr(learning_rate, "__name__", learning_rate)
        print(f"{name:<22} {score(X, y, model):.3f}")


def weight_decay(X, y):
    title("Digits, 60 epochs of AdamW: log-loss (smaller is better)")
    for decay in (0.0, 0.1, 0.3, 3.0):
        model = MLPClassifier(
            (200,),
            solver="adamw",
            weight_decay=decay,
            alpha=0.0,
            learning_rate_init=0.01,
            max_iter=60,
            n_iter_no_change=60,
            random_state=0,
        )
        log_loss = -score(X, y, model, "neg_log_loss")
        print(f"weight_decay={decay:<9} {log_loss:.3f}")


def clipping(X, y):
    title("Diabetes, targets from 25 to 346, SGD: R²")
    for longest in (None, 100.0, 10.0):
        model = MLPRegressor(
            hidden_layer_sizes=(20,),
            solver="sgd",
            learning_rate_init=0.01,
            global_clipnorm=longest,
            random_state=0,
        )
        reached = score(X, y, model)
        outcome = "diverged" if reached is None else f"{reached:.3f}"
        print(f"global_clipnorm={longest!s:<6} {outcome}")


if __name__ == "__main__":
    digits = load_digits(return_X_y=True)
    schedules(*digits)
    weight_decay(*digits)
    clipping(*load_diabetes(return_X_y=True))
