"""Lists the names that parameters accept, with their properties."""

from functools import cache
from types import MappingProxyType

from pybackprop import _core
from pybackprop._solvers import SOLVERS


@cache
def catalogue():
    """Return the names that parameters accept, with the properties of each.

    The core's lists are the source: the estimators, ``Network`` and their error
    messages use the same names.

    Returns
    -------
    mapping of str to mapping
        Read-only, with six entries. Each maps names to read-only mappings from
        properties to values, in the order of the core's list:

        activations
            All functions. ``hidden``: whether the parameter ``activation`` accepts it;
            ``output``: whether ``output_activation`` does; ``rowwise``: whether it
            couples the units of a row, as softmax does; ``has_log``: whether its
            logarithm is computed without underflow; ``range_low``, ``range_high``:
            ends of its range; ``low_attained``, ``high_attained``: whether an end is
            one of its values; ``init_factor``, ``init_by_fan_in``: initial weights are
            uniform in +-sqrt(init_factor / fan_in) or in
            +-sqrt(init_factor / (fan_in + fan_out)).
        outputs
            The activations with ``output``.
        losses
            Values of ``loss`` in ``Network``. ``regression``, ``classification``: the
            estimators that offer it; ``elementwise_form``: the loss that replaces it
            where each output is a probability of its own, or None;
            ``default_output``: the
            output activation of an estimator; ``canonical_output``: the output
            activation with which delta is y_pred - y, or None; ``target_domain``: the
            allowed targets in words; ``target_low``, ``target_high``,
            ``target_low_belongs``, ``rows_sum_to_one``: the same as numbers;
            ``parameter``: name of the loss's parameter in the estimators, or None;
            ``parameter_low``, ``parameter_high``, ``parameter_ends_belong``: its range;
            ``loss_at_low``, ``loss_at_high``: the losses that replace it at the ends of
            that range, or None; ``prediction_low``, ``prediction_high``,
            ``prediction_ends_belong``: the predictions for which it is defined.
        optimizers
            Update rules, values of ``solver`` in ``Network.optimizer``. ``n_states``:
            number of state values per parameter; ``scale_invariant``: whether the
            length of a step does not depend on the scale of the gradient.
        solvers
            Values of ``solver`` in the estimators: the optimizers and 'lbfgs'.
            ``full_batch``: whether each iteration uses all rows; ``resumable``: whether
            ``fit(..., resume=True)`` can continue; ``early_stopping``: whether
            ``early_stopping`` has an effect; ``scale_invariant``: as of an optimizer;
            ``unit``: the unit of ``n_iter_``, 'epoch'
            or 'iteration'; ``excludes``: the parameters that must keep the given
            value.
        schedules
            Values of ``learning_rate``. ``only_sgd``: whether it affects solver='sgd'
            only, as scikit-learn's schedules do.

    Examples
    --------
    >>> import pybackprop
    >>> catalogue = pybackprop.catalogue()
    >>> catalogue["losses"]["poisson"]["canonical_output"]
    'exp'
    >>> catalogue["losses"]["tweedie"]["parameter"]
    'power'
    >>> "softmax" in catalogue["outputs"], catalogue["activations"]["softmax"]["hidden"]
    (True, False)
    """
    activations = _core.activations()
    return _read_only(
        {
            "activations": activations,
            "outputs": {k: v for k, v in activations.items() if v["output"]},
            "losses": _core.losses(),
            "optimizers": _core.optimizers(),
            "solvers": {name: solver.properties for name, solver in SOLVERS.items()},
            "schedules": _core.schedules(),
        }
    )


def _read_only(value):
    if isinstance(value, dict):
        return MappingProxyType({key: _read_only(item) for key, item in value.items()})
    return value
