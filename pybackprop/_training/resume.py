"""Going on where a fit has stopped, in another process too, with the same bits."""

import zlib
from numbers import Integral, Real

import numpy as np

from pybackprop._constraints import InvalidParameterError, Rule, either, number
from pybackprop._model.optimizer import Optimizer
from pybackprop._parameters import rules_of

# What a fit that goes on may have changed: when it ends, and what no bit depends on.
_MAY_CHANGE = {
    "max_iter",
    "max_time",
    "n_iter_no_change",
    "n_jobs",
    "tol",
    "verbose",
    "warm_start",
    "max_fun",
    "random_state",
}
_PLAIN = (bool, int, float, str, type(None), tuple)


class Pause:
    """What it takes, beside the fitted attributes, to go on with a fit.

    The split and the orders of rows are not kept, since they may be as large as the
    data: they are drawn again, from the generator as it was before the first of them.

    Parameters
    ----------
    model : estimator
    random_state : RandomState
        Before the validation split.
    n_samples : int or None
        None where batches are given.

    Attributes
    ----------
    random_state : dict
        The generator's state.
    parameters : ndarray of shape (n_parameters,) or None
        The network's at the end of the last epoch, where better ones were restored.
    validation : int or None
        A checksum of the rows split off, or of the targets given, once there is one.
    """

    def __init__(self, model, random_state, n_samples):
        self.n_samples = n_samples
        # A copy of the generator itself would take as long as a short fit.
        self.random_state = random_state.get_state(legacy=False)
        self.settings = _settings(model)
        self.parameters = None
        self.validation = None

    def generator(self):
        """The generator as it was before the validation split, to draw from again."""
        bit_generator = getattr(np.random, self.random_state["bit_generator"])
        generator = np.random.RandomState(bit_generator(0))
        generator.set_state(self.random_state)
        return generator

    def require_same(self, model, n_samples):
        """Raise ValueError unless this is the fit that has stopped."""
        if (n_samples is None) != (self.n_samples is None):
            begun, now = ("fit", "fit_batches")[:: 1 if n_samples is None else -1]
            raise ValueError(
                f"resume=True goes on with a training by {begun}. Got a call to {now}."
            )
        if n_samples != self.n_samples:
            raise ValueError(
                f"resume=True goes on with a fit of {self.n_samples} samples. Got X "
                f"with {n_samples}."
            )
        settings = _settings(model)
        for name in sorted(settings.keys() & self.settings.keys()):
            if settings[name] != self.settings[name]:
                raise ValueError(
                    f"resume=True goes on with {name}={self.settings[name]!r}, as in "
                    f"the fit. Got {name}={settings[name]!r}."
                )

    def check_validation(self, *known_by):
        """Keep a checksum of a validation set; ValueError if it is another now."""
        checksum = 0
        for array in known_by:
            checksum = zlib.crc32(array.tobytes(), checksum)
        if self.validation not in (None, checksum):
            raise ValueError(
                "resume=True goes on with the validation set of the fit, but X_val and "
                "y_val, or y and validation_fraction, now make another one. Give a "
                "splitter that shuffles an int as its random_state."
            )
        self.validation = checksum


def require_pause(model):
    """Raise ValueError unless a model holds a fit that can be gone on with."""
    if model.solver == "lbfgs":
        raise ValueError(
            "resume=True cannot be had with solver='lbfgs': SciPy does not hand out "
            "the state of L-BFGS-B. Use 'sgd' or 'adam', or warm_start=True."
        )
    if not isinstance(getattr(model, "_pause", None), Pause):
        raise ValueError(
            "resume=True goes on with the last fit by 'sgd' or 'adam', and there is "
            "none, or partial_fit has trained since."
        )


def _settings(model):
    """The parameters that must stay, where they are plain values."""
    return {
        name: value
        for name in rules_of(type(model)).keys() - _MAY_CHANGE
        if isinstance(value := getattr(model, name), _PLAIN)
    }


# What a training has reached is checked before another one continues from it: users can
# set or delete fitted attributes, and a file may hold what another model has left.
_NONE = Rule("None", lambda value: value is None)
_LIST = Rule("a list", lambda value: isinstance(value, list))
_COUNT = number(Integral, 0, 2**62)
_MEASURE = either(_NONE, number(Real, -np.inf, np.inf, closed="both"))

_RULES = {
    "n_iter_": _COUNT,
    "t_": _COUNT,
    "_no_improvement_count": _COUNT,
    "best_loss_": _MEASURE,
    "best_validation_score_": _MEASURE,
    "loss_curve_": _LIST,
    "validation_scores_": either(_NONE, _LIST),
    "validation_loss_curve_": either(_NONE, _LIST),
    "_history": _LIST,
}


def require_reached(model):
    """Raise ValueError for an attribute that no training leaves."""
    for name, rule in _RULES.items():
        value = vars(model).get(name)
        if name in vars(model) and not rule.holds(value):
            raise InvalidParameterError(
                f"{name} must be {rule.words} for a training that goes on. "
                f"Got {value!r}."
            )


def optimizer_reached(model, network):
    """A copy of the model's optimizer; ValueError unless it is one of the network."""
    optimizer = model._optimizer
    shape = None
    if isinstance(optimizer, Optimizer):
        shape = (*np.shape(optimizer.states)[:1], len(network.parameters))
    if shape is None or np.shape(optimizer.states) != shape:
        raise ValueError(
            "_optimizer must be the optimizer of a network of "
            f"{len(network.parameters)} parameters. Got {optimizer!r}."
        )
    optimizer = optimizer.copy()
    optimizer.states = np.asarray(optimizer.states, dtype=network.dtype)
    return optimizer


def best_parameters_reached(model, network):
    """A copy of the model's best parameters; ValueError unless a network has such."""
    best = model._best_parameters
    if np.shape(best) != network.parameters.shape:
        raise ValueError(
            f"_best_parameters must be a vector of length {len(network.parameters)}. "
            f"Got {best!r}."
        )
    return np.array(best, dtype=network.dtype)
