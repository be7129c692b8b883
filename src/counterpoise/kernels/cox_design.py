"""The rows of a Cox model, sorted once for all evaluations of its partial likelihood."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
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
    centre: Floats
    """(p,) what was subtracted from the covariates."""
    scale: Floats
    """(p,) what they were then divided by."""
    weights: Floats
    """(n,) case weights."""
    offset: Floats | None
    """(n,) what is added to the linear predictor."""
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
    event_time: Floats
    """(g,) each event time."""
    event_stratum: Counts
    """(g,) the code of its stratum."""
    time_index: Counts
    """(g,) its index among the distinct observed times."""
    tied: Tied
    late: Late | None


def arrange(
    sets: RiskSet,
    x: Floats,
    weights: Floats,
    stratum: Counts | None,
    ties: Ties,
    offset: Floats | None = None,
) -> CoxDesign:
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
    z, centre, scale = _standardise(x, order)
    groups = np.arange(event_key.size)
    starts = np.searchsorted(last, groups)
    deaths = np.flatnonzero(sets.event[order])
    w, death_group = weights[order], last[deaths]
    death_weight = np.add.reduceat(w[deaths], np.searchsorted(death_group, groups))
    segments = tuple(slice(a, b) for a, b in pairwise(bounds.tolist()) if b > a)
    return CoxDesign(
        rows=order,
        z=z,
        centre=centre,
        scale=scale,
        weights=w,
        offset=None if offset is None else offset[order],
        deaths=deaths,
        death_group=death_group,
        death_weight=death_weight,
        exit=last,
        start=starts,
        blocks=_cut(starts, order.size),
        segments=segments,
        links=_links(strata, segments),
        event_time=sets.time[event_key % m],
        event_stratum=strata,
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


def _standardise(x: Floats, order: Counts) -> tuple[Floats, Floats, Floats]:
    """Centre and scale the covariates, and say by what.

    What differs by no more than rounding is constant and becomes zero.
    """
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
    return z, mean[:, 0], spread


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
