"""Refuses inputs that NumPy would silently convert to numbers, such as dates.

NumPy converts more than numbers to float: dates to counts of their unit, strings to the
numbers they spell, structured values to their field, masked values to the hidden value.
Training on such numbers would give a meaningless result without an error.
"""

import numpy as np

# Arrays of complex numbers are refused by scikit-learn, in words of its own.
_NUMBERS = "biufc"
_OTHERS = {
    "M": "dates (datetime64)",
    "m": "durations (timedelta64)",
    "U": "strings",
    "S": "strings",
    "T": "strings",
    "V": "structured values",
    "c": "complex values",
}


def require_numbers(array, name):
    """Raise ValueError unless all values of an array-like are numbers.

    NaN is accepted.
    """
    if type(array) is np.ndarray and array.dtype.kind in _NUMBERS:
        return
    require_unmasked(array, name)
    if isinstance(array, (list, tuple)):
        array = _array_of(array, name)
    kinds = kinds_of(array)
    if not kinds <= set(_NUMBERS):
        # The dtypes of a data frame may not tell: look at the values.
        values = kinds & set(_OTHERS) or _kinds_of_values(_array_of(array, name))
        for kind in sorted(values & set(_OTHERS)):
            raise ValueError(
                f"{name} must hold numbers. Got {_OTHERS[kind]}: convert them "
                "explicitly, for example with astype."
            )


def require_unmasked(array, name):
    """Raise ValueError for a masked array in which a value is masked."""
    if np.ma.is_masked(array):
        raise ValueError(
            f"{name} has {np.ma.count_masked(array)} masked values, which are missing "
            "ones: fill them or leave their rows out first."
        )


def kinds_of(array):
    """Return NumPy's letters for the kinds of an array, or of a frame's columns.

    'O' where there is no such letter.
    """
    dtypes = getattr(array, "dtypes", getattr(array, "dtype", None))
    return {getattr(dtype, "kind", "O") for dtype in np.ravel(dtypes)}


def _kinds_of_values(values):
    """Return the same for an ndarray, looking at each value in one of objects."""
    kinds = {values.dtype.kind}
    if kinds == {"O"}:
        types = set(map(type, values.flat))
        known = {t for t in types if issubclass(t, (np.generic, str, bytes))}
        kinds = {np.dtype(t).kind for t in known}
    return kinds


def _array_of(array, name):
    try:
        made = np.asarray(array)
    except ValueError as error:  # ragged lists
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    # Before NumPy 1.24 these became an array of lists, with a warning.
    if made.dtype == object and isinstance(array, (list, tuple)):
        if any(isinstance(value, (list, tuple, np.ndarray)) for value in made.flat):
            raise ValueError(
                f"{name} must be an array of numbers. Got rows of different lengths."
            )
    return made


class argument_named:
    """Name the argument in errors of Python about values that are no numbers.

    A class, for the reason that ``error_prefix`` is one.
    """

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, _, error, __):
        if isinstance(error, OverflowError):
            raise ValueError(f"{self.name} must fit in float64: {error}") from error
        if isinstance(error, TypeError) and "argument must be a" in str(error):
            raise TypeError(f"{self.name} must hold numbers: {error}") from error


class error_prefix:
    """Begin the messages of ValueError and TypeError with a prefix.

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
