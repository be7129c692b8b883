from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from counterpoise.errors import InputError
from counterpoise.kernels.competing.aalen_johansen import aalen_johansen, incidence_at
from counterpoise.kernels.competing.batched_incidence import BLOCK, batched_cumulative_incidence
from counterpoise.kernels.fractional_weights import fractional_weights
from tests.kernels.competing.competing_cohorts import cohort
from tests.kernels.competing.slow_competing import ROWS, Rows, columns


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_equals_the_loop(rows: Rows) -> None:
    c = columns(rows)
    weights = fractional_weights(3, c.time.size, seed=len(rows))
    times = np.arange(c.time.max() + 2)
    for index, of in enumerate((1, 2)):
        batch = batched_cumulative_incidence(c.time, c.cause, weights, times, of=of)
        loop = [incidence_at(aalen_johansen(c.time, c.cause, weights=w, causes=[1, 2]), times) for w in weights]
        np.testing.assert_allclose(batch, [read.incidence[index] for read in loop], atol=1e-13)


def test_several_blocks_and_weights_of_zero() -> None:
    d = cohort("Melanoma")
    n = d["time"].size
    weights = fractional_weights(2 * BLOCK // n, n, seed=1)
    batch = batched_cumulative_incidence(d["time"], d["cause"], weights, [1000, 2000])
    last = incidence_at(aalen_johansen(d["time"], d["cause"], weights=weights[-1]), [1000, 2000])
    np.testing.assert_allclose(batch[-1], last.incidence[0], rtol=1e-12)
    counts = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n))
    drawn = np.repeat(np.arange(n), counts)
    bootstrap = aalen_johansen(d["time"][drawn], d["cause"][drawn])
    by_weight = batched_cumulative_incidence(d["time"], d["cause"], counts, [1000], of=2)
    np.testing.assert_allclose(by_weight[0], incidence_at(bootstrap, [1000]).incidence[1], rtol=1e-12)


def test_what_is_not_known() -> None:
    batch = batched_cumulative_incidence([1, 2, 3], [1, 2, 0], [[1, 1, 1], [1, np.nan, 1]], [0, 3, 4])
    np.testing.assert_allclose(batch, [[0, 1 / 3, np.nan], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(batched_cumulative_incidence([1, 2], [1, 2], [1, 1], [9]), [[0.5]])
    np.testing.assert_array_equal(batched_cumulative_incidence([1, 2], [1, 1], [1, 1], [2], of=7), [[0.0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [[1, -1, 1]]}, "`weights` must be finite and non-negative"),
        ({"weights": [[1, np.inf, 1]]}, "`weights` must be finite and non-negative"),
        ({"weights": [[0, 0, 0]]}, "`weights` must hold a positive weight in every replicate"),
        ({"weights": [[1, 1]]}, r"`weights` must have shape \(replicates, 3\)"),
        ({"times": [np.nan]}, "`times` must be finite"),
        ({"times": [-1]}, "`times` must be finite and non-negative"),
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"cause": [1, np.nan, 3]}, "`cause` must be whole numbers"),
        ({"of": 0}, "`of` must be a cause"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"time": [1, 2, 3], "cause": [1, 2, 0], "weights": [[1, 1, 1]], "times": [1]}
    with pytest.raises(InputError, match=message):
        batched_cumulative_incidence(**{**good, **changes})
