"""The course of each patient: what happened and when, what it does in an endpoint, and what ended observation."""

from dataclasses import dataclass

import numpy as np

from counterpoise.errors import Problem
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.oncology.occurrences import Action


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """One kind of occurrence among n patients: its `words`, what it does in the endpoint, and its days.

    `name` is that of the occurrence or of the column, `column` where the dates stand; `day` (n,) counts from
    1970-01-01, NaN where it did not happen.
    """

    name: str
    words: str
    action: Action
    column: str
    day: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What is known of n patients for one endpoint, as days since 1970-01-01; NaN where there is no date.

    `marks` are in the order in which same-day occurrences are told. `cutoff` is infinite where there is none.
    """

    origin: Floats
    last_contact: Floats
    death: Floats
    marks: tuple[Mark, ...]
    cutoff: float = np.inf

    def days(self, *actions: Action) -> Floats:
        """Return the days of the marks that do one of `actions`, (n, k)."""
        found = [mark.day for mark in self.marks if mark.action in actions]
        return np.column_stack(found) if found else np.full((self.origin.size, 0), np.nan)

    @property
    def end(self) -> Floats:
        """Death, or else last contact (n,)."""
        return np.where(np.isnan(self.death), self.last_contact, self.death)


@dataclass(frozen=True, slots=True, eq=False)
class EndpointTimes:
    """One endpoint of n patients, in the order of the table's rows.

    `time` (n,) is in days from the origin, `event` (n,) whether the event ended it, and `competing` (n,) whether
    a competing event did, such as a death that is no event of this endpoint. `definition` is a sentence for the
    methods section. `notes` say what was decided where the dates left room. `entry` (n,) is the time in days from
    the origin at which the patient came under observation, always before `time`; None where everyone was observed
    from the origin. `course` holds the dates; None where the table holds times.
    """

    name: str
    label: str
    short: str
    time: Floats
    event: Bools
    competing: Bools
    origin: str
    events: tuple[str, ...]
    definition: str
    notes: tuple[Problem, ...] = ()
    entry: Floats | None = None
    course: Course | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was seen of n patients: days from the origin, and what ended them; every array is (n,).

    `competing`: a competing event ended it. `too_late`: an event after the cut-off, which has not happened yet.
    """

    time: Floats
    event: Bools
    competing: Bools
    too_late: Bools


def observe(course: Course) -> Observed:
    """Return time and event of n patients: the first event if it comes before observation stops, else the stop.

    Observation stops at the first of death (or, alive, last contact), a mark that censors or competes, and the
    cut-off. An event on that very day precedes the stop, and a competing event precedes censoring. The dates must
    not contradict each other: see `contradictions`.

    >>> day = np.array([60.0])
    >>> one = Course(np.zeros(1), day + 30, day + 30, (Mark("local", "recurrence", "event", "r", day),), cutoff=50.0)
    >>> seen = observe(one)
    >>> seen.time, seen.event, seen.too_late
    (array([50.]), array([False]), array([ True]))
    """
    first, censored, rival = (_first(course.days(action)) for action in ("event", "censor", "competing"))
    stop = np.minimum(np.minimum(course.end, np.minimum(censored, rival)), course.cutoff)
    event = first <= stop
    return Observed(
        time=np.where(event, first, stop) - course.origin,
        event=event,
        competing=~event & (rival == stop),
        too_late=~event & (course.cutoff < first) & (first < np.inf) & (course.cutoff <= np.minimum(censored, rival)),
    )


def competing_codes(times: EndpointTimes) -> tuple[Counts, tuple[str, ...]]:
    """Return the codes of a competing-risk analysis (n,), and the words of each code.

    0 is censored, 1 the event, and from 2 on each competing event that ended anybody's observation. Two competing
    events on one day: the one told first in `course.marks` counts. Where the table holds times, nothing competes.

    >>> seen = EndpointTimes("os", "OS", "OS", np.ones(2), np.array([True, False]), np.zeros(2, bool), "", (), "")
    >>> competing_codes(seen)
    (array([1, 0]), ('censored', 'event'))
    """
    codes: Counts = times.event.astype(np.int_)
    words = ["censored", "event"]
    if times.course is None:
        return codes, tuple(words)
    first = _first(times.course.days("competing"))
    left = times.competing.copy()
    for mark in times.course.marks:
        ended = left & (mark.day == first) & (mark.action == "competing")
        if ended.any():
            codes[ended] = len(words)
            words.append(mark.words)
            left &= ~ended
    return codes, tuple(words)


def _first(dates: Floats) -> Floats:
    return np.min(np.where(np.isnan(dates), np.inf, dates), axis=1, initial=np.inf)
