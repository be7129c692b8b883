"""Naming a cell of the patient table, so that its problem can be found in the file."""

import numpy as np

from counterpoise.errors import Problem
from counterpoise.kernels.arrays import Bools
from counterpoise.read.table import FILE_ROW, Table

SHOWN = 5
LISTED = 20


def cell_problem(table: Table, index: int, column: str, what: str, remedy: str = "") -> Problem:
    """Return the problem of one cell: its row in the file, column, value and patient, and what is wrong."""
    row = table.frame.row(index, named=True)
    value = "missing" if row[column] is None else f"`{row[column]}`"
    where = f"row {row[FILE_ROW]}, column `{column}`"
    return Problem(where, f"{value} (patient {row[table.id_column]}) {what}", remedy)


def cell_problems(table: Table, wrong: Bools, column: str, what: str, remedy: str = "") -> list[Problem]:
    """Return one problem a row that is `wrong` (n,), for the first twenty; a last one counts the rest."""
    rows = np.flatnonzero(wrong)
    problems = [cell_problem(table, int(index), column, what, remedy) for index in rows[:LISTED]]
    if rows.size > LISTED:
        problems.append(Problem(f"column `{column}`", f"and {rows.size - LISTED} more values like these"))
    return problems


def rows_of(table: Table, found: Bools) -> str:
    """Return the file rows of those found (n,), the first five by number.

    >>> import polars as pl
    >>> from counterpoise.read.table import Source
    >>> table = Table(pl.DataFrame({FILE_ROW: [2, 3, 4]}), {}, "id", Source("a.csv", "", "csv", "utf-8", 3))
    >>> rows_of(table, np.array([True, False, True]))
    'rows 2, 4'
    """
    rows = table.frame[FILE_ROW].to_numpy()[found].tolist()
    listed = ", ".join(map(str, rows[:SHOWN]))
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"row{'s' if len(rows) != 1 else ''} {listed}{more}"


def note_of(table: Table, where: str, found: Bools, one: str, many: str) -> list[Problem]:
    """Return how many rows were found and which, in the words for one or for many; nothing where none was."""
    count = int(found.sum())
    return [Problem(where, f"{count} {one if count == 1 else many} ({rows_of(table, found)})")] if count else []
