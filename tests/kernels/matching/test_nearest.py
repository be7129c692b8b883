from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.matching.nearest import Order, Pairs, nearest_pairs
from tests.balance.designs import lalonde, rotterdam_design
from tests.golden import dataset, golden, rotterdam

ORDERS: tuple[Order, ...] = ("descending", "ascending", "closest")
moderate = settings(max_examples=100, deadline=None)


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.treated.tolist(), pairs.control.tolist(), strict=True))


def matched_in_r(key: str, units: list[str]) -> tuple[set[tuple[int, int]], dict[str, Any]]:
    reference = golden("matchit", key)
    row = {unit: index for index, unit in enumerate(units)}
    table = reference["match_matrix"]
    rows = zip(table["focal_unit"], table["matches"], strict=True)
    return {(row[focal], row[match[0]]) for focal, match in rows if match[0] is not None}, reference


@pytest.mark.parametrize(
    ("key", "order"),
    [("near_rott_linlogit_cal02_largest", "descending"), ("near_rott_linlogit_cal02_smallest", "ascending")],
)
def test_agrees_with_matchit_pair_by_pair_where_hardly_any_scores_tie(key: str, order: Order) -> None:
    treated = rotterdam()["hormon"]
    score = logistic(treated, rotterdam_design()).linear_predictor
    expected, reference = matched_in_r(key, [str(int(pid)) for pid in rotterdam()["pid"]])
    pairs = nearest_pairs(score, treated, caliper=reference["caliper"][""], order=order)
    assert as_set(pairs) == expected
    # MatchIt's scores come from glm's default convergence.
    assert pairs.distance.sum() == pytest.approx(reference["sum_abs_distance"], rel=1e-8)


@pytest.mark.parametrize(
    ("key", "order", "scale"),
    [
        ("near_lal_linlogit_cal02_largest", "descending", "logit"),
        ("near_lal_linlogit_cal02_smallest", "ascending", "logit"),
        ("near_lal_morder_smallest", "ascending", "probability"),
    ],
)
def test_agrees_with_matchit_in_distance_where_scores_tie(key: str, order: Order, scale: str) -> None:
    d = dataset("lalonde")
    fit = logistic(d["treat"], lalonde())
    score = fit.linear_predictor if scale == "logit" else fit.probability
    expected, reference = matched_in_r(key, d["id"].tolist())
    caliper = None if reference["caliper"] is None else reference["caliper"][""]
    pairs = nearest_pairs(score, d["treat"], caliper=caliper, order=order, tie_covariates=lalonde())
    theirs = np.sort([abs(score[treated] - score[control]) for treated, control in expected])
    np.testing.assert_allclose(np.sort(pairs.distance), theirs, atol=1e-9)
    assert pairs.distance.sum() == pytest.approx(reference["sum_abs_distance"], rel=1e-8)
    tied = np.unique(np.round(score, 12), return_inverse=True, return_counts=True)
    is_tied = tied[2][tied[1]] > 1
    # Every pair that is not MatchIt's own has a member whose score another patient shares.
    assert all(is_tied[treated] or is_tied[control] for treated, control in as_set(pairs) ^ expected)


def test_by_hand() -> None:
    # Treated 1.0, 0.6; controls 0.9, 0.7, 0.1.
    score, treatment = [1.0, 0.6, 0.9, 0.7, 0.1], [1, 1, 0, 0, 0]
    descending = nearest_pairs(score, treatment)
    assert as_set(descending) == {(0, 2), (1, 3)}
    assert descending.distance.tolist() == [0.1, 0.1]
    # The one treated at .8 lies as near to .9 as to .7: rank decides, then covariates before it.
    score, treatment, rank = [0.8, 0.9, 0.7], [1, 0, 0], [0, 2, 1]
    assert as_set(nearest_pairs(score, treatment)) == {(0, 1)}
    assert as_set(nearest_pairs(score, treatment, tie_rank=rank)) == {(0, 2)}
    assert as_set(nearest_pairs(score, treatment, tie_rank=rank, tie_covariates=[5.0, 4.9, 1.0])) == {(0, 1)}


def test_the_order_decides_who_gets_the_control() -> None:
    score, treatment = [0.9, 0.5, 0.6], [1, 1, 0]
    assert as_set(nearest_pairs(score, treatment, order="descending")) == {(0, 2)}
    assert as_set(nearest_pairs(score, treatment, order="ascending")) == {(1, 2)}
    assert as_set(nearest_pairs(score, treatment, order="closest")) == {(1, 2)}


def test_a_pair_at_exactly_the_caliper_is_allowed() -> None:
    assert nearest_pairs([0.3, 0.1], [1, 0], caliper=0.2).treated.size == 1
    assert nearest_pairs([0.3, 0.1], [1, 0], caliper=0.1999).treated.size == 0


def test_more_treated_than_controls_leaves_some_without_a_partner() -> None:
    pairs = nearest_pairs([0.9, 0.8, 0.7, 0.1], [1, 1, 1, 0])
    assert as_set(pairs) == {(0, 3)}


def slow(score: Floats, treated: Bools, caliper: float, order: Order, x: Floats, rank: Counts) -> set[tuple[int, int]]:
    """Look at every pair, every time."""
    units = np.rint(score * 1e12)
    z = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    waiting, free = list(np.flatnonzero(treated)), set(np.flatnonzero(~treated).tolist())
    made: set[tuple[int, int]] = set()
    sign = -1 if order == "descending" else 1
    while waiting and free:
        queue = waiting if order == "closest" else [min(waiting, key=lambda i: (sign * units[i], rank[i]))]
        best = min(
            (abs(units[i] - units[j]), round(float(((z[i] - z[j]) ** 2).sum()), 9), rank[i], rank[j], int(i), j)
            for i in queue
            for j in free
        )
        i, j = best[-2:]
        if best[0] <= np.rint(caliper * 1e12):
            made.add((i, j))
            free.remove(j)
        elif order == "closest":
            break
        waiting.remove(queue[0] if order != "closest" else np.intp(i))
    return made


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[Floats, Bools, Floats, Counts]:
    n = draw(st.integers(2, 25))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    x = rng.integers(0, 3, (n, 2)).astype(float)
    score = {
        "free": rng.standard_normal(n),
        "by covariates": x @ [0.1, 0.3],
        "coarse": rng.integers(0, 4, n) / 10,
    }[draw(st.sampled_from(["free", "by covariates", "coarse"]))]
    treated = rng.random(n) < 0.4
    treated[:2] = True, False
    return score, treated, x, rng.permutation(n)


@given(cohorts(), st.sampled_from(ORDERS), st.sampled_from([0.0, 0.1, 0.25, 10.0]))
@moderate
def test_agrees_with_looking_at_every_pair(
    data: tuple[Floats, Bools, Floats, Counts], order: Order, caliper: float
) -> None:
    score, treated, x, rank = data
    pairs = nearest_pairs(score, treated, caliper=caliper, order=order, tie_covariates=x, tie_rank=rank)
    assert as_set(pairs) == slow(score, treated, caliper, order, x, rank)


@given(cohorts(), st.sampled_from(ORDERS))
@moderate
def test_row_order_is_irrelevant_though_scores_differ_in_their_last_digits(
    data: tuple[Floats, Bools, Floats, Counts], order: Order
) -> None:
    score, treated, x, rank = data
    rng = np.random.default_rng(int(rank[0]))
    shuffle = rng.permutation(rank.size)
    pairs = nearest_pairs(score, treated, caliper=0.2, order=order, tie_covariates=x, tie_rank=rank)
    noisy = score[shuffle] + rng.choice([-1e-16, 0.0, 1e-16], rank.size)
    shuffled = nearest_pairs(
        noisy, treated[shuffle], caliper=0.2, order=order, tie_covariates=x[shuffle], tie_rank=rank[shuffle]
    )
    back = {(int(shuffle[i]), int(shuffle[j])) for i, j in as_set(shuffled)}
    assert back == as_set(pairs)
    # A score that lies between two of the 1e-12 to which scores are rounded goes either way.
    np.testing.assert_allclose(np.sort(shuffled.distance), np.sort(pairs.distance), rtol=0, atol=2.5e-12)


@given(cohorts(), st.sampled_from(ORDERS), st.floats(0, 1))
@moderate
def test_nobody_is_used_twice_and_the_caliper_holds(
    data: tuple[Floats, Bools, Floats, Counts], order: Order, caliper: float
) -> None:
    score, treated, x, rank = data
    pairs = nearest_pairs(score, treated, caliper=caliper, order=order, tie_covariates=x, tie_rank=rank)
    assert np.unique(pairs.treated).size == np.unique(pairs.control).size == pairs.treated.size
    assert treated[pairs.treated].all()
    assert not treated[pairs.control].any()
    assert (pairs.distance <= caliper + 1e-12).all()
    np.testing.assert_allclose(pairs.distance, np.abs(score[pairs.treated] - score[pairs.control]), atol=2e-12)


def test_closest_first_makes_pairs_in_order_of_distance() -> None:
    rng = np.random.default_rng(4)
    pairs = nearest_pairs(rng.standard_normal(200), rng.random(200) < 0.4, order="closest")
    assert (np.diff(pairs.distance) >= 0).all()


def test_without_a_caliper_every_treated_row_finds_a_control_if_there_are_enough() -> None:
    rng = np.random.default_rng(4)
    treated = np.arange(300) < 100
    for order in ORDERS:
        assert nearest_pairs(rng.standard_normal(300), treated, order=order).treated.size == 100


@pytest.mark.parametrize(
    ("score", "treatment", "options", "message"),
    [
        ([1, np.nan], [0, 1], {}, "`score` must be finite"),
        ([1, 2], [0, np.nan], {}, "`treatment` must be finite"),
        ([1, 2], [0, 1], {"caliper": np.nan}, "`caliper` must not be negative; it is nan"),
        ([1, 2], [0, 1], {"caliper": -0.1}, "`caliper` must not be negative"),
        ([1, 2], [0, 1], {"tie_rank": [0, np.nan]}, "`tie_rank` must be finite"),
        ([1, 2], [0, 1], {"tie_covariates": [0, np.nan]}, "`tie_covariates` must be finite"),
        ([1, 2], [0, 1], {"order": "random"}, "`order` must be descending, ascending or closest; it is 'random'"),
        ([1, 2], [1, 1], {}, "`treatment` must hold treated and control rows"),
        ([1], [1], {}, "`treatment` must hold treated and control rows"),
    ],
)
def test_what_cannot_be_paired_is_refused(
    score: list[float], treatment: list[float], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        nearest_pairs(score, treatment, **options)
