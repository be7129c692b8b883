"""The Cox partial likelihood and its derivatives, summed over groups of tied event times.

Notation, at event time g with d deaths: S0 and S1 are the sums of w r and w r x over those at risk (w the case
weight, r = exp(x beta)), s0 and s1 the same over the deaths, f_k = k / d (Efron; 0 for Breslow),
den_k = S0 - f_k s0 and h_k = (mean weight of the deaths) / den_k. Then A = sum h, B = sum f h, a2 = sum h / den,
b2 = sum f h / den, c2 = sum f^2 h / den carry all that the ties add, without a row for every death.

Source: Therneau and Grambsch (2000), Modeling Survival Data, section 3.3 (ties) and 3.5 (weights).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.newton import Point
from counterpoise.kernels.risk_set import RiskSet

Ties = Literal["efron", "breslow"]

BLOCK_ROWS = 16_384  # (p, rows) products of this width stay in the processor's cache
MANY_STRATA = 16


@dataclass(frozen=True, slots=True, eq=False)
class Tied:
    """The event times with several deaths: t of them, with q deaths in all; empty for Breslow."""

    group: Counts
    """(t,) which event times."""
    rows: Counts
    """(q,) the rows of the deaths."""
    z: Floats
    """(p, q) their covariates."""
    start: Counts
    """(t,) where in `rows` each event time begins."""
    of: Counts
    """(q,) the index into `group` of each death."""
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
    """(p, k) their covariates."""
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
    """(p, n) covariates, centred and of unit spread."""
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
    """(n,) w r, up to the factor exp(-shift)."""
    shift: float
    log_likelihood: float
    s1: Floats
    """(p, g)"""
    tied_s1: Floats
    """(p, t)"""
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


def arrange(sets: RiskSet, x: Floats, weights: Floats, stratum: Counts, ties: Ties) -> CoxDesign:
    """Sort the rows and group the event times, once for all evaluations; `stratum` holds codes 0, 1, ...

    There must be an event.
    """
    m = sets.time.size
    n_strata = int(stratum.max()) + 1
    key = stratum * m + sets.group
    event_key = np.unique(key[sets.event])
    order = sets.order if n_strata == 1 else sets.order[np.argsort(stratum[sets.order], kind="stable")]
    last = np.searchsorted(event_key, key[order], side="right") - 1
    first = _first_event(sets, event_key, stratum[order], order)
    kept = first <= last
    if not kept.all():
        order, last, first = order[kept], last[kept], first[kept]
    z, scale = _standardise(x, order)
    starts = np.searchsorted(last, np.arange(event_key.size))
    deaths = np.flatnonzero(sets.event[order])
    w = weights[order]
    strata = event_key // m
    bounds = np.searchsorted(strata, np.arange(n_strata + 1))
    segments = tuple(slice(a, b) for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True) if b > a)
    death_group = last[deaths]
    death_start = np.searchsorted(death_group, np.arange(event_key.size))
    death_weight = np.add.reduceat(w[deaths], death_start)
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
        late=_late(z, first, strata, bounds),
    )


def _first_event(sets: RiskSet, event_key: Counts, stratum: Counts, order: Counts) -> Counts:
    """Return the first event time of its stratum at which each row may be at risk."""
    m = sets.time.size
    if sets.first is not None:
        return np.searchsorted(event_key, stratum * m + sets.first[order])
    begins = np.searchsorted(event_key, np.arange(int(stratum.max()) + 1) * m)
    return begins[stratum]


def _standardise(x: Floats, order: Counts) -> tuple[Floats, Floats]:
    z = np.ascontiguousarray(np.take(x, order, axis=0).T)
    z -= z.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", z, z) / z.shape[1])
    scale = np.where(spread > 0, spread, 1.0)
    z /= scale[:, None]
    return z, scale


def _cut(start: Counts, n: int) -> tuple[tuple[slice, slice], ...]:
    """Cut the rows at event times, into blocks of about BLOCK_ROWS."""
    groups = np.unique(np.searchsorted(start, np.arange(0, n, BLOCK_ROWS)))
    groups = np.append(groups[groups < start.size], start.size)
    edges = np.append(start, n)[groups]
    return tuple(
        (slice(int(edges[i]), int(edges[i + 1])), slice(int(groups[i]), int(groups[i + 1])))
        for i in range(groups.size - 1)
    )


def _links(strata: Counts, segments: tuple[slice, ...]) -> tuple[Bools, ...]:
    if len(segments) <= MANY_STRATA:
        return ()
    longest = max(segment.stop - segment.start for segment in segments)
    shifts = [1 << k for k in range((longest - 1).bit_length())]
    return tuple(strata[:-shift] == strata[shift:] for shift in shifts)


def _tied(z: Floats, deaths: Counts, death_group: Counts, death_weight: Floats, ties: Ties) -> Tied:
    count = np.bincount(death_group, minlength=death_weight.size)
    group = np.flatnonzero(count > 1) if ties == "efron" else np.empty(0, dtype=np.intp)
    size = count[group]
    start = np.cumsum(size) - size
    of = np.repeat(np.arange(group.size), size)
    rows = deaths[(count > 1)[death_group]] if group.size else np.empty(0, dtype=np.intp)
    fraction = (np.arange(rows.size) - start[of]) / size[of]
    return Tied(group, rows, z[:, rows], start, of, fraction, death_weight[group] / size)


def _late(z: Floats, first: Counts, strata: Counts, bounds: Counts) -> Late | None:
    rows = np.flatnonzero(first > bounds[strata[first]])
    if rows.size == 0:
        return None
    before = first[rows] - 1
    order = np.argsort(before, kind="stable")
    rows, before = rows[order], before[order]
    group, start = np.unique(before, return_index=True)
    return Late(rows, z[:, rows], before, group, start)


def at_risk(design: CoxDesign, leaving: Floats, late: Floats | None) -> Floats:
    """Return (..., g) sums over those at risk, from sums by `exit` and sums of the `late` rows by row."""
    if design.late is not None and late is not None:
        leaving[..., design.late.group] -= np.add.reduceat(late, design.late.start, axis=-1)
    total = np.empty_like(leaving)
    if not design.links:
        for segment in design.segments:
            part = leaving[..., segment]
            total[..., segment] = np.cumsum(part[..., ::-1], axis=-1)[..., ::-1]
        return total
    total[...] = leaving
    for power, link in enumerate(design.links):
        total[..., : -(1 << power)] += np.where(link, total[..., 1 << power :], 0.0)
    return total


def up_to(design: CoxDesign, values: Floats) -> Floats:
    """Return (..., g) running sums over the event times of each stratum."""
    total = np.empty_like(values)
    if not design.links:
        for segment in design.segments:
            np.cumsum(values[..., segment], axis=-1, out=total[..., segment])
        return total
    total[...] = values
    for power, link in enumerate(design.links):
        total[..., 1 << power :] += np.where(link, total[..., : -(1 << power)], 0.0)
    return total


def while_at_risk(design: CoxDesign, values: Floats) -> Floats:
    """Return for each of n rows the sum of (..., g) values over the event times at which it is at risk."""
    running = up_to(design, values)
    sums = running[..., design.exit]
    if design.late is not None:
        sums[..., design.late.rows] -= running[..., design.late.before]
    return sums


def risk_sums(design: CoxDesign, beta: Floats) -> RiskSums:
    """Compute the log-likelihood and all that its derivatives need."""
    eta = beta @ design.z
    shift = float(eta.max())
    risk = np.exp(eta - shift)
    risk *= design.weights
    s0 = np.add.reduceat(risk, design.start)
    s1 = np.empty((len(beta), s0.size))
    for rows, groups in design.blocks:
        weighted = design.z[:, rows] * risk[rows]
        s1[:, groups] = np.add.reduceat(weighted, design.start[groups] - rows.start, axis=1)
    late = design.late
    s0 = at_risk(design, s0, None if late is None else risk[late.rows])
    s1 = at_risk(design, s1, None if late is None else late.z * risk[late.rows])
    deaths, w = design.deaths, design.death_weight
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_s0, hazard = np.log(s0), w / s0
        a2 = hazard / s0
        log_likelihood = float(design.weights[deaths] @ (eta[deaths] - shift))
        tied = design.tied
        if tied.group.size == 0:
            none = np.empty(0)
            log_likelihood -= float(w @ log_s0)
            return RiskSums(risk, shift, log_likelihood, s1, s1[:, :0], hazard, a2, none, none, none)
        tied_risk = risk[tied.rows]
        tied_s0 = np.add.reduceat(tied_risk, tied.start)
        tied_s1 = np.add.reduceat(tied.z * tied_risk, tied.start, axis=1)
        den = s0[tied.group][tied.of] - tied.fraction * tied_s0[tied.of]
        inverse = 1.0 / den
        powers = np.empty((5, den.size))
        powers[0] = inverse
        powers[1] = tied.fraction * inverse
        powers[2:] = powers[[0, 1, 1]] * np.stack((inverse, inverse, powers[1]))
        hazard[tied.group], tied_hazard, a2[tied.group], b2, c2 = tied.mean_weight * np.add.reduceat(
            powers, tied.start, axis=1
        )
        single = np.ones(w.size, dtype=bool)
        single[tied.group] = False
        log_likelihood -= float(w[single] @ log_s0[single]) + float(tied.mean_weight[tied.of] @ np.log(den))
    return RiskSums(risk, shift, log_likelihood, s1, tied_s1, hazard, a2, tied_hazard, b2, c2)


def martingale(design: CoxDesign, sums: RiskSums, factor: Floats | None = None) -> tuple[Floats, Floats]:
    """Return (n,) weighted martingale residuals and the weighted expected events, times (g,) `factor` if given."""
    tied = design.tied
    hazard = sums.hazard if factor is None else sums.hazard * factor
    tied_hazard = sums.tied_hazard if factor is None else sums.tied_hazard * factor[tied.group]
    expected = while_at_risk(design, hazard)
    expected[tied.rows] -= tied_hazard[tied.of]
    expected *= sums.risk
    residual = -expected
    deaths = design.deaths
    residual[deaths] += design.weights[deaths] * (1.0 if factor is None else factor[design.death_group])
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
    if factor is not None:
        tied_factor = factor[design.tied.group]
        a2, b2, c2 = a2 * factor, b2 * tied_factor, c2 * tied_factor
    information -= (sums.s1 * a2) @ sums.s1.T
    if b2.size:
        cross = (sums.s1[:, design.tied.group] * b2) @ sums.tied_s1.T
        information += cross + cross.T - (sums.tied_s1 * c2) @ sums.tied_s1.T
    return design.z @ residual, (information + information.T) / 2


def evaluate(design: CoxDesign, beta: Floats) -> Point:
    """Return the log partial likelihood, its score and its information at `beta` (of the scaled covariates)."""
    sums = risk_sums(design, beta)
    return Point(sums.log_likelihood, *derivatives(design, sums))


def score_residuals(design: CoxDesign, sums: RiskSums) -> Floats:
    """Return the (n, p) derivatives of the score by each case weight times that weight; their sum is the score.

    Under Efron's ties the deaths of a tied set share the risk set as their likelihood does. Source: numerics of
    Lin and Wei (1989), JASA 84:1074, equation 2.5, with the ties of Therneau and Grambsch (2000), section 7.2.
    """
    tied, deaths = design.tied, design.deaths
    c = sums.s1 * sums.a2
    mean = sums.s1 * sums.hazard
    c[:, tied.group] -= sums.tied_s1 * sums.b2
    mean[:, tied.group] -= sums.tied_s1 * sums.tied_hazard
    mean /= design.death_weight
    residual, _ = martingale(design, sums)
    result = design.z * residual + while_at_risk(design, c) * sums.risk
    result[:, deaths] -= mean[:, design.death_group] * design.weights[deaths]
    d = sums.s1[:, tied.group] * sums.b2 - sums.tied_s1 * sums.c2
    result[:, tied.rows] -= d[:, tied.of] * sums.risk[tied.rows]
    return result.T
