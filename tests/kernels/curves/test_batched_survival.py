from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves import batched_survival as batched_curve
from counterpoise.kernels.curves.batched_survival import batched_kaplan_meier
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at


def slow_batch(time: Floats, event: Floats, weights: Floats, times: Floats, *, extend: bool) -> Floats:
    found = np.full((weights.shape[0], times.size), np.nan)
    for b, case in enumerate(weights):
        rows = case > 0
        if rows.any():
            curve = kaplan_meier(time[rows], event[rows], weights=case[rows])
            found[b] = survival_at(curve, times, extend=extend).survival
    return found


@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_a_batch_is_a_loop_over_single_curves(seed: int, extend: bool, n: int) -> None:
    draw = np.random.default_rng(seed)
    time, event = draw.integers(1, 9, n).astype(float), (draw.random(n) < 0.6).astype(float)
    weights = draw.integers(0, 3, (5, n)) * draw.uniform(0.3, 2, (5, n))
    times = np.array([7.0, 0, 1, 4.5, 9, 2])
    found = batched_kaplan_meier(time, event, weights, times, extend=extend)
    np.testing.assert_allclose(found, slow_batch(time, event, weights, times, extend=extend), atol=1e-12)


def test_blocks_make_no_difference(monkeypatch: Any) -> None:
    draw = np.random.default_rng(3)
    time, event, weights = draw.integers(1, 9, 20), draw.random(20) < 0.6, draw.exponential(1, (7, 20))
    whole = batched_kaplan_meier(time, event, weights, [2, 5])
    monkeypatch.setattr(batched_curve, "BLOCK", 45)
    np.testing.assert_array_equal(batched_kaplan_meier(time, event, weights, [2, 5]), whole)


def test_edges() -> None:
    weights = [[1, 1, 1], [0, 0, 0], [1, np.nan, 1], [2, 0, 0]]
    found = batched_kaplan_meier([1, 2, 3], [1, 0, 1], weights, [0, 1, 3, 4])
    nothing = [np.nan] * 4
    np.testing.assert_allclose(found, [[1, 2 / 3, 0, 0], nothing, nothing, [1, 0, 0, 0]])
    assert batched_kaplan_meier([1, 2], [0, 0], [[1, 1]], [1.5, 3]).tolist()[0][0] == 1
    assert batched_kaplan_meier([1, 2], [1, 1], np.zeros((0, 2)), [1]).shape == (0, 1)
    assert batched_kaplan_meier([1, 2], [1, 1], [[1, 1]], []).shape == (1, 0)
    np.testing.assert_array_equal(batched_kaplan_meier([1, 2], [1, 0], [1, 3], [1, 3], extend=True), [[0.75, 0.75]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.inf]}, "`time` must be finite;"),
        ({"time": [-1, 1]}, "`time` must be finite and non-negative"),
        ({"event": [1, np.nan]}, "`event` must be finite"),
        ({"event": [1, 3]}, "`event` must be 0 or 1"),
        ({"weights": [[1, -1]]}, "`weights` must be finite and non-negative; 1 of 2 is not (first at index 1)."),
        ({"weights": [[1, np.inf]]}, "`weights` must be finite and non-negative"),
        ({"weights": [[1, 1, 1]]}, "`weights` must have shape (replicates, 2); its shape is (1, 3)."),
        ({"times": [np.nan]}, "`times` must be finite"),
        ({"times": [-1]}, "`times` must be finite and non-negative"),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"time": [1, 2], "event": [1, 0], "weights": [[1, 1]], "times": [1]}
    with pytest.raises(InputError) as caught:
        batched_kaplan_meier(**arguments | changes)
    assert str(caught.value).startswith(message)
