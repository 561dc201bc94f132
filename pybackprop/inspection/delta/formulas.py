"""Holds the formulas of delta at the output, and words why delta is y_pred - y or not.

The core's lists name the canonical pairs; the dictionaries here add a formula or a
sentence per loss or activation.  Formulas are Python expressions, so that a test can
compare them with the core's numbers: exp, tanh, logistic, softplus and sign are the
functions of these names, Phi and phi the distribution function and the density of the
normal distribution, and "... with t = ..." names a part of the formula.

A loss or activation without an entry here is explained by its numbers alone.
"""

from dataclasses import dataclass

from pybackprop import _core

# dloss/dy_pred, with the variance as denominator if the loss is a log-likelihood.
LOSS_GRADIENTS = {
    "squared_error": "y_pred - y",
    "absolute_error": "sign(y_pred - y)",
    "huber": "min(max(y_pred - y, -huber_delta), huber_delta)",
    "quantile": "1 - quantile if y_pred > y else -quantile if y_pred < y else 0",
    "binary_log_loss": "(y_pred - y) / (y_pred * (1 - y_pred))",
    "log_loss": "-y / y_pred",
    "poisson": "(y_pred - y) / y_pred",
    "gamma": "(y_pred - y) / y_pred**2",
    "tweedie": "(y_pred - y) / y_pred**power",
}

# g'(z) of activations that act on each z alone.
DERIVATIVES = {
    "identity": "1",
    "logistic": "y_pred * (1 - y_pred)",
    "tanh": "1 - y_pred**2",
    "exp": "y_pred",
    "relu": "1 if z > 0 else 0",
    "leaky_relu": "1 if z > 0 else 0.01",
    "elu": "1 if z > 0 else exp(z)",
    "selu": "1.0507 if z > 0 else 1.7581 * exp(z)",
    "softplus": "logistic(z)",
    "silu": "s * (1 + z * (1 - s)) with s = logistic(z)",
    "mish": "t + z * (1 - t**2) * logistic(z) with t = tanh(softplus(z))",
    "gelu": "Phi(z) + z * phi(z)",
    "gelu_tanh": "(1 + t) / 2 + 0.398942 * z * (1 - t**2) * (1 + 0.134145 * z**2)"
    " with t = tanh(0.797885 * (z + 0.044715 * z**3))",
    "hard_sigmoid": "1/6 if abs(z) < 3 else 0",
    "hard_tanh": "1 if abs(z) < 1 else 0",
    "hard_silu": "0 if z <= -3 else (2 * z + 3) / 6 if z < 3 else 1",
}

SOFTMAX_JACOBIAN = "y_pred_i * ((i == j) - y_pred_j)"

# Products of dloss/dy_pred and g'(z) that can be simplified.
PRODUCTS = {
    ("gamma", "exp"): "1 - y / y_pred",
    ("tweedie", "exp"): "(y_pred - y) * y_pred**(1 - power)",
    ("log_loss", "logistic"): "-y * (1 - y_pred)",
    ("log_loss", "exp"): "-y",
    ("squared_error", "logistic"): "(y_pred - y) * y_pred * (1 - y_pred)",
    ("squared_error", "tanh"): "(y_pred - y) * (1 - y_pred**2)",
    ("squared_error", "exp"): "(y_pred - y) * y_pred",
}


@dataclass(frozen=True)
class Family:
    """The distribution whose negative log-likelihood a loss is.

    Attributes
    ----------
    words : str
    variance : str
        Formula of the variance V as a function of the mean y_pred.
    inverse_link : str
        The activation whose derivative is V. It maps the natural parameter z to the
        mean.
    """

    words: str
    variance: str
    inverse_link: str


# McCullagh & Nelder, Generalized Linear Models, 1989, chapter 2.
FAMILIES = {
    "squared_error": Family("the normal distribution of variance 1", "1", "z"),
    "binary_log_loss": Family(
        "the Bernoulli distribution", "y_pred * (1 - y_pred)", "logistic(z)"
    ),
    "poisson": Family("the Poisson distribution", "y_pred", "exp(z)"),
    "gamma": Family("the gamma distribution of shape 1", "y_pred**2", "-1 / z"),
    "tweedie": Family(
        "Tweedie's distribution of dispersion 1",
        "y_pred**power",
        "((1 - power) * z)**(1 / (1 - power))",
    ),
}

# Describes the derivative of losses that belong to no such family.
_NO_FAMILY = {
    "absolute_error": "its derivative has the sign of y_pred - y and not its size",
    "huber": "its derivative is y_pred - y only up to huber_delta, and constant beyond",
    "quantile": "its derivative depends on the sign of y_pred - y, and not on its size",
}


def formulas(loss, output):
    """Return the formulas of dloss/dy, of the Jacobian and of delta.

    Returns
    -------
    dict of str or None
        'dloss_dy', 'jacobian' and 'delta'; None where there is no formula.
    """
    loss_gradient = LOSS_GRADIENTS.get(loss) if isinstance(loss, str) else None
    if output == "softmax":
        jacobian = SOFTMAX_JACOBIAN
    else:
        jacobian = DERIVATIVES.get(output)
    return {
        "dloss_dy": loss_gradient,
        "jacobian": jacobian,
        "delta": _delta(loss, output, loss_gradient, jacobian),
    }


def _delta(loss, output, loss_gradient, jacobian):
    if is_canonical(loss, output):
        return "y_pred - y"
    if loss_gradient is None or jacobian is None:
        return None
    if output == "softmax":
        return f"y_pred_i * (q_i - sum_j y_pred_j * q_j) with q = {loss_gradient}"
    if jacobian == "1":
        return loss_gradient
    if (loss, output) in PRODUCTS:
        return PRODUCTS[loss, output]
    g_prime, *parts = jacobian.split(" with ")
    return " with ".join([f"{_factor(loss_gradient)} * {_factor(g_prime)}", *parts])


def _factor(formula):
    """Put a formula in parentheses, unless it is a single name or call."""
    return f"({formula})" if " " in formula or formula.startswith("-") else formula


def is_canonical(loss, output):
    """Tell whether ``output`` is the canonical output activation of ``loss``."""
    if not isinstance(loss, str):
        return False
    return _core.losses()[loss]["canonical_output"] == output


def reason(loss, output):
    """Explain in sentences why delta of a pair is y_pred - y, or why it is not.

    Parameters
    ----------
    loss : str or callable
    output : str
    """
    if not isinstance(loss, str):
        return (
            "For a loss of your own, the core multiplies dloss/dy with the Jacobian; "
            "it knows no output activation for which the product simplifies."
        )
    if is_canonical(loss, output):
        return _why_it_cancels(loss, output)
    if loss == "log_loss":
        return _log_loss_without_softmax(output)
    if loss in _NO_FAMILY:
        why_not = (
            f"{loss} is no negative log-likelihood of an exponential family with mean "
            f"y_pred: {_NO_FAMILY[loss]}. No output activation can change that, since "
            "its derivatives do not depend on y."
        )
    elif loss in FAMILIES:
        why_not = _family_without_its_link(loss, output)
    else:
        why_not = f"The core's list does not name {output} as canonical for {loss}."
    if _core.activations()[output]["rowwise"]:
        why_not += (
            f" {output} couples the outputs: each y_pred depends on every z, so each "
            "delta depends on the derivatives of the loss at all outputs."
        )
    return why_not


def _why_it_cancels(loss, output):
    if output == "softmax":
        return (
            f"{loss} is the negative log-likelihood of the categorical distribution, "
            "an exponential family, and softmax the inverse of its canonical link. "
            "The derivative at class k is -y_k / y_pred_k, its product with row k of "
            "the Jacobian is y_k * (y_pred_i - (i == k)) at unit i, and since the y of "
            "a row sum to one, the sum over k is y_pred_i - y_i, for every unit i."
        )
    if loss not in FAMILIES:
        return (
            f"The core's list names {output} as the canonical output of {loss}: its "
            "derivative cancels the denominator of y_pred - y in dloss/dy."
        )
    return (
        f"{_likelihood(loss)} {output} is the inverse of its canonical link: z is then "
        "the natural parameter, and the derivative of the mean at z is V. The two "
        "cancel, and y_pred - y remains."
    )


def _likelihood(loss):
    family = FAMILIES[loss]
    return (
        f"{loss} is, up to a term without y_pred, the negative log-likelihood of "
        f"{family.words}, an exponential family: its derivative is (y_pred - y) / V, "
        f"where V = {family.variance} is the variance of that distribution at the mean "
        "y_pred."
    )


def _family_without_its_link(loss, output):
    canonical = _core.losses()[loss]["canonical_output"]
    if canonical is not None:
        only = f"Of all outputs only {canonical} has the derivative V."
    else:
        only = (
            f"An output of {FAMILIES[loss].inverse_link} would have the derivative V, "
            "but is not available."
        )
    g_prime = DERIVATIVES.get(output)
    if g_prime is not None:
        only += (
            f" {output} has g' = {g_prime}: the two do not cancel, and g' / V remains "
            "as a factor of y_pred - y."
        )
    return f"{_likelihood(loss)} {only}"


def _log_loss_without_softmax(output):
    return (
        "log_loss is the negative log-likelihood of a class only where the y_pred of a "
        "row sum to one. softmax ensures this, and by its Jacobian the delta of every "
        f"class depends on the true one. {output} acts on each unit alone: where y is "
        "0, the derivative -y / y_pred and delta are 0, whatever y_pred is."
    )
