"""FormulationsDisplay plots the quantities of two courses' backpropagation."""

import numpy as np

from pybackprop.inspection import Formulations, formulations
from pybackprop.plotting._axes import axes_to_draw_on
from pybackprop.plotting._colours import CATEGORIES, DIVERGING
from pybackprop.plotting._resolve import network_of_last_step

_KINDS = ("images", "scatter")
_COLUMNS = (
    "Ng",
    "Hinton",
    "difference:\nNg − Hinton",
    "mistaken: started\nwith y_pred − y",
    "finite differences",
)

# Maximum number of samples, which are the rows of an image of delta.
_MAX_SAMPLES = 20


class FormulationsDisplay:
    """The quantities of ``formulations``, as images side by side or as points.

    'images': one row per quantity, with columns for Ng's algorithm, Hinton's and their
    difference. If loss and output are not a canonical pair, there are two more columns:
    the mistaken algorithm, which starts with y_pred - y for any pair, and finite
    differences, blank where none was taken. All images of a row have the colour scale
    of the gradient: where both courses agree, their images are equal and the difference
    has the colour of 0. An image of delta shows the first 20 samples; the number below
    it is the largest difference over all samples.

    'scatter': each entry of ∂F/∂W and ∂F/∂b, by finite differences on one axis and by
    the algorithms on the other. Correct gradients lie on the diagonal.

    Use :meth:`from_network`, :meth:`from_estimator` or :meth:`from_formulations` to
    create one.

    Parameters
    ----------
    forms : Formulations

    Attributes
    ----------
    axes_ : ndarray of shape (n_quantities, n_columns) or (1, 1) of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    names_ : list of str
        Quantities of the rows.
    columns_ : list of str
        Titles of the columns.
    images_ : ndarray of the shape of ``axes_`` of AxesImage
        The images, for 'images'.
    points_ : dict of str to PathCollection
        The points, for 'scatter': 'ng', 'hinton' and, if the pair is not canonical,
        'mistaken'.

    See Also
    --------
    pybackprop.inspection.formulations : The numbers.

    Examples
    --------
    >>> from pybackprop import Network
    >>> from pybackprop.plotting import FormulationsDisplay
    >>> network = Network([2, 3, 1], output_activation="logistic", random_state=0)
    >>> X, y = [[0.2, 0.4], [0.1, 0.9]], [0, 1]
    >>> display = FormulationsDisplay.from_network(network, X, y)
    >>> display.names_
    ['delta2', 'delta1', 'dW2', 'dW1']
    >>> display.axes_.shape
    (4, 5)
    """

    def __init__(self, forms):
        self.forms = forms

    @classmethod
    def from_formulations(cls, forms, *, kind="images", names=None, ax=None):
        """Draw the result of ``formulations``.

        Parameters
        ----------
        forms : Formulations
        kind : {'images', 'scatter'}, default='images'
        names : list of str, default=None
            Quantities to draw as images, such as 'delta1', 'dW1' or 'db1': some of
            ``forms.names``. None takes the deltas and then the dWs, each from the
            output back.
        ax : matplotlib Axes or array-like of them, default=None
            n_quantities x n_columns axes, row by row, for 'images', and one for
            'scatter'. None makes a figure.

        Returns
        -------
        FormulationsDisplay
        """
        if not isinstance(forms, Formulations):
            raise TypeError(
                f"forms must be a result of formulations(...). Got {forms!r}."
            )
        return cls(forms).plot(ax, kind=kind, names=names)

    @classmethod
    def from_network(
        cls, network, X, y, *, sample_weight=None, n_differences=200, **options
    ):
        """Run both courses' algorithms on a network, and draw the results.

        Parameters
        ----------
        network : Network
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            As in ``Network.backprop``.
        sample_weight : array-like of shape (n_samples,), default=None
        n_differences : int, default=200
            Maximum number of finite differences per quantity, which are slow.
        **options
            As in :meth:`from_formulations`.

        Returns
        -------
        FormulationsDisplay
        """
        forms = formulations(
            network, X, y, sample_weight=sample_weight, n_differences=n_differences
        )
        return cls.from_formulations(forms, **options)

    @classmethod
    def from_estimator(cls, estimator, X, y, **options):
        """Run both courses' algorithms on the network of an estimator, and draw them.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline
            Fitted; a pipeline ends in one of these.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            As in ``fit``: labels, for a classifier.
        **options
            As in :meth:`from_network`.

        Returns
        -------
        FormulationsDisplay
        """
        network, X, y = network_of_last_step(estimator, X, y)
        return cls.from_network(network, X, y, **options)

    def plot(self, ax=None, *, kind="images", names=None):
        """Draw the quantities.

        Parameters
        ----------
        ax, kind, names
            As in :meth:`from_formulations`.

        Returns
        -------
        FormulationsDisplay
        """
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {list(_KINDS)}. Got {kind!r}.")
        if kind == "scatter":
            self.axes_ = self._axes(ax, (1, 1), (5.2, 4.8))
            self._scatter(self.axes_[0, 0])
        else:
            self.names_ = self._check_names(names)
            self.columns_ = list(_COLUMNS[: 3 if self.forms.is_canonical else 5])
            n_rows, n_columns = shape = len(self.names_), len(self.columns_)
            self.axes_ = self._axes(ax, shape, (2 * n_columns, 0.8 + 1.15 * n_rows))
            self._images()
        self.ax_, self.figure_ = self.axes_[0, 0], self.axes_[0, 0].figure
        if ax is None:
            self.figure_.suptitle(self._pair(), fontsize="medium")
        return self

    def _axes(self, ax, shape, figsize):
        return axes_to_draw_on(
            ax,
            shape[0] * shape[1],
            f"{type(self).__name__}.plot",
            what="image",
            n_columns=shape[1],
            figsize=figsize,
        ).reshape(shape)

    def _pair(self):
        loss = getattr(self.forms.loss, "__name__", self.forms.loss)
        kind = "a canonical pair" if self.forms.is_canonical else "not a canonical pair"
        return f"{loss} with {self.forms.output_activation}, {kind}"

    def _check_names(self, names):
        known = set(self.forms.names)
        if names is None:
            return [
                name
                for quantity in ("delta", "dW")
                for name in self.forms.names
                if name.startswith(quantity)
            ]
        names = [names] if isinstance(names, str) else list(names)
        if not names or not known.issuperset(names):
            raise ValueError(f"names must be some of {sorted(known)}. Got {names!r}.")
        return names

    def _images(self):
        self.images_ = np.empty(self.axes_.shape, dtype=object)
        for row, name in enumerate(self.names_):
            of = self._of(name)
            scale = (
                max(_largest(of[formulation]) for formulation in ("ng", "hinton"))
                or 1.0
            )
            arrays = [of["ng"], of["hinton"], of["ng"] - of["hinton"]]
            arrays += [of["mistaken"], of["numeric"]]
            for column, ax in enumerate(self.axes_[row]):
                self.images_[row, column] = _image(ax, name, arrays[column], scale)
                if row == 0:
                    ax.set_title(self.columns_[column], fontsize="medium")
            self._write(row, name, of)
            clipped = not self.forms.is_canonical and _largest(of["mistaken"]) > scale
            self.axes_[row, 0].figure.colorbar(
                self.images_[row, 0],
                ax=list(self.axes_[row]),
                extend="both" if clipped else "neither",
                pad=0.01,
                aspect=8,
            )

    def _of(self, name):
        """Return one quantity by each algorithm, as matrices."""
        return {
            formulation: np.atleast_2d(getattr(self.forms, formulation)[name])
            for formulation in ("ng", "hinton", "mistaken", "numeric")
        }

    def _write(self, row, name, of):
        axes = self.axes_[row]
        title = _title(name, of["ng"].shape)
        axes[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize="small")
        notes = [f"largest: {_largest(of['ng'] - of['hinton']):.1g}"]
        if not self.forms.is_canonical:
            mistake = _largest(of["mistaken"] - of["numeric"])
            notes.append(f"off by up to {mistake:.1g}")
            notes.append(f"Ng is off by {_largest(of['ng'] - of['numeric']):.1g}")
            if np.isnan(of["numeric"]).any():
                notes[-1] += f"\nat {np.isfinite(of['numeric']).sum()} entries"
        for ax, note in zip(axes[2:], notes, strict=True):
            ax.set_xlabel(note, fontsize="small")

    def _scatter(self, ax):
        of = {
            formulation: np.concatenate(
                [
                    array.ravel()
                    for name, array in sorted(getattr(self.forms, formulation).items())
                    if name.startswith(("dW", "db"))
                ]
            )
            for formulation in ("ng", "hinton", "mistaken", "numeric")
        }
        ax.axline((0, 0), slope=1, color="grey", linewidth=0.8, zorder=0, label="equal")
        looks = {
            "mistaken": ("mistaken: started with y_pred − y", "x", CATEGORIES[4], 24),
            "ng": ("Ng", "o", CATEGORIES[0], 40),
            "hinton": ("Hinton", ".", "black", 12),
        }
        if self.forms.is_canonical:
            del looks["mistaken"]
        self.points_ = {}
        for formulation, (label, marker, colour, size) in looks.items():
            hollow = {"facecolors": "none", "edgecolors": colour}
            self.points_[formulation] = ax.scatter(
                of["numeric"],
                of[formulation],
                s=size,
                marker=marker,
                linewidths=1,
                label=label,
                **(hollow if marker == "o" else {"color": colour}),
            )
        ax.set_xlabel("∂F/∂W and ∂F/∂b by finite differences")
        ax.set_ylabel("the same by an algorithm")
        ax.legend()


def _image(ax, name, array, scale):
    if name.startswith("delta"):
        array = array[:_MAX_SAMPLES]
    image = ax.imshow(
        array,
        cmap=DIVERGING,
        vmin=-scale,
        vmax=scale,
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_xticks([])
    ax.set_yticks([])
    return image


def _title(name, shape):
    """Name the quantity of an image, and its rows and columns."""
    quantity = name.rstrip("0123456789")
    layer = name.removeprefix(quantity)
    if quantity == "delta":
        n, n_units = shape
        n = f"{n} samples" if n <= _MAX_SAMPLES else f"{_MAX_SAMPLES} of {n} samples"
        return f"{name} = ∂ℓ/∂z{layer}\n{n}\n× {n_units} unit{'s' * (n_units > 1)}"
    if quantity == "dW":
        return f"{name} = ∂F/∂W{layer}\n{shape[0]} × {shape[1]}\nweights"
    return f"{name} = ∂F/∂b{layer}\n{shape[1]} biases"


def _largest(array):
    """Return the largest magnitude of the entries that are not NaN."""
    return float(np.max(abs(array), where=~np.isnan(array), initial=0.0))
