"""Builds the network that a fit starts from."""

from pybackprop._estimator.fitted import objective_arguments
from pybackprop._model.initialization import check_given_layers
from pybackprop._model.layers import check_layers
from pybackprop._parameters import layer_sizes
from pybackprop.network import Network


def build_network(params, data, starts_anew, random_state):
    """Return the network to train: with initial weights, or with the fitted ones.

    Parameters
    ----------
    params : estimator
    data : TrainingData
    starts_anew : bool
    random_state : RandomState
        Draws initial weights.
    """
    targets = data.targets
    hidden = layer_sizes(params.hidden_layer_sizes)
    sizes = [data.n_features, *hidden, targets.n_outputs]
    functions = {
        "activation": params.activation,
        "output_activation": targets.output_activation,
        **objective_arguments(params, targets.loss),
    }
    if not starts_anew:
        reached, _ = check_layers(params.coefs_, params.intercepts_)
        if reached != sizes:
            raise ValueError(
                f"Cannot continue training: layer sizes would change from {reached} to "
                f"{sizes}, by the features, the outputs and hidden_layer_sizes="
                f"{params.hidden_layer_sizes!r}. Fit with warm_start=False to start "
                "anew."
            )
        return Network.from_parameters(
            params.coefs_, params.intercepts_, **functions, copy=True
        )
    given = _initial_layers(params, sizes, data.dtype)
    try:
        network = Network(
            sizes, **functions, dtype=data.dtype, random_state=random_state
        )
    except OverflowError as error:
        raise ValueError(
            f"hidden_layer_sizes={params.hidden_layer_sizes!r} is too large: {error}"
        ) from error
    # All weights were drawn, even if given, so the order of samples stays the same.
    for views, arrays in zip((network.coefs, network.intercepts), given, strict=True):
        for view, array in zip(views, arrays or views, strict=True):
            view[...] = array
    return network


def _initial_layers(params, sizes, dtype):
    """Return coefs_init and intercepts_init, checked; None where they are drawn."""
    coef_shapes = list(zip(sizes[:-1], sizes[1:], strict=True))
    intercept_shapes = [(n,) for n in sizes[1:]]
    return (
        check_given_layers("coefs_init", params.coefs_init, coef_shapes, dtype),
        check_given_layers(
            "intercepts_init", params.intercepts_init, intercept_shapes, dtype
        ),
    )
