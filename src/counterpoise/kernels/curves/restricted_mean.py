"""Restricted mean survival time: the area under a Kaplan-Meier curve up to a horizon, and its contrasts.

Notation, at the distinct times t_j: r_j at risk and e_j events (sums of weights), s_j = r_j - e_j, and A_j the area
under the curve from t_j to the horizon.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_floats, as_levels, as_vector, as_weights, require
from counterpoise.kernels.newton import aliased_columns
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet, risk_set, sum_at_risk, sum_by_time
from counterpoise.kernels.sandwich import group_codes, sandwich


@dataclass(frozen=True, slots=True, eq=False)
class RestrictedMean:
    """The mean of min(T, horizon), in the unit of time, with its standard error and limits."""

    value: float
    std_error: float
    """Of `value` and of `time_lost` alike; zero if there is no event before the horizon."""
    lower: float
    upper: float
    time_lost: float
    """`horizon` less `value`: the restricted mean time lost."""
    time_lost_lower: float
    time_lost_upper: float
    horizon: float
    largest_horizon: float
    """The last observed time; infinite if the curve has reached zero."""
    n: int
    """Number of rows."""
    n_events: float
    """Sum of the weights of the events up to the horizon."""
    robust: bool
    """Whether the variance is that of influence values; if not, it is Greenwood's."""
    confidence: float
    influence: Floats
    """(n,) what each row, with its weight, moves `value` by: its infinitesimal jackknife value."""


@dataclass(frozen=True, slots=True, eq=False)
class RestrictedMeanCurve:
    """The restricted mean at k horizons; every array is (k,), in the unit of time."""

    horizon: Floats
    value: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    time_lost: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Each of k - 1 groups against the first, with limits and a Wald test; every array is (k - 1,)."""

    estimate: Floats
    std_error: Floats
    """Of the difference; of the logarithm of a ratio."""
    lower: Floats
    upper: Floats
    z: Floats
    p_value: Floats
    """Two-sided."""


@dataclass(frozen=True, slots=True, eq=False)
class RestrictedMeanComparison:
    """Restricted means of k groups up to one horizon, and their contrasts with the first group."""

    levels: np.ndarray
    """(k,) labels of the groups, ascending; the first is the reference."""
    groups: tuple[RestrictedMean, ...]
    """The restricted mean of each of the k groups."""
    difference: Contrast
    """Restricted mean of a group less that of the first."""
    ratio: Contrast
    """Restricted mean of a group over that of the first."""
    time_lost_ratio: Contrast
    """Restricted mean time lost of a group over that of the first; NaN where a group has lost none."""
    covariance: Floats
    """(k, k) of the restricted means; diagonal unless clusters span groups."""
    chi_squared: float
    """Wald statistic of equal restricted means; NaN if their differences have no variance."""
    degrees_of_freedom: int
    p_value: float
    horizon: float
    confidence: float


def restricted_mean(
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    confidence: float = 0.95,
) -> RestrictedMean:
    """Estimate the restricted mean survival time, the area under the Kaplan-Meier curve from 0 to `horizon`.

    `time`, `event` (0 or 1) and `entry` are (n,), as for `kaplan_meier`. The variance is Greenwood's, the sum of
    A_j^2 e_j / (r_j s_j), with nothing for a time at which all who are left have the event: A_j is zero there. R's
    `print(survfit, rmean=)` and survRM2 compute the same. With `weights` or `cluster` (or `robust`) it is the sum of
    squared influence values, summed within clusters first, the weights taken as known; R prints Greenwood's formula
    on weighted counts there, which is `robust=False` and holds for counts of patients only. Limits are value
    -+ z std_error and may pass 0 or the horizon. Without an event up to the horizon the value is the horizon and its
    standard error zero.

    Raises `InputError` where the horizon lies beyond the last observed time while the curve is above zero: the area
    is then unknown. The largest horizon that can be had is in the message.

    >>> mean = restricted_mean(time=[1, 2, 2, 3], event=[1, 1, 0, 1], horizon=3)
    >>> mean.value, round(mean.std_error, 6), mean.time_lost
    (2.25, 0.414578, 0.75)

    Source: Irwin (1949), J Hyg 47:188; Royston and Parmar (2013), BMC Med Res Methodol 13:152; influence values as
    for `kaplan_meier`.
    """
    sets = risk_set(time, event, entry)
    horizon, confidence = check_horizon(horizon), check_confidence(confidence)
    robust = _is_robust(robust, weights, cluster)
    row_weights = as_weights("weights", weights, sets.n)
    codes = None if cluster is None else group_codes("cluster", cluster, sets.n)
    return _one(sets, row_weights, codes, horizon, robust=robust, confidence=confidence)


def restricted_mean_curve(
    time: ArrayLike,
    event: ArrayLike,
    horizons: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    confidence: float = 0.95,
) -> RestrictedMeanCurve:
    """Estimate the restricted mean survival time as a function of its horizon, at (k,) `horizons`.

    Limits are pointwise. Everything else is as in `restricted_mean`.

    >>> restricted_mean_curve(time=[1, 2, 2, 3], event=[1, 1, 0, 1], horizons=[1, 2, 3]).value
    array([1.  , 1.75, 2.25])

    Source: as for `restricted_mean`; Zhao et al. (2016), Biometrics 72:215.
    """
    sets = risk_set(time, event, entry)
    horizons, confidence = as_vector("horizons", horizons), check_confidence(confidence)
    require(horizons > 0, "`horizons` must be positive")
    robust = _is_robust(robust, weights, cluster)
    row_weights = as_weights("weights", weights, sets.n)
    codes = None if cluster is None else group_codes("cluster", cluster, sets.n)
    means = [_one(sets, row_weights, codes, float(h), robust=robust, confidence=confidence) for h in horizons]
    fields = ("value", "std_error", "lower", "upper", "time_lost")
    return RestrictedMeanCurve(horizons, *(np.array([getattr(m, field) for m in means]) for field in fields))


def restricted_mean_comparison(  # noqa: PLR0913 - as restricted_mean, with groups
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    horizon: float,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    confidence: float = 0.95,
) -> RestrictedMeanComparison:
    """Compare the restricted mean survival times of k groups: differences, ratios and ratios of the time lost.

    `group` (n,) holds labels; each is held against the first in ascending order. Differences are tested and limited
    on their own scale, ratios on the log scale, by the delta method (survRM2's choices). The chi-squared statistic
    asks whether all k means are equal. With `cluster`, groups that share clusters, as matched pairs do, have
    covariances. A test whose standard error is zero is NaN, and so is a ratio of times lost where a group has no
    event before the horizon. The horizon must be within the follow-up of every group, as for `restricted_mean`.

    >>> result = restricted_mean_comparison([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"], horizon=4)
    >>> result.difference.estimate, result.time_lost_ratio.estimate
    (array([2.]), array([0.2]))

    Source: Uno et al. (2014), J Clin Oncol 32:2380, supplement.
    """
    sets = risk_set(time, event, entry)
    levels, codes = as_levels("group", group, sets.n)
    if levels.size < 2:
        raise InputError(f"`group` must hold at least two levels; it has {levels.size}.")
    horizon, confidence = check_horizon(horizon), check_confidence(confidence)
    robust = _is_robust(robust, weights, cluster)
    row_weights = as_weights("weights", weights, sets.n)
    clusters = None if cluster is None else group_codes("cluster", cluster, sets.n)
    means: list[RestrictedMean] = []
    influence = np.zeros((sets.n, levels.size))
    for code, level in enumerate(levels):
        rows = codes == code
        own = risk_set(np.asarray(time)[rows], sets.event[rows], None if entry is None else np.asarray(entry)[rows])
        own_clusters = None if clusters is None else clusters[rows]
        where = f" in group {level}"
        mean = _one(own, row_weights[rows], own_clusters, horizon, robust=robust, confidence=confidence, where=where)
        means.append(mean)
        influence[rows, code] = mean.influence
    covariance = np.diag([mean.std_error**2 for mean in means])
    if clusters is not None:
        covariance = sandwich(influence, clusters)
    return _compare(levels, tuple(means), covariance, horizon, confidence)


def check_horizon(horizon: float) -> float:
    """Return a horizon that is finite and positive, or raise `InputError`."""
    number = as_floats("horizon", horizon)
    if number.ndim != 0 or not np.isfinite(number) or number <= 0:
        raise InputError(f"`horizon` must be one finite positive number; it is {horizon}.")
    return float(number)


def check_confidence(confidence: float) -> float:
    """Return a confidence between 0 and 1, or raise `InputError`."""
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must lie between 0 and 1; it is {confidence}.")
    return float(confidence)


def require_follow_up(last: float, final: float, horizon: float, name: str = "horizon", where: str = "") -> None:
    """Raise if the horizon lies beyond the `last` observed time of a curve whose `final` value is above zero."""
    if final > 0 and horizon > last * (1 + TIE_TOLERANCE):
        raise InputError(
            f"`{name}` must be at most {last:.10g}, the last observed time{where}, beyond which the survival curve "
            f"is not known; it is {horizon:.10g}."
        )


def steps_to(time: Floats, survival: Floats, horizon: float) -> tuple[Floats, Floats]:
    """Return (m + 1,) heights of a curve, 1 first, and how much of the time to the horizon each of them lasts."""
    edges = np.minimum(np.concatenate(([0.0], time, [max(horizon, float(time[-1]))])), horizon)
    return np.concatenate(([1.0], survival)), np.diff(edges)


def _is_robust(robust: bool | None, weights: ArrayLike | None, cluster: ArrayLike | None) -> bool:
    if robust is False and cluster is not None:
        raise InputError("`robust` must not be False with `cluster`, whose variance is robust.")
    return (weights is not None or cluster is not None) if robust is None else robust


def _one(
    sets: RiskSet,
    weights: Floats,
    cluster: Counts | None,
    horizon: float,
    *,
    robust: bool,
    confidence: float,
    where: str = "",
) -> RestrictedMean:
    at_risk, events = sum_at_risk(sets, weights), sum_by_time(sets, weights * sets.event)
    # Counts of rows are exact where sums of weights are not, so that the curve reaches zero and not 1e-17.
    all_die = sum_at_risk(sets) == sum_by_time(sets, sets.event.astype(float))
    survival = np.asarray(np.cumprod(np.where(all_die, 0.0, 1 - events / at_risk)), dtype=float)
    last = float(sets.time[-1])
    require_follow_up(last, float(survival[-1]), horizon, where=where)
    height, width = steps_to(sets.time, survival, horizon)
    rectangles = height * width
    value = float(rectangles.sum())
    ahead = np.cumsum(rectangles[:0:-1])[::-1]
    seen = sets.time <= horizon * (1 + TIE_TOLERANCE)
    surviving = np.where(all_die | ~seen, np.inf, at_risk - events)
    influence = _influence(sets, weights, events / at_risk, ahead / surviving)
    variance = float((ahead**2 * events / at_risk / surviving).sum())
    if robust:
        variance = float(sandwich(influence[:, None], cluster)[0, 0])
    std_error = np.sqrt(variance)
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    lost = float((width * (1.0 - height)).sum())
    return RestrictedMean(
        value=value,
        std_error=float(std_error),
        lower=value - reach,
        upper=value + reach,
        time_lost=lost,
        time_lost_lower=lost - reach,
        time_lost_upper=lost + reach,
        horizon=horizon,
        largest_horizon=last if survival[-1] > 0 else np.inf,
        n=sets.n,
        n_events=float(events[seen].sum()),
        robust=robust,
        confidence=confidence,
        influence=influence,
    )


def _influence(sets: RiskSet, weights: Floats, hazard: Floats, loss: Floats) -> Floats:
    """Return (n,) w_i times the derivative of the area by w_i; `loss` is A_j / s_j, what an event at t_j takes."""
    expected = np.cumsum(hazard * loss)
    passed = expected[sets.group]
    if sets.first is not None:
        passed = passed - np.concatenate(([0.0], expected))[sets.first]
    return weights * (passed - np.where(sets.event, loss[sets.group], 0.0))


def _compare(
    levels: np.ndarray, groups: tuple[RestrictedMean, ...], covariance: Floats, horizon: float, confidence: float
) -> RestrictedMeanComparison:
    mean = np.array([group.value for group in groups])
    lost = np.array([group.time_lost for group in groups])
    unit = np.eye(mean.size)
    plain = unit[1:] - unit[0]
    difference = _contrast(mean[1:] - mean[0], plain, covariance, confidence)
    spread = plain @ covariance @ plain.T
    chi_squared, df = np.nan, mean.size - 1
    if not aliased_columns(spread).any():
        chi_squared = float(difference.estimate @ np.linalg.solve(spread, difference.estimate))
    return RestrictedMeanComparison(
        levels=levels,
        groups=groups,
        difference=difference,
        ratio=_ratio(mean, covariance, confidence),
        time_lost_ratio=_ratio(lost, covariance, confidence),
        covariance=covariance,
        chi_squared=chi_squared,
        degrees_of_freedom=df,
        p_value=float(chdtrc(df, chi_squared)),
        horizon=horizon,
        confidence=confidence,
    )


def _ratio(values: Floats, covariance: Floats, confidence: float) -> Contrast:
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.diag(1.0 / np.where(values > 0, values, np.nan))
        log = np.log(values[1:] / values[0])
    slopes = slope[1:].copy()
    slopes[:, 0] = -slope[0, 0]
    known = np.where(np.isfinite(log), log, np.nan)
    contrast = _contrast(known, slopes, covariance, confidence)
    estimate, lower, upper = np.exp(contrast.estimate), np.exp(contrast.lower), np.exp(contrast.upper)
    return Contrast(estimate, contrast.std_error, lower, upper, contrast.z, contrast.p_value)


def _contrast(estimate: Floats, slopes: Floats, covariance: Floats, confidence: float) -> Contrast:
    """Return (k - 1,) estimates with the standard errors of their (k - 1, k) linear forms."""
    std_error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", slopes, covariance, slopes), 0.0))
    std_error = np.where(np.isfinite(estimate), std_error, np.nan)
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    z = np.divide(estimate, std_error, out=np.full(estimate.shape, np.nan), where=std_error > 0)
    return Contrast(estimate, std_error, estimate - reach, estimate + reach, z, 2 * ndtr(-np.abs(z)))
