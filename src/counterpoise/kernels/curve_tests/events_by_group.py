"""Events and numbers at risk by group at each event time: all that a test of survival curves needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_levels, as_vector
from counterpoise.kernels.risk_set import (
    TIE_TOLERANCE,
    RiskSet,
    risk_set,
    split_by_stratum,
    sum_at_risk,
    sum_by_time,
)

ROOM = 6  # bits beside a time: one for the event, five for the group
ORDINARY = 1e200  # times and their reciprocals below it can be scaled without loss


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n checked rows in k groups; with strata the "times" of `sets` are pairs of stratum and time."""

    sets: RiskSet
    begins: Counts
    """(s,) where each stratum begins among the times of `sets`."""
    levels: np.ndarray
    """(k,) labels of the groups, ascending."""
    codes: Counts
    """(n,) index of each row's group among `levels`."""

    @property
    def n(self) -> Counts:
        """(k,) number of rows of each group."""
        return np.bincount(self.codes, minlength=self.levels.size)


@dataclass(frozen=True, slots=True, eq=False)
class EventsByGroup:
    """Sums at g event times of strata, for all groups and for each of k groups but the first.

    The first group is all less the others: its column would only repeat what the others say.
    """

    events: Floats
    """(g,) events, or their weights."""
    at_risk: Floats
    """(g,) rows at risk, or their weights."""
    group_events: Floats
    """(k - 1, g)"""
    group_at_risk: Floats
    """(k - 1, g)"""
    begins: Counts
    """(s,) where the event times of each stratum that has any begin."""


def as_rows(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, entry: ArrayLike | None, stratum: ArrayLike | None
) -> Rows:
    """Check and sort the rows of a test; fewer than two groups is an `InputError`."""
    sets = risk_set(time, event, entry)
    levels, codes = as_levels("group", group, sets.n)
    if levels.size < 2:
        raise InputError(f"`group` must have at least two levels; it has {levels.size}.")
    begins = np.zeros(1, dtype=np.intp)
    if stratum is not None:
        sets, begins = split_by_stratum(sets, as_levels("stratum", stratum, sets.n)[1])
    return Rows(sets, begins, levels, codes)


def count(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, entry: ArrayLike | None, stratum: ArrayLike | None
) -> tuple[np.ndarray, Counts, EventsByGroup]:
    """Return the (k,) labels and sizes of the groups, and their counts, by the faster of two ways.

    >>> levels, n, table = count([1, 2, 3], [1, 0, 1], ["a", "b", "b"], None, None)
    >>> levels, n, table.group_at_risk
    (array(['a', 'b'], dtype='<U1'), array([1, 2]), array([[2., 1.]]))
    """
    if entry is None and stratum is None:
        times = as_vector("time", time)
        largest = float(times.max(initial=0.0))
        if 1 / ORDINARY < largest < ORDINARY and times.min() >= 0:
            happened = as_binary("event", event, times.size)
            levels, codes = as_levels("group", group, times.size)
            if 2 <= levels.size <= 2 ** (ROOM - 1):
                n = np.bincount(codes, minlength=levels.size)
                return levels, n, _count_sorted(times, happened, codes, levels.size)
    rows = as_rows(time, event, group, entry, stratum)
    return rows.levels, rows.n, count_events(rows)


def count_events(rows: Rows) -> EventsByGroup:
    """Count events and rows at risk.

    >>> table = count_events(as_rows([1, 2, 3], [1, 0, 1], ["a", "b", "b"], None, None))
    >>> table.events, table.at_risk, table.group_events, table.group_at_risk
    (array([1., 1.]), array([3., 1.]), array([[0., 1.]]), array([[2., 1.]]))
    """
    sets = rows.sets
    # Small codes stay in the processor's cache while rows are taken in the order of time.
    small = rows.codes.astype(np.uint8) if rows.levels.size <= 256 else rows.codes
    codes, event = np.take(small, sets.order), np.take(sets.event, sets.order)
    at_risk, events = _remaining(sets, None), _happened(sets, event)
    others = range(1, rows.levels.size)
    if len(others) == 0 or sets.event_groups.size == 0:
        shape = (rows.levels.size - 1, sets.event_groups.size)
        return EventsByGroup(events, at_risk, np.zeros(shape), np.zeros(shape), np.zeros(0, dtype=np.intp))
    group_at_risk = np.stack([_remaining(sets, codes == code) for code in others])
    group_events = np.stack([_happened(sets, event & (codes == code)) for code in others])
    return EventsByGroup(events, at_risk, group_events, group_at_risk, _begins(rows))


def weigh_events(rows: Rows, weights: Floats) -> EventsByGroup:
    """Sum the weights of events and of rows at risk; where nobody is at risk the sum is 0, rounding or not."""
    sets, counts = rows.sets, count_events(rows)
    used = sets.event_groups
    dead = np.where(sets.event, weights, 0.0)
    member = [rows.codes == code for code in range(1, rows.levels.size)]
    group_events = np.stack([sum_by_time(sets, np.where(rows_, dead, 0.0))[used] for rows_ in member])
    group_at_risk = np.stack([sum_at_risk(sets, np.where(rows_, weights, 0.0))[used] for rows_ in member])
    group_at_risk[counts.group_at_risk == 0] = 0.0
    return EventsByGroup(
        sum_by_time(sets, dead)[used], sum_at_risk(sets, weights)[used], group_events, group_at_risk, counts.begins
    )


def _count_sorted(time: Floats, event: Bools, codes: Counts, k: int) -> EventsByGroup:
    """Count from times, groups and events that were sorted as one number, much faster than rows can be.

    Of a number below 1 the bits have the order of the numbers. Those from 2^-62 on take 58 of 64 bits, once the
    bits of 2^-62 are taken off, and what is less differs from it by nothing that tells ties apart.
    """
    smallest = np.array(2.0**-62).view(np.uint64)
    scaled = time * 2.0 ** -float(np.frexp(time.max())[1])
    key = np.maximum(scaled, 2.0**-62).view(np.uint64)
    key -= smallest
    key <<= np.uint64(ROOM)
    key |= codes.astype(np.uint8) << np.uint8(1) | event
    key.sort()
    mark = (key & np.uint64(2**ROOM - 1)).astype(np.uint8)
    key >>= np.uint64(ROOM)
    key += smallest
    ordered = key.view(np.float64)
    start = np.flatnonzero(np.append(True, np.diff(ordered) > TIE_TOLERANCE * ordered[-1]))
    happened, group = (mark & 1).astype(bool), mark >> 1
    before = _counts_before(happened)
    ends = np.append(start[1:], time.size)
    used = np.flatnonzero(before[ends] > before[start])
    start, ends = start[used], ends[used]
    events, at_risk = np.empty((k, used.size)), np.empty((k, used.size))
    events[0], at_risk[0] = before[ends] - before[start], time.size - start
    for code in range(1, k):
        member = group == code
        died, gone = _counts_before(member & happened), _counts_before(member)
        events[code], at_risk[code] = died[ends] - died[start], gone[-1] - gone[start]
    return EventsByGroup(events[0], at_risk[0], events[1:], at_risk[1:], np.zeros(min(1, used.size), dtype=np.intp))


def _begins(rows: Rows) -> Counts:
    used = rows.sets.event_groups
    stratum = np.searchsorted(rows.begins, used, side="right")
    return np.flatnonzero(np.diff(stratum, prepend=-1))


def _happened(sets: RiskSet, ordered: Bools) -> Floats:
    """Return how many of the sorted rows that are marked have each event time."""
    ends = np.append(sets.start, ordered.size)[sets.event_groups + 1]
    before = _counts_before(ordered)
    return (before[ends] - before[sets.start[sets.event_groups]]).astype(float)


def _remaining(sets: RiskSet, ordered: Bools | None) -> Floats:
    """Return how many of the sorted rows that are marked (None: of all) are at risk at each event time."""
    used = sets.event_groups
    if sets.first is None:
        left = sets.start[used] if ordered is None else _counts_before(ordered)[sets.start[used]]
        total = sets.n if ordered is None else int(np.count_nonzero(ordered))
        return (total - left).astype(float)
    marked = sets.order if ordered is None else sets.order[ordered]
    left = sets.start if ordered is None else _counts_before(ordered)[sets.start]
    arrived = np.cumsum(np.bincount(sets.first[marked], minlength=sets.time.size))
    return (arrived - left)[used].astype(float)


def _counts_before(ordered: Bools) -> Counts:
    counts = np.zeros(ordered.size + 1, dtype=np.int32 if ordered.size < 2**31 else np.int64)
    np.cumsum(ordered, dtype=counts.dtype, out=counts[1:])
    return counts
