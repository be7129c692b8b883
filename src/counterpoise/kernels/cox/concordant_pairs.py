"""Counts of the comparable pairs of a concordance, and of the partners of each row, in n log n steps."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.dominance import sum_earlier_and_lower
from counterpoise.kernels.risk_set import RiskSet, sum_by

HALF = 32  # bits


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """The r ends of rows, and where late entry begins q more points, sorted by stratum, time and what happens.

    At one time of one stratum entries come first, then events of descending predictor, then censorings.
    """

    row: Counts
    """(r + q,) the row of each point."""
    slot: Counts
    """(r + q,) equal for one stratum, time and kind of point; ascending."""
    stratum: Counts
    """(r + q,)"""
    rank: Counts
    """(r + q,) dense rank of the predictor."""
    entering: Bools
    """(r + q,) whether the point is an entry."""
    at: Counts
    """(D,) the points that are events."""
    tied: bool
    """Whether two rows have one value of the predictor."""
    alone: bool
    """Whether there is one stratum, and no late entry."""


@dataclass(frozen=True, slots=True, eq=False)
class _Partners:
    """Sums over the partners of the D events and of all P points."""

    below: Floats
    """(D,) those who outlive the event with a smaller predictor."""
    above: Floats
    """(D,) with a larger one."""
    beside: Floats
    """(D,) with the same."""
    larger: Floats
    """(P,) those with an event before the end, or the entry, that the point is, and a larger predictor."""
    smaller: Floats
    """(P,)"""
    equal: Floats
    """(P,)"""


def count_pairs(
    sets: RiskSet, stratum: Counts, k: int, x: Floats, w: Floats, factor: Floats, *, whole: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return (k, 5) counts, and the (n,) sums over the concordant, discordant and tied partners of each row.

    `sets` are those of the strata with codes (n,) `stratum`, of which there are `k`; a larger (n,) `x` foretells an
    earlier event. `w` (n,) are case weights, `factor` (m,) the weight of each time. `whole` says that all of these
    are 1: then counts are exact.
    """
    points = _arrange(sets, stratum, x)
    row, at = points.row, points.at
    weight = w[row]
    own = factor[sets.group[row[at]]]
    failing = np.zeros(row.size)
    failing[at] = weight[at] * own
    present = np.where(points.entering, -weight, weight)
    partners = _partners(points, present, failing, whole=whole)
    sums, counts = [], []
    for as_first, as_second in (
        (partners.below, partners.larger),
        (partners.above, partners.smaller),
        (partners.beside, partners.equal),
    ):
        # an entry takes back the events that its row was not at risk at
        of_row = sum_by(row, np.where(points.entering, -as_second, as_second), sets.n)
        of_row[row[at]] += own * as_first
        sums.append(of_row)
        counts.append(sum_by(points.stratum[at], failing[at] * as_first, k))
    by_stratum = np.column_stack([*counts, *_tied_events(points, weight[at], own, k)])
    return by_stratum, sums[0], sums[1], sums[2]


def _arrange(sets: RiskSet, stratum: Counts, x: Floats) -> _Points:
    by_predictor = np.argsort(x)
    ordered = x[by_predictor]
    rank = np.empty(sets.n, dtype=np.intp)
    rank[by_predictor] = np.concatenate(([0], np.cumsum(ordered[1:] > ordered[:-1])))
    levels = int(rank.max()) + 1
    row, kind = np.arange(sets.n), 2 - sets.event.astype(np.int8)
    slot = 3 * sets.group + kind
    if sets.first is not None:
        begin = np.full(int(stratum.max()) + 1, sets.time.size)
        np.minimum.at(begin, stratum, sets.group)
        late = np.flatnonzero(sets.first > begin[stratum])
        row, slot = np.concatenate((row, late)), np.concatenate((slot, 3 * sets.first[late]))
        kind = np.concatenate((kind, np.zeros(late.size, dtype=np.int8)))
    tied, alone = levels < sets.n, row.size == sets.n and not stratum.any()
    distinct = alone and sets.time.size == sets.n
    order = sets.order if distinct else np.argsort(slot * levels + (levels - 1 - rank[row]))
    row, slot, kind = row[order], slot[order], kind[order]
    return _Points(
        row, slot, stratum if alone else stratum[row], rank[row], kind == 0, np.flatnonzero(kind == 1), tied, alone
    )


def _partners(points: _Points, present: Floats, failing: Floats, *, whole: bool) -> _Partners:
    """Sum over the partners of each point: `present` of those it may precede, `failing` of those it may outlive."""
    at, size = points.at, points.row.size
    order, place = _by_predictor(points)
    early, smaller = _unpack(sum_earlier_and_lower(place, _pack(present, failing, whole=whole)), whole=whole)
    begin, end = (0, size) if points.alone else _runs(points.stratum)
    last = size if points.alone else _runs(points.stratum[order])[1]
    slot_begin, slot_end = _runs(points.slot)
    by_time, by_rank = _running(present), _running(present[order])
    lower, beside, equal, same_end = np.empty(size), np.zeros(size), np.zeros(size), at + 1
    if points.tied:
        stratum, rank = points.stratum[order], points.rank[order]
        tie_begin, tie_end = _runs(stratum, rank)
        now_begin, now_end = _runs(stratum, rank, points.slot[order])
        lower[order] = by_rank[last] - by_rank[tie_end]
        beside[order] = by_rank[tie_end] - by_rank[now_end]
        fails_by_rank = _running(failing[order])
        equal[order] = fails_by_rank[now_begin] - fails_by_rank[tie_begin]
        same_end = _runs(points.slot, points.rank)[1][at]
    else:
        lower[order] = by_rank[last] - by_rank[1:]
    slot_end, beside = slot_end[at], beside[at]
    # of the deaths of its own time, which stand behind it if their predictor is smaller, an event may precede none
    below = lower[at] - early[at] - (by_time[slot_end] - by_time[same_end])
    above = (by_time[end if points.alone else np.asarray(end)[at]] - by_time[slot_end]) - below - beside
    fails = _running(failing)
    larger = (fails[slot_begin] - fails[begin]) - smaller - equal
    return _Partners(below, above, beside, larger, smaller, equal)


def _by_predictor(points: _Points) -> tuple[Counts, Counts]:
    """Return the points from the first stratum on, in each from the largest predictor on, tied ones by time.

    The second value is the place of each point from the end of that order.
    """
    size = points.row.size
    place = np.empty(size, dtype=np.intp)
    if not points.tied and points.alone:
        order = np.empty(size, dtype=np.intp)
        order[size - 1 - points.rank] = np.arange(size)
        return order, points.rank
    levels = int(points.rank.max()) + 1
    order = np.argsort((points.stratum * levels + (levels - 1 - points.rank)) * size + np.arange(size))
    place[order] = np.arange(size - 1, -1, -1)
    return order, place


def _pack(first: Floats, second: Floats, *, whole: bool) -> np.ndarray:
    """Return one number for two, so that both are summed at once: the halves of an integer, or a complex number."""
    if whole:
        return first.astype(np.int64) + (second.astype(np.int64) << HALF)
    return first + 1j * second


def _unpack(pair: np.ndarray, *, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    if not whole:
        return np.real(pair), np.imag(pair)
    second = (pair + (1 << (HALF - 1))) >> HALF
    return pair - (second << HALF), second


def _running(values: np.ndarray) -> np.ndarray:
    """Return the sums of the first 0, 1, ... values."""
    sums = np.zeros(values.size + 1, dtype=values.dtype)
    np.cumsum(values, out=sums[1:])
    return sums


def _runs(*labels: Counts) -> tuple[Counts, Counts]:
    """Return for each element where the run of equal labels that it is in begins, and where it ends."""
    new = np.zeros(labels[0].size, dtype=bool)
    new[0] = True
    for label in labels:
        new[1:] |= label[1:] != label[:-1]
    begin = np.flatnonzero(new)
    end = np.append(begin[1:], new.size)
    return np.repeat(begin, end - begin), np.repeat(end, end - begin)


def _tied_events(points: _Points, w: Floats, own: Floats, k: int) -> tuple[Floats, Floats]:
    """Return (k,) pairs of events at one time whose predictors differ, and of those whose predictors are equal."""
    slot, rank, stratum = (values[points.at] for values in (points.slot, points.rank, points.stratum))
    if not (slot[1:] == slot[:-1]).any():
        return np.zeros(k), np.zeros(k)
    running, pairs = _running(w), []
    for begin, end in (_runs(slot), _runs(slot, rank)):
        pairs.append(sum_by(stratum, own * w * (running[end] - running[begin] - w) / 2, k))
    return pairs[0] - pairs[1], pairs[1]
