"""Weighted effects without each patient, against fits of one smaller cohort after another."""

from dataclasses import replace

import numpy as np
import pytest

from counterpoise.balance import Estimand, MatchOptions, WeightOptions
from counterpoise.design import Design
from counterpoise.estimate import CORRECTED, LEFT_OUT, STACKED, Adjustments, adjust, refitted, weighted_contrast
from counterpoise.estimate.contrasts import FIXED_WEIGHT_ROBUST
from counterpoise.estimate.refitted import left_out_effects
from counterpoise.estimate.stacked import stacked_influence
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.weighting.estimands import balancing_weights
from tests.estimate.cohorts import CURVES, random_cohort

HORIZON = 24.0


def adjusted(design: Design, estimand: Estimand = "ATE", **options: object) -> Adjustments:
    weights = WeightOptions.model_validate({"estimand": estimand, "stabilised": False, **options})
    return adjust(design, weights, MatchOptions(caliper=None), seed=1)


def slow_loop(design: Design, estimand: Estimand) -> tuple[Floats, Floats]:
    treated, x, endpoint = design.treatment.received, design.score.x, design.endpoints[0]
    log_ratios: list[float] = []
    differences: list[float] = []
    for left in range(design.size):
        kept = np.arange(design.size) != left
        time, event, arm = endpoint.time[kept], endpoint.event[kept], treated[kept]
        weights = balancing_weights(logistic(arm, x[kept]).probability, arm, estimand=estimand, stabilised=False)
        log_ratios.append(float(cox(time, event, arm.astype(float), weights=weights).coefficients[0]))
        rates = [
            float(survival_at(kaplan_meier(time[m], event[m], weights=weights[m]), [HORIZON]).survival[0])
            for m in (~arm, arm)
        ]
        differences.append(rates[1] - rates[0])
    return np.array(log_ratios), np.array(differences)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO"])
def test_effects_without_each_patient_are_those_of_the_smaller_cohorts(estimand: Estimand) -> None:
    design = random_cohort(21, n=70)
    found = left_out_effects(design, adjusted(design, estimand), HORIZON, "efron")[design.endpoints[0].name]
    log_ratios, differences = slow_loop(design, estimand)
    np.testing.assert_allclose(found.log_hazard_ratio, log_ratios, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.difference, differences, rtol=1e-7, atol=1e-9)


def test_the_leading_errors_are_those_of_the_definition() -> None:
    design = random_cohort(22, n=70)
    adjustments, endpoint = adjusted(design), design.endpoints[0]
    left_out = left_out_effects(design, adjustments, HORIZON, "efron")[endpoint.name]
    contrast = weighted_contrast(design, endpoint, adjustments, HORIZON, CURVES, "efron", left_out)
    treated = design.treatment.received.astype(float)
    fit = cox(endpoint.time, endpoint.event, treated, weights=adjustments.weighting.weights, robust=True)
    own, without = stacked_influence(fit, adjustments), left_out.log_hazard_ratio
    n, (contrasted, shift) = design.size, (contrast.difference.std_error, left_out.difference)
    assert (contrast.variance, contrast.difference_variance) == (CORRECTED, LEFT_OUT)
    assert contrast.ratio.std_error == pytest.approx(float(own @ (without.mean() - without)) ** 0.5, rel=1e-9)
    assert contrasted == pytest.approx(((n - 1) / n * np.square(shift - shift.mean()).sum()) ** 0.5, rel=1e-9)
    assert contrast.others[STACKED].std_error == pytest.approx(float(own @ own) ** 0.5, rel=1e-9)


def test_truncated_weights_and_large_cohorts_are_not_refitted(monkeypatch: pytest.MonkeyPatch) -> None:
    design = random_cohort(23, n=70)
    assert left_out_effects(design, adjusted(design, truncate=(0.05, 0.95)), HORIZON, "efron") == {}
    monkeypatch.setattr(refitted, "MOST_LEFT_OUT", 69)
    assert left_out_effects(design, adjusted(design), HORIZON, "efron") == {}


def test_where_a_replicate_has_no_answer_the_difference_keeps_the_fixed_variance() -> None:
    design = random_cohort(24, n=70)
    adjustments, endpoint = adjusted(design), design.endpoints[0]
    left_out = left_out_effects(design, adjustments, HORIZON, "efron")[endpoint.name]
    broken = replace(left_out, difference=np.where(np.arange(70) == 3, np.nan, left_out.difference))
    contrast = weighted_contrast(design, endpoint, adjustments, HORIZON, CURVES, "efron", broken)
    assert contrast.difference_variance == FIXED_WEIGHT_ROBUST
