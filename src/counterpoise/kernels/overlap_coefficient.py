"""The overlap coefficient: how much of the two arms' distributions of a covariate is common to both."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_matrix, as_weights
from counterpoise.kernels.imbalance import is_zero_or_one
from counterpoise.kernels.logistic import require_both_arms

Bandwidth = Literal["nrd", "nrd0"]
"""Rules of thumb for the width of the kernel: Scott's, 1.06, and Silverman's, .9 times spread n^(-1/5)."""

FACTOR = {"nrd": 1.06, "nrd0": 0.9}
GRID = 512
STEPS = 1000


def overlap_coefficient(
    x: ArrayLike, treatment: ArrayLike, *, weights: ArrayLike | None = None, bandwidth: Bandwidth = "nrd"
) -> Floats:
    """Return the area (k,) under the lower of the arms' two (weighted) densities: 1 where the arms are alike.

    cobalt's OVL is 1 less this. For a 0/1 column it is 1 less the difference of the shares. For any other column the
    densities are Gaussian kernel estimates, both with the bandwidth of the smaller arm (the treated, where neither
    is smaller); where its quartiles coincide the bandwidth comes from its standard deviation alone. Densities are
    computed as R's `density` did up to version 4.3, on 512 points by a fast Fourier transform and linear in between,
    and the area by the midpoints of 1,000 steps. It is 0 where the ranges of the arms do not meet, 1 for a column
    that is constant, and NaN where the smaller arm has no spread, so that no bandwidth can be said.

    >>> overlap_coefficient([[0, 1.0], [1, 2], [1, 3], [0, 1], [0, 2], [0, 3]], [1, 1, 1, 0, 0, 0]).round(3)
    array([0.333, 1.   ])

    Raises `InputError` where a value is not finite, a weight not positive, or an arm empty.

    Source: Franklin, Rassen, Ackermann, Bartels and Schneeweiss, Stat Med 2014;33:1685-1699; Scott, Multivariate
    Density Estimation, Wiley 1992; Silverman, Density Estimation, Chapman and Hall 1986, equation 3.31.
    """
    if bandwidth not in FACTOR:
        raise InputError(f"`bandwidth` must be nrd or nrd0; it is {bandwidth!r}.")
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    shares = as_weights("weights", weights, treated.size).copy()
    shares[treated] /= shares[treated].sum()
    shares[~treated] /= shares[~treated].sum()
    found = [_common(np.ascontiguousarray(column), treated, shares, FACTOR[bandwidth]) for column in columns.T]
    return np.array(found, dtype=float)


def _common(column: Floats, treated: Bools, shares: Floats, factor: float) -> float:
    if is_zero_or_one(column):
        return 1.0 - abs(float(shares[treated] @ column[treated] - shares[~treated] @ column[~treated]))
    first, second = column[treated], column[~treated]
    if column.min() == column.max():
        return 1.0
    if first.min() > second.max() or second.min() > first.max():
        return 0.0
    width = _bandwidth(first if first.size <= second.size else second, factor)
    if not width > 0.0:
        return float("nan")
    ends = np.linspace(column.min() - 4 * width, column.max() + 4 * width, STEPS + 1)
    middle = (ends[1:] + ends[:-1]) / 2
    lower = np.minimum(
        _density(first, shares[treated], width, middle), _density(second, shares[~treated], width, middle)
    )
    return min(max(float(lower.sum() * (ends[1] - ends[0])), 0.0), 1.0)


def _bandwidth(values: Floats, factor: float) -> float:
    if values.size < 2:
        return float("nan")
    low, high = np.quantile(values, [0.25, 0.75])
    deviation, quartiles = float(values.std(ddof=1)), float(high - low) / 1.34
    spread = min(deviation, quartiles) if quartiles > 0 else deviation
    return factor * spread * values.size**-0.2


def _density(values: Floats, shares: Floats, width: float, at: Floats) -> Floats:
    """Return the kernel density of weighted values `at` some points; zero beyond three widths from the data."""
    start, stop = values.min() - 3 * width, values.max() + 3 * width
    low, high = start - 4 * width, stop + 4 * width
    place = (values - low) / ((high - low) / (GRID - 1))
    below = np.floor(place).astype(int)
    mass = np.bincount(below, shares * (1.0 - (place - below)), 2 * GRID)
    mass += np.bincount(below + 1, shares * (place - below), 2 * GRID)
    distance = np.linspace(0.0, 2.0 * (high - low), 2 * GRID)[: GRID + 1]
    kernel = np.exp(-0.5 * np.square(distance / width)) / (width * np.sqrt(2.0 * np.pi))
    around = np.concatenate((kernel, kernel[GRID - 1 : 0 : -1]))
    smooth = np.fft.irfft(np.fft.rfft(mass) * np.fft.rfft(around).conj(), 2 * GRID)[:GRID]
    np.maximum(smooth, 0.0, out=smooth)
    points = np.linspace(start, stop, GRID)
    return np.interp(at, points, np.interp(points, np.linspace(low, high, GRID), smooth), left=0.0, right=0.0)
