"""Text cells become typed columns; what cannot be read is told by row and column, all at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from counterpoise.errors import DataError, Problem
from counterpoise.read import cells
from counterpoise.read.cells import CellError
from counterpoise.read.codebook import Column, InferredColumn, Kind
from counterpoise.read.files import read_raw
from counterpoise.read.infer import infer_kind, infer_labelled, natural_order
from counterpoise.read.names import nearest
from counterpoise.read.partial_dates import REFUSED, PartialDates, complete_dates
from counterpoise.read.raw import RawTable, shortened
from counterpoise.read.table import FILE_ROW, Table

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

_TYPES: dict[Kind, type[pl.DataType]] = {
    "id": pl.String,
    "category": pl.String,
    "text": pl.String,
    "integer": pl.Int64,
    "flag": pl.Int64,
    "number": pl.Float64,
    "date": pl.Date,
}


def read_table(
    path: str | Path,
    *,
    id_column: str,
    columns: Mapping[str, Column] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    partial: PartialDates = REFUSED,
) -> Table:
    r"""Return the patient table in a file, typed as `columns` declares; the other columns have their kinds inferred.

    Missing are empty cells and the codes that the column declares, and NA, N/A, a point and null in columns that are
    not plain text. Every cell that cannot be read, every code that is not among the levels, every value beyond
    minimum or maximum, and every identifier that is missing or repeated is told in one `DataError`. Dates without a
    day are completed as `partial` says, or refused.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "patients.csv")
    ...     _ = path.write_text("id,age\nP1,61\nP2,sixty\n")
    ...     read_table(path, id_column="id", columns={"age": Column(kind="integer")})
    Traceback (most recent call last):
    counterpoise.errors.DataError: row 3, column `age`: `sixty` is not a whole number
    """
    raw = complete_dates(read_raw(path, sheet=sheet, encoding=encoding), id_column, columns or {}, partial)
    return type_table(raw, id_column=id_column, columns=columns)


def table_from_frame(
    frame: "IntoFrame",
    *,
    id_column: str,
    columns: Mapping[str, Column] | None = None,
    name: str = "dataframe",
    partial: PartialDates = REFUSED,
) -> Table:
    """Return the patient table in a pandas, polars or pyarrow table, with the same checks as `read_table`.

    A NaN is a missing value. Rows are numbered from 1.

    >>> frame = pl.DataFrame({"id": ["P1", "P2"], "age": [61.0, float("nan")]})
    >>> table_from_frame(frame, id_column="id").frame["age"].to_list()
    [61, None]
    """
    from counterpoise.read.frames import raw_from_frame

    raw = complete_dates(raw_from_frame(frame, name), id_column, columns or {}, partial)
    return type_table(raw, id_column=id_column, columns=columns)


def type_table(raw: RawTable, *, id_column: str, columns: Mapping[str, Column] | None = None) -> Table:
    """Return the typed table of text cells: what `read_table` does after the file has been read."""
    declared = dict(columns or {})
    problems = unknown_columns(raw, id_column, declared)
    if id_column in raw.names:
        given = declared.get(id_column, InferredColumn(kind="id"))
        declared[id_column] = given.model_copy(update={"kind": "id"})
    typed = {name: typed_column(raw, name, declared.get(name)) for name in raw.names}
    problems += [problem for column in typed.values() for problem in column.problems]
    problems += _identifier_problems(raw, typed[id_column].series) if id_column in typed else []
    if problems:
        raise DataError(problems)
    frame = pl.DataFrame([raw.frame[FILE_ROW], *(column.series for column in typed.values())])
    notes = [note for column in typed.values() for note in column.notes]
    return Table(
        frame,
        {name: column.column for name, column in typed.items()},
        id_column,
        raw.source,
        (*raw.notes, *notes),
        raw.frame,
    )


def unknown_columns(raw: RawTable, id_column: str, declared: Mapping[str, Column]) -> list[Problem]:
    """Find columns that are declared, or are to hold the identifiers, and are not in the table."""
    problems = [
        Problem(f"column `{name}`", "it is declared, and the table has no such column", nearest(name, raw.names))
        for name in declared
        if name not in raw.names and name != id_column
    ]
    if id_column not in raw.names:
        what = "it is to hold the identifiers, and the table has no such column"
        remedy = nearest(id_column, raw.names) or f"its columns are {', '.join(raw.names[:8])}"
        problems.insert(0, Problem(f"column `{id_column}`", what, remedy))
    return problems


def _identifier_problems(raw: RawTable, identifiers: pl.Series) -> list[Problem]:
    """Find identifiers that are missing, and those that an earlier row has."""
    if identifiers.is_unique().all() and not identifiers.null_count():
        return []
    first_row: dict[str, int] = {}
    problems: list[Problem] = []
    column = f"column `{identifiers.name}`"
    for identifier, file_row in zip(identifiers, raw.frame[FILE_ROW], strict=True):
        where = f"row {file_row}, {column}"
        if identifier is None:
            problems.append(Problem(where, "the identifier is missing"))
        elif identifier in first_row:
            problems.append(Problem(where, f"`{identifier}` was given in row {first_row[identifier]} already"))
        else:
            first_row[identifier] = file_row
    return shortened(problems, column, "like these")


@dataclass(frozen=True, slots=True, eq=False)
class _Typed:
    """A column that has been typed, with what was wrong or odd; `refused` are the cells that could not be read."""

    series: pl.Series
    column: Column
    problems: list[Problem]
    notes: list[Problem]
    refused: Mapping[str, CellError] = field(default_factory=dict[str, CellError])


def typed_column(raw: RawTable, name: str, declared: Column | None) -> _Typed:
    """Return one column as its kind has it; cells that it cannot hold are missing, and told."""
    text = raw.frame[name].str.strip_chars()
    distinct = set(text.unique().to_list())
    try:
        column = _described(raw, declared, text)
        parse = _parser(raw, column, distinct)
    except CellError as error:
        problem = Problem(f"column `{name}`", error.what, error.remedy)
        return _Typed(text, declared or InferredColumn(kind="text"), [problem], [])
    values: dict[str, object] = {}
    refused: dict[str, CellError] = {}
    for cell in distinct:
        try:
            values[cell] = None if is_missing(cell, column) else parse(cell)
        except CellError as error:
            values[cell], refused[cell] = None, error
    found = pl.Series(list(values.values()), dtype=_TYPES[column.kind])
    series = text.replace_strict(pl.Series(list(values), dtype=pl.String), found, return_dtype=found.dtype)
    problems = _cell_problems(raw, text, refused)
    return _Typed(series, column, problems, _column_notes(name, text, column, series), refused)


def _cell_problems(raw: RawTable, text: pl.Series, refused: Mapping[str, CellError]) -> list[Problem]:
    """Tell each refused cell by its file row; the first twenty of a column, then their number."""
    if not refused:
        return []
    column = f"column `{text.name}`"
    problems = [
        Problem(f"row {file_row}, {column}", refused[cell].what, refused[cell].remedy)
        for cell, file_row in zip(text, raw.frame[FILE_ROW], strict=True)
        if cell in refused
    ]
    return shortened(problems, column, "like these")


def _column_notes(name: str, text: pl.Series, column: Column, series: pl.Series) -> list[Problem]:
    where = f"column `{name}`"
    if series.null_count() == series.len():
        return [Problem(where, "it holds no value")]
    timed = list(filter(cells.has_time, text.unique())) if column.kind == "date" else []
    if timed:
        count = int(text.is_in(timed).sum())
        return [Problem(where, f"{count} of its dates carry a time of day, which was dropped")]
    return []


def is_missing(cell: str, column: Column) -> bool:
    """Say whether a cell stands for a missing value in a column; a declared level never does.

    >>> is_missing("NA", Column(kind="number")), is_missing("NA", Column(kind="text"))
    (True, False)
    """
    if cell in column.levels:
        return False
    if cell == "" or cell in column.missing:
        return True
    return column.kind not in ("text", "id") and cell.casefold() in cells.MISSING_WORDS


def _described(raw: RawTable, declared: Column | None, text: pl.Series) -> Column:
    """Complete the description of a column from the file and its values, or infer it."""
    missing = raw.missing.get(text.name, ())
    file_levels = {code: label for code, label in raw.levels.get(text.name, {}).items() if code not in missing}
    column = declared or _inferred(text, missing, file_levels, decimal_comma=raw.decimal_comma)
    column = column.model_copy(
        update={
            "missing": tuple(dict.fromkeys((*column.missing, *missing))),
            "label": column.label or raw.labels.get(text.name, ""),
        }
    )
    if column.kind == "flag":
        return column.model_copy(update={"levels": _flag_levels(column.levels or file_levels)})
    if column.kind != "category" or (column.levels and not isinstance(column, InferredColumn)):
        return column
    present = {cell for cell in text.unique() if not is_missing(cell, column)}
    levels = column.levels or file_levels
    more = {code: code for code in natural_order(present - set(levels))}
    return InferredColumn.model_validate({**column.model_dump(), "levels": {**levels, **more}})


def _inferred(text: pl.Series, missing: tuple[str, ...], levels: Mapping[str, str], *, decimal_comma: bool) -> Column:
    blank = {"", *missing}
    present = {cell for cell in text.unique() if cell not in blank and cell.casefold() not in cells.MISSING_WORDS}
    labelled = infer_labelled(present, levels)
    rows = int(text.is_in(list(present)).sum())
    kind = infer_kind(present, rows, decimal_comma=decimal_comma)
    return labelled or InferredColumn(kind=kind)


def _flag_levels(levels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a flag under the codes 0 and 1, whatever words it is written in."""
    labels = {str(cells.flag(code)): label for code, label in levels.items()}
    return {code: labels[code] for code in ("0", "1") if code in labels}


def _parser(raw: RawTable, column: Column, distinct: set[str]) -> Callable[[str], object]:
    """Return the function that reads one cell of the column."""
    match column.kind:
        case "integer":
            return _bounded(cells.integer, column)
        case "number":
            commas = column.decimal_comma or (raw.decimal_comma and any(map(cells.has_decimal_comma, distinct)))
            return _bounded(partial(cells.number, decimal="," if commas else "."), column)
        case "flag":
            return cells.flag
        case "date":
            return partial(cells.date, order=column.date_order)
        case "category":
            return partial(cells.category, levels=column.levels)
        case "id" | "text":
            return str


def _bounded(parse: Callable[[str], float], column: Column) -> Callable[[str], float]:
    """Return `parse` with the bounds of the column checked."""

    def parse_within(text: str) -> float:
        value = parse(text)
        if column.minimum is not None and value < column.minimum:
            raise CellError(f"`{text}` is below the minimum {column.minimum:g}")
        if column.maximum is not None and value > column.maximum:
            raise CellError(f"`{text}` is above the maximum {column.maximum:g}")
        return value

    return parse_within
