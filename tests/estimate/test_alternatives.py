from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.balance import AlternativeOptions, MatchOptions, WeightOptions
from counterpoise.design import Design
from counterpoise.estimate import AlternativeAnalysis, adjust, alternative_analyses, stacked_std_error
from counterpoise.kernels.cox.fit import cox
from tests.estimate.cohorts import flag, node_positive, random_cohort, reorder, swap_arms, terms
from tests.golden import golden
from tests.golden.agreement import agrees

WEIGHTS = WeightOptions(stabilised=False)
SEEDS = st.integers(0, 10_000)


def under(
    design: Design, *options: AlternativeOptions, weights: WeightOptions = WEIGHTS, horizon: float = 24.0
) -> tuple[AlternativeAnalysis, ...]:
    adjusted = adjust(design, weights, MatchOptions(), seed=1)
    return alternative_analyses(design, adjusted, weights, options, horizon, ties="efron", confidence=0.95)


def wanted(name: str = "other", **options: object) -> AlternativeOptions:
    return AlternativeOptions.model_validate({"name": name, **options})


def test_nothing_is_made_where_nothing_is_asked_for() -> None:
    assert under(random_cohort(1, 120)) == ()


@pytest.mark.parametrize("estimand", ["att", "ato"])
def test_effects_are_those_of_the_reference_set(estimand: str) -> None:
    """Rotterdam, node-positive: the fixed-weight robust hazard ratio and survival at 60 months."""
    (_, found) = under(node_positive(), wanted(estimand=estimand.upper()), horizon=60.0)
    curves = golden("outcomes", f"np_km_iptw_w_{estimand}")
    at_60 = [index for index, time in enumerate(curves["time"]) if time == 60]
    agrees(
        "Weighted effects: survival of the plan's alternatives",
        "outcomes",
        f"np_km_iptw_w_{estimand}",
        found.effects[0].rates,
        np.array(curves["surv"])[at_60],
        tolerance=1e-8,
    )
    assert found.label == "Weights, logistic score"
    if estimand == "att":
        expected = golden("outcomes", "np_cox_iptw_rfs_w_att")
        effect = found.effects[1]
        agrees(
            "Weighted effects: hazard ratio of the plan's alternatives",
            "outcomes",
            "np_cox_iptw_rfs_w_att",
            [effect.fixed.log_estimate, effect.fixed.std_error],
            [expected["coef"][0], expected["robust_se"][0]],
            tolerance=1e-8,
        )


@settings(max_examples=10)
@given(seed=SEEDS, estimand=st.sampled_from(["ATE", "ATT", "ATC", "ATO"]), stabilised=st.booleans())
def test_the_main_weighting_is_the_weighted_comparison(seed: int, estimand: str, stabilised: bool) -> None:
    design = random_cohort(seed, 120)
    weights = WeightOptions.model_validate({"estimand": estimand, "stabilised": stabilised and estimand == "ATE"})
    adjusted = adjust(design, weights, MatchOptions(), seed=1)
    main, _ = under(design, wanted(), weights=weights)
    for effect, endpoint in zip(main.effects, design.endpoints, strict=True):
        rows = adjusted.rows
        treated = design.treatment.received[rows].astype(float)
        fit = cox(endpoint.time[rows], endpoint.event[rows], treated, weights=adjusted.weighting.weights)
        np.testing.assert_allclose(effect.ratio.log_estimate, fit.coefficients[0], rtol=1e-8)
        np.testing.assert_allclose(effect.fixed.std_error, fit.std_error[0], rtol=1e-8)
        np.testing.assert_allclose(effect.ratio.std_error, stacked_std_error(fit, adjusted), rtol=1e-7)


@settings(max_examples=6)
@given(seed=SEEDS)
def test_the_order_of_the_rows_changes_nothing_and_swapped_arms_turn_the_effect_round(seed: int) -> None:
    design = random_cohort(seed, 120)
    options = wanted(score="firth"), wanted("dr", method="doubly robust")
    order = np.random.default_rng(seed).permutation(design.size)
    for one, other in zip(under(design, *options), under(reorder(design, order), *options), strict=True):
        for a, b in zip(one.effects, other.effects, strict=True):
            np.testing.assert_allclose(a.difference.value, b.difference.value, rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(a.ratio.log_estimate, b.ratio.log_estimate, rtol=1e-7, atol=1e-9)
    for one, other in zip(under(design, *options), under(swap_arms(design), *options), strict=True):
        for a, b in zip(one.effects, other.effects, strict=True):
            np.testing.assert_allclose(a.difference.value, -b.difference.value, rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(a.ratio.log_estimate, -b.ratio.log_estimate, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("score", ["covariate balancing", "entropy balancing", "tilting"])
def test_what_balances_exactly_leaves_no_difference(score: str) -> None:
    (_, found) = under(random_cohort(3, 200), wanted(score=score))
    assert found.adjustment.reason == ""
    assert found.adjustment.largest < 1e-6


def test_a_separating_covariate_is_the_reason_and_firth_has_an_answer() -> None:
    design = random_cohort(1, 120)
    adjusted = adjust(design, WEIGHTS, MatchOptions(), seed=1)
    telling = flag("telling", design.treatment.received)
    adjusted = replace(adjusted, balance=replace(adjusted.balance, scale=np.append(adjusted.balance.scale, 0.5)))
    parted = replace(design, score=terms([*design.score.covariates, telling], design.size))
    options = wanted(), wanted("firth", score="firth"), wanted("balanced", score="entropy balancing")
    found = alternative_analyses(parted, adjusted, WEIGHTS, options, 24.0, ties="efron", confidence=0.95)
    by_name = {item.name: item for item in found}
    assert "telling" in by_name["other"].adjustment.reason
    assert by_name["other"].effects == ()
    assert by_name["balanced"].adjustment.reason
    assert by_name["firth"].effects


def test_trimmed_patients_are_counted_by_arm() -> None:
    design = random_cohort(2, 300)
    (_, found) = under(design, wanted(trim="symmetric", trim_at=0.25))
    assert sum(found.adjustment.trimmed) == design.size - found.rows.size > 0
    assert found.label == "Weights, logistic score, trimmed (symmetric)"
    gone = np.setdiff1d(np.arange(design.size), found.rows)
    assert found.adjustment.trimmed[1] == int(design.treatment.received[gone].sum())


def test_a_horizon_beyond_the_follow_up_is_said_and_leaves_the_hazard_ratio() -> None:
    found = under(random_cohort(4, 120), wanted(), wanted("dr", method="doubly robust"), horizon=10_000.0)
    weighted, robust = found[1].effects[0], found[2].effects[0]
    assert weighted.ratio.estimate > 0
    assert np.isnan([weighted.mean_difference.value, robust.mean_difference.value]).all()
    assert any("restricted mean" in reason for reason in weighted.reasons)
    assert robust.reasons
