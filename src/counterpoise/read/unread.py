"""Reading a table with mistakes in it, so that they can be listed: what cannot be read is told, not refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from counterpoise.errors import DataError, Problem
from counterpoise.read.codebook import Column
from counterpoise.read.raw import RawTable
from counterpoise.read.table import FILE_ROW, Table
from counterpoise.read.typed import type_table, typed_column, unknown_columns


@dataclass(frozen=True, slots=True)
class Unread:
    """A cell that the codebook does not allow: its row of the file, its column, what it says, and the reason."""

    row: int
    column: str
    text: str
    reason: str


def type_leniently(raw: RawTable, *, id_column: str, columns: Mapping[str, Column]) -> tuple[Table, tuple[Unread, ...]]:
    """Return the table as far as it can be read, and the cells that `type_table` would refuse.

    What no kind can hold is missing in the table. Values beyond minimum and maximum, codes that are no levels, and
    identifiers given twice are kept as they are. Columns that are not there are a `DataError`.

    >>> raw = RawTable(("id", "age"), pl.DataFrame({FILE_ROW: [2, 3], "id": ["a", "b"], "age": ["61", "sixty"]}), None)
    >>> table, unread = type_leniently(raw, id_column="id", columns={"age": Column(kind="integer")})
    >>> table.frame["age"].to_list(), unread[0].reason
    ([61, None], 'is not a whole number')
    """
    problems: list[Problem] = unknown_columns(raw, id_column, columns)
    if problems:
        raise DataError(problems)
    unread: list[Unread] = []
    frame = raw.frame
    relaxed: dict[str, Column] = {}
    for name, column in columns.items():
        relaxed[name] = column.model_copy(update={"minimum": None, "maximum": None})
        if name == id_column:
            continue
        refused = typed_column(raw, name, column).refused
        unread += _cells(raw, name, {text: error.what for text, error in refused.items()})
        if column.kind == "category":
            texts = {text: text for text in refused}
            relaxed[name] = relaxed[name].model_copy(update={"levels": {**column.levels, **texts}})
            continue
        lost = list(typed_column(raw, name, relaxed[name]).refused)
        blank = pl.col(name).str.strip_chars().is_in(lost)
        frame = frame.with_columns(pl.when(blank).then(pl.lit("")).otherwise(pl.col(name)).alias(name))
    unread += _identifiers(raw, id_column)
    unique = _unique_identifiers(frame, id_column)
    table = type_table(replace(raw, frame=unique), id_column=id_column, columns=relaxed)
    named = table.frame.with_columns(raw.frame[id_column].str.strip_chars().replace("", None).alias(id_column))
    return replace(table, frame=named, cells=raw.frame), tuple(unread)


def _cells(raw: RawTable, name: str, reasons: Mapping[str, str]) -> list[Unread]:
    return [
        Unread(row, name, cell.strip(), reasons[cell.strip()].removeprefix(f"`{cell.strip()}` "))
        for row, cell in zip(raw.frame[FILE_ROW], raw.frame[name], strict=True)
        if cell.strip() in reasons
    ]


def _identifiers(raw: RawTable, name: str) -> list[Unread]:
    """Tell identifiers that are missing, and every row of those that are given twice."""
    texts = raw.frame[name].str.strip_chars()
    twice = set(texts.filter(texts.is_duplicated()))
    return [
        Unread(row, name, text, "identifies more than one row" if text else "identifies nobody")
        for row, text in zip(raw.frame[FILE_ROW], texts, strict=True)
        if not text or text in twice
    ]


def _unique_identifiers(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.with_columns(pl.col(FILE_ROW).cast(pl.String).alias(name))
