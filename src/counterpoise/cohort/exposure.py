"""When each patient's treatment began and when they entered, counted from the origin of each endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from counterpoise.cohort.cells import cell_problems
from counterpoise.cohort.follow_up import HALF_DAY, EndpointOptions, EndpointTimes, FollowUpOptions
from counterpoise.cohort.time_zero import TimeZeroOptions, days_of
from counterpoise.errors import DataError, PlanError, Problem
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.read.names import nearest
from counterpoise.read.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """The treatment of n patients over the time of one endpoint, in days from its origin.

    `start` (n,) is when it began, infinite for who was not seen to begin it; None where the plan names no start.
    `entry` (n,) is when each came under observation; None from the origin on.
    """

    endpoint: str
    start: Floats | None
    entry: Floats | None


def exposures(
    table: Table,
    follow_up: FollowUpOptions | None,
    endpoints: Mapping[str, EndpointOptions],
    times: Mapping[str, EndpointTimes],
    options: TimeZeroOptions,
    received: Bools,
) -> tuple[Exposure, ...]:
    """Return the treatment over the time of each endpoint that is made of dates, in the order of the plan.

    A start before the origin counts as 0. On the day of death it counts as half a day before it, since who died had
    been treated; on the day of another event the event comes first, and the treatment was not seen to begin.

    Raises `PlanError` for columns that are not there or not dates, or where no endpoint is made of dates; `DataError`
    where a treated patient has no start, a control has one, or a start lies after the end of all observation.
    """
    made = [name for name, each in endpoints.items() if each.time is None]
    faults = [
        fault for key in ("treatment_start", "entry") for fault in _column_faults(table, key, getattr(options, key))
    ]
    if follow_up is None or not made:
        faults = [Problem("plan: time_zero", "needs an endpoint that is made of dates", "name dates in [follow_up]")]
    if faults:
        raise PlanError(faults)
    assert follow_up is not None
    problems = _start_problems(table, follow_up, options.treatment_start, received)
    problems += _entry_problems(table, options, times[made[0]])
    if problems:
        raise DataError(problems)
    return tuple(_exposure(table, follow_up, endpoints[name], times[name], options) for name in made)


def _column_faults(table: Table, key: str, column: str | None) -> list[Problem]:
    if column is None:
        return []
    described = table.columns.get(column)
    if described is None:
        what = f"there is no column or derived variable `{column}`"
        return [Problem(f"plan: time_zero.{key}", what, nearest(column, list(table.columns)))]
    if described.kind != "date":
        return [Problem(f"plan: time_zero.{key}", f"`{column}` must be of kind date; it is of kind {described.kind}")]
    return []


def _start_problems(table: Table, follow_up: FollowUpOptions, column: str | None, received: Bools) -> list[Problem]:
    if column is None:
        return []
    start, last = days_of(table, column), days_of(table, follow_up.last_contact)
    death = days_of(table, follow_up.death) if follow_up.death else np.full(start.size, np.inf)
    known, end = np.isfinite(start), np.where(np.isfinite(death), death, last)
    problems = cell_problems(table, received & ~known, column, "is the start of a treatment that was given")
    problems += cell_problems(table, ~received & known, column, "is the start of a treatment of a control")
    return problems + cell_problems(table, known & (start > end), column, "is after death or last contact")


def _entry_problems(table: Table, options: TimeZeroOptions, times: EndpointTimes) -> list[Problem]:
    if options.entry is not None:
        missing = ~np.isfinite(days_of(table, options.entry))
        return cell_problems(table, missing, options.entry, "is the entry into observation and must be known")
    if "delayed_entry" in options.remedies and times.entry is None:
        what = "needs the date that everyone had to reach"
        return [Problem("plan: time_zero.remedies", f"`delayed_entry` {what}", "name it as time_zero.entry")]
    if "clone_censor_weight" in options.remedies and times.entry is not None:
        what = "`clone_censor_weight` needs everyone from time zero on, and the entry of the endpoint leaves some out"
        return [Problem("plan: time_zero.remedies", what, "remove it, or the entry")]
    return []


def _exposure(
    table: Table, follow_up: FollowUpOptions, endpoint: EndpointOptions, times: EndpointTimes, options: TimeZeroOptions
) -> Exposure:
    origin = days_of(table, endpoint.origin or follow_up.origin)
    start, entry = None, times.entry
    if options.treatment_start is not None:
        start = np.maximum(days_of(table, options.treatment_start) - origin, 0.0)
        death = days_of(table, follow_up.death) - origin if follow_up.death else np.full(start.size, np.inf)
        fatal = np.isfinite(start) & (start >= times.time) & (start == death)
        start = np.where(fatal, np.maximum(times.time - HALF_DAY, 0.0), start)
        start = np.where(start < times.time, start, np.inf)
    if options.entry is not None:
        own = np.maximum(days_of(table, options.entry) - origin, 0.0)
        entry = own if entry is None else np.maximum(entry, own)
    return Exposure(times.name, start, entry)
