from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.matching import full as full_matching
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.distance import covariate_distances
from counterpoise.kernels.matching.full import full_match
from tests.balance.designs import lalonde
from tests.golden import dataset, golden
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import (
    assert_same_in_any_order,
    assert_sound,
    cohort,
    cohorts,
    least_cover,
    score_in_r,
    shuffled,
)

Cohort = tuple[Floats, Bools, Floats, Floats]
moderate = settings(max_examples=40, deadline=None)
BOUNDS = [(None, None), (None, 2), (1, None), (0.5, 2), (1 / 3, 3), (1, 3), (2, 2), (None, 1), (0.5, 0.5), (0.25, 1)]


def total_in_r(key: str) -> float:
    """Return the sum of the distances across MatchIt's own sets."""
    reference = golden("matching", key)
    score, treated = np.array(reference["distance"]), dataset("lalonde")["treat"] == 1
    number = np.array([-1 if value is None else value for value in reference["subclass"]])
    parts = [(score[treated & (number == k)], score[~treated & (number == k)]) for k in np.unique(number[number >= 0])]
    assert all(min(t.size, c.size) == 1 for t, c in parts)
    return float(sum(np.abs(np.subtract.outer(t, c)).sum() for t, c in parts))


@pytest.mark.parametrize("key", ["full_lal_ATT", "full_lal_ATE", "full_lal_cal_probit"])
def test_total_is_that_of_matchit_at_its_tightest(key: str) -> None:
    reference = golden("matching", key)
    caliper = None if reference["caliper"] is None else Limits(caliper=reference["caliper"][""])
    sets = full_match(
        reference["distance"],
        dataset("lalonde")["treat"],
        estimand=reference["estimand"],
        limits=caliper,
        tie_covariates=lalonde(),
    )
    assert sets.total_distance <= total_in_r(key) * (1 + 1e-9)
    agrees("Full matching: total distance", "matching", key, sets.total_distance, total_in_r(key))
    theirs = np.array(reference["weights"])
    assert (sets.set < 0).sum() == (theirs == 0).sum()
    # Sets differ where scores tie: ours are no fewer, and so their weights no less even.
    assert sets.n_sets >= len({number for number in reference["subclass"] if number is not None})
    control = dataset("lalonde")["treat"] == 0
    ours = sets.weights[control]
    assert ours.sum() ** 2 / np.square(ours).sum() >= theirs[control].sum() ** 2 / np.square(theirs[control]).sum()
    assert_sound(sets)


@pytest.mark.parametrize("name", ["pbc", "Melanoma", "veteran"])
def test_total_is_that_of_a_linear_programme(name: str) -> None:
    treated, x = cohort(name)
    theirs = golden("matching_kernels", f"full_{name}")
    by_score = full_match(score_in_r(name), treated).total_distance
    by_covariates = full_match(covariate_distances(x, treated), treated).total_distance
    agrees("Full matching: total distance", "matching_kernels", f"full_{name}", by_score, theirs["total"])
    agrees(
        "Full matching: total Mahalanobis distance",
        "matching_kernels",
        f"full_{name}",
        by_covariates,
        theirs["mahalanobis"],
    )


@pytest.mark.parametrize(("name", "most", "share"), [("pbc", 15, 2), ("veteran", 2, 2), ("Melanoma", 2, 2)])
def test_bounded_total_is_that_of_a_linear_programme(name: str, most: int, share: int) -> None:
    treated, _ = cohort(name)
    sets = full_match(score_in_r(name), treated, min_controls=1 / share, max_controls=most)
    theirs = golden("matching_kernels", f"bounded_{name}")["total"]
    agrees(
        "Full matching: total distance, bounded sets",
        "matching_kernels",
        f"bounded_{name}",
        sets.total_distance,
        theirs,
    )
    assert sets.set_sizes.max(axis=0).tolist() <= [share, most]
    assert (sets.set >= 0).all()
    assert_sound(sets)


def test_by_hand() -> None:
    # Controls .8, .7 belong to .9; treated .2, .3 share the control .25; all in all .1 + .2 + .05 + .05.
    score, treatment = [0.9, 0.2, 0.3, 0.8, 0.7, 0.25], [1, 1, 1, 0, 0, 0]
    sets = full_match(score, treatment)
    assert sets.set.tolist() == [0, 1, 1, 0, 0, 1]
    assert sets.total_distance == pytest.approx(0.4)
    # Within sets .5, .5 and 2, which sum to 3 controls as they are.
    assert sets.weights.tolist() == pytest.approx([1, 1, 1, 0.5, 0.5, 2])
    # In the ATE the treated weigh 3, 1.5, 1.5, halved to sum to 3; so do the controls 1.5, 1.5 and 3.
    ate = full_match(score, treatment, estimand="ATE")
    assert ate.weights.tolist() == pytest.approx([1.5, 0.75, 0.75, 0.75, 0.75, 1.5])
    # With one control to each treated row: .9-.8, .3-.7, .2-.25 or .9-.7, .3-.8: the least is .1 + .4 + .05.
    pairs = full_match(score, treatment, min_controls=1, max_controls=1)
    assert pairs.set_sizes.tolist() == [[1, 1]] * 3
    assert pairs.total_distance == pytest.approx(0.55)


def test_equal_distances_make_many_small_sets() -> None:
    # Two treated and four controls alike: two sets of two controls each, not one set of three and one of one.
    sets = full_match(np.full(6, 0.5), [1, 1, 0, 0, 0, 0])
    assert sets.set_sizes.tolist() == [[1, 2], [1, 2]]
    assert sets.total_distance == 0


def test_ties_are_broken_by_covariates() -> None:
    score, treatment, x = [0.5, 0.5, 0.6, 0.6, 0.6], [1, 1, 0, 0, 0], [1.0, 7.0, 6.0, 2.0, 3.0]
    assert full_match(score, treatment, tie_covariates=x).set.tolist() == [0, 1, 1, 0, 0]


@given(cohorts(most=6), st.sampled_from(BOUNDS), st.sampled_from([0.1, 0.3, 5.0]), st.booleans())
@moderate
def test_agrees_with_looking_at_every_cover(
    data: Cohort, bounds: tuple[float | None, float | None], caliper: float, exact: bool
) -> None:
    score, treated, x, rank = data
    least, most = bounds
    units = np.rint(score * 1e12)
    cost = np.abs(units[treated][:, None] - units[~treated])
    allowed = cost <= np.rint(caliper * 1e12)
    allowed &= (x[treated, 0][:, None] == x[~treated, 0]) if exact else True
    of_row = round(max(least or 1, 1)), round(max(most or 99, 1))
    of_column = round(1 / min(most or 1, 1)), round(1 / min(least or 1 / 99, 1))
    expected = least_cover(cost, allowed, of_row, of_column) if allowed.any() else np.inf
    arguments: dict[str, Any] = {"min_controls": least, "max_controls": most, "tie_covariates": x, "tie_rank": rank}
    arguments["limits"] = Limits(caliper=caliper, exact=x[:, 0] if exact else None)
    if not np.isfinite(expected):
        with pytest.raises(InputError, match=r"no pair|at least|at most|No sets of the sizes"):
            full_match(score, treated, **arguments)
        return
    sets = full_match(score, treated, **arguments)
    assert sets.total_distance * 1e12 == pytest.approx(expected, abs=0.5)
    placed = np.concatenate(
        [np.flatnonzero(treated)[allowed.any(axis=1)], np.flatnonzero(~treated)[allowed.any(axis=0)]]
    )
    assert set(np.flatnonzero(sets.set >= 0)) == set(placed)
    assert sets.set_sizes.min(axis=1).tolist() == [1] * sets.n_sets or (least or 0) > 1 or (most or 9) < 1
    assert (sets.set_sizes[:, 1] / sets.set_sizes[:, 0] <= (most or np.inf) + 1e-9).all()
    assert (sets.set_sizes[:, 1] / sets.set_sizes[:, 0] >= (least or 0) - 1e-9).all()
    assert_sound(sets)


@given(cohorts(most=30), st.integers(0, 1000), st.sampled_from([(None, None), (0.25, 6), (None, 8)]))
@moderate
def test_row_order_is_irrelevant(data: Cohort, seed: int, bounds: tuple[float | None, float | None]) -> None:
    score, treated, x, rank = data
    options: dict[str, Any] = {"min_controls": bounds[0], "max_controls": bounds[1], "estimand": "ATE"}
    try:
        sets = full_match(score, treated, tie_covariates=x, tie_rank=rank, **options)
    except InputError:
        return
    noise = np.random.default_rng(seed).uniform(-1, 1, score.size) * 1e-16
    order, (score2, treated2, x2, rank2) = shuffled(seed, score + noise, treated, x, rank)
    again = full_match(score2, treated2, tie_covariates=x2, tie_rank=rank2, **options)
    assert_same_in_any_order(sets, again, order)


@given(cohorts(most=30))
@moderate
def test_exchanging_the_arms_changes_nothing_but_names(data: Cohort) -> None:
    score, treated, x, rank = data
    sets = full_match(score, treated, tie_covariates=x, tie_rank=rank)
    other = full_match(score, ~treated, tie_covariates=x, tie_rank=rank)
    assert other.total_distance == pytest.approx(sets.total_distance, rel=1e-12)
    assert other.n_sets == sets.n_sets


@given(cohorts(most=40), st.sampled_from([0.05, 0.2]))
@moderate
def test_limits_are_obeyed(data: Cohort, caliper: float) -> None:
    score, treated, x, rank = data
    limits = Limits(caliper=caliper, exact=x[:, 0], anti_exact=rank % 3)
    try:
        sets = full_match(score, treated, limits=limits, tie_covariates=x, tie_rank=rank)
    except InputError:
        return
    assert sets.distance.max() <= caliper
    assert (x[sets.treated, 0] == x[sets.control, 0]).all()
    assert (rank[sets.treated] % 3 != rank[sets.control] % 3).all()
    assert_sound(sets)


def test_edges_left_out_at_first_are_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    treated, _ = cohort("Melanoma")
    score = score_in_r("Melanoma")
    usual = full_match(score, treated, min_controls=0.5, max_controls=2)
    monkeypatch.setattr(full_matching, "FIRST_PARTNERS", np.array([0, 1, 2, 5, 11, 23, 47, 90, 120]))
    fewer = full_match(score, treated, min_controls=0.5, max_controls=2)
    assert fewer.total_distance == pytest.approx(usual.total_distance, rel=1e-12)
    monkeypatch.setattr(full_matching, "FIRST_PARTNERS", np.array([0]))
    assert full_match(score, treated, min_controls=0.5, max_controls=2).total_distance == pytest.approx(
        usual.total_distance, rel=1e-12
    )


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"distances": [0.1, np.nan, 0.3, 0.4]}, "`score` must be finite"),
        ({"treatment": [1, np.nan, 0, 0]}, "`treatment` must be finite"),
        ({"treatment": [0, 0, 0, 0]}, "`treatment` must hold"),
        ({"tie_covariates": [1.0, np.nan, 2.0, 3.0]}, "`tie_covariates` must be finite"),
        ({"tie_rank": [1.0, np.nan, 2.0, 3.0]}, "`tie_rank` must be finite"),
        ({"estimand": "ATO"}, "`estimand` must be ATT, ATE or ATC"),
        ({"max_controls": 2.5}, "`max_controls` must be a whole number from 1 on or 1 over one; it is 2.5"),
        ({"max_controls": 0}, "`max_controls` must be a whole number"),
        ({"min_controls": np.nan}, "`min_controls` must be a whole number"),
        ({"max_controls": np.inf}, "`max_controls` must be a whole number"),
        ({"min_controls": 0.4}, "`min_controls` must be a whole number"),
        ({"min_controls": 2, "max_controls": 1}, "`min_controls` must not exceed `max_controls`; they are 2 and 1"),
        ({"max_controls": 2}, "`max_controls` must be 3 at least: there must be a place for everybody."),
        ({"min_controls": 4}, "`min_controls` must be 3 at most: there must be a place for everybody."),
        ({"limits": Limits(caliper=0.01)}, "`caliper` leaves no pair: .* 0.1 apart"),
        (
            {"treatment": [1, 1, 1, 0], "min_controls": 1},
            "`min_controls` must be 1 / 3 at most: there must be a place for everybody.",
        ),
        (
            {"treatment": [1, 1, 1, 0], "max_controls": 0.25},
            "`max_controls` must be 1 / 3 at least: there must be a place for everybody.",
        ),
        (
            {"treatment": [1, 0, 0, 0], "max_controls": 1, "limits": Limits(exact=[1, 1, 1, 2])},
            "`max_controls` must be 2 at least",
        ),
    ],
)
def test_bad_input(arguments: dict[str, Any], match: str) -> None:
    given_ones: dict[str, Any] = {"distances": [0.5, 0.4, 0.2, 0.1], "treatment": [1, 0, 0, 0]} | arguments
    with pytest.raises(InputError, match=match):
        full_match(**given_ones)


def test_sizes_that_only_the_limits_forbid() -> None:
    # Enough controls in all, but four of them are in reach of the first treated row alone.
    score, treatment = [0.1, 0.4, 0.0, 0.05, 0.1, 0.15, 0.26, 0.4], [1, 1, 0, 0, 0, 0, 0, 0]
    with pytest.raises(InputError, match="a set has up to 4 controls to a treated patient and up to 1 treated"):
        full_match(score, treatment, max_controls=3, limits=Limits(caliper=0.16))
