"""Product-limit (Kaplan-Meier) survival curves, their intervals, and what is read off them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_binary, as_vector, as_weights, require
from counterpoise.kernels.curves.intervals import IntervalType, check_interval, limits
from counterpoise.kernels.curves.rows import curve_rows, influence_variance
from counterpoise.kernels.risk_set import TIE_TOLERANCE, risk_set, sum_at_risk, sum_by_time

LEVEL_TOLERANCE = 1.5e-8  # the square root of the machine's precision, as in R's quantile.survfit


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurve:
    """Estimate of S(t) = P(T > t) at the m distinct observed times; every array is (m,).

    The curve is a right-continuous step function, 1 before its first time. `at_risk`, `events` and
    `censored` are sums of weights; with no weights they count rows. Where S(t) = 0 the limits are NaN.
    """

    time: Floats
    """Distinct times of events and of censorings, ascending, in the unit of the input."""
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    std_error: Floats
    """Standard error of S(t): Greenwood's (NaN at zero), or from influence values (0 at zero)."""
    lower: Floats
    upper: Floats
    n: int
    """Number of rows."""
    n_events: float
    """Sum of the weights of the events."""
    interval: str
    confidence: float
    robust: bool = False
    """Whether the variance is that of influence values, not Greenwood's."""
    start_time: float = 0.0
    """Survival is conditional on no event before it."""


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalAt:
    """A survival curve read at k chosen times; every array is (k,). Not estimable is NaN."""

    time: Floats
    survival: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    at_risk: Floats
    """At risk just before the time: at its own time a row still counts."""
    events: Floats
    """Sum of weights of the events after the next smaller of the k times, up to and with this one."""
    censored: Floats
    """The same of the censorings."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """The time by which a share `probability` has had the event, with its limits; NaN is 'not reached'."""

    probability: float
    value: float
    lower: float
    upper: float


def kaplan_meier(  # noqa: PLR0913 - the data of a curve and the choices of its variance
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    interval: IntervalType = "log",
    confidence: float = 0.95,
    start_time: float = 0.0,
) -> SurvivalCurve:
    """Estimate survival from (n,) rows that are right-censored and, with `entry`, left-truncated.

    At a tie, events precede censorings. A row counts from after its `entry` to its `time`, both in one unit.
    Without weights the variance is Greenwood's. With `weights`, positive case or propensity weights, or with
    `cluster`, a label a row, it is the sum of squared influence values (infinitesimal jackknife), summed
    within clusters first; weights are taken as known. `robust` chooses by name: True gives influence values to rows
    without weights, False gives Greenwood's formula on sums of weights, which is right only where a weight counts
    equal rows, and far too small for propensity weights.
    `interval` names the scale of the limits: R's default is "log", Stata's "log-log", SPSS users' "plain".
    While S(t) = 1 the limits are 1 and 1 on every scale; at S(t) = 0 they are NaN.
    With `start_time` the curve is that of those who have not left before it: rows whose time is earlier are left
    out, and S is 1 up to there. A row that ends at `start_time` itself still counts, as in R.

    Raises `InputError` where a value is missing, a time is negative, an entry is not before its time, or `cluster`
    stands beside `robust=False`.

    >>> curve = kaplan_meier(time=[1, 2, 2, 3], event=[1, 1, 0, 1])
    >>> curve.survival
    array([0.75, 0.5 , 0.  ])
    >>> curve.std_error
    array([0.21650635, 0.25      ,        nan])

    Source: Kaplan and Meier (1958), JASA 53:457; Greenwood (1926); Therneau and Grambsch (2000), Modeling
    Survival Data, section 2.1, and the vignette "Methods" of R's survival for influence values.
    """
    check_interval(interval, confidence)
    rows = curve_rows(time, event, entry=entry, weights=weights, cluster=cluster, robust=robust, start_time=start_time)
    at_risk, events = rows.at_risk, rows.events
    survival = np.asarray(np.cumprod(np.where(rows.all_die, 0.0, 1 - events / at_risk)), dtype=float)
    surviving = np.where(rows.all_die, np.nan, at_risk - events)
    if rows.robust:
        increment, jump = np.nan_to_num(events / at_risk / surviving), np.nan_to_num(1 / surviving)
        relative = np.sqrt(influence_variance(rows, increment, jump))
        std_error = np.where(survival == 0, 0.0, survival * relative)
    else:
        relative = np.sqrt(np.asarray(np.cumsum(events / (at_risk * surviving)), dtype=float))
        std_error = survival * relative
    lower, upper = limits(survival, relative, interval, confidence)
    return SurvivalCurve(
        rows.time, at_risk, events, rows.censored, survival, std_error, lower, upper,
        rows.n, float(events.sum()), interval, confidence, rows.robust, start_time,
    )  # fmt: skip


def reverse_kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    interval: IntervalType = "log",
    confidence: float = 0.95,
) -> SurvivalCurve:
    """Estimate the distribution of follow-up: the Kaplan-Meier curve with events and censorings exchanged.

    Its median is the median follow-up. At a tie the censorings, being the events here, come first, as in R's
    `Surv(time, 1 - event)`. The other arguments are those of `kaplan_meier`.

    >>> quantile(reverse_kaplan_meier(time=[1, 2, 3, 4], event=[1, 0, 0, 0])).value
    3.0

    Source: Schemper and Smith (1996), Controlled Clinical Trials 17:343.
    """
    followed = ~as_binary("event", event)
    return kaplan_meier(
        time, followed, entry=entry, weights=weights, cluster=cluster, interval=interval, confidence=confidence
    )


def survival_at(curve: SurvivalCurve, times: ArrayLike, *, extend: bool = False) -> SurvivalAt:
    """Read a curve at chosen times, (k,) and in its unit: the step function's value, and the number at risk.

    A time within 1e-9 (relative) of a step counts as that step's time. Before the first time S = 1 without
    error; after the last the curve is unknown (NaN), unless it has reached zero. With `extend` its last values are
    carried on, as R's summary with extend=TRUE does, though nothing is known of that time. `events` and `censored`
    are sums since the next smaller of the times asked for, whatever the order in which they are asked.

    >>> read = survival_at(kaplan_meier(time=[1, 2, 2, 3], event=[1, 1, 0, 0]), times=[0, 2, 2.5, 4])
    >>> read.survival, read.at_risk
    (array([1. , 0.5, 0.5, nan]), array([4., 3., 1., 0.]))
    >>> read.events, read.censored
    (array([0., 2., 0., 0.]), array([0., 1., 0., 1.]))

    Source: as for `kaplan_meier`.
    """
    times = as_vector("times", times)
    require(times >= 0, "`times` must be finite and non-negative")
    tolerance = TIE_TOLERANCE * float(curve.time[-1])
    step = np.searchsorted(curve.time, times + tolerance, side="right")
    unknown = (times > curve.time[-1] + tolerance) & (curve.survival[-1] > 0) & (not extend)
    order = np.argsort(times, kind="stable")

    def read(values: Floats, start: float) -> Floats:
        return np.where(unknown, np.nan, np.concatenate(([start], values))[step])

    def since(values: Floats) -> Floats:
        sums = np.empty(times.size)
        sums[order] = np.diff(np.concatenate(([0.0], np.cumsum(values)))[step[order]], prepend=0.0)
        return sums

    at_risk = np.append(curve.at_risk, 0.0)[np.searchsorted(curve.time, times - tolerance)]
    return SurvivalAt(
        times, read(curve.survival, 1.0), read(curve.std_error, 0.0),
        read(curve.lower, 1.0), read(curve.upper, 1.0), at_risk, since(curve.events), since(curve.censored),
    )  # fmt: skip


def survival_influence(
    time: ArrayLike,
    event: ArrayLike,
    at: float,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Floats:
    """Return what each row, with its weight, moves S(at) by (n,): the curve's infinitesimal jackknife values.

    The sum of their squares is the variance of `kaplan_meier` under weights. They are zero where S(at) is 1 or 0.
    Rows of several curves can be summed over what they share (a matched pair) before they are squared. A row counts
    from after its `entry`, as in `kaplan_meier`.

    >>> survival_influence(time=[1, 2, 3, 4], event=[1, 0, 1, 1], at=1.5)
    array([-0.1875,  0.0625,  0.0625,  0.0625])

    Source: as for `kaplan_meier`.
    """
    sets = risk_set(time, event, entry)
    row_weights = as_weights("weights", weights, sets.n)
    seen = sets.time <= at + TIE_TOLERANCE * float(sets.time[-1])
    at_risk, events = sum_at_risk(sets, row_weights), sum_by_time(sets, row_weights * sets.event)
    all_die = sum_at_risk(sets) == sum_by_time(sets, sets.event.astype(float))
    if bool(np.any(all_die & seen)) or not bool(np.any(seen)):
        return np.zeros(sets.n)
    surviving = np.where(seen, at_risk - events, np.inf)
    cumulative = np.cumsum(events / at_risk / surviving)
    hazard = np.where(sets.event, 1 / surviving[sets.group], 0.0) - cumulative[sets.group]
    if sets.first is not None:
        hazard += np.concatenate(([0.0], cumulative))[sets.first]
    return -float(np.prod(1 - events[seen] / at_risk[seen])) * row_weights * hazard


def quantile(curve: SurvivalCurve, probability: float = 0.5) -> Quantile:
    """Return the first time at which S(t) <= 1 - probability, with Brookmeyer and Crowley's limits.

    The limits are the first times at which the curve's own limits reach that level, on the curve's interval
    scale. Where the level is met exactly the answer is the middle of that stretch, as in R (SPSS: its begin).

    >>> quantile(kaplan_meier(time=[1, 2, 3, 4, 5, 6], event=[1, 1, 1, 1, 1, 1]))
    Quantile(probability=0.5, value=3.5, lower=2.0, upper=nan)

    Source: Brookmeyer and Crowley (1982), Biometrics 38:29.
    """
    if not 0 < probability < 1:
        raise InputError(f"`probability` must lie between 0 and 1; it is {probability}.")
    level = 1 - probability
    value, lower, upper = (
        _first_time_below(curve.time, values, level) for values in (curve.survival, curve.lower, curve.upper)
    )
    return Quantile(probability, value, lower, upper)


def quantiles(curve: SurvivalCurve, probabilities: ArrayLike) -> tuple[Quantile, ...]:
    """Return `quantile` of each of the (k,) probabilities, in their order.

    >>> found = quantiles(kaplan_meier(time=[1, 2, 3, 4], event=[1, 1, 1, 1]), [0.25, 0.5, 0.75])
    >>> [one.value for one in found]
    [1.5, 2.5, 3.5]

    Source: as for `quantile`.
    """
    return tuple(quantile(curve, float(probability)) for probability in as_vector("probabilities", probabilities))


def _first_time_below(time: Floats, values: Floats, level: float) -> float:
    known = ~np.isnan(values)
    time_known, values = time[known], values[known]
    reached = np.flatnonzero(values <= level + LEVEL_TOLERANCE)
    if reached.size == 0:
        return float("nan")
    first = float(time_known[reached[0]])
    if values[reached[0]] < level - LEVEL_TOLERANCE:
        return first
    passed = np.flatnonzero(values < level - LEVEL_TOLERANCE)
    passed = passed[passed > reached[0]]
    return (first + float(time_known[passed[0]] if passed.size else time[-1])) / 2
