"""GradientFlowDisplay plots the magnitude of the gradients in each layer."""

import numpy as np

from pybackprop.plotting._axes import axes_to_draw_on
from pybackprop.plotting._colours import CATEGORIES, MARKERS
from pybackprop.plotting._resolve import (
    network_of_last_step,
    require_network,
)

# The quantities that can be shown, and the labels of their axes.
_QUANTITIES = {
    "delta": "|delta| = |∂ℓ/∂z|",
    "dloss_da": "|∂ℓ/∂a|",
    "f_prime": "|f′(z)|",
    "coef_grads": "‖∂F/∂W‖, the norm",
}
_LINES = ("-", "--", "-.", ":")


class GradientFlowDisplay:
    """Magnitude of the gradients in each layer, to see whether they vanish.

    For each layer, a point shows the median and a band the quartiles over all samples
    and units, on a logarithmic scale. Exact zeros, such as the deltas of inactive relu
    units, are left out, and the legend shows their largest share in a layer.

    Use :meth:`from_network` or :meth:`from_estimator` to create one. To compare several
    networks, pass the axes of the first to the others.

    Parameters
    ----------
    quartiles : dict of str to ndarray of shape (n_layers, 3)
        For each of 'delta', 'dloss_da' and 'f_prime', the quartiles of the
        magnitudes that are not zero; NaN if all are zero.
    zeros : dict of str to ndarray of shape (n_layers,)
        Shares of magnitudes that are zero.
    norms : ndarray of shape (n_layers,)
        Norms of the objective's gradients at the coefs.
    name : str, default=None
        Name in the legend.

    Attributes
    ----------
    axes_ : ndarray of shape (n_quantities,) of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    lines_ : list of Line2D
        Lines of medians, or of norms, one for each axes.
    bands_ : list of PolyCollection or None
        Bands of quartiles, one for each axes; None for norms.

    Examples
    --------
    >>> from pybackprop import Network
    >>> from pybackprop.plotting import GradientFlowDisplay
    >>> X, y = [[0.1, 0.7], [0.8, 0.3]], [0.0, 1.0]
    >>> sizes = [2, 5, 5, 5, 1]
    >>> ax = None
    >>> for activation in ("logistic", "relu"):
    ...     network = Network(sizes, activation=activation, random_state=0)
    ...     ax = GradientFlowDisplay.from_network(network, X, y, ax=ax).ax_
    """

    def __init__(self, *, quartiles, zeros, norms, name=None):
        self.quartiles = quartiles
        self.zeros = zeros
        self.norms = norms
        self.name = name

    @classmethod
    def from_network(cls, network, X, y, *, show="delta", name=None, ax=None):
        """Draw the gradients of a network at some samples.

        Parameters
        ----------
        network : Network
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            As in ``Network.backprop``.
        show : {'delta', 'dloss_da', 'f_prime', 'coef_grads'} or tuple of them, \
                default='delta'
            Gradients of each sample's loss at z or at a, derivatives of the activations
            (without a point for a softmax output, which has a Jacobian), or the norm of
            the gradient of the objective at each layer's coefs. A tuple makes one axes
            for each.
        name : str, default=None
            Name in the legend; None takes the names of the hidden activations.
        ax : matplotlib Axes or sequence of them, default=None
            One for each quantity of ``show``. None makes a figure.

        Returns
        -------
        GradientFlowDisplay
        """
        require_network(network)
        _shown(show)
        trace = network.backprop(X, y)
        magnitudes = {
            "delta": trace.delta,
            "dloss_da": trace.dloss_da,
            # A layer with Jacobians has no derivative per unit.
            "f_prime": [_f_prime(trace, layer) for layer in range(len(trace.z))],
        }
        display = cls(
            quartiles={
                key: np.array([_quartiles(layer) for layer in layers])
                for key, layers in magnitudes.items()
            },
            zeros={
                key: np.array([_share_of_zeros(layer) for layer in layers])
                for key, layers in magnitudes.items()
            },
            norms=np.array([np.linalg.norm(grad) for grad in trace.coef_grads]),
            name=_name(network) if name is None else str(name),
        )
        return display.plot(ax, show=show)

    @classmethod
    def from_estimator(cls, estimator, X, y, **options):
        """Draw the gradients of a fitted estimator at some samples.

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
        GradientFlowDisplay
        """
        network, X, y = network_of_last_step(estimator, X, y)
        return cls.from_network(network, X, y, **options)

    def plot(self, ax=None, *, show="delta", name=None):
        """Draw the magnitudes of each layer.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One for each quantity of ``show``. None makes a figure.
        show : {'delta', 'dloss_da', 'f_prime', 'coef_grads'} or tuple of them, \
                default='delta'
        name : str, default=None
            Name in the legend; None takes that of the display.

        Returns
        -------
        GradientFlowDisplay
        """
        shown = _shown(show)
        self.axes_ = axes_to_draw_on(
            ax,
            len(shown),
            f"{type(self).__name__}.plot",
            what="quantity of show",
            n_columns=len(shown) if len(shown) <= 2 else 2,
            figsize=(6.4, 4.8) if len(shown) == 1 else (10, 4.8 * -(-len(shown) // 2)),
        )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        name = self.name if name is None else name
        drawn = [
            self._draw(one, quantity, name)
            for one, quantity in zip(self.axes_, shown, strict=True)
        ]
        self.lines_, self.bands_ = map(list, zip(*drawn, strict=True))
        return self

    def _draw(self, ax, quantity, name):
        from matplotlib.ticker import MaxNLocator

        k = len(ax.lines)  # number of networks drawn before
        layers = np.arange(1, len(self.norms) + 1)
        of_norms = quantity == "coef_grads"
        middle = self.norms if of_norms else self.quartiles[quantity][:, 1]
        share = 0 if of_norms else np.max(self.zeros[quantity])
        label = name or "network"
        if share:
            label += f" (up to {share:.0%} zeros)"
        (line,) = ax.plot(
            layers,
            np.where(middle > 0, middle, np.nan),
            color=CATEGORIES[k % len(CATEGORIES)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle=_LINES[k % len(_LINES)],
            label=label,
        )
        band = None
        if not of_norms:
            low, _, high = self.quartiles[quantity].T
            band = ax.fill_between(
                layers, low, high, color=line.get_color(), alpha=0.2, linewidth=0
            )
        if np.any(middle > 0):  # without positive values matplotlib warns
            ax.set_yscale("log")
        ax.set_ylabel(
            _QUANTITIES[quantity] + ("" if of_norms else ": median and quartiles")
        )
        ax.set_xlabel("layer, the last being the output   (← backward)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(True, axis="y", alpha=0.3)
        ax.legend(fontsize="small")
        return line, band


def _shown(show):
    """Return the quantities to show as a tuple, or raise ValueError."""
    shown = (show,) if isinstance(show, str) else tuple(show)
    if not shown or not all(name in _QUANTITIES for name in shown):
        raise ValueError(
            f"show must be one of {list(_QUANTITIES)}, or a tuple of them. "
            f"Got {show!r}."
        )
    return shown


def _f_prime(trace, layer):
    f_prime = trace.elementwise_f_prime(layer)
    return np.empty(0) if f_prime is None else f_prime


def _quartiles(numbers):
    """Compute the quartiles of the magnitudes that are not zero; NaN if all are."""
    sizes = abs(numbers[numbers != 0])
    with np.errstate(all="ignore"):  # magnitudes may be infinite after divergence
        return np.quantile(sizes, [0.25, 0.5, 0.75]) if sizes.size else [np.nan] * 3


def _share_of_zeros(numbers):
    return np.mean(numbers == 0) if numbers.size else 0.0


def _name(network):
    """Join the names of the hidden activations, without consecutive repetitions."""
    names = network.hidden_activations
    kept = [n for n, before in zip(names, (None, *names), strict=False) if n != before]
    return ", ".join(kept) or "no hidden layer"
