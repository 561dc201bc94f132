"""Errors that say what they are about, where the one who raises them does not know."""


class said_of:
    """ValueError and TypeError that are raised inside begin with some words.

    A class, not a generator of contextlib: since Python 3.13 an exception that replaces
    another in one of these is in a circle of references with the traceback.

    Parameters
    ----------
    words : str
    """

    def __init__(self, words):
        self.words = words

    def __enter__(self):
        return self

    def __exit__(self, _, error, __):
        if isinstance(error, (ValueError, TypeError)):
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{self.words}: {error}") from error
