from dataclasses import replace

import numpy as np
import pytest

from counterpoise.report.figures import ForestFigure, ForestRow, draw
from tests.report.figures import samples
from tests.report.figures.layout import boxes, faults, strings

NAN = float("nan")


def one_row(row: ForestRow, **changes: object) -> ForestFigure:
    base = ForestFigure((row,), ("Model", "HR (95% CI)"), "Hazard ratio")
    return replace(base, **changes)  # pyright: ignore[reportArgumentType]


def markers(record: ForestFigure) -> list[str]:
    return [str(line.get_marker()) for line in draw(record).axes[0].get_lines() if line.get_marker() in ("s", "<", ">")]


def test_subgroups_are_well_set_in_a_double_column() -> None:
    figure = draw(samples.forest_figure())
    assert faults(figure) == []
    assert figure.get_figwidth() * 25.4 <= 175.001


def test_many_rows_with_long_labels() -> None:
    base = samples.forest_figure()
    rows = tuple(replace(row, label=samples.LONG) for row in base.rows) * 3
    assert faults(draw(replace(base, rows=rows))) == []


def test_cells_stand_level_with_their_marks() -> None:
    record = samples.forest_figure()
    figure = draw(record)
    placed = dict(boxes(figure))
    axes = figure.axes[0]
    squares = [line for line in axes.get_lines() if line.get_marker() == "s"]
    estimated = [row for row in record.rows if row.estimate is not None and row.kind == "body"]
    for row, square in zip(estimated, squares, strict=True):
        _, y = axes.transData.transform((1.0, float(np.asarray(square.get_ydata())[0])))
        assert abs(sum(placed[row.columns[2]].intervaly) / 2 - y) < 8  # two thirds of a millimetre


def test_an_interval_that_leaves_the_axis_ends_in_an_arrow() -> None:
    assert markers(one_row(ForestRow("A", 0, ("",), 1.0, 0.01, 3.0))) == ["<", "s"]
    assert markers(one_row(ForestRow("A", 0, ("",), 1.0, 0.5, float("inf")))) == [">", "s"]
    assert markers(one_row(ForestRow("A", 0, ("",), 1.0, 0.5, 2.0))) == ["s"]


def test_an_estimate_beyond_the_axis_is_an_arrow_alone() -> None:
    assert markers(one_row(ForestRow("A", 0, ("",), 40.0, 20.0, 80.0))) == [">"]
    assert faults(draw(one_row(ForestRow("A", 0, ("",), 1e-6, 0.0, 1e-3)))) == []


@pytest.mark.parametrize("nothing", [None, NAN])
def test_what_is_not_estimated_shows_its_note(nothing: float | None) -> None:
    record = one_row(ForestRow("A", 0, ("",), nothing, nothing, nothing, note="Too few events"))
    assert markers(record) == []
    assert "Too few events" in strings(draw(record))


def test_an_estimate_without_interval_is_a_square_alone() -> None:
    assert markers(one_row(ForestRow("A", 0, ("2.0",), 2.0, NAN, NAN))) == ["s"]


def test_heavier_rows_have_larger_squares() -> None:
    rows = tuple(ForestRow(str(w), 0, ("",), 1.0, 0.5, 2.0, w) for w in (10.0, 40.0))
    figure = draw(ForestFigure(rows, ("Model", "HR"), "Hazard ratio"))
    small, large = (line.get_markersize() for line in figure.axes[0].get_lines() if line.get_marker() == "s")
    assert large / small == pytest.approx(2)


def test_a_linear_axis_holds_zero_and_every_interval() -> None:
    row = ForestRow("A", 0, ("5",), 5.0, 2.0, 8.0)
    record = one_row(row, log=False, favours_left="Favours radiotherapy", favours_right=samples.LONG)
    figure = draw(record)
    assert faults(figure) == []
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < 8 < high


def test_long_words_around_the_axis() -> None:
    row = ForestRow("A", 0, ("0.5 (0.2–1.2)",), 0.5, 0.2, 1.2)
    text = samples.LONG
    assert faults(draw(one_row(row, x_label=text, favours_left=text, favours_right=text))) == []
