"""The neutral document: what a report says, before anyone decides how it looks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Final, Literal

from counterpoise.errors import InputError

Align = Literal["left", "center", "right"]
RowKind = Literal["body", "group", "total"]
Severity = Literal["serious", "caution", "note"]

SEVERITY_WORDS: Final[Mapping[Severity, str]] = {"serious": "Serious", "caution": "Caution", "note": "Note"}


@dataclass(frozen=True, slots=True)
class Value:
    """A printed number: its text, and the ids of the entries of `results.json` that it prints."""

    ids: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words in bold."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A raised letter that ties a cell to its note."""

    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The printed label of the table or figure called `name`: 'Table 2'."""

    name: str


Part = str | Value | Strong | Mark | Reference
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


def printable(text: str) -> str:
    r"""Return `text` with every character that no XML file may hold replaced by U+FFFD.

    >>> printable("ER\x00+")
    'ER\ufffd+'
    """
    return "".join(char if _is_printable(char) else "\ufffd" for char in text)


def labels(document: Document) -> dict[str, str]:
    """Return the label of each table and figure by its name, numbered in order of appearance.

    >>> labels(Document("Title", "", (Figure("flow", "Patients", "A flow chart", None),)))
    {'flow': 'Figure 1'}
    """
    found: dict[str, str] = {}
    numbers = {"Table": 0, "Figure": 0}
    for block in document.blocks:
        if isinstance(block, Table | Figure):
            kind = type(block).__name__
            numbers[kind] += 1
            found[block.name] = f"{kind} {numbers[kind]}"
    return found


def plain(parts: Parts, label: Mapping[str, str]) -> str:
    """Return the words of `parts` without their dress; `label` is what `labels` returned.

    >>> plain(("HR ", Value(("os.hr",), "0.54"), ", ", Reference("main")), {"main": "Table 2"})
    'HR 0.54, Table 2'
    """
    return printable("".join(_words(part, label) for part in parts))


def values(document: Document) -> Iterator[Value]:
    """Yield every printed number in the order in which it is read."""
    for parts in _all_parts(document):
        yield from (part for part in parts if isinstance(part, Value))


def column_count(table: Table) -> int:
    """Return the number of columns, spans counted in full."""
    return max((sum(cell.span for cell in row.cells) for row in (*table.header, *table.rows)), default=0)


def spread(row: Row, columns: int) -> Row:
    """Return a group row whose title takes the room of the empty cells after it; other rows as they are.

    >>> [cell.span for cell in spread(Row((Cell(("Sex",)), Cell(), Cell(), Cell(("0.04",))), "group"), 4).cells]
    [3, 1]
    """
    if row.kind != "group":
        return row
    if len(row.cells) == 1:
        return replace(row, cells=(replace(row.cells[0], span=columns),))
    title, *rest = row.cells
    empty = list(takewhile(lambda cell: not cell.parts, rest))
    title = replace(title, span=title.span + sum(cell.span for cell in empty))
    return replace(row, cells=(title, *rest[len(empty) :]))


def alignment(table: Table) -> tuple[Align, ...]:
    """Return the alignment of each column: as the table says, else the first left and the others centred."""
    columns = column_count(table)
    default = tuple[Align, ...](("left" if column == 0 else "center") for column in range(columns))
    return (*table.align, *default[len(table.align) :])[:columns]


def drawing(figures: Mapping[str, Mapping[str, bytes]], name: str, file_format: str) -> bytes:
    """Return the drawing of the figure `name` in one format, or raise `InputError` saying what there is.

    >>> drawing({"flow": {"svg": b"<svg/>"}}, "flow", "svg")
    b'<svg/>'
    """
    drawn = figures.get(name, {})
    if file_format not in drawn:
        held = ", ".join(drawn) or "nothing"
        raise InputError(f"The figure `{name}` must be drawn as {file_format}; there is {held}.")
    return drawn[file_format]


def check_document(document: Document) -> None:
    """Raise `InputError` unless names are unique, references lead somewhere and every row is full."""
    label = labels(document)
    _check_names("Tables and figures", [b.name for b in document.blocks if isinstance(b, Table | Figure)])
    _check_names("Headings", [block.anchor for block in document.blocks if isinstance(block, Heading)])
    for parts in _all_parts(document):
        for part in parts:
            if isinstance(part, Reference) and part.name not in label:
                raise InputError(f"A reference must name a table or figure of the document; {part.name!r} does not.")
    for table in document.blocks:
        if isinstance(table, Table):
            _check_rows(table)


def _check_names(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{what} must have names of their own; used twice: {', '.join(twice)}.")


def _check_rows(table: Table) -> None:
    columns = column_count(table)
    for index, row in enumerate((*table.header, *table.rows)):
        width = sum(cell.span for cell in row.cells)
        if width != columns and not (row.kind == "group" and len(row.cells) == 1):
            raise InputError(
                f"Each row of table {table.name!r} must fill its {columns} columns; "
                f"row {index} (header rows counted) fills {width}."
            )


def _all_parts(document: Document) -> Iterator[Parts]:
    for block in document.blocks:
        match block:
            case Paragraph():
                yield block.parts
            case Bullets():
                yield from block.items
            case Table():
                for row in (*block.header, *block.rows):
                    yield from (cell.parts for cell in row.cells)
                yield from block.notes
            case Figure():
                yield from block.notes
            case Findings():
                yield from (item.parts for item in block.items)
            case Heading():
                pass


def _words(part: Part, label: Mapping[str, str]) -> str:
    match part:
        case str():
            return part
        case Reference():
            return label[part.name]
        case Value() | Strong() | Mark():
            return part.text


def _is_printable(char: str) -> bool:
    code = ord(char)
    return char in "\t\n\r" or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
