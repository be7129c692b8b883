import itertools
import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.tables import contingency
from counterpoise.kernels.tables.contingency import chi_squared, expected_counts, fisher_exact
from tests.golden import floats, golden, rotterdam

CLOSED = 1e-10
# Log factorials of some hundreds carry an error of 1e-13, and an exact p-value adds up thousands of their exponentials.
EXACT = 1e-9
TABLES = st.integers(2, 3).flatmap(
    lambda c: st.lists(st.lists(st.integers(0, 4), min_size=c, max_size=c), min_size=2, max_size=3)
)


def cross_table(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.array([[((first == i) & (second == j)).sum() for j in np.unique(second)] for i in np.unique(first)])


def is_two_way(table: Any) -> bool:
    counts = np.array(table)
    return bool((counts.sum(axis=0) > 0).sum() > 1 and (counts.sum(axis=1) > 0).sum() > 1)


@pytest.mark.parametrize(
    ("key", "other", "correct"),
    [("chisq_2x2_yates", "meno", True), ("chisq_2x2_noyates", "meno", False), ("chisq_2x3", "size", True)],
)
def test_chi_squared_agrees_with_r(key: str, other: str, correct: bool) -> None:
    d, expected = rotterdam(), golden("tests", key)
    table = cross_table(d["hormon"], d[other])
    result = chi_squared(table, correct=correct)
    np.testing.assert_allclose(result.statistic, expected["statistic"]["X-squared"], rtol=CLOSED)
    np.testing.assert_allclose(result.degrees_of_freedom, expected["parameter"]["df"], rtol=CLOSED)
    np.testing.assert_allclose(result.p_value, expected["p"], rtol=CLOSED)
    np.testing.assert_allclose(expected_counts(table), floats(expected["expected"]), rtol=CLOSED)
    assert ("Yates" in result.method) == (key == "chisq_2x2_yates")


def test_yates_never_overshoots() -> None:
    result, expected = chi_squared([[3, 1], [1, 3]], correct=True), golden("tests", "chisq_small_yates_min")
    np.testing.assert_allclose(result.statistic, expected["statistic"]["X-squared"], rtol=CLOSED)
    assert chi_squared([[2, 2], [2, 2]], correct=True).statistic == 0


def test_spss_and_r_on_a_two_by_two_table() -> None:
    """19 of 67 against 11 of 79 (statistics.md names the three p-values to four digits)."""
    table = [[19, 48], [11, 68]]
    assert round(chi_squared(table, correct=True).p_value, 4) == 0.0517
    assert round(chi_squared(table).p_value, 4) == 0.0315
    assert round(fisher_exact(table).p_value, 4) == 0.0400


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("fisher_2x2", [[209, 220], [150, 35]]),  # lalonde: treat by married
        ("fisher_2x2_tea", [[3, 1], [1, 3]]),
        ("fisher_2x2_zero", [[5, 2], [0, 6]]),
        ("fisher_rxc_job", None),
        ("fisher_rxc_nuclear", None),
        ("fisher_rxc_3x3", None),
    ],
)
def test_fisher_agrees_with_r(key: str, table: list[list[int]] | None) -> None:
    expected = golden("tests", key)
    result = fisher_exact(expected["table"] if table is None else table)
    np.testing.assert_allclose(result.p_value, expected["p"], rtol=EXACT)
    assert result.method == "Fisher's exact test"
    assert math.isnan(result.statistic)
    assert math.isnan(result.degrees_of_freedom)


@pytest.mark.parametrize("key", ["fisher_3x5", "fisher_4x3", "fisher_2x5", "fisher_2x6_rare"])
def test_fisher_is_exact_for_tables_of_a_study(key: str) -> None:
    expected = golden("curves_and_tests", key)
    result = fisher_exact(expected["table"])
    np.testing.assert_allclose(result.p_value, expected["p"], rtol=EXACT)
    assert result.method == "Fisher's exact test"


@pytest.mark.parametrize("key", ["fisher_3x5_even", "fisher_4x5", "fisher_4x5_uneven", "fisher_4x5_skewed"])
def test_fisher_beyond_the_exact_says_so_and_is_close(key: str) -> None:
    expected = golden("curves_and_tests", key)
    result = fisher_exact(expected["table"])
    error = math.sqrt(expected["p"] * (1 - expected["p"]) / 100_000)
    assert abs(result.p_value - expected["p"]) < 4 * error
    assert result.method.startswith("Fisher's exact test (Monte Carlo, 100,000 tables, standard error ")
    assert f"{math.sqrt(result.p_value * (1 - result.p_value) / 100_000):.2g}" in result.method
    assert fisher_exact(expected["table"]).p_value == result.p_value


def slow_fisher(table: np.ndarray) -> float:
    """Return the p-value by listing every table with the margins of this one."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)

    def weight(cells: np.ndarray) -> float:
        return math.prod(1 / math.factorial(int(cell)) for cell in cells.ravel())

    every: list[float] = []
    ranges = [range(min(r, c) + 1) for r in rows[:-1] for c in columns[:-1]]
    for cells in itertools.product(*ranges):
        inner = np.array(cells).reshape(rows.size - 1, columns.size - 1)
        right = np.column_stack([inner, rows[:-1] - inner.sum(axis=1)])
        full = np.vstack([right, columns - right.sum(axis=0)])
        if (full >= 0).all():
            every.append(weight(full))
    mine = weight(table)
    return sum(w for w in every if w <= mine * (1 + 1e-7)) / sum(every)


@given(TABLES.filter(is_two_way))
@settings(deadline=None, max_examples=60)
def test_fisher_agrees_with_listing_every_table(table: list[list[int]]) -> None:
    result = fisher_exact(table)
    np.testing.assert_allclose(result.p_value, slow_fisher(np.array(table)), rtol=1e-10)


@given(TABLES.filter(is_two_way), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_order_orientation_and_empty_levels_do_not_matter(table: list[list[int]], random: Any) -> None:
    counts = np.array(table)
    turned = counts.T[random.sample(range(counts.shape[1]), counts.shape[1])]
    padded = np.pad(turned, ((0, 1), (1, 0)))
    for test in (fisher_exact, chi_squared):
        np.testing.assert_allclose(test(counts).p_value, test(padded).p_value, rtol=1e-10)
        assert 0 <= test(counts).p_value <= 1


def test_simulation_agrees_with_the_exact_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    table = golden("tests", "fisher_rxc_3x3")["table"]
    exact = fisher_exact(table)
    monkeypatch.setattr(contingency, "EXACT_WORK", 0)
    simulated = fisher_exact(table)
    assert "Monte Carlo" in simulated.method
    assert abs(simulated.p_value - exact.p_value) < 4 * math.sqrt(exact.p_value / 100_000)


def test_rows_may_be_many() -> None:
    d = rotterdam()
    result = fisher_exact(cross_table(d["hormon"], d["size"]))
    assert result.method == "Fisher's exact test"
    assert result.p_value < 1e-10


def test_a_table_of_a_study_takes_no_time() -> None:
    table = golden("curves_and_tests", "fisher_2x5")["table"]
    start = time.process_time()
    fisher_exact(table)
    assert time.process_time() - start < 1


def test_expected_counts_by_hand() -> None:
    np.testing.assert_array_equal(expected_counts([[1, 3], [2, 6]]), [[1, 3], [2, 6]])
    np.testing.assert_array_equal(expected_counts([[0, 2], [2, 0]]), [[1, 1], [1, 1]])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[1, np.nan], [2, 3]], "`table` must be finite; 1 of 4 is not (first at index 1)."),
        ([[1, -1], [2, 3]], "`table` must hold non-negative whole counts; 1 of 4 is not (first at index 1)."),
        ([[1, 1.5], [2, 3]], "`table` must hold non-negative whole counts; 1 of 4 is not (first at index 1)."),
        ([[1, 2]], "`table` must have at least two rows and two columns with counts; it has 1 by 2."),
        ([1, 2], "`table` must have at least two rows and two columns with counts; it has 2 by 1."),
        ([[0, 0], [2, 3]], "`table` must have at least two rows and two columns with counts; it has 1 by 2."),
        ([[[1]]], "`table` must be two-dimensional; its shape is (1, 1, 1)."),
    ],
)
def test_what_is_not_accepted(table: Any, message: str) -> None:
    for test in (chi_squared, fisher_exact):
        with pytest.raises(InputError) as caught:
            test(table)
        assert str(caught.value) == message


def test_expected_counts_need_counts() -> None:
    with pytest.raises(InputError, match="non-negative"):
        expected_counts([[1, -1], [2, 3]])
    with pytest.raises(InputError, match="at least one count above zero"):
        expected_counts([[0, 0], [0, 0]])
