"""Tests that DecisionSurfaceDisplay draws outputs and hidden activations."""

import sys
import warnings

import numpy as np
import pytest
import sklearn.neural_network
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_iris, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.plotting import DecisionSurfaceDisplay
from pybackprop.plotting._colours import CATEGORIES, tints

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

MOONS, MOON = make_moons(60, noise=0.1, random_state=0)
IRIS, FLOWER = load_iris(return_X_y=True)
NAMES = load_iris().target_names[FLOWER]
N = 15  # grid points along each axis; few, to be fast


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def moons_model():
    model = MLPClassifier((5,), solver="lbfgs", max_iter=100, random_state=0)
    return model.fit(MOONS, MOON)


@pytest.fixture(scope="module")
def iris_model():
    model = MLPClassifier((6,), solver="lbfgs", max_iter=100, random_state=0)
    return make_pipeline(StandardScaler(), model).fit(IRIS, NAMES)


@pytest.fixture(scope="module")
def diabetes_model():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    model = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=50)
    return make_pipeline(StandardScaler(), model).fit(X, scale(y)), X, scale(y)


def draw(subject, *args, **params):
    of_network = isinstance(subject, Network)
    cls = DecisionSurfaceDisplay
    method = cls.from_network if of_network else cls.from_estimator
    return method(subject, *args, **{"grid_resolution": N} | params)


def grid_of(display, fixed=None, features=(0, 1)):
    """Return the rows of the grid: x1 in the outer loop, x0 in the inner one."""
    rows = []
    for x1 in display.x1:
        for x0 in display.x0:
            row = [x0, x1] if fixed is None else np.array(fixed, dtype=float)
            row[features[0]], row[features[1]] = x0, x1
            rows.append(row)
    return np.array(rows)


# ------------------------------------------------------------------ the response
@pytest.mark.feature(
    "Decision surface of the network and of each hidden unit",
    "DecisionSurfaceDisplay.from_estimator(model, X, y, layer=1)",
)
def test_units_are_drawn_as_their_activations(moons_model, monkeypatch):
    drawn = record_contours(monkeypatch)
    display = draw(moons_model, MOONS, layer=1)
    W, b = moons_model.coefs_[0], moons_model.intercepts_[0]
    a = np.maximum(grid_of(display) @ W + b, 0)
    assert len(drawn) == 5
    for unit, (x0, x1, surface, levels) in enumerate(drawn):
        np.testing.assert_allclose(surface, a[:, unit].reshape(N, N), atol=1e-12)
        assert x0 is display.x0 and x1 is display.x1
        assert levels[0] <= a.min() and levels[-1] >= a.max()  # one scale for all units
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == [f"unit {unit} of layer 1" for unit in range(5)]
    assert display.colorbar_.ax.get_ylabel() == "activation a"
    assert display.figure_._suptitle.get_text() == "layer 1, all 5 units"


def record_contours(monkeypatch):
    """Record the values that are passed to matplotlib's filled contours."""
    drawn, contourf = [], matplotlib.axes.Axes.contourf

    def recorded(ax, x0, x1, surface, levels, **params):
        drawn.append((x0, x1, surface, levels))
        return contourf(ax, x0, x1, surface, levels=levels, **params)

    monkeypatch.setattr(matplotlib.axes.Axes, "contourf", recorded)
    return drawn


def test_two_classes_are_drawn_as_the_probability_of_the_second_class(
    moons_model, monkeypatch
):
    drawn = record_contours(monkeypatch)
    display = draw(moons_model, MOONS, MOON)
    ((_, _, surface, levels),) = drawn
    expected = moons_model.predict_proba(grid_of(display))[:, 1]
    np.testing.assert_array_equal(surface, expected.reshape(N, N))
    assert (levels[0], levels[-1]) == (0, 1)
    assert display.colorbar_.ax.get_ylabel() == "probability of class 1"
    assert display.ax_.get_xlabel() == "feature 0"
    assert display.ax_.get_title() == "" and display.figure_._suptitle is None


def test_the_line_is_where_the_decision_changes(moons_model):
    method = "decision_function"
    display = draw(moons_model, MOONS, response_method=method, grid_resolution=100)
    (lines,) = display.boundaries_
    z = moons_model.decision_function(np.concatenate(lines.allsegs[0]))
    # The contour is linear between grid points, as z is except at kinks.
    assert len(z) > 50
    assert np.median(np.abs(z)) < 1e-9
    assert np.abs(z).max() < 0.05 * np.abs(display.surfaces).max()
    assert display.ax_.get_xlim() == (display.x0[0], display.x0[-1])


def test_logits_and_the_other_class(moons_model):
    method = {"response_method": "decision_function"}
    second = draw(moons_model, MOONS, **method)
    first = draw(moons_model, MOONS, target=0, **method)
    z = moons_model.decision_function(grid_of(second)).reshape(N, N)
    np.testing.assert_array_equal(second.surfaces[0], z)
    np.testing.assert_array_equal(first.surfaces[0], -z)
    assert first.boundary == second.boundary == 0


def test_the_middle_of_the_colours_is_the_boundary():
    # The same holds if all points of the grid have one class.
    model = MLPClassifier((3,), max_iter=1, random_state=0).fit(MOONS, MOON)
    model.intercepts_[-1][:] = 100
    display = draw(model, MOONS, response_method="decision_function")
    low, high = display.surfaces_[0].get_clim()
    assert display.surfaces.min() > 0
    assert low == -high


def test_more_classes_are_drawn_as_regions(iris_model):
    display = draw(iris_model, IRIS, NAMES, features=(2, 3))
    (image,) = display.surfaces_
    rows = grid_of(display, IRIS.mean(axis=0), (2, 3))
    expected = iris_model.predict(rows).reshape(N, N)
    np.testing.assert_array_equal(
        display.classes[image.get_array().astype(int)], expected
    )
    # The grid points are the centres of the pixels.
    left, right, bottom, top = image.get_extent()
    assert (left + (right - left) / (2 * N)) == pytest.approx(display.x0[0])
    assert (top - (top - bottom) / (2 * N)) == pytest.approx(display.x1[-1])
    assert display.ax_.get_title() == "other features at their mean"
    legend = display.ax_.get_legend()
    assert [t.get_text() for t in legend.get_texts()] == list(display.classes)


def test_each_region_has_the_name_of_its_class(iris_model):
    display = draw(iris_model, IRIS, features=(2, 3), grid_resolution=60)
    assert {text.get_text() for text in display.texts_} == set(NAMES)
    for text in display.texts_:
        row = IRIS.mean(axis=0)
        row[2:] = text.get_position()
        assert iris_model.predict([row])[0] == text.get_text()


def test_one_of_several_classes_is_drawn_as_its_probability(iris_model):
    display = draw(
        iris_model, IRIS, NAMES, features=(3, 0), target="virginica", fixed="median"
    )
    rows = grid_of(display, np.median(IRIS, axis=0), (3, 0))
    expected = iris_model.predict_proba(rows)[:, 2].reshape(N, N)
    np.testing.assert_array_equal(display.surfaces[0], expected)
    assert display.quantity == "probability of class virginica"
    assert display.boundaries_ == []  # the other classes matter too


def test_a_probability_has_the_whole_scale_though_it_may_not_fill_it():
    network = Network(
        [2, 3, 1], output_activation="logistic", loss="log_loss", random_state=0
    )
    display = draw(network, MOONS)
    assert np.ptp(display.surfaces) < 0.9
    levels = display.surfaces_[0].levels
    assert (levels[0], levels[-1]) == (0, 1)


def test_a_regressor_is_drawn_as_its_predictions(diabetes_model, monkeypatch):
    drawn = record_contours(monkeypatch)
    model, X, y = diabetes_model
    held = np.arange(10.0)
    display = draw(model, X, y, features=(2, 3), fixed=held)
    expected = model.predict(grid_of(display, held, (2, 3))).reshape(N, N)
    ((_, _, surface, levels),) = drawn
    np.testing.assert_array_equal(surface, expected)
    assert levels[0] <= min(expected.min(), y.min())
    assert levels[-1] >= max(expected.max(), y.max())
    (points,) = display.points_
    np.testing.assert_array_equal(points.get_array(), y)
    assert points.norm is display.surfaces_[0].norm
    assert display.colorbar_.ax.get_ylabel() == "prediction"


def test_one_of_several_outputs_or_labels():
    Y = np.column_stack([MOON, 1 - MOON, MOONS[:, 0] > 0])
    regressor = MLPRegressor(max_iter=2, random_state=0).fit(MOONS, Y)
    display = draw(regressor, MOONS, Y, target=2)
    expected = regressor.predict(grid_of(display))[:, 2].reshape(N, N)
    np.testing.assert_array_equal(display.surfaces[0], expected)
    np.testing.assert_array_equal(display.targets, Y[:, 2])
    classifier = MLPClassifier(max_iter=2, random_state=0).fit(MOONS, Y)
    display = draw(classifier, MOONS, Y, target=1)
    expected = classifier.predict_proba(grid_of(display))[:, 1].reshape(N, N)
    np.testing.assert_array_equal(display.surfaces[0], expected)
    np.testing.assert_array_equal(display.targets, Y[:, 1])
    for model, what in ((regressor, "an output"), (classifier, "a label")):
        with pytest.raises(ValueError, match=f"target must be the index of {what}"):
            draw(model, MOONS, Y)


def test_without_probabilities_the_decision_function_is_drawn():
    model = MLPClassifier(output_activation="tanh", loss="squared_error", max_iter=2)
    model.fit(MOONS, MOON)
    assert not hasattr(model, "predict_proba")
    display = draw(model, MOONS, MOON)
    z = model.decision_function(grid_of(display)).reshape(N, N)
    np.testing.assert_array_equal(display.surfaces[0], z)


# ------------------------------------------------------------------ samples
def test_samples_are_drawn_once_by_class_and_marker(iris_model):
    display = draw(iris_model, IRIS, NAMES, features=(2, 3))
    assert len(display.points_) == 3
    for k, points in enumerate(display.points_):
        np.testing.assert_array_equal(points.get_offsets(), IRIS[FLOWER == k][:, 2:])
    shapes = {points.get_paths()[0].vertices.tobytes() for points in display.points_}
    assert len(shapes) == 3
    before = len(display.ax_.collections)
    display.plot()
    assert len(display.ax_.collections) == before
    assert plt.get_fignums() == [1, 2]


def test_samples_without_targets_are_drawn_alike(moons_model):
    (points,) = draw(moons_model, MOONS).points_
    np.testing.assert_array_equal(points.get_offsets(), MOONS)


# ------------------------------------------------------------------ tables, pipelines
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_keep_their_names(library):
    frames = pytest.importorskip(library)
    columns = ["sepal length", "sepal width", "petal length", "petal width"]
    X = frames.DataFrame(dict(zip(columns, IRIS.T, strict=True)))
    model = MLPClassifier((3,), max_iter=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, FLOWER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        display = draw(pipeline, X, FLOWER, features=("petal width", 1))
        draw(pipeline, X, layer=1)
    assert display.ax_.get_xlabel() == "petal width"
    assert display.ax_.get_ylabel() == "sepal width"
    np.testing.assert_array_equal(display.points, IRIS[:, [3, 1]])
    network = pipeline[-1]
    rows = grid_of(display, IRIS.mean(axis=0), (3, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about missing feature names
        expected = network.predict(pipeline[0].transform(rows)).reshape(N, N)
    np.testing.assert_array_equal(display.surfaces[0], expected)


def test_units_get_the_transformed_features_of_the_pipeline(iris_model):
    display = draw(iris_model, IRIS, features=(0, 3), layer=1, units=[4, 2])
    rows = grid_of(display, IRIS.mean(axis=0), (0, 3))
    W, b = iris_model[-1].coefs_[0], iris_model[-1].intercepts_[0]
    # The formula of the scaler.
    a = np.maximum((rows - IRIS.mean(axis=0)) / IRIS.std(axis=0) @ W + b, 0)
    for surface, unit in zip(display.surfaces, [4, 2], strict=True):
        np.testing.assert_allclose(surface, a[:, unit].reshape(N, N), atol=1e-12)
    words = "layer 1, 2 of 6 units; other features at their mean"
    assert display.figure_._suptitle.get_text() == words


# ------------------------------------------------------------------ Network
def test_a_network_of_classes_is_drawn_by_its_largest_output():
    network = Network([2, 4, 3], output_activation="softmax", loss="log_loss")
    one_hot = np.eye(3)[np.arange(60) % 3]
    display = draw(network, MOONS, one_hot)
    y_pred = network.predict(grid_of(display))
    (image,) = display.surfaces_
    expected = y_pred.argmax(axis=1).reshape(N, N)
    np.testing.assert_array_equal(image.get_array(), expected)
    np.testing.assert_array_equal(display.targets, np.arange(60) % 3)
    display = draw(network, MOONS, one_hot, target=1)
    np.testing.assert_array_equal(display.surfaces[0], y_pred[:, 1].reshape(N, N))


def test_other_networks_are_drawn_as_their_predictions():
    network = Network([2, 4, 1], activation="tanh", random_state=0)
    display = draw(network, MOONS, MOON)
    expected = network.predict(grid_of(display)).reshape(N, N)
    np.testing.assert_array_equal(display.surfaces[0], expected)
    display = draw(network, MOONS, layer=1, units=3)
    expected = network.forward(grid_of(display)).a[1][:, 3].reshape(N, N)
    np.testing.assert_array_equal(display.surfaces[0], expected)
    assert display.ax_.get_title() == "unit 3 of layer 1"
    low, high = display.surfaces_[0].get_clim()
    assert low == -high  # of tanh: grey is 0


def test_a_logistic_network_has_a_line_at_one_half():
    network = Network(
        [2, 4, 1], output_activation="logistic", loss="log_loss", random_state=0
    )
    display = draw(network, MOONS, MOON.reshape(-1, 1))
    assert display.boundary == 0.5
    (points,) = display.points_
    np.testing.assert_array_equal(points.get_array(), MOON)


def test_a_constant_surface_can_be_drawn():
    network = Network([2, 3, 1])
    network.parameters[:] = 0
    draw(network, MOONS).figure_.canvas.draw()
    draw(network, np.zeros((3, 2)), layer=1).figure_.canvas.draw()


# ------------------------------------------------------------------ axes, errors
def test_given_axes_are_used(moons_model):
    figure, axes = plt.subplots(2, 2)
    display = draw(moons_model, MOONS, layer=1, units=[0, 1], ax=axes[0])
    assert list(display.axes_) == list(axes[0]) and display.figure_ is figure
    assert axes[0, 1].get_xlabel() == "feature 0"
    assert not axes[1, 0].has_data() and figure._suptitle is None
    alone = draw(moons_model, MOONS, ax=axes[1, 0], colorbar=False)
    assert alone.ax_ is axes[1, 0] and alone.colorbar_ is None
    assert plt.get_fignums() == [figure.number]
    with pytest.raises(ValueError, match="ax must have 5 axes, one for each surface"):
        draw(moons_model, MOONS, layer=1, ax=axes)


def test_at_most_sixteen_units_are_shown_and_the_title_says_which():
    model = MLPClassifier((20,), max_iter=1, random_state=0).fit(MOONS, MOON)
    display = draw(model, MOONS, layer=1)
    assert len(display.axes_) == 16
    words = "layer 1, units 0 to 15 of 20"
    assert display.figure_._suptitle.get_text() == words


@pytest.mark.parametrize(
    "params, message",
    [
        ({"features": (0, 2)}, r"features must be two features of X.* Got \(0, 2\)"),
        ({"features": (0, 0)}, "features must be two features of X, by their indices"),
        ({"features": (0, -1)}, "features must be two features of X"),
        ({"features": "x"}, "features must be two features of X"),
        ({"layer": 0}, "layer must be a hidden layer, from 1 to 1.* Got 0"),
        ({"layer": 2}, "layer must be a hidden layer, from 1 to 1.* Got 2"),
        ({"layer": 1, "units": [5]}, "units must be indices of units, from 0 to 4"),
        ({"layer": 1, "units": [True]}, "units must be indices of units"),
        ({"features": (True, False)}, "features must be two features of X"),
        ({"units": [1]}, r"units must be None without layer. Got \[1\]"),
        ({"fixed": "mode"}, "fixed must be 'mean', 'median' or a finite number for"),
        ({"fixed": [1.0]}, "fixed must be 'mean', 'median' or a finite number for"),
        ({"grid_resolution": 1}, "grid_resolution must be an int >= 2. Got 1"),
        ({"response_method": "proba"}, "response_method must be one of 'auto'"),
        ({"target": 7}, r"target must be one of \[0 1\]. Got 7"),
        ({"y": MOON[1:]}, "y must have a target for each of the 60 samples of X"),
        ({"y": MOON + 1}, "y must hold classes of the fit"),
    ],
)
def test_bad_parameters_are_refused(params, message, moons_model):
    with pytest.raises(ValueError, match=message):
        draw(moons_model, MOONS, **params)
    assert plt.get_fignums() == []


def test_bad_response_methods_are_refused(iris_model, diabetes_model):
    with pytest.raises(
        ValueError, match="target must be one of .*, to be shown by predict"
    ):
        draw(iris_model, IRIS, response_method="predict_proba")
    model, X, _ = diabetes_model
    with pytest.raises(ValueError, match="'auto' or 'predict' for a regressor"):
        draw(model, X, response_method="predict_proba")


def test_unfitted_and_other_estimators_are_refused():
    with pytest.raises(NotFittedError):
        draw(MLPClassifier(), MOONS)
    theirs = sklearn.neural_network.MLPClassifier(max_iter=1).fit(MOONS, MOON)
    with pytest.raises(TypeError, match="MLPRegressor of pybackprop, or a Pipeline"):
        draw(theirs, MOONS)
    with pytest.raises(TypeError, match="network must be a Network"):
        DecisionSurfaceDisplay.from_network(theirs, MOONS)


def test_without_matplotlib_the_error_names_it(monkeypatch, moons_model):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ImportError, match=r"DecisionSurfaceDisplay\.from_estimator requires matplotlib"
    ):
        draw(moons_model, MOONS)


def test_regions_differ_in_greyscale():
    luma = tints(CATEGORIES[:5]) @ [0.299, 0.587, 0.114]
    assert np.all(np.diff(luma) > 0.04)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([["a", "b"]] * 2, None, "X must hold numbers"),
        (np.full((2, 2), np.datetime64("2020")), None, "X must hold numbers"),
        (np.eye(2), ["a", "b"], "y must hold numbers"),
        (np.eye(2), [np.nan, 1], "y contains NaN"),
        (np.eye(2), np.eye(2) * 1j, "[Cc]omplex"),
        (np.eye(2), np.ones((2, 3)), r"y must have the shape .*2\). Got \(2, 3\)"),
    ],
)
def test_data_other_than_numbers_are_refused(X, y, message):
    with pytest.raises(ValueError, match=message):
        draw(Network([2, 2]), X, y, target=1)


def test_sparse_labels_are_drawn_like_dense_ones():
    y = np.stack([MOON, 1 - MOON], axis=1)
    model = MLPClassifier((3,), solver="lbfgs", max_iter=5).fit(MOONS, y)
    dense, sparse = (
        draw(model, MOONS, labels, target=1) for labels in (y, csr_array(y))
    )
    np.testing.assert_array_equal(sparse.targets, 1 - MOON)
    np.testing.assert_array_equal(dense.targets, 1 - MOON)
