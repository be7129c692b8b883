"""The weighted partial likelihood of Fine and Gray and its derivatives, by sums from either end of time.

Notation, at event time g of the cause of interest with events of weight d: r = exp(x beta), c the case weight,
G(t-) the probability to be uncensored. Those without an event are at risk as in a Cox model; those with a
competing event at T stay with the factor G(t-) / G(T-). So S0 and S1, the sums of c r and c r x over the risk
set, are suffix sums over those still under observation, plus G(t-) times prefix sums of c r / G(T-) over those who
had a competing event before; no row is repeated for every event time.

Source: Fine and Gray (1999), JASA 94:496, sections 3 and 5; Geskus (2011), Biometrics 67:39.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.competing.causes import CENSORED, CauseRows
from counterpoise.kernels.logistic import centre_and_scale
from counterpoise.kernels.newton import Point
from counterpoise.kernels.risk_set import RiskSet, suffix_sum, sum_by

BLOCK_ROWS = 16_384

CensoringTerm = Literal["exact", "paper", "crr"]


@dataclass(frozen=True, slots=True, eq=False)
class Censoring:
    """The censoring curve of one group of rows, and its rows with a competing event before the last event time."""

    rows: Counts
    """(u,) the rows of the group."""
    at_risk: Floats
    """(m,) weight at risk of being censored at each distinct time."""
    censored: Floats
    """(m,) weight censored."""
    competing: Counts
    """(c,) its rows with a competing event that an event of the cause of interest follows."""
    z: Floats
    """(p + 1, c) their covariates."""
    inverse: Floats
    """(c,) 1 / G(T-)."""
    curve: Floats
    """(g,) G(t-) at the event times."""
    event_share: Floats
    """(g,) the group's share of the weight of the events there."""


@dataclass(frozen=True, slots=True, eq=False)
class FineGrayDesign:
    """The n rows sorted by time, at g times of events of the cause of interest."""

    rows: Counts
    """(n,) the rows as given."""
    z: Floats
    """(p + 1, n) a row of ones, then the covariates, centred and of unit spread."""
    centre: Floats
    """(p,) what was subtracted from the covariates."""
    scale: Floats
    """(p,) what they were divided by."""
    weights: Floats
    """(n,) case weights."""
    censoring_weights: Floats
    """(n,) with which the rows enter the censoring curves."""
    time_index: Counts
    """(n,) the index of each row's time among the m distinct times."""
    is_censored: Bools
    """(n,)"""
    events: Counts
    """(D,) the rows with an event of the cause of interest."""
    event_group: Counts
    """(D,) the event time of each."""
    event_index: Counts
    """(g,) the index of each event time among the m distinct times."""
    event_weight: Floats
    """(g,) sum of the weights of the events."""
    exit: Counts
    """(n,) the last event time at or before each row's own; -1 if none is."""
    start: Counts
    """(g,) the first row with that `exit`."""
    weighs_censoring: bool
    """Whether case weights count in the censoring curves."""
    events_first: bool
    """Whether those with an event at a tied time are no longer at risk of being censored then."""
    censoring: tuple[Censoring, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FineGraySums:
    """The sums of the module's notation at one value of the coefficients."""

    risk: Floats
    """(n,) c r, up to the common factor exp(-`shift`)."""
    shift: float
    log_likelihood: float
    s: Floats
    """(p + 1, g) S0, then S1, with the same factor."""
    hazard: Floats
    """(g,) d / S0: the jumps of the baseline cumulative subdistribution hazard, up to exp(`shift`)."""


def arrange(rows: CauseRows, of: int, x: Floats, group: Counts, *, events_first: bool, weigh: bool) -> FineGrayDesign:
    """Sort the rows and estimate the censoring curve of each code in (n,) `group`; an event of `of` must occur.

    With `weigh` the case weights count in the censoring curves too.
    """
    sets, order = rows.sets, rows.sets.order
    cause, weights, index = rows.cause[order], rows.weights[order], sets.group[order]
    events = np.flatnonzero(cause == of)
    event_index, event_group = np.unique(index[events], return_inverse=True)
    last = np.searchsorted(event_index, index, side="right") - 1
    centre, scale = centre_and_scale(x)
    z = np.empty((x.shape[1] + 1, order.size))
    z[0], z[1:] = 1.0, ((np.take(x, order, axis=0) - centre) / scale).T
    counted = weights if weigh else np.ones_like(weights)
    competing = (cause != of) & (cause != CENSORED) & (last < event_index.size - 1)
    codes, g = group[order], event_index.size
    event_weight = sum_by(event_group, weights[events], g)
    censoring: list[Censoring] = []
    for code in range(int(codes.max()) + 1):
        share = sum_by(event_group, weights[events] * (codes[events] == code), g) / event_weight
        rows_of = np.flatnonzero(codes == code)
        censoring.append(_censoring(sets, cause, counted, rows_of, competing, z, event_index, share, events_first))
    return FineGrayDesign(
        rows=order,
        z=z,
        centre=centre,
        scale=scale,
        weights=weights,
        censoring_weights=counted,
        time_index=index,
        is_censored=cause == CENSORED,
        events=events,
        event_group=event_group,
        event_index=event_index,
        event_weight=event_weight,
        exit=last,
        start=np.searchsorted(last, np.arange(g)),
        weighs_censoring=weigh,
        events_first=events_first,
        censoring=tuple(censoring),
    )


def _censoring(  # noqa: PLR0913 - the parts of one record
    sets: RiskSet,
    cause: Counts,
    weights: Floats,
    rows: Counts,
    competing: Bools,
    z: Floats,
    event_index: Counts,
    event_share: Floats,
    events_first: bool,
) -> Censoring:
    """Return the censoring curve of `rows`; the arrays are in order of time."""
    index, m = sets.group[sets.order], sets.time.size
    of_group, censored = index[rows], cause[rows] == CENSORED
    leaving = sum_by(of_group, weights[rows], m)
    lost = sum_by(of_group, weights[rows] * censored, m)
    at_risk = suffix_sum(leaving)
    if events_first:
        at_risk = at_risk - (leaving - lost)
    # Counts of rows tell exactly when nobody is left to be followed: from then on the curve is zero.
    gone = np.arange(m) >= of_group[-1]
    staying = 1.0 - np.divide(lost, at_risk, out=np.zeros(m), where=at_risk > 0)
    after = np.cumprod(np.where(gone, 0.0, staying))
    before = np.concatenate(([1.0], after[:-1]))
    chosen = rows[competing[rows]]
    curve = np.asarray(before[event_index], dtype=float)
    inverse = np.asarray(1.0 / before[index[chosen]], dtype=float)
    return Censoring(rows, at_risk, lost, chosen, z[:, chosen], inverse, curve, event_share)


def risk_sums(design: FineGrayDesign, beta: Floats) -> FineGraySums:
    """Compute the log-likelihood and all that its derivatives need; not finite where the hazards overflow."""
    eta = beta @ design.z[1:]
    shift = float(eta.max())
    eta -= shift
    risk = np.exp(eta)
    risk *= design.weights
    g = design.event_index.size
    s = suffix_sum(np.add.reduceat(design.z * risk, design.start, axis=1))
    for group in design.censoring:
        if group.competing.size:
            s += group.curve * _before(
                group.z * (risk[group.competing] * group.inverse), design.exit[group.competing], g
            )
    hazard = design.event_weight / s[0]
    log_likelihood = float(design.weights[design.events] @ eta[design.events] - design.event_weight @ np.log(s[0]))
    return FineGraySums(risk, shift, log_likelihood, s, hazard)


def _before(values: Floats, exit: Counts, size: int) -> Floats:
    """Return the (p, size) sums over those of (p, c) `values` whose ascending (c,) `exit` is before each index."""
    begins = np.flatnonzero(np.diff(exit, prepend=exit[0] - 1))
    sums = np.zeros((len(values), size))
    sums[:, exit[begins] + 1] = np.add.reduceat(values, begins, axis=1)
    return np.cumsum(sums, axis=1)


def while_at_risk(design: FineGrayDesign, values: Floats) -> Floats:
    """Return for each of n rows the sum of (k, g) values over event times, each by the row's factor there."""
    running = np.concatenate((np.zeros((len(values), 1)), np.cumsum(values, axis=1)), axis=1)
    sums = np.take(running, design.exit + 1, axis=1)
    for group in design.censoring:
        later = suffix_sum(values * group.curve)[:, design.exit[group.competing] + 1]
        sums[:, group.competing] += later * group.inverse
    return sums


def derivatives(design: FineGrayDesign, sums: FineGraySums) -> tuple[Floats, Floats]:
    """Return the (p,) score and the (p, p) information."""
    expected = while_at_risk(design, sums.hazard[None, :])[0] * sums.risk
    residual = -expected
    residual[design.events] += design.weights[design.events]
    p = len(design.z)
    information = np.zeros((p, p))
    for begin in range(0, expected.size, BLOCK_ROWS):
        block = slice(begin, begin + BLOCK_ROWS)
        z = design.z[:, block]
        information += (z * expected[block]) @ z.T
    information -= (sums.s * (sums.hazard / sums.s[0])) @ sums.s.T
    return (design.z @ residual)[1:], information[1:, 1:]


def evaluate(design: FineGrayDesign, beta: Floats) -> Point:
    """Return the log-likelihood, its score and its information at `beta` (of the scaled covariates)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # far away hazards overflow: not finite
        sums = risk_sums(design, beta)
        return Point(sums.log_likelihood, *derivatives(design, sums))


def of_column(design: FineGrayDesign, sums: FineGraySums, column: int) -> tuple[FineGrayDesign, FineGraySums]:
    """Return the design and the sums of one covariate alone; its residuals need no other."""
    kept = [0, column + 1]
    censoring = tuple(replace(group, z=group.z[kept]) for group in design.censoring)
    return replace(design, z=design.z[kept], censoring=censoring), replace(sums, s=sums.s[kept])


def score_residuals(design: FineGrayDesign, sums: FineGraySums) -> Floats:
    """Return (n, p) derivatives of the score by each case weight, times it, the censoring curves held fixed."""
    mean = sums.s[1:] / sums.s[0]
    exposure = while_at_risk(design, np.concatenate((sums.hazard[None, :], mean * sums.hazard)))
    residual = (exposure[1:] - design.z[1:] * exposure[0]) * sums.risk
    residual[:, design.events] += (design.z[1:, design.events] - mean[:, design.event_group]) * design.weights[
        design.events
    ]
    return residual.T


def censoring_residuals(design: FineGrayDesign, sums: FineGraySums, kind: CensoringTerm) -> Floats:
    """Return (n, p) derivatives of the score by each row's share in the censoring curves.

    Fine and Gray's psi: censoring at u lowers G(t-) / G(T-) of all who had a competing event before u, at all later
    t. The "exact" derivative of the curve divides by those at risk less those censored, and a censoring counts from
    after its own time on; the "paper" divides by those at risk, and it counts from its own time on. "crr" is the
    paper's, but counts for a censoring only the events of its own group.
    """
    mean = sums.s[1:] / sums.s[0]
    result = np.zeros((len(mean), design.rows.size))
    for group in design.censoring:
        times = np.flatnonzero(group.censored)
        if times.size == 0 or group.competing.size == 0:
            continue
        shares = _shares(design, sums, group, mean, times, kind)
        lost = group.censored[times] / group.at_risk[times]
        running = np.concatenate((np.zeros((len(mean), 1)), np.cumsum(shares * lost, axis=1)), axis=1)
        own, censored = design.time_index[group.rows], design.is_censored[group.rows]
        passed = np.searchsorted(times, own, side="right")
        if design.events_first:
            passed -= ~censored & np.isin(own, times)
        result[:, group.rows] = -running[:, passed]
        result[:, group.rows[censored]] += shares[:, passed[censored] - 1]
    return (result * design.censoring_weights).T


def _shares(
    design: FineGrayDesign, sums: FineGraySums, group: Censoring, mean: Floats, times: Counts, kind: CensoringTerm
) -> Floats:
    """Return (p, v) what one censoring in `group` at each of v distinct times, given by index, adds to the score."""
    side = "right" if kind == "exact" else "left"
    left = group.curve * sums.hazard
    if kind == "crr":
        left = left * group.event_share
    later = np.zeros((len(design.z), left.size + 1))
    later[:, :-1] = suffix_sum(np.concatenate((left[None, :], left * mean)))
    later = later[:, np.searchsorted(design.event_index, times, side=side)]
    earlier = np.zeros((len(design.z), group.competing.size + 1))
    np.cumsum(group.z * (sums.risk[group.competing] * group.inverse), axis=1, out=earlier[:, 1:])
    earlier = earlier[:, np.searchsorted(design.time_index[group.competing], times, side=side)]
    total = earlier[1:] * later[0] - earlier[0] * later[1:]
    followed = group.at_risk[times] - (group.censored[times] if kind == "exact" else 0.0)
    return np.divide(total, followed, out=np.zeros_like(total), where=followed > 0)
