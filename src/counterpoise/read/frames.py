"""Dataframes and Parquet files: cells that have types already are turned into text, as all others are."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from counterpoise.errors import DataError, InputError, Problem
from counterpoise.read.raw import RawTable, cell_text, name_problems
from counterpoise.read.table import FILE_ROW, Source

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

_EXACT = 2.0**53


def read_parquet(path: Path, sha256: str) -> RawTable:
    """Return the cells of a Parquet file as text; the file row is the number of the row, from 1."""
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError([Problem(path.name, "it is not a Parquet file", "write it again, or as CSV")]) from error
    return raw_from_polars(frame, Source(path.name, sha256, "Parquet", "", frame.height))


def raw_from_frame(frame: "IntoFrame", name: str) -> RawTable:
    """Return the cells of a pandas, polars or pyarrow table as text; NaN and missing are both empty cells.

    The file row is the number of the row, from 1, and the fingerprint is that of the cells.

    >>> raw_from_frame(pl.DataFrame({"id": [1.0, None]}), "frame").frame["id"].to_list()
    ['1', '']
    """
    import narwhals as nw

    try:
        native = nw.from_native(frame)
    except TypeError as error:
        what = f"`table` must be a pandas, polars or pyarrow dataframe; it is a {type(frame).__name__}."
        raise InputError(what) from error
    except nw.exceptions.DuplicateError as error:
        raise DataError([Problem(name, "several columns have the same name", "rename all but one")]) from error
    eager = native.collect("polars") if isinstance(native, nw.LazyFrame) else native
    module = str(eager.implementation)
    problems = name_problems([str(column) for column in eager.columns])
    if problems:
        raise DataError(problems)
    if eager.implementation.is_pandas_like():
        text = {str(column.name): [cell_text(value) for value in column] for column in eager.iter_columns()}
        typed = pl.DataFrame({column: pl.Series(cells, dtype=pl.String) for column, cells in text.items()})
    else:
        typed = eager.to_polars()
    return raw_from_polars(typed, Source(name, "", f"dataframe ({module})", "", typed.height))


def raw_from_polars(frame: pl.DataFrame, source: Source) -> RawTable:
    """Return the cells of a polars frame as text; a column of lists, structures or bytes is a `DataError`."""
    problems = name_problems(frame.columns)
    problems += [
        Problem(f"column `{name}`", f"it holds {dtype}, which no cell of a patient table is", "leave it out")
        for name, dtype in frame.schema.items()
        if dtype.is_nested() or isinstance(dtype, pl.Binary | pl.Object | pl.Duration | pl.Time)
    ]
    if not frame.height or not frame.width:
        problems.append(Problem(source.name, "it has no rows", "it needs one row a patient"))
    if problems:
        raise DataError(problems)
    text = frame.select(_as_text(name, dtype).fill_null("").alias(name) for name, dtype in frame.schema.items())
    sha256 = source.sha256 or fingerprint(text)
    source = Source(source.name, sha256, source.format, source.encoding, source.rows)
    row_numbers = pl.Series(FILE_ROW, range(1, frame.height + 1), dtype=pl.Int64)
    return RawTable(tuple(text.columns), text.insert_column(0, row_numbers), source)


def fingerprint(text: pl.DataFrame) -> str:
    """Return the SHA-256 of a table of text: of its names and cells, column by column.

    >>> fingerprint(pl.DataFrame({"a": ["1"]})) == fingerprint(pl.DataFrame({"a": ["2"]}))
    False
    """
    digest = hashlib.sha256()
    for name in text.columns:
        digest.update("\x1f".join([name, *text[name].to_list()]).encode() + b"\x1e")
    return digest.hexdigest()


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Boolean:
        return column.cast(pl.Int8).cast(pl.String)
    if dtype.is_float():
        column = column.cast(pl.Float64).fill_nan(None)
        whole = (column == column.floor()) & (column.abs() < _EXACT)
        digits = pl.when(whole).then(column).cast(pl.Int64).cast(pl.String)
        return pl.when(whole).then(digits).otherwise(column.cast(pl.String))
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("%Y-%m-%d %H:%M:%S").str.strip_suffix(" 00:00:00")
    return column.cast(pl.String)
