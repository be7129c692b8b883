"""Dates of which only the month or the year is known, completed by a rule that the plan states."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from counterpoise.errors import DataError, Problem
from counterpoise.read.codebook import Column, PartialDate
from counterpoise.read.raw import RawTable, shortened
from counterpoise.read.table import FILE_ROW

IMPUTED = "_imputed"
_YEAR_MONTH = re.compile(r"([0-9]{4})(?:[-/.]([0-9]{1,2})|年([0-9]{1,2})月)")
_MONTH_YEAR = re.compile(r"([0-9]{1,2})[-/.]([0-9]{4})")
_YEAR = re.compile(r"([0-9]{4})年?")


@dataclass(frozen=True, slots=True)
class PartialDates:
    """How a date without a day (`month`), and one without a day and a month (`year`), is completed.

    `first`, `middle` or `last` day of what is known: the middle of a month is its 15th, that of a year 1 July.
    """

    month: PartialDate = "refuse"
    year: PartialDate = "refuse"


REFUSED = PartialDates()


def completed(text: str, partial: PartialDates) -> dt.date | None:
    """Return the day that stands for a date in part, or None where it is none, or is to be refused.

    >>> completed("2014-05", PartialDates(month="middle")), completed("02/2016", PartialDates(month="last"))
    (datetime.date(2014, 5, 15), datetime.date(2016, 2, 29))
    >>> completed("2014", PartialDates(month="middle")), completed("2014", PartialDates(year="middle"))
    (None, datetime.date(2014, 7, 1))
    """
    if found := _YEAR_MONTH.fullmatch(text):
        return _in_month(int(found[1]), int(found[2] or found[3]), partial.month)
    if found := _MONTH_YEAR.fullmatch(text):
        return _in_month(int(found[2]), int(found[1]), partial.month)
    if (found := _YEAR.fullmatch(text)) and partial.year != "refuse":
        year = int(found[1])
        days = {"first": (1, 1), "middle": (7, 1), "last": (12, 31)}
        return dt.date(year, *days[partial.year]) if year else None
    return None


def complete_dates(raw: RawTable, id_column: str, columns: Mapping[str, Column], partial: PartialDates) -> RawTable:
    """Return the table with its partial dates completed in the columns declared as dates.

    A column NAME in which a date was completed has a flag beside it, NAME_imputed: 1 where it was. Every completed
    date is a note, with its patient. A column of day numbers of Excel is left alone. Raises `DataError` where the
    table has a column of the flag's name already.
    """
    if partial == REFUSED:
        return raw
    dates = [name for name in raw.names if name in columns and columns[name].kind == "date"]
    for name in dates:
        if columns[name].date_order != "excel":
            raw = _complete_column(raw, id_column, name, partial)
    return raw


def _complete_column(raw: RawTable, id_column: str, name: str, partial: PartialDates) -> RawTable:
    cells = raw.frame[name].str.strip_chars()
    days = {cell: day for cell in cells.unique() if (day := completed(cell, partial)) is not None}
    if not days:
        return raw
    flag = f"{name}{IMPUTED}"
    if flag in raw.names:
        what = f"is the name of the flag that `{name}` needs for its partial dates"
        raise DataError([Problem(f"column `{flag}`", what, "rename that column")])
    ids = raw.frame[id_column] if id_column in raw.names else cells
    notes = [
        Problem(f"row {row}, column `{name}`", f"`{cell}` (patient {who}) was taken as {_words(days[cell])}")
        for cell, row, who in zip(cells, raw.frame[FILE_ROW], ids, strict=True)
        if cell in days
    ]
    given = cells.is_in(list(days)).cast(pl.Int8).cast(pl.String).alias(flag)
    whole = cells.replace({cell: day.isoformat() for cell, day in days.items()})
    return replace(
        raw,
        names=(*raw.names, flag),
        frame=raw.frame.with_columns(whole.alias(name), given),
        labels={**raw.labels, flag: f"{raw.labels.get(name, name)}: day imputed"},
        notes=(*raw.notes, *shortened(notes, f"column `{name}`", "partial dates like these")),
    )


def _in_month(year: int, month: int, rule: PartialDate) -> dt.date | None:
    if rule == "refuse" or not year or not 1 <= month <= 12:
        return None
    following = dt.date(year + month // 12, month % 12 + 1, 1)
    return {
        "first": dt.date(year, month, 1),
        "middle": dt.date(year, month, 15),
        "last": following - dt.timedelta(days=1),
    }[rule]


def _words(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"
