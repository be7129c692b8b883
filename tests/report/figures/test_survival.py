from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.report.figures import SurvivalFigure, SurvivalLine, SurvivalPanel, draw
from counterpoise.report.figures.survival import _arrange, _lay_out, _obstacles, _steps
from tests.report.figures import samples
from tests.report.figures.layout import boxes, faults, strings

EMPTY = np.array([])


def panel(curves: tuple[SurvivalLine, ...], **changes: object) -> SurvivalPanel:
    base = SurvivalPanel("Overall survival", curves, samples.TICKS, "Months since diagnosis", "Survival (%)")
    return replace(base, **changes)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("panels", [1, 2, 4])
@pytest.mark.parametrize("groups", [samples.TWO, samples.FOUR])
def test_the_cohort_is_well_set(panels: int, groups: dict[str, tuple[str, ...]]) -> None:
    figure = draw(samples.survival_figure(panels, groups))
    assert faults(figure) == []
    assert figure.get_figwidth() * 25.4 == pytest.approx(85 if panels == 1 else 175)


def test_panels_are_lettered_only_when_there_are_several() -> None:
    assert "A" not in strings(draw(samples.survival_figure(1, samples.TWO)))
    assert {"A", "B"} <= set(strings(draw(samples.survival_figure(2, samples.TWO))))


def test_numbers_at_risk_are_printed_as_given_under_their_ticks() -> None:
    curves = samples.simulated_lines(("No boost", "Boost"), 60, (0.02, 0.01))
    marked = tuple(replace(c, at_risk=tuple(f"{c.label[0]}{i}" for i in range(9))) for c in curves)
    figure = draw(SurvivalFigure((panel(marked),)))
    placed = dict(boxes(figure))
    for index, tick in enumerate(samples.TICKS):
        under = figure.axes[0].transData.transform((tick, 0))[0]
        for text in (f"N{index}", f"B{index}"):
            assert abs(sum(placed[text].intervalx) / 2 - under) < 3  # a quarter of a millimetre


@pytest.mark.parametrize(
    ("labels", "hazards", "n"),
    [
        (("All patients",), (0.006,), 146),
        (("A", "B"), (0.02, 0.01), 7),
        ((samples.LONG, samples.LONG + " alone"), (0.01, 0.006), 70),
        (("Placebo", "Sunitinib", "Sorafenib"), (0.05, 0.04, 0.03), 120),
        (tuple(f"Arm {i} of the trial" for i in range(6)), (0.05, 0.04, 0.03, 0.02, 0.01, 0.005), 60),
    ],
    ids=["one", "few", "long", "poor", "six"],
)
def test_hard_cases_are_well_set(labels: tuple[str, ...], hazards: tuple[float, ...], n: int) -> None:
    curves = samples.simulated_lines(labels, n, hazards)
    notes = ("HR 0.54 (95% CI 0.26–1.13)", "Log-rank P = .10")
    record = panel(curves, annotation=notes)
    assert faults(draw(SurvivalFigure((record,)))) == []
    assert faults(draw(SurvivalFigure((record, record)))) == []


def test_labels_of_sixty_characters_everywhere() -> None:
    text = samples.LONG
    assert len(text) == 60
    curves = samples.simulated_lines((text, text[::-1]), 50, (0.05, 0.02))
    record = SurvivalPanel(text, curves, samples.TICKS, text, text, (text,), text)
    assert faults(draw(SurvivalFigure((record,)))) == []
    assert faults(draw(SurvivalFigure((record,) * 3))) == []


def test_wide_numbers_widen_the_figure_instead_of_colliding() -> None:
    curves = samples.simulated_lines(("No boost", "Boost"), 50, (0.02, 0.01))
    wide = tuple(replace(c, at_risk=("1,234,567.8",) * 9) for c in curves)
    figure = draw(SurvivalFigure((panel(wide),)))
    assert faults(figure) == []
    assert figure.get_figwidth() * 25.4 > 85


def test_curves_without_any_time_are_drawn_as_nothing() -> None:
    none = SurvivalLine("No one", EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, ("0",) * 9)
    one = np.array([1.0])
    zero = SurvivalLine("Lost at once", one * 0, one, one, one, one * 0, ("1",) + ("0",) * 8)
    figure = draw(SurvivalFigure((panel((none, zero)),)))
    assert faults(figure) == []
    assert "No one" in strings(figure)


def test_intervals_of_nan_leave_the_curve() -> None:
    curve = samples.simulated_lines(("A",), 30, (0.02,))[0]
    hidden = replace(curve, lower=curve.lower * np.nan, upper=curve.upper * np.nan)
    lines = draw(SurvivalFigure((panel((hidden,)),))).axes[0].get_lines()
    assert np.isfinite(np.asarray(lines[0].get_ydata())).all()


def test_steps_start_at_one_and_end_at_the_last_tick() -> None:
    values = np.array([0.8, 0.4])
    curve = SurvivalLine("A", np.array([5.0, 130.0]), values, values, values, EMPTY, ("",))
    time, value = _steps(curve, 96.0, curve.survival)
    np.testing.assert_array_equal(time, [0, 5, 96])
    np.testing.assert_array_equal(value, [1, 0.8, 0.8])


def test_censoring_marks_stand_on_the_curve() -> None:
    curve = samples.simulated_lines(("A",), 40, (0.01,))[0]
    lines = draw(SurvivalFigure((panel((curve,)),))).axes[0].get_lines()
    marks = next(line for line in lines if line.get_marker() == "|")
    x, y = np.asarray(marks.get_xdata()), np.asarray(marks.get_ydata())
    expected = [100 * curve.survival[curve.time <= t + 1e-9][-1] for t in x]
    np.testing.assert_allclose(y, expected)
    np.testing.assert_allclose(x, curve.censor_times[curve.censor_times <= 96])


def test_many_patients_make_no_larger_figure() -> None:
    curve = samples.simulated_lines(("A",), 20_000, (0.01,))[0]
    lines = draw(SurvivalFigure((panel((curve,)),))).axes[0].get_lines()
    assert max(np.asarray(line.get_xdata()).size for line in lines) <= 5_002


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 4),
    st.lists(st.floats(0.0005, 0.2), min_size=1, max_size=4),
    st.integers(2, 80),
    st.booleans(),
)
def test_texts_keep_clear_of_the_curves(panels: int, hazards: list[float], n: int, bands: bool) -> None:
    curves = samples.simulated_lines(tuple(f"Arm {i}" for i in range(len(hazards))), n, tuple(hazards))
    record = SurvivalFigure((panel(curves, annotation=("HR 0.54 (0.26–1.13)", "P = .10"), bands=bands),) * panels)
    layout = _lay_out(record)
    for placed in _arrange(record, layout)[0]:
        obstacles = _obstacles(placed.panel, layout, bands=False)
        for _, (left, bottom, right, top) in placed.inside:
            covered = (
                (np.minimum(obstacles[:, 2], right) >= np.maximum(obstacles[:, 0], left))
                & (np.minimum(obstacles[:, 3], top) >= np.maximum(obstacles[:, 1], bottom))
            )  # fmt: skip
            assert not covered.any()
