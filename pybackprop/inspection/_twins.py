"""Networks like another, on the same parameters, with another loss or penalty."""


def like(network, dtype=None, **changes):
    """A network of the same class, on the same parameters, but for some functions.

    Parameters
    ----------
    network : Network
    dtype : numpy dtype, default=None
        Of copies of the parameters; as they are, on the same memory, without one.
    **changes
        ``output_activation``, ``loss``, ``alpha`` or ``l1_ratio``.
    """
    functions = {
        "activation": network.activation,
        "output_activation": network.output_activation,
        "loss": network.loss_name,
        "alpha": network.alpha,
        "l1_ratio": network.l1_ratio,
    } | changes
    # A parameter belongs to its loss.
    if "loss" not in changes:
        functions["loss_parameter"] = network.loss_parameter
    arrays = network.coefs, network.intercepts
    if dtype is not None:
        arrays = [[array.astype(dtype) for array in part] for part in arrays]
    return type(network).of_parameters(*arrays, **functions)
