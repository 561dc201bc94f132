"""What pybackprop warns of, to be filtered by its class."""


class ScalingWarning(UserWarning):
    """Inputs or targets are so far from the scale of a network that training suffers.

    Given at most once a fit, with the scale seen and the cure. To hear no more of it:
    ``warnings.simplefilter("ignore", ScalingWarning)``.
    """
