"""From dates to observed times: which date ends observation, and which dates contradict each other."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from counterpoise.cohort.cells import cell_problems, note_of
from counterpoise.errors import Problem
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.read.table import Table


@dataclass(frozen=True, slots=True)
class DateColumns:
    """The columns of an endpoint made of dates; `events` and `censor` may hold the death."""

    origin: str
    last_contact: str
    death: str | None
    events: tuple[str, ...]
    censor: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """Every column once."""
        death = (self.death,) if self.death else ()
        return tuple(dict.fromkeys((self.origin, self.last_contact, *death, *self.events, *self.censor)))


@dataclass(frozen=True, slots=True, eq=False)
class Dates:
    """Dates of n patients as day numbers, NaN where there is none; `events` (n, k), `censor` (n, c)."""

    origin: Floats
    last_contact: Floats
    death: Floats
    events: Floats
    censor: Floats

    @property
    def end(self) -> Floats:
        """Death, or else last contact (n,)."""
        return np.where(np.isnan(self.death), self.last_contact, self.death)


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was seen of n patients: days from the origin, and what ended them; every array is (n,).

    `competing`: a death that is no event. `too_late`: an event after the cut-off, which has not happened yet.
    """

    time: Floats
    event: Bools
    competing: Bools
    too_late: Bools


def read_dates(table: Table, columns: DateColumns) -> Dates:
    """Return the dates of an endpoint as day numbers since 1970-01-01."""
    size = table.frame.height
    nothing = np.full(size, np.nan)
    read = {column: _day_numbers(table, column) for column in columns.named}

    def beside(names: tuple[str, ...]) -> Floats:
        return np.column_stack([read[name] for name in names]) if names else np.full((size, 0), np.nan)

    return Dates(
        read[columns.origin],
        read[columns.last_contact],
        read[columns.death] if columns.death else nothing,
        beside(columns.events),
        beside(columns.censor),
    )


def observe(dates: Dates, cutoff: float = np.inf) -> Observed:
    """Return time and event of n patients: the first event if it comes before observation stops, else the stop.

    Observation stops at the first of death (or, alive, last contact), a censoring date and the cut-off. An event
    on that very day precedes the stop. The dates must not contradict each other: see `contradictions`.

    >>> one = Dates(*(np.array([day]) for day in (0.0, 90.0, 90.0)), np.array([[60.0]]), np.full((1, 0), np.nan))
    >>> seen = observe(one, cutoff=50.0)
    >>> seen.time, seen.event, seen.too_late
    (array([50.]), array([False]), array([ True]))
    """
    first, censored = _first(dates.events), _first(dates.censor)
    stop = np.minimum(np.minimum(dates.end, censored), cutoff)
    event = first <= stop
    return Observed(
        time=np.where(event, first, stop) - dates.origin,
        event=event,
        competing=~event & (dates.death == stop),
        too_late=~event & (cutoff < first) & (first < np.inf) & (cutoff <= censored),
    )


def contradictions(table: Table, columns: DateColumns, dates: Dates, cutoff: float) -> list[Problem]:
    """Return what stops an endpoint: dates that are missing or cannot all be true, one problem a cell."""
    start, end = dates.origin, dates.end
    late = start > cutoff
    problems = cell_problems(table, np.isnan(start), columns.origin, "is the origin of time and must be known")
    problems += cell_problems(table, late, columns.origin, "is after the cut-off date")
    problems += cell_problems(
        table,
        np.isnan(end),
        columns.last_contact,
        "must be known of a patient who is alive",
        "exclude who was never seen again",
    )
    last = columns.last_contact
    problems += cell_problems(table, dates.last_contact < start, last, f"is before `{columns.origin}`")
    if columns.death:
        problems += cell_problems(table, dates.death < start, columns.death, f"is before `{columns.origin}`")
    for names, days in ((columns.events, dates.events), (columns.censor, dates.censor)):
        for name, day in zip(names, days.T, strict=True):
            if name == columns.death:
                continue
            problems += cell_problems(table, day < start, name, f"is before `{columns.origin}`")
            problems += cell_problems(table, day > dates.death, name, f"is after death (`{columns.death}`)")
            beyond = np.isnan(dates.death) & (day > dates.last_contact)
            problems += cell_problems(table, beyond, name, f"is after last contact (`{last}`)")
    return problems


def follow_up_notes(table: Table, dates: Dates, cutoff: float) -> tuple[Problem, ...]:
    """Return what was decided about the end of observation where the dates left room."""
    died, never_seen = ~np.isnan(dates.death), np.isnan(dates.last_contact)
    elsewhen = died & ~never_seen & (dates.death != dates.last_contact)
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
            dates.end > cutoff,
            "patient was followed beyond the cut-off date: observation ends there",
            "patients were followed beyond the cut-off date: observation ends there",
        ),
    )
    return tuple(note for found, one, many in words for note in note_of(table, "follow_up", found, one, many))


def _first(dates: Floats) -> Floats:
    return np.min(np.where(np.isnan(dates), np.inf, dates), axis=1, initial=np.inf)


def _day_numbers(table: Table, column: str) -> Floats:
    days = table.frame[column].cast(pl.Int32).cast(pl.Float64)
    return days.fill_null(np.nan).to_numpy()
