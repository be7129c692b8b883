"""Time zero, end of follow-up and endpoints, from dates or from times that the table holds."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from counterpoise.cohort.cells import cell_problems, note_of
from counterpoise.cohort.dates import DateColumns, contradictions, follow_up_notes, observe, read_dates
from counterpoise.cohort.entry import DAYS_PER_MONTH, day_number, entry_times, entry_words
from counterpoise.errors import DataError, InputError, PlanError, Problem
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.oncology.definition import phrase
from counterpoise.oncology.endpoints import EndpointRule, either
from counterpoise.oncology.rule_sets import SHIPPED, RuleSets
from counterpoise.read.codebook import Kind, Options
from counterpoise.read.names import nearest
from counterpoise.read.table import Table

TimeUnit = Literal["days", "months", "years"]
DAYS: Mapping[TimeUnit, float] = {"days": 1.0, "months": DAYS_PER_MONTH, "years": 365.25}
HALF_DAY = 0.5
_DATE: tuple[Kind, ...] = ("date",)
_NUMBER: tuple[Kind, ...] = ("number", "integer")


class FollowUpOptions(Options):
    """The columns of dates from which endpoints are made, and the date at which the data were closed.

    A death always ends observation. Who is alive is observed until last contact, and nobody beyond `cutoff`.
    `entry` is the date at which a patient came under observation, where that is after the origin.
    """

    origin: str
    last_contact: str
    death: str | None = None
    local: str | None = None
    regional: str | None = None
    distant: str | None = None
    cutoff: dt.date | None = None
    entry: str | None = None


class EndpointOptions(Options):
    """One endpoint, in one of three forms.

    `rule` names one of the library, in an `edition` of its guideline; `events` lists the columns of dates whose first
    is the event, and `censor` further columns of dates at which observation stops; `time`, `event` and `unit` name
    times that the table already holds. `origin` and `entry` take the place of those of `[follow_up]`; with
    `landmark_months` nobody is under observation before that many months from the origin.
    """

    rule: str | None = None
    edition: str | None = None
    events: tuple[str, ...] = ()
    censor: tuple[str, ...] = ()
    origin: str | None = None
    time: str | None = None
    event: str | None = None
    unit: TimeUnit | None = None
    entry: str | None = None
    landmark_months: float | None = Field(default=None, gt=0)
    label: str = ""
    short: str = ""

    @field_validator("events", "censor", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.rule is not None) + bool(self.events) + (self.time is not None) != 1:
            raise ValueError("an endpoint needs exactly one of `rule`, `events` and `time`")
        if self.rule is None and self.edition is not None:
            raise ValueError("`edition` belongs to `rule`")
        if self.time is None and (self.event or self.unit):
            raise ValueError("`event` and `unit` belong to `time`")
        if self.time is not None and not (self.event and self.unit):
            raise ValueError("`time` needs `event` (0/1) and `unit` (days, months or years) beside it")
        if self.time is not None and (self.censor or self.origin or self.entry):
            raise ValueError("`censor`, `origin` and `entry` are dates, and take no part where the table holds times")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class EndpointTimes:
    """One endpoint of n patients, in the order of the table's rows.

    `time` (n,) is in days from the origin, `event` (n,) whether the event ended it, and `competing` (n,) whether
    a death that is no event of this endpoint did. `definition` is a sentence for the methods section. `notes`
    say what was decided where the dates left room. `entry` (n,) is the time in days from the origin at which the
    patient came under observation, always before `time`; None where everyone was observed from the origin.
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
    a month being 30.4375 and a year 365.25 of them.

    Raises `PlanError` for columns that are not there or not dates, and for events that a rule needs and the plan
    does not name; `DataError` for dates that contradict each other and for what is missing: each with all
    problems at once.

    >>> from counterpoise.read import table_from_frame
    >>> seen = {"id": ["a", "b"], "months": [12.0, 0.0], "died": [0, 1]}
    >>> os = EndpointOptions(time="months", event="died", unit="months")
    >>> made = endpoint_times(table_from_frame(pl.DataFrame(seen), id_column="id"), None, {"os": os})["os"]
    >>> made.time, made.event
    (array([365.25,   0.5 ]), array([False,  True]))

    Source: Tolaney SM et al., J Clin Oncol 2021;39:2720-2731, whose endpoints count from dates of first events.
    """
    faults = _follow_up_faults(table, follow_up) if follow_up is not None else []
    for name, options in endpoints.items():
        faults += _endpoint_faults(table, follow_up, f"endpoints.{name}", options, rules)
    if faults:
        raise PlanError(list(dict.fromkeys(faults)))
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
    columns = _columns(follow_up, options, rule)
    dates, cutoff = read_dates(table, columns), day_number(follow_up.cutoff)
    problems = contradictions(table, columns, dates, cutoff)
    if problems:
        raise DataError(problems)
    seen = observe(dates, cutoff)
    time, entry_column = _half_day(seen.time), options.entry or follow_up.entry
    landmark = options.landmark_months
    entry = entry_times(table, name, time, column=entry_column, origin=dates.origin, landmark_months=landmark)
    labels = {column: phrase(table.columns[column].label or column) for column in columns.named}
    label, short = _names(name, options, rule)
    origin = labels[columns.origin].removeprefix("date of ")
    stops = ["last contact", *(labels[column] for column in columns.censor)]
    stops += [_day(follow_up.cutoff)] if follow_up.cutoff else []
    if rule is not None:
        sentence = rule.sentence(origin, stops)
    else:
        dead = ["death"] if columns.death and columns.death not in columns.events else []
        listed, until = either([labels[column] for column in columns.events]), either(dead + stops)
        sentence = f"{label} was the time from {origin} to {listed}; other patients were censored at {until}."
    begins = phrase(table.columns[entry_column].label or entry_column).removeprefix("date of ") if entry_column else ""
    return EndpointTimes(
        name,
        label,
        short,
        time,
        seen.event,
        seen.competing,
        origin,
        tuple(labels[column] for column in columns.events),
        _with_entry(sentence, entry_words(begins, landmark)),
        (*follow_up_notes(table, dates, cutoff), *_time_notes(table, name, seen.time, seen.too_late)),
        entry,
    )


def _from_times(table: Table, name: str, options: EndpointOptions) -> EndpointTimes:
    column, event_column, unit = str(options.time), str(options.event), options.unit or "days"
    time = table.frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy() * DAYS[unit]
    event = table.frame[event_column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    problems = cell_problems(table, ~(time >= 0) | np.isinf(time), column, "must be a time of 0 or more")
    problems += cell_problems(table, ~np.isin(event, (0.0, 1.0)), event_column, "must be 0 or 1")
    if problems:
        raise DataError(problems)
    label, short = _names(name, options, None)
    length, occurrence = (phrase(table.columns[name].label or name) for name in (column, event_column))
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


def _columns(follow_up: FollowUpOptions, options: EndpointOptions, rule: EndpointRule | None) -> DateColumns:
    events = options.events
    if rule is not None:
        places = {"local": follow_up.local, "regional": follow_up.regional, "distant": follow_up.distant}
        places["death"] = follow_up.death
        named = (places[occurrence] for occurrence in rule.events)
        events = tuple(dict.fromkeys(column for column in named if column))
    origin = options.origin or follow_up.origin
    return DateColumns(origin, follow_up.last_contact, follow_up.death, events, options.censor)


def _follow_up_faults(table: Table, follow_up: FollowUpOptions) -> list[Problem]:
    named = follow_up.model_dump(exclude={"cutoff"}, exclude_none=True)
    return [
        fault for key, column in named.items() for fault in _column_faults(table, f"follow_up.{key}", column, _DATE)
    ]


def _endpoint_faults(
    table: Table, follow_up: FollowUpOptions | None, where: str, options: EndpointOptions, rules: RuleSets
) -> list[Problem]:
    if options.time is not None:
        return [
            *_column_faults(table, f"{where}.time", options.time, _NUMBER),
            *_column_faults(table, f"{where}.event", str(options.event), (*_NUMBER, "flag")),
        ]
    if follow_up is None:
        return [Problem(where, "is made of dates, and the plan has no [follow_up] to name them")]
    origin = (options.origin,) if options.origin else ()
    entry = (options.entry,) if options.entry else ()
    named = [("events", options.events), ("censor", options.censor), ("origin", origin), ("entry", entry)]
    faults = [
        fault
        for key, columns in named
        for column in columns
        for fault in _column_faults(table, f"{where}.{key}", column, _DATE)
    ]
    if options.rule is None:
        return faults
    try:
        rule = rules.endpoint(options.rule, options.edition)
    except InputError as error:
        return [*faults, Problem(f"{where}.rule", str(error))]
    return faults + [
        Problem(where, f"rule `{options.rule}` needs `{occurrence}` in [follow_up]", "or list the columns in `events`")
        for occurrence in rule.events
        if getattr(follow_up, occurrence) is None
    ]


def _column_faults(table: Table, where: str, column: str, kinds: tuple[Kind, ...]) -> list[Problem]:
    described = table.columns.get(column)
    if described is None:
        return [Problem(where, f"there is no column `{column}`", nearest(column, list(table.columns)))]
    if described.kind not in kinds:
        must = " or ".join(kinds)
        return [Problem(where, f"column `{column}` must be of kind {must}; it is of kind {described.kind}")]
    return []


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


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B %Y}"
