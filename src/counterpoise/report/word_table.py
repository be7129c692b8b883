"""The rows of a Word table, written as XML: python-docx, asked for each cell, takes five times as long."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Cm
from docx.table import Table as WordTable

from counterpoise.report.document import Align, Cell, Mark, Part, Parts, Reference, Row, Strong, Value, plain, printable
from counterpoise.report.layout import Layout
from counterpoise.report.word import INK, TABLE_POINTS, bookmark

_INDENT_CM = 0.35
_GROUP_SPACE_TWIPS = 100
_RULE_BELOW = (
    f'<w:tcBorders><w:bottom w:val="single" w:sz="6" w:color="{INK}"/></w:tcBorders><w:vAlign w:val="bottom"/>'
)
_RULE_UNDER = f'<w:pBdr><w:bottom w:val="single" w:sz="4" w:space="1" w:color="{INK}"/></w:pBdr>'


def append_row(
    word: WordTable,
    row: Row,
    layout: Layout,
    align: Sequence[Align],
    label: Mapping[str, str],
    *,
    heads: int = 0,
    keep: bool = False,
) -> None:
    """Append one row, which is not broken over pages; `heads` header rows are left from it on, itself included.

    The last header row (`heads` 1) has the rule between header and body below it. `keep` holds the row on the page
    of the next one.
    """
    cells: list[str] = []
    column = 0
    for cell in row.cells:
        width = sum(_twips(centimetres) for centimetres in layout.widths[column : column + cell.span])
        span = f'<w:gridSpan w:val="{cell.span}"/>' if cell.span > 1 else ""
        look = f'<w:tcPr><w:tcW w:type="dxa" w:w="{width}"/>{span}{_RULE_BELOW if heads == 1 else ""}</w:tcPr>'
        bold = heads > 0 or row.kind == "total" or (row.kind == "group" and column == 0)
        properties = _paragraph(row, cell, column, align[column], heads=heads, keep=keep)
        runs = _runs(cell.parts, label, bold=bold, points=layout.points)
        cells.append(f"<w:tc>{look}<w:p>{properties}{runs}</w:p></w:tc>")
        column += cell.span
    header = "<w:tblHeader/>" if heads else ""
    word._tbl.append(parse_xml(f"<w:tr {nsdecls('w')}><w:trPr><w:cantSplit/>{header}</w:trPr>{''.join(cells)}</w:tr>"))


def _paragraph(row: Row, cell: Cell, column: int, align: Align, *, heads: int, keep: bool) -> str:
    """Return the properties of a cell's paragraph, in the order that the schema wants."""
    spanning = heads > 0 and cell.span > 1
    indent = _twips(_INDENT_CM * row.indent) if column == 0 else 0
    return "".join(
        (
            '<w:pPr><w:pStyle w:val="TableText"/>',
            "<w:keepNext/>" if keep or row.kind == "group" else "",
            _RULE_UNDER if spanning and heads > 1 and cell.parts else "",
            f'<w:spacing w:before="{_GROUP_SPACE_TWIPS}"/>' if row.kind == "group" else "",
            f'<w:ind w:left="{indent}"/>' if indent else "",
            f'<w:jc w:val="{"center" if spanning else align}"/></w:pPr>',
        )
    )


def _runs(parts: Parts, label: Mapping[str, str], *, bold: bool, points: float) -> str:
    made: list[str] = []
    for plainly, together in groupby(parts, lambda part: isinstance(part, str | Value)):
        for part in [plain(tuple(together), label)] if plainly else together:
            made.append(_run(part, label, bold=bold, points=points))
    return "".join(made)


def _run(part: Part, label: Mapping[str, str], *, bold: bool, points: float) -> str:
    if isinstance(part, Reference):
        name = label[part.name]
        return (
            f'<w:hyperlink w:anchor={quoteattr(bookmark(name))} w:history="1">'
            f"<w:r><w:t>{escape(name)}</w:t></w:r></w:hyperlink>"
        )
    look = "".join(
        (
            "<w:b/>" if bold or isinstance(part, Strong) else "",
            f'<w:sz w:val="{round(2 * points)}"/>' if points != TABLE_POINTS else "",
            '<w:vertAlign w:val="superscript"/>' if isinstance(part, Mark) else "",
        )
    )
    words = printable(part if isinstance(part, str) else part.text)
    lines = "<w:br/>".join(f'<w:t xml:space="preserve">{escape(line)}</w:t>' for line in words.split("\n"))
    return f"<w:r>{f'<w:rPr>{look}</w:rPr>' if look else ''}{lines}</w:r>"


def _twips(centimetres: float) -> int:
    return Cm(centimetres).twips
