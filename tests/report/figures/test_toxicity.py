from dataclasses import replace

import numpy as np
import pytest

from counterpoise.report.figures import ToxicityBar, ToxicityFigure, ToxicityOrgan, ToxicityPanel, draw
from tests.report.figures import samples
from tests.report.figures.layout import faults, strings

LONG = samples.LONG


def one_bar(*percent: float, labels: tuple[str, ...] = (), total: str = "") -> ToxicityFigure:
    bar = ToxicityBar("All", np.array(percent), labels, total)
    grades = tuple(f"Grade {grade}" for grade in range(1, len(percent) + 1))
    return ToxicityFigure((ToxicityPanel("Acute", (ToxicityOrgan("Skin", (bar,)),)),), grades)


def test_two_phases_are_well_set_side_by_side() -> None:
    figure = draw(samples.toxicity_figure())
    assert faults(figure) == []
    assert figure.get_figwidth() * 25.4 == pytest.approx(175)
    assert {"A", "B", "Acute", "Late", "Grade 4"} <= set(strings(figure))


def test_long_labels_put_the_phases_below_each_other() -> None:
    base = samples.toxicity_figure()
    panels = tuple(
        ToxicityPanel(
            f"{panel.title} {LONG}",
            tuple(
                ToxicityOrgan(f"{organ.organ} {LONG}", tuple(replace(bar, arm=LONG) for bar in organ.bars))
                for organ in panel.organs
            ),
        )
        for panel in base.panels
    )
    grades = tuple(f"{grade} {LONG}" for grade in base.grades)
    assert faults(draw(ToxicityFigure(panels, grades, LONG))) == []


def test_bars_are_stacked_to_the_total() -> None:
    figure = draw(one_bar(50.0, 25.0, 5.0))
    ends = [patch.get_window_extent().x1 for patch in figure.axes[0].patches]
    positions = figure.axes[0].transData.inverted().transform([(end, 0) for end in ends])[:, 0]
    np.testing.assert_allclose(positions, [50, 75, 80])


def test_a_label_is_printed_only_where_it_fits() -> None:
    texts = strings(draw(one_bar(60.0, 0.5, labels=("sixty", "half"), total="60.5%")))
    assert "sixty" in texts
    assert "half" not in texts
    assert "60.5%" in texts


@pytest.mark.parametrize("percent", [(0.0, 0.0), (60.0, 40.0), (np.nan, 3.0), (1.0, 0.2)])
def test_extreme_shares(percent: tuple[float, ...]) -> None:
    assert faults(draw(one_bar(*percent, labels=("1", "2"), total="100%"))) == []
