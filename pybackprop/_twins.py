"""Networks like another, but for some of what makes them."""


def like(network, coefs=None, intercepts=None, *, dtype=None, copy=False, **changes):
    """A network of the same class, on the same parameters, but for some changes.

    Parameters
    ----------
    network : Network
    coefs, intercepts : list of ndarray, default=None
        Others; None for those of the network.
    dtype : numpy dtype, default=None
        Of copies of the parameters; as they are, on the same memory, without one.
    copy : bool, default=False
        Whether they are copied in any case.
    **changes
        ``activation``, ``output_activation``, ``loss``, ``alpha`` or ``l1_ratio``.
    """
    functions = {
        "activation": network.activation,
        "output_activation": network.output_activation,
        "loss": network.loss_name,
        "alpha": network.alpha,
        "l1_ratio": network.l1_ratio,
    } | changes
    if "loss" not in changes:  # to which its parameter belongs
        functions["loss_parameter"] = network.loss_parameter
        if dtype is not None and network.loss_parameter is not None:
            # As the core has rounded it.
            rounded = network.dtype.type(network.loss_parameter)
            functions["loss_parameter"] = float(rounded)
    arrays = (
        network.coefs if coefs is None else coefs,
        network.intercepts if intercepts is None else intercepts,
    )
    if dtype is not None:
        arrays = [[array.astype(dtype) for array in part] for part in arrays]
    return type(network).of_parameters(*arrays, copy=copy, **functions)
