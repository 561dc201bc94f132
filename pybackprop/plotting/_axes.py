"""The axes that a Display draws on: its own, or those that it is given."""

import numpy as np

from pybackprop.plotting._colours import register_maps


def check_matplotlib_support(caller):
    """Make matplotlib ready; ImportError, in words, where there is none."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. You can install matplotlib with "
            "`pip install matplotlib`"
        ) from error
    register_maps()


def axes_to_draw_on(
    ax, n_axes, caller, *, what="picture", n_columns=None, figsize=None, **subplots
):
    """A flat array of axes: those in ``ax``, or those of a new figure.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes or None
        None makes a new figure, laid out so that nothing overlaps.
    n_axes : int
    caller : str
        Who needs matplotlib, for the message where there is none.
    what : str
        What each of the axes shows, for the message where there are too few or many.
    n_columns : int, default=None
        Of the grid of axes in a new figure. None puts up to three side by side, and
        makes of more a grid about as high as wide.
    figsize : (float, float), default=None
        Inches of a new figure.
    **subplots : dict
        For ``matplotlib.pyplot.subplots``.

    Returns
    -------
    ndarray of shape (n_axes,)
    """
    check_matplotlib_support(caller)
    if ax is not None:
        return _given(ax, n_axes, what)
    import matplotlib.pyplot as plt

    n_columns = n_columns or (n_axes if n_axes < 4 else int(np.ceil(np.sqrt(n_axes))))
    n_rows = -(-n_axes // n_columns)
    _, axes = plt.subplots(
        n_rows,
        n_columns,
        squeeze=False,
        layout="constrained",
        figsize=figsize,
        **subplots,
    )
    for unused in axes.flat[n_axes:]:
        unused.remove()
    return axes.ravel()[:n_axes]


def _given(ax, n_axes, what):
    from matplotlib.axes import Axes

    axes = np.array([ax] if isinstance(ax, Axes) else ax, dtype=object).ravel()
    if not all(isinstance(one, Axes) for one in axes):
        raise TypeError(f"ax must be matplotlib Axes, or an array of them. Got {ax!r}.")
    if len(axes) != n_axes:
        raise ValueError(
            f"ax must have {n_axes} axes, one for each {what}. Got {len(axes)}."
        )
    return axes
