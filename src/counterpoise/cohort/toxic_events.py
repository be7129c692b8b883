"""When the adverse events with a date came: time from the origin, and what ended the wait for them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from counterpoise.cohort.course import EndpointTimes
from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.errors import PlanError, Problem
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.oncology.toxicity import HIGHEST, EventKind, ToxicityOptions, worst_grade
from counterpoise.read.table import Table

CENSORED, HAPPENED, COMPETING = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class DatedEvents:
    """One adverse event of n patients, in the order of the table's rows.

    `time` (n,) is in days from the origin to the event, to what competes with it, or to the end of observation;
    `cause` (n,) is 1, 2 or 0 for these. `acute` and `late` (n,) are the worst grades of its organ, NaN where none
    was given. `origin` and `competing` are words for a sentence.
    """

    name: str
    label: str
    organ: str
    kind: EventKind | None
    time: Floats
    cause: Counts
    acute: Floats
    late: Floats
    origin: str
    competing: tuple[str, ...]

    @property
    def happened(self) -> Bools:
        """Who had the event (n,)."""
        return self.cause == HAPPENED


def dated_events(table: Table, options: ToxicityOptions, follow_up: FollowUpOptions | None) -> tuple[DatedEvents, ...]:
    """Return time and cause of each adverse event with a date, for every patient of the table.

    Conventions are those of `endpoint_times`: an event on the last day of observation is an event, and so is one on
    the day of what competes with it. Every patient is at risk from the origin, whatever the study's own entry.

    Raises `PlanError` where `[follow_up]` or a column of dates is missing, `DataError` for dates that contradict
    each other; each with all problems at once.

    >>> import polars as pl
    >>> from counterpoise.read import table_from_frame
    >>> days = {"rt": ["2020-01-01"] * 2, "ill": ["2020-03-01", None], "last": ["2021-01-01"] * 2}
    >>> table = table_from_frame(pl.DataFrame({"id": ["a", "b"], **days}), id_column="id")
    >>> plan = ToxicityOptions(scale="RTOG/EORTC", dated={"ill": "Pneumonitis"}, origin="rt")
    >>> found = dated_events(table, plan, FollowUpOptions(origin="rt", last_contact="last"))[0]
    >>> found.time, found.cause
    (array([ 60., 366.]), array([1, 0]))
    """
    if not options.dated:
        return ()
    if follow_up is None:
        what = "needs the dates of death and last contact, and the plan has no [follow_up] to name them"
        raise PlanError([Problem("toxicity.dated", what)])
    recurrences = tuple(filter(None, (follow_up.local, follow_up.regional, follow_up.distant)))
    if options.recurrence_competes and not recurrences:
        what = "needs `local`, `regional` or `distant` in [follow_up]"
        raise PlanError([Problem("toxicity.recurrence_competes", what)])
    wanted: dict[str, tuple[str, ...]] = {f"toxicity.{column}": (column,) for column in options.dated}
    if options.recurrence_competes:
        wanted["toxicity.recurrence"] = recurrences
    whole = follow_up.model_copy(update={"entry": None})
    asked = {name: EndpointOptions(events=columns, origin=options.origin) for name, columns in wanted.items()}
    try:
        seen = endpoint_times(table, whole, asked)
    except PlanError as error:
        raise PlanError([_named(problem) for problem in error.problems]) from error
    return tuple(_dated(table, options, seen, column) for column in options.dated)


def _named(problem: Problem) -> Problem:
    """Return a problem of an endpoint under the key of the plan that it comes from."""
    where = problem.where.replace("endpoints.toxicity.", "toxicity.dated.").removesuffix(".events")
    return Problem("toxicity.origin" if where.endswith(".origin") else where, problem.what, problem.remedy)


def _dated(table: Table, options: ToxicityOptions, seen: Mapping[str, EndpointTimes], column: str) -> DatedEvents:
    event, own = options.dated[column], seen[f"toxicity.{column}"]
    time, cause = own.time, np.where(own.event, HAPPENED, np.where(own.competing, COMPETING, CENSORED))
    competing = ["death"]
    if options.recurrence_competes:
        other = seen["toxicity.recurrence"]
        first = other.event & np.where(own.event, other.time < own.time, other.time <= own.time)
        time, cause = np.where(first, other.time, time), np.where(first, COMPETING, cause)
        competing = ["recurrence", "death"]
    return DatedEvents(
        name=column,
        label=event.label,
        organ=event.organ,
        kind=event.kind,
        time=time,
        cause=cause,
        acute=_worst(table, options.acute, event.organ),
        late=_worst(table, options.late, event.organ),
        origin=own.origin,
        competing=tuple(competing),
    )


def _worst(table: Table, named: Mapping[str, str], organ: str) -> Floats:
    columns = [column for column, name in named.items() if name == organ]
    grades = [table.frame[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy() for column in columns]
    # What is no grade is reported where the grades are tabulated.
    known = [np.where(np.isin(grade, np.arange(HIGHEST + 1)), grade, np.nan) for grade in grades]
    return worst_grade(np.column_stack(known)) if known else np.full(table.frame.height, np.nan)
