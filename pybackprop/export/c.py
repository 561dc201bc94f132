"""Exports a network as one C file that includes math.h only."""

import math
import re

import numpy as np
from sklearn.base import is_classifier

from pybackprop.export._dense_layers import (
    GELU_TANH_CUBIC,
    LEAKY_RELU_SLOPE,
    SELU_ALPHA,
    SELU_SCALE,
    check_estimator,
    layers_of,
    writer_of,
)

# In the templates, @ is replaced by the suffix of the data type, which is empty for
# double and f for float, and % by the prefix of all names in the file.

# C expression of f(z) for each activation.
ACTIVATIONS = {
    "identity": "z",
    "logistic": "z < 0.0@ ? exp@(z) / (1.0@ + exp@(z)) : 1.0@ / (1.0@ + exp@(-z))",
    "tanh": "tanh@(z)",
    "relu": "z <= 0.0@ ? 0.0@ : z",
    "exp": "exp@(z)",
    # The numerator; z has the largest z of the layer subtracted.
    "softmax": "exp@(z)",
    "leaky_relu": f"z < 0.0@ ? {LEAKY_RELU_SLOPE}@ * z : z",
    "elu": "z < 0.0@ ? expm1@(z) : z",
    "selu": f"{SELU_SCALE}@ * (z < 0.0@ ? {SELU_ALPHA}@ * expm1@(z) : z)",
    # Phi(z) = erfc(-z / sqrt(2)) / 2
    "gelu": f"0.5@ * z * erfc@(-{math.sqrt(0.5)}@ * z)",
    # (1 + tanh(u)) / 2 = logistic(2 u), u = sqrt(2 / pi) (z + c z^3)
    "gelu_tanh": f"z / (1.0@ + exp@(-{2 * math.sqrt(2 / math.pi)}@ * z * "
    f"(1.0@ + {GELU_TANH_CUBIC}@ * z * z)))",
    "silu": "z / (1.0@ + exp@(-z))",
    "mish": "z * tanh@(z > 0.0@ ? z + log1p@(exp@(-z)) : log1p@(exp@(z)))",
    "softplus": "z > 0.0@ ? z + log1p@(exp@(-z)) : log1p@(exp@(z))",
    "hard_sigmoid": "z <= -3.0@ ? 0.0@ : z >= 3.0@ ? 1.0@ : (z + 3.0@) / 6.0@",
    "hard_tanh": "z < -1.0@ ? -1.0@ : z > 1.0@ ? 1.0@ : z",
    "hard_silu": "z * (z <= -3.0@ ? 0.0@ : z >= 3.0@ ? 1.0@ : (z + 3.0@) / 6.0@)",
}

_FILE = """\
/* {what}, written by pybackprop: {sizes} units, computed in {real}.
 *
{usage}
 *
 * The functions allocate no memory and keep no state, so any number of threads may
 * call them; the activations take {scratch} bytes of stack. A sum starts at +0 and runs
 * over the units of the previous layer, with one fused multiply-add per unit; the
 * intercept is added last. With identity, relu, leaky_relu, hard_sigmoid, hard_tanh and
 * hard_silu, y has the bits that pybackprop computes, unless the compiler is allowed to
 * change results (-ffast-math) or computes in a wider type (FLT_EVAL_METHOD is not 0).
 * Other activations differ by some roundings: exp, tanh and erfc are those of the C
 * library.
 *
 * The code is fast if the compiler may use the processor's fused multiply-add (on x86
 * with -mfma); otherwise {fma} is a call of the C library. */

#include <math.h>

void %_predict(const double *x, double *y);
{prototype}
{constants}
{functions}
void %_predict(const double *x, double *y) {{
    {real} a[{widest}];
    {real} z[{widest}];
    int j, k;

    for (k = 0; k < {n_features}; k++) {{
        a[k] = ({real})x[k];
    }}
{layers}
    for (j = 0; j < {n_outputs}; j++) {{
        y[j] = (double)a[j];
    }}
}}
{choice}"""

_CONSTANTS = """
/* W: ({d_in}, {d_out}) */
static const {real} %_coefs_{index}[{d_in}][{d_out}] = {{
{coef}
}};

/* b: ({d_out},) */
static const {real} %_intercepts_{index}[{d_out}] = {{
{intercept}
}};
"""

_FUNCTION = """
static {real} %_{activation}({real} z) {{
    return {value};
}}
"""

_LAYER = """
    /* Layer {index}: z = a W + b, then a = {activation}(z). */
    for (j = 0; j < {d_out}; j++) {{
        z[j] = 0.0@;
    }}
    for (k = 0; k < {d_in}; k++) {{
        for (j = 0; j < {d_out}; j++) {{
            z[j] = fma@(a[k], %_coefs_{index}[k][j], z[j]);
        }}
    }}
    for (j = 0; j < {d_out}; j++) {{
        z[j] += %_intercepts_{index}[j];
    }}
"""

_ELEMENTWISE = """\
    for (j = 0; j < {d_out}; j++) {{
        a[j] = %_{activation}(z[j]);
    }}
"""

# e^(z - max z), divided by their sum; no term overflows.
_SOFTMAX = """\
    {{
        {real} largest = z[0];
        {real} sum = 0.0@;
        for (j = 1; j < {d_out}; j++) {{
            largest = z[j] > largest ? z[j] : largest;
        }}
        for (j = 0; j < {d_out}; j++) {{
            a[j] = %_softmax(z[j] - largest);
            sum += a[j];
        }}
        for (j = 0; j < {d_out}; j++) {{
            a[j] /= sum;
        }}
    }}
"""

_CHOICE = """
int %_class(const double *y) {{
    int best = {best};
    int j;

    for (j = 1; j < {n_choices}; j++) {{
        if (y[j] > y[best]) {{
            best = j;
        }}
    }}
    return best;
}}
"""


class _Writer:
    """Fills in templates for one name and one data type."""

    def __init__(self, name, dtype):
        self.name = name
        self.real, self.suffix = (
            ("double", "") if dtype == "float64" else ("float", "f")
        )

    def __call__(self, template, **values):
        template = template.replace("%", self.name).replace("@", self.suffix)
        return template.format(real=self.real, **values)

    def numbers(self, row):
        """Format numbers as exact constants, four per line."""
        hexadecimal = (re.sub(r"\.?0*p", "p", float(value).hex()) for value in row)
        constants = [number + self.suffix for number in hexadecimal]
        lines = [", ".join(constants[k : k + 4]) for k in range(0, len(constants), 4)]
        return ",\n    ".join(lines)


def to_c(estimator, name="network"):
    """Export a fitted estimator as a self-contained C file (C99 or later).

    The file defines ``void <name>_predict(const double *x, double *y)``, which writes
    the activations of the output layer for one sample x to y. For a classifier that is
    not multilabel it also defines ``int <name>_class(const double *y)``, which returns
    the index in ``classes_``. All other names in the file are static.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted. Edits of ``coefs_`` and ``intercepts_`` are included.
    name : str, default='network'
        Prefix of the names in the file.

    Returns
    -------
    str
        Source text. Coefficients and intercepts are exact hexadecimal constants, and
        the code computes in their data type. It allocates no memory, and includes
        math.h only.

    Raises
    ------
    TypeError
        If the estimator is not one of pybackprop.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If ``name`` is not a C identifier, or a coefficient is not finite.

    Notes
    -----
    With the activations identity, relu, leaky_relu, hard_sigmoid, hard_tanh and
    hard_silu, y has the bits that the estimator computes: the sums run in the same
    order, with the same fused multiply-add. This requires a compiler that conforms to
    the standard (no ``-ffast-math``) and does not compute in a wider type
    (``FLT_EVAL_METHOD`` is 0). The other activations use exp, tanh and erfc of the C
    library, which differ from those of pybackprop by a few units in the last place.

    Examples
    --------
    >>> from pybackprop import MLPRegressor
    >>> from pybackprop.export import to_c
    >>> X, y = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
    >>> model = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs").fit(X, y)
    >>> source = to_c(model, name="square")
    >>> "void square_predict(const double *x, double *y)" in source
    True
    """
    estimator = check_estimator(estimator)
    layers = layers_of(estimator)
    _check(layers, name)
    write = _Writer(name, layers[0].coef.dtype)
    sizes = [len(layers[0].coef), *(len(layer.intercept) for layer in layers)]
    is_choice = is_classifier(estimator) and estimator._labels.kind != "multilabel"
    activations = dict.fromkeys(layer.activation for layer in layers)
    numbered = list(enumerate(layers, 1))
    return write(
        _FILE,
        what=_for_a_comment(type(estimator).__name__),
        sizes=" -> ".join(map(str, sizes)),
        usage="\n".join(
            f" * {line}".rstrip() for line in _usage(estimator, sizes, name)
        ),
        fma=write("fma@"),
        scratch=2 * max(sizes) * layers[0].coef.itemsize,
        prototype=write("int %_class(const double *y);\n") if is_choice else "",
        constants="".join(_constants(write, *layer) for layer in numbered),
        functions="".join(_function(write, name) for name in activations),
        widest=max(sizes),
        n_features=sizes[0],
        layers="".join(_layer(write, *layer) for layer in numbered),
        n_outputs=sizes[-1],
        choice=_choice(write, estimator) if is_choice else "",
    )


def _check(layers, name):
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(
            "name must be a C identifier: a letter, then letters, digits and "
            f"underscores. Got {name!r}."
        )
    for layer in layers:
        if not (np.isfinite(layer.coef).all() and np.isfinite(layer.intercept).all()):
            raise ValueError(
                "coefs_ and intercepts_ must hold finite numbers to become C "
                "constants. Got NaN or infinity."
            )


def _constants(write, index, layer):
    rows = (f"    {{{write.numbers(row)}}}" for row in layer.coef)
    return write(
        _CONSTANTS,
        index=index,
        d_in=layer.coef.shape[0],
        d_out=layer.coef.shape[1],
        coef=",\n".join(rows),
        intercept="    " + write.numbers(layer.intercept),
    )


def _function(write, activation):
    value = write(writer_of(activation, ACTIVATIONS, "C"))
    return write(_FUNCTION, activation=activation, value=value)


def _layer(write, index, layer):
    activate = _SOFTMAX if layer.activation == "softmax" else _ELEMENTWISE
    return write(
        _LAYER + activate,
        index=index,
        d_in=layer.coef.shape[0],
        d_out=layer.coef.shape[1],
        activation=layer.activation,
    )


def _choice(write, estimator):
    """Write the function that returns the index of the class."""
    n_choices = estimator.n_outputs_ if len(estimator.classes_) > 1 else 1
    is_single_output = n_choices < len(estimator.classes_)
    return write(
        _CHOICE, best="y[0] > 0.5" if is_single_output else "0", n_choices=n_choices
    )


def _usage(estimator, sizes, name):
    """Yield lines that explain the call of the functions and their results."""
    yield f"    double x[{sizes[0]}], y[{sizes[-1]}];"
    yield f"    {name}_predict(x, y);"
    if not is_classifier(estimator):
        yield ""
        yield "y: the prediction for the sample x."
        return
    kind = estimator._labels.kind
    if kind == "multilabel":
        yield ""
        yield "y[j]: the probability of label j, which is predicted if it is > 0.5."
        return
    yield f"    int c = {name}_class(y);"
    yield ""
    if estimator.n_outputs_ == 1:
        yield "y[0]: the output for class 1; c: the index of the predicted class."
    else:
        yield "y[j]: the output for class j; c: the index of the predicted class."
    if hasattr(estimator, "predict_proba"):
        yield from _meaning_of_outputs(estimator)
    for index, label in enumerate(estimator.classes_.tolist()):
        yield f"class {index}: {_for_a_comment(repr(label))}"


def _meaning_of_outputs(estimator):
    if len(estimator.classes_) == 1:
        return
    if estimator.n_outputs_ == 1:
        yield "The probabilities of the two classes are 1 - y[0] and y[0]."
    elif estimator.out_activation_ == "softmax":
        yield "y holds the probabilities of the classes."
    else:
        yield "The probabilities are y / sum(y), or all equal if the sum is 0."


def _for_a_comment(text):
    """Escape characters that would end a comment, open one, or form a trigraph."""
    text = text.encode("unicode_escape").decode()
    return text.replace("*", "\\x2a").replace("/", "\\x2f").replace("?", "\\x3f")
