"""Text tables: comma, semicolon, tab or bar between the cells."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoise.errors import DataError, Problem
from counterpoise.read.encoding import decode
from counterpoise.read.raw import RawTable, frame_of, grid_of
from counterpoise.read.table import Source

if TYPE_CHECKING:
    import _csv

DELIMITERS = {",": "CSV (comma)", "\t": "CSV (tab)", ";": "CSV (semicolon)", "|": "CSV (bar)"}
_SAMPLE = 65536


def read_csv(path: Path, data: bytes, sha256: str, *, encoding: str | None = None) -> RawTable:
    """Return the cells of a text table, whose encoding and separator are found from its content."""
    text, encoding, notes = decode(data, path.name, encoding)
    delimiter = find_delimiter(text)
    names, frame, more = frame_of(grid_of(_records(text, delimiter), path.name))
    source = Source(path.name, sha256, DELIMITERS[delimiter], encoding, frame.height)
    return RawTable(names, frame, source, decimal_comma=delimiter == ";", notes=(*notes, *more))


def find_delimiter(text: str) -> str:
    r"""Return the separator that cuts the header into several cells and the rows into as many.

    >>> find_delimiter("id;dose\n1;50,4\n2;60,0\n")
    ';'
    """
    return max(DELIMITERS, key=lambda delimiter: _fit(text[:_SAMPLE], delimiter))


def _fit(sample: str, delimiter: str) -> tuple[bool, float, int]:
    """Return whether the header is cut, the share of rows that have its width, and the width."""
    widths: list[int] = []
    try:
        for row in islice(_reader(sample, delimiter), 200):
            widths += [len(row)] if row else []
    except csv.Error:
        widths = widths or [1]
    header = widths[0] if widths else 1
    return header > 1, sum(width == header for width in widths) / max(len(widths), 1), header


def _reader(text: str, delimiter: str) -> "_csv.Reader":
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield each record with the line at which it starts; a record may run over several lines."""
    reader, start = _reader(text, delimiter), 1
    try:
        for row in reader:
            yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError([_quotation(str(error), f"row {start}")]) from error


def _quotation(message: str, where: str) -> Problem:
    """Explain what the parser of the standard library refused."""
    if "end of data" in message or "limit" in message:
        return Problem(where, "a quotation mark is opened and not closed", 'close it, or write "" for a mark')
    return Problem(where, "a quotation mark stands inside a quoted cell", 'write "" for a mark inside a cell')
