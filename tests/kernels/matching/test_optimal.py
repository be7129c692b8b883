from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.distance import covariate_distances, distance_matrix, given_distances
from counterpoise.kernels.matching.nearest import Order, nearest_pairs
from counterpoise.kernels.matching.optimal import optimal_pairs
from tests.balance.designs import lalonde
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import (
    assert_same_in_any_order,
    assert_sound,
    best_links,
    cohort,
    cohorts,
    links,
    partition,
    score_in_r,
    shuffled,
)

Cohort = tuple[Floats, Bools, Floats, Floats]
ORDERS: tuple[Order, ...] = ("descending", "ascending", "closest")
moderate = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize(("key", "name"), [("optimal_lal", "lalonde"), ("optimal_rott", "rotterdam")])
def test_total_is_that_of_matchit_at_its_tightest(key: str, name: str) -> None:
    reference = golden("matching", key)
    treated = dataset("lalonde")["treat"] if name == "lalonde" else rotterdam()["hormon"]
    covariates = lalonde() if name == "lalonde" else None
    sets = optimal_pairs(reference["distance"], treated, tie_covariates=covariates)
    theirs = reference["sum_abs_distance"]
    assert sets.total_distance <= theirs * (1 + 1e-9)
    agrees("Optimal matching: total distance", "matching", key, sets.total_distance, theirs)
    assert sets.unmatched_treated == 0
    assert_sound(sets)


@pytest.mark.parametrize("name", ["pbc", "Melanoma"])
def test_total_is_that_of_a_linear_programme(name: str) -> None:
    treated, _ = cohort(name)
    key = f"pairs_{name}"
    theirs = golden("matching_kernels", key)
    sets = optimal_pairs(score_in_r(name), treated)
    agrees("Optimal matching: total distance", "matching_kernels", key, sets.total_distance, theirs["total"])
    if name == "pbc":
        three = optimal_pairs(score_in_r(name), treated, ratio=3)
        assert (three.set_sizes == [1, 3]).all()
        assert three.total_distance == pytest.approx(theirs["total_3"], rel=1e-10)


@pytest.mark.parametrize(
    ("name", "key", "count"),
    [("pbc", "pairs_pbc", 24), ("veteran", "pairs_2_veteran", 30), ("Melanoma", "pairs_2_Melanoma", 50)],
)
def test_total_of_two_to_one_is_that_of_a_linear_programme(name: str, key: str, count: int) -> None:
    treated, _ = cohort(name)
    kept = ~treated | (np.cumsum(treated) <= count)
    sets = optimal_pairs(score_in_r(name)[kept], treated[kept], ratio=2)
    assert (sets.set_sizes == [1, 2]).all()
    theirs = golden("matching_kernels", key)["total_2"]
    agrees("Optimal matching: total distance, 2:1", "matching_kernels", key, sets.total_distance, theirs)


@pytest.mark.parametrize("name", ["pbc", "Melanoma", "veteran"])
def test_mahalanobis_total_is_that_of_a_linear_programme(name: str) -> None:
    treated, x = cohort(name)
    if name == "veteran":
        kept = np.arange(treated.size) != np.flatnonzero(treated)[0]
        treated, x = treated[kept], x[kept]
    key = f"pairs_mahalanobis_{name}"
    sets = optimal_pairs(covariate_distances(x, treated), treated)
    agrees(
        "Optimal matching: total Mahalanobis distance",
        "matching_kernels",
        key,
        sets.total_distance,
        golden("matching_kernels", key)["total"],
    )
    if name == "pbc":
        two = optimal_pairs(covariate_distances(x, treated), treated, ratio=2)
        assert two.total_distance == pytest.approx(golden("matching_kernels", key)["total_2"], rel=1e-10)


@pytest.mark.parametrize("name", ["pbc", "Melanoma", "veteran"])
def test_within_a_caliper_pairs_and_total_are_those_of_a_linear_programme(name: str) -> None:
    treated, _ = cohort(name)
    key = f"caliper_{name}"
    theirs = golden("matching_kernels", key)
    sets = optimal_pairs(score_in_r(name), treated, limits=Limits(caliper=theirs["caliper"]))
    agrees("Optimal matching: pairs within a caliper", "matching_kernels", key, sets.n_treated, theirs["pairs"])
    agrees("Optimal matching: total within a caliper", "matching_kernels", key, sets.total_distance, theirs["total"])
    assert sets.distance.max() <= theirs["caliper"]


def test_by_hand() -> None:
    # Greedy from the top takes .6 for .9 and leaves .5 with .1, .7 in all; the best is .9-.6 and .5-.4.
    score, treatment = [0.9, 0.5, 0.6, 0.4, 0.1], [1, 1, 0, 0, 0]
    sets = optimal_pairs(score, treatment)
    assert links(sets) == {(0, 2), (1, 3)}
    assert sets.total_distance == 0.4
    # Within .2 only .5 has a partner, in .6 or .4.
    assert optimal_pairs(score, treatment, limits=Limits(caliper=0.2)).treated.tolist() == [1]
    # .9 may not have .6 if they share an anti-exact label; .5 may have nobody else's stratum.
    assert links(optimal_pairs(score, treatment, limits=Limits(anti_exact=["a", "b", "a", "c", "c"]))) == {
        (0, 3),
        (1, 2),
    }
    assert links(optimal_pairs(score, treatment, limits=Limits(exact=["a", "b", "b", "a", "b"]))) == {(0, 3), (1, 2)}


def test_most_pairs_come_before_the_least_total() -> None:
    # The nearest pair of all would leave the second treated row alone.
    sets = optimal_pairs([0.5, 0.6, 0.51, 0.2], [1, 1, 0, 0], limits=Limits(caliper=0.3))
    assert links(sets) == {(0, 3), (1, 2)}
    # A second control for one comes after a first for another.
    two = optimal_pairs([0.5, 0.9, 0.5, 0.6], [1, 1, 0, 0], ratio=2, limits=Limits(caliper=0.35))
    assert links(two) == {(0, 2), (1, 3)}


def test_ties_are_broken_by_covariates() -> None:
    # Both controls are .1 away, and crossing the pairs does not change the total: the likest are paired.
    score, treatment, x = [0.5, 0.5, 0.6, 0.6], [1, 1, 0, 0], [1.0, 7.0, 6.0, 2.0]
    assert links(optimal_pairs(score, treatment, tie_covariates=x)) == {(0, 3), (1, 2)}
    crossed = optimal_pairs([0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0], tie_covariates=[1.0, 2.0, 2.0, 1.0])
    assert links(crossed) == {(0, 3), (1, 2)}


@given(cohorts(most=8), st.sampled_from([1, 2, 3]), st.sampled_from([0.0, 0.1, 0.3, 5.0]), st.booleans(), st.booleans())
@moderate
def test_agrees_with_looking_at_every_matching(
    data: Cohort, ratio: int, caliper: float, exact: bool, anti_exact: bool
) -> None:
    score, treated, x, rank = data
    limits = Limits(
        caliper=caliper,
        exact=x[:, 0] if exact else None,
        anti_exact=x[:, 1] if anti_exact else None,
        covariates=x[:, 1],
        covariate_calipers=[1.0],
    )
    units = np.rint(score * 1e12)
    cost = np.abs(units[treated][:, None] - units[~treated])
    allowed = cost <= np.rint(caliper * 1e12)
    gap = np.abs(x[treated][:, None, :] - x[~treated])
    allowed &= gap[..., 1] <= 1.0
    allowed &= (gap[..., 0] == 0) if exact else True
    allowed &= (gap[..., 1] != 0) if anti_exact else True
    if not allowed.any():
        with pytest.raises(InputError, match=r"leaves? no pair"):
            optimal_pairs(score, treated, ratio=ratio, limits=limits)
        return
    sets = optimal_pairs(score, treated, ratio=ratio, limits=limits, tie_covariates=x, tie_rank=rank)
    rows, total_links, total = best_links(cost, allowed, ratio)
    assert (sets.n_treated, sets.n_control) == (rows, total_links)
    assert sets.treated.size == total_links
    assert sets.total_distance == pytest.approx(total / 1e12, rel=1e-12, abs=1e-15)
    assert_sound(sets)


@given(cohorts(most=30), st.integers(0, 1000), st.sampled_from([1, 2]), st.sampled_from([None, 0.15]))
@moderate
def test_row_order_is_irrelevant(data: Cohort, seed: int, ratio: int, caliper: float | None) -> None:
    score, treated, x, rank = data
    limits = Limits(caliper=caliper, exact=x[:, 0] if caliper else None, discarded=rank == 0)
    try:
        sets = optimal_pairs(score, treated, ratio=ratio, limits=limits, tie_covariates=x, tie_rank=rank)
    except InputError:
        return
    noise = np.random.default_rng(seed).uniform(-1, 1, score.size) * 1e-16
    order, (score2, treated2, x2, rank2) = shuffled(seed, score + noise, treated, x, rank)
    limits2 = Limits(caliper=caliper, exact=x2[:, 0] if caliper else None, discarded=rank2 == 0)
    again = optimal_pairs(score2, treated2, ratio=ratio, limits=limits2, tie_covariates=x2, tie_rank=rank2)
    assert_same_in_any_order(sets, again, order)
    assert (sets.set[rank == 0] == -1).all()


@given(cohorts(most=30), st.integers(0, 1000))
@moderate
def test_row_order_is_irrelevant_to_mahalanobis_pairs(data: Cohort, seed: int) -> None:
    _, treated, x, rank = data
    if treated.sum() > (~treated).sum():
        treated = ~treated
    sets = optimal_pairs(covariate_distances(x + 0.1, treated), treated, tie_rank=rank)
    order, (treated2, x2, rank2) = shuffled(seed, treated, x, rank)
    again = optimal_pairs(covariate_distances(x2 + 0.1, treated2), treated2, tie_rank=rank2)
    assert_same_in_any_order(sets, again, order)


@given(cohorts(most=30), st.sampled_from(ORDERS), st.sampled_from([0.05, 0.2, 10.0]))
@moderate
def test_total_is_never_above_that_of_greedy_matching(data: Cohort, order: Order, caliper: float) -> None:
    score, treated, x, rank = data
    greedy = nearest_pairs(score, treated, caliper=caliper, order=order, tie_covariates=x, tie_rank=rank)
    if not greedy.treated.size:
        return
    sets = optimal_pairs(score, treated, limits=Limits(caliper=caliper), tie_covariates=x, tie_rank=rank)
    assert sets.n_treated >= greedy.treated.size
    if sets.n_treated == greedy.treated.size:
        assert sets.total_distance <= greedy.distance.sum() + 1e-12


@given(cohorts(most=30), st.sampled_from([0.05, 0.2, 10.0]))
@moderate
def test_exchanging_the_arms_changes_nothing_but_names(data: Cohort, caliper: float) -> None:
    score, treated, x, rank = data
    limits = Limits(caliper=caliper)
    try:
        sets = optimal_pairs(score, treated, limits=limits, tie_covariates=x, tie_rank=rank)
    except InputError:
        return
    other = optimal_pairs(score, ~treated, limits=limits, tie_covariates=x, tie_rank=rank)
    assert other.n_treated == sets.n_treated
    assert other.total_distance == pytest.approx(sets.total_distance, rel=1e-12)


@given(cohorts(most=20))
@moderate
def test_score_covariate_and_matrix_give_the_same_pairs(data: Cohort) -> None:
    score, treated, x, rank = data
    if treated.sum() > (~treated).sum():
        treated = ~treated
    by_score = optimal_pairs(score, treated, tie_covariates=x, tie_rank=rank)
    by_covariate = optimal_pairs(
        covariate_distances(score, treated, measure="euclidean"), treated, tie_covariates=x, tie_rank=rank
    )
    matrix = distance_matrix(score, treated, measure="euclidean")
    by_matrix = optimal_pairs(given_distances(matrix, treated), treated, tie_covariates=x, tie_rank=rank)
    assert partition(by_score) == partition(by_covariate)
    assert by_score.total_distance == pytest.approx(by_matrix.total_distance, rel=1e-12, abs=1e-15)


@given(cohorts(most=9), st.sampled_from([(1, 1, 2), (2, 1, 3), (2, 2, 3), (2, 1, 2)]))
@moderate
def test_a_number_of_controls_that_varies(data: Cohort, bounds: tuple[int, int, int]) -> None:
    score, treated, x, rank = data
    ratio, least, most = bounds
    treated = treated & (np.cumsum(treated) <= max(1, treated.size // (ratio + 1)))
    if (~treated).sum() < ratio * treated.sum():
        return
    sets = optimal_pairs(
        score, treated, ratio=ratio, min_controls=least, max_controls=most, tie_covariates=x, tie_rank=rank
    )
    controls = sets.set_sizes[:, 1]
    assert controls.sum() == ratio * treated.sum()
    assert controls.min() >= least
    assert controls.max() <= most
    assert_sound(sets)
    fixed = optimal_pairs(score, treated, ratio=ratio, tie_covariates=x, tie_rank=rank)
    assert sets.total_distance <= fixed.total_distance + 1e-12


def test_a_number_of_controls_that_varies_by_hand() -> None:
    # Two controls on average: the first treated row has one near, the second three.
    score, treatment = [0.0, 1.0, 0.0, 1.0, 1.0, 1.0], [1, 1, 0, 0, 0, 0]
    sets = optimal_pairs(score, treatment, ratio=2, max_controls=3)
    assert sets.set.tolist() == [0, 1, 0, 1, 1, 1]
    assert sets.total_distance == 0
    assert sets.weights.tolist() == pytest.approx([1, 1, 2, 2 / 3, 2 / 3, 2 / 3])


def test_a_caliper_on_a_score_and_distance_by_covariates() -> None:
    treated, x = cohort("pbc")
    score = score_in_r("pbc")
    sets = optimal_pairs(covariate_distances(x, treated), treated, limits=Limits(score=score, caliper=0.5))
    assert np.abs(score[sets.treated] - score[sets.control]).max() <= 0.5
    assert sets.n_treated == optimal_pairs(score, treated, limits=Limits(caliper=0.5)).n_treated


def test_identical_patients_are_taken_by_rank_alone() -> None:
    treatment = [1, 0, 0, 0]
    chosen = {
        int(optimal_pairs([0.5] * 4, treatment, tie_rank=np.roll([0.0, 1.0, 2.0, 3.0], k)).control[0]) for k in range(4)
    }
    assert len(chosen) > 1


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"distances": [0.1, np.nan, 0.3]}, "`score` must be finite; 1 of 3"),
        ({"distances": [0.1, np.inf, 0.3]}, "`score` must be finite"),
        ({"distances": [0.1, 0.2]}, "`score` must have 3 elements"),
        ({"treatment": [1, 0, np.nan]}, "`treatment` must be finite"),
        ({"treatment": [1, 1, 1]}, "`treatment` must hold treated and control rows"),
        ({"treatment": [0, 0, 0]}, "`treatment` must hold treated and control rows"),
        ({"treatment": []}, "`treatment` must hold"),
        (
            {"treatment": [1, 1, 0]},
            r"fewer controls \(1\) than treated patients \(2\).*full matching, or set a",
        ),
        ({"ratio": 3}, "`ratio` can be 2 at most: there are 2 controls for 1"),
        ({"ratio": 0}, "`ratio` must be a whole number"),
        ({"ratio": 1.5}, "`ratio` must be a whole number"),
        ({"ratio": 2, "max_controls": 1}, "`ratio` must lie between"),
        ({"max_controls": 2, "limits": Limits(caliper=1.0)}, "`full_match` has both"),
        ({"limits": Limits(caliper=-1.0)}, "`caliper` must not be negative"),
        ({"limits": Limits(caliper=np.nan)}, "`caliper` must not be negative"),
        ({"limits": Limits(caliper=0.05)}, "`caliper` leaves no pair: .* 0.1 apart, so that is the smallest caliper"),
        ({"limits": Limits(exact=["a", "b", "c"])}, "`exact` leaves no pair"),
        ({"limits": Limits(exact=np.array(["a", None, "c"]))}, "`exact` must be known"),
        ({"limits": Limits(exact=[0.0, np.nan, 1.0])}, "`exact` must be finite"),
        ({"limits": Limits(anti_exact=[1, 1, 1])}, "`anti_exact` leaves no pair"),
        (
            {"limits": Limits(covariates=[0.0, 5.0, 6.0], covariate_calipers=[1.0])},
            "`covariate_calipers` leaves no pair",
        ),
        ({"limits": Limits(covariates=[0.0, np.nan, 6.0], covariate_calipers=[1.0])}, "`covariates` must be finite"),
        ({"limits": Limits(covariates=[0.0, 5.0, 6.0], covariate_calipers=[np.nan])}, "must be finite"),
        ({"limits": Limits(covariates=[0.0, 5.0, 6.0], covariate_calipers=[-1.0])}, "must not be negative"),
        ({"limits": Limits(covariates=[0.0, 5.0, 6.0], covariate_calipers=[1.0, 2.0])}, "must have 1 elements"),
        ({"limits": Limits(covariate_calipers=[1.0])}, "need `covariates`"),
        ({"limits": Limits(discarded=[1, 0, 0])}, "`discarded` must leave"),
        ({"limits": Limits(discarded=[0, np.nan, 0])}, "`discarded` must be finite"),
        ({"limits": Limits(exact=["a", "b", "c"], anti_exact=[1, 1, 1])}, "loosen more than one"),
        ({"tie_covariates": [1.0, np.nan, 2.0]}, "`tie_covariates` must be finite"),
        ({"tie_rank": [1.0, np.nan, 2.0]}, "`tie_rank` must be finite"),
        ({"tie_rank": [1.0]}, "`tie_rank` must have 3"),
    ],
)
def test_bad_input(arguments: dict[str, Any], match: str) -> None:
    given_ones: dict[str, Any] = {"distances": [0.5, 0.4, 0.1], "treatment": [1, 0, 0]} | arguments
    with pytest.raises(InputError, match=match):
        optimal_pairs(**given_ones)


def test_a_caliper_needs_a_score() -> None:
    distances = covariate_distances([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [1.0, 5.0]], [1, 0, 1, 0])
    with pytest.raises(InputError, match="`caliper` bears on a score; give `score`"):
        optimal_pairs(distances, [1, 0, 1, 0], limits=Limits(caliper=1.0))
    with pytest.raises(InputError, match="`distances` must be of 3 rows; it is of 4"):
        optimal_pairs(distances, [1, 0, 0])


def test_too_many_pairs_are_refused_before_memory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoise.kernels.matching.allowed_pairs.MOST_PAIRS", 5)
    with pytest.raises(InputError, match=r"allow more than 5 pairs .* a caliper"):
        optimal_pairs(np.arange(6.0), [1, 1, 0, 0, 0, 0])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    treated, x = cohort("Melanoma")
    score = score_in_r("Melanoma")
    limits = Limits(caliper=0.3, exact=x[:, 0])
    whole = optimal_pairs(score, treated, limits=limits, tie_covariates=x)
    monkeypatch.setattr("counterpoise.kernels.matching.distance.BLOCK_CELLS", 300)
    in_blocks = optimal_pairs(score, treated, limits=limits, tie_covariates=x)
    np.testing.assert_array_equal(whole.set, in_blocks.set)
