"""Toxicity by arm: by hand, by symmetry, and from the definition."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import InputError
from counterpoise.estimate import CurveOptions, compare_adverse_event, compare_toxicity, toxic_incidence
from counterpoise.kernels.tables.contingency import fisher_exact
from tests.estimate.cohorts import flag, number


def test_toxicity_is_tested_at_two_thresholds_by_fishers_test() -> None:
    counts = np.array([[5, 3, 1, 1, 0, 0], [2, 4, 6, 0, 0, 0]])
    found = compare_toxicity("Skin", "acute", counts, counts.sum(axis=1))
    assert found.p_any == pytest.approx(fisher_exact([[5, 5], [10, 2]]).p_value, rel=1e-12)
    assert found.p_grade2 == pytest.approx(fisher_exact([[2, 8], [6, 6]]).p_value, rel=1e-12)


def test_toxicity_of_eight_patients_by_hand() -> None:
    found = compare_toxicity("Lung", "late", np.array([[3, 1, 0], [1, 3, 0]]), np.array([4, 4]))
    assert found.p_any == pytest.approx(34 / 70, rel=1e-12)
    assert np.isnan(found.p_grade2)  # nobody has grade 2


@pytest.mark.parametrize(
    "counts", [[[4, 0, 0], [4, 0, 0]], [[0, 4, 0], [0, 4, 0]], [[0, 0, 0], [1, 3, 0]], [[0, 0, 0], [0, 0, 0]]]
)
def test_toxicity_that_cannot_be_compared_has_no_p_value(counts: list[list[int]]) -> None:
    found = compare_toxicity("Lung", "late", np.array(counts), np.array(counts).sum(axis=1))
    assert np.isnan([found.p_any, found.p_grade2]).all()


def test_adverse_events_are_counted_by_arm_among_the_known() -> None:
    item = flag("pneumonitis", [1, 0, np.nan, 0, 1, 1, np.nan, np.nan, 1])
    treated = np.array([False, False, False, False, True, True, True, True, True])
    found = compare_adverse_event(item, "Pneumonitis", treated)
    assert (found.label, found.counts, found.assessed) == ("Pneumonitis", (1, 3), (3, 3))
    assert found.p_value == pytest.approx(fisher_exact([[1, 2], [3, 0]]).p_value, rel=1e-12)


def test_an_adverse_event_that_nobody_had_has_no_p_value() -> None:
    found = compare_adverse_event(flag("fistula", [0, 0, 0, 0]), "Fistula", np.array([True, True, False, False]))
    assert found.counts == (0, 0)
    assert np.isnan(found.p_value)


def test_grades_are_no_adverse_event() -> None:
    with pytest.raises(InputError, match="`grade` must be a 0/1 column to be counted as an adverse event"):
        compare_adverse_event(number("grade", [0, 1, 2]), "Grade", np.array([True, False, True]))


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.booleans()), min_size=1, max_size=30))
def test_swapping_the_arms_swaps_the_counts_only(rows: list[tuple[float, bool]]) -> None:
    item, treated = flag("event", [value for value, _ in rows]), np.array([arm for _, arm in rows])
    one, other = compare_adverse_event(item, "E", treated), compare_adverse_event(item, "E", ~treated)
    assert one.counts == other.counts[::-1]
    assert one.assessed == other.assessed[::-1]
    np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-9)
    assert sum(one.assessed) == sum(value == value for value, _ in rows)


def test_differences_of_hand_worked_arms() -> None:
    """48 of 80 and 56 of 70: Newcombe's own example; nobody has grade 3."""
    counts = np.array([[32, 30, 18, 0, 0, 0], [14, 40, 16, 0, 0, 0]])
    found = compare_toxicity("Skin", "acute", counts, counts.sum(axis=1))
    first, second, third = found.differences
    assert [first.value, first.lower, first.upper] == pytest.approx([0.2, 0.0524, 0.3339], abs=5e-5)
    assert second.value == pytest.approx(16 / 70 - 18 / 80)
    assert third.lower < third.value == 0 < third.upper
    assert math.isnan(third.p_value)
    assert [one.grade for one in found.differences] == [1, 2, 3]


def test_nobody_assessed_leaves_no_difference() -> None:
    found = compare_toxicity("Skin", "acute", np.array([[0, 0, 0, 0], [1, 1, 0, 0]]), np.array([0, 2]))
    assert all(math.isnan(one.value) and math.isnan(one.lower) for one in found.differences)


@given(st.lists(st.integers(0, 8), min_size=8, max_size=8).filter(lambda x: sum(x[:4]) and sum(x[4:])))
def test_swapping_the_arms_turns_the_differences(cells: list[int]) -> None:
    counts = np.array(cells).reshape(2, 4)
    one = compare_toxicity("Skin", "late", counts, counts.sum(axis=1))
    other = compare_toxicity("Skin", "late", counts[::-1], counts[::-1].sum(axis=1))
    for here, there in zip(one.differences, other.differences, strict=True):
        assert here.value == pytest.approx(-there.value, abs=1e-12)
        assert (here.lower, here.upper) == pytest.approx((-there.upper, -there.lower), abs=1e-12)
        assert here.lower <= here.value <= here.upper


MONTH = 30.4375
TIME = np.array([1.0, 2, 3, 4, 1, 2, 3, 5]) * MONTH
CAUSE = np.array([1, 2, 0, 1, 2, 1, 1, 0])
ARM = np.array([False] * 4 + [True] * 4)


def test_incidence_of_eight_patients_by_hand() -> None:
    """Control: 1/4 at 1 month, then 1/2 alive at 4 months and the last event; treated: 1/4 at 2 and 1/4 at 3 months."""
    found = toxic_incidence("Pneumonitis", TIME, CAUSE, ARM, horizon=3.5, options=CurveOptions())
    assert [arm.incidence for arm in found.arms] == pytest.approx([0.25, 0.5])
    assert [(arm.size, arm.events, arm.competing) for arm in found.arms] == [(4, 2, 1), (4, 2, 1)]
    assert found.difference == pytest.approx(0.25)
    assert found.difference_lower == pytest.approx(found.difference - 1.959963984540054 * found.difference_error)
    late = toxic_incidence("Pneumonitis", TIME, CAUSE, ARM, horizon=4, options=CurveOptions())
    assert late.arms[0].incidence == pytest.approx(0.25 + 0.5)


def test_an_arm_without_events_has_no_error() -> None:
    nobody = np.where(ARM, CAUSE, 0)
    found = toxic_incidence("Pneumonitis", TIME, nobody, ARM, horizon=3.5, options=CurveOptions())
    assert found.arms[0].incidence == 0
    assert found.difference == pytest.approx(0.5)
    assert np.isnan([found.arms[0].lower, found.difference_error, found.difference_lower, found.difference_upper]).all()


def test_beyond_the_last_observation_nothing_is_known() -> None:
    found = toxic_incidence("Pneumonitis", TIME, CAUSE, ARM, horizon=60, options=CurveOptions())
    assert math.isnan(found.arms[1].incidence)
    assert math.isnan(found.difference)
