"""Adjustment of p-values for the number of tests."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Floats, as_vector, require


def holm(p_values: ArrayLike) -> Floats:
    """Return Holm's step-down adjusted p-values, (k,) in the order given, for one family of k tests.

    They hold the chance of one or more false positives in the family at its level, whatever the dependence of
    the tests. A missing p-value is an error: the size of the family must be known. R: `p.adjust(p, "holm")`.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])

    Source: Holm (1979), Scandinavian Journal of Statistics 6:65.
    """
    p_values = as_vector("p_values", p_values)
    require((p_values >= 0) & (p_values <= 1), "`p_values` must lie between 0 and 1")
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(p_values.size, 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps * p_values[order]), 1.0)
    return adjusted
