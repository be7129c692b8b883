from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.distance import Distances, covariate_distances, given_distances
from counterpoise.kernels.matching.nearest import Order, nearest_pairs
from counterpoise.kernels.matching.nearest_sets import nearest_sets
from counterpoise.kernels.matching.optimal import optimal_pairs
from counterpoise.kernels.matching.sets import MatchedSets
from tests.kernels.matching.matching_cohorts import assert_same_in_any_order, assert_sound, cohorts, links, shuffled
from tests.kernels.matching.slow_nearest import Everything, slow_links, slow_replacement

Cohort = tuple[Floats, Bools, Floats, Floats]
ORDERS: tuple[Order, ...] = ("descending", "ascending", "closest")
KINDS = ("score", "mahalanobis", "robust mahalanobis", "euclidean", "given")
LIMITS = ("none", "caliper", "covariate", "exact", "anti-exact", "discarded", "several")
moderate = settings(max_examples=50, deadline=None)


def distances_of(kind: str, data: Cohort) -> Distances | Floats:
    score, treated, x, _ = data
    if kind == "score":
        return score
    if kind == "given":
        return given_distances(np.abs(np.subtract.outer(score[treated], score[~treated])) ** 2, treated)
    measures: dict[str, Any] = {"m": "mahalanobis", "r": "robust mahalanobis", "e": "euclidean"}
    return covariate_distances(x, treated, measure=measures[kind[0]])


def limits_of(kind: str, data: Cohort) -> dict[str, Any]:
    score, treated, x, rank = data
    discarded = rank % 4 == 0
    if discarded[treated].all() or discarded[~treated].all():
        discarded[:] = False
    every: dict[str, dict[str, Any]] = {
        "none": {"score": score},
        "caliper": {"score": score, "caliper": 0.2},
        "covariate": {"score": score, "covariates": x, "covariate_calipers": [1.0, 0.0]},
        "exact": {"score": score, "exact": x},
        "anti-exact": {"score": score, "anti_exact": x[:, 0]},
        "discarded": {"score": score, "discarded": discarded},
    }
    return every[kind] if kind != "several" else every["caliper"] | {"exact": x[:, 1]} | every["discarded"]


def matched(data: Cohort, kind: str, limit: str, **options: Any) -> MatchedSets:
    """Match a cohort; the draw is left where the limits, or the number of controls, allow no matching."""
    _, treated, x, rank = data
    limits = Limits(**limits_of(limit, data))
    try:
        return nearest_sets(
            distances_of(kind, data), treated, limits=limits, tie_covariates=x, tie_rank=rank, **options
        )
    except InputError:
        assert limit in ("none", "discarded") or not everything(data, kind, limit).allowed.any()
        assume(False)
        raise


def everything(data: Cohort, kind: str, limit: str) -> Everything:
    score, treated, x, rank = data
    limits = limits_of(limit, data)
    n = treated.size
    distances = distances_of(kind, data)
    cost = np.zeros((n, n))
    if not isinstance(distances, Distances):
        cost = np.abs(np.subtract.outer(np.rint(score * 1e12), np.rint(score * 1e12)))
    else:
        arms = np.flatnonzero(treated), np.flatnonzero(~treated)
        places = arms if kind != "given" else (np.arange(arms[0].size), np.arange(arms[1].size))
        cost[np.ix_(*arms)] = distances.between(*places)
    allowed = treated[:, None] & ~treated
    if "caliper" in limits:
        allowed &= np.abs(np.subtract.outer(np.rint(score * 1e12), np.rint(score * 1e12))) <= 0.2e12
    if "covariates" in limits:
        allowed &= (np.abs(x[:, None] - x) <= [1.0, 0.0]).all(axis=2)
    if "exact" in limits:
        codes = limits["exact"].reshape(n, -1)
        allowed &= (codes[:, None] == codes).all(axis=2)
    if "anti_exact" in limits:
        allowed &= x[:, None, 0] != x[:, 0]
    if "discarded" in limits:
        allowed &= ~limits["discarded"] & ~limits["discarded"][:, None]
    z = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    return Everything(cost, np.square(z[:, None] - z).sum(axis=2), allowed, rank, treated)


every_form = given(
    cohorts(), st.sampled_from(KINDS), st.sampled_from(LIMITS), st.sampled_from(ORDERS), st.integers(1, 3)
)


@every_form
@settings(max_examples=150, deadline=None)
def test_agrees_with_looking_at_every_pair(data: Cohort, kind: str, limit: str, order: Order, ratio: int) -> None:
    sets = matched(data, kind, limit, order=order, ratio=ratio)
    score, treated, _, _ = data
    quota = np.full(treated.size, ratio)
    every = everything(data, kind, limit)
    assert links(sets) == slow_links(every, np.rint(score * 1e12), order, quota)
    # Squared differences of scores are rounded once more where they are given as distances.
    np.testing.assert_allclose(sets.distance, every.cost[sets.treated, sets.control] / 1e12, atol=1e-15)


@every_form
@moderate
def test_with_replacement_agrees_with_looking_at_every_pair(
    data: Cohort, kind: str, limit: str, order: Order, ratio: int
) -> None:
    sets = matched(data, kind, limit, order=order, ratio=ratio, replacement=True)
    assert links(sets) == slow_replacement(everything(data, kind, limit), ratio)


@given(cohorts(), st.sampled_from(KINDS[:-1]), st.sampled_from(LIMITS), st.sampled_from(ORDERS), st.integers(1, 3))
@moderate
def test_row_order_is_irrelevant(data: Cohort, kind: str, limit: str, order: Order, ratio: int) -> None:
    for options in ({}, {"replacement": True}, {"ratio": ratio + 0.5, "max_ratio": ratio + 1}):
        options = {"order": order, "ratio": ratio} | options
        sets = matched(data, kind, limit, **options)
        permutation, again = shuffled(int(data[3][0]), *data)
        other = matched((again[0], again[1], again[2], again[3]), kind, limit, **options)
        assert_same_in_any_order(sets, other, permutation)


@every_form
@moderate
def test_limits_hold_and_nobody_is_used_twice(data: Cohort, kind: str, limit: str, order: Order, ratio: int) -> None:
    sets = matched(data, kind, limit, order=order, ratio=ratio)
    assert_sound(sets)
    assert everything(data, kind, limit).allowed[sets.treated, sets.control].all()
    assert (sets.set_sizes[:, 0] == 1).all()
    assert (sets.set_sizes[:, 1] <= ratio).all()
    if limit == "none":
        assert (sets.set_sizes[:, 1] == ratio).all()
        assert sets.unmatched_treated == 0
    assert not (sets.discarded & (sets.set >= 0)).any()


@given(cohorts(), st.sampled_from(ORDERS), st.sampled_from([None, 0.0, 0.1, 0.25]), st.booleans())
@moderate
def test_one_to_one_on_a_score_is_nearest_pairs(
    data: Cohort, order: Order, caliper: float | None, with_covariates: bool
) -> None:
    score, treated, x, rank = data
    options: dict[str, Any] = {"order": order, "tie_rank": rank, "tie_covariates": x if with_covariates else None}
    pairs = nearest_pairs(score, treated, caliper=caliper, **options)
    assume(pairs.treated.size and (caliper is not None or (~treated).sum() >= treated.sum()))
    sets = nearest_sets(score, treated, limits=Limits(caliper=caliper), **options)
    assert links(sets) == set(zip(pairs.treated.tolist(), pairs.control.tolist(), strict=True))


@given(cohorts())
@moderate
def test_the_closest_pairs_are_the_same_with_the_arms_exchanged(data: Cohort) -> None:
    _, treated, _, rank = data
    score = np.random.default_rng(int(rank[0])).standard_normal(rank.size)
    one = nearest_sets(score, treated, order="closest", limits=Limits(caliper=3.0))
    other = nearest_sets(score, ~treated, order="closest", limits=Limits(caliper=3.0))
    assert {(j, i) for i, j in links(one)} == links(other)


@given(cohorts(), st.sampled_from(KINDS), st.sampled_from(ORDERS), st.integers(1, 2))
@moderate
def test_the_total_is_not_below_the_optimal_one(data: Cohort, kind: str, order: Order, ratio: int) -> None:
    sets = matched(data, kind, "none", order=order, ratio=ratio)
    best = optimal_pairs(distances_of(kind, data), data[1], ratio=ratio)
    assert best.total_distance <= sets.total_distance + 1e-9


@given(cohorts(), st.sampled_from(ORDERS), st.sampled_from([1.0, 1.5, 2.0, 2.4]), st.integers(1, 2), st.integers(2, 4))
@moderate
def test_a_variable_ratio_has_its_bounds_and_its_mean(
    data: Cohort, order: Order, ratio: float, least: int, most: int
) -> None:
    assume(least <= ratio <= most and least < most)
    score, treated, _, _ = data
    sets = matched(data, "score", "none", order=order, ratio=ratio, min_ratio=least, max_ratio=most)
    sizes = np.zeros(treated.size, dtype=int)
    sizes[sets.treated] = np.bincount(sets.link_set)[sets.link_set]
    assert sizes.sum() == round(ratio * treated.sum())
    inside = sizes[treated]
    assert ((inside >= least) & (inside <= most)).all()
    assert np.count_nonzero((inside > least) & (inside < most)) <= 1
    units = np.rint(score * 1e12)
    assert links(sets) == slow_links(everything(data, "score", "none"), units, order, sizes)
    # Who scores higher has no more controls, if the treated score higher on average.
    if units[treated].mean() > units[~treated].mean():
        assert (np.diff(inside[np.argsort(-units[treated], kind="stable")]) >= 0).all() or len(set(units)) < len(units)
    assert_sound(sets)


def test_by_hand() -> None:
    # Two treated: .9 and .5. First round: .9 takes .8, .5 takes .4; second: .9 takes .7, .5 has .1.
    score, treatment = [0.9, 0.5, 0.8, 0.7, 0.4, 0.1], [1, 1, 0, 0, 0, 0]
    sets = nearest_sets(score, treatment, ratio=2)
    assert links(sets) == {(0, 2), (0, 3), (1, 4), (1, 5)}
    assert sets.weights.tolist() == [1.0] * 6
    # With one turn after the other .5 would have had .4 and .7 had it come first.
    assert links(nearest_sets(score, treatment, ratio=2, order="ascending")) == {(1, 4), (0, 2), (1, 3), (0, 5)}
    # Three controls to two treated rows, one to two each: the lower score has two.
    sets = nearest_sets(score, treatment, ratio=1.5, max_ratio=2)
    assert links(sets) == {(0, 2), (1, 4), (1, 3)}
    assert sets.weights.tolist() == [1.0, 1.0, 1.5, 0.75, 0.75, 0.0]


def test_replacement_by_hand() -> None:
    # Both treated rows have the control at .8; the weights are 2 and 0 before they sum to one control.
    sets = nearest_sets([0.9, 0.75, 0.8, 0.1], [1, 1, 0, 0], replacement=True)
    assert sets.control.tolist() == [2, 2]
    assert sets.weights.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert sets.reuses
    # Equally near: the covariate decides, then the rank; the tie lies at the end of the two that are wanted.
    score, treatment = [0.5, 0.5, 0.4, 0.6, 0.6], [1, 0, 0, 0, 0]
    rank = [0, 1, 4, 3, 2]
    assert nearest_sets(score, treatment, ratio=2, replacement=True, tie_rank=rank).control.tolist() == [1, 4]
    assert nearest_sets(
        score, treatment, ratio=2, replacement=True, tie_rank=rank, tie_covariates=[0, 9, 0, 1, 1]
    ).control.tolist() == [1, 2]


def test_without_a_score_the_hardest_to_match_comes_first() -> None:
    # On the plane, treated at 0 and 3; controls at 1 and 9: 3 is farther from its nearest, so it chooses first.
    x = np.array([[0.0, 0.0], [3.0, 0.0], [1.0, 0.0], [9.0, 0.0]])
    distances = covariate_distances(x, [1, 1, 0, 0], measure="euclidean")
    assert links(nearest_sets(distances, [1, 1, 0, 0])) == {(1, 2), (0, 3)}
    assert links(nearest_sets(distances, [1, 1, 0, 0], order="ascending")) == {(0, 2), (1, 3)}
    by_score = Limits(score=[0.9, 0.1, 0.0, 0.0])
    assert links(nearest_sets(distances, [1, 1, 0, 0], limits=by_score)) == {(0, 2), (1, 3)}


def test_a_short_list_that_runs_out_is_made_anew() -> None:
    rng = np.random.default_rng(0)
    x = np.vstack([np.zeros((40, 2)), rng.standard_normal((60, 2))])
    treated = np.arange(100) < 40
    distances = covariate_distances(x, treated)
    sets = nearest_sets(distances, treated, order="closest")
    nearest = np.sort(distances.between(np.array([0]), np.arange(40, 100))[0])[:40] / distances.units
    np.testing.assert_array_equal(np.sort(sets.distance), nearest)


def test_a_score_beyond_a_thousand_keeps_its_caliper() -> None:
    score = np.array([50_000.0, 50_000.2, 40_000.0, 40_000.3])
    sets = nearest_sets(score, [1, 0, 1, 0], limits=Limits(caliper=0.2))
    assert links(sets) == {(0, 1)}


def test_a_treated_row_alone_in_its_stratum_stays_unmatched() -> None:
    sets = nearest_sets([0.1, 0.2, 0.3], [1, 1, 0], limits=Limits(exact=["a", "b", "b"]))
    assert links(sets) == {(1, 2)}
    assert sets.unmatched_treated == 1


ROWS: tuple[list[float], list[int]] = ([0.9, 0.5, 0.6, 0.1], [1, 1, 0, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "random"}, "`order` must be descending, ascending or closest"),
        ({"ratio": 0}, "`ratio` must be 1 or more; it is 0"),
        ({"ratio": np.nan}, "`ratio` must be 1 or more; it is nan"),
        ({"ratio": 1.5}, "`ratio` must be a whole number; it is 1.5"),
        ({"min_ratio": 2}, "`min_ratio` needs `max_ratio` beside it"),
        ({"ratio": 2, "max_ratio": 2.5}, "`max_ratio` must be a whole number"),
        ({"ratio": 4, "max_ratio": 3}, "`ratio` must lie between `min_ratio` and `max_ratio`; 4 is not in \\(1, 3\\)"),
        ({"ratio": 1.5, "max_ratio": 2, "replacement": True}, "`max_ratio` can't be joined to `replacement`"),
        ({"ratio": 2}, "`ratio` can be 1 at most: there are 2 controls for 2 treated patients"),
        ({"ratio": 1.5, "max_ratio": 2}, "`ratio` can be 1.0 at most: there are 2 controls for 2 treated patients"),
        ({"ratio": 3, "replacement": True}, "`ratio` can be 2 at most with replacement"),
        ({"limits": Limits(caliper=0.05)}, "`caliper` leaves no pair: .* are 0.1 apart"),
        ({"limits": Limits(caliper=-1)}, "`caliper` must not be negative"),
        ({"limits": Limits(caliper=0.2, exact=[0, 1, 1, 0])}, None),
        ({"limits": Limits(caliper=0.05, exact=[0, 1, 1, 0])}, "control of one stratum are 0.1 apart"),
        ({"limits": Limits(exact=[0, 0, 1, 1])}, "`exact` leaves no pair: no stratum holds both"),
        ({"limits": Limits(anti_exact=[0, 0, 0, 0])}, "`anti_exact` leaves no pair"),
        ({"limits": Limits(caliper=0.05, anti_exact=[0, 1, 0, 1])}, "`caliper` leaves no pair: .* are 0.1 apart"),
        (
            {"limits": Limits(covariates=[0, 0, 9, 9], covariate_calipers=[1])},
            "`covariate_calipers` leaves? no pair",
        ),
        ({"limits": Limits(discarded=[1, 1, 0, 0])}, "`discarded` must leave treated patients and controls"),
        ({"limits": Limits(score=[np.nan] * 4)}, "`score` must be finite"),
        ({"limits": Limits(exact=[np.nan] * 4)}, "`exact` must be finite"),
        ({"tie_rank": [0, np.inf, 1, 2]}, "`tie_rank` must be finite"),
        ({"tie_covariates": [0, np.nan, 1, 2]}, "`tie_covariates` must be finite"),
        ({"tie_covariates": [0, 1, 2]}, "`tie_covariates` must have 4 rows"),
    ],
)
def test_what_cannot_be_matched_is_refused(options: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert nearest_sets(*ROWS, **options).n_sets == 1
        return
    with pytest.raises(InputError, match=message):
        nearest_sets(*ROWS, **options)


@pytest.mark.parametrize(
    ("score", "treatment", "message"),
    [
        ([1, np.nan], [0, 1], "`score` must be finite"),
        ([1, 2], [0, np.nan], "`treatment` must be finite"),
        ([1, 2], [1, 1], "`treatment` must hold treated and control rows"),
        ([1], [1], "`treatment` must hold treated and control rows"),
        ([3, 2, 1], [1, 1, 0], "fewer controls \\(1\\) than treated patients \\(2\\)"),
    ],
)
def test_rows_that_cannot_be_matched_are_refused(score: ArrayLike, treatment: ArrayLike, message: str) -> None:
    with pytest.raises(InputError, match=message):
        nearest_sets(score, treatment)


def test_a_variable_ratio_needs_a_score() -> None:
    x = np.random.default_rng(0).standard_normal((9, 2))
    treated = np.arange(9) < 2
    with pytest.raises(InputError, match="`max_ratio` needs a score"):
        nearest_sets(covariate_distances(x, treated), treated, ratio=2, max_ratio=3)
