"""The rows of a Cox model, sorted once for all evaluations of its partial likelihood."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.blocks import block_rows, blocks
from counterpoise.kernels.risk_set import RiskSet, sum_by

Ties = Literal["efron", "breslow"]

MANY_STRATA = 16  # beyond it a loop over strata costs more than log2(event times) passes over all
CONSTANT_SPREAD = 1e-13  # what differs by no more than rounding is constant, and becomes zero
SAMPLE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Tied:
    """The event times with several deaths: t of them, with q deaths in all; empty for Breslow."""

    group: Counts
    """(t,) which event times."""
    single: Counts
    """(g - t,) the other event times."""
    rows: Counts
    """(q,) the rows of the deaths."""
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
    """(p + 1, n) a row of ones, then the covariates, centred and of unit spread; in memory row after row of data."""
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
    observed: Floats
    """(p + 1,) their weight, then the weighted sum of their covariates."""
    exit: Counts
    """(n,) the last event time at which each row is at risk."""
    start: Counts
    """(g,) the first of the rows with that `exit`."""
    segments: tuple[slice, ...]
    """The event times of each stratum."""
    links: tuple[Bools, ...]
    """Whether event times 1, 2, 4 ... apart are of one stratum; empty for few strata."""
    event_time: Floats
    """(g,) each event time."""
    event_stratum: Counts
    """(g,) the code of its stratum."""
    last_time: Floats
    """(k,) the last observed time of each stratum, of events and of censorings; k is 1 without strata."""
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
    order, last, first, event_key, bounds = _at_risk(sets, stratum)
    m = sets.time.size
    z, centre, scale = _standardise(x, order)
    starts = _begins(last)
    deaths = np.flatnonzero(sets.event[order])
    w, death_group = _ordered(weights, order), last[deaths]
    death_weight = sum_by(death_group, w[deaths], event_key.size)
    segments = tuple(slice(a, b) for a, b in pairwise(bounds.tolist()) if b > a)
    strata = event_key // m
    return CoxDesign(
        rows=order,
        z=z.T,
        centre=centre,
        scale=scale,
        weights=w,
        offset=None if offset is None else offset[order],
        deaths=deaths,
        death_group=death_group,
        death_weight=death_weight,
        observed=w[deaths] @ np.take(z, deaths, axis=0),
        exit=last,
        start=starts,
        segments=segments,
        links=_links(strata, segments),
        event_time=sets.time[event_key % m],
        event_stratum=strata,
        last_time=_last_time(sets, stratum),
        time_index=event_key % m,
        tied=_tied(deaths, death_group, death_weight, ties),
        late=None if first is None else _late(first, bounds[strata[last]]),
    )


def _at_risk(sets: RiskSet, stratum: Counts | None) -> tuple[Counts, Counts, Counts | None, Counts, Counts]:
    """Return who is at risk at an event, sorted by stratum and time, and the last and first event time of each.

    The first is None without late entry. Event times of strata come as their keys, with the bounds of the strata.
    """
    m, order = sets.time.size, sets.order
    if stratum is None:
        bounds = np.array([0, sets.event_groups.size])
        event_key, happens = sets.event_groups, np.zeros(m, dtype=np.intp)
        happens[event_key] = 1
        passed = np.cumsum(happens)
        last = np.repeat(passed - 1, np.diff(sets.start, append=order.size))
        if sets.first is None:
            begins = sets.start[event_key[0]]
            return order[begins:], last[begins:], None, event_key, bounds
        first = (passed - happens)[sets.first[order]]
    else:
        order = order[np.argsort(stratum[order], kind="stable")]
        codes = stratum[order]
        key = codes * m + sets.group[order]
        event_key = np.unique(key[sets.event[order]])
        bounds = np.searchsorted(event_key, np.arange(int(codes[-1]) + 2) * m)
        last = np.searchsorted(event_key, key, side="right") - 1
        first = bounds[codes] if sets.first is None else np.searchsorted(event_key, codes * m + sets.first[order])
    kept = np.flatnonzero(last >= first)
    if kept.size < order.size:
        order, last, first = order[kept], last[kept], first[kept]
    return order, last, None if sets.first is None else first, event_key, bounds


def _last_time(sets: RiskSet, stratum: Counts | None) -> Floats:
    if stratum is None:
        return sets.time[-1:]
    last = np.zeros(int(stratum.max()) + 1, dtype=np.intp)
    np.maximum.at(last, stratum, sets.group)
    return sets.time[last]


def _begins(values: Counts) -> Counts:
    """Return where each run of equal values begins."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def _ordered(weights: Floats, order: Counts) -> Floats:
    """Return the weights in this order; where all are equal there is nothing to fetch."""
    if weights.min() == weights.max():
        return np.full(order.size, weights[0])
    return weights[order]


def _standardise(x: Floats, order: Counts) -> tuple[Floats, Floats, Floats]:
    """Return (n, p + 1) ones and the covariates, centred and scaled, and by what."""
    n, p = order.size, x.shape[1]
    centre, spread = _centre_and_spread(x, order)
    constant = spread <= CONSTANT_SPREAD * np.abs(centre)
    spread[constant] = 1.0
    z, rows_at_once = np.empty((n, p + 1)), block_rows(p)
    centres = np.tile(centre, rows_at_once)
    factors = np.tile(np.where(constant, 0.0, 1 / spread), rows_at_once)
    for rows in blocks(n, p):
        part = np.take(x, order[rows], axis=0)
        flat = part.reshape(-1)
        flat -= centres[: flat.size]
        flat *= factors[: flat.size]
        z[rows, 0] = 1.0
        z[rows, 1:] = part
    return z, centre, spread


def _centre_and_spread(x: Floats, order: Counts) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the covariates, of many rows from a sample spread over them.

    They serve the arithmetic alone. What is constant in the sample is looked at whole.
    """
    sample = np.take(x, order[:: -(-order.size // SAMPLE)], axis=0)
    centre, spread = sample.mean(axis=0), sample.std(axis=0)
    if len(sample) < order.size:
        for column in np.flatnonzero(spread <= CONSTANT_SPREAD * np.abs(centre)):
            values = x[order, column]
            centre[column], spread[column] = values.mean(), values.std()
    return centre, spread


def _links(strata: Counts, segments: tuple[slice, ...]) -> tuple[Bools, ...]:
    if len(segments) <= MANY_STRATA:
        return ()
    longest = max(segment.stop - segment.start for segment in segments)
    shifts = [1 << k for k in range((longest - 1).bit_length())]
    return tuple(strata[:-shift] == strata[shift:] for shift in shifts)


def _tied(deaths: Counts, death_group: Counts, death_weight: Floats, ties: Ties) -> Tied:
    count = np.bincount(death_group, minlength=death_weight.size)
    several = count > 1 if ties == "efron" else np.zeros(count.size, dtype=bool)
    group = np.flatnonzero(several)
    chosen = np.flatnonzero(several[death_group])
    rows, of_group, size = deaths[chosen], death_group[chosen], count[group]
    start = np.cumsum(size) - size
    of = np.repeat(np.arange(group.size), size)
    fraction = (np.arange(rows.size) - start[of]) / size[of]
    mean_weight = death_weight[group] / size
    return Tied(group, np.flatnonzero(~several), rows, start, of, of_group, fraction, mean_weight)


def _late(first: Counts, stratum_first: Counts) -> Late | None:
    rows = np.flatnonzero(first > stratum_first)
    if rows.size == 0:
        return None
    before = first[rows] - 1
    order = np.argsort(before, kind="stable")
    rows, before = rows[order], before[order]
    group, start = np.unique(before, return_index=True)
    return Late(rows, before, group, start)
