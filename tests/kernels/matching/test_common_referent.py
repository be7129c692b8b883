from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.common_referent import ReferentSets, common_referent
from counterpoise.kernels.matching.full import full_match
from counterpoise.kernels.matching.nearest_sets import nearest_sets
from counterpoise.kernels.matching.optimal import optimal_pairs
from counterpoise.kernels.matching.sets import MatchedSets
from counterpoise.kernels.matching.subclass import subclassify

Cohort = tuple[Floats, Counts, Counts]


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    """Draw a score, arms 0 to 2, and ranks."""
    n = draw(st.integers(6, 40))
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    arm = rng.integers(0, 3, n)
    arm[:3] = 0, 1, 2
    return np.round(rng.standard_normal(n), draw(st.sampled_from([1, 8]))), arm, rng.permutation(n)


def matched(data: Cohort, **options: Any) -> ReferentSets:
    score, arm, rank = data

    def match_one(rows: Counts, treatment: Bools) -> MatchedSets:
        return nearest_sets(
            score[rows], treatment, limits=Limits(caliper=0.4), tie_rank=rank[rows].astype(float), **options
        )

    try:
        return common_referent(arm, 1, match_one, tie_rank=rank)
    except InputError:
        assume(False)
        raise


@given(cohorts(), st.sampled_from([{}, {"ratio": 2}, {"replacement": True, "ratio": 2}]))
@settings(max_examples=80, deadline=None)
def test_sets_are_complete_and_weigh_the_arms_alike(data: Cohort, options: dict[str, Any]) -> None:
    score, arm, rank = data
    sets = matched(data, **options)
    for number in range(sets.n_sets):
        partners = sets.partner[sets.link_set == number]
        assert set(arm[partners].tolist()) == {0, 2}
        assert np.bincount(arm[partners]).max() <= options.get("ratio", 1)
        assert np.unique(sets.row[sets.link_set == number]).size == 1
    assert (arm[sets.row] == 1).all()
    np.testing.assert_array_equal(sets.set[sets.row], sets.link_set)
    np.testing.assert_allclose(sets.distance, np.abs(score[sets.row] - score[sets.partner]), atol=2e-12)
    assert (sets.distance <= 0.4 + 1e-12).all()
    for code in range(3):
        assert sets.weights[arm == code].sum() == pytest.approx(np.count_nonzero((arm == code) & (sets.set >= 0)))
    assert ((sets.weights > 0) == (sets.set >= 0)).all()
    if "replacement" not in options:
        assert np.unique(sets.partner).size == sets.partner.size
    # A referent row's own order among the complete ones is its set.
    complete = np.unique(sets.row)
    assert sets.set[complete[np.argsort(rank[complete])]].tolist() == list(range(sets.n_sets))


@given(cohorts(), st.sampled_from([{}, {"ratio": 2}, {"replacement": True, "ratio": 2}]))
@settings(max_examples=40, deadline=None)
def test_row_order_is_irrelevant(data: Cohort, options: dict[str, Any]) -> None:
    score, arm, rank = data
    sets = matched(data, **options)
    order = np.random.default_rng(int(rank[0])).permutation(arm.size)
    again = matched((score[order], arm[order], rank[order]), **options)
    np.testing.assert_array_equal(again.set, sets.set[order])
    np.testing.assert_array_equal(again.weights, sets.weights[order])
    np.testing.assert_array_equal(order[again.partner], sets.partner)
    np.testing.assert_array_equal(order[again.row], sets.row)


def test_by_hand() -> None:
    # a: .9 and .5 and .1; b: .8 and .5; c: .85 and .6 and .15. Within .1 only .9 and .5 have both.
    score = np.array([0.9, 0.5, 0.1, 0.8, 0.5, 0.85, 0.6, 0.15])
    limits = Limits(caliper=0.1)
    sets = common_referent(list("aaabbccc"), "a", lambda rows, a: nearest_sets(score[rows], a, limits=limits))
    assert sets.labels == ("a", "b", "c")
    assert sets.set.tolist() == [0, 1, -1, 0, 1, 0, 1, -1]
    assert sets.found.tolist() == [2, 2, 3]
    assert (sets.row.tolist(), sets.partner.tolist()) == ([0, 0, 1, 1], [3, 5, 4, 6])
    assert sets.weights.tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]


def test_shares_by_hand() -> None:
    # Both of a share the one of b, whose weight is 2 before it sums to one row; of c, .8 and .7 are in one set each,
    # and the set of .5 has .4 too: 1/2 + 1/2, 1/2, 1/2 of two sets, scaled to three rows.
    score = np.array([0.9, 0.5, 0.6, 0.8, 0.7, 0.4])

    def match_one(rows: Counts, a: Bools) -> MatchedSets:
        return nearest_sets(score[rows], a, replacement=True, ratio=min(2, int((~a).sum())))

    sets = common_referent([0, 0, 1, 2, 2, 2], 0, match_one)
    assert sets.weights.tolist() == [1.0, 1.0, 1.0, 0.75, 1.5, 0.75]
    assert sets.set.tolist() == [0, 1, 0, 0, 0, 1]


def test_two_arms_are_plain_matching_and_optimal_pairs_serve_too() -> None:
    rng = np.random.default_rng(5)
    score, arm = rng.standard_normal(60), rng.integers(0, 2, 60) + 1
    arm[:40] = 1
    plain = optimal_pairs(score, arm == 2)
    sets = common_referent(arm, 2, lambda rows, treatment: optimal_pairs(score[rows], treatment))
    assert set(zip(sets.row, sets.partner, strict=True)) == set(zip(plain.treated, plain.control, strict=True))
    np.testing.assert_array_equal(sets.weights, plain.weights)


SCORE = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.9])


@pytest.mark.parametrize(
    ("arm", "referent", "match_one", "message"),
    [
        (list("aabbcc"), "d", nearest_sets, "`referent` must be one of two or more arms; 'd' is not in"),
        ([1] * 6, 1, nearest_sets, "`referent` must be one of two or more arms"),
        ([1, 1, 1, 2, 2, np.nan], 1, nearest_sets, "`arm` must be finite"),
        (list("aaabcc"), "a", nearest_sets, "Arm b: There are fewer controls \\(1\\) than treated patients \\(3\\)"),
        (list("aaabcc"), "a", full_match, "must match each referent row on its own"),
        (list("aabbcc"), "a", subclassify, "must match each referent row on its own"),
    ],
)
def test_what_cannot_be_matched_is_refused(arm: list[Any], referent: Any, match_one: Any, message: str) -> None:
    options = {"subclasses": 1} if match_one is subclassify else {}
    with pytest.raises(InputError, match=message):
        common_referent(arm, referent, lambda rows, treatment: match_one(SCORE[rows], treatment, **options))


def test_where_no_set_is_complete_the_arms_are_counted() -> None:
    # .1 is near b only, .9 near c only.
    score = np.array([0.1, 0.9, 0.12, 0.15, 0.88, 0.85])
    limits = Limits(caliper=0.1)
    with pytest.raises(InputError, match="No patient of arm a has a partner in every other arm: 1 have one in b, 1"):
        common_referent(list("aabbcc"), "a", lambda rows, a: nearest_sets(score[rows], a, limits=limits))


def test_a_rank_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="`tie_rank` must be finite"):
        common_referent([0, 0, 1, 1], 0, lambda rows, a: nearest_sets(SCORE[rows], a), tie_rank=[0, 1, 2, np.nan])
