import numpy as np
import pytest

from counterpoise.balance import MatchOptions, WeightOptions, tie_ranks
from counterpoise.errors import FitError
from counterpoise.estimate import adjust
from tests.estimate.cohorts import category, endpoint, flag, make_design, number, random_cohort, reorder


def test_the_score_is_fitted_to_the_complete_and_the_others_are_counted() -> None:
    design = random_cohort(31)
    age = design.score.covariates[0].values.copy()
    age[[1, 5, 9]] = np.nan
    score = [number("age", age), *design.score.covariates[1:]]
    found = adjust(
        make_design(design.treatment.received, design.endpoints, score=score), WeightOptions(), MatchOptions(), seed=1
    )
    assert found.left_out == 3
    np.testing.assert_array_equal(found.rows, np.flatnonzero(~np.isnan(age)))
    assert found.score.treatment.size == found.weighting.weights.size == found.matching.pair.size == design.size - 3


def test_balance_is_judged_on_every_level_and_the_score_on_all_but_the_first() -> None:
    found = adjust(random_cohort(32), WeightOptions(), MatchOptions(), seed=1)
    assert found.score.terms == ("age, years", "high", "stage: II", "stage: III")
    assert found.balance.names == ("age, years", "high", "stage: I", "stage: II", "stage: III")
    assert found.balance.weighted is not None
    assert found.balance.weighted.smd.shape == (5,)


def test_options_reach_weights_and_pairs() -> None:
    design = random_cohort(33)
    weights = WeightOptions(estimand="ATT", truncate=(0.1, 0.9))
    found = adjust(design, weights, MatchOptions(caliper=0.5, caliper_sd="overall", order="closest"), seed=1)
    assert (found.weighting.estimand, found.weighting.n_truncated > 0) == ("ATT", True)
    assert (found.matching.caliper_sd_name, found.matching.order) == ("overall", "closest")
    assert found.matching.caliper == pytest.approx(0.5 * found.score.logit.std(ddof=1), rel=1e-9)


def test_ties_are_broken_by_the_identifier_and_not_by_the_row() -> None:
    treated = [1, 1, 0, 0, 0, 0, 1, 0]
    high = flag("high", [1, 0, 1, 1, 0, 0, 1, 0])
    design = make_design(treated, [endpoint(range(1, 9), [1] * 8)], score=[high])
    order = np.array([5, 2, 7, 0, 3, 1, 6, 4])
    one = adjust(design, WeightOptions(), MatchOptions(), seed=4)
    other = adjust(reorder(design, order), WeightOptions(), MatchOptions(), seed=4)
    pairs = {(design.ids[t], design.ids[c]) for t, c in zip(one.matching.treated, one.matching.control, strict=True)}
    moved = [design.ids[row] for row in order]
    again = {(moved[t], moved[c]) for t, c in zip(other.matching.treated, other.matching.control, strict=True)}
    assert pairs == again
    assert tie_ranks(design.ids, 4).tolist() != tie_ranks(design.ids, 5).tolist()


def test_covariates_that_separate_the_arms_are_named() -> None:
    treated = [0, 0, 0, 0, 1, 1, 1, 1]
    stage = category("stage", [0, 1, 0, 1, 0, 1, 0, 1], ("I", "II"))
    age = number("age", [40, 41, 42, 43, 60, 61, 62, 63], "years")
    design = make_design(treated, [endpoint(range(1, 9), [1] * 8)], score=[age, stage])
    with pytest.raises(FitError, match=r"propensity score: separated .*`age, years`"):
        adjust(design, WeightOptions(), MatchOptions(), seed=1)
