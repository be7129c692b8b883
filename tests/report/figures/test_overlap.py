from dataclasses import replace

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures import OverlapArm, OverlapFigure, draw
from counterpoise.report.figures.overlap import _shares
from tests.report.figures import samples
from tests.report.figures.layout import faults, strings

RANDOM = np.random.default_rng(2)


def test_both_arms_are_named_and_well_set() -> None:
    figure = draw(samples.overlap_figure())
    assert faults(figure) == []
    assert {"Boost", "n = 79", "effective n = 51.8", "Weighted"} <= set(strings(figure))


def test_without_weights_there_is_no_legend() -> None:
    record = samples.overlap_figure()
    bare = replace(record, above=replace(record.above, weights=None), below=replace(record.below, weights=None))
    assert "Weighted" not in strings(draw(bare))


def test_bars_are_shares_of_the_arm_by_hand() -> None:
    arm = OverlapArm("A", np.array([0.1, 0.2, 0.7, 1.0]), np.array([1.0, 1.0, 1.0, 5.0]))
    np.testing.assert_allclose(_shares(arm, np.array([0, 0.5, 1.0])), [[50, 50], [25, 75]])


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (RANDOM.beta(20, 1, 300), RANDOM.beta(1, 20, 30)),
        (np.linspace(0, 1, 300), np.linspace(0, 1, 5)),
        (np.array([0.5]), np.array([])),
        (RANDOM.uniform(0, 1, 5000), RANDOM.uniform(0, 1, 5000)),
    ],
    ids=["separate", "flat", "hardly anyone", "many"],
)
def test_any_scores_are_well_set(above: Floats, below: Floats) -> None:
    details = ("n = 300", "effective n = 123.4")
    record = OverlapFigure(
        OverlapArm(samples.LONG, above, np.ones(above.size), details),
        OverlapArm("No boost", below, None, details),
        x_label=samples.LONG,
        y_label=samples.LONG,
    )
    assert faults(draw(record)) == []
