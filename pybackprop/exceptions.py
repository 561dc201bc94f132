"""Warning classes of pybackprop."""


class ScalingWarning(UserWarning):
    """Inputs or targets are not scaled, so that training may be slow or fail.

    It is issued at most once per fit, with the scale found and the remedy. To suppress
    it: ``warnings.simplefilter("ignore", ScalingWarning)``.
    """
