"""Time zero, end of follow-up and endpoints, from dates or from times that the table holds."""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl

from counterpoise.cohort.cells import cell_problems, note_of
from counterpoise.cohort.course import Course, EndpointTimes, observe
from counterpoise.cohort.endpoint_faults import endpoints_faults
from counterpoise.cohort.endpoint_options import DAYS, EndpointOptions, FollowUpOptions
from counterpoise.cohort.entry import entry_times, entry_words
from counterpoise.cohort.marks import contradictions, label_of, read_course, recorded
from counterpoise.errors import DataError, PlanError, Problem
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.oncology.endpoints import EndpointRule, either
from counterpoise.oncology.rule_sets import SHIPPED, RuleSets
from counterpoise.read.table import Table

HALF_DAY = 0.5


def endpoint_times(
    table: Table,
    follow_up: FollowUpOptions | None,
    endpoints: Mapping[str, EndpointOptions],
    rules: RuleSets = SHIPPED,
) -> dict[str, EndpointTimes]:
    """Return time and event of each endpoint, for every patient of the table; `rules` hold those named.

    Conventions: the event is the first of its dates; death always ends observation, otherwise last contact does,
    and the cut-off before either; an event on the day of censoring precedes it; an event after the cut-off has
    not happened; a time of 0 counts as half a day; an entry before the origin counts as 0. Work is in whole days,
    a month being 30.4375 and a year 365.25 of them. A death whose cause is missing is of unknown cause.

    Raises `PlanError` for columns that are not there or not dates, and for occurrences that a rule needs and the
    plan does not name; `DataError` for dates that contradict each other, for causes of death that are no known
    spelling, and for what is missing: each with all problems at once.

    >>> from counterpoise.read import table_from_frame
    >>> seen = {"id": ["a", "b"], "months": [12.0, 0.0], "died": [0, 1]}
    >>> os = EndpointOptions(time="months", event="died", unit="months")
    >>> made = endpoint_times(table_from_frame(pl.DataFrame(seen), id_column="id"), None, {"os": os})["os"]
    >>> made.time, made.event
    (array([365.25,   0.5 ]), array([False,  True]))

    Source: Tolaney SM et al., J Clin Oncol 2021;39:2720-2731, whose endpoints count from dates of first events.
    """
    faults = endpoints_faults(table, follow_up, endpoints, rules)
    if faults:
        raise PlanError(faults)
    made: dict[str, EndpointTimes] = {}
    problems: list[Problem] = []
    for name, options in endpoints.items():
        try:
            if follow_up is None or options.time is not None:
                made[name] = _from_times(table, name, options)
            else:
                rule = rules.endpoint(options.rule, options.edition) if options.rule else None
                made[name] = _from_dates(table, follow_up, name, options, rule)
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(list(dict.fromkeys(problems)))
    return made


def _from_dates(
    table: Table, follow_up: FollowUpOptions, name: str, options: EndpointOptions, rule: EndpointRule | None
) -> EndpointTimes:
    course, origin = read_course(table, follow_up, options, rule), options.origin or follow_up.origin
    problems = contradictions(table, follow_up, origin, course)
    if problems:
        raise DataError(problems)
    seen = observe(course)
    time, landmark = _half_day(seen.time), options.landmark_months
    begins = options.entry or follow_up.entry
    entry = entry_times(table, name, time, column=begins, origin=course.origin, landmark_months=landmark)
    label, short = _names(name, options, rule)
    counted = dict.fromkeys(mark.column for mark in course.marks if mark.action == "event")
    start = label_of(table, begins).removeprefix("date of ") if begins else ""
    told = _of_rule(table, follow_up, options, rule) if rule else _of_columns(table, follow_up, options, label)
    return EndpointTimes(
        name,
        label,
        short,
        time,
        seen.event,
        seen.competing,
        label_of(table, origin).removeprefix("date of "),
        tuple(label_of(table, column) for column in counted),
        _with_entry(told, entry_words(start, landmark)),
        (*_follow_up_notes(table, course), *_time_notes(table, name, seen.time, seen.too_late)),
        entry,
        course,
    )


def _of_rule(table: Table, follow_up: FollowUpOptions, options: EndpointOptions, rule: EndpointRule) -> str:
    origin, stops = _bounds(table, follow_up, options)
    return rule.sentence(origin, stops, recorded=recorded(follow_up))


def _of_columns(table: Table, follow_up: FollowUpOptions, options: EndpointOptions, label: str) -> str:
    origin, stops = _bounds(table, follow_up, options)
    dead = ["death"] if follow_up.death and follow_up.death not in options.events else []
    listed, until = either([label_of(table, column) for column in options.events]), either(dead + stops)
    return f"{label} was the time from {origin} to {listed}; other patients were censored at {until}."


def _bounds(table: Table, follow_up: FollowUpOptions, options: EndpointOptions) -> tuple[str, list[str]]:
    """Return the words of the origin, and of what ends observation beside occurrences."""
    origin = label_of(table, options.origin or follow_up.origin).removeprefix("date of ")
    stops = ["last contact", *(label_of(table, column) for column in options.censor)]
    return origin, stops + ([_day(follow_up.cutoff)] if follow_up.cutoff else [])


def _from_times(table: Table, name: str, options: EndpointOptions) -> EndpointTimes:
    column, event_column, unit = str(options.time), str(options.event), options.unit or "days"
    time = table.frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy() * DAYS[unit]
    event = table.frame[event_column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    problems = cell_problems(table, ~(time >= 0) | np.isinf(time), column, "must be a time of 0 or more")
    problems += cell_problems(table, ~np.isin(event, (0.0, 1.0)), event_column, "must be 0 or 1")
    if problems:
        raise DataError(problems)
    label, short = _names(name, options, None)
    length, occurrence = label_of(table, column), label_of(table, event_column)
    sentence = (
        f"{label} was taken from `{column}` ({length}, in {unit}); its event was `{event_column}` ({occurrence})."
    )
    never, landmark, half = np.zeros(time.size, dtype=bool), options.landmark_months, _half_day(time)
    return EndpointTimes(
        name,
        label,
        short,
        half,
        event == 1,
        never,
        "start of follow-up",
        (occurrence,),
        _with_entry(sentence, entry_words("", landmark)),
        _time_notes(table, name, time, never),
        entry_times(table, name, half, column=None, origin=np.zeros(time.size), landmark_months=landmark),
    )


def _names(name: str, options: EndpointOptions, rule: EndpointRule | None) -> tuple[str, str]:
    label = options.label or (rule.label if rule else name)
    return label, options.short or (rule.short if rule else label)


def _with_entry(sentence: str, words: str) -> str:
    return f"{sentence.removesuffix('.')}; {words}." if words else sentence


def _half_day(time: Floats) -> Floats:
    return np.where(time == 0, HALF_DAY, time)


def _time_notes(table: Table, name: str, time: Floats, too_late: Bools) -> tuple[Problem, ...]:
    words = (
        (
            too_late,
            "event after the cut-off date is censored at it",
            "events after the cut-off date are censored at it",
        ),
        (time == 0, "time of 0 days counts as half a day", "times of 0 days count as half a day"),
    )
    where = f"endpoints.{name}"
    return tuple(note for found, one, many in words for note in note_of(table, where, found, one, many))


def _follow_up_notes(table: Table, course: Course) -> tuple[Problem, ...]:
    """Return what was decided about the end of observation where the dates left room."""
    died, never_seen = ~np.isnan(course.death), np.isnan(course.last_contact)
    elsewhen = died & ~never_seen & (course.death != course.last_contact)
    words = (
        (
            died & never_seen,
            "patient who died has no last contact: observation ends at death",
            "patients who died have no last contact: observation ends at death",
        ),
        (
            elsewhen,
            "patient died on another day than the last contact: observation ends at death",
            "patients died on another day than their last contact: observation ends at death",
        ),
        (
            course.end > course.cutoff,
            "patient was followed beyond the cut-off date: observation ends there",
            "patients were followed beyond the cut-off date: observation ends there",
        ),
    )
    return tuple(note for found, one, many in words for note in note_of(table, "follow_up", found, one, many))


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B %Y}"
