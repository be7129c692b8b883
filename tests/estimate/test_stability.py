"""Reruns of the tie-breaking: what differs, what cannot, and that short cuts are what solving anew gives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.balance import Matching, MatchOptions, WeightOptions
from counterpoise.design import Design
from counterpoise.estimate import Adjustments, Stability, adjust, analyse, matched_contrast, stability
from counterpoise.estimate.adjustments import matched_rows
from counterpoise.estimate.stability import spread
from tests.estimate.cohorts import CURVES, endpoint, flag, make_design, options, random_cohort, reorder

SEED = 5


def coarse(seed: int, n: int = 90) -> Design:
    """Patients of eight kinds, so that most of them are alike."""
    draw = np.random.default_rng(seed)
    flags = draw.integers(0, 2, (3, n))
    treated = draw.random(n) < 1 / (1 + np.exp(1.0 - 0.8 * flags[0] - 0.5 * flags[1]))
    time = draw.exponential(30 / np.exp(0.5 * flags[0] - 0.4 * treated))
    score = [flag(name, values) for name, values in zip("abc", flags, strict=True)]
    event = draw.random(n) < 0.7
    return make_design(treated, [endpoint(time, event), endpoint(time, ~event, "other")], score=score)


def rerun(design: Design, **keywords: Any) -> tuple[Adjustments, Stability | None]:
    chosen = MatchOptions.model_validate({"stability": 12, **keywords})
    adjustments = adjust(design, WeightOptions(), chosen, SEED)
    return adjustments, stability(design, adjustments, chosen, SEED)


def runs_of(design: Design, **keywords: Any) -> Stability:
    found = rerun(design, **keywords)[1]
    assert found is not None
    return found


def test_the_first_run_is_the_analysis_itself() -> None:
    design = coarse(1)
    adjustments, runs = rerun(design)
    assert runs is not None
    contrast = matched_contrast(design, design.endpoints[1], adjustments, 60.0, CURVES, "efron")
    assert runs.hazard_ratio[0, 1] == contrast.ratio.estimate
    assert runs.p_value[0, 1] == contrast.ratio.p_value
    assert (runs.sets[0], runs.seed[0], runs.runs) == (adjustments.matching.n_sets, SEED, 13)
    assert runs.matched_treated[0] == adjustments.matching.sets.n_treated


@pytest.mark.parametrize("keywords", [{}, {"replacement": True}, {"ratio": 2}, {"order": "closest"}])
def test_each_run_is_an_analysis_under_its_seed(keywords: Any) -> None:
    design = coarse(2)
    runs = runs_of(design, **keywords)
    assert runs.distinct > 1
    for number in (3, 7):
        chosen = MatchOptions(**keywords)
        again = adjust(design, WeightOptions(), chosen, SEED + number)
        contrast = matched_contrast(design, design.endpoints[0], again, 60.0, CURVES, "efron")
        assert runs.seed[number] == SEED + number
        assert runs.hazard_ratio[number, 0] == pytest.approx(contrast.ratio.estimate, rel=1e-9)
        assert runs.p_value[number, 0] == pytest.approx(contrast.ratio.p_value, rel=1e-7)


def partition(matching: Matching) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(matching.pair == number).tolist()) for number in range(matching.n_sets)}


@pytest.mark.parametrize(
    "keywords",
    [{"method": "optimal", "caliper": 0.3}, {"method": "full"}, {"method": "cardinality", "tolerance": 0.1},
     {"method": "full", "exact": ["a"], "estimand": "ATE"}],
)  # fmt: skip
@given(st.integers(0, 10_000))
@settings(max_examples=3, deadline=None)
def test_exchanging_those_who_are_alike_is_solving_anew(keywords: Any, seed: int) -> None:
    design = coarse(seed, 60)
    chosen = MatchOptions(stability=3, **keywords)
    adjustments, runs = rerun(design, **keywords)
    if runs is None:
        assert adjustments.matching.reason
        return
    for number in (1, 2, 3):
        again = matched_rows(design, adjustments.rows, adjustments.score, chosen, SEED + number)
        anew = Adjustments(
            adjustments.score, adjustments.weighting, again, adjustments.balance, adjustments.unmatched,
            adjustments.rows, 0,
        )  # fmt: skip
        contrast = matched_contrast(design, design.endpoints[0], anew, 60.0, CURVES, "efron")
        np.testing.assert_allclose(runs.hazard_ratio[number, 0], contrast.ratio.estimate, rtol=1e-8)


@pytest.mark.parametrize("keywords", [{}, {"method": "optimal", "caliper": 0.2}, {"method": "full"}])
def test_without_ties_all_runs_are_one(keywords: Any) -> None:
    runs = runs_of(random_cohort(3), **keywords)
    assert runs.distinct == 1
    assert np.ptp(runs.hazard_ratio) == 0
    assert runs.of_hazard_ratio(0).minimum == runs.of_hazard_ratio(0).maximum


def test_orders_are_tried_with_each_seed() -> None:
    runs = runs_of(random_cohort(3), stability=4, stability_orders=["ascending", "descending", "closest"])
    assert runs.order == ("descending",) * 5 + ("ascending",) * 4 + ("closest",) * 4
    assert runs.seed.tolist() == [5, 6, 7, 8, 9, 6, 7, 8, 9, 6, 7, 8, 9]
    assert runs.distinct > 1


def test_what_has_no_ties_or_no_sets_is_not_rerun() -> None:
    design = coarse(4)
    assert rerun(design, stability=0)[1] is None
    exact = MatchOptions(method="exact")
    assert stability(design, adjust(design, WeightOptions(), exact, SEED), exact, SEED) is None
    assert rerun(random_cohort(4), caliper=1e-12)[1] is None


def test_neither_the_order_of_the_rows_nor_another_call_matters() -> None:
    design = coarse(6)
    first, again = runs_of(design), runs_of(design)
    np.testing.assert_array_equal(first.hazard_ratio, again.hazard_ratio)
    moved = runs_of(reorder(design, np.random.default_rng(1).permutation(design.size)))
    np.testing.assert_allclose(moved.hazard_ratio, first.hazard_ratio, rtol=1e-9)
    np.testing.assert_array_equal(moved.sets, first.sets)


def test_the_analyses_hold_the_reruns() -> None:
    found = analyse(coarse(7), options(matching=MatchOptions(stability=3)), lambda step, share: None)
    assert found.stability is not None
    assert found.stability.of_sets().minimum > 0
    p = found.stability.of_p_value(0)
    assert p.minimum <= found.stability.p_value[0, 0] <= p.maximum


def test_an_endpoint_without_a_hazard_ratio_has_no_range() -> None:
    design = coarse(8)
    silent = make_design(
        design.treatment.received,
        [endpoint(design.endpoints[0].time, design.treatment.received)],
        score=design.score.covariates,
    )
    runs = runs_of(silent)
    assert np.isnan(runs.hazard_ratio).all()
    assert np.isnan(runs.of_hazard_ratio(0).median)
    assert np.isnan(spread(np.array([np.nan])).minimum)
