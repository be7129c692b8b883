"""A document as a PDF, typeset by typst."""

import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl
import typst

from counterpoise.errors import CounterpoiseError
from counterpoise.report.document import (
    SEVERITY_WORDS,
    Block,
    Bullets,
    Cell,
    Document,
    Figure,
    Finding,
    Findings,
    Heading,
    Mark,
    Paragraph,
    Part,
    Parts,
    Reference,
    Row,
    Strong,
    Table,
    Value,
    alignment,
    check_document,
    drawing,
    labels,
    printable,
    spread,
)
from counterpoise.report.layout import is_number, table_layout, turned_pages

_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
_HEADINGS_FOR_CONTENTS = 4
_LAST_COVERED = 0x2BFF


def render_pdf(document: Document, figures: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """Return the report as a PDF of A4 pages, tagged for screen readers; the same document gives the same bytes.

    `figures` maps the name of each figure to its drawings by format; 'svg' is used. The words reach typst as data
    and never as markup. Fonts are those inside typst and matplotlib; those of the machine are looked at only for
    scripts that neither has. Raises `InputError` for a document that `check_document` refuses or a figure that is
    not drawn.

    >>> render_pdf(Document("Boost", "", (Paragraph(("HR ", Value(("os.hr",), "0.54"))),)), {})[:5]
    b'%PDF-'
    """
    check_document(document)
    label = labels(document)
    content = json.dumps(_content(document, label), ensure_ascii=False)
    files: Any = {"main.typ": _TEMPLATE.read_bytes(), "document.json": content.encode()}
    for block in document.blocks:
        if isinstance(block, Figure):
            files[_file(label[block.name])] = drawing(figures, block.name, "svg")
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    covered = all(ord(char) <= _LAST_COVERED for char in content)
    try:
        made = typst.compile(files, format="pdf", font_paths=[fonts], ignore_system_fonts=covered)
    except typst.TypstError as error:
        raise CounterpoiseError(
            f"The PDF can't be typeset: {error.message}. The other formats need no typesetting."
        ) from error
    return made


def _content(document: Document, label: Mapping[str, str]) -> dict[str, Any]:
    level = 0
    blocks: list[dict[str, Any]] = []
    for block in document.blocks:
        if isinstance(block, Heading):
            level = min(block.level, level + 1)
        blocks.append(_block(block, label, level))
    pairs = groupby(zip(turned_pages(document), blocks, strict=True), key=lambda pair: pair[0])
    return {
        "title": printable(document.title),
        "subtitle": printable(document.subtitle),
        "banner": printable(document.banner),
        "meta": [[printable(key), printable(text)] for key, text in document.meta.items()],
        "contents": sum(isinstance(block, Heading) for block in document.blocks) >= _HEADINGS_FOR_CONTENTS,
        "runs": [{"turned": turned, "blocks": [block for _, block in run]} for turned, run in pairs],
    }


def _block(block: Block, label: Mapping[str, str], level: int) -> dict[str, Any]:
    match block:
        case Heading():
            return {"kind": "heading", "level": level, "text": printable(block.text)}
        case Paragraph():
            return {"kind": "paragraph", "style": block.kind, "parts": _parts(block.parts, label)}
        case Bullets():
            return {"kind": "bullets", "points": [_parts(item, label) for item in block.items]}
        case Table():
            return _table(block, label)
        case Figure():
            return {
                **_captioned(block, label),
                "kind": "figure",
                "file": _file(label[block.name]),
                "alt": printable(block.alt),
            }
        case Findings():
            return {"kind": "findings", "points": [_finding(item, label) for item in block.items]}


def _table(table: Table, label: Mapping[str, str]) -> dict[str, Any]:
    layout, align = table_layout(table, label), alignment(table)
    return {
        **_captioned(table, label),
        "kind": "table",
        "points": layout.points,
        "widths": layout.widths,
        "header": [_row(row, align, label, spanning="center") for row in table.header],
        "rows": [_row(spread(row, len(align)), align, label) for row in table.rows],
    }


def _row(row: Row, align: tuple[str, ...], label: Mapping[str, str], spanning: str = "") -> dict[str, Any]:
    cells: list[dict[str, Any]] = []
    column = 0
    for cell in row.cells:
        side = spanning if spanning and cell.span > 1 else align[column]
        cells.append(_cell(cell, side, label))
        column += cell.span
    return {"kind": row.kind, "indent": row.indent, "cells": cells}


def _cell(cell: Cell, align: str, label: Mapping[str, str]) -> dict[str, Any]:
    return {"parts": _parts(cell.parts, label), "span": cell.span, "align": align}


def _captioned(block: Table | Figure, label: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": _identity(label[block.name]),
        "label": label[block.name],
        "caption": printable(block.caption),
        "notes": [_parts(note, label) for note in block.notes],
    }


def _finding(finding: Finding, label: Mapping[str, str]) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "word": SEVERITY_WORDS[finding.severity],
        "title": printable(finding.title),
        "parts": _parts(finding.parts, label),
        "advice": printable(finding.advice),
    }


def _parts(parts: Parts, label: Mapping[str, str]) -> list[dict[str, str]]:
    return [_part(part, label) for part in parts]


def _part(part: Part, label: Mapping[str, str]) -> dict[str, str]:
    match part:
        case str():
            return {"kind": "text", "text": printable(part)}
        case Value():
            text = printable(part.text)
            return {"kind": "number" if is_number(text) else "text", "text": text}
        case Strong():
            return {"kind": "strong", "text": printable(part.text)}
        case Mark():
            return {"kind": "mark", "text": printable(part.text)}
        case Reference():
            text = label[part.name]
            return {"kind": "reference", "text": text, "target": _identity(text)}


def _identity(text: str) -> str:
    return text.lower().replace(" ", "-")


def _file(text: str) -> str:
    return f"{_identity(text)}.svg"
