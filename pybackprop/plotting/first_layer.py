"""FirstLayerDisplay plots the weights of each unit of the first layer."""

from math import isqrt
from numbers import Integral

import numpy as np

from pybackprop.plotting._axes import axes_to_draw_on, check_matplotlib_support
from pybackprop.plotting._colours import DIVERGING
from pybackprop.plotting._resolve import (
    fitted_last_step,
    names_of_inputs,
    require_network,
)
from pybackprop.plotting._units import chosen_units, share_shown

# Maximum number of images that are legible in a figure of the usual size.
_MAX_IMAGES = 25

# Fewer features than 8 x 8 pixels are not taken for an image.
_MIN_PIXELS = 64

# Maximum numbers of labels that fit below and beside a figure of the usual size.
_MAX_COLUMN_LABELS, _MAX_ROW_LABELS = 16, 32


class FirstLayerDisplay:
    """Weights of the first layer, as one image per unit or as a heat map.

    Positive weights are bright, negative ones dark, and 0 is grey, on one scale for all
    units. If the features are pixels, the weights of a unit are an image of the input
    to which it responds most; otherwise a row of the heat map is a feature and a column
    a unit, as in ``coefs_[0]``.

    It is recommended to use ``from_estimator`` or ``from_network`` to create one.

    Parameters
    ----------
    coefs : ndarray of shape (n_features, n_units)
        As ``coefs_[0]``.
    units : sequence of int, default=None
        Units to show, in this order. None is the first 25 as images, and all in a heat
        map.
    image_shape : (int, int) or None, default=None
        Rows and columns of pixels, whose product is ``n_features``; None draws the heat
        map.
    feature_names : array-like of str, of shape (n_features,), default=None
        Labels of the heat map.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        One image per unit shown, or the heat map.
    colorbar_ : matplotlib Colorbar or None
    axes_ : ndarray of matplotlib Axes, of shape (n_images,)
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from pybackprop import MLPClassifier
    >>> from pybackprop.plotting import FirstLayerDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier((16,), max_iter=50, random_state=0).fit(X / 16, y)
    >>> display = FirstLayerDisplay.from_estimator(model)
    >>> len(display.images_), display.image_shape
    (16, (8, 8))
    """

    def __init__(self, coefs, *, units=None, image_shape=None, feature_names=None):
        self.coefs = coefs
        self.units = units
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        units=None,
        order="index",
        image_shape="auto",
        ax=None,
        colorbar=True,
    ):
        """Draw the first layer of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline
            Fitted; a pipeline ends in one of these, and the weights are those of the
            features that its other steps return.
        units : sequence of int, default=None
            Units to show, from 0. None is the first 25 in ``order`` as images, and all
            in a heat map.
        order : {'index', 'norm'}, default='index'
            'norm' puts the units with the largest norm of weights first.
        image_shape : (int, int), 'auto' or None, default='auto'
            Rows and columns of pixels. 'auto' is a square if the number of features is
            a square number >= 64 and they have no names; else None, the heat map.
        ax, colorbar
            As in ``plot``.

        Returns
        -------
        FirstLayerDisplay

        Raises
        ------
        NotFittedError
        TypeError
            If the estimator has no ``coefs_``.
        ValueError
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model = fitted_last_step(estimator, "coefs_")
        return cls._of(
            model.coefs_[0],
            units,
            order,
            image_shape,
            names_of_inputs(estimator),
        ).plot(ax, colorbar=colorbar)

    @classmethod
    def from_network(
        cls,
        network,
        *,
        units=None,
        order="index",
        image_shape="auto",
        feature_names=None,
        ax=None,
        colorbar=True,
    ):
        """Draw the first layer of a network.

        Parameters
        ----------
        network : Network
        units, order, image_shape
            As in ``from_estimator``.
        feature_names : array-like of str, of shape (n_features,), default=None
        ax, colorbar
            As in ``plot``.

        Returns
        -------
        FirstLayerDisplay

        Raises
        ------
        TypeError, ValueError
        """
        check_matplotlib_support(f"{cls.__name__}.from_network")
        require_network(network)
        return cls._of(network.coefs[0], units, order, image_shape, feature_names).plot(
            ax, colorbar=colorbar
        )

    @classmethod
    def _of(cls, coefs, units, order, image_shape, feature_names):
        coefs = np.array(coefs)  # training may change them later
        if isinstance(image_shape, str):
            if image_shape != "auto":
                raise ValueError(
                    "image_shape must be two ints, 'auto' or None. "
                    f"Got {image_shape!r}."
                )
            image_shape = _square(len(coefs)) if feature_names is None else None
        if order not in ("index", "norm"):
            raise ValueError(f"order must be 'index' or 'norm'. Got {order!r}.")
        if order == "norm":
            by_norm = np.argsort(-np.linalg.norm(coefs, axis=0), kind="stable")
            max_units = len(by_norm) if image_shape is None else _MAX_IMAGES
            if units is None:
                units = by_norm[:max_units]
            else:
                units = chosen_units(units, coefs.shape[1], max_units)
                units = [unit for unit in by_norm if unit in units]
        return cls(
            coefs,
            units=units,
            image_shape=image_shape,
            feature_names=feature_names,
        )

    def plot(self, ax=None, *, cmap=DIVERGING, colorbar=True):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One for each image, or one for the heat map; None makes a new figure.
        cmap : str or matplotlib Colormap, default='pybackprop.diverging'
            Colour map, whose middle is the weight 0. The default goes from dark blue
            over grey to bright orange.
        colorbar : bool, default=True

        Returns
        -------
        FirstLayerDisplay
            The display itself.
        """
        coefs = np.asarray(self.coefs)
        as_images = self.image_shape is not None
        if as_images:
            _check_image_shape(self.image_shape, len(coefs))
        else:
            _check_names(self.feature_names, len(coefs))
        n_units = coefs.shape[1]
        max_units = _MAX_IMAGES if as_images else n_units
        units = chosen_units(self.units, n_units, max_units)
        axes = axes_to_draw_on(
            ax,
            len(units) if as_images else 1,
            f"{type(self).__name__}.plot",
            what="unit" if as_images else "heat map",
            # A single row of images needs less height.
            figsize=(6.4, 2.8) if as_images and 1 < len(units) < 4 else None,
        )
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        # The scale is that of all units, whatever units are shown.
        largest = np.max(np.abs(coefs), initial=0, where=np.isfinite(coefs))
        scale = {"cmap": cmap, "vmin": -largest, "vmax": largest}
        if as_images:
            self._draw_images(coefs, units, scale)
        else:
            self._draw_heat_map(coefs, units, scale)
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                self.images_[0], ax=list(axes), label="weight"
            )
        if ax is None:
            title = f"weights of the first layer: {share_shown(units, n_units)}"
            self.figure_.suptitle(title, fontsize="medium")
        return self

    def _draw_images(self, coefs, units, scale):
        self.images_ = []
        for ax, unit in zip(self.axes_, units, strict=True):
            weights = coefs[:, unit].reshape(self.image_shape)
            self.images_.append(ax.imshow(weights, **scale))
            ax.set_title(f"unit {unit}", fontsize="small")
            ax.set(xticks=[], yticks=[])

    def _draw_heat_map(self, coefs, units, scale):
        ax, names = self.ax_, self.feature_names
        self.images_ = [ax.imshow(coefs[:, units], aspect="auto", **scale)]
        _label(ax.xaxis, units, "unit", _MAX_COLUMN_LABELS)
        if names is None:
            _label(ax.yaxis, range(len(coefs)), "feature", _MAX_ROW_LABELS)
        else:
            _label(ax.yaxis, names, "", _MAX_ROW_LABELS)


def _label(axis, labels, what, max_labels):
    """Label all rows or columns, or every 2nd, 5th, ... if there are too many."""
    steps = (1, 2, 5, 10, 20, 50, len(labels))
    every = next(step for step in steps if len(labels) <= step * max_labels)
    shown = range(0, len(labels), every)
    size = "medium" if len(shown) <= 20 else "small"
    axis.set_ticks(list(shown), [str(labels[i]) for i in shown], fontsize=size)
    axis.set_label_text(what)


def _square(n_features):
    side = isqrt(n_features)
    is_image = n_features >= _MIN_PIXELS and side * side == n_features
    return (side, side) if is_image else None


def _check_names(names, n_features):
    if names is not None and len(names) != n_features:
        raise ValueError(
            f"feature_names must have a name for each of the {n_features} features. "
            f"Got {len(names)}."
        )


def _check_image_shape(shape, n_features):
    if (
        not isinstance(shape, (tuple, list))
        or len(shape) != 2
        or not all(isinstance(side, Integral) and side > 0 for side in shape)
        or shape[0] * shape[1] != n_features
    ):
        raise ValueError(
            f"image_shape must be two ints whose product is {n_features}, the number "
            f"of features. Got {shape!r}."
        )
