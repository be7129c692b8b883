import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.kernels.cox.dominance import sum_earlier_and_lower


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from(["int", "float", "complex"]))
def test_agrees_with_every_pair_compared(seed: int, n: int, kind: str) -> None:
    g = np.random.default_rng(seed)
    rank, values = g.permutation(n), g.integers(-5, 6, n).astype(kind)
    before = np.tril(np.ones((n, n), dtype=bool), -1)
    expected = np.where(before & (rank < rank[:, None]), values, 0).sum(axis=1)
    np.testing.assert_array_equal(sum_earlier_and_lower(rank, values), expected)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 1000, 50_000])
def test_a_sorted_sequence_counts_its_places(n: int) -> None:
    np.testing.assert_array_equal(sum_earlier_and_lower(np.arange(n), np.ones(n, dtype=int)), np.arange(n))
    np.testing.assert_array_equal(sum_earlier_and_lower(np.arange(n)[::-1], np.ones(n, dtype=int)), np.zeros(n))
