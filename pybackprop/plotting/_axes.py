"""Creates the axes of a Display, or validates axes that the user gives."""

import numpy as np

from pybackprop.plotting._colours import register_maps


def check_matplotlib_support(caller):
    """Register the colour maps; raise ImportError if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. You can install matplotlib with "
            "`pip install matplotlib`"
        ) from error
    register_maps()


def axes_to_draw_on(
    ax, n_axes, caller, *, what="plot", n_columns=None, figsize=None, **subplots
):
    """Return a flat array of axes: those in ``ax``, or those of a new figure.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes or None
        None makes a new figure with a constrained layout.
    n_axes : int
    caller : str
        Name of the function that needs matplotlib, for the error message.
    what : str
        What each of the axes shows, for the error message if their number is wrong.
    n_columns : int, default=None
        Number of columns of axes in a new figure. None puts up to three axes side by
        side, and arranges more in a grid that is about square.
    figsize : (float, float), default=None
        Size of a new figure in inches.
    **subplots : dict
        Arguments of ``matplotlib.pyplot.subplots``.

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
