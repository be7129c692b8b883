from typing import Any

import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.curve_tests.pairwise import pairwise_log_rank
from counterpoise.kernels.curve_tests.robust import robust_log_rank
from counterpoise.kernels.tables.multiplicity import holm
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.curve_tests.slow_log_rank import cohort

SECTION = "Pairwise log-rank tests"


@pytest.mark.parametrize("name", ["lung", "veteran", "pbc", "colon", "rotterdam"])
def test_agrees_with_survdiff_of_each_pair(name: str) -> None:
    d, key = cohort(name), f"pairs_{name}"
    for rho in (0, 1):
        pairs = pairwise_log_rank(d.t, d.s, d.k, stratum=d.c, rho=rho)
        expected = golden("tests_of_curves", key)[f"rho{rho}"]
        agrees(f"{SECTION}: statistic", "tests_of_curves", key, pairs.statistic, expected["chisq"])
        agrees(f"{SECTION}: p-value", "tests_of_curves", key, pairs.p_value, expected["p"])
        agrees(f"{SECTION}: Holm's adjusted p-value", "tests_of_curves", key, pairs.p_adjusted, expected["holm"])
        overall = log_rank(d.t, d.s, d.k, stratum=d.c, rho=rho)
        assert pairs.overall.statistic == overall.statistic
        assert pairs.levels.tolist() == overall.levels.tolist()


def test_order_of_the_pairs() -> None:
    pairs = pairwise_log_rank([1, 2, 3, 4, 5, 6, 7, 8], [1] * 8, list("aabbccdd"))
    named = ["".join(pair) for pair in zip(pairs.levels[pairs.first], pairs.levels[pairs.second], strict=True)]
    assert named == ["ab", "ac", "ad", "bc", "bd", "cd"]
    np.testing.assert_allclose(pairs.statistic, 49 / 17)  # each pair is the four rows worked by hand


def test_every_option_reaches_each_test() -> None:
    d = cohort("veteran")
    pairs = pairwise_log_rank(
        d.t, d.s, d.k, weights=d.w, entry=d.e, stratum=d.c, cluster=d.m, weighting="gehan", rho=0, gamma=0
    )
    for index, (one, other) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        rows = (d.k == one) | (d.k == other)
        test = robust_log_rank(
            d.t[rows],
            d.s[rows],
            d.k[rows],
            d.w[rows],
            entry=d.e[rows],
            stratum=d.c[rows],
            cluster=d.m[rows],
            weighting="gehan",
        )
        assert pairs.statistic[index] == test.statistic
        assert pairs.p_value[index] == test.p_value
    late = pairwise_log_rank(d.t, d.s, d.k, entry=d.e, rho=0.5, gamma=2)
    rows = d.k > 1
    test = log_rank(d.t[rows], d.s[rows], d.k[rows], entry=d.e[rows], rho=0.5, gamma=2)
    assert late.statistic[-1] == test.statistic


def test_names_of_groups_do_not_matter() -> None:
    d = cohort("veteran")
    first, second = pairwise_log_rank(d.t, d.s, d.k), pairwise_log_rank(d.t, d.s, np.array(list("dcba"))[d.k])
    np.testing.assert_allclose(np.sort(first.statistic), np.sort(second.statistic), rtol=1e-10)
    np.testing.assert_allclose(first.statistic[0], second.statistic[-1], rtol=1e-10)


def test_two_groups_are_one_pair() -> None:
    d = cohort("aml")
    pairs = pairwise_log_rank(d.t, d.s, d.g)
    assert pairs.p_value.tolist() == pairs.p_adjusted.tolist() == [pairs.overall.p_value]


def test_pairs_that_cannot_be_compared_are_not_of_the_family() -> None:
    time, event, group = [1, 2, 3, 4, 5, 6, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0], list("aabbccdd")
    pairs = pairwise_log_rank(time, event, group)
    missing = [3 in pair for pair in zip(pairs.first, pairs.second, strict=True)]
    without_d = pairwise_log_rank(time[:6], event[:6], group[:6])
    known = ~np.isnan(pairs.p_value)
    # d is at risk at time 1 only: with a there is an event to compare at, with the others there is none
    assert known.tolist() == [not absent or pair == 0 for absent, pair in zip(missing, pairs.first, strict=True)]
    assert pairs.degrees_of_freedom.tolist() == known.astype(int).tolist()
    np.testing.assert_allclose(pairs.p_adjusted[known], holm(pairs.p_value[known]))
    assert np.isnan(pairs.p_adjusted[~known]).all()
    np.testing.assert_allclose(without_d.p_value, pairs.p_value[[0, 1, 3]], rtol=1e-12)
    nothing = pairwise_log_rank([1, 2, 3], [0, 0, 0], [0, 1, 2])
    assert np.isnan(nothing.p_value).all()
    assert np.isnan(nothing.p_adjusted).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"event": [1, np.nan, 1]}, "`event` must be finite"),
        ({"group": [1, np.nan, 0]}, "`group` must be finite"),
        ({"group": [1, 1, 1]}, "`group` must have at least two levels; it has 1."),
        ({"weights": [1, 0, 1]}, "`weights` must be positive; 1 of 3 is not (first at index 1)."),
        ({"entry": [0, 2, 0]}, "`entry` must be before `time`; 1 of 3 is not (first at index 1)."),
        ({"stratum": [0, np.nan, 1]}, "`stratum` must be finite"),
        ({"cluster": [0, None, 1]}, "`cluster` must not be missing"),
        ({"gamma": -1}, "`gamma` must be finite and non-negative"),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    rows: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], "group": [0, 1, 2]}
    with pytest.raises(InputError) as caught:
        pairwise_log_rank(**rows | changes)
    assert str(caught.value).startswith(message)
