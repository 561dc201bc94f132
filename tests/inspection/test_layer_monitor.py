"""Tests that LayerMonitor records each layer in each epoch without changing the fit."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.class_weight import compute_class_weight

from pybackprop import MLPClassifier, MLPRegressor, Network, by_hand
from pybackprop.inspection import LayerMonitor

try:
    from sklearn.callback import CallbackContext
except ImportError:
    CallbackContext = None

needs_callbacks = pytest.mark.skipif(
    CallbackContext is None, reason="callbacks came with scikit-learn 1.9"
)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = scale(X)
DIABETES, PROGRESSION = load_diabetes(return_X_y=True, scaled=False)
DIABETES, PROGRESSION = scale(DIABETES), PROGRESSION / 100
TABLES = {MLPClassifier: (X, Y), MLPRegressor: (DIABETES, PROGRESSION)}
N_ITER = 4


def make(kind=MLPClassifier, **parameters):
    defaults = {
        "hidden_layer_sizes": (6, 5),
        "max_iter": N_ITER,
        "learning_rate_init": 0.01,
        "random_state": 0,
    }
    return kind(**defaults | parameters)


def column(monitor, name, **where):
    """Return the entries of a column in rows where other columns have given values."""
    history = monitor.history_
    wanted = [
        all(history[key][i] == value for key, value in where.items())
        for i in range(len(history["layer"]))
    ]
    return [
        value for value, is_one in zip(history[name], wanted, strict=True) if is_one
    ]


def state(model):
    arrays = [*model.coefs_, *model.intercepts_]
    curves = [model.loss_curve_, model.validation_loss_curve_ or []]
    return b"".join(np.asarray(part).tobytes() for part in arrays + curves)


# --- The fit is not changed -----------------------------------------------------------


@pytest.mark.feature(
    "Callbacks: gradient norms, updates and dead units, layer by layer",
    "MLPClassifier().set_callbacks(LayerMonitor())",
)
@pytest.mark.promise(
    "Inspection",
    "A LayerMonitor changes no bit of the fit that it observes.",
)
@needs_callbacks
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", TABLES)
def test_a_layer_monitor_changes_no_bit_of_the_fit(kind, solver, dtype, early_stopping):
    X, y = TABLES[kind]
    X = X.astype(dtype)
    parameters = {
        "solver": solver,
        "early_stopping": early_stopping,
        "dropout": 0.0 if solver == "lbfgs" else 0.3,
    }
    monitor = LayerMonitor()
    plain = make(kind, **parameters).fit(X, y)
    watched = make(kind, **parameters).set_callbacks(monitor).fit(X, y)
    assert state(watched) == state(plain)
    assert len(monitor.history_["layer"]) == 3 * (N_ITER + 1)


# --- The numbers ----------------------------------------------------------------------


@needs_callbacks
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_gradients_are_those_at_the_end_of_an_epoch(solver):
    monitor = LayerMonitor()
    options = {"solver": solver, "alpha": 0.1, "activation": "tanh"}
    make(**options).set_callbacks(monitor).fit(X, Y)
    start = Network(
        [4, 6, 5, 3], activation="tanh", output_activation="softmax", random_state=0
    )
    for epoch in range(N_ITER + 1):
        at = start
        if epoch > 0:
            at = make(**options, max_iter=epoch).fit(X, Y).network_
        # The expected numbers come from plain NumPy, on all of the 150 rows.
        _, coef_grads, intercept_grads, z, *_ = by_hand.backprop.objective(
            X,
            np.eye(3)[Y],
            at.coefs,
            at.intercepts,
            activation="tanh",
            output_activation="softmax",
            loss="log_loss",
            alpha=0.1,
        )
        norms = [np.linalg.norm(g) for g in coef_grads]
        assert column(monitor, "coef_grad_norm", epoch=epoch) == pytest.approx(norms)
        norms = [np.linalg.norm(g) for g in intercept_grads]
        assert column(monitor, "intercept_grad_norm", epoch=epoch) == pytest.approx(
            norms
        )
        slopes = [np.mean(1 - np.tanh(z_l) ** 2) for z_l in z[:-1]]
        found = column(monitor, "mean_f_prime", epoch=epoch)
        assert found[:-1] == pytest.approx(slopes) and np.isnan(found[-1])


@needs_callbacks
def test_an_update_is_relative_to_the_new_weights():
    monitor = LayerMonitor()
    make().set_callbacks(monitor).fit(X, Y)
    before, after = (make(max_iter=n).fit(X, Y) for n in (2, 3))
    for name, arrays in (("coef", "coefs_"), ("intercept", "intercepts_")):
        expected = [
            np.linalg.norm(new - old) / np.linalg.norm(new)
            for old, new in zip(
                getattr(before, arrays), getattr(after, arrays), strict=1
            )
        ]
        found = column(monitor, f"{name}_update_ratio", epoch=3)
        assert found == pytest.approx(expected)
        assert np.isnan(column(monitor, f"{name}_update_ratio", epoch=0)).all()


@needs_callbacks
def test_dead_and_saturated_units_are_counted():
    monitor = LayerMonitor()
    options = {"learning_rate_init": 1e-9, "solver": "sgd", "max_iter": 1}
    intercepts = [np.array([-100.0, 0, 0, 0, 0, -100]), np.zeros(5), np.zeros(3)]
    model = make(activation=["relu", "tanh"], intercepts_init=intercepts, **options)
    model.set_callbacks(monitor).fit(X, Y)
    assert column(monitor, "dead_units", epoch=1)[0] >= 2 / 6
    before = column(monitor, "dead_units", epoch=1)[0]
    # A saturated tanh is a constant other than 0.
    intercepts[1] = np.array([100.0, -100, 100, 0, 0])
    model = make(activation=["relu", "tanh"], intercepts_init=intercepts, **options)
    model.set_callbacks(monitor).fit(X, Y)
    dead = column(monitor, "dead_units", fit=2, epoch=1)
    saturated = column(monitor, "saturated_units", fit=2, epoch=1)
    assert dead[:2] == [before, 0] and saturated[:2] == [0, 3 / 5]
    assert np.isnan([dead[2], saturated[2]]).all()
    text = repr(monitor)
    assert "60% of the units of layer 2 are saturated." in text
    assert "of the units of layer 1 are dead." in text


@needs_callbacks
def test_a_gradient_that_vanishes_is_named():
    monitor = LayerMonitor()
    model = make(hidden_layer_sizes=(5,) * 8, activation="logistic", max_iter=1)
    model.set_callbacks(monitor).fit(X, Y)
    assert "The gradient vanishes in the backward pass" in repr(monitor)


# --- Which rows -----------------------------------------------------------------------


@needs_callbacks
def test_sample_and_class_weights_count_as_in_the_fit():
    weights = np.linspace(0, 2, len(Y))
    counts = {0: 1.0, 1: 5.0, 2: 0.5}
    labels = np.array(["x", "y", "z"])[Y]
    by_label = {"xyz"[k]: weight for k, weight in counts.items()}
    given, multiplied = LayerMonitor(), LayerMonitor()
    make(class_weight=by_label).set_callbacks(given).fit(X, labels, weights)
    all_weights = weights * np.array([counts[k] for k in Y])
    make().set_callbacks(multiplied).fit(X, labels, all_weights)
    np.testing.assert_equal(given.history_, multiplied.history_)
    balanced, by_hand = LayerMonitor(), LayerMonitor()
    rows = slice(20, None)
    make(class_weight="balanced").set_callbacks(balanced).fit(X[rows], Y[rows])
    of_classes = compute_class_weight("balanced", classes=np.arange(3), y=Y[rows])
    make().set_callbacks(by_hand).fit(X[rows], Y[rows], of_classes[Y[rows]])
    for name in ("coef_grad_norm", "intercept_grad_norm"):
        assert column(balanced, name) == pytest.approx(column(by_hand, name))


@needs_callbacks
def test_a_few_rows_of_positive_weight_are_sampled_evenly():
    weights = np.ones(len(Y))
    weights[::2] = 0
    table = X.copy()
    table[::2] = 1e300  # which would overflow
    few, given = LayerMonitor(max_rows=25), LayerMonitor(X[1::6], Y[1::6])
    make().set_callbacks(few, given).fit(table, Y, weights)
    np.testing.assert_equal(few.history_, given.history_)


@needs_callbacks
@pytest.mark.parametrize("kind", ["multilabel", "binary", "sparse", "float32", "names"])
def test_any_table_that_fit_accepts(kind):
    table, y = X, Y
    if kind == "multilabel":
        y = np.c_[Y == 0, Y > 1].astype(int)
    elif kind == "binary":
        y = np.where(Y == 1, "yes", "no")
    elif kind == "sparse":
        table = scipy.sparse.csc_matrix(X)
    elif kind == "float32":
        table = X.astype(np.float32)
    else:
        table = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    monitor = LayerMonitor()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        make(class_weight="balanced" if kind == "binary" else None).set_callbacks(
            monitor
        ).fit(table, y)
    assert np.isfinite(column(monitor, "coef_grad_norm")).all()


# --- Which fit, which epoch -----------------------------------------------------------


@needs_callbacks
def test_calls_to_partial_fit_are_one_fit_and_fits_are_counted():
    monitor = LayerMonitor()
    model = make().set_callbacks(monitor)
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert column(monitor, "epoch", layer=1) == [0, 1, 2, 3]
    assert set(monitor.history_["fit"]) == {1}
    model.fit(X, Y)
    assert column(monitor, "epoch", layer=1, fit=2) == [0, 1, 2, 3, 4]
    fresh = make().set_callbacks(monitor)
    fresh.partial_fit(X, Y, classes=[0, 1, 2])
    assert column(monitor, "epoch", layer=1, fit=3) == [0, 1]


@needs_callbacks
@pytest.mark.parametrize("continuation", ["warm_start", "resume"])
def test_a_resumed_fit_continues_to_count(continuation):
    monitor = LayerMonitor()
    model = make(warm_start=continuation == "warm_start").fit(X, Y)
    n_before = len(model.loss_curve_)
    model.set_callbacks(monitor).set_params(max_iter=N_ITER + 2)
    model.fit(X, Y, resume=continuation == "resume")
    n_after = len(model.loss_curve_)
    first = n_before + 1 if n_after > N_ITER + 2 or continuation == "resume" else 1
    expected = list(range(first, n_after + 1))
    assert [n for n in column(monitor, "epoch", layer=1) if n > 0] == expected


@needs_callbacks
def test_a_fit_that_raises_leaves_the_monitor_ready():
    class Ends:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("enough")

    monitor = LayerMonitor()
    with pytest.raises(RuntimeError, match="enough"):
        make().set_callbacks(monitor, Ends()).fit(X, Y)
    make().set_callbacks(monitor).fit(X, Y)
    assert not monitor._runs
    assert column(monitor, "epoch", fit=2, layer=1) == [0, 1, 2, 3, 4]


@needs_callbacks
def test_a_fit_that_diverges_is_recorded_to_its_end():
    monitor = LayerMonitor()
    model = make(MLPRegressor, early_stopping=True, learning_rate_init=1e200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_callbacks(monitor).fit(DIABETES, PROGRESSION)
    last = column(monitor, "coef_grad_norm", epoch=model.n_iter_)
    assert len(last) == 3 and not np.isfinite(last).all()
    assert f"after epoch {model.n_iter_}" in repr(monitor)


@needs_callbacks
def test_an_unfinished_iteration_leaves_no_row():
    monitor = LayerMonitor()
    make(solver="lbfgs", tol=1e9).set_callbacks(monitor).fit(X, Y)
    assert column(monitor, "epoch", layer=1) == [0]


# --- scikit-learn's protocol ----------------------------------------------------------


@needs_callbacks
def test_in_a_pipeline_it_is_set_on_the_step():
    monitor = LayerMonitor()
    model = make_pipeline(StandardScaler(), make().set_callbacks(monitor)).fit(X, Y)
    assert column(monitor, "epoch", layer=1) == [0, 1, 2, 3, 4]
    with pytest.raises(TypeError, match="must be set on an MLPClassifier.*Pipeline"):
        LayerMonitor().setup(model, None)


@needs_callbacks
def test_in_a_search_each_fit_has_its_number():
    monitor = LayerMonitor()
    model = make(max_iter=2).set_callbacks(monitor)
    GridSearchCV(model, {"alpha": [0.1, 1]}, cv=2).fit(X, Y)
    assert sorted(set(monitor.history_["fit"])) == [1, 2, 3, 4, 5]


@needs_callbacks
def test_it_can_be_pickled_and_cloned_with_the_estimator():
    monitor = LayerMonitor()
    model = make().set_callbacks(monitor).fit(X, Y)
    again = pickle.loads(pickle.dumps(monitor))
    np.testing.assert_equal(again.history_, monitor.history_)
    pickle.loads(pickle.dumps(model))
    clone(model).fit(X, Y)


# --- Printed tables and frames --------------------------------------------------------


@needs_callbacks
def test_it_prints_the_last_epoch_and_the_changes():
    monitor = LayerMonitor()
    assert "no epoch has been recorded" in repr(monitor)
    make().set_callbacks(monitor).fit(X, Y)
    text = repr(monitor)
    assert text.startswith("Layers after epoch 4 of fit 1.")
    assert "First and last recorded epoch." in text
    html = monitor._repr_html_()
    assert html.count("<table>") == 2
    for head in ("|dF/dW|, epoch 0", "change of W / W, epoch 1"):
        assert f">{head}</th>" in html


@needs_callbacks
def test_a_frame_has_the_history():
    pandas = pytest.importorskip("pandas")
    monitor = LayerMonitor()
    make().set_callbacks(monitor).fit(X, Y)
    frame = monitor.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(monitor.history_)
    assert frame["layer"].tolist() == [1, 2, 3] * (N_ITER + 1)


def test_arguments_are_checked_by_name():
    with pytest.raises(ValueError, match="X and y must be given together"):
        LayerMonitor(X)
    with pytest.raises(ValueError, match="sample_weight must be left out"):
        LayerMonitor(sample_weight=[1.0])
    for wrong in (0, -1, 1.5, "9", True, None):
        with pytest.raises(ValueError, match="max_rows must be an int >= 1. Got"):
            LayerMonitor(max_rows=wrong)
