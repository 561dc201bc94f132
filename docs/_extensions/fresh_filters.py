"""Each script of a gallery starts with the filters of warnings of a fresh process.

One process runs many scripts, and what one of them ignores the next should still show.
And like one it can start other processes.
"""

import multiprocessing
import warnings

FRESH = list(warnings.filters)


def reset(gallery_conf, script):
    warnings.resetwarnings()
    warnings.filters.extend(FRESH)
    # The gallery takes the figures that plt.show() has no window for.
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
    # joblib started this process in a way of its own, which those that a script starts
    # would be told of and do not know.
    multiprocessing.set_start_method(None, force=True)
