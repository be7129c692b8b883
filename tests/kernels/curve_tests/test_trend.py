from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.curve_tests.robust import robust_log_rank
from counterpoise.kernels.curve_tests.trend import log_rank_trend
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.curve_tests.slow_log_rank import cohort, slow_log_rank

SECTION = "Log-rank trend test"
NAMES = ["lung", "veteran", "pbc", "colon"]
SCORES = [0, 1, 3, 7, 20]
# entry, time at risk, event, group, stratum
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 6), st.integers(0, 1), st.integers(0, 3), st.integers(0, 1)),
    min_size=3,
    max_size=25,
).filter(lambda rows: len({row[3] for row in rows}) > 1)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_score_of_the_exact_cox_model(name: str) -> None:
    d = cohort(name)
    k = np.unique(d.k).size
    tests = {
        "trend": log_rank_trend(d.t, d.s, d.k),
        "trend_scores": log_rank_trend(d.t, d.s, d.k, scores=SCORES[:k], entry=d.e, stratum=d.c),
    }
    for key, test in tests.items():
        expected, what = golden("tests_of_curves", f"{key}_{name}"), f"{SECTION}"
        if key == "trend_scores":
            what += ", scores, late entry and strata"
        agrees(f"{what}: statistic", "tests_of_curves", f"{key}_{name}", test.statistic, expected["chisq"])
        agrees(f"{what}: p-value", "tests_of_curves", f"{key}_{name}", test.p_value, expected["p"])
        assert test.degrees_of_freedom == 1
        np.testing.assert_allclose(test.z**2, test.statistic)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_scores_applied_to_survdiff(name: str) -> None:
    d, key = cohort(name), f"trend_peto_{name}"
    test, expected = log_rank_trend(d.t, d.s, d.k, weighting="peto-peto"), golden("tests_of_curves", key)
    agrees(f"{SECTION}, peto-peto: statistic", "tests_of_curves", key, test.statistic, expected["chisq"])
    agrees(f"{SECTION}, peto-peto: p-value", "tests_of_curves", key, test.p_value, expected["p"])


@pytest.mark.parametrize("name", NAMES)
def test_weighted_and_clustered_agrees_with_the_robust_score_of_the_cox_model(name: str) -> None:
    d, key = cohort(name), f"trend_robust_{name}"
    test, expected = log_rank_trend(d.t, d.s, d.k, weights=d.w, cluster=d.m), golden("tests_of_curves", key)
    agrees(f"{SECTION}, robust: statistic", "tests_of_curves", key, test.statistic, expected["chisq"])
    agrees(f"{SECTION}, robust: p-value", "tests_of_curves", key, test.p_value, expected["p"])


def test_by_hand() -> None:
    """Mean and variance of the score among those at risk: 1, 2/3; 6/5, 14/25; 3/2, 1/4; 5/3, 2/9; 2, 0."""
    test = log_rank_trend([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0], ["a", "a", "b", "b", "c", "c"])
    difference = (0 - 1) + (0 - 6 / 5) + (1 - 3 / 2) + (1 - 5 / 3)
    variance = 2 / 3 + 14 / 25 + 1 / 4 + 2 / 9
    np.testing.assert_allclose(test.z, difference / variance**0.5, rtol=1e-14)
    assert test.levels.tolist() == ["a", "b", "c"]
    assert test.scores.tolist() == [0, 1, 2]


@given(ROWS, st.booleans())
@settings(deadline=None, max_examples=60)
def test_agrees_with_loops_over_strata_and_times(rows: Any, late: bool) -> None:
    table = np.array(rows, dtype=float)
    time, event, group, stratum = table[:, 0] + table[:, 1], *table[:, 2:].T
    entry = table[:, 0] if late else None
    slow = slow_log_rank(time, event, group, entry=entry, stratum=stratum)
    scores = np.sqrt(np.arange(slow.observed.size))
    test = log_rank_trend(time, event, group, scores=scores, entry=entry, stratum=stratum)
    variance = scores @ slow.variance @ scores
    if variance < 1e-9:
        assert np.isnan([test.z, test.statistic, test.p_value]).all()
        assert test.degrees_of_freedom == 0
    else:
        np.testing.assert_allclose(test.z, scores @ (slow.observed - slow.expected) / variance**0.5, atol=1e-10)


@given(ROWS, st.floats(0.1, 10), st.floats(-5, 5))
@settings(deadline=None, max_examples=40)
def test_a_change_of_scale_of_the_scores_and_a_turned_order_change_nothing_but_the_sign(
    rows: Any, scale: float, shift: float
) -> None:
    table = np.array(rows)
    k = np.unique(table[:, 3]).size
    first = log_rank_trend(table[:, 1], table[:, 2], table[:, 3])
    second = log_rank_trend(np.exp(table[:, 1]), table[:, 2], -table[:, 3], scores=shift + scale * np.arange(k))
    np.testing.assert_allclose(second.z, -first.z, rtol=1e-9, atol=1e-12)


def test_two_groups_have_no_other_trend_than_their_difference() -> None:
    d = cohort("veteran")
    trend, test = log_rank_trend(d.t, d.s, d.g, rho=1), log_rank(d.t, d.s, d.g, rho=1)
    np.testing.assert_allclose(trend.statistic, test.statistic, rtol=1e-12)
    robust = log_rank_trend(d.t, d.s, d.g, weights=d.w)
    np.testing.assert_allclose(robust.statistic, robust_log_rank(d.t, d.s, d.g, d.w).statistic, rtol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        {"time": [1, 2, 3], "event": [0, 0, 0], "group": [0, 1, 1]},
        {"time": [1, 1], "event": [1, 1], "group": [0, 1]},
        {"time": [1, 2, 4, 5], "event": [1, 1, 1, 1], "group": [0, 0, 1, 1], "entry": [0, 0, 3, 3]},
        {"time": [1, 2, 3, 4], "event": [1, 1, 1, 1], "group": [0, 0, 1, 1], "stratum": [0, 0, 1, 1]},
        # only the groups of the same score are at risk together
        {
            "time": [1, 5, 6, 7],
            "event": [1, 1, 1, 1],
            "group": [0, 1, 2, 1],
            "scores": [0, 0.1, 0.1],
            "entry": [0, 4, 4, 4],
        },
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_to_compare_is_not_a_number(arguments: dict[str, Any], weighted: bool) -> None:
    weights = [0.1, 1 / 3, 7.7, 1e3][: len(arguments["time"])] if weighted else None
    test = log_rank_trend(**arguments, weights=weights)
    assert test.degrees_of_freedom == 0
    assert np.isnan([test.statistic, test.z, test.p_value]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"event": [1, np.nan, 3]}, "`event` must be finite"),
        ({"group": [1, np.nan, 3]}, "`group` must be finite"),
        ({"group": [1, 1, 1]}, "`group` must have at least two levels; it has 1."),
        ({"weights": [1, 0, 1]}, "`weights` must be positive"),
        ({"weights": [1, np.inf, 1]}, "`weights` must be finite"),
        ({"entry": [0, np.nan, 1]}, "`entry` must be finite"),
        ({"stratum": [0, np.nan, 1]}, "`stratum` must be finite"),
        ({"cluster": [0, np.nan, 1]}, "`cluster` must not be missing"),
        ({"scores": [0, np.nan, 1]}, "`scores` must be finite"),
        ({"scores": [0, 1]}, "`scores` must have 3 elements, one a group; it has 2."),
        ({"scores": [2, 2, 2]}, "`scores` must not be all equal; they are all 2."),
        ({"rho": -1}, "`rho` must be finite and non-negative"),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    rows: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], "group": [0, 1, 2]}
    with pytest.raises(InputError) as caught:
        log_rank_trend(**rows | changes)
    assert str(caught.value).startswith(message)


@pytest.mark.slow
def test_holds_its_level() -> None:
    """5 % of 4,000 tests, whose error is .34 %."""
    rng, p = np.random.default_rng(5), []
    for _ in range(4000):
        time, end = np.ceil(rng.exponential(8, 150)), rng.uniform(0, 20, 150)
        group = rng.integers(0, 4, 150)
        p.append(log_rank_trend(np.minimum(time, end), time <= end, group).p_value)
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 4 * 0.0034
