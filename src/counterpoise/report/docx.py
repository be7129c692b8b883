"""A document as a Word file: real styles, numbered captions, tables with three rules."""

import io
from collections.abc import Mapping, Sequence
from itertools import groupby

import docx
from docx.document import Document as WordDocument
from docx.enum.section import WD_SECTION
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Cm, Emu, Pt
from docx.table import Table as WordTable
from docx.text.paragraph import Paragraph as WordParagraph

from counterpoise.report.document import (
    SEVERITY_WORDS,
    Align,
    Block,
    Bullets,
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
    plain,
    printable,
    spread,
)
from counterpoise.report.layout import Layout, table_layout, turned_pages
from counterpoise.report.word import (
    FINDING_STYLES,
    TABLE_POINTS,
    add_field,
    add_reference,
    add_styles,
    end_bookmark,
    fix_widths,
    rule_below,
    rule_under,
    set_header,
    set_page,
    set_properties,
    set_row,
    set_style,
    start_bookmark,
    without_dates,
)

_FIGURE_CM = 16.0
_FIGURE_HEIGHT_CM = 21.0
_INDENT_CM = 0.35
_GROUP_SPACE = 5
_KEPT_WHOLE = 22
_KEPT_FIRST = 3
_PARAGRAPH_STYLES = {"body": "Body Text", "lead": "Lead", "note": "Small Print"}
_ALIGN: Mapping[Align, WD_ALIGN_PARAGRAPH] = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
}


def render_docx(document: Document, figures: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """Return the report as a Word file; the same document gives the same bytes.

    `figures` maps the name of each figure to its drawings by format; 'png' is used, in its own size up to a width
    of 16 cm. Captions are numbered by Word's own SEQ fields, references are links, header rows are repeated on
    every page and no row is broken. A table too wide for the page stands on a page turned sideways. Raises
    `InputError` for a document that `check_document` refuses or a figure that is not drawn.

    >>> render_docx(Document("Boost", "", (Paragraph(("HR 0.54",)),)), {})[:2]
    b'PK'
    """
    check_document(document)
    writer = _Writer(document, figures)
    writer.front()
    for block, turned in zip(document.blocks, turned_pages(document), strict=True):
        writer.turn(turned)
        writer.block(block)
    stream = io.BytesIO()
    writer.word.save(stream)
    return without_dates(stream.getvalue())


class _Writer:
    """Writes one block after another into a Word document, and knows whether the page is turned."""

    def __init__(self, document: Document, figures: Mapping[str, Mapping[str, bytes]]) -> None:
        self.document = document
        self.figures = figures
        self.label = labels(document)
        self.level = 0
        self.turned = False
        self.word: WordDocument = docx.Document()
        add_styles(self.word)
        set_properties(self.word, document)
        set_page(self.word.sections[0], turned=False)
        set_header(self.word.sections[0], printable(document.banner))

    def front(self) -> None:
        """Write title, subtitle and what is known of the run."""
        self.word.add_paragraph(printable(self.document.title), "Title")
        if self.document.subtitle:
            self.word.add_paragraph(printable(self.document.subtitle), "Subtitle")
        for key, text in self.document.meta.items():
            paragraph = self.word.add_paragraph(style="Small Print")
            paragraph.add_run(f"{printable(key)}: ").bold = True
            paragraph.add_run(printable(text))

    def block(self, block: Block) -> None:
        """Write one block."""
        match block:
            case Heading():
                self.level = min(block.level, self.level + 1, 3)
                self.word.add_paragraph(printable(block.text), f"Heading {self.level}")
            case Paragraph():
                self._parts(self.word.add_paragraph(style=_PARAGRAPH_STYLES[block.kind]), block.parts)
            case Bullets():
                for item in block.items:
                    self._parts(self.word.add_paragraph(style="List Bullet"), item)
            case Table():
                self._table(block, table_layout(block, self.label))
            case Figure():
                self._figure(block)
            case Findings():
                for item in block.items:
                    self._finding(item)

    def turn(self, turned: bool) -> None:
        """Begin a new page if the one at hand lies the other way."""
        if turned == self.turned:
            return
        set_page(self.word.add_section(WD_SECTION.NEW_PAGE), turned=turned)
        self.turned = turned

    def _caption(self, name: str, text: str, *, above: bool) -> None:
        kind, number = self.label[name].split()
        paragraph = self.word.add_paragraph(style="Caption")
        paragraph.paragraph_format.keep_with_next = above
        identity = list(self.label).index(name) + 1
        start_bookmark(paragraph, self.label[name], identity)
        paragraph.add_run(f"{kind} ").bold = True
        add_field(paragraph, f"SEQ {kind} \\* ARABIC", number, bold=True)
        end_bookmark(paragraph, identity)
        paragraph.add_run(". ").bold = True
        paragraph.add_run(printable(text))

    def _table(self, table: Table, layout: Layout) -> None:
        self._caption(table.name, table.caption, above=True)
        align = alignment(table)
        rows = [*table.header, *(spread(row, len(align)) for row in table.rows)]
        word = self.word.add_table(len(rows), len(align), "Three Rules")
        fix_widths(word, layout.widths)
        for index, row in enumerate(rows):
            heads = len(table.header) - index
            follows = index < len(rows) - 1 and (len(rows) <= _KEPT_WHOLE or index < len(table.header) + _KEPT_FIRST)
            self._row(word, index, row, align, heads=heads, points=layout.points, keep=follows)
        for note in table.notes:
            self._parts(self.word.add_paragraph(style="Table Note"), note)
        self.word.add_paragraph(style="After Table")

    def _row(
        self, word: WordTable, index: int, row: Row, align: Sequence[Align], *, heads: int, points: float, keep: bool
    ) -> None:
        """Write one row; `heads` header rows are left from it on, so it is the last of them if that is 1.

        `keep` holds it on the page of the next row.
        """
        set_row(word, index, header=heads > 0)
        slots = word.rows[index].cells
        column = 0
        for cell in row.cells:
            slot = slots[column]
            if cell.span > 1:
                slot = slot.merge(slots[column + cell.span - 1])
            if heads == 1:
                rule_below(slot)
            paragraph = slot.paragraphs[0]
            set_style(paragraph, "Table Text")
            spanning = heads > 0 and cell.span > 1
            paragraph.alignment = _ALIGN["center" if spanning else align[column]]
            if spanning and heads > 1 and cell.parts:
                rule_under(paragraph)
            if column == 0 and row.indent:
                paragraph.paragraph_format.left_indent = Cm(_INDENT_CM * row.indent)
            if keep or row.kind == "group":
                paragraph.paragraph_format.keep_with_next = True
            if row.kind == "group":
                paragraph.paragraph_format.space_before = Pt(_GROUP_SPACE)
            bold = heads > 0 or row.kind == "total" or (row.kind == "group" and column == 0)
            self._parts(paragraph, cell.parts, bold=bold, points=points)
            column += cell.span

    def _figure(self, figure: Figure) -> None:
        paragraph = self.word.add_paragraph(style="Figure")
        picture = paragraph.add_run().add_picture(io.BytesIO(drawing(self.figures, figure.name, "png")))
        scale = min(1.0, Cm(_FIGURE_CM) / picture.width, Cm(_FIGURE_HEIGHT_CM) / picture.height)
        picture.width, picture.height = Emu(round(picture.width * scale)), Emu(round(picture.height * scale))
        properties = picture._inline.docPr
        properties.set("descr", printable(figure.alt))
        properties.set("name", self.label[figure.name])
        self._caption(figure.name, figure.caption, above=bool(figure.notes))
        for note in figure.notes:
            self._parts(self.word.add_paragraph(style="Table Note"), note)
        self.word.add_paragraph(style="After Table")

    def _finding(self, finding: Finding) -> None:
        style = FINDING_STYLES[finding.severity]
        title = self.word.add_paragraph(style=style)
        word = title.add_run(SEVERITY_WORDS[finding.severity].upper())
        word.bold, word.style = True, f"{style} Word"
        title.add_run(f"  {printable(finding.title)}").bold = True
        text = self.word.add_paragraph(style=style)
        self._parts(text, finding.parts)
        if finding.advice:
            advice = self.word.add_paragraph(style=style)
            advice.add_run("What to do: ").bold = True
            advice.add_run(printable(finding.advice))
        else:
            advice = text
        for paragraph in (title, text):
            paragraph.paragraph_format.keep_with_next = paragraph is not advice
        self.word.add_paragraph(style="After Table")

    def _parts(
        self, paragraph: WordParagraph, parts: Parts, *, bold: bool = False, points: float = TABLE_POINTS
    ) -> None:
        for plainly, together in groupby(parts, lambda part: isinstance(part, str | Value)):
            for part in [plain(tuple(together), self.label)] if plainly else together:
                self._part(paragraph, part, bold=bold, points=points)

    def _part(self, paragraph: WordParagraph, part: Part, *, bold: bool, points: float) -> None:
        """Append one run; what a run does not need is not asked for, since python-docx would make room for it."""
        if isinstance(part, Reference):
            add_reference(paragraph, self.label[part.name])
            return
        run = paragraph.add_run(printable(part if isinstance(part, str) else part.text))
        if bold or isinstance(part, Strong):
            run.bold = True
        if isinstance(part, Mark):
            run.font.superscript = True
        if points != TABLE_POINTS:
            run.font.size = Pt(points)
