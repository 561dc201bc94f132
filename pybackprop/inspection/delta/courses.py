"""Implements backpropagation as two courses write it, side by side in plain NumPy.

Andrew Ng, *Machine Learning*, fifth week, and Geoffrey Hinton, *Neural Networks for
Machine Learning*, third lecture.  Both start from the same forward pass.  In both, l
counts the weight layers from 1 to L, samples are rows, and E is the loss of a sample.
Ng has a bias unit in every layer, whose value is always 1, and so one matrix Theta per
layer; Hinton has a bias for every unit.

    Ng                                      Hinton
    delta_L                                 dE/dy_L, dE/dz_L = dy/dz dE/dy_L
    distributed_l = delta_(l+1) W_(l+1)^T   dE/dy_i = sum_j w_ij dE/dz_j
    delta_l = distributed_l * f'(z_l)       dE/dz_l = dy/dz dE/dy_l
    Delta_l = sum over samples a^T delta    dE/dw_ij = y_i dE/dz_j, summed over samples
    D_l = Delta_l / S + penalty             the same

delta_l is dE/dz_l, and distributed_l is dE/dy_l: one algorithm, in two notations.
"""

from dataclasses import dataclass

import numpy as np

from pybackprop import _core
from pybackprop.by_hand.activations import ACTIVATIONS, OUTPUTS

# Maximum number of entries of the Jacobians in memory at a time: 128 MB.
_MAX_ENTRIES = 2**24


@dataclass(frozen=True)
class ForwardPass:
    """Result of a forward pass, from which both algorithms start.

    Attributes
    ----------
    z, a : list of ndarray
        Pre-activations of L layers, and L + 1 activations: ``a[0]`` is X.
    y : ndarray of shape (n_samples, n_outputs)
    weights : ndarray of shape (n_samples,)
        All > 0.
    coefs, intercepts : list of ndarray
    penalties : list of ndarray
        Gradient of the penalty at each of ``coefs``, before the division by S.
    hidden_activations : sequence of str
    output_activation : str
    """

    z: list
    a: list
    y: np.ndarray
    weights: np.ndarray
    coefs: list
    intercepts: list
    penalties: list
    hidden_activations: tuple
    output_activation: str

    @property
    def n_layers(self):
        return len(self.coefs)

    def f_prime(self, layer):
        """Return f'(z) of a hidden layer, of shape (n_samples, d_l)."""
        _, f_prime = ACTIVATIONS[self.hidden_activations[layer - 1]]
        return f_prime(self.z[layer - 1])


def dy_dz(output_activation, z):
    """Compute the derivatives of the outputs y at the output's z.

    Returns
    -------
    ndarray of shape (n_samples, d) or (n_samples, d, d)
        g'(z); or, where each output depends on every z, as with softmax, the Jacobians:
        [n, i, j] is dy_i / dz_j.
    """
    _, vjp = OUTPUTS[output_activation]
    if not _core.activations()[output_activation]["rowwise"]:
        return vjp(z, np.ones_like(z))
    jacobian = np.empty((*z.shape, z.shape[1]))
    for i, unit in enumerate(np.eye(z.shape[1])):
        jacobian[:, i] = vjp(z, np.broadcast_to(unit, z.shape))
    return jacobian


def through(jacobian, dE_dy):
    """dE/dz_j = sum_i dy_i/dz_j dE/dy_i: a single product if f acts on each z alone."""
    if jacobian.ndim == 2:
        return jacobian * dE_dy
    return np.einsum("nij,ni->nj", jacobian, dE_dy)


def through_outputs(given, dE_dy):
    """Apply ``through`` to the output layer, for some samples at a time."""
    z = given.z[-1]
    n_rows = max(_MAX_ENTRIES // z.shape[1] ** 2, 1)
    blocks = [slice(k, k + n_rows) for k in range(0, len(z), n_rows)]
    parts = [
        through(dy_dz(given.output_activation, z[block]), dE_dy[block])
        for block in blocks
    ]
    return np.concatenate(parts)


def ng(given, delta):
    """Run Ng's algorithm, from the delta of the output layer down.

    Returns
    -------
    (dict, dict)
        Arrays with one row per sample: 'delta1' ... 'deltaL', 'distributed1' ... up to
        L - 1.  Arrays of parameters: 'Delta1' ... 'DeltaL' of shape (1 + d_(l-1), d_l),
        the bias unit's row first, 'dW1' ..., 'db1' ...
    """
    of_samples, of_parameters = {}, {}
    S = given.weights.sum()
    for layer in range(given.n_layers, 0, -1):
        of_samples[f"delta{layer}"] = delta
        a = _with_bias_unit(given.a[layer - 1])
        Delta = a.T @ (given.weights[:, None] * delta)
        D = Delta / S
        D[1:] += given.penalties[layer - 1] / S
        of_parameters[f"Delta{layer}"] = Delta
        of_parameters[f"dW{layer}"], of_parameters[f"db{layer}"] = D[1:], D[0]
        if layer > 1:
            Theta = np.vstack([given.intercepts[layer - 1], given.coefs[layer - 1]])
            # The product for the bias unit is not used: it has no delta.
            distributed = (delta @ Theta.T)[:, 1:]
            delta = distributed * given.f_prime(layer - 1)
            of_samples[f"distributed{layer - 1}"] = distributed
    return of_samples, of_parameters


def _with_bias_unit(a):
    return np.hstack([np.ones((len(a), 1)), a])


def hinton(given, dE_dy):
    """Run Hinton's algorithm, from the derivatives at the output units down.

    Returns
    -------
    (dict, dict)
        Arrays with one row per sample: 'dE_dy1' ... 'dE_dyL', 'dE_dz1' ... 'dE_dzL'.
        Arrays of parameters: 'dW1' ..., 'db1' ...
    """
    of_samples, of_parameters = {}, {}
    share = given.weights[:, None] / given.weights.sum()
    for layer in range(given.n_layers, 0, -1):
        at_output = layer == given.n_layers
        dE_dz = (
            through_outputs(given, dE_dy)
            if at_output
            else through(given.f_prime(layer), dE_dy)
        )
        of_samples[f"dE_dy{layer}"], of_samples[f"dE_dz{layer}"] = dE_dy, dE_dz
        y_below = given.a[layer - 1]
        mean = y_below.T @ (share * dE_dz)
        of_parameters[f"dW{layer}"] = (
            mean + given.penalties[layer - 1] / given.weights.sum()
        )
        of_parameters[f"db{layer}"] = (share * dE_dz).sum(axis=0)
        dE_dy = dE_dz @ given.coefs[layer - 1].T
    return of_samples, of_parameters
