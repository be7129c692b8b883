"""Where the disease came back first: local, regional, distant, or several sites at about the same time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.cohort.course import EndpointTimes
from counterpoise.kernels.arrays import Counts

_SITES = ("local", "regional", "distant")
_KINDS: Mapping[tuple[bool, bool, bool], str] = {
    (False, False, False): "No recurrence",
    (True, False, False): "Local only",
    (False, True, False): "Regional only",
    (True, True, False): "Local and regional",
    (False, False, True): "Distant only",
    (True, False, True): "Local and distant",
    (False, True, True): "Regional and distant",
    (True, True, True): "Local, regional and distant",
}
FIRST_SITES = tuple(_KINDS.values())


@dataclass(frozen=True, slots=True, eq=False)
class FirstSites:
    """The first sites of n patients: `codes` (n,) into `FIRST_SITES`; sites within `days` of the first are together."""

    codes: Counts
    days: int


def first_sites(endpoints: Sequence[EndpointTimes], days: int) -> FirstSites | None:
    """Return where each patient's disease came back first, or None where the plan names no three sites of recurrence.

    Sites at which it came back within `days` after the first recurrence, that day included, count as simultaneous
    with it. What is after the cut-off has not happened.

    >>> from counterpoise.cohort.course import Course, Mark
    >>> days = {"local": 10.0, "regional": 50.0, "distant": 40.0}
    >>> marks = tuple(Mark(site, site, "event", site, np.array([day])) for site, day in days.items())
    >>> course, one = Course(np.zeros(1), np.array([90.0]), np.array([np.nan]), marks), np.ones(1)
    >>> dfs = EndpointTimes("dfs", "", "", one, one > 0, one < 0, "", (), "", course=course)
    >>> FIRST_SITES[first_sites([dfs], 30).codes[0]]
    'Local and distant'
    """
    for times in endpoints:
        named = {} if times.course is None else {mark.name: mark for mark in times.course.marks}
        if times.course is not None and set(_SITES) <= set(named):
            seen = np.column_stack([named[site].day for site in _SITES])
            seen = np.where(np.isnan(seen) | (seen > times.course.cutoff), np.inf, seen)
            first = np.min(seen, axis=1, keepdims=True)
            together = np.isfinite(seen) & (seen <= first + days)
            order = list(_KINDS)
            codes = [order.index((bool(a), bool(b), bool(c))) for a, b, c in together]
            return FirstSites(np.array(codes, dtype=np.int_), days)
    return None
