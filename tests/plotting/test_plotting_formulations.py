"""Tests that FormulationsDisplay draws equal images for both formulations."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pybackprop import MLPClassifier, Network
from pybackprop.inspection import formulations
from pybackprop.plotting.formulations import FormulationsDisplay

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4))
Y = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


def network(loss):
    return Network(
        [4, 5, 3],
        activation="tanh",
        output_activation="softmax",
        loss=loss,
        random_state=0,
    )


@pytest.fixture(scope="module")
def canonical():
    return formulations(network("log_loss"), X, Y)


@pytest.fixture(scope="module")
def other():
    return formulations(network("squared_error"), X, Y)


def shown(display):
    """Return the arrays of the images: a dict by quantity of lists by column."""
    return {
        name: [np.ma.filled(image.get_array(), np.nan) for image in row]
        for name, row in zip(display.names_, display.images_, strict=True)
    }


def test_a_canonical_pair_has_both_formulations_and_their_difference(canonical):
    display = FormulationsDisplay.from_formulations(canonical)
    assert display.names_ == ["delta2", "delta1", "dW2", "dW1"]
    assert display.columns_ == ["Ng", "Hinton", "difference:\nNg − Hinton"]
    for name, (of_ng, of_hinton, difference) in shown(display).items():
        np.testing.assert_array_equal(of_ng, canonical.ng[name])
        np.testing.assert_array_equal(of_hinton, canonical.hinton[name])
        np.testing.assert_array_equal(difference, of_ng - of_hinton)
        assert abs(difference).max() < 1e-14
    assert "canonical pair" in display.figure_.get_suptitle()


def test_other_pairs_show_the_mistake_and_finite_differences(other):
    display = FormulationsDisplay.from_formulations(other)
    assert len(display.columns_) == 5
    for name, (of_ng, _, _, mistaken, numeric) in shown(display).items():
        np.testing.assert_array_equal(mistaken, other.mistaken[name])
        np.testing.assert_array_equal(numeric, other.numeric[name])
        # Finite differences agree with the algorithm, and not with the mistake.
        scale = abs(numeric).max()
        assert abs(of_ng - numeric).max() < 1e-6 * scale
        assert abs(mistaken - numeric).max() > 0.1 * scale


def test_images_of_a_row_have_one_symmetric_scale(other):
    display = FormulationsDisplay.from_formulations(other)
    for name, row in zip(display.names_, display.images_, strict=True):
        largest = max(abs(of[name]).max() for of in (other.ng, other.hinton))
        assert {image.get_clim() for image in row} == {(-largest, largest)}


def test_largest_differences_are_printed_below(other):
    display = FormulationsDisplay.from_formulations(other, names="dW1")
    below = [ax.get_xlabel() for ax in display.axes_[0]]
    assert below[:2] == ["", ""]
    mistake = abs(other.mistaken["dW1"] - other.numeric["dW1"]).max()
    assert below[2].startswith("largest: ")
    assert float(below[2].split()[-1]) < 1e-14
    assert float(below[3].split()[-1]) == float(f"{mistake:.1g}")
    assert float(below[4].split()[-1]) < 1e-6


def test_many_samples_are_cut_and_all_are_compared():
    x, y = RNG.normal(size=(30, 4)), np.eye(3)[np.arange(30) % 3]
    display = FormulationsDisplay.from_network(network("log_loss"), x, y)
    assert shown(display)["delta1"][0].shape == (20, 5)
    assert "20 of 30 samples" in display.axes_[0, 0].get_ylabel()
    forms = display.forms
    largest = abs(forms.ng["delta1"] - forms.hinton["delta1"]).max()
    assert display.axes_[1, 2].get_xlabel() == f"largest: {largest:.1g}"


def test_differences_that_were_not_taken_are_blank():
    display = FormulationsDisplay.from_network(
        network("squared_error"), X, Y, n_differences=6, names=["dW1"]
    )
    numeric = shown(display)["dW1"][4]
    assert np.isfinite(numeric).sum() == 6 and np.isnan(numeric).sum() == 14
    assert display.axes_[0, 4].get_xlabel().endswith("at 6 entries")
    display.figure_.canvas.draw()


def test_biases_are_drawn_if_requested(canonical):
    display = FormulationsDisplay.from_formulations(canonical, names=["db2"])
    np.testing.assert_array_equal(shown(display)["db2"][0], [canonical.ng["db2"]])


def test_in_the_scatter_the_gradient_lies_on_the_diagonal(other):
    display = FormulationsDisplay.from_formulations(other, kind="scatter")
    assert list(display.points_) == ["mistaken", "ng", "hinton"]
    names = [f"d{kind}{layer}" for kind in "Wb" for layer in (1, 2)]
    for formulation, points in display.points_.items():
        x, y = np.asarray(points.get_offsets()).T
        expected = (
            np.concatenate([getattr(other, of)[name].ravel() for name in names])
            for of in ("numeric", formulation)
        )
        assert sorted(zip(x, y, strict=True)) == sorted(zip(*expected, strict=True))
        off = abs(x - y).max() / abs(x).max()
        assert off > 0.1 if formulation == "mistaken" else off < 1e-6


def test_the_scatter_of_a_canonical_pair_has_no_mistake_to_show(canonical):
    display = FormulationsDisplay.from_formulations(canonical, kind="scatter")
    assert list(display.points_) == ["ng", "hinton"]


def test_given_axes_are_used(canonical):
    figure, axes = plt.subplots(2, 3)
    display = FormulationsDisplay(canonical)
    assert display.plot(axes, names=["delta2", "dW2"]) is display
    assert (display.axes_ == axes).all()
    assert display.ax_ is axes[0, 0]
    assert display.figure_ is figure
    assert display.plot(axes[1, 1], kind="scatter").ax_ is axes[1, 1]
    with pytest.raises(ValueError, match="ax must have 12 axes.*Got 6"):
        display.plot(axes)


@pytest.mark.feature(
    "Both formulations of backpropagation, and the mistaken one, drawn",
    "FormulationsDisplay.from_estimator()",
)
def test_the_formulations_of_an_estimator_are_those_of_its_network():
    labels = np.array(["a", "b", "c"])[Y.argmax(axis=1)]
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((5,), max_iter=3, random_state=0)
    ).fit(X, labels)
    display = FormulationsDisplay.from_estimator(pipeline, X, labels)
    assert display.forms.is_canonical
    delta = pipeline.predict_proba(X) - Y
    np.testing.assert_allclose(shown(display)["delta2"][1], delta, atol=1e-14)


@pytest.mark.parametrize(
    "given, message",
    [
        (
            {"kind": "image"},
            r"kind must be one of \['images', 'scatter'\]. Got 'image'",
        ),
        ({"names": ["dW3"]}, r"names must be some of \[.*'dW1'.*\]. Got \['dW3'\]"),
        ({"names": []}, r"names must be some of .* Got \[\]"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(canonical, given, message):
    with pytest.raises(ValueError, match=message):
        FormulationsDisplay.from_formulations(canonical, **given)
    assert not plt.get_fignums()


def test_other_objects_than_formulations_are_refused():
    with pytest.raises(
        TypeError, match=r"forms must be a result of formulations\(...\)"
    ):
        FormulationsDisplay.from_formulations({"ng": {}})
