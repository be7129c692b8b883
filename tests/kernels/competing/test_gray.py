from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from counterpoise.errors import InputError
from counterpoise.kernels.competing.fine_gray_score import fine_gray_score_test
from counterpoise.kernels.competing.gray import gray_test
from counterpoise.kernels.curve_tests.log_rank import log_rank
from tests.kernels.competing.slow_competing import ROWS, Rows, columns, slow_gray

FEW = settings(max_examples=40, deadline=None)


def test_six_rows_by_hand() -> None:
    # Groups a and b of three. Events of the cause at 1 (a), 2 (a) and 4 (b); at 3 one of a has the other.
    test = gray_test(time=[1, 2, 3, 4, 5, 6], cause=[1, 1, 2, 1, 0, 2], group=list("aaabbb"))
    # at 1 both have 3; at 2 a has h = 2 / (2/3) = 3 and 1 - F = 2/3, so R = 2, of b R = 3; at 4 b is alone
    expected = 1 / 2 + 2 / 5
    np.testing.assert_allclose(test.score, [2 - expected, expected - 2], rtol=1e-14)
    assert test.levels.tolist() == ["a", "b"]
    assert (test.n.tolist(), test.n_events.tolist(), test.of) == ([3, 3], [2, 1], 1)


@pytest.mark.parametrize("rho", [0.0, 0.7])
@given(rows=ROWS)
@FEW
def test_equals_the_definition(rows: Rows, rho: float) -> None:
    c = columns(rows)
    c.group[:2] = [0, 2]
    test = gray_test(c.time, c.cause, c.group, rho=rho)
    if not (c.cause == 1).any():
        assert np.isnan(test.statistic)
        return
    if not np.isfinite(test.variance).all():
        return  # the pooled incidence is exactly 1 while groups are compared
    score, variance = slow_gray(c, 1, rho)
    present = test.levels
    np.testing.assert_allclose(test.score, score[present], atol=1e-10)
    np.testing.assert_allclose(test.variance, variance[np.ix_(present, present)], atol=1e-10)


@given(ROWS)
@FEW
def test_rows_and_labels_may_be_in_any_order(rows: Rows) -> None:
    c = columns(rows)
    c.group[:2] = [0, 1]
    order = np.random.default_rng(len(rows)).permutation(c.time.size)
    options: dict[str, Any] = {"stratum": c.cluster}
    test = gray_test(c.time, c.cause, c.group, **options)
    mixed = gray_test(c.time[order], c.cause[order], c.group[order], stratum=c.cluster[order])
    np.testing.assert_allclose(mixed.score, test.score, atol=1e-12)
    np.testing.assert_allclose(mixed.variance, test.variance, atol=1e-12)
    other = gray_test(c.time, np.array([0, 9, 4])[c.cause], 10 - c.group, of=9, stratum=c.cluster)
    np.testing.assert_allclose(other.score[::-1], test.score, atol=1e-12)
    assert other.degrees_of_freedom == test.degrees_of_freedom
    if test.degrees_of_freedom:
        np.testing.assert_allclose(other.statistic, test.statistic, rtol=1e-6)
        assert abs(test.score.sum()) < 1e-10


def test_without_competing_events_it_is_near_the_log_rank_test() -> None:
    g = np.random.default_rng(3)
    n = 4000
    group = g.integers(0, 2, n)
    time, event = g.exponential(1 + 0.2 * group), g.uniform(size=n) < 0.7
    gray, mantel = gray_test(time, event, group), log_rank(time, event, group)
    np.testing.assert_allclose(gray.score, mantel.observed - mantel.expected, rtol=1e-10)
    np.testing.assert_allclose(gray.statistic, mantel.statistic, rtol=0.02)


def test_strata_add_up() -> None:
    g = np.random.default_rng(4)
    time, cause, group, stratum = (
        g.exponential(size=90),
        g.integers(0, 3, 90),
        g.integers(0, 3, 90),
        g.integers(0, 2, 90),
    )
    whole = gray_test(time, cause, group, stratum=stratum)
    parts = [gray_test(time[stratum == s], cause[stratum == s], group[stratum == s]) for s in (0, 1)]
    np.testing.assert_allclose(whole.score, parts[0].score + parts[1].score)
    np.testing.assert_allclose(whole.variance, parts[0].variance + parts[1].variance)
    alone = gray_test(time, cause, group, stratum=np.zeros(90))
    np.testing.assert_array_equal(alone.score, gray_test(time, cause, group).score)


def test_what_cannot_be_compared() -> None:
    nothing: list[tuple[list[float], list[int], list[int]]] = [
        ([1, 2, 3, 4], [0, 0, 0, 0], [0, 1, 0, 1]),  # no event
        ([1, 2, 3, 4], [2, 2, 0, 2], [0, 1, 0, 1]),  # none of this cause
        ([1, 2, 3, 4], [0, 0, 1, 1], [0, 0, 1, 1]),  # one group gone before the first event
        ([1, 2, 2, 3, 3], [1, 1, 1, 1, 1], [0, 1, 1, 1, 1]),  # passes
    ]
    for time, cause, group in nothing[:3]:
        test = gray_test(time, cause, group)
        assert (np.isnan(test.statistic), test.degrees_of_freedom, np.isnan(test.p_value)) == (True, 0, True)
    assert gray_test(*nothing[3]).degrees_of_freedom == 1
    # group 0 dies out at 1, group 1 by halves at 2 and 3: the pooled incidence is 1 at 2; cuminc has the same 3
    assert gray_test([1, 1, 2, 3], [1, 1, 1, 1], [0, 0, 1, 1]).statistic == pytest.approx(3, rel=1e-12)
    # group 0, half of all, dies out at 1, half of groups 1 and 2 at 2: they are compared at 3, when it is exactly 1
    gone = gray_test([1, 1, 1, 1, 2, 2, 3, 3], [1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 2, 1, 2])
    assert (np.isnan(gone.statistic), gone.degrees_of_freedom) == (True, 0)
    all_at_once = gray_test([5, 5, 5, 5], [1, 2, 1, 1], [0, 0, 1, 1])
    np.testing.assert_allclose(all_at_once.score, [-0.5, 0.5])
    absent = gray_test([1, 2, 3, 4, 9, 1], [1, 2, 1, 1, 0, 0], [0, 0, 1, 1, 1, 2], stratum=[0, 0, 0, 0, 0, 1])
    assert absent.degrees_of_freedom == 1


GOOD: dict[str, Any] = {"time": [1.0, 2.0, 3.0, 4.0], "cause": [1, 0, 2, 1], "group": [0, 1, 0, 1]}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"time": [1, 2, np.inf, 4]}, "`time` must be finite"),
    ({"time": [1, 2, -1, 4]}, "`time` must be finite and non-negative"),
    ({"cause": [1, np.nan, 2, 1]}, "`cause` must be whole numbers"),
    ({"group": [0, np.nan, 0, 1]}, "`group` must be finite"),
    ({"group": [0, 0, 0, 0]}, "`group` must have at least two levels; it has 1"),
    ({"group": [0, 1]}, "`group` must have 4 elements"),
    ({"of": 0}, "`of` must be a cause, a whole number of at least 1; it is 0"),
    ({"of": np.nan}, "`of` must be a cause"),
]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *BAD,
        ({"rho": np.nan}, "`rho` must be finite and non-negative; it is nan"),
        ({"rho": -1}, "`rho` must be finite and non-negative; it is -1"),
        ({"stratum": [0, np.nan, 0, 1]}, "`stratum` must not be missing"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gray_test(**{**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *BAD,
        ({"weights": [1, 0, 1, 1]}, "`weights` must be positive"),
        ({"weights": [1, np.nan, 1, 1]}, "`weights` must be finite"),
        ({"cluster": [1, np.nan, 1, 1]}, "`cluster` must not be missing"),
        ({"censoring_group": [1, np.nan, 1, 1]}, "`censoring_group` must not be missing"),
        ({"variance": "naive"}, "`variance` must be one of 'fine-gray', 'crr', 'known-censoring', 'jackknife'"),
        ({"censoring": "stata"}, "`censoring` must be one of 'cmprsk', 'survival'; it is 'stata'"),
    ],
)
def test_bad_input_of_the_score_test(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fine_gray_score_test(**{**GOOD, **changes})


def test_score_test_without_events_and_near_gray() -> None:
    none = fine_gray_score_test([1, 2, 3], [0, 2, 0], [0, 1, 1])
    assert (np.isnan(none.statistic), none.degrees_of_freedom) == (True, 0)
    g = np.random.default_rng(5)
    n = 5000
    group, time, cause = g.integers(0, 3, n), g.exponential(size=n), g.integers(0, 3, n)
    robust, gray = fine_gray_score_test(time, cause, group), gray_test(time, cause, group)
    assert robust.degrees_of_freedom == gray.degrees_of_freedom == 2
    np.testing.assert_allclose(robust.statistic, gray.statistic, rtol=0.2, atol=0.2)
    np.testing.assert_allclose(robust.score, gray.score, atol=0.25 * np.sqrt(gray.variance.max()))
    doubled = fine_gray_score_test(time, cause, group, weights=np.full(n, 2.0))
    np.testing.assert_allclose(doubled.statistic, robust.statistic, rtol=1e-10)


@pytest.mark.slow
def test_size_of_grays_test() -> None:
    g, rejected, robustly, replicates = np.random.default_rng(6), 0, 0, 2000
    for _ in range(replicates):
        group = g.integers(0, 2, 150)
        failure, censoring = g.exponential(size=150), g.exponential(1.5 + group, size=150)
        cause = np.where(failure <= censoring, np.where(g.uniform(size=150) < 0.6, 1, 2), 0)
        time = np.minimum(failure, censoring)
        rejected += gray_test(time, cause, group).p_value < 0.05
        robustly += fine_gray_score_test(time, cause, group, censoring_group=group).p_value < 0.05
    # within four standard errors of a level of .05
    assert abs(rejected / replicates - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates)
    assert abs(robustly / replicates - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates)
