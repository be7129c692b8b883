"""A document as a Word file: real styles, numbered captions, tables with three rules."""

import io
from collections.abc import Mapping
from itertools import groupby

import docx
from docx.document import Document as WordDocument
from docx.enum.section import WD_SECTION
from docx.shared import Cm, Emu, Pt
from docx.text.paragraph import Paragraph as WordParagraph

from counterpoise.report.document import (
    SEVERITY_WORDS,
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
    set_header,
    set_page,
    set_properties,
    start_bookmark,
    without_dates,
)
from counterpoise.report.word_table import append_row

_FIGURE_CM = 16.0
_FIGURE_HEIGHT_CM = 21.0
_KEPT_WHOLE = 22
_KEPT_FIRST = 3
_PARAGRAPH_STYLES = {"body": "Body Text", "lead": "Lead", "note": "Small Print"}


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
        word = self.word.add_table(0, len(align), "Three Rules")
        fix_widths(word, layout.widths)
        for index, row in enumerate(rows):
            heads = max(0, len(table.header) - index)
            follows = index < len(rows) - 1 and (len(rows) <= _KEPT_WHOLE or index < len(table.header) + _KEPT_FIRST)
            append_row(word, row, layout, align, self.label, heads=heads, keep=follows)
        for note in table.notes:
            self._parts(self.word.add_paragraph(style="Table Note"), note)
        self.word.add_paragraph(style="After Table")

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
