"""Covariance of estimates from rows that belong together in two ways at once."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, require
from counterpoise.kernels.sandwich import group_codes, sandwich


def two_way_covariance(influence: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the (p, p) covariance clustered by two labels that need not be nested: V1 + V2 - V12.

    Row i of `influence` (n, p), or (n,) for one estimate, is what row i moves the estimates by, its weight included
    (`CoxFit.influence`). V1 and V2 are the covariances clustered by `first` and by `second` (n,), V12 that by both
    together. After matching with replacement a row is one membership of a set; `first` is its set and `second` its
    patient. The difference may be negative in samples that are very small: it is returned as it is. No factor for
    small samples is applied.

    >>> two_way_covariance([1.0, -2.0, 1.0, 2.0], [0, 0, 1, 1], ["a", "b", "c", "b"])
    array([[2.]])

    Raises `InputError` where a value is not finite, or labels are missing or not one a row.

    Source: Austin and Cafri (2020), Stat Med 39:1623, section 2.3; Cameron, Gelbach and Miller (2011), J Bus Econ
    Stat 29:238, equation 2.3.
    """
    values = np.asarray(influence, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2:
        raise InputError(f"`influence` must be (n,) or (n, p); its shape is {values.shape}.")
    require(np.isfinite(values), "`influence` must be finite")
    one, other = (group_codes(name, labels, len(values)) for name, labels in (("first", first), ("second", second)))
    both = one * (int(other.max(initial=0)) + 1) + other
    return sandwich(values, one) + sandwich(values, other) - sandwich(values, both)
