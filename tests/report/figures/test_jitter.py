from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures import JitterFigure, JitterRow, draw, figure_files
from counterpoise.report.figures.jitter import _drawn, _heights, _weight_keys
from tests.report.figures import samples
from tests.report.figures.layout import faults, strings

RANDOM = np.random.default_rng(4)


def row(score: Floats, weights: Floats | None = None, *, label: str = "Boost", matched: bool = True) -> JitterRow:
    return JitterRow(label, score, True, matched, weights, ("matched", f"n = {score.size}"))


def points(record: JitterFigure) -> list[Any]:
    collections: Any = draw(record).axes[0].collections
    return list(collections)


def test_every_group_is_named_and_well_set() -> None:
    figure = draw(samples.jitter_figure())
    assert faults(figure) == []
    assert {"Boost", "No boost", "unmatched", "n = 27", "effective n = 31.2", "Area by weight:"} <= set(strings(figure))


def test_without_weights_no_area_is_explained() -> None:
    record = samples.jitter_figure()
    bare = replace(record, rows=tuple(replace(row, weights=None) for row in record.rows))
    assert "Area by weight:" not in strings(draw(bare))
    even = replace(record, rows=tuple(replace(row, weights=np.ones(row.score.size)) for row in record.rows))
    assert "Area by weight:" not in strings(draw(even))


def test_each_patient_is_a_point_at_the_score() -> None:
    record = samples.jitter_figure()
    for found, group in zip(points(record), record.rows, strict=True):
        np.testing.assert_allclose(np.sort(found.get_offsets()[:, 0]), np.sort(group.score))


def test_the_area_of_a_point_is_proportional_to_its_weight() -> None:
    weights = np.array([1.0, 2.0, 4.0, 0.5])
    (found,) = points(JitterFigure((row(np.array([0.2, 0.4, 0.6, 0.8]), weights),)))
    area = dict(zip(found.get_offsets()[:, 0].tolist(), found.get_sizes().tolist(), strict=True))
    np.testing.assert_allclose([area[x] / area[0.2] for x in (0.2, 0.4, 0.6, 0.8)], weights)


def test_heights_are_the_reversed_digits_of_the_rank() -> None:
    """The van der Corput sequence of base 2, by hand: 1, 10, 11, 100 read backwards behind the point."""
    np.testing.assert_allclose(_heights(7), [1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8, 3 / 8, 7 / 8])


def test_the_order_of_patients_changes_no_byte() -> None:
    score, weights = RANDOM.uniform(0, 1, 60), RANDOM.gamma(1, 1, 60)
    score[:20] = 0.5
    mixed = RANDOM.permutation(60)
    first = figure_files("a", JitterFigure((row(score, weights),)), ("svg",))
    assert first == figure_files("a", JitterFigure((row(score[mixed], weights[mixed]),)), ("svg",))


def test_of_a_crowd_evenly_spaced_patients_are_drawn_and_that_is_said() -> None:
    score = RANDOM.uniform(0, 1, 9000)
    drawn, _, _ = _drawn(row(score))
    assert drawn.size == 2000
    assert (drawn.min(), drawn.max()) == (score.min(), score.max())
    figure = draw(JitterFigure((row(score), row(score, matched=False))))
    assert any("2000 are drawn" in text for text in strings(figure))
    assert faults(figure) == []


@pytest.mark.parametrize(
    ("weights", "keys"),
    [([0.3, 1.0, 7.0], (0.5, 1.0, 5.0)), ([1.0, 1.0], ()), ([2.2, 2.4], (2.4,)), ([0.011, 0.3], (0.02, 0.2))],
)
def test_the_legend_shows_round_weights_within_the_range(weights: list[float], keys: tuple[float, ...]) -> None:
    record = JitterFigure((row(np.linspace(0, 1, len(weights)), np.array(weights)),))
    assert _weight_keys(record) == pytest.approx(keys)


@pytest.mark.parametrize(
    "rows",
    [
        (row(np.array([0.5])),),
        (row(np.array([])), row(np.array([0.3, 0.3, 0.3]), np.array([0.01, 1.0, 400.0]))),
        (row(np.full(200, 0.02), label=samples.LONG), row(np.linspace(0, 1, 5), label="A" * 60)),
        tuple(row(RANDOM.uniform(0, 1, 100)) for _ in range(8)),
    ],
    ids=["one patient", "one huge weight", "long names", "eight rows"],
)
def test_any_scores_are_well_set(rows: tuple[JitterRow, ...]) -> None:
    figure = draw(JitterFigure(rows, samples.LONG, (0.1, 0.5)))
    assert faults(figure) == []
    low, high = figure.axes[0].get_xlim()
    assert 0 <= low < high <= 1
