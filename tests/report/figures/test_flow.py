import pytest

from counterpoise.report.figures import FlowBox, FlowFigure, FlowStep, draw
from tests.report.figures import samples
from tests.report.figures.layout import faults, strings

LONG = samples.LONG


def test_the_cohort_is_well_set_and_adds_up() -> None:
    figure = draw(samples.flow_figure())
    assert faults(figure) == []
    texts = strings(figure)
    assert "n = 208" in texts
    assert "Excluded (n = 48)" in texts
    assert "Excluded (n = 11)" in texts


@pytest.mark.parametrize("arms", [0, 1, 2, 3, 4])
def test_any_number_of_arms_and_long_labels(arms: int) -> None:
    record = FlowFigure(
        FlowBox(f"{LONG} {LONG}", 1234567),
        tuple(FlowStep(f"{LONG} {LONG}", 12345) for _ in range(4)),
        FlowBox("Included", 12),
        tuple(FlowBox(f"{LONG} {arm}", 3, (LONG,)) for arm in range(arms)),
    )
    assert faults(draw(record)) == []


def test_masked_numbers_are_not_added() -> None:
    record = FlowFigure(FlowBox("Screened", 9), (FlowStep("Rare", "<5"),), FlowBox("Included", "5–9"), ())
    texts = strings(draw(record))
    assert {"Excluded", "<5", "Rare", "n = 5–9"} <= set(texts)


def test_no_exclusion_draws_two_boxes() -> None:
    figure = draw(FlowFigure(FlowBox("Screened", 100), (), FlowBox("Included", 100), ()))
    assert faults(figure) == []
    assert strings(figure) == ["Screened", "n = 100", "Included", "n = 100"]
