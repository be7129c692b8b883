"""Cumulative hazards (Nelson-Aalen), and the survival curves that follow from them."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.intervals import IntervalType, check_confidence, check_interval, limits
from counterpoise.kernels.curves.product_limit import SurvivalCurve
from counterpoise.kernels.curves.rows import CurveRows, curve_rows, influence_variance
from counterpoise.kernels.risk_set import sum_by

HazardTies = Literal["breslow", "efron"]
HazardInterval = Literal["plain", "log"]


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeHazard:
    """Estimate of the cumulative hazard H(t) at the m distinct observed times; every array is (m,).

    H is a right-continuous step function, 0 before its first time. `at_risk`, `events` and `censored` are sums of
    weights; with no weights they count rows.
    """

    time: Floats
    """Distinct times of events and of censorings, ascending, in the unit of the input."""
    at_risk: Floats
    events: Floats
    censored: Floats
    hazard: Floats
    """H(t): expected events a patient, were she at risk all the time."""
    std_error: Floats
    lower: Floats
    upper: Floats
    n: int
    """Number of rows."""
    n_events: float
    """Sum of the weights of the events."""
    ties: str
    interval: str
    confidence: float
    robust: bool
    """Whether the variance is that of influence values."""
    start_time: float
    """Hazard is cumulated from here on."""


def nelson_aalen(  # noqa: PLR0913 - the data of a curve and the choices of its variance
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    ties: HazardTies = "breslow",
    interval: HazardInterval = "log",
    confidence: float = 0.95,
    start_time: float = 0.0,
) -> CumulativeHazard:
    """Estimate the cumulative hazard of (n,) rows: the sum over event times of events divided by those at risk.

    `ties` "breslow" counts tied events as one step d / n (R: ctype=1), "efron" as d steps, each with fewer at risk,
    1 / n + 1 / (n - 1) + ... (Fleming and Harrington's; R: ctype=2); under weights every tied event then takes the
    mean weight of its set. The variance is Aalen's, the sum of d / n^2 (of the squares of those steps for "efron"),
    or that of influence values under weights, clusters or `robust=True`; `robust=False` keeps Aalen's with sums of
    weights for counts. `interval` "log" gives limits H exp(-+1.96 se / H), which keep above zero, "plain" H -+ 1.96 se,
    no lower than 0. Before the first event all are 0. The other arguments are those of `kaplan_meier`.

    Raises `InputError` where a value is missing, a time is negative, an entry is not before its time, or `cluster`
    stands beside `robust=False`.

    >>> nelson_aalen(time=[1, 2, 2, 4], event=[1, 1, 1, 0]).hazard.round(4)
    array([0.25  , 0.9167, 0.9167])
    >>> nelson_aalen(time=[1, 2, 2, 4], event=[1, 1, 1, 0], ties="efron").hazard.round(4)
    array([0.25  , 1.0833, 1.0833])

    Source: Nelson (1972), Technometrics 14:945; Aalen (1978), Ann Stat 6:701; Fleming and Harrington (1984), Commun
    Stat Theory Methods 13:2469; Bie, Borgan and Liestol (1987), Scand J Stat 14:221, for the limits.
    """
    _check_hazard_interval(interval, confidence)
    _check_ties(ties)
    rows = curve_rows(time, event, entry=entry, weights=weights, cluster=cluster, robust=robust, start_time=start_time)
    hazard, std_error = _cumulated(rows, ties)
    lower, upper = hazard_limits(hazard, std_error, interval, confidence)
    return CumulativeHazard(
        rows.time, rows.at_risk, rows.events, rows.censored, hazard, std_error, lower, upper,
        rows.n, float(rows.events.sum()), ties, interval, confidence, rows.robust, start_time,
    )  # fmt: skip


def fleming_harrington(  # noqa: PLR0913 - the data of a curve and the choices of its variance
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    ties: HazardTies = "efron",
    interval: IntervalType = "log",
    confidence: float = 0.95,
    start_time: float = 0.0,
) -> SurvivalCurve:
    """Estimate survival as exp(-H), H being the cumulative hazard of `nelson_aalen` with the same arguments.

    With `ties` "breslow" it is also called Breslow's estimate (R: stype=2, ctype=1), with "efron" that of Fleming and
    Harrington (R: stype=2, ctype=2), which differs less from Kaplan-Meier. Its standard error is S times that of
    H. Unlike Kaplan-Meier it does not reach zero when the last patient dies.

    >>> fleming_harrington(time=[1, 2, 2, 4], event=[1, 1, 1, 0]).survival.round(4)
    array([0.7788, 0.3385, 0.3385])

    Source: as for `nelson_aalen`; Therneau and Grambsch (2000), Modeling Survival Data, section 2.1.
    """
    check_interval(interval, confidence)
    _check_ties(ties)
    rows = curve_rows(time, event, entry=entry, weights=weights, cluster=cluster, robust=robust, start_time=start_time)
    hazard, relative = _cumulated(rows, ties)
    survival = np.exp(-hazard)
    lower, upper = limits(survival, relative, interval, confidence)
    return SurvivalCurve(
        rows.time, rows.at_risk, rows.events, rows.censored, survival, survival * relative, lower, upper,
        rows.n, float(rows.events.sum()), interval, confidence, rows.robust, start_time,
    )  # fmt: skip


def hazard_limits(hazard: Floats, std_error: Floats, interval: str, confidence: float) -> tuple[Floats, Floats]:
    """Return limits of cumulative hazards of any one shape: "plain", no lower than 0, or on the "log" scale.

    >>> lower, upper = hazard_limits(np.array([0.0, 0.5]), np.array([0.0, 0.1]), "log", 0.95)
    >>> lower.round(4), upper.round(4)
    (array([0.    , 0.3379]), array([0.  , 0.74]))

    Source: Bie, Borgan and Liestol (1987), Scand J Stat 14:221.
    """
    _check_hazard_interval(interval, confidence)
    shift = float(ndtri(0.5 + confidence / 2)) * std_error
    if interval == "plain":
        return np.maximum(hazard - shift, 0.0), hazard + shift
    factor = np.exp(np.divide(shift, hazard, out=np.zeros_like(hazard), where=hazard > 0))
    return hazard / factor, hazard * factor


def _check_hazard_interval(interval: str, confidence: float) -> None:
    if interval not in get_args(HazardInterval):
        raise InputError(f"`interval` must be one of plain, log; it is {interval!r}.")
    check_confidence(confidence)


def _check_ties(ties: str) -> None:
    if ties not in get_args(HazardTies):
        raise InputError(f"`ties` must be breslow or efron; it is {ties!r}.")


def _cumulated(rows: CurveRows, ties: str) -> tuple[Floats, Floats]:
    """Return the cumulative hazard (m,) and its standard error (m,)."""
    at_risk, events = rows.at_risk, rows.events
    if ties == "breslow":
        step, square, jump = events / at_risk, events / at_risk**2, 1 / at_risk
    else:
        step, square, jump = _efron_steps(rows)
    # The slope of a step d / n by the weight of one at risk is -d / n^2, and so it is for each of Efron's.
    variance = influence_variance(rows, square, jump) if rows.robust else np.asarray(np.cumsum(square), dtype=float)
    return np.asarray(np.cumsum(step), dtype=float), np.sqrt(variance)


def _efron_steps(rows: CurveRows) -> tuple[Floats, Floats, Floats]:
    """Return each time's step of the hazard, minus its slope by the weight of one at risk, and by that of one event.

    Of d events of mean weight v, step j = 0, ..., d - 1 has n - j v at risk and adds v / (n - j v). More weight of
    one event adds to n and, by 1 / d, to v: the slopes of v / (n - j v) are -v / (n - j v)^2 by n and n / (n - j v)^2
    by v.
    """
    count = rows.counts.astype(np.intp)
    group = np.repeat(np.arange(count.size), count)
    place = np.arange(group.size) - (np.cumsum(count) - count)[group]
    mean = rows.events[group] / count[group]
    left = rows.at_risk[group] - place * mean
    step, square = (sum_by(group, mean / left**power, count.size) for power in (1, 2))
    jump = sum_by(group, rows.at_risk[group] / left**2 / count[group], count.size)
    return step, square, jump
