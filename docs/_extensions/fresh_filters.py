"""Reset the warning filters before each script of a gallery.

One process runs many scripts, and a filter set by one must not affect the next.  The
scripts can also start processes, as in a fresh interpreter.
"""

import multiprocessing
import warnings

FRESH = list(warnings.filters)


def reset(gallery_conf, script):
    warnings.resetwarnings()
    warnings.filters.extend(FRESH)
    # The gallery saves figures; plt.show() has no window.
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
    # joblib sets a start method of its own, which processes started by a script do not
    # know.
    multiprocessing.set_start_method(None, force=True)
