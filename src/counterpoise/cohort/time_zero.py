"""What the dates say of time zero: whom the study could include only alive, and when the treatment began."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from counterpoise.cohort.entry import DAYS_PER_MONTH
from counterpoise.cohort.follow_up import EndpointOptions, EndpointTimes, FollowUpOptions
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.oncology.definition import phrase
from counterpoise.read.codebook import Options
from counterpoise.read.table import Table

Remedy = Literal["landmark", "delayed_entry", "time_varying", "clone_censor_weight"]
FEWEST = 20
"""Patients below whom nothing is concluded from what all of them have in common."""
EXPECTED = 3.0
"""Events to be expected in a time without any, at the later rate, before it is taken for a condition: none at all
would then happen by chance in 5 of 100 studies."""
SHORT = 0.5
"""A date that comes later than this share of the median follow-up belongs to follow-up, not to eligibility."""
NO_EVENTS = ("origin", "last_contact", "death", "cause_of_death", "causes", "not_recorded", "cutoff", "entry")
"""Keys of [follow_up] that name no date of an event, or the death."""
MOSTLY, RARELY = 0.9, 0.1
"""A date known of at least so many of the treated and of at most so many of the controls belongs to the treatment."""


class TimeZeroOptions(Options):
    """Analyses in which no time is counted under a treatment that had not begun.

    `treatment_start` is the date on which the treatment began, empty for who never had it; `entry` the date that
    everyone had to reach. `landmark` classifies by what had begun at `landmark_months`; `time_varying` counts every
    patient as untreated until the start; `clone_censor_weight` compares beginning within `grace_months` with not
    beginning within them; `delayed_entry` counts both arms from `entry` on.
    """

    remedies: tuple[Remedy, ...] = Field(min_length=1, description="Which analyses stand beside the naive one.")
    treatment_start: str | None = Field(default=None, description="The date on which the treatment began.")
    entry: str | None = Field(default=None, description="The date that everyone had to reach; as in [follow_up].")
    landmark_months: float | None = Field(default=None, gt=0, description="The landmark, from the origin.")
    grace_months: float | None = Field(default=None, gt=0, description="How long beginning may take.")
    covariates: tuple[str, ...] = Field(default=(), description="Columns known at time zero that decide the start.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wanted = {
            "landmark": (("landmark_months", self.landmark_months),),
            "time_varying": (("treatment_start", self.treatment_start),),
            "clone_censor_weight": (("treatment_start", self.treatment_start), ("grace_months", self.grace_months)),
            "delayed_entry": (),
        }
        for remedy in self.remedies:
            for key, value in wanted[remedy]:
                if value is None:
                    raise ValueError(f"`{remedy}` needs `{key}`")
        if len(set(self.remedies)) < len(self.remedies):
            raise ValueError("`remedies` must name each analysis once")
        if "delayed_entry" in self.remedies and self.treatment_start:
            raise ValueError(
                "`delayed_entry` is for a date that both arms had to reach: to count the treated from `treatment_start`"
                " and others from the origin, because they are known never to begin, looks into the future; "
                "use `time_varying`"
            )
        if "clone_censor_weight" in self.remedies and self.entry:
            raise ValueError("`clone_censor_weight` needs everyone from time zero on, and `entry` leaves some out")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Milestone:
    """A date that every one of n patients had reached before the end of observation; `days` (n,) from the origin.

    `named` says whether an eligibility rule names it, `expected` how many events would have been expected before it
    at the rate after it; there was none.
    """

    name: str
    label: str
    days: Floats
    named: bool
    expected: float


@dataclass(frozen=True, slots=True, eq=False)
class TreatmentStart:
    """When the treatment began: `days` (n,) from the origin, infinite where no date is known.

    `named` says whether the plan names the column; else it was found because the treated alone have it.
    """

    name: str
    label: str
    days: Floats
    named: bool


@dataclass(frozen=True, slots=True, eq=False)
class TimeZeroFacts:
    """What the dates of n included patients say of one endpoint and of who could be included.

    `time` (n,) is in days from the origin, `event` (n,); `first_event` (n,) are the days to the first recurrence or
    other event that is no death, infinite where there was none. `origin` and `endpoint` are words for a sentence.
    """

    origin: str
    endpoint: str
    time: Floats
    event: Bools
    first_event: Floats
    milestone: Milestone | None
    start: TreatmentStart | None


def time_zero_facts(
    table: Table,
    follow_up: FollowUpOptions,
    endpoints: Mapping[str, EndpointOptions],
    times: EndpointTimes,
    treated: Bools,
    rules: Iterable[str] = (),
    treatment_start: str | None = None,
) -> TimeZeroFacts:
    """Look for immortal time in the date columns of the included patients.

    `times` are those of the first endpoint that is made of dates; `rules` the texts of the eligibility rules. A
    milestone is the latest date after the origin that all patients have, none after the end of observation, before half
    of the median follow-up; and that a rule names, or before which events would have been expected if nobody had been
    held to it. The start is the column that the plan names, or else the earliest that nearly all of the treated and
    next to none of the controls have.

    >>> from counterpoise.read import table_from_frame
    >>> from datetime import date
    >>> seen = {"id": ["a", "b"], "dx": [date(2020, 1, 1)] * 2, "last": [date(2021, 1, 1)] * 2}
    >>> seen["began"] = [date(2020, 3, 1), None]
    >>> table, options = table_from_frame(pl.DataFrame(seen), id_column="id"), EndpointOptions(events=("last",))
    >>> follow_up = FollowUpOptions(origin="dx", last_contact="last")
    >>> never = np.zeros(2, dtype=bool)
    >>> times = EndpointTimes("os", "", "OS", np.full(2, 366.0), ~never, never, "diagnosis", (), "")
    >>> time_zero_facts(table, follow_up, {"os": options}, times, np.array([True, False])).start.days
    array([60., inf])
    """
    options = endpoints[times.name]
    origin = days_of(table, options.origin or follow_up.origin)
    dated = {name for name, column in table.columns.items() if column.kind == "date"}
    events = _event_columns(follow_up, endpoints) & dated
    first = (
        np.min([days_of(table, name) - origin for name in events], axis=0) if events else np.full(origin.size, np.inf)
    )
    ends = {follow_up.last_contact, follow_up.death, options.origin or follow_up.origin}
    ends |= {column for each in endpoints.values() for column in each.censor}
    others = [name for name in table.columns if name in dated - ends - events]
    days = {name: days_of(table, name) - origin for name in others}
    milestones = [
        found
        for name in others
        if name != treatment_start
        for found in _milestone(name, _label(table, name), days[name], times, any(_names(r, name) for r in rules))
    ]
    reached = max(milestones, key=lambda item: float(np.median(item.days)), default=None)
    passed = {item.name for item in milestones}
    belongs = [name for name in others if name not in passed and _belongs_to(days[name], treated)]
    chosen = treatment_start or min(belongs, key=lambda name: float(np.median(days[name][treated])), default=None)
    start = None
    if chosen is not None:
        start = TreatmentStart(chosen, _label(table, chosen), days[chosen], treatment_start is not None)
    return TimeZeroFacts(times.origin, times.label, times.time, times.event, first, reached, start)


def days_of(table: Table, column: str) -> Floats:
    """Return the dates of a column as day numbers since 1970-01-01; infinite where there is none."""
    return table.frame[column].cast(pl.Int32).cast(pl.Float64).fill_null(np.inf).to_numpy()


def _event_columns(follow_up: FollowUpOptions, endpoints: Mapping[str, EndpointOptions]) -> set[str]:
    given = [getattr(follow_up, key) for key in FollowUpOptions.model_fields if key not in NO_EVENTS]
    named = {column for column in given if isinstance(column, str)}
    named |= {column for each in endpoints.values() for column in each.events}
    return {column for column in named if column and column != follow_up.death}


def _label(table: Table, column: str) -> str:
    return phrase(table.columns[column].label or column).removeprefix("date of ")


def _names(rule: str, column: str) -> bool:
    """Whether a rule names a column; a name within a longer one is no mention.

    >>> _names("rt_end is not missing", "rt_end"), _names("rt_ended == 1", "rt_end")
    (True, False)
    """
    marked = "".join(c if c.isalnum() or c in "_`" else " " for c in rule)
    return column in marked.replace("`", " ").split() or f"`{column}`" in rule


def _milestone(name: str, label: str, days: Floats, times: EndpointTimes, named: bool) -> Iterable[Milestone]:
    """Yield the date as a milestone if everyone had to reach it."""
    entered = times.entry is not None and bool((days <= times.entry).all())
    if days.size < FEWEST or entered or not ((days >= 0) & (days <= times.time)).all():
        return
    middle = float(np.median(days))
    if not 0 < middle < SHORT * float(np.median(times.time)):
        return
    before = float(days.sum())
    expected = float(times.event.sum()) * before / float(times.time.sum() - before)
    if (named or expected >= EXPECTED) and not (times.event & (times.time <= days)).any():
        yield Milestone(name, label, days, named, expected)


def _belongs_to(days: Floats, treated: Bools) -> bool:
    known = np.isfinite(days)
    if not known[treated].mean() >= MOSTLY or not known[~treated].mean() <= RARELY:
        return False
    return float(np.median(days[treated])) > 0


def months(days: Floats) -> Floats:
    """Return days as months of 30.4375 days."""
    return days / DAYS_PER_MONTH
