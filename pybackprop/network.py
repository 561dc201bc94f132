"""Network: the multi-layer perceptron itself, with every number visible."""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from sklearn.utils import check_array

from pybackprop import _core
from pybackprop._format import read, written
from pybackprop._initialization import draw_initial_parameters, generator_of
from pybackprop._losses import check_loss_parameter
from pybackprop._numbers import numbers_only, require_numbers
from pybackprop._parameters import layer_sizes as units_of_layers
from pybackprop._sample_weight import check_sample_weight
from pybackprop._sparse import canonical_rows, valid_table
from pybackprop._targets import check_target_domain
from pybackprop._threads import granted

_HIDDEN = [name for name, record in _core.activations().items() if record["hidden"]]
_OUTPUTS = [name for name, record in _core.activations().items() if record["output"]]
_LOSSES = list(_core.losses())


@dataclass
class Trace:
    """Every number of one pass through a network, layer by layer.

    Attributes
    ----------
    z : list of ndarray of shape (n_samples, d_l)
        Pre-activations of layers l = 1 ... L.
    a : list of ndarray
        Activations: ``a[0]`` is X, ``a[l]`` of shape (n_samples, d_l).
    delta : list of ndarray of shape (n_samples, d_l)
        Gradients of each sample's own loss at z, unweighted.
    coef_grads, intercept_grads : list of ndarray
        Gradients of the objective, with sample weights, 1/S and alpha.
    loss : float
        The objective.
    """

    z: list
    a: list
    delta: list = field(default=None)
    coef_grads: list = field(default=None)
    intercept_grads: list = field(default=None)
    loss: float = field(default=None)


class Network:
    """A multi-layer perceptron with its parameters.

    Z_l = A_(l-1) W_l + b_l with A_0 = X; A_l = f(Z_l) in hidden layers and
    g(Z_L) at the output.

    Parameters
    ----------
    layer_sizes : sequence of int
        Units of each layer, features first, outputs last.
    activation : str or sequence of str, default='relu'
        f, for every hidden layer or one for each.
    output_activation : str, default='identity'
        g.
    loss : str or callable, default='squared_error'
        The gradient at the output's pre-activation is ``y_pred - y`` only where
        the loss's canonical output is ``output_activation``; elsewhere it is
        what the Jacobian of g makes of it. Any loss may stand with any output: a
        prediction that the loss does not take, such as a negative one of 'poisson',
        gives NaN. A callable is as in ``MLPRegressor``.
    alpha : float or sequence of float, default=0.0
        Penalty on coefficients, never on intercepts, of all weight layers or of each:
        the objective has the term
        sum alpha (l1_ratio ||W||_1 + (1 - l1_ratio) / 2 ||W||^2) / S.
    l1_ratio : float, default=0.0
        In [0, 1]. The subgradient of |w| at 0 is 0.
    dtype : {'float64', 'float32'}, default='float64'
    loss_parameter : float, default=None
        Of a loss that has one: the threshold of 'huber', > 0; the 'quantile', in
        [0, 1]; the power of 'tweedie', in (1, 2).
    random_state : int, RandomState instance or None, default=None
        Draws the initial parameters, as the estimators do.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        All coefficients, then all intercepts.
    activation : str or tuple of str
        As given.
    hidden_activations : tuple of str
        The same, one a hidden layer.
    coefs, intercepts : list of ndarray
        Views of ``parameters``, of shapes (d_(l-1), d_l) and (d_l,).
    """

    def __init__(
        self,
        layer_sizes,
        *,
        activation="relu",
        output_activation="identity",
        loss="squared_error",
        alpha=0.0,
        l1_ratio=0.0,
        dtype="float64",
        loss_parameter=None,
        random_state=None,
    ):
        self._describe(
            layer_sizes,
            activation,
            output_activation,
            loss,
            alpha,
            l1_ratio,
            dtype,
            loss_parameter,
        )
        self._hold(np.zeros(self.core.n_parameters, dtype=self.dtype))
        draw_initial_parameters(self, generator_of(random_state))

    @classmethod
    def of_parameters(
        cls,
        coefs,
        intercepts,
        *,
        activation,
        output_activation,
        loss="squared_error",
        alpha=0.0,
        l1_ratio=0.0,
        loss_parameter=None,
        copy=False,
    ):
        """A network of given coefficients and intercepts.

        They are copied into one vector, unless they already are the views of
        one; ``copy`` copies then too.
        """
        coefs, intercepts = _listed("coefs_", coefs), _listed("intercepts_", intercepts)
        layer_sizes, dtype = check_layers(coefs, intercepts)
        network = cls.__new__(cls)
        network._describe(
            layer_sizes,
            activation,
            output_activation,
            loss,
            alpha,
            l1_ratio,
            dtype,
            loss_parameter,
        )
        vector = _vector_behind(coefs[0], network.core.n_parameters, network.dtype)
        if (
            vector is not None
            and not copy
            and network.core.are_views(vector, coefs, intercepts)
        ):
            network._hold(vector)
            return network
        network._hold(np.empty(network.core.n_parameters, dtype=network.dtype))
        for views, arrays in ((network.coefs, coefs), (network.intercepts, intercepts)):
            for view, array in zip(views, arrays, strict=True):
                view[...] = array
        return network

    def _describe(
        self,
        layer_sizes,
        activation,
        output_activation,
        loss,
        alpha,
        l1_ratio,
        dtype,
        loss_parameter,
    ):
        is_list = isinstance(activation, (list, tuple))
        given = tuple(activation) if is_list else (activation,)
        for name, value, allowed in (
            *(("activation", name, _HIDDEN) for name in given),
            ("output_activation", output_activation, _OUTPUTS),
            ("loss", loss, _LOSSES),
        ):
            is_name = isinstance(value, str) and value in allowed
            if not is_name and not (name == "loss" and callable(value)):
                raise ValueError(f"{name} must be one of {allowed}. Got {value!r}.")
        sizes = units_of_layers(layer_sizes)
        if sizes is None or len(sizes) < 2:
            raise ValueError(
                "layer_sizes must be at least two ints >= 1, features first and "
                f"outputs last. Got {layer_sizes!r}."
            )
        n_hidden = len(sizes) - 2
        if not is_list:
            self.activation, self.hidden_activations = activation, given * n_hidden
        elif len(given) == n_hidden:
            self.activation = self.hidden_activations = given
        else:
            raise ValueError(
                f"activation={activation!r} must name one activation for each of the "
                f"{n_hidden} hidden layers of layer_sizes={layer_sizes!r}. "
                f"Got {len(given)}."
            )
        alphas = _layer_alphas(alpha, len(sizes) - 1)
        if not isinstance(l1_ratio, Real) or not 0 <= l1_ratio <= 1:
            raise ValueError(f"l1_ratio must be in [0, 1]. Got {l1_ratio!r}.")
        self.layer_sizes = tuple(sizes)
        self.output_activation = output_activation
        self.loss_name = loss
        self.alpha = alphas if np.ndim(alpha) else float(alpha)
        self.l1_ratio = float(l1_ratio)
        self.dtype = np.dtype(dtype)
        self.loss_parameter = check_loss_parameter(loss, loss_parameter, self.dtype)
        self.core = self._core_with(alphas)

    def _core_with(self, alphas):
        return _core.Network(
            self.layer_sizes,
            self.hidden_activations,
            self.output_activation,
            self.loss_name,
            alphas,
            self.dtype,
            l1_ratio=self.l1_ratio,
            loss_parameter=self.loss_parameter or 0.0,
        )

    def core_without_penalty(self):
        """The same network for the core, with an objective that is the loss alone."""
        return self._core_with([0.0] * (len(self.layer_sizes) - 1))

    def _hold(self, parameters):
        self.parameters = parameters
        # Views outlive a vector that is resized: nobody can, while this is held.
        self._memory = _core.kept(parameters)
        self.coefs, self.intercepts = self.core.views(parameters)

    def __getstate__(self):
        described = {
            "layer_sizes": self.layer_sizes,
            "activation": self.activation,
            "output_activation": self.output_activation,
            "loss": self.loss_name,
            "alpha": self.alpha,
            "l1_ratio": self.l1_ratio,
            "dtype": self.dtype.name,
            "loss_parameter": self.loss_parameter,
        }
        return written({"described": described, "parameters": self.parameters})

    def __setstate__(self, state):
        state = read(type(self).__name__, state)
        self._describe(**state["described"])
        self._hold(state["parameters"])

    def predict(self, X):
        """Output activations of shape (n_samples, n_outputs)."""
        return self.outputs(self._check_X(X))

    def outputs(self, X, logits=False):
        """``predict`` for X that is checked: finite, of the network's width and dtype.

        ``logits`` asks for the pre-activations of the output layer.
        """
        X = canonical_rows(valid_table(X))
        samples = _core.Samples(X, self.dtype)
        return self.core.predict(self.parameters, samples, logits, granted())

    def forward(self, X):
        """The z and a of every layer.

        Returns
        -------
        Trace
            Without deltas, gradients and loss: those need targets.
        """
        X = self._check_X(X)
        z, a = self._layers(X.shape[0]), self._layers(X.shape[0])
        samples = _core.Samples(X, self.dtype)
        self.core.forward(self.parameters, samples, {"z": z, "a": a}, granted())
        return Trace(z, [X, *a])

    def backprop(self, X, y, sample_weight=None):
        """One forward and one backward pass, with every number on the way.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers in the loss's domain; one-hot for a multiclass log-loss.
        sample_weight : array-like of shape (n_samples,), default=None
            Rows of weight 0 are left out: their traces are zero.

        Returns
        -------
        Trace
        """
        X = self._check_X(X)
        gradient = np.empty_like(self.parameters)
        layers = {name: self._layers(X.shape[0]) for name in ("z", "a", "delta")}
        loss = self._objective(X, y, sample_weight, gradient, layers)
        coef_grads, intercept_grads = self.core.views(gradient)
        return Trace(
            layers["z"],
            [X, *layers["a"]],
            layers["delta"],
            coef_grads,
            intercept_grads,
            loss,
        )

    def loss(self, X, y, sample_weight=None):
        """The objective: mean weighted loss and penalty."""
        return self._objective(self._check_X(X), y, sample_weight)

    def gradients(self, X, y, sample_weight=None):
        """Gradients of the objective: (coef_grads, intercept_grads)."""
        gradient = np.empty_like(self.parameters)
        self._objective(self._check_X(X), y, sample_weight, gradient)
        return self.core.views(gradient)

    def _objective(self, X, y, sample_weight, gradient=None, layers=None):
        require_numbers(y, "y")
        with numbers_only("y"):
            y = check_array(y, ensure_2d=False, dtype=self.dtype, input_name="y")
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        if y.shape != (X.shape[0], self.layer_sizes[-1]):
            raise ValueError(
                f"y must have the shape {(X.shape[0], self.layer_sizes[-1])}. "
                f"Got {y.shape}."
            )
        check_target_domain(self.loss_name, y)
        return self.core.objective(
            self.parameters,
            _core.Samples(X, self.dtype),
            _core.Targets(y, self.dtype),
            check_sample_weight(sample_weight, X.shape[0]),
            gradient,
            layers,
            granted(),
        )

    def _layers(self, n_samples):
        return [
            np.zeros((n_samples, n), dtype=self.dtype) for n in self.layer_sizes[1:]
        ]

    def _check_X(self, X):
        require_numbers(X, "X")
        with numbers_only("X"):
            X = check_array(
                valid_table(X),
                accept_sparse=["csr", "csc"],
                dtype=self.dtype,
                input_name="X",
            )
        if X.shape[1] != self.layer_sizes[0]:
            raise ValueError(
                f"X must have {self.layer_sizes[0]} features. Got {X.shape[1]}."
            )
        return canonical_rows(X)


def _layer_alphas(alpha, n_layers):
    """The penalty of each weight layer as a list, or ValueError."""
    if isinstance(alpha, Real) and 0 <= alpha < np.inf:
        return [float(alpha)] * n_layers
    require_numbers(alpha, "alpha")
    with numbers_only("alpha"):
        alphas = np.asarray(alpha, dtype=np.float64)
    if alphas.ndim > 0 and alphas.shape != (n_layers,):
        raise ValueError(
            f"alpha must be a float or have one for each of the {n_layers} weight "
            f"layers. Got {alpha!r}."
        )
    if not np.all((alphas >= 0) & (alphas < np.inf)):
        raise ValueError(f"alpha must be a finite number >= 0. Got {alpha!r}.")
    return np.broadcast_to(alphas, n_layers).tolist()


def check_layers(coefs, intercepts):
    """Layer sizes and data type of coefficients that fit together, or ValueError."""
    coefs, intercepts = _listed("coefs_", coefs), _listed("intercepts_", intercepts)
    if not coefs or len(coefs) != len(intercepts):
        raise ValueError(
            "coefs_ and intercepts_ must have one array a layer. "
            f"Got {len(coefs)} and {len(intercepts)}."
        )
    dtype = np.result_type(*_real_dtypes("coefs_", coefs))
    _real_dtypes("intercepts_", intercepts)
    if dtype not in (np.float32, np.float64):
        dtype = np.dtype(np.float64)
    sizes = [np.shape(coefs[0])[0]] if np.ndim(coefs[0]) == 2 else [None]
    for layer, (W, b) in enumerate(zip(coefs, intercepts, strict=True)):
        if np.ndim(W) != 2 or np.shape(W)[0] != sizes[-1]:
            raise ValueError(
                f"coefs_[{layer}] must have {sizes[-1]} rows, the size of the layer "
                f"before. Got the shape {np.shape(W)}."
            )
        sizes.append(np.shape(W)[1])
        if np.shape(b) != (sizes[-1],):
            raise ValueError(
                f"intercepts_[{layer}] must have the shape ({sizes[-1]},), the columns "
                f"of coefs_[{layer}]. Got {np.shape(b)}."
            )
    return sizes, dtype


def _listed(name, arrays):
    try:
        return list(arrays)
    except TypeError:
        raise ValueError(f"{name} must be a list of arrays. Got {arrays!r}.") from None


def _real_dtypes(name, arrays):
    """The data types of arrays of real numbers, or ValueError."""
    dtypes = []
    for layer, array in enumerate(arrays):
        try:
            dtypes.append(np.asarray(array).dtype)
        except ValueError:  # ragged lists
            dtypes.append(np.dtype(object))
        if dtypes[-1].kind not in "fiub":
            raise ValueError(
                f"{name}[{layer}] must be an array of real numbers. Got {dtypes[-1]}."
            )
    return dtypes


def _vector_behind(array, n_parameters, dtype):
    """The parameter vector that an array is the first view of, if there is one."""
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
