from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import ndtr

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.curve_tests.max_combo import MaxCombo, max_combo
from counterpoise.kernels.curve_tests.robust import robust_log_rank
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.curve_tests.slow_log_rank import cohort, slow_log_rank

SECTION = "MaxCombo"
NAMES = ["aml", "lung", "veteran", "pbc", "colon"]
TWO, THREE = ((0, 0), (0, 1)), ((0, 0), (0, 1), (1, 1))
FOUR = ((0, 0), (1, 0), (0, 1), (1, 1))
# time, event, group, stratum, entry
ROWS = st.lists(
    st.tuples(st.integers(5, 12), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1), st.integers(0, 4)),
    min_size=6,
    max_size=30,
).filter(lambda rows: len({row[2] for row in rows}) > 1)


def assert_combo(test: MaxCombo, key: str, expected: dict[str, Any], what: str) -> None:
    agrees(f"{what}: z", "tests_of_curves", key, test.z, expected["z"], relative_to="largest")
    agrees(f"{what}: correlation", "tests_of_curves", key, test.correlation, expected["correlation"])
    agrees(f"{what}: statistic", "tests_of_curves", key, test.statistic, expected["statistic"])
    agrees(f"{what}: p-value", "tests_of_curves", key, test.p_value, expected["p"])


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_mvtnorm(name: str) -> None:
    d = cohort(name)
    for key, weightings in (("combo_two", TWO), ("combo_three", THREE)):
        expected = golden("tests_of_curves", f"{key}_{name}")
        assert_combo(max_combo(d.t, d.s, d.g, weightings=weightings), f"{key}_{name}", expected, SECTION)
    key = f"combo_entry_strata_{name}"
    late = max_combo(d.t, d.s, d.g, weightings=((1, 0), (1, 1)), entry=d.e, stratum=d.c)
    assert_combo(late, key, golden("tests_of_curves", key), f"{SECTION}, late entry and strata")
    key = f"combo_less_{name}"
    less = max_combo(d.t, d.s, d.g, weightings=THREE, alternative="less")
    agrees(
        f"{SECTION}, one-sided: p-value",
        "tests_of_curves",
        key,
        less.p_value,
        golden("tests_of_curves", key),
    )


@pytest.mark.parametrize("name", NAMES)
def test_four_weightings_agree_with_two_integrals_in_r(name: str) -> None:
    d, key = cohort(name), f"combo_four_{name}"
    test = max_combo(d.t, d.s, d.g)
    assert_combo(test, key, golden("tests_of_curves", key), f"{SECTION}, four weightings")


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_four_weightings_agree_with_draws(alternative: Any) -> None:
    """U(0, 0) = U(1, 0) + U(0, 1): a singular correlation. Four standard errors of 400,000 draws."""
    d, rng = cohort("veteran"), np.random.default_rng(2)
    test = max_combo(d.t, d.s, d.g, alternative=alternative)
    values, vectors = np.linalg.eigh(test.correlation)
    assert values[0] < 1e-14
    z = rng.normal(size=(400_000, 3)) @ (vectors[:, 1:] * np.sqrt(values[1:])).T
    drawn = {"two-sided": np.abs(z), "greater": z, "less": -z}[alternative].max(axis=1) >= test.statistic
    assert abs(drawn.mean() - test.p_value) < 4 * (test.p_value * (1 - test.p_value) / 4e5) ** 0.5


def test_one_weighting_is_its_test() -> None:
    d = cohort("lung")
    for rho, gamma in FOUR:
        combo, single = (
            max_combo(d.t, d.s, d.g, weightings=((rho, gamma),)),
            log_rank(d.t, d.s, d.g, rho=rho, gamma=gamma),
        )
        np.testing.assert_allclose(combo.statistic**2, single.statistic, rtol=1e-12)
        np.testing.assert_allclose(combo.p_value, single.p_value, rtol=1e-10)
        np.testing.assert_allclose(combo.p_single, single.p_value, rtol=1e-10)
    combo, single = max_combo(d.t, d.s, d.g, weights=d.w, cluster=d.m), robust_log_rank(d.t, d.s, d.g, d.w, cluster=d.m)
    np.testing.assert_allclose(combo.z[0] ** 2, single.statistic, rtol=1e-12)
    assert combo.z[0] * (single.observed - single.expected)[1] > 0


def test_by_hand() -> None:
    """Times 1 2 3 4, groups a a b b: terms 1/2 and 1/3, variances 1/4 and 2/9, S(t-) = 1 and 3/4.

    Weights 1, 1 and 0, 1/4: z = -(1/2 + 1/3) / sqrt(17/36) and -(1/3) / sqrt(2/9), correlation
    (2/9) / sqrt(17/36 * 2/9) = sqrt(8/17). The observed events are of a, so b has fewer than expected.
    """
    test = max_combo([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"], weightings=TWO)
    np.testing.assert_allclose(test.z, [-(1 / 2 + 2 / 3) / (17 / 36) ** 0.5, -(2 / 3) / (2 / 9) ** 0.5], rtol=1e-14)
    np.testing.assert_allclose(test.correlation[0, 1], (8 / 17) ** 0.5, rtol=1e-14)


@given(ROWS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_agrees_with_loops_over_strata_and_times(rows: Any, late: bool) -> None:
    """Sums of weights make the covariance: that of W1 and W2 is half of var(W1 + W2) less both variances."""
    table = np.array(rows, dtype=float)
    time, event, group, stratum, entry = table.T
    options: dict[str, Any] = {"stratum": stratum, "entry": entry if late else None}
    slow = [slow_log_rank(time, event, group, rho=rho, gamma=gamma, **options) for rho, gamma in FOUR]
    test = max_combo(time, event, group, **options)
    variance = np.array([one.variance[1, 1] for one in slow])
    for index, one in enumerate(slow):
        if one.variance[1, 1] < 1e-12:
            assert np.isnan(test.z[index])
            assert np.isnan(test.correlation[index]).all()
        else:
            z = (one.observed - one.expected)[1] / one.variance[1, 1] ** 0.5
            np.testing.assert_allclose(test.z[index], z, atol=1e-9)
    if (variance > 1e-12).all():  # W(0, 0) = W(1, 0) + W(0, 1)
        expected = (variance[0] - variance[1] - variance[2]) / 2 / (variance[1] * variance[2]) ** 0.5
        np.testing.assert_allclose(test.correlation[1, 2], expected, atol=1e-9)
        assert np.nanmin(test.p_single) - 1e-12 <= test.p_value <= 4 * np.nanmin(test.p_single) + 1e-12


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_robust_agrees_with_loops_over_rows(rows: Any) -> None:
    table = np.array(rows, dtype=float)
    time, event, group, stratum, entry = table.T
    weights = 0.5 + (np.arange(time.size) % 5) / 4
    test = max_combo(time, event, group, weights=weights, stratum=stratum, entry=entry)
    slow = [
        slow_log_rank(time, event, group, weights=weights, stratum=stratum, entry=entry, rho=rho, gamma=gamma)
        for rho, gamma in FOUR
    ]
    residuals = np.column_stack([one.residuals[:, 1] for one in slow])
    covariance = residuals.T @ residuals
    root = np.sqrt(np.diag(covariance))
    known = root > 1e-8
    np.testing.assert_array_equal(~np.isnan(test.z), known)
    np.testing.assert_allclose(test.z[known], (residuals.sum(axis=0) / np.where(known, root, 1))[known], atol=1e-7)
    correlation = covariance[np.ix_(known, known)] / np.outer(root[known], root[known])
    np.testing.assert_allclose(test.correlation[np.ix_(known, known)], correlation, atol=1e-7)


@given(ROWS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_order_clock_and_names_do_not_matter(rows: Any, random: Any) -> None:
    table, shuffled = np.array(rows), np.array(random.sample(rows, len(rows)))
    first = max_combo(*table[:, :3].T)
    second = max_combo(np.exp(shuffled[:, 0]), shuffled[:, 1], np.array(["b", "a"])[shuffled[:, 2]])
    np.testing.assert_allclose(first.z, -second.z, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(first.p_value, second.p_value, rtol=1e-6, atol=1e-9)
    constant = max_combo(*table[:, :3].T, stratum=np.zeros(len(rows)))
    np.testing.assert_allclose(first.p_value, constant.p_value, rtol=1e-6, atol=1e-9)
    scaled = [max_combo(*table[:, :3].T, weights=np.full(len(rows), weight)).p_value for weight in (1.0, 3.7)]
    np.testing.assert_allclose(*scaled, rtol=1e-6, atol=1e-9)


def test_sides() -> None:
    d = cohort("lung")
    less, greater = (max_combo(d.t, d.s, d.g, alternative=side) for side in ("less", "greater"))
    mirrored = max_combo(d.t, d.s, 1 - d.g, alternative="greater")
    np.testing.assert_allclose(less.p_value, mirrored.p_value, rtol=1e-9)
    assert less.p_value < 0.001 < 0.9 < greater.p_value
    np.testing.assert_allclose(less.p_single + greater.p_single, 1)


def test_a_p_value_too_small_to_be_left_of_one_lies_within_its_bounds() -> None:
    time, group = np.arange(1, 401), np.repeat([0, 1], 200)
    test = max_combo(time, np.ones(400), group)
    assert test.statistic > 10
    assert 2 * ndtr(-test.statistic) <= test.p_value <= 8 * ndtr(-test.statistic)


def test_a_weighting_without_value_is_left_out() -> None:
    """All events are at the first time: late weights are 0."""
    rows = ([1, 1, 1, 2, 2, 2], [1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0])
    test = max_combo(*rows)
    assert np.isnan(test.z).tolist() == [False, False, True, True]
    np.testing.assert_allclose(test.p_value, log_rank(*rows).p_value, rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        {"time": [1, 2, 3], "event": [0, 0, 0], "group": [0, 1, 1]},
        {"time": [1, 1], "event": [1, 1], "group": [0, 1]},
        {"time": [1, 2, 3, 4], "event": [1, 1, 1, 1], "group": [0, 0, 1, 1], "stratum": [0, 0, 1, 1]},
        {"time": [1, 2, 4, 5], "event": [1, 1, 1, 1], "group": [0, 0, 1, 1], "entry": [0, 0, 3, 3]},
    ],
)
def test_nothing_to_compare_is_not_a_number(arguments: dict[str, Any], weighted: bool) -> None:
    weights = [0.1, 1 / 3, 7.7, 1e3][: len(arguments["time"])] if weighted else None
    test = max_combo(**arguments, weights=weights)
    assert np.isnan([test.statistic, test.p_value]).all()
    assert np.isnan(test.z).all()
    assert np.isnan(test.p_single).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"event": [1, np.nan, 1]}, "`event` must be finite"),
        ({"group": [1, np.nan, 0]}, "`group` must be finite"),
        ({"group": [1, 1, 1]}, "`group` must have at least two levels; it has 1."),
        ({"group": [0, 1, 2]}, "`group` must have two levels; it has 3."),
        ({"weights": [1, 0, 1]}, "`weights` must be positive"),
        ({"weights": [1, np.nan, 1]}, "`weights` must be finite"),
        ({"entry": [0, 2, 0]}, "`entry` must be before `time`"),
        ({"stratum": [0, np.nan, 1]}, "`stratum` must be finite"),
        ({"cluster": [0, np.nan, 1]}, "`cluster` must not be missing"),
        ({"weightings": ()}, "`weightings` must hold one or more pairs (rho, gamma)."),
        ({"weightings": ((1, 0, 0),)}, "`weightings` must hold one or more pairs (rho, gamma)."),
        ({"weightings": ((-1, 0),)}, "`rho` must be finite and non-negative; it is -1."),
        ({"weightings": ((0, np.nan),)}, "`gamma` must be finite and non-negative; it is nan."),
        ({"alternative": "both"}, '`alternative` must be "two-sided", "greater" or "less"; it is "both".'),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    rows: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], "group": [0, 1, 1]}
    with pytest.raises(InputError) as caught:
        max_combo(**rows | changes)
    assert str(caught.value).startswith(message)


def test_more_than_four_independent_weightings_are_refused() -> None:
    d = cohort("colon")
    with pytest.raises(UnsupportedError, match="more than four are independent"):
        max_combo(d.t, d.s, d.g, weightings=[(0, 0), (1, 0), (2, 0), (3, 0), (0, 3), (4, 2)])


@pytest.mark.slow
@pytest.mark.parametrize("alternative", ["two-sided", "less"])
def test_holds_its_level(alternative: Any) -> None:
    """5 % of 2,000 tests, whose error is .5 %."""
    rng, p = np.random.default_rng(6), []
    for _ in range(2000):
        time, end = np.ceil(rng.exponential(8, 200)), rng.uniform(0, 20, 200)
        p.append(
            max_combo(np.minimum(time, end), time <= end, rng.integers(0, 2, 200), alternative=alternative).p_value
        )
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 4 * 0.0049
