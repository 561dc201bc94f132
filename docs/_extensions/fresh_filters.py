"""Each script of a gallery starts with the filters of warnings of a fresh process.

One process runs many scripts, and what one of them ignores the next should still show.
"""

import warnings

FRESH = list(warnings.filters)


def reset(gallery_conf, script):
    warnings.resetwarnings()
    warnings.filters.extend(FRESH)
    # The gallery takes the figures that plt.show() has no window for.
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
