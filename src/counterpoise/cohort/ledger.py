"""The ledger: for each patient and endpoint, one entry that says in words what the time and the event are made of."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.cohort.course import Course, EndpointTimes, Mark
from counterpoise.cohort.entry import DAYS_PER_MONTH
from counterpoise.errors import InputError

HALF_DAY = 0.5


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One patient and one endpoint: `days` and `months` from the origin, what `ended` it, and the `words`.

    `outcome` is `event`, `competing event` or `censored`; `entered` the days from the origin to the entry into
    observation.
    """

    patient: str
    endpoint: str
    days: float
    months: float
    entered: float
    outcome: str
    ended: str
    words: str


def ledger(patients: Sequence[str], endpoints: Sequence[EndpointTimes]) -> tuple[LedgerEntry, ...]:
    """Return the entry of every patient for every endpoint: patient by patient, each in the order of the endpoints.

    `patients` are the identifiers in the order of the rows of the endpoints. Raises `InputError` where their numbers
    differ.

    >>> from counterpoise.cohort.follow_up import FollowUpOptions, EndpointOptions, endpoint_times
    >>> from counterpoise.read import table_from_frame
    >>> import polars as pl
    >>> one = {"id": ["P1"], "dx": ["2014-05-17"], "last": ["2014-05-20"], "died": ["2014-05-20"]}
    >>> seen = FollowUpOptions(origin="dx", last_contact="last", death="died")
    >>> os = EndpointOptions(rule="overall_survival")
    >>> made = endpoint_times(table_from_frame(pl.DataFrame(one), id_column="id"), seen, {"os": os})
    >>> ledger(["P1"], [made["os"]])[0].words
    'P1, OS: from dx 17 May 2014 to death 20 May 2014, 3 days (0.1 months), event.'
    """
    for endpoint in endpoints:
        if len(patients) != endpoint.time.size:
            raise InputError(
                f"`patients` must name the {endpoint.time.size} patients of `{endpoint.name}`; it names "
                f"{len(patients)}."
            )
    return tuple(_entry(str(patient), row, e) for row, patient in enumerate(patients) for e in endpoints)


def _entry(patient: str, row: int, times: EndpointTimes) -> LedgerEntry:
    days, competing = float(times.time[row]), bool(times.competing[row])
    outcome = "event" if times.event[row] else "competing event" if competing else "censored"
    entered = 0.0 if times.entry is None else float(times.entry[row])
    months = days / DAYS_PER_MONTH
    length = "0 days, counted as half a day" if days == HALF_DAY else _days(days)
    length += f" ({months:.1f} months)"
    if times.course is None:
        ended = times.events[0] if outcome == "event" else "end of follow-up"
        said = [f"{patient}, {times.short}: {length} as the table holds it, {outcome}."]
    else:
        course = times.course
        day = float(course.origin[row]) + (0.0 if days == HALF_DAY else days)
        ended, others = _ended(course, row, day, outcome)
        span = f"from {times.origin} {_date(course.origin[row])} to {ended} {_date(day)}"
        said = [f"{patient}, {times.short}: {span}, {length}, {outcome}.", *others]
    if entered > 0:
        said.append(f"Under observation from day {_number(entered)} on.")
    return LedgerEntry(patient, times.short, days, months, entered, outcome, ended, " ".join(said))


def _ended(course: Course, row: int, day: float, outcome: str) -> tuple[str, list[str]]:
    """Return the words of what ended observation on `day`, and sentences about everything else that happened."""
    action = {"event": "event", "competing event": "competing", "censored": "censor"}[outcome]
    there = [mark for mark in course.marks if not np.isnan(mark.day[row])]
    closing = [mark for mark in there if mark.action == action and mark.day[row] == day]
    if closing:
        ended = " and ".join(dict.fromkeys(mark.words for mark in closing))
    elif course.cutoff == day and course.end[row] >= day:
        ended = "the cut-off"
    else:
        ended = "last contact"
    others = sorted((mark for mark in there if mark not in closing), key=lambda mark: float(mark.day[row]))
    told = [_other(mark, row, day) for mark in others]
    if np.isnan(course.death[row]) and course.last_contact[row] > day:
        told.append(f"Last contact was on {_date(course.last_contact[row])}.")
    return ended, told


def _other(mark: Mark, row: int, day: float) -> str:
    on = float(mark.day[row])
    words = f"{mark.words[0].upper()}{mark.words[1:]}"
    if on > day:
        return f"{words} on {_date(on)} came later."
    if on == day:
        return f"{words} was on the same day."
    return f"{words} on {_date(on)} came before and does not count."


def _days(days: float) -> str:
    return f"{_number(days)} day{'' if days == 1 else 's'}"


def _number(days: float) -> str:
    return f"{days:,.0f}" if days == int(days) else f"{days:,.1f}"


def _date(day: float) -> str:
    date = dt.date(1970, 1, 1) + dt.timedelta(days=int(day))
    return f"{date.day} {date:%B %Y}"
