"""The list of queries as an Excel workbook that a study nurse works through."""

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from counterpoise.errors import InputError
from counterpoise.oncology.answers import COLUMNS, SHEET, STATUSES, Answer, Asked, QueryList
from counterpoise.oncology.quality_check import Check, Query
from counterpoise.report.document import printable
from counterpoise.study import list_queries

_WIDTHS = {
    **{"id": 15, "patient": 12, "row": 6, "severity": 9, "check": 26, "what": 46, "shown": 34, "ask": 34},
    **{"meanwhile": 26, "status": 11, "reason": 34, "by": 14, "day": 12},
}
_ANSWERED = ("status", "reason", "by", "day")
_LONG_AGO = datetime(1980, 1, 1)
_BASE: Mapping[str, Any] = {"font_name": "Arial", "font_size": 9, "valign": "top", "font_color": "#1B1F24"}
_HEAD: Mapping[str, Any] = {"bold": True, "text_wrap": True, "bottom": 1, "bg_color": "#E8EDF2", "valign": "bottom"}
_TEXT: Mapping[str, Any] = {"text_wrap": True, "quote_prefix": True}
_OPEN: Mapping[str, Any] = {**_TEXT, "locked": False, "bg_color": "#FFFBE6", "border": 1, "border_color": "#D9D2B0"}
_DAY: Mapping[str, Any] = {**_OPEN, "quote_prefix": False, "num_format": "yyyy-mm-dd"}
_HOW = (
    ("What this is", "Every row of the first sheet asks one thing about one entry of one patient's record."),
    ("How to answer", "Look the entry up in the patient's file. Fill the yellow columns only; the others are locked."),
    (
        "Status",
        "open: not yet answered. resolved: the entry was wrong, and is mended or will be. confirmed: it is right.",
    ),
    ("Reason", "Say what the patient's file says. Without a reason a query stays open."),
    (
        "Mending",
        "Mend the entry in the patient table itself. The query is then no longer raised, and its answer is kept.",
    ),
    ("Severity", "error: two entries cannot both be true, or one cannot be. query: possible, but unusual."),
    (
        "Reading back",
        "Name this file in the plan, under [quality], as answers; or write the list again over it: answers stay.",
    ),
    ("Filters", "The arrows of the header show one check, one patient, or what is open."),
    ("Query", "The name hangs on check, patient and values: if a value changes, the query is a new one."),
)


def write_queries(plan: Path, output: Path) -> QueryList:
    """Check the records of a plan and write the list of queries; answers in a list that is there already are kept.

    Raises `InputError` where the file cannot be written or is something else than an Excel file.
    """
    if output.suffix.lower() != ".xlsx":
        raise InputError(f"`{output}` must end in .xlsx: the list of queries is an Excel file.")
    found = list_queries(plan, earlier=output if output.exists() else None)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(render_queries(found))
    except OSError as error:
        raise InputError(f"Can't write `{output}`: {error.strerror or error}. Close it if it is open.") from error
    return found


def render_queries(found: QueryList) -> bytes:
    """Return the workbook: the queries with their answers, how to work with them, and the checks.

    No text can become a formula. The same queries give the same bytes.
    """
    checks = found.quality.checks
    stream = io.BytesIO()
    settings = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(stream, settings) as book:
        book.set_properties({"title": "Queries", "author": "Counterpoise", "created": _LONG_AGO})
        rows = [*(_asked_row(item, checks) for item in found.asked), *(_past_row(answer) for answer in found.past)]
        _queries_sheet(book, rows)
        _help_sheet(book, found)
        _checks_sheet(book, found, checks)
    return stream.getvalue()


def _asked_row(item: Asked, checks: Mapping[str, Check]) -> dict[str, object]:
    query: Query = item.query
    return {
        "id": query.id,
        "patient": query.patient,
        "row": query.row,
        "severity": query.severity,
        "check": checks[query.check].title,
        "what": query.what,
        "shown": query.shown,
        "ask": query.ask,
        "meanwhile": query.meanwhile,
        "status": item.status,
        "reason": item.reason,
        "by": item.by,
        "day": item.day,
    }


def _past_row(answer: Answer) -> dict[str, object]:
    return {**answer.texts, "status": answer.status, "meanwhile": "No longer raised: the entry was mended."}


def _queries_sheet(book: xlsxwriter.Workbook, rows: Sequence[Mapping[str, object]]) -> None:
    sheet = book.add_worksheet(SHEET)
    head, text, free, day = (book.add_format({**_BASE, **look}) for look in (_HEAD, _TEXT, _OPEN, _DAY))
    for column, (name, heading) in enumerate(COLUMNS.items()):
        sheet.write_string(0, column, heading, head)
        sheet.set_column(column, column, _WIDTHS[name])
    for at, row in enumerate(rows, start=1):
        for column, name in enumerate(COLUMNS):
            _write(sheet, at, column, row.get(name), day if name == "day" else free if name in _ANSWERED else text)
    if rows:
        columns = list(COLUMNS)
        status = columns.index("status")
        words = {"error_title": "Status", "error_message": f"Choose {', '.join(STATUSES)}."}
        sheet.data_validation(1, status, len(rows), status, {"validate": "list", "source": list(STATUSES), **words})
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)
    sheet.freeze_panes(1, 2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.protect("", {"autofilter": True, "format_columns": True, "format_rows": True, "sort": True})


def _help_sheet(book: xlsxwriter.Workbook, found: QueryList) -> None:
    sheet = book.add_worksheet("How to answer")
    head, text = (book.add_format({**_BASE, **look}) for look in (_HEAD, _TEXT))
    remarks = [("Not used", str(remark)) for remark in found.remarks]
    for at, (title, words) in enumerate((*_HOW, *remarks)):
        _write(sheet, at, 0, title, head)
        _write(sheet, at, 1, words, text)
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, 110)


def _checks_sheet(book: xlsxwriter.Workbook, found: QueryList, checks: Mapping[str, Check]) -> None:
    sheet = book.add_worksheet("Checks")
    head, text = (book.add_format({**_BASE, **look}) for look in (_HEAD, _TEXT))
    headings = {
        "Check": 9,
        "Severity": 10,
        "Title": 44,
        "Run": 8,
        "Found": 8,
        "Not named under [records]": 44,
        "Source": 70,
    }
    for column, (heading, width) in enumerate(headings.items()):
        sheet.write_string(0, column, heading, head)
        sheet.set_column(column, column, width)
    absent = {item.check: ", ".join(item.missing) for item in found.quality.not_run}
    raised = [query.check for query in (*found.quality.queries, *found.quality.notes)]
    for at, (name, check) in enumerate(checks.items(), start=1):
        counted = None if name in absent else raised.count(name)
        cells = (name, check.severity, check.title, "no" if name in absent else "yes", counted, absent.get(name, ""))
        for column, cell in enumerate((*cells, check.source)):
            _write(sheet, at, column, cell, text)
    _notes(sheet, len(checks) + 2, found.quality.notes, text)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, len(checks), len(headings) - 1)


def _notes(sheet: Worksheet, first: int, notes: Iterable[Query], look: Format) -> None:
    """List what was noticed about whole columns, below the checks."""
    for at, note in enumerate(notes, start=first):
        _write(sheet, at, 0, note.check, look)
        _write(sheet, at, 1, "note", look)
        _write(sheet, at, 2, note.what, look)


def _write(sheet: Worksheet, row: int, column: int, entry: object, look: Format) -> None:
    if isinstance(entry, int):
        sheet.write_number(row, column, entry, look)
    elif entry:
        sheet.write_string(row, column, printable(str(entry)), look)
    else:
        sheet.write_blank(row, column, None, look)
