"""Converts the state of an estimator or a network to plain values for files.

Pickle, joblib, skops and copies all ask an object for its state and hand that back.
A state holds numbers, strings, arrays, lists, tuples, dicts and what a user has passed
as a parameter; an object of ours becomes the dict of its attributes. So a reader has
to trust no class but the estimator's, and a class may move without breaking a file.

``FORMAT`` rises when a state that is written can no longer be read as those before;
``_CONVERSIONS`` then gets a function. A parameter or attribute with a default that
says what was so before needs neither.
"""

FORMAT = 1

# From a state in the format of the key, without the two keys below, to the next format.
_CONVERSIONS = {}

_FORMAT_KEY = "_pybackprop_format"
_VERSION_KEY = "_pybackprop_version"


def written(state, parts=()):
    """Return the state to save of an object that has ``state``.

    Parameters
    ----------
    state : dict
        Not changed.
    parts : dict
        Class of each attribute that is an object of this package.
    """
    from pybackprop import __version__

    state = {**state, _FORMAT_KEY: FORMAT, _VERSION_KEY: __version__}
    for name, of_class in dict(parts).items():
        if isinstance(state.get(name), of_class):
            state[name] = dict(vars(state[name]))
    return state


def read(kind, state, parts=()):
    """Return the state of an object that was saved, in this or an older format.

    Parameters
    ----------
    kind : str
        Name of the object's class, for the message.
    state : dict
        As ``written`` made it, or without a format: then it is taken as it is.
    parts : dict
        Class of each attribute that is an object of this package.

    Raises
    ------
    TypeError
        For what is no dict.
    ValueError
        For a format that is not known yet.
    """
    if not isinstance(state, dict):
        raise TypeError(
            f"The state of a {kind} must be a dict, as __getstate__ gives it. "
            f"Got {state!r}."
        )
    state = dict(state)
    version = state.pop(_VERSION_KEY, "unknown")
    if _FORMAT_KEY not in state:
        return state
    found = state.pop(_FORMAT_KEY)
    if found not in range(1, FORMAT + 1):
        from pybackprop import __version__

        raise ValueError(
            f"This {kind} was saved by pybackprop {version}, in format {found!r}. "
            f"pybackprop {__version__} reads formats up to {FORMAT}: update "
            f"pybackprop, or fit the {kind} again."
        )
    for earlier in range(found, FORMAT):
        state = _CONVERSIONS[earlier](state)
    for name, of_class in dict(parts).items():
        if isinstance(state.get(name), dict):
            part = object.__new__(of_class)
            part.__dict__.update(state[name])
            state[name] = part
    return state
