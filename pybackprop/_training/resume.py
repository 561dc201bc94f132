"""Continues a training after its last epoch, also in another process, bit for bit.

Anybody can set or delete a fitted attribute, and a file may hold what another model has
left. So what a training continues from is checked first.
"""

import zlib
from copy import copy
from numbers import Integral, Real

import numpy as np

from pybackprop._constraints import (
    NONE,
    Constraint,
    InvalidParameterError,
    either,
    number,
)
from pybackprop._model.initialization import generator_of
from pybackprop._model.optimizer import Optimizer, dropout_rates
from pybackprop._parameters import RULES
from pybackprop._solvers import SOLVERS

_LIST = Constraint("a list", lambda value: isinstance(value, list))
_COUNT = number(Integral, 0, 2**62)
_MEASURE = either(NONE, number(Real, -np.inf, np.inf, closed="both"))

_STATE_RULES = {
    "n_iter_": _COUNT,
    "t_": _COUNT,
    "_no_improvement_count": _COUNT,
    "best_loss_": _MEASURE,
    "best_validation_score_": _MEASURE,
    "loss_curve_": _LIST,
    "validation_scores_": either(NONE, _LIST),
    "validation_loss_curve_": either(NONE, _LIST),
    "_history": _LIST,
}

# Parameters that may differ when a fit is resumed: they say when it ends, or no bit
# depends on them.
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
_MUST_STAY = {*RULES, "loss"} - _MAY_CHANGE
_RESUMABLE = "one of " + ", ".join(
    repr(name) for name in SOLVERS if SOLVERS[name].resumable
)
_PLAIN = (bool, int, float, str, type(None), tuple)


def validate_state(attributes):
    """Raise ValueError for a fitted attribute that no training leaves."""
    for name, rule in _STATE_RULES.items():
        if name in attributes and not rule.is_satisfied_by(attributes[name]):
            raise InvalidParameterError(
                f"{name} must be {rule.description} to continue a training. "
                f"Got {attributes[name]!r}."
            )


class ResumeState:
    """What is needed besides the fitted attributes to continue a fit.

    The split and the orders of samples are not kept, since they may be as large as the
    data: they are drawn again, from the generator as it was before the first draw.

    Parameters
    ----------
    params : object
        Has the parameters of an estimator as attributes.
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

    def __init__(self, params, random_state, n_samples):
        self.n_samples = n_samples
        # A copy of the generator itself would take as long as a short fit.
        self.random_state = random_state.get_state(legacy=False)
        self.settings = _settings(params)
        self.parameters = None
        self.validation = None

    def generator(self):
        """Return the generator as it was before the validation split."""
        bit_generator = getattr(np.random, self.random_state["bit_generator"])
        generator = np.random.RandomState(bit_generator(0))
        generator.set_state(self.random_state)
        return generator

    def require_same(self, params, n_samples):
        """Raise ValueError unless this is the fit that has stopped."""
        if (n_samples is None) != (self.n_samples is None):
            begun, now = ("fit", "fit_batches")[:: 1 if n_samples is None else -1]
            raise ValueError(
                f"resume=True continues a training by {begun}. Got a call to {now}."
            )
        if n_samples != self.n_samples:
            raise ValueError(
                f"resume=True continues a fit of {self.n_samples} samples. Got X "
                f"with {n_samples}."
            )
        settings = _settings(params)
        for name in sorted(settings.keys() & self.settings.keys()):
            if settings[name] != self.settings[name]:
                raise ValueError(
                    f"resume=True needs {name}={self.settings[name]!r}, as in the fit. "
                    f"Got {name}={settings[name]!r}."
                )

    def check_validation(self, *arrays):
        """Keep a checksum of the validation set; ValueError if it has changed.

        The arrays are the rows split off, or the targets of a set that was passed.
        """
        checksum = 0
        for array in arrays:
            checksum = zlib.crc32(array.tobytes(), checksum)
        if self.validation not in (None, checksum):
            raise ValueError(
                "The validation set has changed since the fit that resume=True "
                "continues. Pass the same X_val and y_val, or the same y and "
                "validation_fraction; give a splitter that shuffles an integer "
                "random_state."
            )
        self.validation = checksum


def _settings(params):
    """Return the parameters that must stay, where they are plain values."""
    return {
        name: value
        for name, value in vars(params).items()
        if name in _MUST_STAY and isinstance(value, _PLAIN)
    }


def require_resumable(params, attributes):
    """Raise ValueError unless an estimator holds a fit that can be continued."""
    if not SOLVERS[params.solver].resumable:
        raise ValueError(
            f"resume=True is not supported with solver={params.solver!r}, whose state "
            f"is not accessible. Use {_RESUMABLE}, or warm_start=True."
        )
    if not isinstance(attributes.get("_pause"), ResumeState):
        raise ValueError(
            "resume=True needs a fit that can be continued. Got none: this estimator "
            f"was not fitted by {_RESUMABLE}, or partial_fit has trained it since. "
            "Fit without resume."
        )


def start_generator(params, state, n_samples, resume):
    """Return the generator of a fit, or of the fit that ``resume`` continues."""
    if not resume:
        return generator_of(params.random_state)
    # A copy: should this fit fail, the estimator's is as it was.
    state.resume_state = copy(state.resume_state)
    state.resume_state.require_same(params, n_samples)
    return state.resume_state.generator()


def start_optimizer(problem, request, state, random_state):
    """Return the optimizer of a training: a new one, or a copy of that reached."""
    params, network = problem.params, problem.network
    reached = vars(state)
    if request.is_one_epoch and "optimizer" in reached:
        optimizer = _optimizer_reached(state.optimizer, network)
        if optimizer.name != params.solver:
            raise ValueError(
                f"partial_fit continues with solver={optimizer.name!r}, as it began. "
                f"Got solver={params.solver!r}: fit anew to use it."
            )
        return optimizer
    dropout = dropout_rates(params, len(network.coefs))
    # Without dropout nothing is drawn: scikit-learn's draws are the only ones then.
    seed = 0 if dropout is None else random_state.randint(2**63 - 1, dtype=np.int64)
    if not request.resume:
        return Optimizer.from_params(params, network, dropout, int(seed))
    optimizer = _optimizer_reached(reached.get("optimizer"), network)
    if optimizer.n_epochs != state.n_iter:
        raise ValueError(
            f"n_iter_ must be {optimizer.n_epochs}, the epochs of the fit that "
            f"resume=True continues. Got {state.n_iter}."
        )
    optimizer.extend_horizon(params.max_iter)
    return optimizer


def _optimizer_reached(optimizer, network):
    """Return a copy of an optimizer; ValueError unless it is one of the network."""
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
