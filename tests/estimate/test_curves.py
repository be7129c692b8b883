import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import chdtrc

from counterpoise.estimate import ArmCurve, CurveComparison, CurveOptions, arm_curve, compare_curves, follow_up
from counterpoise.kernels.tables.multiplicity import holm
from tests.estimate.cohorts import CURVES, endpoint, node_positive, random_cohort
from tests.golden import floats, golden

CLOSED = 1e-10
SEEDS = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def groups() -> CurveComparison:
    design = node_positive()
    assert design.groups is not None
    return compare_curves(design.endpoints[0], design.groups.codes, design.groups.labels, 60.0, CURVES)


def assert_arms_equal_r(arms: tuple[ArmCurve, ...], key: str) -> None:
    reference = golden("estimates", key)
    assert [arm.size for arm in arms] == reference["n"]
    assert [arm.events for arm in arms] == reference["events"]
    assert [arm.weight for arm in arms] == reference["n"]
    for field, name in (
        ("survival", "rate"),
        ("std_error", "std_error"),
        ("lower", "lower"),
        ("upper", "upper"),
        ("at_risk", "at_risk"),
    ):
        found = [getattr(arm.rate, field)[0] for arm in arms]
        np.testing.assert_allclose(found, floats(reference[name]), rtol=CLOSED, err_msg=field)
    for field, name in (("value", "median"), ("lower", "median_lower"), ("upper", "median_upper")):
        found = [getattr(arm.median, field) for arm in arms]
        np.testing.assert_allclose(found, floats(reference[name]), rtol=CLOSED, err_msg=field)


def test_curve_of_all_patients_is_that_of_r() -> None:
    outcome = node_positive().endpoints[0]
    assert_arms_equal_r((arm_curve("All", outcome.time, outcome.event, 60.0, CURVES),), "curve_all")


def test_curves_of_the_arms_are_those_of_r() -> None:
    design = node_positive()
    codes = design.treatment.received.astype(int)
    found = compare_curves(design.endpoints[0], codes, design.treatment.labels, 60.0, CURVES)
    assert_arms_equal_r(found.arms, "curves_hormon")
    assert found.pairwise == ()
    reference = golden("outcomes", "np_unadjusted_logrank")
    np.testing.assert_allclose(found.test.statistic, reference["chisq"], rtol=CLOSED)
    np.testing.assert_allclose(found.test.expected, floats(reference["exp"]), rtol=CLOSED)


def test_curves_of_four_groups_are_those_of_r(groups: CurveComparison) -> None:
    assert_arms_equal_r(groups.arms, "curves_trt4")
    reference = golden("estimates", "log_rank_trt4")
    np.testing.assert_allclose(groups.test.statistic, reference["chisq"], rtol=CLOSED)
    assert groups.test.degrees_of_freedom == 3


def test_pairwise_tests_are_those_of_r_with_holms_adjustment(groups: CurveComparison) -> None:
    reference = golden("estimates", "log_rank_trt4")
    found = groups.pairwise
    assert [(pair.first, pair.second) for pair in found] == [
        ("none", "chemo"),
        ("none", "hormon"),
        ("none", "both"),
        ("chemo", "hormon"),
        ("chemo", "both"),
        ("hormon", "both"),
    ]
    np.testing.assert_allclose([pair.p_value for pair in found], floats(reference["pair_p"]), rtol=1e-9)
    np.testing.assert_allclose([pair.adjusted for pair in found], floats(reference["holm"]), rtol=1e-9)


def test_follow_up_is_that_of_r() -> None:
    reference = golden("estimates", "follow_up")
    found = follow_up(node_positive().endpoints[0], CURVES)
    numbers = [found.reverse.value, found.reverse.lower, found.reverse.upper, found.observed_median, found.minimum]
    numbers += [found.maximum, found.person_years]
    names = ("reverse", "lower", "upper", "observed", "minimum", "maximum", "person_years")
    np.testing.assert_allclose(numbers, [reference[name] for name in names], rtol=CLOSED)


def test_follow_up_of_five_patients_by_hand() -> None:
    # Censored at 2, 4 and 6, dead at 1 and 5: the reverse curve falls at 2 to 3/4, at 4 to 1/2, at 6 to 0.
    found = follow_up(endpoint([1, 2, 4, 5, 6], [1, 0, 0, 1, 0]), CurveOptions(interval="log"))
    assert (found.reverse.value, found.observed_median) == (5.0, 4.0)  # 1/2 is met exactly: the middle of 4 and 6
    assert (found.minimum, found.maximum, found.person_years) == (1.0, 6.0, 1.5)


def test_who_all_died_have_no_median_follow_up() -> None:
    found = follow_up(endpoint([1, 2, 3], [1, 1, 1]), CURVES)
    assert np.isnan(found.reverse.value)
    assert found.observed_median == 2.0


def test_rate_and_number_at_risk_of_four_patients_by_hand() -> None:
    arm = arm_curve("Arm", np.array([10.0, 20.0, 20.0, 40.0]), np.array([True, True, False, True]), 20.0, CURVES)
    assert (arm.size, arm.events, arm.weight) == (4, 2 + 1, 4.0)
    assert arm.rate.survival[0] == pytest.approx(0.5)  # 3/4 x 2/3: the events at 20 come before the censoring
    assert arm.rate.at_risk[0] == 3
    assert arm.median.value == 30.0


def test_a_horizon_beyond_follow_up_is_not_known_and_nobody_is_at_risk() -> None:
    arm = arm_curve("Arm", np.array([10.0, 20.0]), np.array([True, False]), 60.0, CURVES)
    assert np.isnan([arm.rate.survival[0], arm.rate.lower[0], arm.rate.upper[0]]).all()
    assert arm.rate.at_risk[0] == 0


def test_a_group_without_events_keeps_its_curve_at_one() -> None:
    outcome = endpoint([1, 2, 3, 4, 5, 6], [1, 0, 1, 0, 0, 0])
    found = compare_curves(outcome, np.array([0, 1, 0, 1, 2, 2]), ("A", "B", "C"), 2.5, CURVES)
    assert found.arms[2].rate.survival[0] == 1
    assert np.isnan(found.arms[2].median.value)
    assert 0 <= found.test.p_value <= 1


def test_two_groups_without_an_event_between_them_have_no_test() -> None:
    outcome = endpoint([1, 2, 3, 4, 5, 6], [1, 1, 0, 0, 0, 0])
    found = compare_curves(outcome, np.array([0, 0, 1, 1, 2, 2]), ("A", "B", "C"), 2.5, CURVES)
    silent = found.pairwise[2]
    assert (silent.first, silent.second) == ("B", "C")
    assert np.isnan([silent.p_value, silent.adjusted]).all()
    known = [pair for pair in found.pairwise if pair is not silent]
    np.testing.assert_allclose([pair.adjusted for pair in known], holm([pair.p_value for pair in known]))


@given(seed=SEEDS)
@settings(max_examples=20)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(seed: int) -> None:
    design = random_cohort(seed, n=80)
    codes = np.random.default_rng(seed).integers(0, 4, design.size)
    codes[:4] = range(4)
    pairs = compare_curves(design.endpoints[0], codes, tuple("ABCD"), 36.0, CURVES).pairwise
    known = sorted((pair.p_value, pair.adjusted) for pair in pairs if pair.p_value == pair.p_value)
    assert all(raw <= adjusted <= 1 for raw, adjusted in known)
    assert [adjusted for _, adjusted in known] == sorted(adjusted for _, adjusted in known)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_groups_partition_patients_and_events(seed: int) -> None:
    design = random_cohort(seed)
    codes = design.subgroups[1].values.astype(int)
    labels = design.subgroups[1].levels
    present = np.unique(codes)
    found = compare_curves(
        design.endpoints[0], np.searchsorted(present, codes), [labels[code] for code in present], 36.0, CURVES
    )
    assert sum(arm.size for arm in found.arms) == design.size
    assert sum(arm.events for arm in found.arms) == design.endpoints[0].events
    np.testing.assert_allclose(found.test.expected.sum(), design.endpoints[0].events)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_follow_up_does_not_hang_on_the_order_of_the_rows(seed: int) -> None:
    outcome = random_cohort(seed).endpoints[0]
    order = np.random.default_rng(seed).permutation(outcome.time.size)
    one, other = follow_up(outcome, CURVES), follow_up(endpoint(outcome.time[order], outcome.event[order]), CURVES)
    assert (one.observed_median, one.minimum, one.maximum) == (other.observed_median, other.minimum, other.maximum)
    np.testing.assert_allclose(
        [one.reverse.value, one.reverse.lower, one.person_years],
        [other.reverse.value, other.reverse.lower, other.person_years],
        rtol=1e-12,
    )
    assert one.minimum <= one.observed_median <= one.maximum
    # Deaths cut the observed times short, so that the reverse median is never the smaller one.
    assert not one.reverse.value < one.observed_median


def test_two_groups_are_tested_by_one_chi_squared() -> None:
    outcome = endpoint([1, 2, 3, 4], [1, 1, 1, 1])
    found = compare_curves(outcome, np.array([0, 0, 1, 1]), ("A", "B"), 2.5, CURVES)
    # Expected in A: 2/4 + 1/3 = 5/6; variance 1/4 + 2/9 = 17/36; (2 - 5/6)^2 / (17/36) = 49/17.
    assert found.test.statistic == pytest.approx(49 / 17, rel=1e-12)
    assert found.test.p_value == pytest.approx(float(chdtrc(1, 49 / 17)), rel=1e-12)
