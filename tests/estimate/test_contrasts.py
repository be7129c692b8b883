import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.special import chdtrc

from counterpoise.balance import MatchOptions, WeightOptions
from counterpoise.design import Design
from counterpoise.errors import FitError
from counterpoise.estimate import (
    Adjustments,
    Contrast,
    adjust,
    arm_curve,
    rate_difference,
)
from counterpoise.estimate.matched import matched_sample
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.proportional_hazards import weighted_proportional_hazards_test
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at, survival_influence
from counterpoise.kernels.two_way import two_way_covariance
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import (
    CURVES,
    endpoint,
    make_design,
    node_positive,
    number,
    random_cohort,
    reorder,
    swap_arms,
    with_pairs,
)
from tests.estimate.comparisons import Compare, adjusted, matched, unadjusted, weighted

SEEDS = st.integers(0, 10_000)


# By hand -----------------------------------------------------------------------------------------------------------


def test_difference_of_rates_of_eight_patients_by_hand() -> None:
    # At 3: control 1 - 2/4 = 1/2, Greenwood sqrt(1/4 * 2/(4*2)) = 1/4; treated 3/4, sqrt(9/16 * 1/(4*3)) = sqrt(3)/8.
    control = arm_curve("Control", np.array([1.0, 1.0, 5.0, 6.0]), np.array([True, True, False, True]), 3.0, CURVES)
    treated = arm_curve("Treated", np.array([2.0, 5.0, 6.0, 7.0]), np.array([True, False, True, True]), 3.0, CURVES)
    found = rate_difference((control, treated), 0.95)
    std_error = np.sqrt(1 / 16 + 3 / 64)
    assert found.value == pytest.approx(0.25)
    assert found.std_error == pytest.approx(std_error)
    assert found.lower == pytest.approx(0.25 - 1.959963984540054 * std_error)
    assert found.upper == pytest.approx(0.25 + 1.959963984540054 * std_error)
    assert found.p_value == pytest.approx(0.449692, abs=1e-6)  # z = 0.755929


def test_difference_of_matched_rates_knows_its_pairs() -> None:
    """Move the weight of each pair in turn, both curves with it: the slow infinitesimal jackknife."""
    design = random_cohort(8, n=80)
    contrast = matched(design, adjustments := adjust(design, WeightOptions(), MatchOptions(), seed=1))
    pair, outcome = adjustments.matching.pair, design.endpoints[0]
    treated, step = design.treatment.received, 1e-6

    def difference(weights: Floats) -> float:
        rates = [
            survival_at(kaplan_meier(outcome.time[arm], outcome.event[arm], weights=weights[arm]), [60.0]).survival[0]
            for arm in ((pair >= 0) & treated, (pair >= 0) & ~treated)
        ]
        return float(rates[0] - rates[1])

    ones = np.ones(design.size)
    influence = [
        (difference(ones + step * (pair == p)) - difference(ones - step * (pair == p))) / (2 * step)
        for p in range(adjustments.matching.n_pairs)
    ]
    assert contrast.difference.value == pytest.approx(difference(ones), rel=1e-12)
    assert contrast.difference.std_error == pytest.approx(np.sqrt(np.square(influence).sum()), rel=1e-6)


def test_difference_without_events_has_no_p_value() -> None:
    arm = arm_curve("Arm", np.array([5.0, 6.0]), np.array([False, False]), 3.0, CURVES)
    found = rate_difference((arm, arm), 0.95)
    assert (found.value, found.std_error) == (0.0, 0.0)
    assert np.isnan(found.p_value)


def test_difference_beyond_follow_up_is_not_known() -> None:
    control = arm_curve("Control", np.array([1.0, 2.0]), np.array([True, False]), 3.0, CURVES)
    treated = arm_curve("Treated", np.array([1.0, 4.0]), np.array([True, False]), 3.0, CURVES)
    found = rate_difference((control, treated), 0.95)
    assert np.isnan([found.value, found.lower, found.upper, found.p_value]).all()


# No answer ---------------------------------------------------------------------------------------------------------


def one_sided() -> Design:
    """Deaths among the treated only, with a covariate that a score can be fitted to."""
    age = number("age", [40, 50, 60, 45, 55, 65, 42, 58])
    outcome = endpoint([5, 6, 7, 8, 9, 10, 11, 12], [1, 0, 1, 0, 1, 0, 1, 0])
    return make_design([1, 0, 1, 0, 1, 0, 1, 0], [outcome], score=[age])


@pytest.mark.parametrize("compare", [unadjusted, matched, weighted])
def test_an_arm_without_events_has_a_verdict_and_no_hazard_ratio(compare: Compare) -> None:
    contrast = compare(one_sided())
    assert contrast.verdict is Verdict.MONOTONE
    for ratio in (contrast.ratio, *contrast.others.values()):
        assert np.isnan([ratio.estimate, ratio.lower, ratio.upper, ratio.std_error, ratio.p_value]).all()
    assert np.isnan(contrast.proportional_p)
    assert 0 <= contrast.curve_p <= 1  # the score test needs no finite hazard ratio
    assert contrast.arms[0].curve.survival[-1] == 1


@pytest.mark.parametrize("compare", [unadjusted, matched, weighted])
def test_no_event_at_all_has_a_verdict_and_no_p_value(compare: Compare) -> None:
    design = one_sided()
    silent = make_design(
        design.treatment.received, [endpoint(design.endpoints[0].time, np.zeros(8))], score=design.score.covariates
    )
    contrast = compare(silent)
    assert contrast.verdict is Verdict.NO_EVENTS
    assert np.isnan([contrast.ratio.estimate, contrast.curve_p, contrast.difference.p_value]).all()


def test_no_pairs_are_no_comparison() -> None:
    design = random_cohort(1)
    adjustments = adjusted(design)
    none = np.full(design.size, -1)
    empty = with_pairs(adjustments.matching, none)
    with pytest.raises(FitError, match="within the caliper; widen it"):
        matched(design, replace(adjustments, matching=empty))


# Properties --------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, compare=st.sampled_from([unadjusted, weighted]))
@settings(max_examples=15)
def test_swapping_the_arms_inverts_the_hazard_ratio(seed: int, compare: Compare) -> None:
    design = random_cohort(seed)
    one, other = compare(design), compare(swap_arms(design))
    np.testing.assert_allclose(one.ratio.estimate, 1 / other.ratio.estimate, rtol=1e-6)
    np.testing.assert_allclose(one.ratio.std_error, other.ratio.std_error, rtol=1e-6)
    np.testing.assert_allclose(one.difference.value, -other.difference.value, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(one.curve_p, other.curve_p, rtol=1e-5)


@given(seed=SEEDS, order=st.randoms(use_true_random=False), compare=st.sampled_from([unadjusted, weighted, matched]))
@settings(max_examples=15)
def test_the_order_of_the_rows_changes_nothing(seed: int, order: random.Random, compare: Compare) -> None:
    design = random_cohort(seed)
    rows = list(range(design.size))
    order.shuffle(rows)
    one, other = compare(design), compare(reorder(design, np.array(rows)))
    found = [other.ratio.estimate, other.ratio.std_error, other.curve_p, other.difference.value, other.proportional_p]
    expected = [one.ratio.estimate, one.ratio.std_error, one.curve_p, one.difference.value, one.proportional_p]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)


@given(seed=SEEDS)
@settings(max_examples=10)
def test_stabilising_leaves_the_weighted_curves_and_the_robust_variance(seed: int) -> None:
    design = random_cohort(seed)
    plain, stable = (weighted(design, adjusted(design, stabilised=stabilised)) for stabilised in (False, True))
    # The curve of one arm does not see a common factor of its weights.
    for one, other in zip(plain.arms, stable.arms, strict=True):
        np.testing.assert_allclose(one.curve.survival, other.curve.survival, rtol=1e-10)
        np.testing.assert_allclose(one.rate.std_error, other.rate.std_error, rtol=1e-9)


@given(seed=SEEDS)
@settings(max_examples=10)
def test_matched_arms_have_one_patient_of_each_pair(seed: int) -> None:
    design = random_cohort(seed)
    contrast = matched(design, adjusted(design))
    assert contrast.arms[0].size == contrast.arms[1].size
    assert contrast.estimand in ("ATT", "matched treated")


@pytest.mark.parametrize(("left_out", "estimand"), [(0, "ATT"), (1, "matched treated")])
def test_matching_every_treated_patient_estimates_the_att(left_out: int, estimand: str) -> None:
    adjustments = adjusted(design := random_cohort(5))
    treated = np.flatnonzero(design.treatment.received)[left_out:]
    control = np.flatnonzero(~design.treatment.received)
    size = min(treated.size, control.size)
    assert left_out or size == treated.size
    pair = np.full(design.size, -1)
    pair[treated[:size]] = pair[control[:size]] = np.arange(size)
    matching = with_pairs(adjustments.matching, pair)
    assert matched(design, replace(adjustments, matching=matching)).estimand == estimand


@pytest.mark.parametrize("compare", [matched, weighted])
def test_patients_without_a_score_take_no_part(compare: Compare) -> None:
    design = random_cohort(6)
    age, *others = design.score.covariates
    known = np.ones(design.size, dtype=bool)
    known[[0, 7, 20]] = False
    outcome = design.endpoints[0]
    lacking = replace(age, values=np.where(known, age.values, np.nan))
    partial = make_design(design.treatment.received, [outcome], score=[lacking, *others])
    complete = make_design(
        design.treatment.received[known],
        [endpoint(outcome.time[known], outcome.event[known])],
        score=[replace(item, values=item.values[known]) for item in design.score.covariates],
        ids=[name for name, there in zip(design.ids, known, strict=True) if there],
    )
    one, other = compare(partial), compare(complete)
    assert (one.ratio, one.curve_p, one.difference) == (other.ratio, other.curve_p, other.difference)
    assert [arm.size for arm in one.arms] == [arm.size for arm in other.arms]


def test_weighted_events_are_counted_in_patients() -> None:
    design = node_positive()
    contrast = weighted(design)
    event, treated = design.endpoints[0].event, design.treatment.received
    assert [arm.events for arm in contrast.arms] == [int(event[~treated].sum()), int(event[treated].sum())]
    assert [arm.size for arm in contrast.arms] == [1207, 339]


# Controls used again -----------------------------------------------------------------------------------------------


def replaced(seed: int, ratio: int) -> tuple[Design, Adjustments, Contrast]:
    design = random_cohort(seed, 90)
    adjustments = adjust(design, WeightOptions(), MatchOptions(replacement=True, ratio=ratio, caliper=None), seed)
    return design, adjustments, matched(design, adjustments)


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 3]))
@settings(max_examples=20, deadline=None)
def test_curves_of_controls_used_again_have_the_two_way_variance(seed: int, ratio: int) -> None:
    design, adjustments, contrast = replaced(seed, ratio)
    sample = matched_sample(adjustments.matching, adjustments.rows)
    assert sample.cluster is not None
    assert sample.patient is not None
    arm = ~design.treatment.received[sample.rows]
    time, event = (values[sample.rows][arm] for values in (design.endpoints[0].time, design.endpoints[0].event))
    curve, horizon = contrast.arms[0].curve, float(contrast.arms[0].rate.time[0])
    # Beyond the last time of the arm its curve is not known.
    assume(horizon <= time.max())
    influence = survival_influence(
        time, event, horizon, weights=None if sample.weights is None else sample.weights[arm]
    )
    variance = float(two_way_covariance(influence, sample.cluster[arm], sample.patient[arm])[0, 0])
    expected = np.sqrt(variance) if variance >= 0 else np.nan
    np.testing.assert_allclose(contrast.arms[0].rate.std_error[0], expected, rtol=1e-9, atol=1e-9)
    if ratio == 1:
        own = np.flatnonzero(adjustments.matching.weights * ~adjustments.matching.sets.treatment)
        once = kaplan_meier(
            design.endpoints[0].time[adjustments.rows[own]],
            design.endpoints[0].event[adjustments.rows[own]],
            weights=adjustments.matching.weights[own],
            robust=True,
        )
        np.testing.assert_allclose(curve.std_error, once.std_error, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ratio", [1, 2])
def test_proportional_hazards_of_controls_used_again_are_tested_by_set_and_patient(ratio: int) -> None:
    design, adjustments, contrast = replaced(4, ratio)
    sample = matched_sample(adjustments.matching, adjustments.rows)
    assert sample.cluster is not None
    assert sample.patient is not None
    endpoint_, rows = design.endpoints[0], sample.rows
    both = sample.cluster * design.size + sample.patient
    tests = [
        weighted_proportional_hazards_test(
            endpoint_.time[rows], endpoint_.event[rows], design.treatment.received[rows], sample.weights, cluster=labels
        )
        for labels in (sample.cluster, sample.patient, both)
    ]
    variance = tests[0].std_error ** 2 + tests[1].std_error ** 2 - tests[2].std_error ** 2
    assert contrast.proportional_p == pytest.approx(chdtrc(1, tests[0].coefficient ** 2 / variance), rel=1e-10)
