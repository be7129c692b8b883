"""The record of a patient table that has been read and typed."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from counterpoise.errors import Problem
from counterpoise.read.codebook import Column

FILE_ROW = "__file_row__"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a table came from: enough to find it again and to prove that it is the same."""

    name: str
    sha256: str
    format: str
    encoding: str
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A typed table: one row a patient, with its codebook.

    `frame` holds, beside the columns, `FILE_ROW`: the row of the file (1 is the header) that each came from.
    Types by kind: id, category and text are strings; integer and flag Int64; number Float64; date Date.
    `columns` describes every column, declared or inferred. `notes` are oddities that did not stop the
    reading. `cells` are the texts of the file, in its order and by `FILE_ROW`, where they are known.
    """

    frame: pl.DataFrame
    columns: Mapping[str, Column]
    id_column: str
    source: Source
    notes: tuple[Problem, ...] = ()
    cells: pl.DataFrame | None = None
