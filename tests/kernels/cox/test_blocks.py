from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.kernels import blocks
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.verdict import Verdict
from tests.kernels.cox.slow_cox import cohort, slow_log_likelihood

BOTH: tuple[Ties, Ties] = ("efron", "breslow")
SEEDS = st.integers(0, 2**32 - 1)


def differences(f: Callable[[Floats], float], at: Floats, step: float = 1e-4) -> Floats:
    """Central differences of fourth order."""
    steps = step * np.eye(at.size)
    return np.array([(8 * (f(at + h) - f(at - h)) - (f(at + 2 * h) - f(at - 2 * h))) / (12 * step) for h in steps])


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from(BOTH), st.integers(1, 3), st.sampled_from([1, 3, 25]))
def test_agrees_with_the_definition(seed: int, ties: Ties, p: int, strata: int) -> None:
    c = cohort(seed, n=40, p=p, strata=strata)
    beta = np.random.default_rng(seed).normal(size=p) / 3
    at = cox(c.time, c.event, c.x, ties=ties, initial=beta, max_steps=0, robust=False, **c.options())
    assume(at.verdict is not Verdict.COLLINEAR)
    np.testing.assert_allclose(at.log_likelihood, slow_log_likelihood(c, beta, ties), rtol=1e-11)
    score = differences(lambda b: slow_log_likelihood(c, b, ties), beta)
    information = -np.array(
        [
            differences(lambda b, j=j: differences(lambda e: slow_log_likelihood(c, e, ties), b)[j], beta)
            for j in range(p)
        ]
    )
    np.testing.assert_allclose(at.score, score @ np.linalg.solve(information, score), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(at.covariance, np.linalg.inv(information), rtol=1e-4, atol=1e-5)
    fit = cox(c.time, c.event, c.x, ties=ties, robust=False, **c.options())
    if fit.verdict is Verdict.CONVERGED:
        slope = differences(lambda b: slow_log_likelihood(c, b, ties), fit.coefficients)
        np.testing.assert_allclose(slope, 0.0, atol=1e-7)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from(BOTH))
def test_influence_is_the_derivative_by_each_weight(seed: int, ties: Ties) -> None:
    c = cohort(seed, n=20)
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED and np.abs(fit.coefficients).max() < 4)
    assert fit.influence is not None

    for row in range(c.time.size):
        step = 1e-3 * c.weights[row] * np.eye(c.time.size)[row]
        at = [
            cox(c.time, c.event, c.x, ties=ties, robust=False, **c.options(weights=c.weights + k * step))
            for k in (-2, -1, 1, 2)
        ]
        a, b, d, e = (refit.coefficients for refit in at)
        np.testing.assert_allclose((8 * (d - b) - (e - a)) / 12e-3, fit.influence[row], atol=1e-7)
    np.testing.assert_allclose(fit.covariance, fit.influence.T @ fit.influence, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3, 5, 8, 20, 50])
@pytest.mark.parametrize("ties", BOTH)
def test_blocks_and_number_of_covariates_do_not_matter(monkeypatch: pytest.MonkeyPatch, p: int, ties: Ties) -> None:
    g = np.random.default_rng(p)
    x = g.normal(size=(400, p))
    time, event = np.ceil(20 * g.exponential(size=400) * np.exp(-x[:, 0] / 2)), g.uniform(size=400) < 0.7
    whole = cox(time, event, x, ties=ties, robust=True)
    monkeypatch.setattr(blocks, "BLOCK", 500)
    blocked = cox(time, event, x, ties=ties, robust=True)
    assert whole.verdict is blocked.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(blocked.coefficients, whole.coefficients, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(blocked.covariance, whole.covariance, rtol=1e-9, atol=1e-12)
    assert whole.coefficients.shape == whole.std_error.shape == (p,)
