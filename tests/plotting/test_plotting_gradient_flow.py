"""Tests that GradientFlowDisplay draws gradient magnitudes by layer."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, MLPRegressor, Network
from pybackprop.plotting.gradient_flow import GradientFlowDisplay

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6))
Y = np.eye(3)[RNG.integers(3, size=40)]
DEEP = [6, *[20] * 7, 3]


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


def deep(activation, **how):
    return Network(
        DEEP,
        activation=activation,
        output_activation="softmax",
        loss="log_loss",
        random_state=0,
        **how,
    )


def he(network):
    """Draw weights of variance 2 / fan_in (He et al., 2015), for relu."""
    for W in network.coefs:
        W[...] = RNG.normal(scale=np.sqrt(2 / len(W)), size=W.shape)
    return network


@pytest.mark.parametrize("show", ["delta", "dloss_da"])
def test_points_and_bands_are_quartiles_of_the_gradients(show):
    network = deep("tanh")
    display = GradientFlowDisplay.from_network(network, X, Y, show=show)
    layers = getattr(network.backprop(X, Y), show)
    expected = []
    for layer in layers:
        sizes = np.sort(abs(layer[layer != 0]))
        expected.append(np.percentile(sizes, [25, 50, 75]))
    expected = np.array(expected)
    x, y = display.lines_[0].get_data()
    np.testing.assert_array_equal(x, range(1, 9))
    np.testing.assert_allclose(y, expected[:, 1], rtol=1e-14)
    (band,) = display.bands_[0].get_paths()
    for layer, (low, _, high) in enumerate(expected, 1):
        at_layer = band.vertices[band.vertices[:, 0] == layer, 1]
        np.testing.assert_allclose(at_layer.min(), low, rtol=1e-14)
        np.testing.assert_allclose(at_layer.max(), high, rtol=1e-14)
    assert display.ax_.get_yscale() == "log"


def test_derivatives_have_points_except_the_jacobian_of_softmax():
    network = deep("logistic")
    display = GradientFlowDisplay.from_network(network, X, Y, show="f_prime")
    a = network.forward(X).a[1:-1]
    expected = [np.median(hidden * (1 - hidden)) for hidden in a]
    y = display.lines_[0].get_ydata()
    np.testing.assert_allclose(y[:-1], expected, rtol=1e-12)
    assert np.isnan(y[-1])


def test_coefs_have_the_norm_of_the_objectives_gradient():
    network = deep("tanh", alpha=0.5)
    display = GradientFlowDisplay.from_network(network, X, Y, show="coef_grads")
    coef_grads, _ = network.gradients(X, Y)
    expected = [np.sqrt((grad**2).sum()) for grad in coef_grads]
    np.testing.assert_allclose(display.lines_[0].get_ydata(), expected, rtol=1e-13)
    assert display.bands_ == [None]


def test_logistic_layers_make_gradients_vanish_and_relu_by_he_keeps_them():
    first = GradientFlowDisplay.from_network(deep("logistic"), X, Y)
    ax = first.ax_
    second = GradientFlowDisplay.from_network(he(deep("relu")), X, Y, ax=ax, name="He")
    logistic, relu = (display.lines_[0].get_ydata() for display in (first, second))
    # The derivative of logistic is at most 1/4, and these weights are below 1.
    assert logistic[0] < 1e-4 * logistic[-1]
    assert 0.1 * relu[-1] < relu[0] < 10 * relu[-1]


def test_networks_in_one_figure_differ_without_colour():
    ax = None
    for activation in ("logistic", "tanh", "relu"):
        display = GradientFlowDisplay.from_network(deep(activation), X, Y, ax=ax)
        ax = display.ax_
    assert len(ax.lines) == 3
    for look in ("get_color", "get_marker", "get_linestyle"):
        assert len({getattr(line, look)() for line in ax.lines}) == 3
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[:2] == ["logistic", "tanh"]
    assert names[2].startswith("relu (up to ")


def test_zeros_are_left_out_and_counted():
    network = Network([1, 4, 1], random_state=0)
    network.coefs[0][...] = [[1, 1, 1, -1]]
    network.coefs[1][...] = [[1], [2], [3], [4]]
    network.intercepts[0][...] = network.intercepts[1][...] = 0
    display = GradientFlowDisplay.from_network(network, [[1.0]], [5.0], name="one")
    # y_pred = 1 + 2 + 3, delta2 = 6 - 5 = 1; the last unit is inactive.
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), [2, 1])
    np.testing.assert_array_equal(display.zeros["delta"], [0.25, 0])
    assert "(up to 25% zeros)" in display.lines_[0].get_label()


def test_a_layer_of_zeros_only_is_a_gap():
    network = deep("relu")
    network.coefs[4][...] = network.intercepts[4][...] = 0
    display = GradientFlowDisplay.from_network(network, X, Y)
    display.figure_.canvas.draw()
    y = display.lines_[0].get_ydata()
    assert np.isnan(y[:5]).all() and np.isfinite(y[7])


def test_each_quantity_has_its_own_axes():
    figure, axes = plt.subplots(2)
    show = ("delta", "coef_grads")
    display = GradientFlowDisplay.from_network(deep("tanh"), X, Y, show=show, ax=axes)
    assert list(display.axes_) == list(axes)
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    assert "∂ℓ/∂z" in axes[0].get_ylabel()
    assert "∂F/∂W" in axes[1].get_ylabel()
    assert display.plot(show=show) is display
    assert display.figure_ is not figure
    with pytest.raises(ValueError, match="ax must have 2 axes.*Got 1"):
        display.plot(axes[0], show=show)


@pytest.mark.feature(
    "Sizes of the gradients, layer by layer", "GradientFlowDisplay.from_estimator()"
)
def test_the_gradients_of_an_estimator_are_those_of_its_network():
    labels = np.array(["no", "yes"])[np.arange(40) % 2]
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((5, 5), max_iter=3, random_state=0)
    ).fit(X, labels)
    display = GradientFlowDisplay.from_estimator(pipeline, X, labels, name="mine")
    p = pipeline.predict_proba(X)[:, 1]
    y = display.lines_[0].get_ydata()
    # For the log-loss with a logistic output, the last delta is y_pred - y.
    np.testing.assert_allclose(y[-1], np.median(abs(p - (labels == "yes"))), rtol=1e-12)
    assert display.lines_[0].get_label().startswith("mine")


@pytest.mark.parametrize("show", ["deltas", (), ("delta", "a")])
def test_an_unknown_quantity_is_refused_before_anything_is_drawn(show):
    with pytest.raises(ValueError, match="show must be one of .*'delta'.* Got"):
        GradientFlowDisplay.from_network(deep("relu"), X, Y, show=show)
    assert not plt.get_fignums()


def test_the_figure_is_empty_without_finite_numbers():
    X, y = [[0.1, 0.7], [0.8, 0.3]], [[1.0, 0.0], [0.0, 1.0]]
    net = Network([2, 2], output_activation="softmax", loss="log_loss")
    display = GradientFlowDisplay.from_network(net, X, y, show="f_prime")
    display.figure_.canvas.draw()
    assert np.isnan(display.lines_[0].get_ydata()).all()


def test_other_objects_than_networks_are_refused():
    model = MLPRegressor(max_iter=1)
    with pytest.raises(TypeError, match="network must be a Network.*from_estimator"):
        GradientFlowDisplay.from_network(model, [[1.0]], [1.0])


@pytest.mark.filterwarnings("error")
def test_a_diverged_network_can_be_drawn():
    net = Network([2, 3, 2])
    net.parameters[:] = 1e300
    GradientFlowDisplay.from_network(net, [[1.0, 2.0]], [[1.0, 2.0]])
