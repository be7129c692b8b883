"""Who came under observation after the origin: delayed entry and landmarks."""

import datetime as dt

import numpy as np
import polars as pl

from counterpoise.cohort.cells import LISTED, cell_problems
from counterpoise.errors import DataError, Problem
from counterpoise.kernels.arrays import Floats
from counterpoise.read.table import Table

DAYS_PER_MONTH = 30.4375


def entry_times(
    table: Table, name: str, time: Floats, *, column: str | None, origin: Floats, landmark_months: float | None
) -> Floats | None:
    """Return the days from the origin at which each patient of n came under observation, or None: from the origin.

    `time` (n,) is the end of observation and `origin` (n,) the origin, both in days; `column` holds the dates of
    entry. An entry on the origin's day or before counts as 0; with `landmark_months` nobody enters before that many
    months of 30.4375 days.

    Raises `DataError` where a date of entry is missing, and where observation ended on the day of entry or before:
    such a patient was never under observation.

    >>> from counterpoise.read import table_from_frame
    >>> two = table_from_frame(pl.DataFrame({"id": ["a", "b"]}), id_column="id")
    >>> origin, time = np.zeros(2), np.array([400.0, 800.0])
    >>> entry_times(two, "os", time, column=None, origin=origin, landmark_months=12.0)
    array([365.25, 365.25])
    """
    if column is None and landmark_months is None:
        return None
    entry: Floats = np.zeros(time.size)
    if column is not None:
        days = table.frame[column].cast(pl.Int32).cast(pl.Float64).fill_null(np.nan).to_numpy()
        missing = cell_problems(
            table, np.isnan(days), column, "is the entry into observation and must be known", "exclude who has none"
        )
        if missing:
            raise DataError(missing)
        entry = np.maximum(days - origin, 0.0)
    if landmark_months is not None:
        entry = np.maximum(entry, landmark_months * DAYS_PER_MONTH)
    late = np.flatnonzero((time <= entry) & (entry > 0))
    if late.size:
        ids = [str(table.frame[table.id_column][int(row)]) for row in late[:LISTED]]
        raise DataError([_never_observed(name, ids, late.size - len(ids), column, landmark_months)])
    return entry


def entry_words(column_label: str | None, landmark_months: float | None) -> str:
    """Return how late entry is told in the sentence of a definition; empty where observation began at the origin.

    >>> entry_words("end of radiotherapy", None)
    'patients entered observation at end of radiotherapy'
    """
    begins = [column_label] if column_label else []
    begins += [f"{landmark_months:g} months after the origin"] if landmark_months is not None else []
    if not begins:
        return ""
    latest = "the later of " if len(begins) > 1 else ""
    return f"patients entered observation at {latest}{' and '.join(begins)}"


def _never_observed(name: str, ids: list[str], more: int, column: str | None, landmark_months: float | None) -> Problem:
    begins = [f"`{column}`"] if column else []
    begins += [f"{landmark_months:g} months from the origin"] if landmark_months is not None else []
    listed = ", ".join(ids) + (f" and {more} more" if more else "")
    who = "patient" if len(ids) + more == 1 else "patients"
    return Problem(
        f"endpoints.{name}",
        f"{who} {listed} left observation at or before the entry into it ({' and '.join(begins)})",
        "exclude them by an eligibility rule",
    )


def day_number(date: dt.date | None) -> float:
    """Return a date as the number of days since 1970-01-01; never is infinitely late."""
    return np.inf if date is None else float((date - dt.date(1970, 1, 1)).days)
