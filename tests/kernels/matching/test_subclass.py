from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.matching.sets import Estimand
from counterpoise.kernels.matching.subclass import subclassify
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import assert_same_in_any_order, assert_sound, cohort, cohorts, shuffled

Cohort = tuple[Floats, Bools, Floats, Floats]
ESTIMANDS: tuple[Estimand, ...] = ("ATT", "ATE", "ATC")
moderate = settings(max_examples=80, deadline=None)


@pytest.mark.parametrize("key", ["subclass6_lal_ATE", "subclass6_lal_ATT", "subclass6_rott_ATE"])
def test_agrees_with_matchit(key: str) -> None:
    reference = golden("matching", key)
    treated = rotterdam()["hormon"] if "rott" in key else dataset("lalonde")["treat"]
    sets = subclassify(reference["distance"], treated, estimand=reference["estimand"])
    agrees("Subclassification: subclass", "matching", key, sets.set + 1, reference["subclass"])
    agrees("Subclassification: weights", "matching", key, sets.weights, reference["weights"])
    assert_sound(sets)


@pytest.mark.parametrize(
    ("key", "name", "count", "estimand"),
    [
        ("subclass4_veteran_ATC", "veteran", 4, "ATC"),
        ("subclass3_Melanoma_ATE", "Melanoma", 3, "ATE"),
        ("subclass4_pbc_ATT", "pbc", 4, "ATT"),
    ],
)
def test_agrees_with_the_quantiles_of_r(key: str, name: str, count: int, estimand: Estimand) -> None:
    treated, x = cohort(name)
    reference = golden("matching_kernels", key)
    score = logistic(treated, x).linear_predictor
    sets = subclassify(score, treated, subclasses=count, estimand=estimand)
    agrees("Subclassification: subclass", "matching_kernels", key, sets.set + 1, reference["class"])
    agrees("Subclassification: weights", "matching_kernels", key, sets.weights, reference["weights"])


def test_by_hand() -> None:
    # The treated are .2, .4, .6, .8: halves are cut at .5; the control at .5 itself goes above.
    score, treatment = [0.2, 0.4, 0.6, 0.8, 0.1, 0.5, 0.3], [1, 1, 1, 1, 0, 0, 0]
    sets = subclassify(score, treatment, subclasses=2)
    assert sets.set.tolist() == [0, 0, 1, 1, 0, 1, 0]
    assert sets.weights.tolist() == pytest.approx([1, 1, 1, 1, 0.75, 1.5, 0.75])
    # The same cut, by its probability; and one class is everybody.
    assert subclassify(score, treatment, subclasses=[0.0, 0.5]).set.tolist() == sets.set.tolist()
    assert subclassify(score, treatment, subclasses=1).n_sets == 1
    # With 1 - score for score and the arms exchanged, the ATC.
    mirrored = subclassify([1 - s for s in score], [1 - t for t in treatment], subclasses=[0.5], estimand="ATC")
    assert mirrored.set_sizes.tolist() == [[1, 2], [2, 2]]


def test_rows_are_moved_into_a_subclass_that_lacks_them() -> None:
    # Cut at .5: both controls lie below. The one with the larger score moves up, of equals the one of smaller rank.
    score, treatment = [0.2, 0.4, 0.6, 0.8, 0.1, 0.3, 0.3], [1, 1, 1, 1, 0, 0, 0]
    assert subclassify(score, treatment, subclasses=2).set.tolist() == [0, 0, 1, 1, 0, 1, 0]
    rank = [0, 1, 2, 3, 4, 6, 5]
    assert subclassify(score, treatment, subclasses=2, tie_rank=rank).set.tolist() == [0, 0, 1, 1, 0, 0, 1]
    kept = subclassify(score, treatment, subclasses=2, min_n=0)
    assert kept.set.tolist() == [0, 0, -1, -1, 0, 0, 0]
    with pytest.raises(
        InputError, match="`subclasses` can be 1 at most: 3 control patients are to be 2 or more in each of 2"
    ):
        subclassify(score, treatment, subclasses=2, min_n=2)


def test_equal_scores_make_fewer_subclasses() -> None:
    sets = subclassify([0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0], subclasses=5)
    assert sets.set.tolist() == [0, 0, 0, 0]
    assert sets.weights.tolist() == [1, 1, 1, 1]


@given(cohorts(most=40), st.integers(1, 4), st.sampled_from(ESTIMANDS), st.integers(0, 1000))
@moderate
def test_row_order_is_irrelevant_and_classes_follow_the_score(
    data: Cohort, count: int, estimand: Estimand, seed: int
) -> None:
    score, treated, _, rank = data
    out = rank == 0
    try:
        sets = subclassify(score, treated, subclasses=count, estimand=estimand, tie_rank=rank, discarded=out)
    except InputError:
        return
    noise = np.random.default_rng(seed).uniform(-1, 1, score.size) * 1e-16
    order, (score2, treated2, rank2, out2) = shuffled(seed, score + noise, treated, rank, out)
    again = subclassify(score2, treated2, subclasses=count, estimand=estimand, tie_rank=rank2, discarded=out2)
    assert_same_in_any_order(sets, again, order)
    assert_sound(sets)
    assert (sets.set[out] == -1).all()
    assert (sets.set[~out] >= 0).all()
    assert sets.n_sets <= count
    for arm in (treated & ~out, ~treated & ~out):
        by_score = np.argsort(np.round(score[arm], 12), kind="stable")
        lowest = np.maximum.accumulate(sets.set[arm][by_score])
        # Within an arm a larger score is never in a lower class.
        tied = np.round(score[arm], 12)[by_score]
        assert (lowest == sets.set[arm][by_score]).all() or np.unique(tied).size < tied.size


@given(cohorts(most=40), st.integers(1, 4))
@moderate
def test_exchanging_the_arms_exchanges_the_estimands(data: Cohort, count: int) -> None:
    score, treated, _, rank = data
    try:
        att = subclassify(score, treated, subclasses=count, min_n=0, tie_rank=rank)
    except InputError:
        return
    atc = subclassify(score, ~treated, subclasses=count, estimand="ATC", min_n=0, tie_rank=rank)
    np.testing.assert_array_equal(att.set, atc.set)
    np.testing.assert_array_equal(att.weights, atc.weights)


@given(cohorts(most=60), st.integers(1, 4), st.integers(1, 3))
@moderate
def test_every_class_gets_as_many_rows_of_both_arms_as_asked(data: Cohort, count: int, least: int) -> None:
    score, treated, _, rank = data
    if min(treated.sum(), (~treated).sum()) < count * least:
        return
    sets = subclassify(score, treated, subclasses=count, min_n=least, tie_rank=rank)
    assert sets.set_sizes.min() >= least


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"score": [0.1, np.nan, 0.3]}, "`score` must be finite"),
        ({"score": [0.1, 0.3]}, "`score` must have 3"),
        ({"treatment": [1, 0, np.nan]}, "`treatment` must be finite"),
        ({"treatment": [1, 1, 1]}, "`treatment` must hold"),
        ({"discarded": [1, 0, 0]}, "`treatment` must hold"),
        ({"discarded": [np.nan, 0, 0]}, "`discarded` must be finite"),
        ({"tie_rank": [np.nan, 0, 0]}, "`tie_rank` must be finite"),
        ({"subclasses": 0}, "`subclasses` must be a whole number from 1 on; it is 0"),
        ({"subclasses": 1.5}, "`subclasses` must be a whole number"),
        ({"subclasses": np.nan}, "`subclasses` must be a whole number"),
        ({"subclasses": [0.2, 1.5]}, "must be probabilities"),
        ({"subclasses": [0.2, np.nan]}, "`subclasses` must be finite"),
        ({"min_n": -1}, "`min_n` must be a whole number, not negative"),
        ({"min_n": 0.5}, "`min_n` must be a whole number"),
        ({"estimand": "ATO"}, "`estimand` must be ATT, ATE or ATC"),
    ],
)
def test_bad_input(arguments: dict[str, Any], match: str) -> None:
    given_ones: dict[str, Any] = {"score": [0.5, 0.4, 0.1], "treatment": [1, 0, 0]}
    with pytest.raises(InputError, match=match):
        subclassify(**(given_ones | arguments))
