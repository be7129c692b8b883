from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.matching.coarsened import BIN_RULES, coarsened, coarsened_exact, exact_match, one_to_one
from counterpoise.kernels.matching.distance import distance_matrix
from counterpoise.kernels.matching.sets import MatchedSets
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import (
    COLUMNS,
    assert_same_in_any_order,
    assert_sound,
    cohort,
    cohorts,
    partition,
    shuffled,
)

Cohort = tuple[Floats, Bools, Floats, Floats]
moderate = settings(max_examples=60, deadline=None)


def columns(*names: str) -> Floats:
    return np.column_stack([dataset("lalonde")[name] for name in names])


def assert_as_in_matchit(section: str, key: str, sets: MatchedSets) -> None:
    reference = golden("matching", key)
    number = np.array([-1 if value is None else value for value in reference["subclass"]])
    theirs = {frozenset(np.flatnonzero(number == k).tolist()) for k in np.unique(number[number >= 0])}
    assert partition(sets) == theirs
    agrees(f"{section}: weights", "matching", key, sets.weights, reference["weights"])
    assert_sound(sets)


def test_coarsened_exact_agrees_with_matchit() -> None:
    d, r = dataset("lalonde"), rotterdam()
    section, treated, race = "Coarsened exact matching", d["treat"], d["race"]
    every = columns("age", "educ", "married", "nodegree", "re74", "re75")
    assert_as_in_matchit(section, "cem_lal_auto", coarsened_exact(every, treated, groups=[race]))
    cuts = [[20, 25, 30, 40], [8.5, 11.5], "sturges", "sturges"]
    some = columns("age", "educ", "married", "nodegree")
    by_cuts = coarsened_exact(some, treated, groups=[race == "white"], cutpoints=cuts)
    assert_as_in_matchit(section, "cem_lal_cut", by_cuts)
    by_quantiles = coarsened_exact(columns("age", "educ", "re74"), treated, cutpoints=["q5", "q3", 4], estimand="ATE")
    assert_as_in_matchit(section, "cem_lal_q5_ATE", by_quantiles)
    x = np.column_stack([r["age"], r["meno"], r["grade3"]])
    groups = [r["size"], r["nodegrp"]]
    of_rotterdam = coarsened_exact(x, r["hormon"], groups=groups, cutpoints=[[44.5, 54.5, 64.5], "sturges", "sturges"])
    assert_as_in_matchit(section, "cem_rott", of_rotterdam)


def test_coarsened_exact_agrees_with_the_bins_of_r() -> None:
    treated, x = cohort("pbc")
    sets = coarsened_exact(x[:, :3], treated, cutpoints="fd")
    weights = golden("matching_kernels", "cem_pbc")["weights"]
    agrees("Coarsened exact matching: weights", "matching_kernels", "cem_pbc", sets.weights, weights)


def test_exact_agrees_with_matchit_and_r() -> None:
    d, v, m = dataset("lalonde"), dataset("veteran"), dataset("Melanoma")
    assert_as_in_matchit(
        "Exact matching", "exact_lal", exact_match([d["race"], d["married"], d["nodegree"]], d["treat"])
    )
    of_veteran = exact_match([v["celltype"], v["prior"]], v["trt"] == 2, estimand="ATE")
    of_melanoma = exact_match([m["sex"], m["year"]], m["ulcer"], estimand="ATC")
    for key, sets in (("exact_veteran_ATE", of_veteran), ("exact_Melanoma_ATC", of_melanoma)):
        agrees(
            "Exact matching: weights", "matching_kernels", key, sets.weights, golden("matching_kernels", key)["weights"]
        )


@pytest.mark.parametrize("rule", ["sturges", "scott", "fd"])
@pytest.mark.parametrize("name", ["lalonde", "rotterdam", "pbc", "veteran"])
def test_numbers_of_bins_are_those_of_r(name: str, rule: str) -> None:
    _, x = cohort(name)
    key = f"bins_{name}"
    theirs = [golden("matching_kernels", key)[column][rule] for column in COLUMNS[name]]
    ours = [BIN_RULES[rule](column) for column in x.T]
    agrees(f"Coarsened exact matching: number of bins, {rule}", "matching_kernels", key, ours, theirs)
    for column, bins in zip(x.T, theirs, strict=True):
        np.testing.assert_array_equal(coarsened(column, rule), coarsened(column, bins))


def test_one_to_one_makes_as_many_pairs_as_matchit_at_no_more_distance() -> None:
    d = dataset("lalonde")
    x, race = columns("age", "educ"), d["race"]
    sets = coarsened_exact(x, d["treat"], groups=[race], cutpoints=[[20, 25, 30, 40], [8.5, 11.5]])
    metric = np.column_stack([x, race == "black", race == "hispan"])
    pairs = one_to_one(sets, metric)
    reference = golden("matching", "cem_lal_k2k")
    assert pairs.n_treated == reference["n_matched_focal"]
    number = np.array([-1 if value is None else value for value in reference["subclass"]])
    treated = d["treat"] == 1
    t, c = (np.flatnonzero(arm & (number >= 0)) for arm in (treated, ~treated))
    t, c = t[np.argsort(number[t])], c[np.argsort(number[c])]
    place = np.where(treated, np.cumsum(treated), np.cumsum(~treated)) - 1
    theirs = distance_matrix(metric, treated)[place[t], place[c]].sum()
    assert pairs.total_distance <= theirs * (1 + 1e-9)
    assert (sets.set[pairs.treated] == sets.set[pairs.control]).all()
    assert pairs.n_treated == sum(int(size) for size in sets.set_sizes.min(axis=1))


def test_bins_by_hand() -> None:
    x = [0.0, 1.0, 2.0, 3.0, 4.0, 10.0]
    assert coarsened(x, 2).tolist() == [0, 0, 0, 0, 0, 1]
    assert coarsened(x, 5).tolist() == [0, 0, 1, 1, 2, 4]
    assert coarsened(x, [2.0, 4.0]).tolist() == [0, 0, 1, 1, 2, 2]
    assert coarsened(x, "q2").tolist() == [0, 0, 0, 1, 1, 1]
    assert coarsened(x, 1).tolist() == coarsened(x, "q1").tolist() == [0] * 6
    assert coarsened(x, None).tolist() == coarsened(x, 0).tolist() == [0, 1, 2, 3, 4, 5]
    # ceil(log2(6) + 1) = 4 bins of 2.5.
    assert coarsened(x).tolist() == [0, 0, 0, 1, 1, 3]
    # A cut and a value that are equal but for rounding.
    assert coarsened([0.3, 0.2], [0.1 + 0.2]).tolist() == [1, 0]


def test_exact_by_hand() -> None:
    sets = exact_match([["b", "b", "a", "a", "a", "c"], [1, 1, 2, 2, 3, 4]], [1, 0, 1, 0, 0, 1])
    assert sets.set.tolist() == [1, 1, 0, 0, -1, -1]
    assert exact_match([[1, 1, 1]], [1, 0, 0], discarded=[0, 0, 1]).set.tolist() == [0, 0, -1]


@pytest.mark.parametrize("rule", ["sturges", "scott", "fd", "q4", 3, None])
def test_a_constant_has_one_bin(rule: Any) -> None:
    assert np.unique(coarsened([5.0, 5.0, 5.0], rule)).size == 1
    assert coarsened([5.0], rule).size == 1


@given(cohorts(most=40), st.integers(0, 1000))
@moderate
def test_agrees_with_a_dictionary_in_any_order(data: Cohort, seed: int) -> None:
    score, treated, x, _ = data
    values = np.column_stack([score, x])
    strata: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for row in range(score.size):
        strata[int(score[row] >= 0.15), *x[row].tolist()].append(row)
    expected = {frozenset(rows) for rows in strata.values() if len({bool(treated[row]) for row in rows}) == 2}
    cuts = [[0.15], None, None]
    if not expected:
        with pytest.raises(InputError, match="The bins leave no set with both arms"):
            coarsened_exact(values, treated, cutpoints=cuts)
        return
    sets = coarsened_exact(values, treated, cutpoints=cuts, estimand="ATE")
    assert partition(sets) == expected
    assert_sound(sets)
    order, (values2, treated2) = shuffled(seed, values, treated)
    assert_same_in_any_order(sets, coarsened_exact(values2, treated2, cutpoints=cuts, estimand="ATE"), order)
    codes = [values[:, 0] >= 0.15, x[:, 0], x[:, 1]]
    assert partition(exact_match(codes, treated)) == expected
    pairs = one_to_one(sets, x)
    assert pairs.n_treated == sum(min(treated[list(rows)].sum(), (~treated[list(rows)]).sum()) for rows in expected)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"x": [1.0, np.nan, 2.0]}, "`x` must be finite"),
        ({"x": [1.0, np.inf, 2.0]}, "`x` must be finite"),
        ({"treatment": [1, np.nan, 0]}, "`treatment` must be finite"),
        ({"treatment": [1, 1, 1]}, "`treatment` must hold"),
        ({"discarded": [1, np.nan, 0]}, "`discarded` must be finite"),
        ({"discarded": [1, 0, 0]}, "The bins leave no set"),
        ({"groups": [["a", None, "b"]]}, r"`groups\[0\]` must be known"),
        (
            {"cutpoints": "sturgess"},
            "`cutpoints` must be sturges, scott, fd, q and a number, or numbers; it is 'sturgess'",
        ),
        ({"cutpoints": "q0"}, "`cutpoints` must be sturges"),
        ({"cutpoints": -1}, "`cutpoints` must be a whole number of bins"),
        ({"cutpoints": [1.5]}, "`cutpoints` must be a whole number of bins"),
        ({"cutpoints": [[1.0, np.nan]]}, "`cutpoints` must be finite"),
        ({"cutpoints": [2, 3]}, "`cutpoints` must be one rule, or one for each of 1 covariates; it has 2"),
        ({"cutpoints": [None]}, "The bins leave no set with both arms; without column 0 there would be some"),
        ({"estimand": "ATO"}, "`estimand` must be ATT, ATE or ATC"),
    ],
)
def test_bad_input(arguments: dict[str, Any], match: str) -> None:
    given_ones: dict[str, Any] = {"x": [1.0, 1.5, 2.0], "treatment": [1, 0, 0], "cutpoints": [1]}
    with pytest.raises(InputError, match=match):
        coarsened_exact(**(given_ones | arguments))


def test_bad_columns() -> None:
    with pytest.raises(InputError, match="must hold one column"):
        exact_match([], [1, 0])
    with pytest.raises(InputError, match=r"`columns\[1\]` must have 2 elements"):
        exact_match([[1, 1], [1]], [1, 0])
    with pytest.raises(InputError, match=r"`columns\[0\]` must be finite"):
        exact_match([[1.0, np.nan]], [1, 0])
    with pytest.raises(InputError, match="leaving out one column is not enough"):
        exact_match([[1, 2], [1, 2]], [1, 0])
    with pytest.raises(InputError, match="`x` must be finite"):
        one_to_one(exact_match([[1, 1]], [1, 0]), [1.0, np.nan])
