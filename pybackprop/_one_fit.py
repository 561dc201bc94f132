"""A call sees one fit, whatever other threads do to the estimator meanwhile.

A fit that has succeeded gives its estimator another ``__dict__``, in one assignment,
and leaves the old one as it is.  So whoever holds a ``__dict__`` holds a whole model:
the old or the new, never some attributes of each.
"""

from functools import wraps


def as_it_is_now(estimator):
    """The estimator with the fit that it has now: all attributes are shared."""
    now = object.__new__(type(estimator))
    now.__dict__ = estimator.__dict__
    return now


def of_one_fit(method):
    """A method of X that reads the one fit that there is when it is called."""

    @wraps(method)
    def called(self, X):
        return method(as_it_is_now(self), X)

    return called
