"""NetworkDisplay draws a network, with units as circles and weights as lines."""

from numbers import Integral
from textwrap import shorten, wrap

import numpy as np
from scipy.sparse import issparse

from pybackprop._estimator.fitted import network_and_rows
from pybackprop.inspection._resolve import network_and_targets
from pybackprop.plotting._axes import axes_to_draw_on
from pybackprop.plotting._network_panel import NetworkPanel
from pybackprop.plotting._resolve import (
    fitted_last_step,
    inputs_of_last_step,
    names_of_inputs,
    require_network,
)

# The quantities that a panel can show: title, and label of the colour bar.
_PANELS = {
    "weights": ("weights", None),
    "z": ("forward →   pre-activations z", "z"),
    "a": ("forward →   activations a", "a"),
    "dloss_da": ("← backward   ∂ℓ/∂a", "∂ℓ/∂a"),
    "delta": ("← backward   delta", "delta = ∂ℓ/∂z"),
}
_GRADIENTS = ("dloss_da", "delta")


class NetworkDisplay:
    """Drawing of a network, with units as circles and weights as lines between them.

    The width of a line is proportional to the magnitude of its weight; the line is
    orange and solid where the weight is positive, blue and dashed where it is negative.
    The colours of the circles show values of one sample: its activations a,
    pre-activations z, or the gradients of its loss at these, as in ``Trace``.

    Use :meth:`from_network` or :meth:`from_estimator` to create one.

    Parameters
    ----------
    coefs : list of ndarray of shape (d_(l-1), d_l)
        Weights of layers l = 1 ... L.
    intercepts : list of ndarray of shape (d_l,)
    captions : list of str
        Captions of the L + 1 columns of units.
    values : dict of str to list of ndarray, default=None
        For each known quantity of 'z', 'a', 'dloss_da' and 'delta', L + 1 arrays of
        shape (d_l,); None instead of an array if the layer does not have the quantity,
        as the input has no delta.
    targets : ndarray of shape (d_L,), default=None
        Targets of the sample, written next to the outputs.
    sample : int, default=None
        Row of the sample, for the titles.
    feature_names, output_names : list of str, default=None
        Written next to the first and the last column.

    Attributes
    ----------
    axes_ : ndarray of shape (n_panels,) of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    units_ : list of list of PathCollection
        For each panel, each layer's circles; their arrays are the values of the units
        that are drawn.
    lines_ : list of list of LineCollection
        For each panel, each layer's weights between the units that are drawn, in the
        order of ``coefs``; their arrays are the weights.
    bias_lines_ : list of list of LineCollection
        The same for the intercepts, if these are drawn.

    See Also
    --------
    GradientFlowDisplay : Magnitudes of gradients by layer, over many samples.
    pybackprop.Trace : All intermediate results of a pass.

    Examples
    --------
    >>> from pybackprop import Network
    >>> from pybackprop.plotting import NetworkDisplay
    >>> network = Network([2, 3, 1], activation="tanh", random_state=0)
    >>> X, y = [[0.5, -1.0]], [0.3]
    >>> display = NetworkDisplay.from_network(network, X, y, show=("a", "delta"))
    >>> [len(layer.get_array()) for layer in display.units_[0]]
    [2, 3, 1]
    """

    def __init__(
        self,
        *,
        coefs,
        intercepts,
        captions,
        values=None,
        targets=None,
        sample=None,
        feature_names=None,
        output_names=None,
    ):
        self.coefs = coefs
        self.intercepts = intercepts
        self.captions = captions
        self.values = values
        self.targets = targets
        self.sample = sample
        self.feature_names = feature_names
        self.output_names = output_names

    @classmethod
    def from_network(
        cls,
        network,
        X=None,
        y=None,
        *,
        sample=0,
        show=None,
        feature_names=None,
        output_names=None,
        max_units=10,
        biases=False,
        ax=None,
    ):
        """Draw a network, with the values of one sample.

        Parameters
        ----------
        network : Network
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Without it, the weights alone can be drawn.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            As in ``Network.backprop``. Without it there is no loss and no delta.
        sample : int, default=0
            Row of X and y whose values are drawn; negative numbers count from the end.
        show : {'weights', 'z', 'a', 'dloss_da', 'delta'} or tuple of them, default=None
            Quantity that the colours of the circles show. A tuple makes one panel for
            each: ``("a", "delta")`` shows the forward and the backward pass. None takes
            'delta' if y is given, else 'a' if X is, else 'weights'.
        feature_names, output_names : list of str, default=None
            None names the features x0, x1, ... and leaves the outputs unnamed.
        max_units : int, default=10
            Maximum number of units drawn per layer. A larger layer is abridged to its
            first and last units, and the gap has the number of the others.
        biases : bool, default=False
            Whether to draw intercepts, as lines from a unit with the constant value 1.
        ax : matplotlib Axes or sequence of them, default=None
            One for each panel. None makes a figure.

        Returns
        -------
        NetworkDisplay
        """
        require_network(network)
        if X is None and y is not None:
            raise ValueError("y must be None without X. Got y alone.")
        sizes = network.layer_sizes
        features = [f"x{k}" for k in range(sizes[0])]
        display = cls(
            coefs=network.coefs,
            intercepts=network.intercepts,
            captions=_captions(network),
            feature_names=_names("feature_names", feature_names, features),
            output_names=_names("output_names", output_names, [""] * sizes[-1]),
        )
        if X is not None:
            trace = network.forward(X) if y is None else network.backprop(X, y)
            row = display.sample = _row(sample, len(trace.z[0]))
            display.values = _values_of_row(trace, row, with_gradients=y is not None)
            if y is not None:
                display.targets = np.asarray(y).reshape(len(trace.z[0]), -1)[row]
        return display.plot(ax, show=show, max_units=max_units, biases=biases)

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, **options):
        """Draw the network of a fitted estimator, with the values of one sample.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline
            Fitted; a pipeline ends in one of these.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            As in ``fit``: labels, for a classifier.
        **options
            As in :meth:`from_network`. Features have their names in the fit, and the
            outputs of a classifier those of its classes; a single output has that of
            the second class.

        Returns
        -------
        NetworkDisplay
        """
        model = fitted_last_step(estimator, "network_")
        network = model.network_
        if X is not None:
            X = inputs_of_last_step(estimator, X)
            if y is None:
                _, X = network_and_rows(model, X)
            else:
                network, X, y = network_and_targets(model, X, y)
        if options.get("feature_names") is None:
            options["feature_names"] = names_of_inputs(estimator)
        classes = getattr(model, "classes_", None)
        if options.get("output_names") is None and classes is not None:
            options["output_names"] = classes[-network.layer_sizes[-1] :]
        return cls.from_network(network, X, y, **options)

    def plot(self, ax=None, *, show=None, max_units=10, biases=False):
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One for each panel. None makes a figure.
        show, max_units, biases
            As in :meth:`from_network`.

        Returns
        -------
        NetworkDisplay
        """
        shown = self._quantities(show)
        if not isinstance(max_units, Integral) or max_units < 2:
            raise ValueError(f"max_units must be an int >= 2. Got {max_units!r}.")
        # Two panels of a deep network side by side would be too narrow for values.
        n_columns = min(len(shown), 2) if len(self.captions) <= 6 else 1
        self.axes_ = axes_to_draw_on(
            ax,
            len(shown),
            f"{type(self).__name__}.plot",
            what="quantity of show",
            n_columns=n_columns,
            figsize=_figsize(-(-len(shown) // n_columns), n_columns),
        )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        panels = [
            self._panel(one, quantity, max_units)
            for one, quantity in zip(self.axes_, shown, strict=True)
        ]
        # The size of the axes is known after the layout.
        self.figure_.canvas.figure.draw_without_rendering()
        for panel in panels:
            panel.draw(self._beside_features(), self._beside_outputs(), biases=biases)
        self.units_ = [panel.units for panel in panels]
        self.lines_ = [panel.lines for panel in panels]
        self.bias_lines_ = [panel.bias_lines for panel in panels]
        return self

    def _panel(self, ax, quantity, max_units):
        captions = list(self.captions)
        if quantity != "weights" and self.values[quantity][0] is None:
            captions[0] = f"{captions[0]}\n(no {quantity})"
        panel = NetworkPanel(ax, self.coefs, self.intercepts, captions, max_units)
        title, name = _PANELS[quantity]
        if quantity != "weights":
            title += f", sample {self.sample}"
            panel.fill(self.values[quantity], name, is_gradient=quantity in _GRADIENTS)
        ax.set_title(title)
        return panel

    def _quantities(self, show):
        """Return the quantities of the panels as a tuple, or raise ValueError."""
        known = ["weights", *(self.values or {})]
        if show is None:
            return (next(name for name in ("delta", "a", "weights") if name in known),)
        shown = (show,) if isinstance(show, str) else tuple(show)
        for name in shown:
            if name not in _PANELS:
                raise ValueError(
                    f"show must be one of {list(_PANELS)}, or a tuple of them. "
                    f"Got {show!r}."
                )
            if name not in known:
                needed = "X and y" if name in _GRADIENTS else "X"
                raise ValueError(
                    f"show={show!r} needs {needed}. Without, choose one of {known}."
                )
        if not shown:
            raise ValueError(f"show must name at least one of {known}. Got {show!r}.")
        return shown

    def _beside_features(self):
        return [wrap(name, 14, max_lines=2) for name in self.feature_names]

    def _beside_outputs(self):
        if self.targets is None:
            return [wrap(name, 14, max_lines=2) for name in self.output_names]
        return [
            [shorten(f"{name}:", 16, placeholder="…") if name else "", f"y = {y:.4g}"]
            for name, y in zip(self.output_names, self.targets, strict=True)
        ]


def _figsize(n_rows, n_columns):
    if n_columns == 2:
        return 10, 4.8 * n_rows
    return (6.4, 4.8) if n_rows == 1 else (8.5, 4.5 * n_rows)


def _captions(network):
    hidden = network.hidden_activations
    return [
        "input X",
        *(f"hidden {k}\n({name})" for k, name in enumerate(hidden, 1)),
        f"output\n({network.output_activation})",
    ]


def _names(parameter, names, default):
    if names is None:
        return default
    names = [str(name) for name in names]
    if len(names) != len(default):
        raise ValueError(
            f"{parameter} must have {len(default)} names. Got {len(names)}."
        )
    return names


def _row(sample, n_samples):
    if not isinstance(sample, Integral) or not -n_samples <= sample < n_samples:
        raise ValueError(
            f"sample must be an int in [-{n_samples}, {n_samples - 1}], a row of X. "
            f"Got {sample!r}."
        )
    return int(sample) % n_samples


def _values_of_row(trace, row, *, with_gradients):
    """Return the values of one sample, as lists with one array per column of units."""
    x = trace.a[0][[row]]
    x = (x.toarray() if issparse(x) else np.asarray(x))[0]
    values = {
        "z": [None, *(z[row] for z in trace.z)],
        "a": [x, *(a[row] for a in trace.a[1:])],
    }
    if with_gradients:
        for name in _GRADIENTS:
            values[name] = [None, *(layer[row] for layer in getattr(trace, name))]
    return values
