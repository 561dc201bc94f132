"""Tests that FirstLayerDisplay draws the weights of each unit of coefs_[0]."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.plotting import FirstLayerDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def digits_model():
    X, y = load_digits(return_X_y=True)
    return MLPClassifier((30,), max_iter=3, random_state=0).fit(X / 16, y)


def titles(display):
    return [ax.get_title() for ax in display.axes_]


@pytest.mark.feature(
    "First-layer weights as images",
    "FirstLayerDisplay.from_estimator(model)",
)
def test_images_are_the_weights_into_each_unit(digits_model):
    display = FirstLayerDisplay.from_estimator(digits_model)
    W = digits_model.coefs_[0]
    assert len(display.images_) == 25
    assert titles(display) == [f"unit {unit}" for unit in range(25)]
    for unit, image in enumerate(display.images_):
        np.testing.assert_array_equal(image.get_array(), W[:, unit].reshape(8, 8))
    assert "units 0 to 24 of 30" in display.figure_._suptitle.get_text()


def test_all_units_have_one_scale_around_zero(digits_model):
    display = FirstLayerDisplay.from_estimator(digits_model, units=[0, 1])
    largest = np.abs(digits_model.coefs_[0]).max()
    for image in display.images_:
        assert image.get_clim() == (-largest, largest)
    assert display.colorbar_.ax.get_ylabel() == "weight"


def test_nothing_is_drawn_twice(digits_model):
    display = FirstLayerDisplay.from_estimator(digits_model, units=[0, 1, 2])
    first = display.figure_
    for ax, image in zip(display.axes_, display.images_, strict=True):
        assert list(ax.get_images()) == [image]
    assert len(first.axes) == 3 + 1  # and the colour bar
    display.plot(colorbar=False)
    assert display.colorbar_ is None and len(display.figure_.axes) == 3
    assert plt.get_fignums() == [1, 2]


def test_order_by_norm_begins_with_the_largest_norm(digits_model):
    norms = np.sqrt((digits_model.coefs_[0] ** 2).sum(axis=0))
    display = FirstLayerDisplay.from_estimator(digits_model, order="norm")
    assert np.all(np.diff(norms[display.units]) <= 0)
    assert norms[display.units].min() >= np.delete(norms, display.units).max()
    some = FirstLayerDisplay.from_estimator(digits_model, units=[4, 7, 2], order="norm")
    assert sorted(some.units) == [2, 4, 7]
    assert np.all(np.diff(norms[some.units]) <= 0)


def test_the_requested_units_are_shown(digits_model):
    display = FirstLayerDisplay.from_estimator(digits_model, units=[5, 3])
    assert titles(display) == ["unit 5", "unit 3"]
    W = digits_model.coefs_[0]
    np.testing.assert_array_equal(display.images_[0].get_array(), W[:, 5].reshape(8, 8))
    assert "2 of 30 units" in display.figure_._suptitle.get_text()


def test_images_may_be_rectangular(digits_model):
    display = FirstLayerDisplay.from_estimator(digits_model, image_shape=(4, 16))
    assert display.images_[0].get_array().shape == (4, 16)


def test_few_features_are_a_table_of_features_and_units():
    X, y = load_iris(return_X_y=True)  # four features: a square, but not an image
    model = MLPClassifier((7,), max_iter=3, random_state=0).fit(X, y)
    display = FirstLayerDisplay.from_estimator(model)
    (image,) = display.images_
    np.testing.assert_array_equal(image.get_array(), model.coefs_[0])
    assert display.ax_.get_xlabel() == "unit"
    assert display.ax_.get_ylabel() == "feature"
    assert "all 7 units" in display.figure_._suptitle.get_text()
    some = FirstLayerDisplay.from_estimator(model, units=[6, 0])
    np.testing.assert_array_equal(
        some.images_[0].get_array(), model.coefs_[0][:, [6, 0]]
    )
    assert [t.get_text() for t in some.ax_.get_xticklabels()] == ["6", "0"]


def names_shown(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def test_features_have_the_names_seen_in_fit():
    pytest.importorskip("pandas")
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2)
    X, y = X * 20, scale(y)
    model.fit(X, y)
    assert names_shown(FirstLayerDisplay.from_estimator(model)) == list(X.columns)
    pipeline = make_pipeline(StandardScaler(), PCA(4), model).fit(X, y)
    display = FirstLayerDisplay.from_estimator(pipeline)
    assert names_shown(display) == ["pca0", "pca1", "pca2", "pca3"]
    np.testing.assert_array_equal(
        display.images_[0].get_array(), pipeline[-1].coefs_[0]
    )


def test_a_pipeline_without_names_may_have_images():
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier((3,), max_iter=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    assert FirstLayerDisplay.from_estimator(pipeline).image_shape == (8, 8)


def test_named_features_are_not_drawn_as_pixels():
    network, names = Network([64, 3, 2]), [f"gene {i}" for i in range(64)]
    display = FirstLayerDisplay.from_network(network, feature_names=names)
    assert display.image_shape is None
    assert FirstLayerDisplay.from_network(network).image_shape == (8, 8)


def test_many_labels_are_thinned_out(digits_model):
    display = FirstLayerDisplay.from_estimator(digits_model, image_shape=None)
    assert names_shown(display) == [str(i) for i in range(0, 64, 2)]


def test_later_changes_of_the_network_are_not_shown():
    network = Network([4, 3, 2], random_state=0)
    before = network.coefs[0].copy()
    display = FirstLayerDisplay.from_network(network, feature_names=list("abcd"))
    network.coefs[0][:] = 0
    np.testing.assert_array_equal(display.images_[0].get_array(), before)
    np.testing.assert_array_equal(display.coefs, before)
    assert names_shown(display) == list("abcd")


def test_given_axes_are_used(digits_model):
    figure, axes = plt.subplots(1, 3)
    display = FirstLayerDisplay.from_estimator(
        digits_model, units=[0, 1], ax=axes[:2], colorbar=False
    )
    assert list(display.axes_) == list(axes[:2]) and display.figure_ is figure
    assert len(axes[2].get_images()) == 0
    assert figure._suptitle is None and plt.get_fignums() == [figure.number]
    with pytest.raises(ValueError, match="ax must have 25 axes, one for each unit"):
        FirstLayerDisplay.from_estimator(digits_model, ax=axes)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"image_shape": (8, 9)}, "image_shape must be two ints whose product is 64"),
        ({"image_shape": 8}, "image_shape must be two ints whose product is 64"),
        ({"image_shape": (-8, -8)}, "image_shape must be two ints whose product is 64"),
        ({"image_shape": "square"}, "image_shape must be two ints, 'auto' or None"),
        ({"units": [30]}, r"units must be indices of units, from 0 to 29. Got \[30\]"),
        ({"units": []}, "units must be indices of units, from 0 to 29"),
        ({"units": [0.5], "order": "norm"}, "units must be indices of units"),
        ({"order": "size"}, "order must be 'index' or 'norm'. Got 'size'"),
    ],
)
def test_bad_parameters_are_refused(params, message, digits_model):
    with pytest.raises(ValueError, match=message):
        FirstLayerDisplay.from_estimator(digits_model, **params)
    assert plt.get_fignums() == []


def test_each_feature_needs_a_name():
    network = Network([4, 3, 2])
    with pytest.raises(ValueError, match="feature_names must have a name for each of"):
        FirstLayerDisplay.from_network(network, feature_names=["a"])
    assert plt.get_fignums() == []


def test_unfitted_and_other_estimators_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError):
        FirstLayerDisplay.from_estimator(MLPClassifier())
    with pytest.raises(TypeError, match="LogisticRegression.*has no coefs_"):
        FirstLayerDisplay.from_estimator(LogisticRegression(max_iter=500).fit(X, y))
    with pytest.raises(TypeError, match="network must be a Network. Got 7"):
        FirstLayerDisplay.from_network(7)


def test_without_matplotlib_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ImportError, match=r"FirstLayerDisplay\.from_network requires matplotlib"
    ):
        FirstLayerDisplay.from_network(Network([4, 3, 2]))


def test_greyscale_keeps_the_sign_of_a_weight():
    display = FirstLayerDisplay.from_network(Network([4, 3, 2], random_state=0))
    cmap = display.images_[0].get_cmap()
    rgb = cmap(np.linspace(0, 1, 255))[:, :3]
    luma = rgb @ [0.299, 0.587, 0.114]
    assert np.all(np.diff(luma) > 0)
    assert np.ptp(rgb[127]) < 0.01  # 0 has no hue
