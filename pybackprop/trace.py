"""Trace holds every intermediate result of one pass through a network."""

import numpy as np

from pybackprop import _core
from pybackprop._reports import Tabular


class Trace(Tabular):
    """Every intermediate result of one pass through a network, layer by layer.

    ``Network.backprop`` returns a complete one, and ``Network.forward`` one without
    loss and gradients, whose attributes raise AttributeError. Layers are l = 1 ... L,
    as in ``pybackprop.by_hand.backprop``; in the lists layer l has the index l - 1,
    except in ``a``, which begins with X. All arrays are of the network's data type.
    Rows of weight 0 are left out: their entries are zero.

    Attributes
    ----------
    z : list of ndarray of shape (n_samples, d_l)
        Pre-activations.
    a : list of ndarray of shape (n_samples, d_l)
        Activations: ``a[0]`` is X, dense or sparse, ``a[-1]`` is y_pred.
    f_prime : list of ndarray of shape (n_samples, d_l)
        Derivatives of the activations at z. For a softmax output, where each output
        depends on every z, the Jacobians: (n_samples, d_L, d_L), symmetric. They are
        computed at the first access, and can be large: 8 GB for 1000 samples of 1000
        classes.
    dloss_da : list of ndarray of shape (n_samples, d_l)
        Gradients of each sample's own loss at a, unweighted; at the output they may be
        infinite where an output is saturated.
    delta : list of ndarray of shape (n_samples, d_l)
        Gradients of each sample's own loss at z, unweighted:
        ``dloss_da[l] * f_prime[l]`` to the bit, and for softmax the product with the
        Jacobian. Where the output activation is the default of the loss, delta of the
        output is computed from z directly, so that it is finite where dloss_da is not,
        and equals the product up to rounding.
    coef_grads : list of ndarray of shape (d_(l-1), d_l)
        Gradients of the objective at ``coefs``, with sample weights, 1/S and alpha.
    intercept_grads : list of ndarray of shape (d_l,)
        Gradients of the objective at ``intercepts``.
    loss : float
        The objective.
    activations : tuple of str
        Names of the activations of layers 1 ... L.
    """

    def __init__(self, activations, z, a, rows=None, **results_of_backprop):
        self.activations = activations
        self.z = z
        self.a = a
        self._rows = rows
        self._f_prime = [None] * len(z)
        vars(self).update(results_of_backprop)

    def __getattr__(self, name):
        if name in ("dloss_da", "delta", "coef_grads", "intercept_grads", "loss"):
            raise AttributeError(
                f"{name} is not known after a forward pass, which has no targets. Call "
                "backprop(X, y) instead."
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    @property
    def f_prime(self):
        """Derivatives of the activations at z, computed at the first access."""
        return [self._derivative(layer) for layer in range(len(self.z))]

    def elementwise_f_prime(self, layer):
        """``f_prime[layer]``, or None where it would be Jacobians."""
        is_rowwise = _core.activations()[self.activations[layer]]["rowwise"]
        return None if is_rowwise else self._derivative(layer)

    def _derivative(self, layer):
        if self._f_prime[layer] is None:
            self._f_prime[layer] = self._computed_derivative(layer)
        return self._f_prime[layer]

    def _computed_derivative(self, layer):
        activation, z, a = self.activations[layer], self.z[layer], self.a[layer + 1]
        n_samples, n_units = z.shape
        if _core.activations()[activation]["rowwise"]:
            derivative = np.empty((n_samples, n_units, n_units), dtype=z.dtype)
            # Row i of the Jacobian is its product with the i-th unit vector.
            for i, unit in enumerate(np.eye(n_units, dtype=z.dtype)):
                vector = np.broadcast_to(unit, z.shape)
                derivative[:, i] = _core.activation_vjp(activation, z, a, vector)
        else:
            derivative = _core.activation_vjp(activation, z, a, np.ones_like(z))
        if self._rows is not None:
            derivative[~self._rows] = 0
        return derivative

    def to_frame(self):
        """All arrays of units as a DataFrame, with one row per sample and unit.

        Returns
        -------
        pandas.DataFrame
            Columns ``sample`` (from 0), ``layer`` (from 1), ``unit`` (from 0), ``z``,
            ``a``, ``f_prime`` and, after ``backprop``, ``dloss_da`` and ``delta``. The
            ``f_prime`` of a softmax, which is not one number per unit, is NaN.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas

        f_prime = [self.elementwise_f_prime(layer) for layer in range(len(self.z))]
        columns = {"z": self.z, "a": self.a[1:], "f_prime": f_prime}
        if hasattr(self, "delta"):
            columns |= {"dloss_da": self.dloss_da, "delta": self.delta}
        frames = []
        for layer, z in enumerate(self.z):
            sample, unit = np.indices(z.shape)
            frame = {"sample": sample.ravel(), "layer": layer + 1, "unit": unit.ravel()}
            for name, arrays in columns.items():
                values = arrays[layer]
                frame[name] = np.nan if values is None else values.ravel()
            frames.append(pandas.DataFrame(frame))
        return pandas.concat(frames, ignore_index=True)

    def _tables(self):
        n_samples = self.z[0].shape[0]
        has_gradients = hasattr(self, "delta")
        title = f"Forward pass of {n_samples} samples"
        columns = ["layer", "units", "activation", "z", "a", "f'(z)"]
        if has_gradients:
            title = f"Backpropagation of {n_samples} samples, objective {self.loss:.6g}"
            columns += ["dloss/da", "delta", "dF/dW", "dF/db"]
        yield (
            f"{title}; root mean squares of each layer",
            columns,
            [self._row(layer, has_gradients) for layer in range(len(self.z))],
        )

    def _row(self, layer, has_gradients):
        arrays = [self.z[layer], self.a[layer + 1], self.elementwise_f_prime(layer)]
        if has_gradients:
            arrays += [self.dloss_da[layer], self.delta[layer]]
            arrays += [self.coef_grads[layer], self.intercept_grads[layer]]
        n_units = self.z[layer].shape[1]
        sizes = [None if array is None else _size(array) for array in arrays]
        return [layer + 1, n_units, self.activations[layer], *sizes]


def _size(array):
    """Compute the root mean square without overflow or underflow of the squares."""
    largest = float(np.max(np.abs(array)))
    if largest == 0 or not np.isfinite(largest):
        return largest
    shares = np.divide(array, largest, dtype=np.float64)
    return largest * float(np.sqrt(np.mean(np.square(shares))))
