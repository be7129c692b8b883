"""Restricted means under many weightings against one estimate at a time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.curves.batched_restricted_mean import batched_restricted_mean
from counterpoise.kernels.curves.restricted_mean import restricted_mean


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=2, max_size=12),
    st.integers(0, 1000),
    st.floats(0.5, 10),
)
@settings(max_examples=80, deadline=None)
def test_each_replicate_is_an_estimate_of_its_own(data: list[tuple[int, bool]], seed: int, horizon: float) -> None:
    time, event = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    g = np.random.default_rng(seed)
    weights = np.vstack([g.exponential(size=(3, time.size)), g.integers(0, 2, (4, time.size))])
    found = batched_restricted_mean(time, event, weights, horizon)
    for row, value in zip(weights, found, strict=True):
        kept = row > 0
        try:
            expected = restricted_mean(time[kept], event[kept], horizon, weights=row[kept]).value
        except InputError:  # nobody is left, or the horizon is beyond the follow-up of those who are
            expected = np.nan
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_the_last_value_carried_on() -> None:
    time, event, weights = [1, 2, 4], [1, 0, 0], [[1.0, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0], [1, np.nan, 1]]
    np.testing.assert_allclose(
        batched_restricted_mean(time, event, weights, 3), [1 + 2 * 2 / 3, np.nan, 1, np.nan, np.nan]
    )
    np.testing.assert_allclose(
        batched_restricted_mean(time, event, weights, 6, extend=True), [1 + 5 * 2 / 3, 3.5, 1, np.nan, np.nan]
    )


def test_blocks_do_not_change_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    g = np.random.default_rng(0)
    time, event, weights = g.exponential(size=40), g.integers(0, 2, 40), g.exponential(size=(9, 40))
    whole = batched_restricted_mean(time, event, weights, 0.8)
    monkeypatch.setattr("counterpoise.kernels.curves.batched_restricted_mean.BLOCK", 80)
    np.testing.assert_array_equal(batched_restricted_mean(time, event, weights, 0.8), whole)
    np.testing.assert_array_equal(batched_restricted_mean(time, event, weights[3], 0.8), whole[3:4])


GOOD: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], "weights": [[1, 1, 1]], "horizon": 2}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"time": [1, np.nan, 3]}, "`time` must be finite"),
    ({"event": [1, 0, 7]}, "`event` must be 0 or 1"),
    ({"weights": [[1, 1]]}, r"`weights` must have shape \(replicates, 3\)"),
    ({"weights": [[1, -1, 1]]}, "`weights` must be finite and non-negative; 1 of 3 is not"),
    ({"weights": [[1, np.inf, 1]]}, "`weights` must be finite and non-negative"),
    ({"horizon": np.nan}, "`horizon` must be one finite positive number"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        batched_restricted_mean(**(GOOD | change))
