from dataclasses import replace

import pytest

from counterpoise.errors import InputError
from counterpoise.report.document import (
    Bullets,
    Cell,
    Document,
    Figure,
    Heading,
    Paragraph,
    Reference,
    Row,
    Table,
    Value,
    alignment,
    check_document,
    column_count,
    drawing,
    labels,
    plain,
    printable,
    spread,
    values,
)
from tests.report import sample


def _document(*blocks: Paragraph | Table | Figure | Heading | Bullets) -> Document:
    return Document("Title", "", blocks)


def _table(name: str, *rows: Row) -> Table:
    return Table(name, "Caption", (), rows)


def test_labels_count_tables_and_figures_apart() -> None:
    assert labels(sample.document()) == {
        "baseline": "Table 1",
        "protocol": "Table 2",
        "km-os": "Figure 1",
        "forest": "Figure 2",
        "effects": "Table 3",
    }


def test_values_are_read_in_order() -> None:
    found = [value.ids[0] for value in values(sample.document())]
    assert found[:3] == ["effect.os.hr", "effect.os.p", "n"]
    assert found[-1] == "effect.distant.weighted.p"
    assert "rd.os" in found
    assert "audit.events" in found


def test_the_sample_is_a_document() -> None:
    check_document(sample.document())


def test_two_tables_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="used twice: a"):
        check_document(_document(_table("a"), _table("a")))


def test_two_headings_of_one_anchor_are_refused() -> None:
    with pytest.raises(InputError, match="Headings must have names of their own; used twice: x"):
        check_document(_document(Heading(1, "One", "x"), Heading(1, "Two", "x")))


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="'nowhere' does not"):
        check_document(_document(Paragraph((Reference("nowhere"),))))


def test_a_row_that_is_too_short_is_refused() -> None:
    full, short = Row((Cell(span=2), Cell())), Row((Cell(), Cell()))
    with pytest.raises(InputError, match=r"table 'a' must fill its 3 columns; row 1 .* fills 2"):
        check_document(_document(_table("a", full, short)))


def test_a_group_row_may_be_its_title_alone() -> None:
    check_document(_document(_table("a", Row((Cell(), Cell())), Row((Cell(("Sex",)),), "group"))))


def test_the_title_of_a_group_takes_the_empty_cells_after_it() -> None:
    row = Row((Cell(("Sex",)), Cell(), Cell((Value(("p",), "0.04"),))), "group")
    assert [cell.span for cell in spread(row, 3).cells] == [2, 1]
    assert [cell.span for cell in spread(Row((Cell(("Sex",)),), "group"), 3).cells] == [3]
    assert spread(replace(row, kind="body"), 3).cells == row.cells


def test_alignment_is_left_then_centred_unless_said_otherwise() -> None:
    table = _table("a", Row((Cell(), Cell(), Cell())))
    assert column_count(table) == 3
    assert alignment(table) == ("left", "center", "center")
    assert alignment(replace(table, align=("left", "right"))) == ("left", "right", "center")
    assert alignment(_table("empty")) == ()


def test_plain_words() -> None:
    document = sample.document()
    note = sample.baseline().notes[1]
    assert plain(note, labels(document)).startswith("a Welch")


def test_characters_that_xml_forbids_are_replaced() -> None:
    assert printable("a\x00b\x1f\ud800\ufffe") == "a\ufffdb\ufffd\ufffd\ufffd"
    assert printable("tab\tline\n高 𝛽 \u00a0") == "tab\tline\n高 𝛽 \u00a0"


def test_a_figure_that_is_not_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="`km` must be drawn as png; there is svg"):
        drawing({"km": {"svg": b""}}, "km", "png")
    with pytest.raises(InputError, match="there is nothing"):
        drawing({}, "km", "png")
