import numpy as np
import pytest

from counterpoise.report.figures import LoveFigure, LoveSeries, draw
from counterpoise.report.figures.love import _rows
from tests.report.figures import samples
from tests.report.figures.layout import boxes, faults, strings


@pytest.mark.parametrize("grouped", [False, True])
def test_covariates_are_well_set(grouped: bool) -> None:
    assert faults(draw(samples.love_figure(grouped=grouped))) == []


def test_the_largest_unadjusted_difference_is_on_top() -> None:
    record = LoveFigure(
        ("low", "unknown", "high"),
        (LoveSeries("Unadjusted", np.array([0.1, np.nan, 0.4])), LoveSeries("Weighted", np.array([0.3, 0.2, 0.0]))),
    )
    placed = dict(boxes(draw(record)))
    assert placed["high"].y0 > placed["low"].y0 > placed["unknown"].y0


def test_groups_stay_together_under_their_heading() -> None:
    record = LoveFigure(
        ("Grade 1", "Age", "Grade 3"), (LoveSeries("S", np.array([0.1, 0.2, 0.3])),), ("Grade", "Age", "Grade")
    )
    assert _rows(record) == [("Grade", None, 0), ("Grade 3", 2, 1), ("Grade 1", 0, 1), ("Age", 1, 0)]


def test_a_single_level_is_named_with_its_group() -> None:
    record = LoveFigure(("Premenopausal",), (LoveSeries("S", np.array([0.1])),), ("Menopausal status",))
    assert _rows(record) == [("Menopausal status: Premenopausal", 0, 0)]


def test_forty_long_names() -> None:
    random = np.random.default_rng(0)
    names = tuple(f"{samples.LONG} {index}" for index in range(40))
    series = tuple(LoveSeries(samples.LONG + str(index), random.gamma(1, 0.1, 40)) for index in range(3))
    assert faults(draw(LoveFigure(names, series, x_label=samples.LONG))) == []


@pytest.mark.parametrize("values", [[np.nan, np.nan], [0.0, 0.0], [3.0, 0.0]])
def test_the_threshold_is_always_on_the_axis(values: list[float]) -> None:
    figure = draw(LoveFigure(("a", "b"), (LoveSeries("S", np.array(values)),)))
    assert faults(figure) == []
    assert figure.axes[0].get_xlim()[1] > 0.1
    assert "S" in strings(figure)
