"""Draws the regions in which a classifier predicts each class, and names them."""

import numpy as np
from scipy.ndimage import distance_transform_edt


def draw_regions(ax, x0, x1, surface, shades):
    """Draw an image of indices into ``shades``, with pixels centred on the grid.

    Parameters
    ----------
    ax : matplotlib Axes
    x0, x1 : ndarray of shape (n0,) and (n1,)
    surface : ndarray of shape (n1, n0)
    shades : ndarray of shape (n_classes, 3)

    Returns
    -------
    matplotlib AxesImage
    """
    from matplotlib.colors import ListedColormap

    half = [(x[1] - x[0]) / 2 for x in (x0, x1)]
    return ax.imshow(
        surface,
        origin="lower",
        aspect="auto",
        extent=[x0[0] - half[0], x0[-1] + half[0], x1[0] - half[1], x1[-1] + half[1]],
        cmap=ListedColormap(shades),
        vmin=-0.5,
        vmax=len(shades) - 0.5,
        interpolation="nearest",
    )


def name_regions(ax, x0, x1, surface, classes, points):
    """Write the name of each class into its region, as far as possible from points.

    Parameters
    ----------
    ax, x0, x1, surface
        As in ``draw_regions``.
    classes : sequence of shape (n_classes,)
    points : ndarray of shape (n_samples, 2) or None

    Returns
    -------
    list of matplotlib Text
    """
    from matplotlib.patheffects import withStroke

    texts, taken = [], np.zeros(surface.shape, dtype=bool)
    if points is not None:
        column, row = (
            np.rint((values - x[0]) / (x[1] - x[0])).astype(int).clip(0, len(x) - 1)
            for values, x in zip(points.T, (x0, x1), strict=True)
        )
        taken[row, column] = True
    for k, label in enumerate(classes):
        # The padding makes the edge of the plot an edge of the region.
        free = np.pad((surface == k) & ~taken, 1)
        depth = distance_transform_edt(free)[1:-1, 1:-1]
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        if depth[row, column] > 0:
            text = ax.text(
                x0[column],
                x1[row],
                str(label),
                ha="center",
                va="center",
                weight="bold",
                clip_on=True,
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )
            texts.append(text)
    return texts


def explain_regions(ax, shades, classes, markers, title, *, beside):
    """Draw a legend of the shades of all classes, with their markers if any.

    Parameters
    ----------
    ax : matplotlib Axes
    shades : ndarray of shape (n_classes, 3)
    classes : sequence of shape (n_classes,)
    markers : list of matplotlib PathCollection
        One for each class, or empty.
    title : str
    beside : bool
        Whether to put it beside the axes, in a figure with space for it.
    """
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=shade, edgecolor="black") for shade in shades]
    ax.legend(
        list(zip(patches, markers, strict=True)) if markers else patches,
        [str(label) for label in classes],
        title=title,
        fontsize="small",
        **{"loc": "center left", "bbox_to_anchor": (1, 0.5)} if beside else {},
    )
