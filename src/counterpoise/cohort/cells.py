"""Naming a cell of the patient table, so that its problem can be found in the file."""

from collections.abc import Iterable

import numpy as np

from counterpoise.errors import Problem
from counterpoise.kernels.arrays import Bools
from counterpoise.read.table import FILE_ROW, Table

SHOWN = 5
LISTED = 20


def cell_problem(table: Table, index: int, column: str, what: str, remedy: str = "") -> Problem:
    """Return the problem of one cell: its file, row, column, value and patient, and what is wrong."""
    row = table.frame.row(index, named=True)
    value = "missing" if row[column] is None else f"`{row[column]}`"
    where = f"{table.source.name}: row {row[FILE_ROW]}, column `{column}`"
    return Problem(where, f"{value} (patient {row[table.id_column]}) {what}", remedy)


def cell_problems(table: Table, wrong: Bools, column: str, what: str, remedy: str = "") -> list[Problem]:
    """Return one problem a row that is `wrong` (n,), for the first twenty; a last one counts the rest."""
    rows = np.flatnonzero(wrong)
    problems = [cell_problem(table, int(index), column, what, remedy) for index in rows[:LISTED]]
    if rows.size > LISTED:
        where = f"{table.source.name}: column `{column}`"
        problems.append(Problem(where, f"{rows.size - LISTED} more rows: the value {what}", remedy))
    return problems


def counted(table: Table, found: Bools, one: str, many: str) -> str:
    """Return `one` or `many` after the number of rows found, and the file rows of the first few.

    >>> import polars as pl
    >>> from counterpoise.read.table import Source
    >>> table = Table(pl.DataFrame({FILE_ROW: [2, 3, 4]}), {}, "id", Source("a.csv", "", "csv", "utf-8", 3))
    >>> counted(table, np.array([True, False, True]), "patient is late", "patients are late")
    '2 patients are late (rows 2, 4)'
    """
    count = int(found.sum())
    rows = table.frame[FILE_ROW].to_numpy()[found]
    return f"{count} {one if count == 1 else many} ({_rows(rows.tolist())})"


def _rows(rows: Iterable[int]) -> str:
    rows = list(rows)
    listed = ", ".join(map(str, rows[:SHOWN]))
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"row{'s' if len(rows) != 1 else ''} {listed}{more}"
