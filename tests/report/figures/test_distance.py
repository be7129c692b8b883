from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures import DistanceFigure, draw, figure_files
from counterpoise.report.figures.distance import _steps
from tests.report.figures import samples
from tests.report.figures.layout import faults, strings

RANDOM = np.random.default_rng(9)
NOTES = ("52 pairs", "Median 0.063", "Largest 0.261")


def test_the_limit_and_the_annotation_are_well_set() -> None:
    figure = draw(samples.distance_figure())
    assert faults(figure) == []
    assert {"Caliper 0.27", "52 pairs", "Median 0.06", "Largest 0.26", "Pairs (%)"} <= set(strings(figure))


def test_steps_are_shares_of_pairs_by_hand() -> None:
    distance, share = _steps(np.array([0.3, 0.1, 0.2, 0.2]))
    np.testing.assert_allclose(distance, [0.1, 0.2, 0.2, 0.3])
    np.testing.assert_allclose(share, [0.25, 0.5, 0.75, 1.0])


def test_each_pair_is_a_point_while_there_are_few() -> None:
    record = samples.distance_figure()
    lines: Any = draw(record).axes[0].lines
    np.testing.assert_allclose(lines[1].get_xdata(), np.sort(record.distance))
    many = draw(replace(record, distance=RANDOM.gamma(1, 0.1, 301), limit=None)).axes[0]
    assert len(many.lines) == 1


def test_of_a_million_pairs_no_more_steps_are_drawn_than_show() -> None:
    distance, share = _steps(RANDOM.gamma(1, 0.1, 1_000_000))
    assert distance.size <= 1001
    assert (np.diff(share) > 0).all()
    assert share[-1] == 1


def test_without_a_limit_there_is_no_line_and_no_label() -> None:
    figure = draw(replace(samples.distance_figure(), limit=None))
    assert "Caliper 0.27" not in strings(figure)
    assert faults(figure) == []


def test_the_order_of_pairs_changes_no_byte() -> None:
    record = samples.distance_figure()
    mixed = replace(record, distance=record.distance[::-1].copy())
    assert figure_files("a", record, ("svg",)) == figure_files("a", mixed, ("svg",))


@pytest.mark.parametrize("limit", [None, 0.2, 5.0])
@pytest.mark.parametrize(
    "distance",
    [np.zeros(40), np.array([0.2]), np.full(90, 0.2), np.linspace(0, 0.2, 200), np.append(np.zeros(300), 0.19)],
    ids=["none apart", "one pair", "all at the limit", "even", "one far"],
)
def test_any_distances_are_well_set(distance: Floats, limit: float | None) -> None:
    record = DistanceFigure(distance, samples.LONG, samples.LONG, limit, "Caliper 0.200", NOTES)
    figure = draw(record)
    assert faults(figure) == []
    assert set(NOTES) <= set(strings(figure))
    assert figure.axes[0].get_xlim()[1] > max(float(distance.max()), limit or 0.0)
