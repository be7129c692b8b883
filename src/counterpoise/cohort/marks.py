"""The marks of an endpoint: which column says when what happened, and of what a patient died."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from counterpoise.cohort.cells import cell_problems
from counterpoise.cohort.course import Course, Mark
from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.entry import day_number
from counterpoise.errors import DataError, Problem
from counterpoise.kernels.arrays import Floats
from counterpoise.oncology.definition import phrase
from counterpoise.oncology.endpoints import EndpointRule
from counterpoise.oncology.occurrences import CAUSES, OCCURRENCES, PLACES, Action, Cause, cause_of
from counterpoise.read.table import Table


def read_course(
    table: Table, follow_up: FollowUpOptions, options: EndpointOptions, rule: EndpointRule | None
) -> Course:
    """Return the course of every patient for one endpoint made of dates.

    Raises `DataError` for causes of death that are no known spelling.
    """
    origin = day_numbers(table, options.origin or follow_up.origin)
    death = day_numbers(table, follow_up.death) if follow_up.death else np.full(origin.size, np.nan)
    if rule is None:
        marks = tuple(_of_columns(table, follow_up, options))
    else:
        causes = causes_of_death(table, follow_up)
        marks = (
            *_of_places(table, follow_up, rule.matrix),
            *_of_deaths(follow_up, rule.matrix, death, causes),
            *(_of_column(table, column, "censor") for column in options.censor),
        )
    last = day_numbers(table, follow_up.last_contact)
    return Course(origin, last, death, marks, day_number(follow_up.cutoff))


def causes_of_death(table: Table, follow_up: FollowUpOptions) -> list[Cause | None] | None:
    """Return the cause of each patient's death, None where it is missing; None without a column of causes.

    Raises `DataError` for every cell that is no known spelling.
    """
    column = follow_up.cause_of_death
    if column is None:
        return None
    levels = table.columns[column].levels
    texts = table.frame[column].cast(pl.String).to_list()
    found: dict[str, Cause | None] = {
        text: cause_of(text, follow_up.causes) or cause_of(levels.get(text, ""), follow_up.causes)
        for text in dict.fromkeys(texts)
        if text is not None
    }
    strangers = np.array([text is not None and found[text] is None for text in texts], dtype=bool)
    remedy = f'say which it is in [follow_up]: causes = {{ "..." = "non_cancer" }}; the causes are {", ".join(CAUSES)}'
    problems = cell_problems(table, strangers, column, "is no known cause of death", remedy)
    if problems:
        raise DataError(problems)
    return [None if text is None else found[text] for text in texts]


def contradictions(table: Table, follow_up: FollowUpOptions, origin: str, course: Course) -> list[Problem]:
    """Return what stops an endpoint: dates that are missing or cannot all be true, one problem a cell."""
    start, death, last = course.origin, follow_up.death, follow_up.last_contact
    problems = cell_problems(table, np.isnan(start), origin, "is the origin of time and must be known")
    problems += cell_problems(table, start > course.cutoff, origin, "is after the cut-off date")
    problems += cell_problems(
        table,
        np.isnan(course.end),
        last,
        "must be known of a patient who is alive",
        "exclude who was never seen again",
    )
    problems += cell_problems(table, course.last_contact < start, last, f"is before `{origin}`")
    if death:
        problems += cell_problems(table, course.death < start, death, f"is before `{origin}`")
    for mark in course.marks:
        if mark.column != death and mark.action != "ignored":
            name, day = mark.column, mark.day
            problems += cell_problems(table, day < start, name, f"is before `{origin}`")
            problems += cell_problems(table, day > course.death, name, f"is after death (`{death}`)")
            beyond = np.isnan(course.death) & (day > course.last_contact)
            problems += cell_problems(table, beyond, name, f"is after last contact (`{last}`)")
    return problems


def day_numbers(table: Table, column: str) -> Floats:
    """Return a column of dates as days since 1970-01-01 (n,), NaN where there is none."""
    days = table.frame[column].cast(pl.Int32).cast(pl.Float64)
    return days.fill_null(np.nan).to_numpy()


def label_of(table: Table, column: str) -> str:
    """Return what a column holds as it stands inside a sentence."""
    return phrase(table.columns[column].label or column)


def recorded(follow_up: FollowUpOptions) -> tuple[str, ...]:
    """Return the occurrences, death among them, for which the plan names a column."""
    return tuple(name for name in (*PLACES, "death") if getattr(follow_up, name) is not None)


def _of_places(table: Table, follow_up: FollowUpOptions, matrix: Mapping[str, Action]) -> Iterator[Mark]:
    for name in PLACES:
        column: str | None = getattr(follow_up, name)
        if column is not None:
            yield Mark(name, OCCURRENCES[name], matrix[name], column, day_numbers(table, column))


def _of_deaths(
    follow_up: FollowUpOptions, matrix: Mapping[str, Action], death: Floats, causes: list[Cause | None] | None
) -> Iterator[Mark]:
    if follow_up.death is None:
        return
    if causes is None:
        yield Mark("death", "death", matrix["death_unknown"], follow_up.death, death)
        return
    for cause in CAUSES:
        name = f"death_{cause}"
        died = np.array([(found or "unknown") == cause for found in causes], dtype=bool)
        days: Floats = np.where(died, death, np.nan)
        if not np.isnan(days).all():
            yield Mark(name, OCCURRENCES[name], matrix[name], follow_up.death, days)


def _of_columns(table: Table, follow_up: FollowUpOptions, options: EndpointOptions) -> Iterator[Mark]:
    for column in options.events:
        yield _of_column(table, column, "event")
    if follow_up.death is not None and follow_up.death not in options.events:
        yield Mark("death", "death", "competing", follow_up.death, day_numbers(table, follow_up.death))
    for column in options.censor:
        yield _of_column(table, column, "censor")


def _of_column(table: Table, column: str, action: Action) -> Mark:
    return Mark(column, label_of(table, column).removeprefix("date of "), action, column, day_numbers(table, column))
