import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import docx
import pytest
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.shared import Cm
from docx.text.paragraph import Paragraph as WordParagraph

from counterpoise.errors import InputError
from counterpoise.report.document import Cell, Document, Heading, Paragraph, Row, Table, values
from counterpoise.report.docx import render_docx
from tests.report import sample


@cache
def _bytes() -> bytes:
    return render_docx(sample.document(), sample.drawings())


def _word(content: bytes | None = None) -> WordDocument:
    return docx.Document(io.BytesIO(content or _bytes()))


def _paragraphs(word: WordDocument) -> Iterator[WordParagraph]:
    for element in word.element.body.iter(qn("w:p")):
        yield WordParagraph(element, word._body)


def _style(paragraph: WordParagraph) -> str:
    assert paragraph.style is not None
    return str(paragraph.style.name)


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_number_is_in_the_file() -> None:
    texts = [paragraph.text for paragraph in _paragraphs(_word())]
    for value in values(sample.document()):
        assert any(value.text in text for text in texts), value


def test_labels_stay_text() -> None:
    texts = "\n".join(paragraph.text for paragraph in _paragraphs(_word()))
    assert texts.count(sample.HOSTILE) == 4


def test_real_styles_are_used() -> None:
    styles = [_style(paragraph) for paragraph in _paragraphs(_word())]
    assert styles[:2] == ["Title", "Subtitle"]
    for name in (
        "Heading 1",
        "Heading 2",
        "Heading 3",
        "Caption",
        "Table Note",
        "List Bullet",
        "Finding Serious",
        "Lead",
    ):
        assert name in styles


def test_captions_are_numbered_by_word() -> None:
    captions = [paragraph for paragraph in _paragraphs(_word()) if _style(paragraph) == "Caption"]
    assert [re.match(r"\w+ \d+\.", caption.text).group() for caption in captions] == [  # type: ignore[union-attr]
        *("Table 1.", "Table 2.", "Figure 1.", "Figure 2.", "Table 3.")
    ]
    fields = [element.text.strip() for element in _word().element.body.iter(qn("w:instrText"))]
    assert fields == [f"SEQ {kind} \\* ARABIC" for kind in ("Table", "Table", "Figure", "Figure", "Table")]


def test_references_lead_to_captions() -> None:
    body = _word().element.body
    marks = {element.get(qn("w:name")) for element in body.iter(qn("w:bookmarkStart"))}
    targets = [element.get(qn("w:anchor")) for element in body.iter(qn("w:hyperlink"))]
    assert targets == ["table_1", "figure_1"]
    assert set(targets) <= marks


def test_header_rows_repeat_and_rows_hold_together() -> None:
    for table, source in zip(_word().tables, (sample.baseline(), sample.protocol(), sample.effects()), strict=True):
        repeated = [row._tr.find(f".//{qn('w:tblHeader')}") is not None for row in table.rows]
        assert repeated == [True] * len(source.header) + [False] * len(source.rows)
        assert all(row._tr.find(f".//{qn('w:cantSplit')}") is not None for row in table.rows)


def test_tables_fit_their_page() -> None:
    for table, room in zip(_word().tables, (17.0, 17.0, 25.7), strict=True):
        widths = [int(column.get(qn("w:w"))) for column in table._tbl.tblGrid.gridCol_lst]
        assert sum(widths) / 1440 * 2.54 == pytest.approx(room, abs=0.05)


def test_only_the_wide_table_stands_on_a_turned_page() -> None:
    sections = _word().sections
    assert [section.orientation for section in sections] == [
        *(WD_ORIENT.PORTRAIT, WD_ORIENT.LANDSCAPE, WD_ORIENT.PORTRAIT)
    ]
    assert sections[1].page_width is not None
    assert round(sections[1].page_width / Cm(1), 1) == 29.7


def test_figures_have_words_and_fit() -> None:
    word = _word()
    assert [round(shape.width / Cm(1), 2) for shape in word.inline_shapes] == [16.0, 16.0]
    described = [element.get("descr") for element in word.element.body.iter(qn("wp:docPr"))]
    assert described == [
        "Two falling curves; that of the boost lies higher.",
        "Eight intervals, all but one crossing 1.",
    ]


def test_the_banner_is_on_every_page_and_pages_are_numbered() -> None:
    section = _word().sections[0]
    assert section.header.paragraphs[0].text.startswith("SYNTHETIC DATA")
    assert section.footer.paragraphs[0].text == "Page 1 of 1"
    assert all(later.header.is_linked_to_previous for later in list(_word().sections)[1:])


def test_the_same_document_gives_the_same_bytes() -> None:
    assert render_docx(sample.document(), sample.drawings()) == _bytes()
    with zipfile.ZipFile(io.BytesIO(_bytes())) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_properties_say_what_it_is_and_nothing_of_the_template() -> None:
    core = _word().core_properties
    assert core.title == sample.document().title
    assert core.author == "Counterpoise"
    assert core.comments == ""
    assert not [name for name in _members(_bytes()) if "thumbnail" in name or "Effects" in name]


def test_elements_stand_in_the_order_of_the_schema() -> None:
    order = ["keepNext", "keepLines", "widowControl", "numPr", "pBdr", "shd", "tabs", "spacing", "ind", "jc"]
    for name in ("word/styles.xml", "word/document.xml", "word/header1.xml"):
        root: Any = parse_xml(_members(_bytes())[name])
        for properties in root.iter(qn("w:pPr")):
            found = [child.tag.split("}")[1] for child in properties]
            known = [order.index(tag) for tag in found if tag in order]
            assert known == sorted(known), (name, found)


def test_control_characters_do_not_break_the_file() -> None:
    document = Document("A\x00", "\x01", (Heading(1, "\x02", "h"), Paragraph(("x\x0by",))), "\x03", {"\x04": "\x05"})
    assert "x\ufffdy" in [paragraph.text for paragraph in _paragraphs(_word(render_docx(document, {})))]


def test_a_single_cell_and_a_total_row() -> None:
    table = Table("t", "Caption", (), (Row((Cell(("All",)), Cell(("146",))), kind="total"),))
    word = _word(render_docx(Document("T", "", (table,)), {}))
    assert all(run.bold for slot in word.tables[0].rows[0].cells for run in slot.paragraphs[0].runs)


def test_a_figure_that_is_not_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="`km-os` must be drawn as png"):
        render_docx(sample.document(), {"km-os": {"svg": b""}})


def test_a_document_that_ends_turned_needs_no_further_section() -> None:
    document = replace(sample.document(), blocks=(sample.effects(),))
    assert [section.orientation for section in _word(render_docx(document, {})).sections][-1] == WD_ORIENT.LANDSCAPE
