"""Two or more survival curves beside each other: at a time, and where they cross."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.intervals import check_confidence
from counterpoise.kernels.curves.product_limit import SurvivalCurve, survival_at

Transform = Literal["plain", "log", "log-log", "arcsine", "logit"]
ROUNDING = 1e-12
"""Two curves that differ by no more are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalContrast:
    """Survival of one curve against another's at k times; every array is (k,). What is not known is NaN."""

    time: Floats
    value: Floats
    """S_a(t) - S_b(t), or S_a(t) / S_b(t)."""
    std_error: Floats
    """Of the difference, or of the logarithm of the ratio."""
    lower: Floats
    upper: Floats
    z: Floats
    """The difference, or the log ratio, in standard errors; NaN where that is zero."""
    p_value: Floats
    """Two-sided."""
    measure: str
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class PointComparison:
    """Test that k curves have one survival at a time chosen beforehand."""

    time: float
    survival: Floats
    """(k,)"""
    std_error: Floats
    """(k,) of S(t)."""
    statistic: float
    df: int
    p_value: float
    transform: str


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """Where two survival curves change order."""

    crossed: bool
    time: Floats
    """(k,) the times at which the other curve is above for the first time."""
    largest: Floats
    """(k + 1,) S_a - S_b where it is largest in size before, between and after the crossings."""
    largest_time: Floats
    """(k + 1,) when it first is so."""
    margin: float
    end: float
    """The curves are compared up to here, where one of them ends."""


def survival_difference(
    a: SurvivalCurve, b: SurvivalCurve, times: ArrayLike, *, confidence: float = 0.95
) -> SurvivalContrast:
    """Return S_a(t) - S_b(t) of two independent samples at (k,) `times`, with plain limits and a test that it is 0.

    The variance is the sum of the two curves' own, which may be robust. Curves of matched pairs are not independent:
    for them sum `survival_influence` within pairs. Where a curve has ended, or is at zero under Greenwood's variance,
    the answer is NaN; where both are still 1 the difference is 0 to 0, with no test.

    >>> from counterpoise.kernels.curves.product_limit import kaplan_meier
    >>> a, b = kaplan_meier([2, 4, 6, 8], [1, 1, 0, 1]), kaplan_meier([1, 2, 3, 4], [1, 1, 1, 0])
    >>> gap = survival_difference(a, b, [3])
    >>> gap.value, gap.lower.round(4), gap.upper.round(4), gap.p_value.round(4)
    (array([0.5]), array([-0.1001]), array([1.1001]), array([0.1025]))

    Source: Klein and Moeschberger (2003), Survival Analysis, section 7.8.
    """
    check_confidence(confidence)
    one, other = survival_at(a, times), survival_at(b, times)
    value, std_error = one.survival - other.survival, np.hypot(one.std_error, other.std_error)
    shift = float(ndtri(0.5 + confidence / 2)) * std_error
    z, p_value = _wald(value, std_error)
    return SurvivalContrast(
        one.time, value, std_error, value - shift, value + shift, z, p_value, "difference", confidence
    )


def survival_ratio(
    a: SurvivalCurve, b: SurvivalCurve, times: ArrayLike, *, confidence: float = 0.95
) -> SurvivalContrast:
    """Return S_a(t) / S_b(t) of two independent samples at (k,) `times`, with limits on the log scale and a test of 1.

    As `survival_difference`; NaN also where either curve is zero.

    >>> from counterpoise.kernels.curves.product_limit import kaplan_meier
    >>> a, b = kaplan_meier([2, 4, 6, 8], [1, 1, 0, 1]), kaplan_meier([1, 2, 3, 4], [1, 1, 1, 0])
    >>> survival_ratio(a, b, [3]).value
    array([3.])

    Source: as for `survival_difference`, by the delta method.
    """
    check_confidence(confidence)
    one, other = survival_at(a, times), survival_at(b, times)
    above, below = (np.where(read.survival > 0, read.survival, np.nan) for read in (one, other))
    log, std_error = np.log(above / below), np.hypot(one.std_error / above, other.std_error / below)
    shift = float(ndtri(0.5 + confidence / 2)) * std_error
    z, p_value = _wald(log, std_error)
    return SurvivalContrast(
        one.time, above / below, std_error, np.exp(log - shift), np.exp(log + shift), z, p_value, "ratio", confidence
    )


def compare_at(curves: Sequence[SurvivalCurve], time: float, *, transform: Transform = "log-log") -> PointComparison:
    """Test that k independent curves have the same survival at one `time`, by a chi-squared with k - 1 degrees.

    The curves are compared on the scale of `transform`, with variances by the delta method; Klein et al. found the
    plain one too liberal in small samples and log-log and arcsine best. The time is to be chosen before the data are
    seen. The answer is NaN where a curve has ended or is 0, where one is still 1 on a scale other than plain and log,
    and where two are.

    >>> from counterpoise.kernels.curves.product_limit import kaplan_meier
    >>> a, b = kaplan_meier([2, 4, 6, 8], [1, 1, 0, 1]), kaplan_meier([1, 2, 3, 4], [1, 1, 1, 0])
    >>> found = compare_at([a, b], 3, transform="plain")
    >>> round(found.statistic, 4), found.df, round(found.p_value, 4)
    (2.6667, 1, 0.1025)

    Source: Klein, Logan, Harhoff and Andersen (2007), Stat Med 26:4505, equations 1 to 6.
    """
    if len(curves) < 2:
        raise InputError(f"`curves` must hold at least two curves; it holds {len(curves)}.")
    if transform not in get_args(Transform):
        names = ", ".join(get_args(Transform))
        raise InputError(f"`transform` must be one of {names}; it is {transform!r}.")
    read = [survival_at(curve, [time]) for curve in curves]
    survival = np.array([float(one.survival[0]) for one in read])
    std_error = np.array([float(one.std_error[0]) for one in read])
    value, error = _transformed(survival, std_error, transform)
    statistic = _heterogeneity(value, error)
    df = len(curves) - 1
    return PointComparison(float(time), survival, std_error, statistic, df, float(chdtrc(df, statistic)), transform)


def crossings(a: SurvivalCurve, b: SurvivalCurve, *, margin: float = 0.0) -> Crossings:
    """Return the times at which curve `b` goes from below `a` to above it, or back, and how far apart they are.

    A curve is above where it is so by more than `margin`, a difference in survival; a stretch where the two are nearer
    belongs to the order before it. So a margin of .02 sees a crossing only where each curve is above the other
    by more than two points somewhere, and dates it to the first time that it is; 0 counts every change of order,
    of which early times have many that mean nothing. Curves are compared while both are known: up to the end of
    the first to end, or on where that one is at zero.

    >>> from counterpoise.kernels.curves.product_limit import kaplan_meier
    >>> a, b = kaplan_meier([1, 2, 7, 8], [1, 1, 1, 0]), kaplan_meier([3, 4, 5, 6], [1, 1, 1, 1])
    >>> found = crossings(a, b)
    >>> found.time, found.largest
    (array([5.]), array([-0.5,  0.5]))

    Source: the definition is this function's own.
    """
    if not (np.isfinite(margin) and 0 <= margin < 1):
        raise InputError(f"`margin` must be at least 0 and less than 1; it is {margin}.")
    last = [np.inf if curve.survival[-1] == 0 else float(curve.time[-1]) for curve in (a, b)]
    end = min(*last, max(float(a.time[-1]), float(b.time[-1])))
    times = np.concatenate(([0.0], np.union1d(a.time, b.time)))
    times = times[times <= end]
    gap = survival_at(a, times, extend=True).survival - survival_at(b, times, extend=True).survival
    side = np.where(np.abs(gap) > max(margin, ROUNDING), np.sign(gap), 0.0)
    apart = np.flatnonzero(side)
    turns = apart[1:][np.diff(side[apart]) != 0]
    stretches = np.split(np.arange(times.size), turns)
    peaks = np.array([stretch[np.abs(gap[stretch]).argmax()] for stretch in stretches])
    return Crossings(turns.size > 0, times[turns], gap[peaks], times[peaks], margin, end)


def _wald(value: Floats, std_error: Floats) -> tuple[Floats, Floats]:
    known = std_error > 0
    z = np.divide(value, std_error, out=np.full_like(value, np.nan), where=known)
    return z, 2 * ndtr(-np.abs(z))


def _transformed(survival: Floats, std_error: Floats, transform: str) -> tuple[Floats, Floats]:
    """Return curves and standard errors on a scale; NaN at survivals of 0 and 1 that the scale has no place for."""
    if transform == "plain":
        return survival, std_error
    inner = survival > 0 if transform == "log" else (survival > 0) & (survival < 1)
    s = np.where(inner, survival, np.nan)
    relative = std_error / s
    match transform:
        case "log":
            return np.log(s), relative
        case "log-log":
            return np.log(-np.log(s)), relative / -np.log(s)
        case "logit":
            return np.log(s / (1 - s)), relative / (1 - s)
        case _:
            return np.arcsin(np.sqrt(s)), relative * np.sqrt(s / (1 - s)) / 2


def _heterogeneity(value: Floats, error: Floats) -> float:
    """Return the squared distance of independent values from each other, in their variances."""
    if np.isnan(error).any() or np.count_nonzero(error == 0) > 1:
        return float("nan")
    # Distances from the first of the most exact value allow one variance of zero.
    base = int(np.argmin(error))
    rest = np.delete(np.arange(value.size), base)
    distance = value[rest] - value[base]
    covariance = np.diag(error[rest] ** 2) + error[base] ** 2
    return float(distance @ np.linalg.solve(covariance, distance))
