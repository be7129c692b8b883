"""Several arms matched by a common referent: sets, weights, who was left out, and the balance over all arms."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

import counterpoise as cp
from counterpoise.balance import ArmMatching, MatchOptions, arm_balance, match, match_arms, propensity
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats

ARMS = np.array(["a", "b", "c"])
WAYS: dict[str, dict[str, Any]] = {
    "pairs": {},
    "two partners": {"ratio": 2, "caliper": None},
    "again": {"replacement": True, "ratio": 2},
    "optimal": {"method": "optimal", "caliper": 0.3},
    "covariates": {"distance": "mahalanobis", "caliper": None, "covariate_calipers": {"x1": 1.0}},
}


def cohort(seed: int, n: int = 120) -> tuple[Counts, Floats, Floats]:
    """Arms of a sixth, a third and a half whose covariates differ, and ranks; x2 is rounded, so that there are ties."""
    rng = np.random.default_rng(seed)
    arm = rng.permutation(np.repeat([0, 1, 2], [n // 6, n // 3, n // 2]))
    x = rng.normal(0.3 * arm[:, None], 1.0, (n, 2))
    x[:, 1] = np.round(x[:, 1])
    return arm, x, rng.permutation(n).astype(float)


def made(data: tuple[Counts, Floats, Floats], **options: Any) -> ArmMatching:
    arm, x, rank = data
    return match_arms(ARMS[arm], x, tie_rank=rank, **options)


@given(st.integers(0, 10_000), st.sampled_from(sorted(WAYS)))
@settings(max_examples=40, deadline=None)
def test_sets_hold_one_referent_and_partners_of_every_other_arm(seed: int, way: str) -> None:
    data = cohort(seed)
    found = made(data, **WAYS[way])
    arm, x, _ = data
    assert found.referent == ARMS[np.bincount(arm).argmin()]
    for place in range(found.n_sets):
        linked = found.sets.link_set == place
        assert np.unique(found.sets.row[linked]).size == 1
        assert set(arm[found.sets.partner[linked]]) == set(range(3)) - {found.sets.referent}
    np.testing.assert_array_equal(found.matched + found.unmatched, np.bincount(arm))
    assert found.matched[found.sets.referent] == found.n_sets
    if not WAYS[way].get("replacement"):
        assert not found.reuses
    member, place, share = found.memberships()
    totals = np.bincount(member, weights=share, minlength=arm.size)
    for code in range(3):
        there = arm == code
        assert totals[there].sum() == pytest.approx(found.n_sets)
        np.testing.assert_allclose(totals[there] / found.n_sets, found.weights[there] / found.matched[code], atol=1e-12)
    assert place.max() == found.n_sets - 1
    if "covariate_calipers" in WAYS[way]:
        assert (np.abs(x[found.sets.row, 0] - x[found.sets.partner, 0]) <= 1.0 + 1e-9).all()


@given(st.integers(0, 10_000), st.sampled_from(sorted(WAYS)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_rows_plays_no_part(seed: int, way: str) -> None:
    arm, x, rank = cohort(seed)
    order = np.random.default_rng(seed + 1).permutation(arm.size)
    one, other = made((arm, x, rank), **WAYS[way]), made((arm[order], x[order], rank[order]), **WAYS[way])
    np.testing.assert_array_equal(one.sets.set[order], other.sets.set)
    np.testing.assert_allclose(one.weights[order], other.weights, rtol=1e-12)
    np.testing.assert_allclose(one.balance.after, other.balance.after, atol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_names_of_the_arms_play_no_part(seed: int) -> None:
    arm, x, rank = cohort(seed)
    one = match_arms(ARMS[arm], x, referent="b", tie_rank=rank)
    other = match_arms(np.array(["z", "y", "x"])[arm], x, referent="y", tie_rank=rank)
    np.testing.assert_array_equal(one.sets.set, other.sets.set)
    np.testing.assert_allclose(one.balance.after, other.balance.after, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_two_arms_are_matched_as_match_does(way: str) -> None:
    arm, x, rank = cohort(5)
    arm = np.minimum(arm, 1)
    treated = arm == 0
    found = match_arms(arm, x, referent=0, tie_rank=rank, **WAYS[way])
    same = match(propensity(treated, x), tie_rank=rank, **WAYS[way])
    np.testing.assert_array_equal(found.sets.set >= 0, same.pair >= 0)
    np.testing.assert_allclose(found.weights, same.weights, rtol=1e-12)
    links = sorted(zip(found.sets.row.tolist(), found.sets.partner.tolist(), strict=True))
    assert links == sorted(zip(same.treated.tolist(), same.control.tolist(), strict=True))


def test_balance_is_the_largest_difference_of_any_two_arms() -> None:
    arm, x, rank = cohort(7)
    found = match_arms(ARMS[arm], x, tie_rank=rank, ratio=2, replacement=True, terms=["age", "stage"])
    scale = np.sqrt(sum(x[arm == code].var(axis=0, ddof=1) for code in range(3)) / 3)
    for values, weights in ((found.balance.before, np.ones(arm.size)), (found.balance.after, found.weights)):
        means = [np.average(x[arm == code], axis=0, weights=weights[arm == code]) for code in range(3)]
        pairs = [np.abs(means[one] - means[other]) / scale for one, other in ((0, 1), (0, 2), (1, 2))]
        np.testing.assert_allclose(values, np.max(pairs, axis=0), rtol=1e-10)
    assert found.balance.names == ("age", "stage")


def test_a_constant_column_is_balanced_and_one_that_tells_arms_apart_is_not() -> None:
    found = match_arms(list("aabbbccc"), [1.0, 2, 1, 2, 4, 2, 1, 5], caliper=None)
    table = np.column_stack([np.full(8, 0.1), found.sets.arm == 0])
    assert arm_balance(table, found.sets, ["same", "arm"]).after.tolist() == [0.0, np.inf]


def test_columns_of_any_dataframe_and_identifiers_serve() -> None:
    arm, x, _ = cohort(11)
    names = [f"P{row}" for row in range(arm.size)]
    frame = pd.DataFrame({"age": x[:, 0], "stage": x[:, 1]})
    one = cp.match_arms(ARMS[arm], x, referent="a", identifiers=names, exact=["stage"], columns={"stage": x[:, 1]})
    other = cp.match_arms(
        pd.Series(ARMS[arm]), frame, referent="a", identifiers=pd.Series(names), exact=["stage"], columns=frame
    )
    np.testing.assert_array_equal(one.sets.set, other.sets.set)
    assert other.balance.names == ("age", "stage")
    linked = other.sets
    np.testing.assert_array_equal(x[linked.row, 1], x[linked.partner, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"referent": "d"}, r"`referent` must be one of two or more arms; 'd' is not in \['a', 'b', 'c'\]"),
        ({"method": "full"}, "`method` must be nearest or optimal to match several arms; it is 'full'"),
        ({"caliper": 1e-9}, "No patient of arm a has a partner in every other arm: 0 have one in b, 0 have one in c"),
        ({"referent": "c", "caliper": None}, r"Arm a: There are fewer controls \(20\) than treated patients \(60\)"),
        ({"options": MatchOptions(), "ratio": 2}, "`options` and keywords exclude each other"),
        ({"exact": ["stagee"]}, "Arm b: There is no column `stagee`"),
        ({"terms": ["one"]}, "`terms` must name the 2 columns"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(cohort(3), **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    arm, x, rank = cohort(3)
    x[17, 0] = bad
    with pytest.raises(InputError, match="`x` must be finite"):
        match_arms(ARMS[arm], x)
    with pytest.raises(InputError, match="`tie_rank` must be finite"):
        match_arms(ARMS[arm], cohort(3)[1], tie_rank=np.where(rank == 4, bad, rank))


def test_a_covariate_that_tells_two_arms_apart_names_the_arm() -> None:
    arm, x, _ = cohort(3)
    with pytest.raises(InputError, match="Arm b: propensity score: separated"):
        match_arms(ARMS[arm], np.column_stack([x[:, 0], arm == 1]), referent="a")


def test_a_single_arm_and_a_referent_among_the_options_of_two_arms_are_refused() -> None:
    with pytest.raises(InputError, match="`referent` must be one of two or more arms"):
        match_arms(["a"] * 4, [1.0, 2.0, 3.0, 4.0])
    keywords: dict[str, Any] = {"referent": "a"}
    with pytest.raises(InputError, match="`referent` belongs to `match_arms`"):
        match(propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3]), **keywords)
