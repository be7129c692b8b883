"""Cox models under many weightings against one fit at a time."""

from typing import Any

import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.cox.batched import batched_cox
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.effects.batched_effects import batched_effects
from counterpoise.kernels.verdict import Verdict
from tests.kernels.cox.slow_cox import cohort

TIES: tuple[Ties, ...] = ("efron", "breslow")


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("seed", range(3))
def test_each_replicate_is_a_fit_of_its_own(ties: Ties, seed: int) -> None:
    c, g = cohort(seed, n=60, p=3), np.random.default_rng(seed)
    weights = np.vstack([g.exponential(size=(6, 60)), g.multinomial(60, np.full(60, 1 / 60), 6), c.x[:, 1] > 0])
    found = batched_cox(c.time, c.event, c.x, weights, ties=ties)
    for row, coefficients, converged in zip(weights, found.coefficients, found.converged, strict=True):
        kept = row > 0
        fit = cox(c.time[kept], c.event[kept], c.x[kept], weights=row[kept], ties=ties)
        assert converged == (fit.verdict is Verdict.CONVERGED)
        if converged:
            np.testing.assert_allclose(coefficients, fit.coefficients, rtol=1e-9, atol=1e-11)
    assert found.converged[:6].all()


def test_treatment_alone_is_the_other_batch() -> None:
    c, g = cohort(9, n=80, p=1), np.random.default_rng(9)
    weights = g.exponential(size=(20, 80))
    ours = batched_cox(c.time, c.event, c.x, weights).coefficients[:, 0]
    other = batched_effects(c.time, c.event, c.x[:, 0], weights).log_hazard_ratio
    np.testing.assert_allclose(ours, other, rtol=1e-9)


def test_failures_are_counted() -> None:
    time, event = [1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0]
    x = [[0, 1], [1, 2], [0, 5], [1, 1], [0, 3], [1, 0]]
    weights = [[1.0] * 6, [0, 0, 1, 0, 0, 1], [1, 0, 1, 0, 1, 0], [1, np.nan, 1, 1, 1, 1], [0] * 6]
    found = batched_cox(time, event, x, weights)
    assert found.converged.tolist() == [True, False, False, False, False]
    assert found.failures == {"no events": 2, "collinear covariates": 1, "unknown": 1}
    assert np.isnan(found.coefficients[1:]).all()
    one_sided = batched_cox([1, 2, 3, 4], [1, 1, 1, 1], [1, 1, 0, 0], [[1, 1, 1, 1]])
    assert one_sided.failures == {"monotone likelihood": 1}


def test_collinear_columns_fail_in_every_replicate() -> None:
    found = batched_cox([1, 2, 3, 4], [1, 1, 1, 1], [[0, 0], [1, 2], [1, 2], [0, 0]], np.ones((3, 4)))
    assert found.failures == {"collinear covariates": 3}


GOOD: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], "x": [0, 1, 2], "weights": [[1, 1, 1]]}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"time": [1, np.nan, 3]}, "`time` must be finite"),
    ({"event": [1, 0, 7]}, "`event` must be 0 or 1"),
    ({"event": [0, 0, 0]}, "`event` must hold at least one event"),
    ({"x": [0, np.inf, 2]}, "`x` must be finite"),
    ({"x": np.zeros((3, 0))}, "`x` must have at least one column"),
    ({"weights": [[1, 1]]}, r"`weights` must have shape \(replicates, 3\)"),
    ({"weights": [[1, -1, 1]]}, "`weights` must be finite and non-negative"),
    ({"ties": "exact"}, "`ties` must be"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        batched_cox(**(GOOD | change))
