"""What is known on paper of delta at the output: formulas, distributions, and reasons.

The core's lists have the kernels and say which pairs are canonical; the words are here,
one table a kind.  Formulas are Python, so that a test can hold them against the core's
numbers: exp, tanh, logistic, softplus and sign are what they are called, Phi and phi
the normal distribution's function and density, and "... with t = ..." names a part.

A row of the core's lists that has no words here is explained by its numbers alone.
"""

from dataclasses import dataclass

from pybackprop import _core

# dloss/dy_pred, written over the variance where the loss is that of a distribution.
SLOPES = {
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

# g'(z) of activations that look at one z.
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

# Products that come out shorter than they are written.
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
        V, as a formula of the mean y_pred.
    inverse_link : str
        The activation whose derivative is V: what makes a mean of the natural
        parameter z.
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

# Of losses that belong to no such family: what their slope is like.
_NO_FAMILY = {
    "absolute_error": "its slope has the sign of y_pred - y and nothing of its size",
    "huber": "its slope is y_pred - y only up to huber_delta, and constant beyond",
    "quantile": "its slope says on which side y lies, and nothing of how far",
}


def formulas(loss, output):
    """Formulas of dloss/dy, of the Jacobian and of delta.

    Returns
    -------
    dict of str or None
        'dloss_dy', 'jacobian' and 'delta'; None where there is none here.
    """
    slope = SLOPES.get(loss) if isinstance(loss, str) else None
    if output == "softmax":
        jacobian = SOFTMAX_JACOBIAN
    else:
        jacobian = DERIVATIVES.get(output)
    return {
        "dloss_dy": slope,
        "jacobian": jacobian,
        "delta": _delta(loss, output, slope, jacobian),
    }


def _delta(loss, output, slope, jacobian):
    if is_canonical(loss, output):
        return "y_pred - y"
    if slope is None or jacobian is None:
        return None
    if output == "softmax":
        return f"y_pred_i * (q_i - sum_j y_pred_j * q_j) with q = {slope}"
    if jacobian == "1":
        return slope
    if (loss, output) in PRODUCTS:
        return PRODUCTS[loss, output]
    g_prime, *parts = jacobian.split(" with ")
    return " with ".join([f"{_factor(slope)} * {_factor(g_prime)}", *parts])


def _factor(formula):
    """In parentheses, unless it is a single name or call."""
    return f"({formula})" if " " in formula or formula.startswith("-") else formula


def is_canonical(loss, output):
    """Whether the core's list names ``output`` as the canonical one of ``loss``."""
    if not isinstance(loss, str):
        return False
    return _core.losses()[loss]["canonical_output"] == output


def reason(loss, output):
    """Why delta of a pair is y_pred - y, or why not, in sentences.

    Parameters
    ----------
    loss : str or callable
    output : str
    """
    if not isinstance(loss, str):
        return (
            "A loss of your own: the core multiplies its slope with the Jacobian, and "
            "knows of no pair in which that would cancel."
        )
    if is_canonical(loss, output):
        return _why_it_cancels(loss, output)
    if loss == "log_loss":
        return _log_loss_without_softmax(output)
    if loss in _NO_FAMILY:
        why_not = (
            f"{loss} is no negative log-likelihood of an exponential family with mean "
            f"y_pred: {_NO_FAMILY[loss]}. No output activation can make up for that, "
            "since its derivatives do not know y."
        )
    elif loss in FAMILIES:
        why_not = _family_without_its_link(loss, output)
    else:
        why_not = f"The core's list does not name {output} as canonical for {loss}."
    if _core.activations()[output]["rowwise"]:
        why_not += (
            f" {output} couples the outputs: each y_pred depends on every z, so the "
            "slopes of all outputs meet in the delta of each."
        )
    return why_not


def _why_it_cancels(loss, output):
    if output == "softmax":
        return (
            f"{loss} is the negative log-likelihood of the categorical distribution, "
            "an exponential family, and softmax the inverse of its canonical link. "
            "Class k has the slope -y_k / y_pred_k, the Jacobian takes it to unit i as "
            "y_k * (y_pred_i - (i == k)), and since the y of a row sum to one, the sum "
            "over k is y_pred_i - y_i: for every unit, not just that of the true class."
        )
    if loss not in FAMILIES:
        return (
            f"The core's list names {output} as the canonical output of {loss}: its "
            "derivative cancels what divides y_pred - y in the loss's slope."
        )
    return (
        f"{_likelihood(loss)} {output} is the inverse of its canonical link: z is then "
        "the natural parameter, and the derivative of the mean at z is this very V. "
        "The two cancel, and y_pred - y is left."
    )


def _likelihood(loss):
    family = FAMILIES[loss]
    return (
        f"{loss} is, but for what does not depend on y_pred, the negative "
        f"log-likelihood of {family.words}, an exponential family: its slope is "
        f"(y_pred - y) / V, with the variance V = {family.variance} of that "
        "distribution where its mean is y_pred."
    )


def _family_without_its_link(loss, output):
    canonical = _core.losses()[loss]["canonical_output"]
    if canonical is not None:
        only = f"Of all outputs only {canonical} has the derivative V."
    else:
        only = (
            f"An output of {FAMILIES[loss].inverse_link} would have the derivative V, "
            "but is none of those here."
        )
    g_prime = DERIVATIVES.get(output)
    if g_prime is not None:
        only += (
            f" {output} has g' = {g_prime}: the two do not cancel, and g' / V stays as "
            "a factor of y_pred - y."
        )
    return f"{_likelihood(loss)} {only}"


def _log_loss_without_softmax(output):
    return (
        "log_loss is the negative log-likelihood of a class only where the y_pred of a "
        "row sum to one. softmax makes them do so, and by its Jacobian every class "
        f"hears of the true one. {output} looks at one unit at a time: where y is 0 so "
        "are the slope -y / y_pred and delta, whatever y_pred is."
    )
