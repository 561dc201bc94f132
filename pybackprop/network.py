"""Defines Network: a multi-layer perceptron with all its numbers accessible."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array

from pybackprop import _core
from pybackprop._constraints import InvalidParameterError
from pybackprop._data.numeric import argument_named, require_numbers
from pybackprop._data.sparse import canonical_rows, valid_table
from pybackprop._data.weights import check_sample_weight
from pybackprop._model.initialization import draw_initial_parameters, generator_of
from pybackprop._model.layers import check_layers, layer_alphas, listed, vector_behind
from pybackprop._model.losses import check_loss_parameter
from pybackprop._model.optimizer import Optimizer
from pybackprop._model.serialization import read, written
from pybackprop._model.targets import check_target_domain
from pybackprop._parameters import layer_sizes as units_of_layers
from pybackprop._threads import default_n_threads
from pybackprop.trace import Trace

_HIDDEN = [name for name, record in _core.activations().items() if record["hidden"]]
_OUTPUTS = [name for name, record in _core.activations().items() if record["output"]]
_LOSSES = list(_core.losses())
# In messages.
_NAMES = ("coefs", "intercepts")


def _checked_dtype(dtype):
    try:
        if np.dtype(dtype) in (np.float32, np.float64):
            return np.dtype(dtype)
    except TypeError:  # not the name of a data type
        pass
    raise InvalidParameterError(f"dtype must be 'float64' or 'float32'. Got {dtype!r}.")


class Network:
    """A multi-layer perceptron: layer sizes, activations, loss and parameters.

    Z_l = A_(l-1) W_l + b_l with A_0 = X; A_l = f(Z_l) in hidden layers and
    g(Z_L) at the output.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of each layer: features first, outputs last.
    activation : str or sequence of str, default='relu'
        f, of all hidden layers or one per hidden layer, with the names of
        ``MLPClassifier``.
    output_activation : str, default='identity'
        g: one of the same names, 'softmax' or 'exp'.
    loss : str or callable, default='squared_error'
        'squared_error', 'absolute_error', 'huber', 'quantile', 'poisson', 'gamma' and
        'tweedie', or a callable, as in ``MLPRegressor``; 'binary_log_loss' for targets
        from 0 to 1 in each output; 'log_loss' for targets that sum to 1 in each row.
        Any loss can be combined with any output activation. The gradient at the
        output's pre-activation is ``y_pred - y`` only for the loss's canonical output
        activation; for others it is the gradient at y_pred, multiplied by the Jacobian
        of g. The loss of a prediction outside its domain, such as a negative one for
        'poisson', is NaN.
    alpha : float or sequence of float, default=0.0
        Strength of the penalty on the coefficients of all weight layers, or of each.
        Intercepts are not penalized. The penalty is
        sum alpha (l1_ratio ||W||_1 + (1 - l1_ratio) / 2 ||W||^2) / S, where S is the
        sum of the sample weights, or the number of rows without them.
    l1_ratio : float, default=0.0
        Share of the L1 penalty, in [0, 1]. The subgradient of abs(w) at 0 is 0.
    dtype : {'float64', 'float32'}, default='float64'
        Data type of the parameters and of all computations.
    loss_parameter : float, default=None
        Parameter of the loss: the threshold of 'huber', > 0; the quantile of
        'quantile', in [0, 1]; the power of 'tweedie', in (1, 2). None for other losses.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers for the initial parameters, as in the estimators.

    Raises
    ------
    ValueError
        If an argument is outside its range. The message names it.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        All coefficients, then all intercepts. An assignment copies the values.
    activation : str or tuple of str
        The argument of this name.
    hidden_activations : tuple of str
        The activation of each hidden layer.
    layer_sizes : tuple of int
        Number of units of each layer, d_0 ... d_L.
    output_activation, loss, alpha, l1_ratio, loss_parameter
        The arguments of these names.
    dtype : numpy dtype
        Data type of the parameters.
    coefs, intercepts : list of ndarray
        Views of ``parameters``, of shapes (d_(l-1), d_l) and (d_l,). They can be
        written to. An array assigned to an item of a list is copied into the parameters
        when the network is used next.
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
        self._set_parameters(np.zeros(self.core.n_parameters, dtype=self.dtype))
        draw_initial_parameters(self, generator_of(random_state))

    @classmethod
    def from_parameters(
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
        """Create a network with given coefficients and intercepts.

        Parameters
        ----------
        coefs : list of array-like of shape (d_(l-1), d_l)
            Coefficients of each layer. The network is float32 if all arrays are, else
            float64.
        intercepts : list of array-like of shape (d_l,)
            Intercepts of each layer.
        activation, output_activation : str
            As in ``Network``, but required.
        loss, alpha, l1_ratio, loss_parameter
            As in ``Network``.
        copy : bool, default=False
            Whether to copy arrays that are views of one vector, such as those of
            another network or of a fitted estimator. If False, the new network shares
            that memory, so that a change in one is a change in both. Other arrays are
            always copied.

        Returns
        -------
        Network

        Raises
        ------
        ValueError
            If the shapes of the arrays do not form layers, or an argument is outside
            its range.
        """
        coefs, intercepts = listed("coefs", coefs), listed("intercepts", intercepts)
        layer_sizes, dtype = check_layers(coefs, intercepts, _NAMES)
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
        vector = vector_behind(coefs[0], network.core.n_parameters, network.dtype)
        if (
            vector is not None
            and not copy
            and network.core.are_views(vector, coefs, intercepts)
        ):
            network._set_parameters(vector)
            return network
        network._set_parameters(
            np.empty(network.core.n_parameters, dtype=network.dtype)
        )
        for views, arrays in ((network.coefs, coefs), (network.intercepts, intercepts)):
            for view, array in zip(views, arrays, strict=True):
                view[...] = array
        return network

    def replace(
        self, *, coefs=None, intercepts=None, dtype=None, copy=False, **changes
    ):
        """A network like this one, with some of its settings replaced.

        Parameters
        ----------
        coefs, intercepts : list of array-like, default=None
            As in ``from_parameters``. None keeps those of this network.
        dtype : {'float64', 'float32'}, default=None
            Data type of the new network, whose parameters are then a copy. None keeps
            that of the parameters.
        copy : bool, default=False
            Whether to copy the parameters. Otherwise the new network shares the memory
            of this one, unless ``coefs``, ``intercepts`` or ``dtype`` is given: a
            change in one is a change in both.
        **changes : dict
            Any of ``activation``, ``output_activation``, ``loss``, ``alpha``,
            ``l1_ratio`` and ``loss_parameter``, as in ``Network``. A new ``loss``
            that has a parameter needs ``loss_parameter`` too.

        Returns
        -------
        Network

        Raises
        ------
        TypeError
            For the name of any other setting.
        ValueError
            For arrays that make no layers, or a setting outside its range.

        Examples
        --------
        >>> from pybackprop import Network
        >>> network = Network([2, 3, 1], alpha=0.1, random_state=0)
        >>> without_penalty = network.replace(alpha=0.0)
        >>> without_penalty.alpha, without_penalty.parameters is network.parameters
        (0.0, True)
        """
        settings = {
            "activation": self.activation,
            "output_activation": self.output_activation,
            "loss": self.loss,
            "alpha": self.alpha,
            "l1_ratio": self.l1_ratio,
        }
        if "loss" not in changes:
            settings["loss_parameter"] = self.loss_parameter
            if dtype is not None and self.loss_parameter is not None:
                # The core has rounded the parameter to the data type of this network.
                settings["loss_parameter"] = float(self.dtype.type(self.loss_parameter))
        arrays = (
            self.coefs if coefs is None else listed("coefs", coefs),
            self.intercepts if intercepts is None else listed("intercepts", intercepts),
        )
        if dtype is not None:
            dtype = _checked_dtype(dtype)
            arrays = [[np.asarray(a).astype(dtype) for a in part] for part in arrays]
        return type(self).from_parameters(*arrays, copy=copy, **(settings | changes))

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
        dtype = _checked_dtype(dtype)
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
        alphas = layer_alphas(alpha, len(sizes) - 1)
        if not isinstance(l1_ratio, Real) or not 0 <= l1_ratio <= 1:
            raise ValueError(f"l1_ratio must be in [0, 1]. Got {l1_ratio!r}.")
        self.layer_sizes = tuple(sizes)
        self.output_activation = output_activation
        self.loss = loss
        self.alpha = alphas if np.ndim(alpha) else float(alpha)
        self.l1_ratio = float(l1_ratio)
        self.dtype = dtype
        self.loss_parameter = check_loss_parameter(loss, loss_parameter, self.dtype)
        self.core = self._core_with(alphas)

    def _core_with(self, alphas):
        return _core.Network(
            self.layer_sizes,
            self.hidden_activations,
            self.output_activation,
            self.loss,
            alphas,
            self.dtype,
            l1_ratio=self.l1_ratio,
            loss_parameter=self.loss_parameter or 0.0,
        )

    def _core_without_penalty(self):
        """Return the core's network with an objective that is the loss alone."""
        return self._core_with([0.0] * (len(self.layer_sizes) - 1))

    def __repr__(self):
        given = {k: v for k, v in self._described().items() if v is not None}
        sizes = list(given.pop("layer_sizes"))
        arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"Network({sizes}, {arguments})"

    @property
    def parameters(self):
        return self._parameters

    @parameters.setter
    def parameters(self, values):
        if np.shape(values) != self._parameters.shape:
            raise ValueError(
                f"parameters must have the shape {self._parameters.shape}. "
                f"Got {np.shape(values)}."
            )
        self._parameters[:] = values

    def _set_parameters(self, parameters):
        self._parameters = parameters
        self._optimizers = {}
        self._few_rows = _core.SmallBatchPredictor(self.core, parameters)
        # NumPy refuses to resize a vector that this refers to, so views stay valid.
        self._memory = _core.hold_buffer(parameters)
        self.coefs, self.intercepts = self.core.views(parameters)

    def _described(self):
        return {
            "layer_sizes": self.layer_sizes,
            "activation": self.activation,
            "output_activation": self.output_activation,
            "loss": self.loss,
            "alpha": self.alpha,
            "l1_ratio": self.l1_ratio,
            "dtype": self.dtype.name,
            "loss_parameter": self.loss_parameter,
        }

    def __getstate__(self):
        state = {"described": self._described(), "parameters": self.parameters}
        return written(state)

    def __setstate__(self, state):
        state = read(type(self).__name__, state)
        self._describe(**state["described"])
        self._set_parameters(state["parameters"])

    def predict(self, X):
        """Compute the output activations.

        A small batch takes microseconds if X is an array of the network's data type.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Has the data type of the network.

        Raises
        ------
        ValueError
            If X has another number of features, or values that are not finite.
        """
        y_pred = self._few_rows.predict(X, self.coefs, self.intercepts, False)
        if y_pred is not None:
            return y_pred
        samples = _core.Samples(self._check_X(X), self.dtype)
        return self.core.predict(self.parameters, samples, False, default_n_threads())

    def forward(self, X):
        """Compute the pre-activations z and activations a of all layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        Trace
            Its attributes that need targets (deltas, gradients, loss) raise
            AttributeError.
        """
        X = self._check_X(X)
        z, a = self._layers(X.shape[0]), self._layers(X.shape[0])
        samples = _core.Samples(X, self.dtype)
        self.core.forward(
            self.parameters, samples, {"z": z, "a": a}, default_n_threads()
        )
        return Trace(self._activations(), z, [X, *a])

    def backprop(self, X, y, sample_weight=None):
        """Run one forward and one backward pass and return all intermediate values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets in the loss's domain; one-hot for a multiclass log-loss.
        sample_weight : array-like of shape (n_samples,), default=None
            Rows with weight 0 are skipped: their values in the trace are zero.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If X or y has another shape or values that are not finite, a target is
            outside the loss's domain, or a weight is negative.
        """
        X = self._check_X(X)
        gradient = np.empty_like(self.parameters)
        names = ("z", "a", "delta", "dloss_da")
        layers = {name: self._layers(X.shape[0]) for name in names}
        table = self._checked(X, y, sample_weight)
        loss = self._evaluate(*table, gradient, layers)
        weights = table[-1]
        coef_grads, intercept_grads = self.core.views(gradient)
        return Trace(
            self._activations(),
            layers["z"],
            [X, *layers["a"]],
            None if weights is None else weights != 0,
            delta=layers["delta"],
            dloss_da=layers["dloss_da"],
            coef_grads=coef_grads,
            intercept_grads=intercept_grads,
            loss=loss,
        )

    def objective(self, X, y, sample_weight=None):
        """Compute the objective: mean weighted loss plus penalty.

        Parameters
        ----------
        X, y, sample_weight
            As in ``backprop``.

        Returns
        -------
        float
        """
        return self._evaluate(*self._checked(self._check_X(X), y, sample_weight))

    def gradients(self, X, y, sample_weight=None):
        """Compute the gradients of the objective as ``backprop`` does, without a trace.

        Parameters
        ----------
        X, y, sample_weight
            As in ``backprop``.

        Returns
        -------
        coef_grads : list of ndarray of shape (d_(l-1), d_l)
        intercept_grads : list of ndarray of shape (d_l,)
        """
        gradient = np.empty_like(self.parameters)
        self._evaluate(*self._checked(self._check_X(X), y, sample_weight), gradient)
        return self.core.views(gradient)

    def optimizer(
        self,
        solver="sgd",
        *,
        learning_rate_init=0.001,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.01,
        global_clipnorm=None,
        max_norm=None,
    ):
        """Create an optimizer for ``step``.

        Parameters
        ----------
        solver : {'sgd', 'adam', 'adamw', 'nadam', 'rmsprop'}, default='sgd'
            With ``momentum=0``, 'sgd' is plain gradient descent.
        learning_rate_init, momentum, nesterovs_momentum, beta_1, beta_2, epsilon, \
weight_decay, global_clipnorm, max_norm
            As in ``MLPClassifier``, with the same defaults. Each solver uses those
            that apply to it.

        Returns
        -------
        Optimizer
            For this network only. ``learning_rate`` can be set between steps;
            ``n_steps`` counts the steps.
        """
        hyperparameters = {k: v for k, v in locals().items() if k != "self"}
        return Optimizer.from_network(self, **hyperparameters)

    def step(self, X, y, optimizer="sgd", sample_weight=None):
        """Take one step of an optimizer on the objective of the given rows.

        A fit takes the same step for a batch of these rows, with the same bits.

        Parameters
        ----------
        X, y, sample_weight
            As in ``backprop``.
        optimizer : str or Optimizer, default='sgd'
            The return value of ``self.optimizer(...)``. A name stands for
            ``self.optimizer(name)``, which later steps with this name reuse.

        Returns
        -------
        float
            The objective before the step.

        Raises
        ------
        ValueError
            If a parameter would no longer be finite. The parameters do not change.
        """
        X = self._check_X(X)
        samples, targets, weights = self._checked(X, y, sample_weight)
        optimizer = self._optimizer_for(optimizer)
        before = self.parameters.copy(), optimizer.copy()
        training = _core.Training(
            self.core,
            self.parameters,
            optimizer,
            samples,
            targets,
            weights,
            X.shape[0],
            default_n_threads(),
        )
        loss, finite, _, _ = training.epoch(None)
        if not finite:
            self.parameters[:] = before[0]
            vars(optimizer).update(vars(before[1]))
            raise ValueError(
                "Parameters would not be finite after the step, so it was not taken: "
                f"reduce learning_rate={optimizer.learning_rate}, or change parameters "
                f"for which the loss is {loss} and its gradient not finite."
            )
        return loss

    def _optimizer_for(self, optimizer):
        if isinstance(optimizer, str) and optimizer in _core.optimizers():
            if optimizer not in self._optimizers:
                self._optimizers[optimizer] = self.optimizer(optimizer)
            return self._optimizers[optimizer]
        if not isinstance(optimizer, Optimizer):
            raise ValueError(
                f"optimizer must be one of {list(_core.optimizers())} or the return "
                f"value of network.optimizer(...). Got {optimizer!r}."
            )
        states, parameters = optimizer.states, self.parameters
        if states.shape[1] != len(parameters) or states.dtype != parameters.dtype:
            raise ValueError(
                "optimizer must be one of this network, for its "
                f"{len(parameters)} parameters of {parameters.dtype}. Got one for "
                f"{states.shape[1]} of {states.dtype}; call network.optimizer(...)."
            )
        rate = optimizer.learning_rate
        if not isinstance(rate, Real) or not 0 <= rate < np.inf:
            raise ValueError(
                f"optimizer.learning_rate must be a finite number >= 0. Got {rate!r}."
            )
        return optimizer

    def _activations(self):
        return (*self.hidden_activations, self.output_activation)

    def _evaluate(self, samples, targets, weights, gradient=None, layers=None):
        return self.core.objective(
            self.parameters,
            samples,
            targets,
            weights,
            gradient,
            layers,
            default_n_threads(),
        )

    def _checked(self, X, y, sample_weight):
        """Check y and weights; return what the core reads for them and a checked X."""
        require_numbers(y, "y")
        with argument_named("y"):
            y = check_array(y, ensure_2d=False, dtype=self.dtype, input_name="y")
        given = y.shape
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        if y.shape != (X.shape[0], self.layer_sizes[-1]):
            raise ValueError(
                f"y must have the shape {(X.shape[0], self.layer_sizes[-1])}. "
                f"Got {given}."
            )
        check_target_domain(self.loss, y)
        return (
            _core.Samples(X, self.dtype),
            _core.Targets(y, self.dtype),
            check_sample_weight(sample_weight, X.shape[0]),
        )

    def _layers(self, n_samples):
        return [
            np.zeros((n_samples, n), dtype=self.dtype) for n in self.layer_sizes[1:]
        ]

    def _copy_assigned(self):
        """Copy arrays assigned by the user back into the parameter vector."""
        if self.core.are_views(self.parameters, self.coefs, self.intercepts):
            return
        sizes, _ = check_layers(self.coefs, self.intercepts, _NAMES)
        if tuple(sizes) != self.layer_sizes:
            raise ValueError(
                "coefs and intercepts must have the shapes for the layer sizes "
                f"{self.layer_sizes}. Got those for {tuple(sizes)}."
            )
        views = self.core.views(self.parameters)
        for arrays, of_layer in zip((self.coefs, self.intercepts), views, strict=True):
            for view, array in zip(of_layer, arrays, strict=True):
                view[...] = array
        self.coefs, self.intercepts = views

    def _check_X(self, X):
        self._copy_assigned()
        require_numbers(X, "X")
        with argument_named("X"):
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
