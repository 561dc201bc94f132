"""Tests that NetworkDisplay draws weights, activations and deltas of a network."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, Network
from pybackprop.plotting.network_drawing import NetworkDisplay

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
Y = np.eye(3)[[0, 1, 2, 0, 1, 2]]


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


@pytest.fixture
def network():
    return Network(
        [4, 5, 3],
        activation="tanh",
        output_activation="softmax",
        loss="log_loss",
        random_state=0,
    )


def texts(ax):
    return [text.get_text() for text in ax.texts]


def numbers(layer):
    array = layer.get_array()
    return None if array is None else np.asarray(array)


@pytest.mark.parametrize("sample", [4, -1])
def test_the_circles_hold_what_backprop_computes(network, sample):
    trace = network.backprop(X, Y)
    shown = ("z", "a", "dloss_da", "delta")
    display = NetworkDisplay.from_network(network, X, Y, sample=sample, show=shown)
    for show, columns in zip(shown, display.units_, strict=True):
        if show != "a":  # the input layer has no such number
            assert numbers(columns[0]) is None
            columns = columns[1:]
        expected = [layer[sample] for layer in getattr(trace, show)]
        for units, of_layer in zip(columns, expected, strict=True):
            np.testing.assert_array_equal(numbers(units), of_layer)


def test_the_lines_hold_the_weights_between_the_units(network):
    display = NetworkDisplay.from_network(network)
    (layers,), (columns,) = display.lines_, display.units_
    for layer, (lines, W) in enumerate(zip(layers, network.coefs, strict=True)):
        np.testing.assert_array_equal(numbers(lines).reshape(W.shape), W)
        tails, heads = (columns[k].get_offsets() for k in (layer, layer + 1))
        ends = np.array(lines.get_segments()).reshape(*W.shape, 2, 2)
        assert np.array_equal(
            ends[:, :, 0], np.broadcast_to(tails[:, None], (*W.shape, 2))
        )
        assert np.array_equal(
            ends[:, :, 1], np.broadcast_to(heads[None], (*W.shape, 2))
        )


def test_width_grows_with_the_weight_and_the_sign_has_colour_and_dashes(network):
    network.coefs[0][...] = np.linspace(-1, 1, 20).reshape(4, 5)
    display = NetworkDisplay.from_network(network)
    lines = display.lines_[0][0]
    widths = np.array(lines.get_linewidths()).reshape(4, 5)
    order = np.argsort(abs(network.coefs[0]), axis=None)
    assert np.all(np.diff(widths.ravel()[order]) >= 0)
    assert widths.max() > 4 * widths.min()
    display.figure_.canvas.draw()
    colours = {
        sign: {tuple(c) for c in lines.get_colors()[numbers(lines) * sign > 0][:, :3]}
        for sign in (-1, 1)
    }
    assert len(colours[-1]) == len(colours[1]) == 1
    assert colours[-1] != colours[1]
    dashed = np.array([dashes is not None for _, dashes in lines.get_linestyles()])
    np.testing.assert_array_equal(dashed, numbers(lines) < 0)


def test_biases_are_lines_from_a_constant_unit_of_1(network):
    network.intercepts[0][...] = [1, -2, 3, -4, 5]
    without = NetworkDisplay.from_network(network)
    assert without.bias_lines_ == [[]]
    display = NetworkDisplay.from_network(network, biases=True)
    for lines, b in zip(display.bias_lines_[0], network.intercepts, strict=True):
        np.testing.assert_array_equal(numbers(lines), b)
    assert texts(display.ax_).count("1") == 2


def test_numbers_are_printed_in_the_circles(network):
    network.coefs[0][...] = 0
    network.intercepts[0][...] = np.arctanh([0.5, -0.25, 0.125, 0, -0.75])
    display = NetworkDisplay.from_network(network, X)
    written = texts(display.ax_)
    for text in ("0.50", "-0.25", "0.12", "0", "-0.75"):
        assert text in written


def test_forward_and_backward_pass_are_two_panels(network):
    display = NetworkDisplay.from_network(network, X, Y, show=("a", "delta"))
    assert display.axes_.shape == (2,)
    assert "forward" in display.axes_[0].get_title()
    assert "backward" in display.axes_[1].get_title()
    bars = [ax.get_ylabel() for ax in display.figure_.axes if ax not in display.axes_]
    assert bars == ["a", "delta = ∂ℓ/∂z"]


@pytest.mark.parametrize("y", [-3.0, 3.0])
def test_the_scale_of_a_gradient_is_symmetric(y):
    network = Network([1, 2, 1], activation="identity", random_state=0)
    network.parameters[...] = 0
    network.coefs[1][...] = 0.5
    # With y_pred = 0, delta is -y at the output and -y / 2 in the hidden layer.
    display = NetworkDisplay.from_network(network, [[1.0]], [y])
    for units in display.units_[0][1:]:
        assert (units.norm.vmin, units.norm.vmax) == (-3, 3)


def test_the_drawn_quantities_depend_on_the_given_data(network):
    assert numbers(NetworkDisplay.from_network(network).units_[0][2]) is None
    (units,) = NetworkDisplay.from_network(network, X).units_
    np.testing.assert_array_equal(numbers(units[2]), network.predict(X)[0])
    (units,) = NetworkDisplay.from_network(network, X, Y).units_
    delta = network.backprop(X, Y).delta[1][0]
    np.testing.assert_array_equal(numbers(units[2]), delta)


def test_columns_have_captions_and_units_have_names(network):
    display = NetworkDisplay.from_network(
        network, X, Y, feature_names=list("pqrs"), output_names=["red", "green", "blue"]
    )
    written = texts(display.ax_)
    for caption in ("hidden 1\n(tanh)", "output\n(softmax)", *"pqrs"):
        assert caption in written
    assert "input X" in written[0] and "no delta" in written[0]
    for name, y in (("red", 1), ("green", 0), ("blue", 0)):
        assert any(name in text and f"y = {y}" in text for text in written)


def test_large_layers_are_shortened_and_marked():
    network = Network([64, 100, 10], random_state=0)
    x = RNG.normal(size=(2, 64))
    display = NetworkDisplay.from_network(network, x)
    drawn = [0, 1, 2, 3, 4, 95, 96, 97, 98, 99]
    (units,), (lines,) = display.units_, display.lines_
    assert [len(numbers(layer)) for layer in units] == [10, 10, 10]
    np.testing.assert_array_equal(numbers(units[1]), network.forward(x).a[1][0, drawn])
    np.testing.assert_array_equal(numbers(lines[1]), network.coefs[1][drawn].ravel())
    written = texts(display.ax_)
    assert "… 54 more units" in written
    assert "… 90 more units" in written
    assert sum("more unit" in text for text in written) == 2
    # The gap is between the first and the last units.
    y = units[1].get_offsets()[:, 1]
    np.testing.assert_array_equal(-np.diff(y), [1, 1, 1, 1, 2, 1, 1, 1, 1])


def test_max_units_limits_the_drawn_units():
    network = Network([7, 4], random_state=0)
    display = NetworkDisplay.from_network(network, max_units=6)
    assert "… 1 more unit" in texts(display.ax_)
    assert len(display.units_[0][0].get_offsets()) == 6
    display.plot(max_units=7)
    assert len(display.units_[0][0].get_offsets()) == 7
    assert not any("more" in text for text in texts(display.ax_))


def test_texts_without_space_are_left_out():
    network = Network([80, 40], random_state=0)
    display = NetworkDisplay.from_network(network, np.ones((1, 80)), max_units=40)
    written = texts(display.ax_)
    assert "x0" in written and "1" not in written and "1.0" not in written
    display.plot(max_units=80)
    assert len(texts(display.ax_)) == 2  # the captions


def test_given_axes_are_used(network):
    figure, axes = plt.subplots(1, 2)
    display = NetworkDisplay.from_network(network, X, Y, show=("a", "delta"), ax=axes)
    assert list(display.axes_) == list(axes)
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    assert display.plot(axes[1], show="z") is display
    assert display.ax_ is axes[1]
    with pytest.raises(ValueError, match="ax must have 2 axes.*Got 1"):
        display.plot(axes[0], show=("a", "delta"))


def test_a_subfigure_can_be_drawn_into(network):
    left, _ = plt.figure(layout="constrained").subfigures(1, 2)
    display = NetworkDisplay.from_network(network, X, ax=left.subplots())
    assert display.figure_ is left


@pytest.mark.feature(
    "A drawing of a network with its activations and deltas",
    "NetworkDisplay.from_estimator()",
)
def test_the_network_of_an_estimator_is_drawn_with_the_names_of_its_classes():
    iris = load_iris(as_frame=True)
    names = iris.target_names[iris.target]
    model = MLPClassifier((5,), max_iter=5, random_state=0).fit(iris.data, names)
    display = NetworkDisplay.from_estimator(model, iris.data, names, sample=70)
    written = " ".join(texts(display.ax_))
    for name in ("sepal length", "petal width", "virginica"):
        assert name in written
    assert "versicolor:\ny = 1" in texts(display.ax_)
    # For log_loss with softmax, delta at the output is y_pred - y.
    delta = model.predict_proba(iris.data)[70] - [0, 1, 0]
    np.testing.assert_allclose(numbers(display.units_[0][2]), delta, rtol=1e-12)


def test_a_single_output_is_named_by_the_second_class():
    x, y = X, np.array(["no", "yes"] * 3)
    model = MLPClassifier((3,), max_iter=5, random_state=0).fit(x, y)
    written = texts(NetworkDisplay.from_estimator(model, x).ax_)
    assert "yes" in written and "no" not in written


@pytest.mark.parametrize("y", [None, [0, 1, 2] * 2])
def test_features_in_another_order_are_refused_as_in_predict(y):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcd"))
    model = MLPClassifier((3,), max_iter=5, random_state=0).fit(table, [0, 1, 2] * 2)
    with pytest.raises(ValueError, match="feature names"):
        NetworkDisplay.from_estimator(model, table[list("dcba")], y)


def test_a_pipeline_passes_transformed_samples_to_the_drawing():
    x = 100 + 10 * X
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((3,), max_iter=5, random_state=0)
    ).fit(x, [0, 1, 2] * 2)
    display = NetworkDisplay.from_estimator(pipeline, x, [0, 1, 2] * 2, show="a")
    seen = pipeline[0].transform(x)[0]
    np.testing.assert_array_equal(numbers(display.units_[0][0]), seen)


def test_a_sparse_table_gives_the_same_drawing(network):
    sparse = np.where(X > 0, X, 0)
    (units,) = NetworkDisplay.from_network(
        network, csr_array(sparse), Y, show="a"
    ).units_
    np.testing.assert_array_equal(numbers(units[0]), sparse[0])


def test_a_diverged_network_is_drawn(network):
    network.coefs[0][0, 0] = np.nan
    network.coefs[1][0, 0] = np.inf
    display = NetworkDisplay.from_network(network, X, Y)
    display.figure_.canvas.draw()
    assert "nan" in texts(display.ax_)


def test_a_network_of_zeros_is_drawn(network):
    network.parameters[...] = 0
    display = NetworkDisplay.from_network(network, X, show=("weights", "z", "a"))
    display.figure_.canvas.draw()
    np.testing.assert_array_equal(numbers(display.units_[1][1]), np.zeros(5))


@pytest.mark.parametrize(
    "given, message",
    [
        ({"show": "delta"}, r"show='delta' needs X and y. Without, choose one of"),
        ({"show": "a"}, "show='a' needs X"),
        ({"show": "width"}, "show must be one of .*'weights'.* Got 'width'"),
        ({"show": ()}, r"show must name at least one .* Got \(\)"),
        ({"X": X, "sample": 6}, r"sample must be an int in \[-6, 5\].* Got 6"),
        ({"X": X, "sample": 1.0}, "sample must be an int .* Got 1.0"),
        ({"max_units": 1}, "max_units must be an int >= 2. Got 1"),
        ({"feature_names": ["a"]}, "feature_names must have 4 names. Got 1"),
        ({"output_names": ["a"] * 4}, "output_names must have 3 names. Got 4"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(network, given, message):
    with pytest.raises(ValueError, match=message):
        NetworkDisplay.from_network(network, **given)
    assert not plt.get_fignums()


@pytest.mark.parametrize("network", [None, "net", MLPClassifier()])
def test_other_objects_than_networks_are_refused(network):
    with pytest.raises(TypeError, match="network must be a Network. Got"):
        NetworkDisplay.from_network(network)


def test_the_colours_of_signs_are_the_documented_ones():
    network = Network([1, 2])
    network.coefs[0][:] = [[1.0, -1.0]]
    display = NetworkDisplay.from_network(network)
    display.figure_.canvas.draw()
    positive, negative = display.lines_[0][0].get_colors()[:, :3]
    words = " ".join(display.__doc__.split())
    assert "orange and solid where the weight is positive" in words
    assert positive[0] > positive[2]
    assert negative[0] < negative[2]


def test_targets_without_samples_are_refused():
    with pytest.raises(ValueError, match="y must be None without X"):
        NetworkDisplay.from_network(Network([1, 2]), y=[1.0, 2.0])
