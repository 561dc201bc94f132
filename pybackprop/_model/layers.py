"""Checks values that a user passes for each layer."""

from numbers import Real

import numpy as np

from pybackprop._data.numeric import argument_named, require_numbers


def check_layers(coefs, intercepts, names=("coefs_", "intercepts_")):
    """Return layer sizes and data type; ValueError if arrays do not fit together.

    ``names`` are those of the arguments, for messages.
    """
    of_coefs, of_intercepts = names
    coefs, intercepts = listed(of_coefs, coefs), listed(of_intercepts, intercepts)
    if not coefs or len(coefs) != len(intercepts):
        raise ValueError(
            f"{of_coefs} and {of_intercepts} must have one array per layer. "
            f"Got {len(coefs)} and {len(intercepts)}."
        )
    coefs = _real_arrays(of_coefs, coefs)
    intercepts = _real_arrays(of_intercepts, intercepts)
    dtype = np.result_type(*[W.dtype for W in coefs])
    if dtype not in (np.float32, np.float64):
        dtype = np.dtype(np.float64)
    sizes = [coefs[0].shape[0] if coefs[0].ndim == 2 else None]
    for layer, (W, b) in enumerate(zip(coefs, intercepts, strict=True)):
        if W.ndim != 2 or W.shape[0] != sizes[-1]:
            raise ValueError(
                f"{of_coefs}[{layer}] must have {sizes[-1]} rows, the size of the "
                f"layer before. Got the shape {W.shape}."
            )
        sizes.append(W.shape[1])
        if b.shape != (sizes[-1],):
            raise ValueError(
                f"{of_intercepts}[{layer}] must have the shape ({sizes[-1]},), the "
                f"columns of {of_coefs}[{layer}]. Got {b.shape}."
            )
    return sizes, dtype


def listed(name, arrays):
    """Return a list of the arrays; ValueError if they cannot be iterated over."""
    try:
        return list(arrays)
    except TypeError:
        raise ValueError(f"{name} must be a list of arrays. Got {arrays!r}.") from None


def _real_arrays(name, arrays):
    """Return them as arrays; ValueError unless all hold real numbers."""
    real = []
    for layer, array in enumerate(arrays):
        try:
            real.append(np.asarray(array))
        except ValueError:  # ragged lists
            real.append(np.empty(0, dtype=object))
        dtype = real[-1].dtype
        if dtype.kind not in "fiub":
            raise ValueError(
                f"{name}[{layer}] must be an array of real numbers. Got {dtype}."
            )
    return real


def vector_behind(array, n_parameters, dtype):
    """Return the parameter vector that an array is the first view of, if any."""
    vector = getattr(array, "base", None)
    if (
        isinstance(vector, np.ndarray)
        and vector.shape == (n_parameters,)
        and vector.dtype == dtype
        and vector.flags.c_contiguous
        and vector.flags.aligned
    ):
        return vector
    return None


def layer_alphas(alpha, n_layers):
    """Return the penalty of each weight layer as a list, or raise ValueError."""
    if isinstance(alpha, Real) and 0 <= alpha < np.inf:
        return [float(alpha)] * n_layers
    require_numbers(alpha, "alpha")
    with argument_named("alpha"):
        alphas = np.asarray(alpha, dtype=np.float64)
    if alphas.ndim > 0 and alphas.shape != (n_layers,):
        raise ValueError(
            f"alpha must be a float or have one for each of the {n_layers} weight "
            f"layers. Got {alpha!r}."
        )
    if not np.all((alphas >= 0) & (alphas < np.inf)):
        raise ValueError(f"alpha must be a finite number >= 0. Got {alpha!r}.")
    return np.broadcast_to(alphas, n_layers).tolist()
