from typing import Any

import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import (
    as_binary,
    as_floats,
    as_levels,
    as_matrix,
    as_vector,
    as_weights,
    require,
)


def test_require_counts_what_does_not_hold() -> None:
    require(np.array([True, True]), "`x` must hold")
    require(np.array([], dtype=bool), "`x` must hold")
    with pytest.raises(InputError) as caught:
        require(np.array([[True, False], [False, True]]), "`x` must hold")
    assert str(caught.value) == "`x` must hold; 2 of 4 are not (first at index 1)."


def test_a_vector_is_read_from_whatever_holds_numbers() -> None:
    for values in ([1, 2], (1.0, 2.0), np.array([1, 2], dtype=np.int8), ["1", "2"], range(1, 3)):
        vector = as_vector("x", values)
        assert vector.dtype == np.float64
        np.testing.assert_array_equal(vector, [1.0, 2.0])


@pytest.mark.parametrize(
    ("values", "size", "message"),
    [
        (["a", "b"], None, "`x` must hold numbers only."),
        ([None, {}], None, "`x` must hold numbers only."),
        ([[1, 2]], None, "`x` must be one-dimensional; its shape is (1, 2)."),
        (1.0, None, "`x` must be one-dimensional; its shape is ()."),
        ([1, 2], 3, "`x` must have 3 elements, one a row; it has 2."),
        ([1, None], None, "`x` must be finite; 1 of 2 is not (first at index 1)."),
        ([np.inf, 1, np.nan], None, "`x` must be finite; 2 of 3 are not (first at index 0)."),
    ],
)
def test_what_is_no_vector(values: Any, size: int | None, message: str) -> None:
    with pytest.raises(InputError) as caught:
        as_vector("x", values, size)
    assert str(caught.value) == message


def test_ragged_rows_are_refused() -> None:
    with pytest.raises(InputError, match="numbers only"):
        as_floats("x", [[1, 2], [3]])


def test_a_vector_is_a_matrix_of_one_column() -> None:
    assert as_matrix("x", [1, 2, 3]).shape == (3, 1)
    assert as_matrix("x", np.ones((3, 2)), 3).shape == (3, 2)


@pytest.mark.parametrize(
    ("values", "rows", "message"),
    [
        (np.ones((1, 1, 1)), None, "`x` must be two-dimensional; its shape is (1, 1, 1)."),
        (np.ones((2, 1)), 3, "`x` must have 3 rows; it has 2."),
        ([[1, np.nan]], None, "`x` must be finite; 1 of 2 is not (first at index 1)."),
    ],
)
def test_what_is_no_matrix(values: Any, rows: int | None, message: str) -> None:
    with pytest.raises(InputError) as caught:
        as_matrix("x", values, rows)
    assert str(caught.value) == message


def test_zeros_and_ones_are_booleans() -> None:
    for values in ([0, 1], [False, True], np.array([0.0, 1.0])):
        np.testing.assert_array_equal(as_binary("x", values), [False, True])


@pytest.mark.parametrize("value", [2, -1, 0.5, np.nan, None])
def test_anything_else_is_not(value: Any) -> None:
    with pytest.raises(InputError):
        as_binary("x", [0, value])


def test_no_weights_are_ones() -> None:
    np.testing.assert_array_equal(as_weights("w", None, 2), [1.0, 1.0])
    np.testing.assert_array_equal(as_weights("w", [0.5, 2], 2), [0.5, 2.0])


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf])
def test_weights_are_positive(value: float) -> None:
    with pytest.raises(InputError):
        as_weights("w", [1, value], 2)


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([3, 1, 3], [1, 3]),
        ([2.5, -1.0, 2.5], [-1.0, 2.5]),
        (["b", "a", "b"], ["a", "b"]),
        ([True, False, True], [False, True]),
        (np.array(["b", "a", "b"], dtype=object), ["a", "b"]),
    ],
)
def test_levels_are_ascending_and_coded(values: Any, levels: list[Any]) -> None:
    found, codes = as_levels("g", values)
    assert found.tolist() == levels
    np.testing.assert_array_equal(codes, [1, 0, 1])


@pytest.mark.parametrize(
    ("values", "size", "message"),
    [
        ([1.0, np.nan], None, "`g` must be finite; 1 of 2 is not (first at index 1)."),
        (["a", None], None, "`g` must be known; 1 of 2 is not (first at index 1)."),
        (np.array(["a", np.nan], dtype=object), None, "`g` must be known; 1 of 2 is not (first at index 1)."),
        (np.array(["a", 1], dtype=object), None, "`g` must hold labels of one kind."),
        ([[1, 2]], None, "`g` must be one-dimensional; its shape is (1, 2)."),
        (["a"], 2, "`g` must have 2 elements, one a row; it has 1."),
    ],
)
def test_what_is_no_label(values: Any, size: int | None, message: str) -> None:
    with pytest.raises(InputError) as caught:
        as_levels("g", values, size)
    assert str(caught.value) == message
