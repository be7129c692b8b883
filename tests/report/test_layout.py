from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from counterpoise.report.document import Cell, Document, Heading, Row, Table, labels
from counterpoise.report.layout import LANDSCAPE_CM, PORTRAIT_CM, is_number, table_layout, text_width, turned_pages
from tests.report import sample


def _of(columns: int, text: str) -> Table:
    return Table("t", "", (), (Row((Cell(("Label",)), *[Cell((text,)) for _ in range(columns - 1)])),))


@pytest.mark.parametrize("text", ["0.54 (0.25–1.02)", "−12.3", "<0.001", "–", "∞", "36 (24.7)", "(0.1)"])
def test_numbers_are_known(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "Age", "5-year survival of those who were irradiated"])
def test_words_are_known(text: str) -> None:
    assert not is_number(text)


def test_table_1_with_four_groups_stands_upright() -> None:
    label = labels(sample.document())
    layout = table_layout(sample.baseline(), label)
    assert not layout.landscape
    assert layout.points == 9
    assert sum(layout.widths) == pytest.approx(PORTRAIT_CM)
    assert layout.widths[0] == max(layout.widths)


def test_ten_columns_of_intervals_turn_the_page() -> None:
    layout = table_layout(_of(10, "0.54 (0.25–1.02)"), {})
    assert layout.landscape
    assert sum(layout.widths) == pytest.approx(LANDSCAPE_CM)


def test_headings_turn_with_their_table() -> None:
    document = Document("", "", (Heading(1, "A", "a"), Heading(2, "B", "b"), _of(10, "0.54 (0.25–1.02)"), _of(2, "1")))
    assert turned_pages(document) == (True, True, True, False)


@given(st.integers(1, 30), st.text(min_size=1, max_size=60))
def test_widths_fill_the_page_whatever_the_words(columns: int, text: str) -> None:
    layout = table_layout(_of(columns, text), {})
    assert sum(layout.widths) == pytest.approx(LANDSCAPE_CM if layout.landscape else PORTRAIT_CM)
    assert min(layout.widths) > 0
    assert 7 <= layout.points <= 9


def test_a_spanning_heading_is_given_room() -> None:
    table = replace(_of(3, "1"), header=(Row((Cell(), Cell(("Antidisestablishmentarianism",), span=2))),))
    layout = table_layout(table, {})
    assert layout.widths[1] + layout.widths[2] >= text_width("Antidisestablishmentarianism") * layout.points * 2.54 / 72
