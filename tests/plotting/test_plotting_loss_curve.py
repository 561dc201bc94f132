"""Tests that LossCurveDisplay draws the curves of a training."""

import subprocess
import sys

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from pybackprop import MLPClassifier, MLPRegressor
from pybackprop.plotting import LossCurveDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

X, Y = load_iris(return_X_y=True)
X = scale(X)


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def classifier(**params):
    defaults = {"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}
    return MLPClassifier(**defaults | params)


def data_of(display, name):
    return display.lines_[name].get_ydata().tolist()


# ------------------------------------------------------------------ the curves
@pytest.mark.feature(
    "Loss curve of a fit, with validation",
    "LossCurveDisplay.from_estimator(model)",
)
def test_lines_are_the_curves_of_the_fit():
    model = classifier().fit(X, Y, X_val=X[::3], y_val=Y[::3])
    display = LossCurveDisplay.from_estimator(model)
    assert data_of(display, "loss") == model.loss_curve_
    assert data_of(display, "validation_loss") == model.validation_loss_curve_
    assert data_of(display, "validation_score") == model.validation_scores_
    assert display.line_ is display.lines_["loss"]
    for line in display.lines_.values():
        assert line.get_xdata().tolist() == model.history_["epoch"]
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "validation\naccuracy"]
    assert display.axes_[-1].get_xlabel() == "epoch"


def test_nothing_is_drawn_twice():
    model = classifier(early_stopping=True).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    drawn = [line for ax in display.axes_ for line in ax.get_lines()]
    assert set(drawn) == {*display.lines_.values(), *display.best_lines_}
    assert len(drawn) == len(set(drawn)) == 5
    first = display.figure_
    display.plot()
    assert display.figure_ is not first
    assert sum(len(ax.get_lines()) for ax in first.axes) == 5
    assert plt.get_fignums() == [1, 2]


def test_the_marked_epoch_is_the_one_whose_weights_are_kept():
    model = classifier(early_stopping=True, max_iter=200, n_iter_no_change=3)
    model.fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert display.best_epoch < model.n_iter_
    for line in display.best_lines_:
        assert list(line.get_xdata()) == [display.best_epoch] * 2
    labels = display.axes_[1].get_legend_handles_labels()[1]
    assert labels == [f"best accuracy, epoch {display.best_epoch}"]
    labels = display.plot(name="adam").axes_[1].get_legend_handles_labels()[1]
    assert labels == ["adam", f"adam: best accuracy, epoch {display.best_epoch}"]
    # A fit that stops at this epoch has the same weights.
    shorter = classifier(early_stopping=True, max_iter=display.best_epoch).fit(X, Y)
    np.testing.assert_array_equal(shorter.coefs_[0], model.coefs_[0])


def test_without_early_stopping_no_epoch_is_marked():
    model = classifier().fit(X, Y, X_val=X[::3], y_val=Y[::3])
    assert LossCurveDisplay.from_estimator(model).best_lines_ == []


def test_loss_without_penalty_is_drawn_where_the_penalty_shows():
    model = classifier(solver="lbfgs", alpha=10.0, activation="tanh").fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    expected = log_loss(Y, model.predict_proba(X))
    assert data_of(display, "loss_without_penalty")[-1] == pytest.approx(expected)
    assert display.ax_.get_xlabel() == "iteration"
    without = LossCurveDisplay.from_estimator(classifier(alpha=1e-4).fit(X, Y))
    assert "loss_without_penalty" not in without.lines_


def test_the_learning_rate_is_drawn_where_it_changes():
    model = classifier(learning_rate="cosine").fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert data_of(display, "learning_rate") == model.history_["learning_rate"]
    constant = LossCurveDisplay.from_estimator(classifier().fit(X, Y))
    assert list(constant.lines_) == ["loss"]


def test_the_score_has_the_name_of_its_scorer():
    X_r, y_r = load_diabetes(return_X_y=True)
    params = {"max_iter": 3, "early_stopping": True, "random_state": 0}
    for scoring, name in ((None, "$R^2$"), ("r2", "r2")):
        model = MLPRegressor(scoring=scoring, **params).fit(scale(X_r), scale(y_r))
        display = LossCurveDisplay.from_estimator(model)
        assert display.axes_[1].get_ylabel() == f"validation\n{name}"


def test_a_single_epoch_is_visible():
    display = LossCurveDisplay.from_estimator(classifier(max_iter=1).fit(X, Y))
    assert display.line_.get_marker() not in ("", "None", None)


def test_partial_fits_are_epochs():
    model = classifier()
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    display = LossCurveDisplay.from_estimator(model)
    assert data_of(display, "loss") == model.loss_curve_
    assert len(model.loss_curve_) == 3


def test_pipelines_and_estimators_of_scikit_learn():
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(X, Y)
    display = LossCurveDisplay.from_estimator(pipeline)
    assert data_of(display, "loss") == pipeline[-1].loss_curve_
    theirs = sklearn.neural_network.MLPClassifier(max_iter=5, early_stopping=True)
    theirs.fit(X, Y)
    display = LossCurveDisplay.from_estimator(theirs)
    assert data_of(display, "loss") == theirs.loss_curve_
    assert data_of(display, "validation_score") == theirs.validation_scores_
    assert display.best_epoch == 1 + np.argmax(theirs.validation_scores_)


# ------------------------------------------------------------------ the scale
@pytest.mark.parametrize(
    "losses, scale, expected",
    [
        ([1.0, 0.5, 0.1], "auto", "log"),
        ([1.0, 0.5, 0.11], "auto", "linear"),
        ([1.0, 0.0], "auto", "linear"),
        ([1.0, -0.01], "auto", "linear"),
        ([np.nan, np.inf], "auto", "linear"),
        ([1.0, 0.5], "log", "log"),
        ([1.0, 0.001], "linear", "linear"),
    ],
)
def test_the_scale_is_logarithmic_over_a_decade(losses, scale, expected):
    display = LossCurveDisplay.from_history({"loss": losses}, scale=scale)
    assert display.ax_.get_yscale() == expected
    display.figure_.canvas.draw()  # tick labels are only made here


def test_labels_of_a_logarithmic_scale_are_plain_numbers():
    display = LossCurveDisplay.from_history({"loss": [2.0, 0.02]})
    display.figure_.canvas.draw()
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert {"0.02", "0.05", "0.1", "1", "2"} <= set(labels)


def test_a_given_logarithmic_scale_is_kept():
    _, ax = plt.subplots()
    ax.set_yscale("log")
    display = LossCurveDisplay.from_history({"loss": [1.0, 0.9]}, ax=ax)
    assert display.ax_.get_yscale() == "log"


# ------------------------------------------------------------------ several in one
def test_several_on_one_axes_differ_in_more_than_colour():
    first = LossCurveDisplay.from_history({"loss": [3.0, 2.0]}, name="slow")
    kept = first.line_.get_color(), first.line_.get_marker()
    second = LossCurveDisplay.from_history(
        {"loss": [3.0, 1.0], "validation_loss": [3.0, 2.0]}, name="fast", ax=first.ax_
    )
    assert second.ax_ is first.ax_
    assert (first.line_.get_color(), first.line_.get_marker()) == kept
    assert second.line_.get_color() != kept[0]
    assert second.line_.get_marker() != kept[1]
    validation = second.lines_["validation_loss"]
    assert validation.get_color() == second.line_.get_color()
    assert validation.get_linestyle() != second.line_.get_linestyle()
    shown = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert shown == [
        "slow: loss + penalty",
        "fast: loss + penalty",
        "fast: validation loss",
    ]


def test_given_axes_are_used():
    model = classifier(early_stopping=True).fit(X, Y)
    figure, axes = plt.subplots(3)
    display = LossCurveDisplay.from_estimator(model, ax=axes[:2])
    assert list(display.axes_) == list(axes[:2]) and display.figure_ is figure
    assert not axes[2].has_data()
    alone = LossCurveDisplay.from_estimator(model, ax=axes[2])
    assert list(alone.lines_) == ["loss", "validation_loss"]
    score = LossCurveDisplay.from_estimator(model, ax=axes[2], panels="score")
    assert list(score.lines_) == ["validation_score"]
    assert plt.get_fignums() == [figure.number]


# ------------------------------------------------------------------ a recorded history
def test_a_history_may_be_a_data_frame():
    pandas = pytest.importorskip("pandas")
    model = classifier().fit(X, Y)
    display = LossCurveDisplay.from_history(pandas.DataFrame(model.history_))
    assert data_of(display, "loss") == model.loss_curve_
    assert list(display.lines_) == ["loss"]  # columns of NaN are absent


@pytest.mark.parametrize(
    "history, message",
    [
        ({}, "history must be a dict with a list 'loss'"),
        (7, "history must be a dict with a list 'loss'"),
        ({"loss": []}, "history must have at least one epoch. Got none"),
        ({"loss": "falling"}, r"history\['loss'\] must have one number per epoch"),
        (
            {"loss": [1, 2], "penalty": [1]},
            r"history\['penalty'\] must have one number",
        ),
    ],
)
def test_other_histories_are_refused(history, message):
    with pytest.raises(ValueError, match=message):
        LossCurveDisplay.from_history(history)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "params, message",
    [
        ({"panels": ["losses"]}, "panels must be some of 'loss', 'score'"),
        ({"panels": []}, "panels must be some of 'loss', 'score'"),
        ({"panels": ["score"]}, "has 'score', but history has no 'validation_score'"),
        ({"scale": "sqrt"}, "scale must be 'auto', 'log' or 'linear'. Got 'sqrt'"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        LossCurveDisplay.from_history({"loss": [1.0]}, **params)
    assert plt.get_fignums() == []


def test_a_wrong_number_of_axes_is_refused():
    _, axes = plt.subplots(2)
    with pytest.raises(ValueError, match="ax must have 1 axes, one for each of the pa"):
        LossCurveDisplay.from_history({"loss": [1.0]}, ax=axes)
    with pytest.raises(TypeError, match="ax must be matplotlib Axes"):
        LossCurveDisplay.from_history({"loss": [1.0]}, ax="left")
    assert not axes[0].has_data()


# ------------------------------------------------------------------ other estimators
def test_unfitted_and_other_estimators_are_refused():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(classifier())
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(make_pipeline(StandardScaler(), classifier()))
    with pytest.raises(TypeError, match="LogisticRegression.*has no loss_curve_"):
        LossCurveDisplay.from_estimator(LogisticRegression().fit(X, Y))
    for other in (MLPClassifier, "model"):
        with pytest.raises(TypeError, match="estimator must be a fitted MLPClassifier"):
            LossCurveDisplay.from_estimator(other)


# ------------------------------------------------------------------ no matplotlib
def test_without_matplotlib_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    model = classifier(max_iter=1).fit(X, Y)
    for draw in (
        lambda: LossCurveDisplay.from_estimator(model),
        lambda: LossCurveDisplay.from_history({"loss": [1.0]}),
        lambda: LossCurveDisplay({"loss": [1.0]}).plot(),
    ):
        with pytest.raises(
            ImportError, match=r"LossCurveDisplay\.\w+ requires matplotlib.*install"
        ):
            draw()


@pytest.mark.slow
def test_the_import_of_the_package_imports_no_matplotlib():
    code = "import sys, pybackprop.plotting; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("best_epoch", ["2", np.nan])
def test_a_best_epoch_that_is_not_a_number_is_refused(best_epoch):
    with pytest.raises(ValueError, match="best_epoch must be a finite number"):
        LossCurveDisplay.from_history({"loss": [2, 1]}, best_epoch=best_epoch)
