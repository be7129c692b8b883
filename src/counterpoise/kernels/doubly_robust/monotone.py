"""The nearest curve that never rises."""

import numpy as np
from scipy.optimize import isotonic_regression

from counterpoise.kernels.arrays import Floats


def nearest_falling(curve: Floats, widths: Floats) -> Floats:
    """Return the curve nearest to the (g,) steps `curve` that starts at 1 or below, never rises and ends at 0 or above.

    Nearest is meant over time: by the squared distance of the steps times their `widths` (g,), not negative. Where the
    curve already falls from 1 to 0 it is not changed, and unless it leaves [0, 1] the area under it never is.

    >>> nearest_falling(np.array([0.9, 0.7, 0.8, 0.4]), np.array([1.0, 3.0, 1.0, 2.0]))
    array([0.9  , 0.725, 0.725, 0.4  ])

    Source: Barlow, Bartholomew, Bremner and Brunk (1972), Statistical Inference under Order Restrictions, chapter 1,
    for the pooling of adjacent violators; Westling, van der Laan and Carone (2020), Electron J Stat 14:3032, for what
    it does to an estimate.
    """
    if curve.size == 0:
        return curve
    # a step that lasts no time pulls at nothing: it is given a width too small to be seen
    weights = np.maximum(widths, 1e-12 * max(float(widths.sum()), 1e-300))
    fitted = isotonic_regression(curve, weights=weights, increasing=False)
    return np.clip(np.asarray(fitted.x, dtype=float), 0.0, 1.0)
