"""All groups weighted to one population."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.balance import GroupWeightOptions, MatchOptions, WeightOptions
from counterpoise.design import Design, Groups
from counterpoise.design.factorial import Factorial
from counterpoise.estimate import (
    FIXED_WEIGHT_ROBUST,
    STACKED,
    Analyses,
    CurveOptions,
    WeightedGroups,
    adjust,
    weighted_contrast,
    weighted_groups,
    weighted_groups_problem,
)
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import analysed, flag, number, random_cohort, reorder, terms

SEEDS = st.integers(0, 10_000)
CURVES = CurveOptions()


def under(design: Design, horizon: float = 24.0, **options: Any) -> WeightedGroups:
    found = weighted_groups(design, GroupWeightOptions.model_validate(options), horizon, CURVES, "efron")
    assert found is not None
    return found


def grouped(seed: int, n: int = 160, labels: tuple[str, ...] = ("A", "B", "C")) -> Design:
    """A random cohort in groups that its first covariate bears on."""
    design = random_cohort(seed, n)
    age = design.score.covariates[0].values
    lean = np.random.default_rng(seed + 100_000).normal(size=n) + (age - age.mean()) / age.std() / 2
    codes = np.searchsorted(np.quantile(lean, np.arange(1, len(labels)) / len(labels)), lean)
    return replace(design, groups=Groups("Group", labels, codes))


def crossed(seed: int, n: int = 200) -> Design:
    """The same, of two treatments and neither; numbered other than the kernel numbers them."""
    design = grouped(seed, n, ("both", "one", "other", "neither"))
    assert design.groups is not None
    codes = design.groups.codes
    pair = Factorial(flag("one", np.isin(codes, (0, 1))), flag("other", np.isin(codes, (0, 2))))
    return replace(design, factorial=pair)


def values(found: WeightedGroups) -> np.ndarray:
    """Log hazard ratios, their standard errors, rates and tests, of every endpoint."""
    return np.array(
        [
            value
            for comparison in found.comparisons
            for value in (
                *(pair.ratio.stacked.log_estimate for pair in comparison.pairs),
                *(pair.ratio.stacked.std_error for pair in comparison.pairs),
                *(pair.ratio.fixed.std_error for pair in comparison.pairs),
                *(pair.difference.std_error for pair in comparison.pairs),
                *(rate.value for rate in comparison.rates),
                *(rate.std_error for rate in comparison.rates),
                comparison.test.stacked_p_value,
            )
        ]
    )


def test_nothing_is_made_where_nothing_is_asked_for_or_there_are_no_groups() -> None:
    assert weighted_groups(grouped(1), None, 24.0, CURVES, "efron") is None
    assert weighted_groups(random_cohort(1), GroupWeightOptions(), 24.0, CURVES, "efron") is None
    assert weighted_groups_problem(grouped(1), None) == ""
    assert weighted_groups_problem(grouped(1), GroupWeightOptions()) == ""


@settings(max_examples=8)
@given(seed=SEEDS, estimand=st.sampled_from(["ATE", "ATO"]))
def test_two_groups_are_the_two_weighted_arms(seed: int, estimand: str) -> None:
    design = random_cohort(seed, 120)
    arms = Groups("Arm", ("control", "treated"), design.treatment.received.astype(int))
    found = under(replace(design, groups=arms), estimand=estimand)
    weights = WeightOptions.model_validate({"estimand": estimand, "stabilised": False})
    adjusted = adjust(design, weights, MatchOptions(), seed=1)
    contrast = weighted_contrast(design, design.endpoints[0], adjusted, 24.0, CURVES, "efron")
    comparison = found.comparisons[0]
    (pair,) = comparison.pairs
    assert contrast.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(found.weighting.effective_sizes, adjusted.weighting.effective_sample_size, rtol=1e-9)
    np.testing.assert_allclose(pair.ratio.fixed.log_estimate, contrast.ratio.log_estimate, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(pair.ratio.fixed.std_error, contrast.others[FIXED_WEIGHT_ROBUST].std_error, rtol=1e-7)
    assert contrast.variance == STACKED
    stacked = contrast.ratio
    np.testing.assert_allclose(pair.ratio.stacked.std_error, stacked.std_error, rtol=1e-7)
    np.testing.assert_allclose(pair.difference.value, contrast.difference.value, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(comparison.test.fixed_p_value, contrast.curve_p, rtol=1e-6)
    np.testing.assert_allclose(pair.adjusted, stacked.p_value, rtol=1e-7)


@settings(max_examples=6)
@given(seed=SEEDS, estimand=st.sampled_from(["ATE", "ATO", "ATM", "ATEN"]), penalty=st.sampled_from([0.0, 2.0]))
def test_the_order_of_the_rows_changes_nothing(seed: int, estimand: str, penalty: float) -> None:
    design = grouped(seed)
    order = np.random.default_rng(seed).permutation(design.size)
    one, other = (under(d, estimand=estimand, penalty=penalty) for d in (design, reorder(design, order)))
    np.testing.assert_allclose(values(one), values(other), rtol=1e-6, atol=1e-9)


@settings(max_examples=6)
@given(seed=SEEDS, order=st.permutations(range(3)), penalty=st.sampled_from([0.0, 2.0]))
def test_the_numbering_of_the_groups_changes_nothing_but_the_order(seed: int, order: list[int], penalty: float) -> None:
    design = grouped(seed)
    assert design.groups is not None
    renamed = tuple(design.groups.labels[place] for place in np.argsort(order))
    turned = replace(design, groups=Groups("Group", renamed, np.array(order)[design.groups.codes]))
    one, other = (under(d, estimand="ATO", penalty=penalty).comparisons[0] for d in (design, turned))
    rates = [other.rates[place] for place in order]
    np.testing.assert_allclose([r.value for r in one.rates], [r.value for r in rates], rtol=1e-8)
    np.testing.assert_allclose([r.std_error for r in one.rates], [r.std_error for r in rates], rtol=1e-6)
    np.testing.assert_allclose(one.test.stacked_statistic, other.test.stacked_statistic, rtol=1e-6)
    there = {(pair.first, pair.second): pair for pair in other.pairs}
    for pair in one.pairs:
        ends = order[pair.first], order[pair.second]
        sign = 1 if ends in there else -1
        same = there[ends if sign == 1 else (ends[1], ends[0])]
        np.testing.assert_allclose(pair.ratio.stacked.log_estimate, sign * same.ratio.stacked.log_estimate, atol=1e-8)
        np.testing.assert_allclose(pair.ratio.stacked.std_error, same.ratio.stacked.std_error, rtol=1e-6)
        np.testing.assert_allclose(pair.difference.value, sign * same.difference.value, atol=1e-9)


@settings(max_examples=6)
@given(seed=SEEDS)
def test_the_interaction_is_made_of_the_pairs_and_the_effects_are_among_them(seed: int) -> None:
    comparison = under(crossed(seed), estimand="ATO").comparisons[0]
    found = comparison.factorial
    assert found is not None
    # both 0, one 1, other 2, neither 3
    log = {(p.first, p.second): p.ratio.stacked.log_estimate for p in comparison.pairs}
    np.testing.assert_allclose(found.first_without.stacked.log_estimate, -log[1, 3], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.first_with.stacked.log_estimate, -log[0, 2], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.second_without.stacked.log_estimate, -log[2, 3], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.second_with.stacked.log_estimate, -log[0, 1], rtol=1e-7, atol=1e-9)
    ratio = found.interaction.stacked
    np.testing.assert_allclose(ratio.log_estimate, log[1, 3] - log[0, 2], rtol=1e-7, atol=1e-9)
    assert ratio.lower < ratio.estimate < ratio.upper


def test_a_covariate_of_the_groups_alone_takes_the_place_of_those_of_the_score() -> None:
    design = grouped(2)
    alone = replace(design, group_score=terms([design.score.covariates[0]], design.size))
    assert under(alone).weighting.balance is not None
    score = under(alone).weighting.score
    assert score is not None
    assert score.coefficients.shape == (2, 2)


def test_patients_without_a_covariate_are_left_out_and_groups_without_patients_too() -> None:
    design = crossed(3)
    assert design.groups is not None
    age = design.score.covariates[0].values.copy()
    age[design.groups.codes == 2] = np.nan
    lacking = replace(design, score=terms([number("age", age), *design.score.covariates[1:]], design.size))
    found = under(lacking)
    assert found.labels == ("both", "one", "neither")
    assert found.left_out == 50
    assert found.comparisons[0].factorial is None
    assert len(found.comparisons[0].pairs) == 3


def test_separated_groups_have_a_reason_and_no_comparison() -> None:
    design = grouped(4)
    assert design.groups is not None
    telling = flag("telling", design.groups.codes == 0)
    parted = replace(design, score=terms([*design.score.covariates, telling], design.size))
    found = under(parted)
    assert found.comparisons == ()
    assert "telling tells groups apart without exception (A from B; A from C)" in found.weighting.reason
    assert weighted_groups_problem(parted, GroupWeightOptions()) == found.weighting.reason
    assert under(parted, penalty=1.0).comparisons


def test_a_group_without_events_has_a_verdict_a_test_and_a_rate() -> None:
    design = grouped(5)
    assert design.groups is not None
    endpoint = design.endpoints[0]
    quiet = replace(endpoint, event=endpoint.event & (design.groups.codes != 1))
    comparison = under(replace(design, endpoints=(quiet,))).comparisons[0]
    assert comparison.verdict is Verdict.MONOTONE
    assert all(np.isnan(pair.ratio.stacked.estimate) for pair in comparison.pairs)
    assert 0 <= comparison.test.stacked_p_value <= 1
    assert comparison.rates[1].value == 1.0


def test_a_horizon_beyond_the_follow_up_leaves_rates_unknown() -> None:
    comparison = under(grouped(6), horizon=10_000.0).comparisons[0]
    assert all(np.isnan(rate.value) for rate in comparison.rates)
    assert all(np.isnan(pair.difference.value) for pair in comparison.pairs)
    assert comparison.pairs[0].ratio.stacked.estimate > 0


@pytest.mark.parametrize("asked", [True, False])
def test_it_is_among_the_analyses_where_the_plan_asks_for_it(asked: bool) -> None:
    found: Analyses = analysed(grouped(7), group_weights=GroupWeightOptions() if asked else None)
    assert (found.weighted_groups is not None) == asked
