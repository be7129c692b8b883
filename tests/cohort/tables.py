"""Patient tables written by hand."""

import datetime as dt
from collections.abc import Mapping, Sequence

import polars as pl

from counterpoise.read.codebook import Column, Kind
from counterpoise.read.table import FILE_ROW, Source, Table

TYPES: Mapping[str, type[pl.DataType]] = {
    "id": pl.String,
    "category": pl.String,
    "text": pl.String,
    "integer": pl.Int64,
    "flag": pl.Int64,
    "number": pl.Float64,
    "date": pl.Date,
}
SOURCE = Source("hand.csv", "", "csv", "utf-8", 0)


def table_of(**columns: tuple[Kind | Column, Sequence[object]]) -> Table:
    """Return a table of the columns given as (kind or description, values); ids p1, p2 ... and rows from 2."""
    described = {name: c if isinstance(c, Column) else Column(kind=c) for name, (c, _) in columns.items()}
    size = len(next(iter(columns.values()))[1])
    series = [
        pl.Series(name, [_read(value, described[name].kind) for value in values], TYPES[described[name].kind])
        for name, (_, values) in columns.items()
    ]
    ids = pl.Series("id", [f"p{number}" for number in range(1, size + 1)], pl.String)
    rows = pl.Series(FILE_ROW, range(2, size + 2), pl.Int64)
    return Table(pl.DataFrame([rows, ids, *series]), {"id": Column(kind="id"), **described}, "id", SOURCE)


def category(*levels: str, **labelled: str) -> Column:
    """Return a category with these codes, each its own label, and those given with their labels."""
    return Column(kind="category", levels={**{level: level for level in levels}, **labelled})


def _read(value: object, kind: str) -> object:
    return dt.date.fromisoformat(value) if kind == "date" and isinstance(value, str) else value
