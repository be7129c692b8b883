import io
import re
import zipfile
from dataclasses import replace
from datetime import datetime
from functools import cache

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from counterpoise.report.document import Cell, Document, Row, Table, labels, plain, spread, values
from counterpoise.report.xlsx import render_xlsx
from tests.report import sample

DANGEROUS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "http://example.org", "{=1}")


@cache
def _bytes() -> bytes:
    return render_xlsx(sample.document(), sample.results())


def _book(content: bytes | None = None) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(content or _bytes()))


def _texts(book: Workbook) -> list[object]:
    return [cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


def test_there_is_one_sheet_a_table() -> None:
    assert _book().sheetnames == [
        *("Contents", "Table 1 baseline", "Table 2 protocol", "Table 3 effects", "Findings", "All numbers")
    ]


def test_tables_are_printed_as_in_the_report() -> None:
    table, label = sample.baseline(), labels(sample.document())
    sheet = _book()["Table 1 baseline"]
    assert str(sheet["A1"].value).startswith("SYNTHETIC DATA")
    assert sheet["A2"].value == "Table 1. Characteristics of the patients by treatment"
    printed = [[cell.value for cell in row if cell.value] for row in sheet.iter_rows(min_row=4, max_row=3 + 20)]
    expected = [
        [plain(cell.parts, label) for cell in spread(row, 7).cells if cell.parts]
        for row in (*table.header, *table.rows)
    ]
    assert printed[: len(expected)] == expected
    assert sheet.freeze_panes == "B6"


def test_every_number_of_the_tables_is_text_as_printed() -> None:
    texts = _texts(_book())
    tables = [block for block in sample.document().blocks if isinstance(block, Table)]
    for value in values(replace(sample.document(), blocks=tuple(tables))):
        assert any(isinstance(text, str) and value.text in text for text in texts)


def test_all_numbers_are_numbers_at_full_precision() -> None:
    sheet = _book()["All numbers"]
    rows = list(sheet.iter_rows(min_row=4, values_only=True))
    header = [str(name) for name in rows[0]]
    assert header == ["id", "value", "lower", "upper", "n", "events", "method", "estimand", "note", "levels", "big"]
    entries = [dict(zip(header, row, strict=True)) for row in rows[1:]]
    assert entries[0]["value"] == 0.5412345678901234
    assert entries[0]["n"] == 146
    assert entries[2]["value"] is None
    assert entries[2]["upper"] == "inf"
    assert entries[3]["value"] is True
    assert entries[3]["levels"] == '["a", "b"]'
    assert entries[3]["big"] == str(2**60)


def test_no_text_can_become_a_formula_or_a_link() -> None:
    rows = tuple(Row((Cell((text,)), Cell((text,)))) for text in DANGEROUS)
    table = Table("=t", "=caption", (Row((Cell(("=h",)), Cell(("=h",)))),), rows, (("=note",),))
    document = Document("=title", "=subtitle", (table,), "=banner", {"=key": "=text"})
    content = render_xlsx(document, [{"id": text, "=column": text} for text in DANGEROUS])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name]
        styles = archive.read("xl/styles.xml").decode()
    assert not any("<f>" in sheet or "<f " in sheet for sheet in sheets)
    assert not any("r:id" in sheet and "hyperlink" in sheet for sheet in sheets)
    book = _book(content)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f" or cell.quotePrefix, cell
                if isinstance(cell.value, str) and cell.value[0] in "=+-@":
                    assert cell.quotePrefix, (sheet.title, cell.coordinate)
    assert 'quotePrefix="1"' in styles
    assert set(DANGEROUS) - {"\r=1"} <= set(_texts(book))


def test_sheet_names_are_legal_and_apart() -> None:
    long = "a very long name of a table [with] signs: and/or more"
    tables = tuple(Table(f"{long}{number}", "", (), (Row((Cell(("x",)),)),)) for number in range(12))
    names = _book(render_xlsx(Document("", "", tables), [])).sheetnames
    assert len({name.casefold() for name in names}) == 14
    assert all(len(name) <= 31 and not re.search(r"[\[\]:*?/\\]", name) for name in names)


def test_the_same_document_gives_the_same_bytes() -> None:
    assert render_xlsx(sample.document(), sample.results()) == _bytes()
    properties = _book().properties
    assert properties.created == datetime(1980, 1, 1)
    assert properties.title == sample.document().title


def test_an_empty_report_is_a_workbook() -> None:
    assert _book(render_xlsx(Document("", "", ()), [])).sheetnames == ["Contents", "All numbers"]


@pytest.mark.parametrize("text", ["x" * 40_000, "a\x00b"])
def test_texts_that_excel_refuses_are_cut_or_mended(text: str) -> None:
    document = Document("", "", (Table("t", text, (), (Row((Cell((text,)),)),)),))
    assert len(_book(render_xlsx(document, [{"id": text}])).sheetnames) == 3
