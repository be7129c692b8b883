"""The comparisons of a cohort against R, from the score to the interval."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import chdtrc

from counterpoise.balance import Matching, MatchOptions, WeightOptions
from counterpoise.balance.weight import Estimand
from counterpoise.estimate import (
    FIXED_WEIGHT_ROBUST,
    MODEL_BASED,
    NAIVE,
    PAIR_ROBUST,
    STACKED,
    Contrast,
    CurveOptions,
    adjust,
    weighted_contrast,
)
from counterpoise.kernels.cox.fit import Ties
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import (
    CURVES,
    everyone,
    node_positive,
    with_pairs,
)
from tests.estimate.comparisons import adjusted, matched, unadjusted, weighted
from tests.golden import floats, golden, rotterdam

ITERATED = 1e-8
CLOSED = 1e-10
WEIGHTINGS: dict[str, tuple[Estimand, bool]] = {
    "ATE": ("ATE", False),
    "stabilised": ("ATE", True),
    "ATT": ("ATT", False),
    "ATC": ("ATC", False),
    "ATO": ("ATO", False),
}


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
        STACKED,
        Verdict.CONVERGED,
    )
    ratio = contrast.others[FIXED_WEIGHT_ROBUST]
    found = [ratio.log_estimate, ratio.std_error, ratio.lower, ratio.upper, ratio.p_value]
    expected = [reference[key] for key in ("coef", "robust_se", "hr_lower", "hr_upper", "p")]
    np.testing.assert_allclose(found, expected, rtol=ITERATED)
    np.testing.assert_allclose(contrast.others[NAIVE].std_error, reference["naive_se"], rtol=ITERATED)
    assert contrast.others[NAIVE].estimate == contrast.ratio.estimate == ratio.estimate
    np.testing.assert_allclose(contrast.curve_p, reference["robust_score_p"], rtol=ITERATED)
    np.testing.assert_allclose([arm.weight for arm in contrast.arms], floats(reference["weight"]), rtol=ITERATED)
    assert_curves_equal_r(contrast, reference, rtol=ITERATED)


def test_weighted_comparison_of_another_endpoint_is_that_of_r() -> None:
    design, reference = node_positive(), golden("estimates", "weighted_rfs_ATE")
    contrast = weighted_contrast(design, design.endpoints[1], adjusted(design), 60.0, CURVES, "efron")
    robust = contrast.others[FIXED_WEIGHT_ROBUST]
    found = [robust.log_estimate, robust.std_error, contrast.curve_p]
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
    np.testing.assert_allclose(contrast.others[FIXED_WEIGHT_ROBUST].std_error, reference["robust_se"][0], rtol=ITERATED)
    np.testing.assert_allclose(contrast.others[NAIVE].std_error, reference["se"][0], rtol=ITERATED)
    p_value = contrast.others[FIXED_WEIGHT_ROBUST].p_value
    np.testing.assert_allclose(p_value, reference["p"][0], rtol=1e-7)  # p multiplies errors of z by z^2


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
    np.testing.assert_allclose(found.others[FIXED_WEIGHT_ROBUST].std_error, reference["robust_se"][0], rtol=ITERATED)
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
