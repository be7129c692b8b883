"""Cumulative incidence of competing causes (Aalen-Johansen), its intervals, and what is read off it."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Counts, Floats, as_vector, require
from counterpoise.kernels.competing.aalen_johansen_variance import (
    aalen_variance,
    influence_of_functional,
    influence_variance,
    steps_of,
)
from counterpoise.kernels.competing.causes import CauseRows, cause_rows, known_causes
from counterpoise.kernels.curves.intervals import IntervalType, check_confidence, check_interval, limits
from counterpoise.kernels.risk_set import TIE_TOLERANCE, sum_by_time
from counterpoise.kernels.sandwich import sum_by_cluster

Variance = Literal["influence", "aalen"]


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeIncidence:
    """Estimate of F_k(t) = P(T <= t, cause k) for k causes at the m distinct observed times.

    The curves are right-continuous step functions, 0 before the first time. `at_risk`, `events` and `censored`
    are sums of weights; with no weights they count rows.
    """

    causes: Counts
    """(k,) the causes, ascending."""
    time: Floats
    """(m,) distinct times of events and of censorings, ascending, in the unit of the input."""
    at_risk: Floats
    """(m,) just before each time."""
    events: Floats
    """(k, m) of each cause."""
    censored: Floats
    """(m,)"""
    incidence: Floats
    """(k, m) F_k(t)."""
    survival: Floats
    """(m,) free of any event: 1 less the sum of the incidences, the Kaplan-Meier curve of the first event."""
    std_error: Floats
    """(k, m) of F_k(t)."""
    survival_std_error: Floats
    """(m,) of `survival`, from influence values; NaN for Aalen's variance."""
    lower: Floats
    """(k, m) limits of F_k(t); NaN while F_k(t) = 0, except that the plain limits are 0 then."""
    upper: Floats
    """(k, m)"""
    n: int
    """Number of rows."""
    n_events: Counts
    """(k,) rows with an event of each cause, not their weights."""
    variance: str
    interval: str
    confidence: float
    rows: CauseRows
    """The rows themselves, for what is computed from the curve later."""


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceAt:
    """Cumulative incidence read at t chosen times. Not estimable is NaN."""

    causes: Counts
    """(k,)"""
    time: Floats
    """(t,)"""
    incidence: Floats
    """(k, t)"""
    survival: Floats
    """(t,)"""
    std_error: Floats
    """(k, t)"""
    lower: Floats
    """(k, t)"""
    upper: Floats
    """(k, t)"""
    at_risk: Floats
    """(t,) just before the time: at its own time a row still counts."""


@dataclass(frozen=True, slots=True, eq=False)
class TimeLost:
    """Mean time lost to each of k causes before `horizon`: the area under F_k up to it, in the unit of time."""

    causes: Counts
    """(k,)"""
    horizon: float
    time_lost: Floats
    """(k,)"""
    std_error: Floats
    """(k,) from influence values."""
    lower: Floats
    """(k,) plain limits."""
    upper: Floats
    """(k,)"""
    event_free: float
    """Mean time free of any event before `horizon`: with `time_lost` it adds up to `horizon`."""
    event_free_std_error: float
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceDifference:
    """Difference of two independent groups' cumulative incidence at t times, first less second."""

    causes: Counts
    """(k,)"""
    time: Floats
    """(t,)"""
    difference: Floats
    """(k, t)"""
    std_error: Floats
    """(k, t) root of the sum of the two squared errors."""
    lower: Floats
    """(k, t) plain limits."""
    upper: Floats
    """(k, t)"""
    p_value: Floats
    """(k, t) of a two-sided normal test that the difference is zero."""
    confidence: float


def aalen_johansen(  # noqa: PLR0913 - the columns a cohort may have and the choices of variance and interval
    time: ArrayLike,
    cause: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    causes: ArrayLike | None = None,
    variance: Variance = "influence",
    interval: IntervalType = "log",
    confidence: float = 0.95,
) -> CumulativeIncidence:
    """Estimate the cumulative incidence of each cause from (n,) rows, right-censored and maybe left-truncated.

    `cause` is 0 for censored, else 1, 2, ... . All causes of a tied time share its risk set, and events precede
    censorings. A row counts from after its `entry` to its `time`, both in one unit. `causes` names the causes to
    report, so that curves of several groups have the same; by default those that occur.

    `variance` "influence" is the infinitesimal jackknife, the sum of squared influence values, as in R's survfit;
    with `weights`, taken as known, or `cluster` labels, within which values are summed first, there is no other.
    "aalen" is Aalen's martingale variance with the factor (n - d) / (n - 1) for ties, as in cmprsk's cuminc; it
    is a few per cent larger in small groups. `interval` names the scale of the limits of F_k, as R's conf.type.

    Raises `InputError` where a value is missing, a time is negative, or no row has an event and `causes` is None,
    and `UnsupportedError` for Aalen's variance with weights or clusters.

    >>> curve = aalen_johansen(time=[1, 2, 2, 3], cause=[1, 2, 0, 1])
    >>> curve.incidence, curve.survival
    (array([[0.25, 0.25, 0.75], [0.  , 0.25, 0.25]]), array([0.75, 0.5 , 0.  ]))
    >>> curve.std_error[0].round(4)
    array([0.2165, 0.2165, 0.2165])

    Source: Aalen and Johansen (1978), Scand J Stat 5:141; Aalen (1978), Ann Stat 6:534, and Gray (1988), Ann Stat
    16:1141, for the variance; the vignette "Methods" of R's survival for influence values.
    """
    check_interval(interval, confidence)
    if variance not in get_args(Variance):
        raise InputError(f"`variance` must be 'influence' or 'aalen'; it is {variance!r}.")
    if variance == "aalen" and (weights is not None or cluster is not None):
        raise UnsupportedError("Aalen's variance does not hold with `weights` or `cluster`; use 'influence'.")
    rows = cause_rows(time, cause, entry=entry, weights=weights, cluster=cluster)
    chosen = known_causes(rows, causes)
    steps = steps_of(rows, chosen)
    if variance == "aalen":
        squared, of_survival = aalen_variance(steps), np.full(rows.sets.time.size, np.nan)
    else:
        squared, of_survival = influence_variance(rows, chosen, steps)
    std_error = np.sqrt(squared)
    lower, upper = _limits(steps.incidence, std_error, interval, confidence)
    return CumulativeIncidence(
        causes=chosen,
        time=rows.sets.time,
        at_risk=steps.at_risk,
        events=steps.events,
        censored=sum_by_time(rows.sets, rows.weights * ~rows.sets.event),
        incidence=steps.incidence,
        survival=steps.survival,
        std_error=std_error,
        survival_std_error=np.sqrt(of_survival),
        lower=lower,
        upper=upper,
        n=rows.sets.n,
        n_events=np.array([(rows.cause == code).sum() for code in chosen]),
        variance=variance,
        interval=interval,
        confidence=confidence,
        rows=rows,
    )


def incidence_at(curve: CumulativeIncidence, times: ArrayLike, *, extend: bool = False) -> IncidenceAt:
    """Read curves at chosen times, (t,) and in their unit.

    A time within 1e-9 (relative) of a step counts as that step's time. Before the first time F = 0 without error.
    After the last time the curves are unknown (NaN) unless nobody was left; `extend` carries the last value on,
    as R's `summary(survfit, extend = TRUE)` does.

    >>> read = incidence_at(aalen_johansen(time=[1, 2, 2, 3], cause=[1, 2, 0, 0]), times=[0, 2.5, 4])
    >>> read.incidence, read.at_risk
    (array([[0.  , 0.25,  nan], [0.  , 0.25,  nan]]), array([4., 1., 0.]))
    """
    times = as_vector("times", times)
    require(times >= 0, "`times` must be finite and non-negative")
    tolerance = TIE_TOLERANCE * float(curve.time[-1])
    step = np.searchsorted(curve.time, times + tolerance, side="right")
    beyond = (times > curve.time[-1] + tolerance) & (curve.survival[-1] > 0) & (not extend)

    def read(values: Floats, start: Floats | float) -> Floats:
        first = np.broadcast_to(start, (*values.shape[:-1], 1))
        return np.where(beyond, np.nan, np.concatenate((first, values), axis=-1)[..., step])

    start = np.zeros(1)
    low, high = _limits(start, start, curve.interval, curve.confidence)
    at_risk = np.append(curve.at_risk, 0.0)[np.searchsorted(curve.time, times - tolerance)]
    return IncidenceAt(
        curve.causes, times, read(curve.incidence, 0.0), read(curve.survival, 1.0), read(curve.std_error, 0.0),
        read(curve.lower, low), read(curve.upper, high), at_risk,
    )  # fmt: skip


def incidence_influence(curve: CumulativeIncidence, at: float) -> Floats:
    """Return what each row, with its weight, moves F_k(at) by, (n, k): the infinitesimal jackknife values.

    The sum of their squares is the variance "influence". Rows of several curves can be summed over what they
    share (a matched pair) before they are squared. After the last time the last value of F_k is meant.

    >>> incidence_influence(aalen_johansen(time=[1, 2, 2, 3], cause=[1, 2, 0, 1]), at=1)[:, 0]
    array([ 0.1875, -0.0625, -0.0625, -0.0625])

    Source: as for `aalen_johansen`.
    """
    if not np.isfinite(at):
        raise InputError(f"`at` must be finite; it is {at}.")
    steps = steps_of(curve.rows, curve.causes)
    last = int(np.searchsorted(curve.time, at + TIE_TOLERANCE * float(curve.time[-1]), side="right")) - 1
    seen = np.arange(curve.time.size) <= last
    reached = steps.incidence[:, [max(last, 0)]]
    shared = np.where(seen, (reached - steps.incidence) * steps.inverse_surviving, 0.0)
    own = np.where(seen, steps.survival_before / steps.at_risk, 0.0) * np.ones_like(shared)
    return influence_of_functional(curve.rows, curve.causes, steps, own, shared)


def time_lost(curve: CumulativeIncidence, horizon: float, *, confidence: float = 0.95) -> TimeLost:
    """Estimate the mean time lost to each cause before `horizon`, in the unit of time.

    It is the area under F_k; the areas and the mean time free of events add up to the horizon. The error is the
    root of the sum of squared influence values, whatever the curve's own variance, as R's
    `summary(survfit(..., influence = TRUE), rmean = horizon)` has it; the limits are plain.

    Raises `InputError` if the horizon is not positive, or after the last observed time while somebody is free of
    events then.

    >>> lost = time_lost(aalen_johansen(time=[1, 2, 2, 3], cause=[1, 2, 0, 1]), horizon=3)
    >>> lost.time_lost, lost.event_free
    (array([0.5 , 0.25]), 2.25)

    Source: Andersen (2013), Stat Med 32:5278.
    """
    check_confidence(confidence)
    _check_horizon(curve, horizon)
    steps = steps_of(curve.rows, curve.causes)
    left = np.maximum(horizon - curve.time, 0.0)
    width = -np.diff(left, append=0.0)
    states = np.vstack((steps.incidence, steps.survival))
    # The area under F_k from each time on, and what it would be at that time's height.
    after = np.cumsum((states * width)[:, ::-1], axis=1)[:, ::-1]
    shared = after * steps.inverse_surviving
    shared[:-1] -= steps.incidence * left * steps.inverse_surviving
    own = steps.survival_before / steps.at_risk * left * np.ones_like(shared)
    influence = influence_of_functional(curve.rows, curve.causes, steps, own, shared)
    areas, std_error = after[:, 0], _root_of_squares(curve.rows, influence)
    reach = float(ndtri(0.5 + confidence / 2)) * std_error[:-1]
    return TimeLost(
        causes=curve.causes,
        horizon=float(horizon),
        time_lost=areas[:-1],
        std_error=std_error[:-1],
        lower=np.maximum(areas[:-1] - reach, 0.0),
        upper=np.minimum(areas[:-1] + reach, horizon),
        event_free=float(min(curve.time[0], horizon) + areas[-1]),
        event_free_std_error=float(std_error[-1]),
        confidence=confidence,
    )


def incidence_difference(
    first: CumulativeIncidence, second: CumulativeIncidence, times: ArrayLike, *, confidence: float = 0.95
) -> IncidenceDifference:
    """Compare the cumulative incidence of two independent groups at chosen times, (t,) and in their unit.

    The interval is plain and the test normal. NaN beyond either group's last time, as in `incidence_at`.

    >>> arms = [aalen_johansen(time=[1, 2, 3, 4], cause=code) for code in ([1, 0, 1, 2], [0, 1, 2, 0])]
    >>> incidence_difference(*arms, times=[3]).difference
    array([[ 0.29166667], [-0.33333333]])

    Raises `InputError` unless both curves have the same causes (see `causes` of `aalen_johansen`).
    """
    check_confidence(confidence)
    if not np.array_equal(first.causes, second.causes):
        raise InputError("`first` and `second` must have the same causes; name them by `causes` of aalen_johansen.")
    one, other = incidence_at(first, times), incidence_at(second, times)
    difference = one.incidence - other.incidence
    std_error = np.hypot(one.std_error, other.std_error)
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    z = np.divide(np.abs(difference), std_error, out=np.full_like(difference, np.nan), where=std_error > 0)
    return IncidenceDifference(
        first.causes, one.time, difference, std_error,
        np.maximum(difference - reach, -1.0), np.minimum(difference + reach, 1.0), 2 * ndtr(-z), confidence,
    )  # fmt: skip


def _limits(incidence: Floats, std_error: Floats, interval: str, confidence: float) -> tuple[Floats, Floats]:
    relative = np.divide(std_error, incidence, out=np.zeros_like(std_error), where=incidence > 0)
    lower, upper = limits(incidence, relative, interval, confidence)
    if interval == "plain":
        lower[incidence == 0] = upper[incidence == 0] = 0.0
    return lower, upper


def _root_of_squares(rows: CauseRows, influence: Floats) -> Floats:
    values = influence if rows.cluster is None else sum_by_cluster(influence, rows.cluster)
    return np.sqrt((values**2).sum(axis=0))


def _check_horizon(curve: CumulativeIncidence, horizon: float) -> None:
    if not (np.isfinite(horizon) and horizon > 0):
        raise InputError(f"`horizon` must be finite and positive; it is {horizon}.")
    last = float(curve.time[-1])
    if horizon > last * (1 + TIE_TOLERANCE) and curve.survival[-1] > 0:
        raise InputError(f"`horizon` must not be after the last observed time, {last:g}; it is {horizon:g}.")
