"""The tables of a document, and every number behind them, as an Excel workbook."""

import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from counterpoise.report.document import (
    SEVERITY_WORDS,
    Document,
    Findings,
    Parts,
    Row,
    Table,
    alignment,
    check_document,
    labels,
    plain,
    printable,
    spread,
)
from counterpoise.report.layout import text_width

ALL_NUMBERS = "All numbers"
_CONTENTS = "Contents"
_LONGEST_NAME = 31
_LONGEST_TEXT = 32_767
_LARGEST_EXACT = 2**53
_WIDTHS = (8.0, 60.0)
_LONG_AGO = datetime(1980, 1, 1)
_FIRST_COLUMNS = (
    *("id", "label", "text", "value", "lower", "upper", "confidence", "std_error", "statistic", "p_value"),
    *("n", "events", "method", "estimand"),
)
_INK = "#1B1F24"
_BASE = {"font_name": "Arial", "font_size": 9, "valign": "top", "quote_prefix": True, "font_color": _INK}
_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "text": {"text_wrap": True},
    "title": {"bold": True, "font_size": 14},
    "caption": {"bold": True, "font_size": 10},
    "banner": {"bold": True, "bg_color": "#FFF2CC", "font_color": "#4A3200"},
    "note": {"font_size": 8, "font_color": "#55606B"},
    "head": {"bold": True, "text_wrap": True, "valign": "bottom"},
    "number": {"quote_prefix": False},
    "link": {"font_color": "#1D4A73", "underline": 1, "quote_prefix": False},
}


@dataclass(frozen=True, slots=True)
class Records:
    """A plain list that becomes a sheet of its own: a header and a row a record, with a filter."""

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def render_xlsx(document: Document, results: Sequence[Mapping[str, Any]], records: Sequence[Records] = ()) -> bytes:
    """Return a workbook: contents, one sheet a table as it is printed, the findings, and all numbers in full.

    Each of `records` has a sheet of its own before that of all numbers.

    In the sheets of the tables every cell is text, exactly as in the report, because a printed number such as
    '0.54 (0.25–1.02)' is not one number. The last sheet, 'All numbers', lists each entry of `results.json`
    (`results`), numbers at full precision as numbers. No text can become a formula or a link, not even when it is
    edited later. The same document gives the same bytes.

    >>> render_xlsx(Document("Boost", "", ()), [{"id": "os.hr", "value": 0.54}])[:2]
    b'PK'
    """
    check_document(document)
    stream = io.BytesIO()
    settings = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(stream, settings) as book:
        book.set_properties({"title": printable(document.title)[:255], "author": "Counterpoise", "created": _LONG_AGO})
        _Writer(book, document).write(results, records)
    return stream.getvalue()


class _Writer:
    """Writes the sheets of one workbook; keeps their names apart and their cell formats together."""

    def __init__(self, book: xlsxwriter.Workbook, document: Document) -> None:
        self.book = book
        self.document = document
        self.label = labels(document)
        self.names: set[str] = set()
        self.formats: dict[tuple[tuple[str, Any], ...], Format] = {}

    def write(self, results: Sequence[Mapping[str, Any]], records: Sequence[Records] = ()) -> None:
        """Write all sheets."""
        _, contents = self._sheet(_CONTENTS)
        listed: list[tuple[str, str]] = []
        findings = [item for block in self.document.blocks if isinstance(block, Findings) for item in block.items]
        for block in self.document.blocks:
            if isinstance(block, Table):
                name, sheet = self._sheet(f"{self.label[block.name]} {block.name}")
                self._table(sheet, block)
                listed.append((name, f"{self.label[block.name]}. {block.caption}"))
        if findings:
            name, sheet = self._sheet("Findings")
            rows = [
                (SEVERITY_WORDS[item.severity], item.title, plain(item.parts, self.label), item.advice)
                for item in findings
            ]
            self._records(sheet, "Findings", ("Severity", "Finding", "Explanation", "What to do"), rows)
            listed.append((name, "What a careful reviewer would say"))
        for item in records:
            name, sheet = self._sheet(item.name)
            self._records(sheet, item.caption, item.columns, item.rows)
            listed.append((name, item.caption))
        name, sheet = self._sheet(ALL_NUMBERS)
        columns = _columns(results)
        rows = [tuple(entry.get(column) for column in columns) for entry in results]
        self._records(sheet, "Every number of the report at full precision", columns, rows)
        listed.append((name, "Every entry of results.json"))
        self._contents(contents, listed)

    def _contents(self, sheet: Worksheet, listed: Sequence[tuple[str, str]]) -> None:
        row = self._opening(sheet, self.document.title, look="title")
        for text in (self.document.subtitle, *(f"{key}: {text}" for key, text in self.document.meta.items())):
            if text:
                self._text(sheet, row, 0, text, self._format("note"))
                row += 1
        row += 1
        for name, caption in listed:
            target = "internal:'" + name.replace("'", "''") + "'!A1"
            sheet.write_url(row, 0, target, self._format("link"), string=name)
            self._text(sheet, row, 1, caption, self._format("text"))
            row += 1
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 90)

    def _table(self, sheet: Worksheet, table: Table) -> None:
        first = self._opening(sheet, f"{self.label[table.name]}. {table.caption}")
        align = alignment(table)
        rows = [*table.header, *(spread(row, len(align)) for row in table.rows)]
        heads, widths = len(table.header), [0.0] * len(align)
        for index, row in enumerate(rows):
            edges = {
                "top": 2 if index == 0 else 0,
                "bottom": 2 if index == len(rows) - 1 else 1 if index == heads - 1 else 0,
            }
            self._row(sheet, first + index, row, align, header=index < heads, edges=edges)
            _widen(widths, row, self.label)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(max(width * 1.9 + 2, _WIDTHS[0]), _WIDTHS[1]))
        sheet.freeze_panes(first + heads, 1)
        if heads:
            sheet.repeat_rows(first, first + heads - 1)
        row = first + len(rows) + 1
        for note in table.notes:
            self._text(sheet, row, 0, plain(note, self.label), self._format("note"))
            row += 1

    def _row(
        self, sheet: Worksheet, at: int, row: Row, align: Sequence[str], *, header: bool, edges: Mapping[str, int]
    ) -> None:
        column = 0
        for cell in row.cells:
            looks: dict[str, Any] = {**edges, "align": "center" if header and cell.span > 1 else align[column]}
            if column == 0 and row.indent:
                looks |= {"align": "left", "indent": row.indent}
            if header and cell.span > 1 and cell.parts and not edges["bottom"]:
                looks["bottom"] = 4
            if row.kind == "total" or (row.kind == "group" and column == 0):
                looks["bold"] = True
            chosen = self._format("head" if header else "text", **looks)
            text = plain(cell.parts, self.label)
            if cell.span > 1:
                sheet.merge_range(at, column, at, column + cell.span - 1, "", chosen)
            self._text(sheet, at, column, text, chosen)
            column += cell.span

    def _records(
        self, sheet: Worksheet, caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Write a plain list with a filter: a header row and a row a record."""
        first = self._opening(sheet, caption)
        widths = [text_width(column) for column in columns]
        for index, column in enumerate(columns):
            self._text(sheet, first, index, column, self._format("head", top=2, bottom=1))
        for offset, row in enumerate(rows):
            for column, entry in enumerate(row):
                self._entry(sheet, first + 1 + offset, column, entry)
                if entry is not None:
                    widths[column] = max(widths[column], text_width(str(entry)))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(max(width * 1.7 + 3, _WIDTHS[0]), _WIDTHS[1]))
        sheet.freeze_panes(first + 1, 1)
        if rows and columns:
            sheet.autofilter(first, 0, first + len(rows), len(columns) - 1)

    def _entry(self, sheet: Worksheet, row: int, column: int, entry: object) -> None:
        """Write a number as a number if Excel can hold it exactly, and everything else as text."""
        if entry is None or (isinstance(entry, float) and math.isnan(entry)):
            return
        if isinstance(entry, bool):
            sheet.write_boolean(row, column, entry, self._format("number", align="left"))
        elif isinstance(entry, int | float) and math.isfinite(entry) and abs(entry) <= _LARGEST_EXACT:
            sheet.write_number(row, column, entry, self._format("number"))
        else:
            text = entry if isinstance(entry, str) else _as_text(entry)
            self._text(sheet, row, column, text, self._format("text"))

    def _opening(self, sheet: Worksheet, heading: str, look: str = "caption") -> int:
        """Write banner and heading; return the row after them."""
        row = 0
        if self.document.banner:
            self._text(sheet, row, 0, self.document.banner, self._format("banner"))
            row += 1
        self._text(sheet, row, 0, heading, self._format(look))
        return row + 2

    def _text(self, sheet: Worksheet, row: int, column: int, text: str, chosen: Format) -> None:
        shown = printable(text)[:_LONGEST_TEXT]
        if shown:
            sheet.write_string(row, column, shown, chosen)
        else:
            sheet.write_blank(row, column, None, chosen)

    def _sheet(self, wanted: str) -> tuple[str, Worksheet]:
        name = _sheet_name(wanted, self.names)
        sheet = self.book.add_worksheet(name)
        self.names.add(name.casefold())
        sheet.hide_gridlines(2)
        sheet.set_paper(9)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        return name, sheet

    def _format(self, look: str, **more: object) -> Format:
        looks = {**_BASE, **_LOOKS[look], **{key: value for key, value in more.items() if value}}
        key = tuple(sorted(looks.items()))
        if key not in self.formats:
            self.formats[key] = self.book.add_format(looks)
        return self.formats[key]


def _sheet_name(wanted: str, taken: set[str]) -> str:
    """Return a name that Excel allows: at most 31 characters, none of its seven signs, no quote at an end."""
    clean = re.sub(r"[\[\]:*?/\\\x00-\x1f]+", " ", printable(wanted)).strip(" '") or "Table"
    name, number = clean[:_LONGEST_NAME].strip(" '"), 1
    while name.casefold() in taken or name.casefold() == "history":
        number += 1
        end = f" ({number})"
        name = clean[: _LONGEST_NAME - len(end)].strip(" '") + end
    return name


def _columns(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys of all entries: those that every reader looks for first, then the others as they come."""
    keys = dict.fromkeys(key for entry in results for key in entry)
    return [key for key in _FIRST_COLUMNS if key in keys] + [key for key in keys if key not in _FIRST_COLUMNS]


def _as_text(entry: object) -> str:
    return str(entry) if isinstance(entry, int | float) else json.dumps(entry, ensure_ascii=False, default=str)


def _widen(widths: list[float], row: Row, label: Mapping[str, str]) -> None:
    column = 0
    for cell in row.cells:
        if cell.span == 1:
            widths[column] = max(widths[column], *map(text_width, _lines(cell.parts, label)))
        column += cell.span


def _lines(parts: Parts, label: Mapping[str, str]) -> Iterator[str]:
    yield from (plain(parts, label) or " ").split("\n")
