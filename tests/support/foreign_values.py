"""Lists values of types that no fitted attribute may have."""

import numpy as np

FOREIGN = [None, 0, -1, 5, 3.7, np.nan, "x", [1], {}, (1, 2), np.array(7), object()]
FOREIGN += [np.array([1.0, 2.0]), 2**70, [None, None], [np.ones(3)]]
