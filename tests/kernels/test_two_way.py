"""Covariance clustered in two ways: by hand, as R's sums of three, and at its limits."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.sandwich import sandwich
from counterpoise.kernels.two_way import two_way_covariance

SEEDS = st.integers(0, 10_000)


def rows(seed: int, n: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.normal(size=(n, 2)), draw.integers(0, 8, n), draw.integers(0, 6, n)


def test_by_hand() -> None:
    # Sets {0, 1} and {2, 3}; rows 1 and 3 are one patient.
    # Sets (1 + 2)^2 + (1 + 2)^2 = 18, patients 1 + (2 + 2)^2 + 1 = 18, rows 1 + 4 + 1 + 4 = 10.
    found = two_way_covariance([1.0, 2.0, 1.0, 2.0], [0, 0, 1, 1], ["a", "b", "c", "b"])
    assert found.tolist() == [[26.0]]


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_it_is_the_sum_over_pairs_of_rows_that_share_a_label(seed: int) -> None:
    values, first, second = rows(seed)
    shared = (first[:, None] == first) | (second[:, None] == second)
    np.testing.assert_allclose(two_way_covariance(values, first, second), values.T @ shared @ values, atol=1e-12)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_labels_that_are_nested_or_distinct_leave_one_way(seed: int) -> None:
    values, first, _ = rows(seed)
    own = np.arange(len(values))
    np.testing.assert_allclose(two_way_covariance(values, first, own), sandwich(values, first), atol=1e-12)
    np.testing.assert_allclose(two_way_covariance(values, first // 2, first), sandwich(values, first // 2), atol=1e-12)
    np.testing.assert_allclose(two_way_covariance(values, own, own), sandwich(values), atol=1e-12)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_neither_the_order_of_the_rows_nor_that_of_the_labels_matters(seed: int) -> None:
    values, first, second = rows(seed)
    order = np.random.default_rng(seed + 1).permutation(len(values))
    expected = two_way_covariance(values, first, second)
    np.testing.assert_allclose(two_way_covariance(values[order], first[order], second[order]), expected, atol=1e-12)
    np.testing.assert_allclose(two_way_covariance(values, second, first), expected, atol=1e-12)
    np.testing.assert_allclose(two_way_covariance(values[:, 0], first, second), expected[:1, :1], atol=1e-12)


def test_it_can_be_negative() -> None:
    assert two_way_covariance([1.0, -1.0, 1.0, -1.0], [0, 0, 1, 1], [0, 1, 1, 0])[0, 0] == -4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, np.nan], [0, 1], [0, 1]), "`influence` must be finite; 1 of 2 is not"),
        (([1.0, np.inf], [0, 1], [0, 1]), "`influence` must be finite"),
        (([1.0, 2.0], [0], [0, 1]), "`first` must have 2 elements"),
        (([1.0, 2.0], [0, 1], [0, np.nan]), "`second` must not be missing"),
        (([[[1.0]]], [0], [0]), "`influence` must be"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments: tuple[list[float], list[float], list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        two_way_covariance(*arguments)
