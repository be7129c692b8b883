import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from counterpoise.errors import CounterpoiseError, InputError
from counterpoise.report import pdf
from counterpoise.report.document import Cell, Document, Figure, Heading, Paragraph, Row, Table, labels, values
from counterpoise.report.pdf import render_pdf
from tests.report import sample

needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext reads the PDF back")


@cache
def _bytes() -> bytes:
    return render_pdf(sample.document(), sample.drawings())


def _text(content: bytes, folder: Path) -> str:
    (folder / "report.pdf").write_bytes(content)
    done = subprocess.run(["pdftotext", "-layout", folder / "report.pdf", "-"], capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())


def test_it_is_a_tagged_pdf_with_a_language_and_no_date() -> None:
    assert _bytes().startswith(b"%PDF-")
    assert b"/StructTreeRoot" in _bytes()
    assert b"/Lang" in _bytes()
    assert b"/CreationDate" not in _bytes()


def test_every_number_reaches_the_page_as_data() -> None:
    document = sample.document()
    content = json.dumps(pdf._content(document, labels(document)), ensure_ascii=False)
    for value in values(document):
        assert json.dumps(value.text, ensure_ascii=False) in content


@needs_poppler
def test_every_number_is_on_the_page(tmp_path: Path) -> None:
    text = _text(_bytes(), tmp_path).replace("\u00a0", " ")
    for value in values(sample.document()):
        assert value.text.replace("\u00a0", " ") in text, value
    for label in labels(sample.document()).values():
        assert f"{label}." in text
    assert "SYNTHETIC DATA" in text
    assert "Page 1 of" in text


@needs_poppler
@pytest.mark.parametrize(
    "text", ["#panic()", "*x* _y_ `z`", '"\\" $x^2$ <a> @b', "= Heading", "// gone", "#[]{}", "\\u{41}", "a~b--c"]
)
def test_no_words_are_taken_for_markup(tmp_path: Path, text: str) -> None:
    table = Table("t", text, (), (Row((Cell((text,)), Cell((text,)))),), ((text,),))
    document = Document(text, text, (Heading(1, text, "h"), Paragraph((text,)), table), text, {text: text})
    assert _text(render_pdf(document, {}), tmp_path).count(" ".join(text.split())) >= 7


def test_the_same_document_gives_the_same_bytes() -> None:
    assert render_pdf(sample.document(), sample.drawings()) == _bytes()


def test_an_empty_document_is_a_page() -> None:
    assert render_pdf(Document("", "", ()), {}).startswith(b"%PDF-")


@needs_poppler
def test_a_long_table_runs_over_pages_and_repeats_its_header(tmp_path: Path) -> None:
    rows = tuple(Row((Cell((f"Row {number}",)), Cell(("1",)))) for number in range(120))
    header = (Row((Cell(("Item",)), Cell(("Frequency",)))),)
    text = _text(render_pdf(Document("Long", "", (Table("t", "Long", header, rows),)), {}), tmp_path)
    assert text.count("Frequency") == int(text.rsplit("of ", 1)[1]) >= 3
    assert "Row 119" in text


def test_a_table_may_have_no_header() -> None:
    assert render_pdf(Document("", "", (Table("t", "", (), (Row((Cell(("x",)),)),)),)), {}).startswith(b"%PDF-")


def test_a_figure_that_is_missing_or_broken_is_refused() -> None:
    with pytest.raises(InputError, match="`km-os` must be drawn as svg"):
        render_pdf(sample.document(), {})
    document = Document("", "", (Figure("f", "c", "a", None),))
    with pytest.raises(CounterpoiseError, match="can't be typeset"):
        render_pdf(document, {"f": {"svg": b"<svg"}})
