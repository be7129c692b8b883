import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import InputError
from counterpoise.estimate import compare_adverse_event, compare_toxicity, dose_summary, event_share
from counterpoise.kernels.tables.contingency import fisher_exact
from tests.estimate.cohorts import category, endpoint, flag, node_positive, number
from tests.golden import golden


def test_event_shares_have_the_wilson_interval_of_r() -> None:
    design, reference = node_positive(), golden("estimates", "event_share")
    treated = design.treatment.received
    members = {"all": np.ones(design.size, dtype=bool), "control": ~treated, "treated": treated}
    for key, chosen in members.items():
        found = event_share(design.endpoints[0], chosen, 0.95)
        np.testing.assert_allclose([found.lower, found.upper], reference[key], rtol=1e-10)
        assert found.share == pytest.approx(found.events / found.size)


def test_share_of_four_patients_by_hand() -> None:
    found = event_share(endpoint([1, 2, 3, 4], [1, 0, 1, 1]), np.array([True, True, True, False]), 0.95)
    assert (found.size, found.events, found.share) == (3, 2, 2 / 3)
    z2 = 1.959963984540054**2
    centre, reach = 2 / 3 + z2 / 6, np.sqrt(z2) * np.sqrt(2 / 27 + z2 / 36)
    assert found.lower == pytest.approx((centre - reach) / (1 + z2 / 3))
    assert found.upper == pytest.approx((centre + reach) / (1 + z2 / 3))


def test_nobody_has_no_share() -> None:
    found = event_share(endpoint([1, 2], [1, 0]), np.array([False, False]), 0.95)
    assert (found.size, found.events) == (0, 0)
    assert np.isnan([found.share, found.lower, found.upper]).all()


def test_dose_is_described_among_those_who_have_one() -> None:
    found = dose_summary(number("dose", [10, np.nan, 16, 12, np.nan], "Gy"))
    assert (found.known, found.median, found.minimum, found.maximum) == (3, 12.0, 10.0, 16.0)


def test_a_dose_that_nobody_has_is_no_number() -> None:
    found = dose_summary(number("dose", [np.nan, np.nan]))
    assert found.known == 0
    assert np.isnan([found.median, found.minimum, found.maximum]).all()


def test_a_category_is_no_dose() -> None:
    with pytest.raises(InputError, match="`scheme` must hold numbers to be summarised as a dose; it is a category"):
        dose_summary(category("scheme", [0, 1], ("A", "B")))


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
