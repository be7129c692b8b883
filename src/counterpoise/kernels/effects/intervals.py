"""Intervals and standard errors from replicates: spread, percentile, bias-corrected and accelerated, jackknife."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_floats
from counterpoise.kernels.curves.intervals import check_confidence


def normal_interval(estimate: float, std_error: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the estimate with 1.96 standard errors to either side.

    >>> [round(limit, 2) for limit in normal_interval(1.0, 0.5)]
    [0.02, 1.98]
    """
    check_confidence(confidence)
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    return estimate - reach, estimate + reach


def spread(replicates: ArrayLike) -> float:
    """Return the standard deviation (n - 1) of the replicates (b,) that are known: the bootstrap's standard error.

    NaN for fewer than two.

    >>> spread([1.0, 2.0, float("nan"), 3.0])
    1.0
    """
    known = _known(replicates)
    return float(known.std(ddof=1)) if known.size > 1 else float("nan")


def percentile_interval(replicates: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the quantiles (type 7) of the replicates (b,) that are known which leave half the error on each side.

    NaN for fewer than two.

    >>> [round(limit, 6) for limit in percentile_interval(np.arange(101.0), 0.9)]
    [5.0, 95.0]

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    return _quantiles(_known(replicates), tail, 1 - tail)


def bca_interval(
    estimate: float, replicates: ArrayLike, influence: ArrayLike, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval of replicates (b,), those that are unknown left out.

    The bias correction is the normal quantile of the share of replicates below `estimate` (ties count one half); the
    acceleration is that of `influence` (n,): the stacked influence values of the estimate (Efron's own form, the
    infinitesimal jackknife), or those of `jackknife_influence`. Their scale does not matter. NaN for fewer than two
    replicates, or if none or all of them lie below the estimate.

    >>> [round(limit, 6) for limit in bca_interval(50.0, np.arange(101.0), np.array([1.0, -1.0]), 0.9)]
    [5.0, 95.0]

    Source: Efron (1987), JASA 82:171, equations 2.3 and 4.4; DiCiccio and Efron (1996), Stat Sci 11:189.
    """
    check_confidence(confidence)
    known, a = _known(replicates), acceleration(influence)
    if known.size < 2 or not np.isfinite(estimate) or not np.isfinite(a):
        return float("nan"), float("nan")
    below = (np.count_nonzero(known < estimate) + 0.5 * np.count_nonzero(known == estimate)) / known.size
    if below in (0.0, 1.0):
        return float("nan"), float("nan")
    shift = float(ndtri(below))
    ends = shift + ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    lower, upper = ndtr(shift + ends / (1.0 - a * ends))
    return _quantiles(known, float(lower), float(upper))


def acceleration(influence: ArrayLike) -> float:
    """Return sum of cubes / (6 (sum of squares)^1.5) of influence values (n,): a sixth of their skewness / sqrt(n).

    Zero where all are zero; NaN where one is.

    >>> round(acceleration([1.0, 1.0, -2.0]), 4)
    -0.068

    Source: Efron (1987), JASA 82:171, equation 4.4.
    """
    values = as_floats("influence", influence)
    if values.ndim != 1:
        raise InputError(f"`influence` must be one-dimensional; its shape is {values.shape}.")
    squares = float(values @ values)
    return float((values**3).sum()) / (6.0 * squares**1.5) if squares != 0 else 0.0


def jackknife_influence(replicates: ArrayLike) -> Floats:
    """Return (n, ...) values whose sum of squares is the jackknife variance of estimates without each of n rows.

    sqrt((n - 1) / n) times their mean less each of them, n being the number that are known; unknown replicates have
    zero, and count neither in n nor in the mean.

    >>> jackknife_influence([1.0, 2.0, 3.0]).round(4)
    array([ 0.8165,  0.    , -0.8165])

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, equation 11.5.
    """
    values = as_floats("replicates", replicates)
    known = np.isfinite(values)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        return np.where(known, np.sqrt((count - 1) / count) * (mean - values), 0.0)


def mixed_std_error(influence: ArrayLike, left_out: ArrayLike) -> float:
    """Return the root of the sum of influence values (n,) times what leaving each row out takes off the estimate.

    `left_out` (n,) are the estimates without each row, `influence` the stacked influence values. Where the first alone
    are squared (stacked, HC0) the error is a little too small in small samples, and where the second are (jackknife,
    HC3) a little too large, for they hold the factor 1 / (1 - leverage) not at all and twice: their product holds it
    once, as HC2 does. For a mean it is s / sqrt(n). Where a row's replicate is not known its influence value is
    squared; NaN if the sum is negative or an influence value is NaN.

    >>> sample = np.array([1.0, 2.0, 6.0])
    >>> round(mixed_std_error((sample - 3) / 3, (9 - sample) / 2), 6), round(float(sample.std(ddof=1)) / 3**0.5, 6)
    (1.527525, 1.527525)

    Source: MacKinnon and White (1985), J Econometrics 29:305, for HC0 to HC3 of linear models; their product for an
    estimate that is not linear is taken from there.
    """
    own, without = as_floats("influence", influence), as_floats("left_out", left_out)
    if own.ndim != 1 or without.shape != own.shape:
        raise InputError(
            f"`influence` and `left_out` must have one shape, (n,); theirs are {own.shape} and {without.shape}."
        )
    known = np.isfinite(without)
    mean = without[known].mean() if known.any() else 0.0
    change = np.where(known, mean - np.where(known, without, 0.0), own)
    total = float(own @ change)
    return float(np.sqrt(total)) if total >= 0 else float("nan")


def _known(replicates: ArrayLike) -> Floats:
    values = as_floats("replicates", replicates)
    if values.ndim != 1:
        raise InputError(f"`replicates` must be one-dimensional; its shape is {values.shape}.")
    return values[np.isfinite(values)]


def _quantiles(values: Floats, low: float, high: float) -> tuple[float, float]:
    if values.size < 2:
        return float("nan"), float("nan")
    lower, upper = np.quantile(values, (low, high))
    return float(lower), float(upper)
