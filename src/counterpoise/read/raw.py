"""The record of a file that has been read but not yet typed: text cells with the file row of each."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real

import polars as pl

from counterpoise.errors import DataError, Problem
from counterpoise.read.table import FILE_ROW, Source

SHOWN = 20
"""How many problems of one sort are told one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """A table of text: `frame` holds a String column for each of `names`, and `FILE_ROW` (Int64).

    An empty cell is the empty string. The file row is the line at which the record starts (CSV), the row of the
    sheet (Excel), or the number of the case (formats without rows of text); the first is 1. What the file itself
    says of a column is in `labels` (its title), `levels` (code to label) and `missing` (codes for missing).
    """

    names: tuple[str, ...]
    frame: pl.DataFrame
    source: Source
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    levels: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    decimal_comma: bool = False
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The cells of a table as they stand in the file: `rows` without the header, each of any length."""

    header: tuple[str, ...]
    rows: list[Sequence[str]]
    file_rows: list[int]
    empty_rows: int = 0


def cell_text(value: object) -> str:
    """Return a cell of a typed file as text: whole numbers without a point, dates in ISO form, booleans as 1 and 0.

    >>> [cell_text(value) for value in (3.0, 0.1, True, None, dt.datetime(2020, 1, 31), float("nan"))]
    ['3', '0.1', '1', '', '2020-01-31', '']
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if type(value).__name__ in ("bool", "bool_"):
        return "1" if value else "0"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, Integral):
        return str(int(value))
    return number_text(float(value)) if isinstance(value, Real) else str(value)


def number_text(value: float) -> str:
    """Return the shortest text that reads back as `value`; NaN is empty.

    >>> number_text(1e300), number_text(-2.0)
    ('1e+300', '-2')
    """
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def is_blank(row: Sequence[str]) -> bool:
    """Say whether no cell of a row holds anything but white space."""
    return not "".join(row).strip()


def grid_of(rows: Iterable[tuple[int, Sequence[str]]], name: str) -> Grid:
    """Split numbered rows into header and rows: the header is the first row that is not blank; blank ones are left out.

    >>> grid_of([(1, ["id", "age"]), (2, []), (3, ["a", "40"])], "x.csv").file_rows
    [3]
    """
    header: tuple[str, ...] | None = None
    kept: list[Sequence[str]] = []
    file_rows: list[int] = []
    empty = 0
    for file_row, row in rows:
        if is_blank(row):
            empty += header is not None
        elif header is None:
            header = tuple(cell.strip() for cell in row)
        else:
            kept.append(row)
            file_rows.append(file_row)
    if header is None:
        raise DataError([Problem(name, "the file is empty", "it needs a header and one row a patient")])
    if not kept:
        raise DataError([Problem(name, "the file has a header and no rows", "it needs one row a patient")])
    return Grid(header, kept, file_rows, empty)


def frame_of(grid: Grid) -> tuple[tuple[str, ...], pl.DataFrame, tuple[Problem, ...]]:
    """Return column names, text frame and notes of a grid; ragged rows and unusable names are a `DataError`.

    Empty cells beyond the header, and columns without a name or a value, are left out: spreadsheets write them.
    """
    widths = {len(grid.header), *map(len, grid.rows)}
    width = max(widths)
    header = (*grid.header, *("" for _ in range(width - len(grid.header))))
    problems = _ragged(grid)
    full = grid.rows if len(widths) == 1 else [[*row, *("" for _ in range(width - len(row)))] for row in grid.rows]
    columns = list(zip(*full, strict=True))
    used = [index for index in range(width) if header[index] or not is_blank(columns[index])]
    problems += [] if problems else name_problems([header[index] for index in used])
    if problems:
        raise DataError(problems)
    frame = pl.DataFrame({header[index]: pl.Series(columns[index], dtype=pl.String) for index in used})
    notes = [Problem("", f"{grid.empty_rows} empty rows were left out")] if grid.empty_rows else []
    return (
        tuple(frame.columns),
        frame.insert_column(0, pl.Series(FILE_ROW, grid.file_rows, dtype=pl.Int64)),
        tuple(notes),
    )


def _ragged(grid: Grid) -> list[Problem]:
    """Find the rows whose cells are not one for each name of the header."""
    width = len(grid.header)
    problems = [
        Problem(
            f"row {file_row}",
            f"it has {len(row)} cells, and the header has {width}",
            "look for a separator inside a cell, or a line break",
        )
        for file_row, row in zip(grid.file_rows, grid.rows, strict=True)
        if len(row) < width or not is_blank(row[width:])
    ]
    return shortened(problems, "", "rows like these")


def shortened(problems: list[Problem], where: str, what: str) -> list[Problem]:
    """Keep the first problems of one sort, and count the others in one more."""
    more = len(problems) - SHOWN
    return problems if more <= 0 else [*problems[:SHOWN], Problem(where, f"and {more} more {what}")]


def name_problems(names: Sequence[str]) -> list[Problem]:
    """Find names of columns that are empty, repeated or reserved.

    >>> [str(problem) for problem in name_problems(["id", "", "age", "age"])]
    ['header: column 2 has no name; name it or delete it',
     'header: columns 3 and 4 are both named `age`; rename all but one']
    """
    problems = [
        Problem("header", f"column {index} has no name", "name it or delete it")
        for index, name in enumerate(names, 1)
        if not name
    ]
    for name, count in Counter(names).items():
        places = [str(index) for index, other in enumerate(names, 1) if other == name]
        if name and count > 1:
            which = f"{', '.join(places[:-1])} and {places[-1]}"
            both = "both" if count == 2 else "all"
            problems.append(Problem("header", f"columns {which} are {both} named `{name}`", "rename all but one"))
    if FILE_ROW in names:
        problems.append(Problem("header", f"the name `{FILE_ROW}` is taken", "rename that column"))
    return problems
