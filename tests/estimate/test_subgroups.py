from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.balance import Estimand, MatchOptions, WeightOptions, propensity, weigh
from counterpoise.design import Design
from counterpoise.estimate import (
    FIXED_WEIGHT_ROBUST,
    SubgroupAnalysis,
    SubgroupOptions,
    adjust,
    hazard_model,
    subgroup_analysis,
    weighted_contrast,
)
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import (
    CURVES,
    category,
    endpoint,
    flag,
    make_design,
    node_positive,
    number,
    random_cohort,
    reorder,
    swap_arms,
    terms,
)
from tests.golden import golden

SEEDS = st.integers(0, 10_000)
OF_OS = SubgroupOptions(of="os")
ITERATED = 1e-8


def subgroups(design: Design, options: SubgroupOptions = OF_OS, estimand: Estimand = "ATE") -> SubgroupAnalysis:
    weights = WeightOptions(estimand=estimand, stabilised=False)
    return subgroup_analysis(design, adjust(design, weights, MatchOptions(), seed=1), options)


@pytest.fixture(scope="module")
def of_rotterdam() -> SubgroupAnalysis:
    return subgroups(node_positive())


@pytest.mark.parametrize(("position", "name"), [(0, "grade3"), (1, "size"), (2, "nodegrp"), (3, "agegrp")])
def test_levels_are_those_of_the_reference_set(of_rotterdam: SubgroupAnalysis, position: int, name: str) -> None:
    reference = golden("outcomes", f"np_subgroup_{name}")
    variable = of_rotterdam.variables[position]
    assert variable.covariate.name == name
    for effect, expected in zip(variable.levels, reference["per_level"].values(), strict=True):
        assert (sum(effect.sizes), sum(effect.events)) == (expected["n"], expected["events"])
        assert effect.sizes[1] == expected["n_treated"]
        found = [effect.ratio.log_estimate, effect.ratio.std_error, effect.ratio.lower, effect.ratio.upper]
        wanted = [expected[key] for key in ("coef", "robust_se", "lower", "upper")]
        np.testing.assert_allclose(found, wanted, rtol=ITERATED, err_msg=effect.level)
        # P multiplies the relative error of z by its square.
        np.testing.assert_allclose(effect.ratio.p_value, expected["p"], rtol=1e-7)
        assert (effect.verdict, effect.too_few) == (Verdict.CONVERGED, False)


@pytest.mark.parametrize(("position", "name"), [(0, "grade3"), (1, "size"), (2, "nodegrp"), (3, "agegrp")])
def test_interactions_are_the_robust_wald_tests_of_the_reference_set(
    of_rotterdam: SubgroupAnalysis, position: int, name: str
) -> None:
    reference = golden("outcomes", f"np_subgroup_{name}")
    found = of_rotterdam.variables[position].interaction_p
    np.testing.assert_allclose(found, reference["wald_robust"]["p"], rtol=ITERATED)
    # The naive likelihood-ratio test under weights is another number, and a wrong one.
    assert abs(found - reference["lr_weighted_naive"]["p"]) > 1e-3


def test_the_whole_is_the_weighted_comparison(of_rotterdam: SubgroupAnalysis) -> None:
    design = node_positive()
    adjustments = adjust(design, WeightOptions(stabilised=False), MatchOptions(), seed=1)
    whole = weighted_contrast(design, design.endpoints[0], adjustments, 60.0, CURVES, "efron")
    assert of_rotterdam.overall.log_estimate == whole.ratio.log_estimate
    assert of_rotterdam.overall.std_error == whole.others[FIXED_WEIGHT_ROBUST].std_error


def test_the_endpoint_asked_for_is_the_one_used() -> None:
    found = subgroups(node_positive(), SubgroupOptions(of="rfs"))
    reference = golden("estimates", "weighted_rfs_ATE")
    assert found.endpoint.name == "rfs"
    np.testing.assert_allclose(found.overall.log_estimate, reference["coef"], rtol=ITERATED)


@given(seed=SEEDS, estimand=st.sampled_from(["ATE", "ATT", "ATC", "ATO"]))
@settings(max_examples=10)
def test_subgroups_partition_patients_and_events(seed: int, estimand: Estimand) -> None:
    design = random_cohort(seed)
    found = subgroups(design, estimand=estimand)
    event, treated = design.endpoints[0].event, design.treatment.received
    for variable in found.variables:
        sizes = np.sum([effect.sizes for effect in variable.levels], axis=0)
        events = np.sum([effect.events for effect in variable.levels], axis=0)
        assert sizes.tolist() == [int((~treated).sum()), int(treated.sum())]
        assert events.tolist() == [int((event & ~treated).sum()), int((event & treated).sum())]


@given(seed=SEEDS)
@settings(max_examples=10)
def test_swapping_the_arms_inverts_every_hazard_ratio(seed: int) -> None:
    design = random_cohort(seed, n=100)
    one, other = subgroups(design), subgroups(swap_arms(design))
    for first, second in zip(one.variables, other.variables, strict=True):
        np.testing.assert_allclose(first.interaction_p, second.interaction_p, rtol=1e-5)
        for left, right in zip(first.levels, second.levels, strict=True):
            assert left.sizes == right.sizes[::-1]
            np.testing.assert_allclose(left.ratio.estimate, 1 / right.ratio.estimate, rtol=1e-5)


@given(seed=SEEDS)
@settings(max_examples=10)
def test_neither_the_order_of_rows_nor_of_levels_changes_anything(seed: int) -> None:
    design = random_cohort(seed, n=100)
    one, other = subgroups(design), subgroups(reorder(design, np.random.default_rng(seed).permutation(design.size)))
    stage = design.subgroups[1]
    turned = replace(design, subgroups=(category("stage", 2 - stage.values, stage.levels[::-1]),))
    for first, second in zip(one.variables, other.variables, strict=True):
        np.testing.assert_allclose(first.interaction_p, second.interaction_p, rtol=1e-6)
    np.testing.assert_allclose(subgroups(turned).variables[0].interaction_p, one.variables[1].interaction_p, rtol=1e-6)


def test_a_slow_fit_within_a_level_is_the_same() -> None:
    design = random_cohort(21, n=120)
    adjustments = adjust(design, WeightOptions(stabilised=False), MatchOptions(), seed=1)
    found = subgroup_analysis(design, adjustments, OF_OS)
    high, outcome = design.subgroups[0].values == 1, design.endpoints[0]
    fit = cox(
        outcome.time[high],
        outcome.event[high],
        design.treatment.received[high].astype(float),
        weights=adjustments.weighting.weights[high],
    )
    effect = found.variables[0].levels[1]
    assert effect.ratio.log_estimate == pytest.approx(float(fit.coefficients[0]), rel=1e-12)
    assert effect.ratio.std_error == pytest.approx(float(fit.std_error[0]), rel=1e-12)


def test_two_levels_are_tested_by_the_difference_of_their_effects_where_hazards_share_nothing() -> None:
    """With a stratum a level the products would be the difference; one baseline makes them differ, but not by much."""
    found = subgroups(node_positive()).variables[0]
    first, second = (effect.ratio for effect in found.levels)
    z = (first.log_estimate - second.log_estimate) / np.hypot(first.std_error, second.std_error)
    assert found.interaction_p == pytest.approx(2 * (1 - _phi(abs(z))), abs=0.1)


def _phi(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(z))


def small(event: list[int], level: Sequence[float], treated: list[int] | None = None) -> Design:
    arms = treated or [1, 0] * 6
    age = number("age", [40, 50, 60, 45, 55, 65, 42, 58, 49, 51, 61, 39])
    return make_design(arms, [endpoint(range(5, 17), event)], score=[age], subgroups=[flag("high", level)])


def test_a_level_with_events_in_one_arm_only_has_a_verdict_and_no_number() -> None:
    design = small([1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1], [1] * 6 + [0] * 6)
    first, second = subgroups(design).variables[0].levels
    assert (second.events, second.verdict) == ((0, 3), Verdict.MONOTONE)
    assert np.isnan([second.ratio.estimate, second.ratio.p_value]).all()
    assert second.too_few
    assert first.verdict is Verdict.CONVERGED
    assert np.isnan(subgroups(design).variables[0].interaction_p)


def test_a_level_without_events_says_so() -> None:
    design = small([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1], [1] * 6 + [0] * 6)
    silent = subgroups(design).variables[0].levels[1]
    assert (silent.events, silent.verdict) == ((0, 0), Verdict.NO_EVENTS)
    assert np.isnan(silent.ratio.estimate)


def test_patients_whose_level_is_not_known_are_in_no_level() -> None:
    level = [1.0, 1.0, 1.0, np.nan, 1.0, 1.0, 0.0, 0.0, np.nan, 0.0, 0.0, 0.0]
    found = subgroups(small([1] * 12, level)).variables[0]
    assert sum(sum(effect.sizes) for effect in found.levels) == 10


@pytest.mark.parametrize(("minimum", "per_arm", "too_few"), [(7, 0, False), (8, 0, True), (1, 3, False), (1, 4, True)])
def test_too_few_events_are_judged_in_all_and_by_arm(minimum: int, per_arm: int, too_few: bool) -> None:
    design = small([1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1], [0] * 12)
    options = SubgroupOptions(of="os", minimum_events=minimum, minimum_events_per_arm=per_arm)
    level = subgroups(design, options).variables[0].levels[0]
    assert level.events == (3, 4)
    assert level.too_few is too_few
    assert level.verdict is Verdict.CONVERGED


def test_unadjusted_patients_of_equal_weight_are_the_model_of_hazards() -> None:
    """Where the covariate of the score says nothing, overlap weights are equal and the estimate that of plain Cox."""
    design = small([1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1], [0, 1] * 6, treated=[1, 1, 0, 0] * 3)
    age = number("age", [40, 50, 40, 50] * 3)
    design = replace(design, score=terms([age], 12))
    found = subgroups(design, estimand="ATO")
    plain = hazard_model(design.endpoints[0], terms([flag("boost", design.treatment.received)], 12))
    assert found.overall.log_estimate == pytest.approx(plain.ratios[0].log_estimate, rel=1e-8)


def test_a_score_of_its_own_is_that_of_the_subgroup_alone(of_rotterdam: SubgroupAnalysis) -> None:
    """The whole chain on the subgroup as a cohort gives the same ratio, and balances it better than the whole's."""
    design = node_positive()
    grade = next(item for item in design.subgroups if item.name == "grade3")
    for code, effect in enumerate(of_rotterdam.variables[0].levels):
        rows = np.flatnonzero(grade.values == code)
        part = reorder(design, rows)
        x = part.score.x[:, np.ptp(part.score.x, axis=0) > 0]
        score = propensity(part.treatment.received, x)
        weights = weigh(score, stabilised=False).weights
        of_os = part.endpoints[0]
        fit = cox(of_os.time, of_os.event, part.treatment.received.astype(float), weights=weights)
        assert effect.within.reason == ""
        np.testing.assert_allclose(effect.within.ratio.log_estimate, fit.coefficients[0], rtol=ITERATED)
        np.testing.assert_allclose(effect.within.ratio.std_error, fit.std_error[0], rtol=ITERATED)
        assert effect.within.refitted < effect.within.whole


def test_a_subgroup_without_two_patients_of_each_arm_has_no_score_of_its_own() -> None:
    level = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    for effect in subgroups(small([1] * 12, level)).variables[0].levels:
        assert min(effect.sizes) == 1
        assert effect.within.reason == "an arm has fewer than two patients"
        assert np.isnan([effect.within.whole, effect.within.refitted, effect.within.ratio.estimate]).all()


def test_truncated_weights_are_not_made_again_inside() -> None:
    design = node_positive()
    adjusted = adjust(design, WeightOptions(truncate=(0.01, 0.99)), MatchOptions(), seed=1)
    effect = subgroup_analysis(design, adjusted, OF_OS).variables[0].levels[0]
    assert effect.within.reason == "truncated weights are not made again"
    assert effect.within.whole > 0
    assert np.isnan(effect.within.refitted)
