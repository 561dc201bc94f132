"""Warns at the line of the user's code that called this package."""

import sys
import warnings

_INSIDE = {"pybackprop", "sklearn", "joblib"}


def warn_caller(message, category=UserWarning):
    """Warn at the innermost line outside of pybackprop, scikit-learn and joblib."""
    level = 2
    frame = sys._getframe(1)
    while frame is not None and _package(frame) in _INSIDE:
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
