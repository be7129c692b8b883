import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import chdtrc

from counterpoise.balance import Matching, MatchOptions, WeightOptions
from counterpoise.balance.weight import Estimand
from counterpoise.design import Design
from counterpoise.errors import FitError
from counterpoise.estimate import (
    FIXED_WEIGHT_ROBUST,
    MODEL_BASED,
    NAIVE,
    PAIR_ROBUST,
    STACKED,
    Adjustments,
    Contrast,
    CurveOptions,
    adjust,
    arm_curve,
    matched_contrast,
    rate_difference,
    unadjusted_contrast,
    weighted_contrast,
)
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import Ties
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import (
    CURVES,
    endpoint,
    everyone,
    make_design,
    node_positive,
    number,
    random_cohort,
    reorder,
    swap_arms,
    with_pairs,
)
from tests.golden import floats, golden, rotterdam

Compare = Callable[[Design], Contrast]
SEEDS = st.integers(0, 10_000)
ITERATED = 1e-8
CLOSED = 1e-10
WEIGHTINGS: dict[str, tuple[Estimand, bool]] = {
    "ATE": ("ATE", False),
    "stabilised": ("ATE", True),
    "ATT": ("ATT", False),
    "ATC": ("ATC", False),
    "ATO": ("ATO", False),
}


def adjusted(design: Design, estimand: Estimand = "ATE", *, stabilised: bool = False) -> Adjustments:
    return adjust(design, WeightOptions(estimand=estimand, stabilised=stabilised), MatchOptions(), seed=1)


def unadjusted(design: Design) -> Contrast:
    return unadjusted_contrast(design, design.endpoints[0], 60.0, CURVES, "efron")


def weighted(design: Design, adjustments: Adjustments | None = None) -> Contrast:
    return weighted_contrast(design, design.endpoints[0], adjustments or adjusted(design), 60.0, CURVES, "efron")


def matched(design: Design, adjustments: Adjustments | None = None) -> Contrast:
    made = adjustments or adjust(design, WeightOptions(), MatchOptions(caliper=None), seed=1)
    return matched_contrast(design, design.endpoints[0], made, 60.0, CURVES, "efron")


def assert_curves_equal_r(contrast: Contrast, reference: dict[str, list[float]], *, rtol: float) -> None:
    for field, name in (
        ("survival", "rate"),
        ("std_error", "std_error"),
        ("lower", "lower"),
        ("upper", "upper"),
        ("at_risk", "at_risk"),
    ):
        found = [getattr(arm.rate, field)[0] for arm in contrast.arms]
        np.testing.assert_allclose(found, floats(reference[name]), rtol=rtol, err_msg=field)
    for field, name in (("value", "median"), ("lower", "median_lower"), ("upper", "median_upper")):
        found = [getattr(arm.median, field) for arm in contrast.arms]
        np.testing.assert_allclose(found, floats(reference[name]), rtol=CLOSED, err_msg=field)


# Against R ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_weighted_comparison_is_that_of_r_from_score_to_interval(name: str) -> None:
    design, reference = node_positive(), golden("estimates", f"weighted_{name}")
    estimand, stabilised = WEIGHTINGS[name]
    contrast = weighted(design, adjusted(design, estimand, stabilised=stabilised))
    assert (contrast.estimand, contrast.variance, contrast.verdict) == (
        estimand,
        FIXED_WEIGHT_ROBUST,
        Verdict.CONVERGED,
    )
    ratio = contrast.ratio
    found = [ratio.log_estimate, ratio.std_error, ratio.lower, ratio.upper, ratio.p_value]
    expected = [reference[key] for key in ("coef", "robust_se", "hr_lower", "hr_upper", "p")]
    np.testing.assert_allclose(found, expected, rtol=ITERATED)
    np.testing.assert_allclose(contrast.others[NAIVE].std_error, reference["naive_se"], rtol=ITERATED)
    assert contrast.others[NAIVE].estimate == contrast.others[STACKED].estimate == ratio.estimate
    np.testing.assert_allclose(contrast.curve_p, reference["robust_score_p"], rtol=ITERATED)
    np.testing.assert_allclose([arm.weight for arm in contrast.arms], floats(reference["weight"]), rtol=ITERATED)
    assert_curves_equal_r(contrast, reference, rtol=ITERATED)


def test_weighted_comparison_of_another_endpoint_is_that_of_r() -> None:
    design, reference = node_positive(), golden("estimates", "weighted_rfs_ATE")
    contrast = weighted_contrast(design, design.endpoints[1], adjusted(design), 60.0, CURVES, "efron")
    found = [contrast.ratio.log_estimate, contrast.ratio.std_error, contrast.curve_p]
    np.testing.assert_allclose(
        found, [reference[key] for key in ("coef", "robust_se", "robust_score_p")], rtol=ITERATED
    )
    assert_curves_equal_r(contrast, reference, rtol=ITERATED)


@pytest.mark.parametrize(
    ("key", "estimand", "position"), [("np_cox_iptw_w_ate", "ATE", 0), ("np_cox_iptw_rfs_w_att", "ATT", 1)]
)
def test_weighted_hazard_ratio_is_that_of_the_reference_set(key: str, estimand: Estimand, position: int) -> None:
    design, reference = node_positive(), golden("outcomes", key)
    contrast = weighted_contrast(design, design.endpoints[position], adjusted(design, estimand), 60.0, CURVES, "efron")
    np.testing.assert_allclose(contrast.ratio.log_estimate, reference["coef"][0], rtol=ITERATED)
    np.testing.assert_allclose(contrast.ratio.std_error, reference["robust_se"][0], rtol=ITERATED)
    np.testing.assert_allclose(contrast.others[NAIVE].std_error, reference["se"][0], rtol=ITERATED)
    np.testing.assert_allclose(contrast.ratio.p_value, reference["p"][0], rtol=1e-7)  # p multiplies errors of z by z^2


@pytest.mark.parametrize(
    ("key", "estimand", "ties"),
    [
        ("cox_iptw_w_ate", "ATE", "efron"),
        ("cox_iptw_w_att", "ATT", "efron"),
        ("cox_iptw_w_ato", "ATO", "efron"),
        ("cox_iptw_breslow_w_att", "ATT", "breslow"),
        ("cox_iptw_breslow_w_ato", "ATO", "breslow"),
    ],
)
def test_weighted_hazard_ratio_of_the_whole_cohort_is_that_of_the_reference_set(
    key: str, estimand: Estimand, ties: Ties
) -> None:
    design, reference = everyone(), golden("outcomes", key)
    found = weighted_contrast(design, design.endpoints[0], adjusted(design, estimand), 60.0, CURVES, ties)
    np.testing.assert_allclose(found.ratio.log_estimate, reference["coef"][0], rtol=ITERATED)
    np.testing.assert_allclose(found.ratio.std_error, reference["robust_se"][0], rtol=ITERATED)
    np.testing.assert_allclose(found.others[NAIVE].std_error, reference["se"][0], rtol=ITERATED)


@pytest.mark.parametrize(("key", "estimand"), [("w_ate", "ATE"), ("w_att", "ATT"), ("w_ato", "ATO")])
@pytest.mark.parametrize("horizon", [12.0, 36.0, 60.0, 120.0])
def test_weighted_curves_are_those_of_the_reference_set(key: str, estimand: Estimand, horizon: float) -> None:
    design, reference = node_positive(), golden("outcomes", f"np_km_iptw_{key}")
    curves = CurveOptions(interval="log")
    contrast = weighted_contrast(design, design.endpoints[0], adjusted(design, estimand), horizon, curves, "efron")
    place = np.flatnonzero(floats(reference["time"]) == horizon)
    for field, name in (("survival", "surv"), ("std_error", "std_err"), ("lower", "lower"), ("upper", "upper")):
        found = [getattr(arm.rate, field)[0] for arm in contrast.arms]
        np.testing.assert_allclose(found, floats(reference[name])[place], rtol=ITERATED, err_msg=field)


def pairs_of_matchit() -> Matching:
    """The pairs that MatchIt made, as a record of this package."""
    reference = golden("outcomes", "np_matched_cohort")
    row_of = {float(pid): row for row, pid in enumerate(rotterdam(node_positive=True)["pid"])}
    pair = np.full(len(row_of), -1)
    for pid, subclass in zip(reference["pid"], reference["subclass"], strict=True):
        pair[row_of[float(pid)]] = int(subclass) - 1
    return with_pairs(adjusted(node_positive()).matching, pair)


def test_matched_comparison_is_that_of_r() -> None:
    design, reference = node_positive(), golden("estimates", "matched")
    contrast = matched(design, replace(adjusted(design), matching=pairs_of_matchit()))
    ratio = contrast.ratio
    assert contrast.variance == PAIR_ROBUST
    found = [ratio.log_estimate, ratio.std_error, ratio.lower, ratio.upper, ratio.p_value, contrast.curve_p]
    expected = [reference[key] for key in ("coef", "robust_se", "hr_lower", "hr_upper", "p", "robust_score_p")]
    np.testing.assert_allclose(found, expected, rtol=ITERATED)
    np.testing.assert_allclose(contrast.others[MODEL_BASED].std_error, reference["model_se"], rtol=ITERATED)
    np.testing.assert_allclose(contrast.proportional_p, reference["zph_p"], rtol=ITERATED)
    assert_curves_equal_r(contrast, reference, rtol=CLOSED)
    assert [arm.size for arm in contrast.arms] == reference["n"]


def test_own_pairs_are_as_close_as_those_of_matchit() -> None:
    design, reference = node_positive(), golden("outcomes", "np_matched_cohort")
    adjustments = adjust(design, WeightOptions(), MatchOptions(caliper_sd="overall"), seed=1)
    assert adjustments.matching.n_pairs == len(set(reference["subclass"]))
    contrast = matched(design, adjustments)
    expected = golden("estimates", "matched")
    np.testing.assert_allclose(contrast.ratio.log_estimate, expected["coef"], atol=0.03)  # controls that tie differ


def test_unadjusted_comparison_is_that_of_r() -> None:
    contrast = unadjusted(node_positive())
    reference = golden("outcomes", "np_unadjusted_cox")
    np.testing.assert_allclose(contrast.ratio.log_estimate, reference["coef"][0], rtol=ITERATED)
    np.testing.assert_allclose(contrast.ratio.std_error, reference["se"][0], rtol=ITERATED)
    assert (contrast.variance, contrast.others, contrast.curve_test) == (MODEL_BASED, {}, "log-rank test")
    chi_squared = golden("outcomes", "np_unadjusted_logrank")["chisq"]
    np.testing.assert_allclose(contrast.curve_p, chdtrc(1, chi_squared), rtol=CLOSED)
    assert_curves_equal_r(contrast, golden("estimates", "curves_hormon"), rtol=CLOSED)
    zph = golden("estimates", "univariable_hormon")["zph_p"]
    np.testing.assert_allclose(contrast.proportional_p, zph[0], rtol=ITERATED)


def test_difference_of_rates_is_that_of_r() -> None:
    reference, difference = golden("estimates", "difference_60"), unadjusted(node_positive()).difference
    found = [difference.value, difference.std_error, difference.lower, difference.upper, difference.p_value]
    expected = [reference[key] for key in ("value", "std_error", "lower", "upper", "p")]
    np.testing.assert_allclose(found, expected, rtol=1e-9)  # a difference of two curves, each to 1e-13


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
