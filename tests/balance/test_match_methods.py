"""Every method through the stage: what it must obey, whatever the cohort."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.balance import (
    Matching,
    MatchOptions,
    PropensityScore,
    check_balance,
    compare_unmatched,
    match,
    no_match,
    propensity,
)
from counterpoise.errors import InputError
from counterpoise.kernels.imbalance import imbalance
from tests.golden import dataset, golden

SEEDS = st.integers(0, 10_000)
few = settings(max_examples=12, deadline=None)
METHODS: dict[str, dict[str, Any]] = {
    "pairs": {},
    "two to one": {"ratio": 2},
    "variable": {"ratio": 2, "max_ratio": 3, "caliper": "none"},
    "replacement": {"replacement": True},
    "replacement, two": {"replacement": True, "ratio": 2},
    "mahalanobis": {"distance": "mahalanobis"},
    "robust": {"distance": "robust mahalanobis", "order": "closest"},
    "euclidean": {"distance": "scaled euclidean", "caliper": "none"},
    "probability": {"distance": "probability", "order": "ascending"},
    "limits": {"exact": ["high"], "covariate_calipers": {"age": 12.0}},
    "anti-exact": {"anti_exact": ["high"]},
    "discard": {"discard": "both"},
    "optimal": {"method": "optimal"},
    "optimal, limits": {"method": "optimal", "caliper": 0.4, "exact": ["high"]},
    "full": {"method": "full"},
    "full ATE": {"method": "full", "estimand": "ATE", "discard": "both"},
    "full, sizes": {"method": "full", "min_controls": "1/4", "max_controls": 6, "caliper": 3.0},
    "subclass": {"method": "subclass", "subclasses": 4, "estimand": "ATE"},
    "coarsened": {"method": "coarsened", "cutpoints": {"age": [45.0, 55.0]}},
    "exact": {"method": "exact", "exact": ["high", "stage"], "estimand": "ATC"},
    "cardinality": {"method": "cardinality", "tolerance": 0.15},
}


def cohort(seed: int, n: int = 90) -> tuple[PropensityScore, dict[str, Any]]:
    """A third treated; two flags and a number of few values, so that patients are alike."""
    draw = np.random.default_rng(seed)
    age, high = draw.integers(40, 60, n).astype(float), draw.integers(0, 2, n)
    stage = np.array(["I", "II"])[draw.integers(0, 2, n)]
    treated = draw.random(n) < 1 / (1 + np.exp(1.2 - (age - 50) / 15 - 0.6 * high))
    treated[:2] = [True, False]
    x = np.column_stack([age, high, stage == "II"]).astype(float)
    score = propensity(treated, x, terms=["age", "high", "stage II"])
    return score, {"age": age, "high": high, "stage": stage}


def made(seed: int, name: str, **more: Any) -> tuple[Matching, PropensityScore, dict[str, Any]]:
    score, columns = cohort(seed)
    rank = np.random.default_rng(seed + 1).permutation(score.treatment.size)
    return match(score, columns=columns, tie_rank=rank, **{**METHODS[name], **more}), score, columns


def memberships(matching: Matching) -> set[frozenset[int]]:
    rows, sets = matching.sets.memberships()
    return {frozenset(rows[sets == number].tolist()) for number in range(matching.n_sets)}


@pytest.mark.parametrize("name", METHODS)
@given(SEEDS)
@few
def test_sets_weights_and_counts_belong_together(name: str, seed: int) -> None:
    try:
        matching, score, _ = made(seed, name)
    except InputError:
        return
    treated, matched = score.treatment, matching.pair >= 0
    assert matching.unmatched_treated + int((treated & matched).sum()) == int(treated.sum())
    assert matching.unmatched_control + int((~treated & matched).sum()) == int((~treated).sum())
    assert not (matching.weights[~matched] != 0).any()
    assert (matching.weights[matched] > 0).all()
    assert not (matching.discarded & matched).any()
    for arm in (treated, ~treated):
        assert matching.weights[arm].sum() == pytest.approx((matched & arm).sum())
    for members in memberships(matching):
        rows = np.array(sorted(members))
        assert 0 < treated[rows].sum() < rows.size
    if matching.estimand == "ATT":
        np.testing.assert_allclose(matching.weights[treated & matched], 1.0, rtol=1e-12)
    assert (matching.target == "ATT") == (matching.estimand == "ATT" and matching.whole)
    assert matching.has_links == bool(matching.treated.size)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "cardinality"])
@given(SEEDS)
@few
def test_the_order_of_the_rows_plays_no_part(name: str, seed: int) -> None:
    score, columns = cohort(seed)
    n = score.treatment.size
    rank, order = np.random.default_rng(seed).permutation(n), np.random.default_rng(seed + 7).permutation(n)
    moved = propensity(score.treatment[order], score.x[order], terms=score.terms)
    moved_columns = {key: np.asarray(values)[order] for key, values in columns.items()}
    try:
        one = match(score, columns=columns, tie_rank=rank, **METHODS[name])
    except InputError:
        return
    other = match(moved, columns=moved_columns, tie_rank=rank[order], **METHODS[name])
    assert {frozenset(order[list(members)].tolist()) for members in memberships(other)} == memberships(one)
    np.testing.assert_allclose(other.weights, one.weights[order], rtol=1e-12)


@given(SEEDS)
@few
def test_limits_are_obeyed(seed: int) -> None:
    for method in ("nearest", "optimal", "full"):
        try:
            matching, score, columns = made(seed, "limits", method=method, caliper=0.5)
        except InputError:
            continue
        pairs = matching.treated, matching.control
        high, age = columns["high"], columns["age"]
        assert (high[pairs[0]] == high[pairs[1]]).all()
        assert (np.abs(age[pairs[0]] - age[pairs[1]]) <= 12.0).all()
        assert (np.abs(score.logit[pairs[0]] - score.logit[pairs[1]]) <= matching.caliper + 1e-12).all()


@given(SEEDS)
@few
def test_optimal_is_no_farther_than_greedy(seed: int) -> None:
    try:
        optimal, *_ = made(seed, "optimal")
    except InputError:
        return
    greedy, *_ = made(seed, "pairs", caliper="none")
    assert optimal.sets.total_distance <= greedy.sets.total_distance + 1e-9


def test_plain_matching_and_matching_with_idle_limits_agree() -> None:
    score, columns = cohort(5)
    rank = np.random.default_rng(3).permutation(score.treatment.size)
    plain = match(score, tie_rank=rank)
    idle = match(score, columns=columns, covariate_calipers={"age": 1e6}, tie_rank=rank)
    assert memberships(plain) == memberships(idle)


def test_discarding_fits_the_score_again() -> None:
    score, columns = cohort(11)
    matching = match(score, discard="both", columns=columns, seed=1)
    out = matching.discarded
    assert out.any()
    low = max(score.logit[arm].min() for arm in (score.treatment, ~score.treatment))
    high = min(score.logit[arm].max() for arm in (score.treatment, ~score.treatment))
    np.testing.assert_array_equal(out, (score.logit < low - 1e-12) | (score.logit > high + 1e-12))
    again = propensity(score.treatment[~out], score.x[~out])
    np.testing.assert_allclose(matching.score.logit, again.logit, rtol=1e-12)
    apart = np.abs(again.logit[:, None] - again.logit)
    place = np.cumsum(~out) - 1
    np.testing.assert_allclose(matching.distance, apart[place[matching.treated], place[matching.control]], atol=1e-9)
    only = match(score, discard="control", seed=1).discarded
    assert not (only & score.treatment).any()
    np.testing.assert_array_equal(only, out & ~score.treatment)


def test_balance_uses_the_weights_of_the_sets() -> None:
    matching, score, _ = made(2, "full")
    balance = check_balance(score.x, score.treatment, score.terms, pairs=matching)
    kept = matching.pair >= 0
    expected = imbalance(score.x[kept], score.treatment[kept], weights=matching.weights[kept], scale=balance.scale)
    assert balance.matched is not None
    np.testing.assert_array_equal(balance.matched.smd, expected.smd)
    assert matching.is_weighted


@pytest.mark.parametrize(
    ("file", "key", "options"),
    [
        ("matching_nearest", "near_lal_ratio2", {"ratio": 2}),
        ("matching_nearest", "near_lal_replace", {"replacement": True}),
        ("matching_nearest", "near_lal_exact_race", {"exact": ["race"]}),
        ("matching", "optimal_lal", {"method": "optimal"}),
    ],
)
def test_the_total_distance_is_that_of_matchit(file: str, key: str, options: Any) -> None:
    reference = golden(file, key)
    columns = {"race": dataset("lalonde")["race"]}
    caliper: dict[str, Any] = {} if options.get("method") else {"caliper": "none"}
    matching = match(lalonde(), columns=columns, distance="probability", **options, **caliper)
    assert matching.sets.n_treated == reference["n_matched_focal"]
    # MatchIt's scores come from glm's default convergence.
    assert matching.sets.total_distance == pytest.approx(reference["sum_abs_distance"], rel=1e-7)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_weights_of_subclasses_are_those_of_matchit(estimand: Any) -> None:
    matching = match(lalonde(), method="subclass", estimand=estimand)
    theirs = np.array(golden("matching", f"subclass6_lal_{estimand}")["weights"], dtype=float)
    np.testing.assert_allclose(matching.weights, theirs, rtol=1e-9)


def lalonde() -> PropensityScore:
    d = dataset("lalonde")
    races = [d["race"] == race for race in ("hispan", "white")]
    x = np.column_stack([d["age"], d["educ"], *races, d["married"], d["nodegree"], d["re74"], d["re75"]])
    return propensity(d["treat"], x.astype(float))


def test_the_unmatched_are_compared_with_the_matched() -> None:
    matching, score, _ = made(4, "pairs", caliper=0.05)
    scale = np.array([2.0, 0.5, 0.5])
    table = compare_unmatched(score.x, score.terms, matching, scale)
    treated, kept = score.treatment, matching.pair >= 0
    row = table.rows[0]
    assert (table.unmatched_treated, table.unmatched_control) == (
        matching.unmatched_treated,
        matching.unmatched_control,
    )
    assert row.matched_treated == pytest.approx(score.x[treated & kept, 0].mean())
    assert row.unmatched_treated == pytest.approx(score.x[treated & ~kept, 0].mean())
    assert row.smd_treated == pytest.approx((row.unmatched_treated - row.matched_treated) / 2.0)
    assert row.smd_control == pytest.approx((row.unmatched_control - row.matched_control) / 2.0)
    assert [item.is_share for item in table.rows] == [False, True, True]
    with pytest.raises(InputError, match="`names` must name the 3 columns"):
        compare_unmatched(score.x, ["age"], matching, scale)


def test_nobody_unmatched_has_no_mean() -> None:
    matching, score, _ = made(4, "full")
    table = compare_unmatched(score.x, score.terms, matching, [1.0, 1.0, 1.0])
    assert (table.unmatched_treated, table.unmatched_control) == (0, 0)
    assert np.isnan([table.rows[0].unmatched_treated, table.rows[0].smd_treated]).all()


def test_a_matching_of_nobody_keeps_its_reason() -> None:
    score, _ = cohort(1)
    nobody = no_match(score, MatchOptions(method="optimal", caliper=0.1), "No pair.")
    assert (nobody.n_sets, nobody.reason, nobody.target) == (0, "No pair.", "matched treated")
    assert nobody.unmatched_treated == score.treatment.sum()
    assert check_balance(score.x, score.treatment, score.terms, pairs=nobody).matched is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exact": ["hihg"]}, "There is no column `hihg`; did you mean `high`"),
        ({"method": "full", "caliper": 1e-9, "exact": ["odd"]}, "There is no column `odd`"),
        ({"covariate_calipers": {"stage": 1.0}}, "`stage` must hold numbers"),
        ({"method": "coarsened", "cutpoints": {"high": 2}}, "`cutpoints` names `high`, which is no column of numbers"),
        ({"method": "optimal", "caliper": 1e-9}, "`caliper` leaves no pair|nearest"),
        ({"method": "optimal", "ratio": 50}, "`ratio` can be|fewer controls"),
        ({"method": "subclass", "subclasses": 60}, "`subclasses` can be"),
        ({"method": "full", "min_controls": 20}, "`min_controls` must be"),
        ({"tie_rank": [1.0, 2.0]}, "`tie_rank` must have 90 elements"),
    ],
)
def test_what_cannot_be_had_is_said(options: Any, message: str) -> None:
    score, columns = cohort(2)
    columns["age"] = columns["age"] + np.random.default_rng(1).random(columns["age"].size)
    if options.get("caliper") == 1e-9:
        score = propensity(score.treatment, np.column_stack([columns["age"], score.x[:, 1:]]))
    with pytest.raises(InputError, match=message):
        match(score, columns=columns, **options)


def test_arms_that_do_not_overlap_cannot_be_cut_to_their_overlap() -> None:
    score = propensity([0, 0, 1, 1, 0, 1], [1.0, 2.0, 3.0, 4.0, 2.5, 2.2])
    apart = propensity([0, 0, 1, 1, 0, 1], [1.0, 2.0, 3.0, 4.0, 2.5, 2.2])
    assert match(score, discard="none").n_sets == match(apart).n_sets
    with pytest.raises(InputError, match="`options` and keywords exclude each other"):
        match(score, MatchOptions(), caliper=0.3)
