"""The neutral document: what a report says, before anyone decides how it looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Align = Literal["left", "center", "right"]
RowKind = Literal["body", "group", "total"]
Severity = Literal["serious", "caution", "note"]


@dataclass(frozen=True, slots=True)
class Value:
    """A printed number: its text, and the ids of the entries of `results.json` that it prints."""

    ids: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words in bold."""

    text: str


Part = str | Value | Strong
Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A section heading; `anchor` is its address inside the document."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; `kind` 'lead' is the summary at the head of a section, 'note' is small print."""

    parts: Parts
    kind: Literal["body", "lead", "note"] = "body"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of points."""

    items: tuple[Parts, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `span` columns wide."""

    parts: Parts = ()
    span: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row: 'group' opens a block of indented rows, 'total' closes one; `indent` is its depth."""

    cells: tuple[Cell, ...]
    kind: RowKind = "body"
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a journal prints it: caption above, notes below, three rules and no vertical lines.

    The first column is left-aligned, the others centred unless `align` says otherwise.
    """

    name: str
    caption: str
    header: tuple[Row, ...]
    rows: tuple[Row, ...]
    notes: tuple[Parts, ...] = ()
    align: tuple[Align, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: `drawing` is one of the records of `report.figures`, `alt` says it in words."""

    name: str
    caption: str
    alt: str
    drawing: Any
    notes: tuple[Parts, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark of a careful reviewer: what was found, why it matters, what to do."""

    name: str
    severity: Severity
    title: str
    parts: Parts
    advice: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings page, gravest first."""

    items: tuple[Finding, ...]


Block = Heading | Paragraph | Bullets | Table | Figure | Findings


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report; `banner` is printed on top of every format (for example: synthetic data)."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    banner: str = ""
    meta: Mapping[str, str] = field(default_factory=dict[str, str])
