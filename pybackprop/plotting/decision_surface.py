"""DecisionSurfaceDisplay plots outputs or hidden activations over two features."""

from numbers import Integral

import numpy as np

from pybackprop._estimator.base import BaseMLP
from pybackprop.plotting._axes import axes_to_draw_on, check_matplotlib_support
from pybackprop.plotting._colours import (
    MARKERS,
    categories,
    scale_of,
    tints,
)
from pybackprop.plotting._feature_grid import FeatureGrid
from pybackprop.plotting._regions import draw_regions, explain_regions, name_regions
from pybackprop.plotting._resolve import (
    fitted_last_step,
    inputs_of_last_step,
    require_network,
)
from pybackprop.plotting._responses import (
    response_of_estimator,
    response_of_network,
)
from pybackprop.plotting._units import chosen_units, share_shown

# Maximum number of surfaces that are legible in a figure of the usual size.
_MAX_UNITS = 16

_N_LEVELS = 12


class DecisionSurfaceDisplay:
    """Decision surface over two features, of the network or of its hidden units.

    The other features have fixed values. The samples are projected onto the two
    features; their other features may have other values than the surface.

    It is recommended to use ``from_estimator`` or ``from_network`` to create one.

    Parameters
    ----------
    x0, x1 : ndarray of shape (n0,) and (n1,)
        Values of the feature along the horizontal and the vertical axis.
    surfaces : ndarray of shape (n_surfaces, n1, n0)
        Values on the grid, one surface per axes; indices into ``classes`` if
        ``is_class``.
    titles : list of str
        One for each surface.
    quantity : str
        Name of the values, for the colour bar.
    feature_names : (str, str), default=('feature 0', 'feature 1')
    is_class : bool, default=False
        Whether the values are classes, to be drawn as regions.
    classes : ndarray of shape (n_classes,), default=None
        Classes of the targets, if these are classes.
    boundary : float, default=None
        Value at which to draw a line, where the decision changes.
    limits : (float, float), default=None
        Limits of the colour scale. None takes them from the values.
    points : ndarray of shape (n_samples, 2), default=None
        Samples to draw.
    targets : ndarray of shape (n_samples,), default=None
        Targets of the samples: indices into ``classes``, or numbers without classes.
    caption : str, default=None
        Title of a new figure.

    Attributes
    ----------
    surfaces_ : list of matplotlib AxesImage or QuadContourSet
        One for each surface: an image of regions, or filled contours.
    boundaries_ : list of matplotlib QuadContourSet
        Lines where the decision changes.
    texts_ : list of matplotlib Text
        Names of the classes in their regions.
    points_ : list of matplotlib PathCollection
        The samples, one collection per class.
    colorbar_ : matplotlib Colorbar or None
    axes_ : ndarray of matplotlib Axes, of shape (n_surfaces,)
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from pybackprop import MLPClassifier
    >>> from pybackprop.plotting import DecisionSurfaceDisplay
    >>> X, y = make_moons(noise=0.1, random_state=0)
    >>> model = MLPClassifier((4,), max_iter=50, random_state=0).fit(X, y)
    >>> of_the_net = DecisionSurfaceDisplay.from_estimator(model, X, y)
    >>> of_its_units = DecisionSurfaceDisplay.from_estimator(model, X, layer=1)
    >>> len(of_its_units.axes_)
    4
    """

    def __init__(
        self,
        x0,
        x1,
        surfaces,
        *,
        titles,
        quantity,
        feature_names=("feature 0", "feature 1"),
        is_class=False,
        classes=None,
        boundary=None,
        limits=None,
        points=None,
        targets=None,
        caption=None,
    ):
        self.x0 = x0
        self.x1 = x1
        self.surfaces = surfaces
        self.titles = titles
        self.quantity = quantity
        self.feature_names = feature_names
        self.is_class = is_class
        self.classes = classes
        self.boundary = boundary
        self.limits = limits
        self.points = points
        self.targets = targets
        self.caption = caption

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        features=(0, 1),
        layer=None,
        units=None,
        response_method="auto",
        target=None,
        fixed="mean",
        grid_resolution=250,
        ax=None,
        colorbar=True,
    ):
        """Draw the surface of a fitted estimator, or those of its hidden units.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline
            Fitted; a pipeline ends in one of these, and X is what it takes.
        X : array-like of shape (n_samples, n_features)
            Samples to draw; the grid spans their range and a little more.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets of the samples, shown by marker and colour. Not used for hidden
            units.
        features : pair of int or str, default=(0, 1)
            The two features that vary, by index or name.
        layer : int, default=None
            Hidden layer whose activations to draw, from 1. None draws the response of
            the network.
        units : sequence of int, default=None
            Units of that layer, from 0. None is the first 16.
        response_method : {'auto', 'predict_proba', 'decision_function', 'predict'}, \
                default='auto'
            For a classifier. 'auto' is the probability of ``target``, or its decision
            function if there are no probabilities; with more than two classes and
            without ``target``, the predicted class.
        target : object, default=None
            The class whose probability to show, by default the second of two; or the
            index of an output or label, which is required if there are several.
        fixed : {'mean', 'median'} or array-like of shape (n_features,), default='mean'
            Values of the other features; in an array-like, the values for the two
            features that vary are not used.
        grid_resolution : int, default=250
            Number of points along each axis, >= 2.
        ax, colorbar
            As in ``plot``.

        Returns
        -------
        DecisionSurfaceDisplay

        Raises
        ------
        NotFittedError
        TypeError
            If the estimator is of another class.
        ValueError
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model = fitted_last_step(estimator, "coefs_")
        if not isinstance(model, BaseMLP):
            raise TypeError(
                "estimator must be an MLPClassifier or MLPRegressor of pybackprop, or "
                f"a Pipeline that ends in one. Got {model!r}."
            )
        grid = FeatureGrid.from_samples(X, features, fixed, grid_resolution)
        if layer is None:
            response = response_of_estimator(
                estimator, model, grid.rows, response_method, target
            )
            display = cls._of_response(grid, response, y, fixed, units)
        else:
            n_hidden = len(model.coefs_) - 1
            _check_layer(layer, n_hidden)
            inputs = inputs_of_last_step(estimator, grid.rows)
            activations = model.activations(inputs)[layer]
            display = cls._of_units(grid, activations, layer, units, fixed)
        return display.plot(ax, colorbar=colorbar)

    @classmethod
    def from_network(
        cls,
        network,
        X,
        y=None,
        *,
        features=(0, 1),
        layer=None,
        units=None,
        target=None,
        fixed="mean",
        grid_resolution=250,
        ax=None,
        colorbar=True,
    ):
        """Draw the surface of a network, or those of its hidden units.

        Parameters
        ----------
        network : Network
        X : array-like of shape (n_samples, n_features)
            Samples to draw; the grid spans their range and a little more.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets of the samples, as in ``Network.backprop``.
        features, layer, units, fixed, grid_resolution
            As in ``from_estimator``.
        target : int, default=None
            Index of the output to show, which is required if there are several. For a
            softmax, None shows the index of the largest output.
        ax, colorbar
            As in ``plot``.

        Returns
        -------
        DecisionSurfaceDisplay

        Raises
        ------
        TypeError, ValueError
        """
        check_matplotlib_support(f"{cls.__name__}.from_network")
        require_network(network)
        grid = FeatureGrid.from_samples(X, features, fixed, grid_resolution)
        rows = np.asarray(grid.rows)
        if layer is None:
            response = response_of_network(network, rows, target)
            display = cls._of_response(grid, response, y, fixed, units)
        else:
            _check_layer(layer, len(network.coefs) - 1)
            activations = network.forward(rows).a[layer]
            display = cls._of_units(grid, activations, layer, units, fixed)
        return display.plot(ax, colorbar=colorbar)

    @classmethod
    def _of_response(cls, grid, response, y, fixed, units):
        if units is not None:
            raise ValueError(f"units must be None without layer. Got {units!r}.")
        targets = response.targets(y)
        if targets is not None and len(targets) != len(grid.points):
            raise ValueError(
                f"y must have a target for each of the {len(grid.points)} samples of "
                f"X. Got {len(targets)}."
            )
        return cls(
            grid.x0,
            grid.x1,
            grid.on_grid(response.values)[None],
            titles=[_describe_fixed(grid, fixed) or ""],
            quantity=response.quantity,
            feature_names=grid.feature_names,
            is_class=response.is_class,
            classes=response.classes,
            boundary=response.boundary,
            limits=response.limits,
            points=grid.points,
            targets=targets,
        )

    @classmethod
    def _of_units(cls, grid, activations, layer, units, fixed):
        n_units = activations.shape[1]
        units = chosen_units(units, n_units, _MAX_UNITS)
        held = _describe_fixed(grid, fixed)
        shown = f"layer {layer}, {share_shown(units, n_units)}"
        return cls(
            grid.x0,
            grid.x1,
            np.array([grid.on_grid(activations[:, unit]) for unit in units]),
            titles=[f"unit {unit} of layer {layer}" for unit in units],
            quantity="activation a",
            feature_names=grid.feature_names,
            caption=f"{shown}; {held}" if held else shown,
        )

    def plot(self, ax=None, *, colorbar=True):
        """Draw the surfaces.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One for each surface; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for values; regions have a legend.

        Returns
        -------
        DecisionSurfaceDisplay
            The display itself.
        """
        axes = axes_to_draw_on(
            ax,
            len(self.surfaces),
            f"{type(self).__name__}.plot",
            what="surface",
            sharex=True,
            sharey=True,
        )
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        self.surfaces_, self.boundaries_, self.points_ = [], [], []
        self.colorbar_ = None
        self.texts_ = []
        if self.is_class:
            self._draw_regions(ax is None)
        else:
            self._draw_values(colorbar)
        for one, title in zip(axes, self.titles, strict=True):
            one.set_title(title, fontsize="small" if len(axes) > 1 else "medium")
            one.set(xlim=self.x0[[0, -1]], ylim=self.x1[[0, -1]])
        self._label_axes(ax is None)
        return self

    def _draw_regions(self, is_new_figure):
        n_classes = len(self.classes)
        shades = tints(categories(n_classes))
        for ax, surface in zip(self.axes_, self.surfaces, strict=True):
            axes_and_values = (ax, self.x0, self.x1, surface)
            self.surfaces_.append(draw_regions(*axes_and_values, shades))
            for k in range(n_classes):
                self._draw_boundary(ax, (surface == k).astype(float), 0.5)
            self._draw_points(ax, None)
            self.texts_ += name_regions(*axes_and_values, self.classes, self.points)
            explain_regions(
                ax,
                shades,
                self.classes,
                [] if self.targets is None else self.points_,
                self.quantity,
                beside=is_new_figure,
            )

    def _draw_values(self, colorbar):
        from matplotlib.ticker import MaxNLocator

        cmap, low, high = self._scale()
        levels = MaxNLocator(_N_LEVELS).tick_values(low, high)
        for ax, surface in zip(self.axes_, self.surfaces, strict=True):
            filled = ax.contourf(self.x0, self.x1, surface, levels=levels, cmap=cmap)
            self.surfaces_.append(filled)
            if self.boundary is not None:
                self._draw_boundary(ax, surface, self.boundary)
            self._draw_points(ax, filled)
            if self.points_ and self.classes is not None and self.targets is not None:
                ax.legend(title="class", fontsize="small", framealpha=0.6)
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                self.surfaces_[0], ax=list(self.axes_), label=self.quantity
            )

    def _scale(self):
        """Return the colour map and the limits of the scale."""
        from matplotlib.colors import LinearSegmentedColormap

        shown = np.ravel(self.surfaces)
        if self.targets is not None and self.classes is None:
            shown = np.concatenate([shown, self.targets])
        cmap, low, high = scale_of(shown)
        if self.boundary is not None:
            farthest = max(self.boundary - low, high - self.boundary)
            low, high = self.boundary - farthest, self.boundary + farthest
            two = tints(categories(2), darkest=0.5, lightest=0.9)
            cmap = LinearSegmentedColormap.from_list("two classes", two)
        low, high = self.limits or (low, high)
        return cmap, *((low, high) if low < high else (low - 0.5, high + 0.5))

    def _draw_boundary(self, ax, surface, value):
        if np.nanmin(surface) < value < np.nanmax(surface):
            lines = ax.contour(
                self.x0,
                self.x1,
                surface,
                levels=[value],
                colors="black",
                linewidths=1.2,
            )
            self.boundaries_.append(lines)

    def _draw_points(self, ax, filled):
        if self.points is None:
            return
        common = {"s": 20, "edgecolors": "black", "linewidths": 0.6}
        if self.targets is None:
            self.points_.append(ax.scatter(*self.points.T, c="white", **common))
        elif self.classes is None:
            # On the scale of the surface, a sample of another colour has a large error.
            colours = {"cmap": filled.cmap, "norm": filled.norm}
            self.points_.append(
                ax.scatter(*self.points.T, c=self.targets, **colours, **common)
            )
        else:
            for k, colour in enumerate(categories(len(self.classes))):
                of_class = self.points[self.targets == k]
                marker = MARKERS[k % len(MARKERS)]
                self.points_.append(
                    ax.scatter(
                        *of_class.T,
                        color=[colour],
                        marker=marker,
                        label=str(self.classes[k]),
                        **common,
                    )
                )

    def _label_axes(self, is_new_figure):
        x, y = self.feature_names
        if is_new_figure and len(self.axes_) > 1:
            self.figure_.supxlabel(x, fontsize="medium")
            self.figure_.supylabel(y, fontsize="medium")
        else:
            for ax in self.axes_:
                ax.set(xlabel=x, ylabel=y)
        if is_new_figure and self.caption:
            self.figure_.suptitle(self.caption, fontsize="medium")


def _check_layer(layer, n_hidden):
    if not isinstance(layer, Integral) or not 1 <= layer <= n_hidden:
        raise ValueError(
            f"layer must be a hidden layer, from 1 to {n_hidden}, or None for the "
            f"network's response. Got {layer!r}."
        )


def _describe_fixed(grid, fixed):
    """Describe the values of the fixed features; return None if there are none."""
    if grid.n_features == 2:
        return None
    at = f"their {fixed}" if isinstance(fixed, str) else "fixed values"
    return f"other features at {at}"
