"""The Cox partial likelihood and its derivatives, summed over groups of tied event times.

Notation, at event time g with d deaths: S0 and S1 are the sums of w r and w r x over those at risk (w the case
weight, r = exp(x beta)), s0 and s1 the same over the deaths, f_k = k / d (Efron; 0 for Breslow),
den_k = S0 - f_k s0 and h_k = (mean weight of the deaths) / den_k. Then A = sum h, B = sum f h, a2 = sum h / den,
b2 = sum f h / den, c2 = sum f^2 h / den carry all that the ties add, without a row for every death.

Source: Therneau and Grambsch (2000), Modeling Survival Data, section 3.3 (ties) and 3.5 (weights).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.newton import Point
from counterpoise.kernels.risk_set import RiskSet

Ties = Literal["efron", "breslow"]

BLOCK_ROWS = 16_384  # (p, rows) products of this width stay in the processor's cache
MANY_STRATA = 16  # beyond it a loop over strata costs more than log2(event times) passes over all
CONSTANT_SPREAD = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Tied:
    """The event times with several deaths: t of them, with q deaths in all; empty for Breslow."""

    group: Counts
    """(t,) which event times."""
    single: Counts
    """(g - t,) the other event times."""
    rows: Counts
    """(q,) the rows of the deaths."""
    z: Floats
    """(p + 1, q) their covariates."""
    start: Counts
    """(t,) where in `rows` each event time begins."""
    of: Counts
    """(q,) the index into `group` of each death."""
    of_group: Counts
    """(q,) the event time of each death."""
    fraction: Floats
    """(q,) f = 0, 1/d, ..., (d - 1)/d."""
    mean_weight: Floats
    """(t,) the mean weight of the deaths."""


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """The rows that enter after the first event time of their stratum: k of them, sorted by entry."""

    rows: Counts
    """(k,) which rows."""
    z: Floats
    """(p + 1, k) their covariates."""
    before: Counts
    """(k,) the last event time before each enters."""
    group: Counts
    """(u,) the distinct values of `before`."""
    start: Counts
    """(u,) where in `rows` each of them begins."""


@dataclass(frozen=True, slots=True, eq=False)
class CoxDesign:
    """The n rows that are ever at risk at an event, sorted by stratum and time, at g event times of strata."""

    rows: Counts
    """(n,) the rows as given."""
    z: Floats
    """(p + 1, n) a row of ones, then the covariates, centred and of unit spread."""
    scale: Floats
    """(p,) what the covariates were divided by."""
    weights: Floats
    """(n,) case weights."""
    deaths: Counts
    """(D,) the rows with an event."""
    death_group: Counts
    """(D,) the event time of each."""
    death_weight: Floats
    """(g,) sum of the weights of the deaths at each event time."""
    exit: Counts
    """(n,) the last event time at which each row is at risk."""
    start: Counts
    """(g,) the first of the rows with that `exit`."""
    blocks: tuple[tuple[slice, slice], ...]
    """Cuts into rows and event times; by n alone, so that sums do not depend on the machine."""
    segments: tuple[slice, ...]
    """The event times of each stratum."""
    links: tuple[Bools, ...]
    """Whether event times 1, 2, 4 ... apart are of one stratum; empty for few strata."""
    time_index: Counts
    """(g,) the index of each event time among the distinct observed times."""
    tied: Tied
    late: Late | None


@dataclass(frozen=True, slots=True, eq=False)
class RiskSums:
    """The sums of the module's notation at one value of the coefficients."""

    risk: Floats
    """(n,) w r, up to a common factor."""
    log_likelihood: float
    s: Floats
    """(p + 1, g) S0, then S1."""
    tied_s: Floats
    """(p + 1, t) s0, then s1, where there are ties."""
    hazard: Floats
    """(g,) A."""
    a2: Floats
    """(g,)"""
    tied_hazard: Floats
    """(t,) B."""
    b2: Floats
    """(t,)"""
    c2: Floats
    """(t,)"""


def arrange(sets: RiskSet, x: Floats, weights: Floats, stratum: Counts | None, ties: Ties) -> CoxDesign:
    """Sort the rows and group the event times, once for all evaluations; `stratum` holds codes 0, 1, ...

    There must be an event.
    """
    m = sets.time.size
    order, key, event_key = sets.order, sets.group, sets.event_groups
    if stratum is not None:
        order = order[np.argsort(stratum[order], kind="stable")]
        key = stratum * m + key
        event_key = np.unique(key[sets.event])
    last = np.searchsorted(event_key, key[order], side="right") - 1
    strata = event_key // m
    bounds = np.searchsorted(strata, np.arange(int(key[order[-1]]) // m + 2))
    first = _first_event(sets, event_key, order, stratum, bounds)
    kept = np.flatnonzero(first <= last)
    if kept.size < order.size:
        order, last, first = order[kept], last[kept], first[kept]
    z, scale = _standardise(x, order)
    groups = np.arange(event_key.size)
    starts = np.searchsorted(last, groups)
    deaths = np.flatnonzero(sets.event[order])
    w, death_group = weights[order], last[deaths]
    death_weight = np.add.reduceat(w[deaths], np.searchsorted(death_group, groups))
    segments = tuple(slice(a, b) for a, b in pairwise(bounds.tolist()) if b > a)
    return CoxDesign(
        rows=order,
        z=z,
        scale=scale,
        weights=w,
        deaths=deaths,
        death_group=death_group,
        death_weight=death_weight,
        exit=last,
        start=starts,
        blocks=_cut(starts, order.size),
        segments=segments,
        links=_links(strata, segments),
        time_index=event_key % m,
        tied=_tied(z, deaths, death_group, death_weight, ties),
        late=None if sets.first is None else _late(z, first, bounds[strata[last]]),
    )


def _first_event(sets: RiskSet, event_key: Counts, order: Counts, stratum: Counts | None, bounds: Counts) -> Counts:
    """Return the first event time of its stratum at which each row may be at risk."""
    codes = np.zeros(order.size, dtype=np.intp) if stratum is None else stratum[order]
    if sets.first is None:
        return bounds[codes]
    return np.searchsorted(event_key, codes * sets.time.size + sets.first[order])


def _standardise(x: Floats, order: Counts) -> tuple[Floats, Floats]:
    """Centre and scale the covariates; what differs by no more than rounding is constant and becomes zero."""
    z = np.empty((x.shape[1] + 1, order.size))
    z[0], z[1:] = 1.0, np.take(x, order, axis=0).T
    covariates = z[1:]
    mean = covariates.mean(axis=1, keepdims=True)
    covariates -= mean
    spread = np.sqrt(np.einsum("ij,ij->i", covariates, covariates) / order.size)
    constant = spread <= CONSTANT_SPREAD * np.abs(mean[:, 0])
    spread[constant] = 1.0
    covariates /= spread[:, None]
    covariates[constant] = 0.0
    return z, spread


def _cut(start: Counts, n: int) -> tuple[tuple[slice, slice], ...]:
    """Cut the rows at event times, into blocks of about BLOCK_ROWS."""
    if n <= BLOCK_ROWS:
        return ((slice(0, n), slice(0, start.size)),)
    groups = np.unique(np.searchsorted(start, np.arange(0, n, BLOCK_ROWS)))
    groups = np.append(groups[groups < start.size], start.size)
    rows = np.append(start, n)[groups]
    return tuple(
        (slice(*row), slice(*group))
        for row, group in zip(pairwise(rows.tolist()), pairwise(groups.tolist()), strict=True)
    )


def _links(strata: Counts, segments: tuple[slice, ...]) -> tuple[Bools, ...]:
    if len(segments) <= MANY_STRATA:
        return ()
    longest = max(segment.stop - segment.start for segment in segments)
    shifts = [1 << k for k in range((longest - 1).bit_length())]
    return tuple(strata[:-shift] == strata[shift:] for shift in shifts)


def _tied(z: Floats, deaths: Counts, death_group: Counts, death_weight: Floats, ties: Ties) -> Tied:
    count = np.bincount(death_group, minlength=death_weight.size)
    several = count > 1 if ties == "efron" else np.zeros(count.size, dtype=bool)
    group = np.flatnonzero(several)
    chosen = np.flatnonzero(several[death_group])
    rows, of_group, size = deaths[chosen], death_group[chosen], count[group]
    start = np.cumsum(size) - size
    of = np.repeat(np.arange(group.size), size)
    fraction = (np.arange(rows.size) - start[of]) / size[of]
    mean_weight = death_weight[group] / size
    return Tied(group, np.flatnonzero(~several), rows, z[:, rows], start, of, of_group, fraction, mean_weight)


def _late(z: Floats, first: Counts, stratum_first: Counts) -> Late | None:
    rows = np.flatnonzero(first > stratum_first)
    if rows.size == 0:
        return None
    before = first[rows] - 1
    order = np.argsort(before, kind="stable")
    rows, before = rows[order], before[order]
    group, start = np.unique(before, return_index=True)
    return Late(rows, z[:, rows], before, group, start)


def _from_here_on(design: CoxDesign, values: Floats) -> Floats:
    """Return (..., g) sums from each event time to the last one of its stratum."""
    if len(design.segments) == 1:
        return np.cumsum(values[..., ::-1], axis=-1)[..., ::-1]
    if not design.links:
        return np.concatenate(
            [np.cumsum(values[..., s][..., ::-1], axis=-1)[..., ::-1] for s in design.segments], axis=-1
        )
    total = values.copy()
    for power, link in enumerate(design.links):
        total[..., : -(1 << power)] += np.where(link, total[..., 1 << power :], 0.0)
    return total


def _up_to_here(design: CoxDesign, values: Floats) -> Floats:
    """Return (..., g) sums from the first event time of each stratum on."""
    if len(design.segments) == 1:
        return np.cumsum(values, axis=-1)
    if not design.links:
        return np.concatenate([np.cumsum(values[..., s], axis=-1) for s in design.segments], axis=-1)
    total = values.copy()
    for power, link in enumerate(design.links):
        total[..., 1 << power :] += np.where(link, total[..., : -(1 << power)], 0.0)
    return total


def while_at_risk(design: CoxDesign, values: Floats) -> Floats:
    """Return for each of n rows the sum of (..., g) values over the event times at which it is at risk."""
    running = _up_to_here(design, values)
    sums = np.take(running, design.exit, axis=-1)
    if design.late is not None:
        sums[..., design.late.rows] -= running[..., design.late.before]
    return sums


def risk_sums(design: CoxDesign, beta: Floats) -> RiskSums:
    """Compute the log-likelihood and all that its derivatives need; not finite where the hazards overflow."""
    eta = beta @ design.z[1:]
    eta -= eta.max()
    risk = np.exp(eta)
    risk *= design.weights
    leaving = np.empty((len(design.z), design.start.size))
    for rows, groups in design.blocks:
        weighted = design.z[:, rows] * risk[rows]
        np.add.reduceat(weighted, design.start[groups] - rows.start, axis=1, out=leaving[:, groups])
    late = design.late
    if late is not None:
        leaving[:, late.group] -= np.add.reduceat(late.z * risk[late.rows], late.start, axis=1)
    s = _from_here_on(design, leaving)
    s0, w, deaths, tied = s[0], design.death_weight, design.deaths, design.tied
    hazard = w / s0
    a2 = hazard / s0
    log_likelihood = float(design.weights[deaths] @ eta[deaths])
    if tied.group.size == 0:
        log_likelihood -= float(w @ np.log(s0))
        return RiskSums(risk, log_likelihood, s, s[:, :0], hazard, a2, w[:0], w[:0], w[:0])
    tied_s = np.add.reduceat(tied.z * risk[tied.rows], tied.start, axis=1)
    den = s0[tied.of_group] - tied.fraction * tied_s[0, tied.of]
    powers = np.empty((5, den.size))
    inverse, drawn = 1.0 / den, tied.fraction / den
    powers[0], powers[1] = inverse, drawn
    np.multiply(inverse, inverse, out=powers[2])
    np.multiply(inverse, drawn, out=powers[3])
    np.multiply(drawn, drawn, out=powers[4])
    closed = tied.mean_weight * np.add.reduceat(powers, tied.start, axis=1)
    hazard[tied.group], a2[tied.group] = closed[0], closed[2]
    log_likelihood -= float(w[tied.single] @ np.log(s0[tied.single]))
    log_likelihood -= float(tied.mean_weight[tied.of] @ np.log(den))
    return RiskSums(risk, log_likelihood, s, tied_s, hazard, a2, closed[1], closed[3], closed[4])


def martingale(design: CoxDesign, sums: RiskSums, factor: Floats | None = None) -> tuple[Floats, Floats]:
    """Return (n,) weighted martingale residuals, and the weighted expected number of events of each row.

    If (g,) `factor` is given, each event time counts so many times.
    """
    tied, deaths = design.tied, design.deaths
    hazard, tied_hazard, observed = sums.hazard, sums.tied_hazard, design.weights[deaths]
    if factor is not None:
        hazard, tied_hazard = hazard * factor, tied_hazard * factor[tied.group]
        observed *= factor[design.death_group]
    expected = while_at_risk(design, hazard)
    expected[tied.rows] -= tied_hazard[tied.of]
    expected *= sums.risk
    residual = -expected
    residual[deaths] += observed
    return residual, expected


def derivatives(design: CoxDesign, sums: RiskSums, factor: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the (p,) score and (p, p) information; each event time counts `factor` (g,) times if given."""
    residual, expected = martingale(design, sums, factor)
    p = len(design.z)
    information = np.zeros((p, p))
    for rows, _ in design.blocks:
        z = design.z[:, rows]
        information += (z * expected[rows]) @ z.T
    a2, b2, c2 = sums.a2, sums.b2, sums.c2
    tied = design.tied.group
    if factor is not None:
        a2, b2, c2 = a2 * factor, b2 * factor[tied], c2 * factor[tied]
    information -= (sums.s * a2) @ sums.s.T
    if tied.size:
        cross = (sums.s[:, tied] * b2) @ sums.tied_s.T
        information += cross + cross.T - (sums.tied_s * c2) @ sums.tied_s.T
    return (design.z @ residual)[1:], information[1:, 1:]


def evaluate(design: CoxDesign, beta: Floats) -> Point:
    """Return the log partial likelihood, its score and its information at `beta` (of the scaled covariates)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # far away hazards overflow: not finite
        sums = risk_sums(design, beta)
        return Point(sums.log_likelihood, *derivatives(design, sums))


def score_residuals(design: CoxDesign, sums: RiskSums) -> Floats:
    """Return (n, p) derivatives of the score by each case weight, times that weight; their sum is the score.

    Under Efron's ties the deaths of a tied set share the risk set just as their likelihood does.

    Source: Lin and Wei (1989), JASA 84:1074, section 2; ties as in Therneau and Grambsch (2000), section 7.2.
    """
    tied, deaths = design.tied, design.deaths
    s1, tied_s1 = sums.s[1:], sums.tied_s[1:]
    drawn, mean = s1 * sums.a2, s1 * sums.hazard
    drawn[:, tied.group] -= tied_s1 * sums.b2
    mean[:, tied.group] -= tied_s1 * sums.tied_hazard
    mean /= design.death_weight
    residual, _ = martingale(design, sums)
    result = design.z[1:] * residual
    result += while_at_risk(design, drawn) * sums.risk
    result[:, deaths] -= mean[:, design.death_group] * design.weights[deaths]
    shared = s1[:, tied.group] * sums.b2 - tied_s1 * sums.c2
    result[:, tied.rows] -= shared[:, tied.of] * sums.risk[tied.rows]
    return result.T
