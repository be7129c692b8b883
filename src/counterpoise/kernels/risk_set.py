"""Risk sets: rows sorted by time, tied times grouped, sums over those at risk."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_vector, require

TIE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class RiskSet:
    """Who is at risk when: n rows, m distinct observed times (of events and of censorings).

    A row is at risk at the distinct times `first[row]` to `group[row]`, both included: at every t with
    entry < t <= time.
    """

    order: Counts
    """(n,) the rows sorted by time, ascending."""
    start: Counts
    """(m,) where in `order` each distinct time begins; what `np.add.reduceat` needs."""
    group: Counts
    """(n,) the index into `time` of each row's own time, in row order."""
    first: Counts | None
    """(n,) the index into `time` of the first time at which the row is at risk; None without late entry."""
    time: Floats
    """(m,) the distinct observed times, ascending; tied times carry the smallest of them."""
    event: Bools
    """(n,) whether the row's time is an event, in row order."""
    event_groups: Counts
    """(g,) the indices into `time` at which at least one event happens."""

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.group.size


def risk_set(time: ArrayLike, event: ArrayLike, entry: ArrayLike | None = None) -> RiskSet:
    """Sort (n,) rows by time and group the ties; `event` is 0 or 1, `entry` is where left truncation ends.

    Times are tied when they differ by no more than 1e-9 of the largest, so that times computed from dates in
    different ways still tie (the purpose of `timefix` in R's survival). Entry is open on the left: a row with
    entry 5 is not at risk at time 5. Times are in any one unit, and neither they nor entries are negative.

    >>> sets = risk_set(time=[3.0, 1.0, 0.1 + 0.2, 0.3], event=[1, 0, 1, 1])
    >>> sets.time, sets.group, sets.event_groups
    (array([0.3, 1. , 3. ]), array([2, 1, 0, 0]), array([0, 2]))

    Source: Therneau, T. M. (2023), survival vignette "Roundoff error and tied times".
    """
    time, event = _checked(time, event)
    order = np.argsort(time)
    ordered = time[order]
    begins = _begins(ordered)
    start = np.flatnonzero(begins)
    group = np.empty(time.size, dtype=np.intp)
    group[order] = np.cumsum(begins) - 1
    distinct = ordered[start]
    first = None if entry is None else _first_at_risk(entry, distinct, group, float(ordered[-1]))
    event_groups = np.flatnonzero(np.bincount(group[event], minlength=distinct.size))
    return RiskSet(order, start, group, first, distinct, event, event_groups)


def event_table(time: ArrayLike, event: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the (m,) distinct times, numbers at risk and numbers of events of (n,) rows that all count alike.

    The same as `risk_set` and its sums give, without saying which row is where, and several times as fast.

    >>> event_table(time=[3.0, 1.0, 0.1 + 0.2, 0.3], event=[1, 0, 1, 1])
    (array([0.3, 1. , 3. ]), array([4., 2., 1.]), array([2., 0., 1.]))
    """
    time, event = _checked(time, event)
    # A number that is not negative has a sign bit of zero and the order of its bits: shifted by one place they leave
    # room for the event, and numbers are sorted much faster than places.
    key = np.sort(((time + 0.0).view(np.uint64) << np.uint64(1)) | event.astype(np.uint64))
    ordered = (key >> np.uint64(1)).view(np.float64)
    start = np.flatnonzero(_begins(ordered))
    happened = (key & np.uint64(1)).astype(np.int64)
    events = happened if start.size == time.size else np.add.reduceat(happened, start)
    return ordered[start], (time.size - start).astype(float), events.astype(float)


def split_by_stratum(sets: RiskSet, stratum: Counts) -> tuple[RiskSet, Counts]:
    """Return a risk set whose m "times" are pairs of stratum and time, so that no sum mixes strata.

    `stratum` holds the (n,) codes from 0 on. The second value says where each stratum begins among the m.

    >>> sets, begins = split_by_stratum(risk_set([1, 2, 1, 3], [1, 1, 1, 1]), np.array([0, 0, 1, 1]))
    >>> sets.time, sum_at_risk(sets), begins
    (array([1., 2., 1., 3.]), array([2., 1., 2., 1.]), array([0, 2]))
    """
    m = sets.time.size
    pair = stratum * m + sets.group
    order = np.lexsort((sets.group, stratum))
    ordered = pair[order]
    flags = np.concatenate(([True], np.diff(ordered) > 0))
    start = np.flatnonzero(flags)
    group = np.empty(sets.n, dtype=np.intp)
    group[order] = np.cumsum(flags) - 1
    distinct = ordered[start]
    entered = 0 if sets.first is None else sets.first
    first = np.searchsorted(distinct, stratum * m + entered)
    begins = np.flatnonzero(np.diff(distinct // m, prepend=-1))
    event_groups = np.flatnonzero(np.bincount(group[sets.event], minlength=distinct.size))
    time = sets.time[distinct % m]
    return RiskSet(order, start, group, first, time, sets.event, event_groups), begins


def suffix_sum(values: Floats) -> Floats:
    """Return the sums from each element to the last one, along the last axis.

    >>> suffix_sum(np.array([1.0, 2.0, 4.0]))
    array([7., 6., 4.])
    """
    return np.cumsum(values[..., ::-1], axis=-1)[..., ::-1]


def sum_by_time(sets: RiskSet, values: Floats) -> Floats:
    """Return the (..., m) sums of (..., n) `values` (in row order) over the rows of each distinct time.

    >>> sum_by_time(risk_set([2, 1, 2], [1, 1, 1]), np.array([10.0, 1.0, 5.0]))
    array([ 1., 15.])
    """
    return sum_by(sets.group, values, sets.time.size)


def sum_at_risk(sets: RiskSet, values: Floats | None = None) -> Floats:
    """Return the (..., m) sums of (..., n) `values` over the rows at risk at each time; None counts rows.

    >>> sum_at_risk(risk_set([2, 1, 3], [1, 1, 1], entry=[0, 0, 1]))
    array([2., 2., 1.])
    """
    m = sets.time.size
    if values is None and sets.first is None:
        return (sets.n - sets.start).astype(float)
    weights = np.ones(sets.n) if values is None else values
    leaving = sum_by(sets.group, weights, m)
    if sets.first is None:
        return suffix_sum(leaving)
    # Adding those who come and taking off those who went, in one running sum, keeps the sums of the few
    # early rows under late entry free of the many rows that have yet to come.
    arriving = sum_by(sets.first, weights, m)
    change = arriving
    change[..., 1:] -= leaving[..., :-1]
    return np.cumsum(change, axis=-1)


def sum_by(index: Counts, values: Floats, size: int) -> Floats:
    """Return the (..., size) sums of (..., n) `values` over equal (n,) `index`, from 0 to size - 1.

    >>> sum_by(np.array([1, 0, 1]), np.array([10.0, 1.0, 5.0]), 3)
    array([ 1., 15.,  0.])
    """
    if values.ndim == 1:
        return _sum_row(index, values, size)
    rows = values.reshape(-1, values.shape[-1])
    sums = np.stack([_sum_row(index, row, size) for row in rows])
    return sums.reshape(*values.shape[:-1], size)


def _checked(time: ArrayLike, event: ArrayLike) -> tuple[Floats, Bools]:
    time = as_vector("time", time)
    if time.size == 0:
        raise InputError("`time` must hold at least one row; it has none.")
    require(time >= 0, "`time` must be finite and non-negative")
    return time, as_binary("event", event, time.size)


def _begins(ordered: Floats) -> Bools:
    """Return whether each of the ascending times is the first of a set of ties."""
    begins = np.empty(ordered.size, dtype=bool)
    begins[0] = True
    np.greater(np.diff(ordered), TIE_TOLERANCE * float(ordered[-1]), out=begins[1:])
    return begins


def _sum_row(index: Counts, values: Floats, size: int) -> Floats:
    return np.bincount(index, weights=values, minlength=size).astype(float, copy=False)


def _first_at_risk(entry: ArrayLike, distinct: Floats, group: Counts, last: float) -> Counts:
    entry = as_vector("entry", entry, group.size)
    require(entry >= 0, "`entry` must be finite and non-negative")
    first = np.searchsorted(distinct, entry + TIE_TOLERANCE * last, side="right")
    require(first <= group, "`entry` must be before `time`")
    return first
