from dataclasses import replace

import numpy as np
import pytest

from counterpoise.balance import Estimand
from counterpoise.estimate import FIXED_WEIGHT_ROBUST, LEFT_OUT
from counterpoise.findings.coverage import short_intervals
from tests.findings.cases import Case, apply, only, with_adjustments, with_contrasts, without_adjustments


def prepared(
    case: Case, estimand: Estimand = "ATT", c_statistic: float = 0.77, share: float = 0.2, variance: str = LEFT_OUT
) -> Case:
    """The case as a cohort of the kind in which intervals are too short, but for what is asked for."""
    adjustments, size = case[1].adjustments, case[0].size
    assert adjustments is not None
    event = np.arange(size) < share * size
    changed = with_contrasts(
        case, lambda c: replace(c, endpoint=replace(c.endpoint, event=event), difference_variance=variance)
    )
    return with_adjustments(
        changed,
        score=replace(adjustments.score, c_statistic=c_statistic),
        weighting=replace(adjustments.weighting, estimand=estimand),
    )


@pytest.mark.parametrize("estimand", ["ATT", "ATC"])
def test_short_intervals_are_spoken_of(case: Case, estimand: Estimand) -> None:
    found = only(short_intervals, prepared(case, estimand))
    assert (found.severity, found.values["nominal"], found.values["c_statistic"]) == ("caution", 0.95, 0.77)
    assert "OS" in found.text


@pytest.mark.parametrize(
    "change",
    [
        {"estimand": "ATE"},
        {"estimand": "ATO"},
        {"c_statistic": 0.69},
        {"share": 0.4},
        {"variance": FIXED_WEIGHT_ROBUST},
    ],
)
def test_where_intervals_hold_nothing_is_said(case: Case, change: dict[str, object]) -> None:
    assert apply(short_intervals, prepared(case, **change)) == []  # pyright: ignore[reportArgumentType]


def test_without_weights_nothing_is_said(case: Case) -> None:
    assert apply(short_intervals, without_adjustments(case)) == []
