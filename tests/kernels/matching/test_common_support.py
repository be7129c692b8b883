from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.matching.common_support import Discard, common_support
from tests.kernels.matching.matching_cohorts import cohorts

RULES: tuple[Discard, ...] = ("treated", "control", "both")


@pytest.mark.parametrize(("rule", "out"), [("treated", [5]), ("control", [0, 1]), ("both", [0, 1, 5])])
def test_by_hand(rule: Discard, out: list[int]) -> None:
    # Controls from .1 to .6, treated from .3 to .9.
    score, treatment = [0.1, 0.2, 0.6, 0.3, 0.5, 0.9], [0, 0, 0, 1, 1, 1]
    assert np.flatnonzero(common_support(score, treatment, rule=rule)).tolist() == out


def test_the_ends_of_the_range_are_inside_it_though_they_differ_in_their_last_digits() -> None:
    assert not common_support([0.3, 0.7, 0.1 + 0.2, 0.7], [1, 1, 0, 0]).any()


@given(cohorts(), st.sampled_from(RULES))
def test_holds_its_definition(data: tuple[Floats, Bools, Floats, Floats], rule: Discard) -> None:
    score, treated, _, rank = data
    units = np.rint(score * 1e12)
    expected = np.zeros(treated.size, dtype=bool)
    for i in range(treated.size):
        others = units[treated != treated[i]]
        looked_at = rule in ("both", "treated" if treated[i] else "control")
        expected[i] = looked_at and not others.min() <= units[i] <= others.max()
    if expected[treated].all() or expected[~treated].all():
        with pytest.raises(InputError, match=r"leaves no (treated|control) patient: their scores lie from"):
            common_support(score, treated, rule=rule)
        return
    np.testing.assert_array_equal(common_support(score, treated, rule=rule), expected)
    order = rank.astype(int)
    np.testing.assert_array_equal(common_support(score[order], treated[order], rule=rule), expected[order])


@pytest.mark.parametrize(
    ("score", "treatment", "rule", "message"),
    [
        ([0.1, np.nan], [0, 1], "both", "`score` must be finite"),
        ([0.1, 0.2], [0, np.nan], "both", "`treatment` must be finite"),
        ([0.1, 0.2], [1, 1], "both", "`treatment` must hold treated and control rows"),
        ([0.1], [1], "both", "`treatment` must hold treated and control rows"),
        ([0.1, 0.2], [0, 1], "none", "`rule` must be treated, control or both; it is 'none'"),
        (
            [0.1, 0.2],
            [0, 1],
            "treated",
            "no treated patient: their scores lie from 0.2 to 0.2, .* from 0.1 to 0.1",
        ),
    ],
)
def test_what_has_no_answer_is_refused(score: list[float], treatment: list[float], rule: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        common_support(score, treatment, rule=rule)
