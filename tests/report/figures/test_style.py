import matplotlib as mpl
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.report.figures import style


def test_settings_of_the_user_neither_leak_in_nor_change() -> None:
    with mpl.rc_context({"lines.linewidth": 9.0, "text.usetex": True}):
        with style.drawing_style():
            assert mpl.rcParams["lines.linewidth"] != 9.0
            assert not mpl.rcParams["text.usetex"]
        assert mpl.rcParams["lines.linewidth"] == 9.0


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("abcdefgh κ≤–1234 "), max_size=60), st.floats(8, 80))
def test_wrapped_lines_keep_every_letter_and_fit(text: str, width: float) -> None:
    lines = style.wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(style.text_width(line) <= width for line in lines)


def test_values_stay_with_their_sign() -> None:
    assert style.wrap("Robust P = .04 and n = 79", 17) == ("Robust", "P = .04 and", "n = 79")


def test_balanced_lines_are_no_more_than_wrapped_ones() -> None:
    text = "Patients with clinically metastatic internal mammary nodes screened"
    wrapped, balanced = style.wrap(text, 79), style.balance(text, 79)
    assert len(balanced) == len(wrapped) == 2
    assert max(map(style.text_width, balanced)) < max(map(style.text_width, wrapped))


def test_fallback_fonts_are_used_only_where_needed() -> None:
    assert style.families_for("Größe κ ≤ 3 – Ωmega") == (style.FONT,)
    assert style.families_for("生存率")[0] == style.FONT
    assert len(style.families_for("生存率")) > 1


def test_what_no_font_knows_is_named() -> None:
    assert style.missing_characters("of no script: \U0010fffd\n") == "\U0010fffd"
    assert style.missing_characters("plain text\n") == ""


def test_a_second_font_supplies_what_the_first_lacks() -> None:
    letter = chr(min(style._characters("STIXGeneral") - style._characters(style.FONT)))
    assert style.missing_characters(letter) == ""
    with style.drawing_style(style.families_for(letter)):
        assert style.text_width(letter) > 0


def test_keys_fill_rows_and_wrap_long_labels() -> None:
    short = style.keys(("A", "B"), 60, 7)
    assert [key.y for key in short] == [0, 0]
    long = style.keys(("word " * 12, "B"), 60, 7)
    assert len(long[0].lines) > 1
    assert long[1].y >= style.PITCH * len(long[0].lines)
    assert all(style.text_width(line) <= 60 - 8.5 for key in long for line in key.lines)


@pytest.mark.parametrize(("low", "high"), [(0, 0.22), (0, 100), (-9, 19), (0, 0.0004)])
def test_ticks_are_inside(low: float, high: float) -> None:
    ticks = style.round_ticks(low, high, 6)
    assert 3 <= len(ticks) <= 8
    assert low <= min(ticks) <= max(ticks) <= high
