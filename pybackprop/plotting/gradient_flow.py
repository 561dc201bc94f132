"""GradientFlowDisplay: how large gradients are in each layer."""

import numpy as np

from pybackprop.plotting._axes import axes_to_draw_on
from pybackprop.plotting._colours import CATEGORIES, MARKERS
from pybackprop.plotting._resolve import (
    network_of_last_step,
    require_network,
)

# What can be shown, and how its axis is named.
_QUANTITIES = {
    "delta": "|delta| = |∂ℓ/∂z|",
    "dloss_da": "|∂ℓ/∂a|",
    "f_prime": "|f′(z)|",
    "coef_grads": "‖∂F/∂W‖, the norm",
}
_LINES = ("-", "--", "-.", ":")


class GradientFlowDisplay:
    """The size of gradients in each layer: do they vanish on their way back?

    For each layer a point at the median, in a band from the first to the third quartile
    over all samples and units, on a logarithmic scale. Exact zeros, such as the deltas
    of inactive relu units, have no place on it: they are left out, and the legend
    says how many there are in the layer that has most.

    Make it with :meth:`from_network` or :meth:`from_estimator`. Draw several networks
    into one picture by giving the axes of the first to the others.

    Parameters
    ----------
    quartiles : dict of str to ndarray of shape (n_layers, 3)
        For each of 'delta', 'dloss_da' and 'f_prime', the quartiles of the
        magnitudes that are not zero; NaN where there are none.
    zeros : dict of str to ndarray of shape (n_layers,)
        Shares of magnitudes that are zero.
    norms : ndarray of shape (n_layers,)
        Of the objective's gradients at the coefs.
    name : str, default=None
        For the legend.

    Attributes
    ----------
    axes_ : ndarray of shape (n_quantities,) of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    lines_ : list of Line2D
        Medians, or norms, one for each axes.
    bands_ : list of PolyCollection or None
        Quartiles, one for each axes; None for norms.

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
            As ``Network.backprop`` takes it.
        show : {'delta', 'dloss_da', 'f_prime', 'coef_grads'} or tuple of them, \
                default='delta'
            Gradients of each sample's loss at z or at a, slopes of the activations
            (a softmax output has a Jacobian instead, and no point), or the norm of
            the gradient of the objective at each layer's coefs. A tuple makes an axes
            for each.
        name : str, default=None
            For the legend; None takes the names of the hidden activations.
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
            # A Jacobian has a number for each pair of units.
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
        """Draw sizes by layer.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One for each quantity of ``show``. None makes a figure.
        show : {'delta', 'dloss_da', 'f_prime', 'coef_grads'} or tuple of them, \
                default='delta'
        name : str, default=None
            For the legend; None takes the display's.

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

        k = len(ax.lines)  # networks that are here already
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
        if np.any(middle > 0):  # matplotlib warns of a logarithm of nothing
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
    """The quantities to show as a tuple, or ValueError."""
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
    """Quartiles of the magnitudes that are not zero; NaN without any."""
    sizes = abs(numbers[numbers != 0])
    with np.errstate(all="ignore"):  # a network that diverged has infinite ones
        return np.quantile(sizes, [0.25, 0.5, 0.75]) if sizes.size else [np.nan] * 3


def _share_of_zeros(numbers):
    return np.mean(numbers == 0) if numbers.size else 0.0


def _name(network):
    """The hidden activations, each once where it is followed by itself."""
    names = network.hidden_activations
    kept = [n for n, before in zip(names, (None, *names), strict=False) if n != before]
    return ", ".join(kept) or "no hidden layer"
