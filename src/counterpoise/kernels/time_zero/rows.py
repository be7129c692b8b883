"""Rows of a Cox model in which exposure never looks ahead: at a landmark, or cut where the treatment begins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_floats, as_vector, require


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkRows:
    """The patients who are still under observation at a landmark, and what they had by then."""

    rows: Counts
    """(m,) which of the n patients."""
    time: Floats
    """(m,) from the landmark on."""
    event: Bools
    """(m,)"""
    treated: Bools
    """(m,) whether the treatment had begun by the landmark."""
    at: float
    """The landmark."""
    left_before: int
    """Patients whose observation ended at the landmark or before, and who are left out."""
    not_yet_entered: int
    """Patients who came under observation after the landmark, and who are left out."""
    treated_later: int
    """Patients among the m whose treatment began after the landmark: they stand with the untreated."""


@dataclass(frozen=True, slots=True, eq=False)
class StartStopRows:
    """The follow-up of patients cut where their treatment began; a piece is open on the left."""

    rows: Counts
    """(m,) which of the n patients a piece belongs to."""
    entry: Floats
    """(m,) where it begins."""
    time: Floats
    """(m,) where it ends."""
    event: Bools
    """(m,) whether it ends with the patient's event."""
    treated: Bools
    """(m,) whether the treatment had begun when the piece began."""


def landmark_rows(
    time: ArrayLike, event: ArrayLike, start: ArrayLike, *, at: float, entry: ArrayLike | None = None
) -> LandmarkRows:
    """Return who is at risk at the landmark `at`, classified by whether the treatment had begun by then.

    `time`, `event` and `start` are (n,), in one unit and from one origin; `start` is when the treatment began,
    infinity for who was never seen to begin it. At risk is whose time lies beyond the landmark and whose `entry`, if
    given, does not. A start at the landmark counts as before it; a start at or after `time` was not seen and counts as
    none. Times are counted from the landmark on. What happens after the landmark changes nobody's class, so that a
    later start makes the arms more alike.

    >>> made = landmark_rows([2, 9, 9, 5], [1, 0, 1, 1], [np.inf, 3, 7, np.inf], at=4)
    >>> made.rows, made.time, made.treated, made.left_before
    (array([1, 2, 3]), array([5., 5., 1.]), array([ True, False, False]), 1)

    Raises `InputError` where a time or start is negative or not known, the landmark is not positive, or nobody is at
    risk at it.

    Source: Anderson, Cain and Gelber, J Clin Oncol 1983;1:710-719.
    """
    times, happened, starts, entries = follow_up(time, event, start, entry)
    if not (np.isfinite(at) and at > 0):
        raise InputError(f"`at` must be positive and finite; it is {at}.")
    beyond, entered = times > at, entries <= at
    rows = np.flatnonzero(beyond & entered)
    if rows.size == 0:
        raise InputError(f"`at` must be a time at which somebody is at risk; at {at:g} nobody is.")
    return LandmarkRows(
        rows=rows,
        time=times[rows] - at,
        event=happened[rows],
        treated=starts[rows] <= at,
        at=float(at),
        left_before=int(np.count_nonzero(~beyond)),
        not_yet_entered=int(np.count_nonzero(beyond & ~entered)),
        treated_later=int(np.count_nonzero(np.isfinite(starts[rows]) & (starts[rows] > at))),
    )


def start_stop_rows(
    time: ArrayLike, event: ArrayLike, start: ArrayLike, *, entry: ArrayLike | None = None
) -> StartStopRows:
    """Return one piece a patient without, and one with the treatment, of what was observed of each.

    Arguments are as for `landmark_rows`. Who began after `entry` and before `time` has two pieces, which meet at the
    start; everyone else has one. Give the pieces to `cox` with `entry`, and with `rows` as its clusters.

    >>> made = start_stop_rows([50, 16, 39], [1, 1, 0], [np.inf, 1, 0])
    >>> made.rows, made.entry, made.time, made.event, made.treated.astype(int)
    (array([0, 1, 1, 2]), array([0., 0., 1., 0.]), array([50.,  1., 16., 39.]), array([ True, False,  True, False]), \
array([0, 0, 1, 1]))

    Raises `InputError` where a time or start is negative or not known, or an entry is not before its time.

    Source: Crowley and Hu, J Am Stat Assoc 1977;72:27-36; Suissa, Am J Epidemiol 2008;167:492-499.
    """
    times, happened, starts, entries = follow_up(time, event, start, entry)
    before, after = starts > entries, np.isfinite(starts)
    rows = np.concatenate([np.flatnonzero(before), np.flatnonzero(after)])
    treated = np.repeat([False, True], [np.count_nonzero(before), np.count_nonzero(after)])
    order = np.argsort(rows, kind="stable")
    rows, treated = rows[order], treated[order]
    last = treated | ~after[rows]
    return StartStopRows(
        rows=rows,
        entry=np.where(treated, np.maximum(starts[rows], entries[rows]), entries[rows]),
        time=np.where(last, times[rows], starts[rows]),
        event=happened[rows] & last,
        treated=treated,
    )


def follow_up(
    time: ArrayLike, event: ArrayLike, start: ArrayLike, entry: ArrayLike | None = None
) -> tuple[Floats, Bools, Floats, Floats]:
    """Return (n,) times, events, starts and entries that fit together; a start that was not seen becomes infinite.

    >>> follow_up([5, 3], [1, 0], [5, 1])[2]
    array([inf,  1.])
    """
    times = as_vector("time", time)
    if times.size == 0:
        raise InputError("`time` must hold at least one row; it has none.")
    require(times >= 0, "`time` must be finite and non-negative")
    happened = as_binary("event", event, times.size)
    starts = as_floats("start", start)
    if starts.shape != times.shape:
        raise InputError(f"`start` must have {times.size} elements, one a row; its shape is {starts.shape}.")
    require(starts >= 0, "`start` must be a time of 0 or more, or infinite for who never began")
    entries: Floats = np.zeros(times.size)
    if entry is not None:
        entries = as_vector("entry", entry, times.size)
        require(entries >= 0, "`entry` must be finite and non-negative")
        require(entries < times, "`entry` must be before `time`")
    return times, happened, np.where(starts < times, starts, np.inf), entries
