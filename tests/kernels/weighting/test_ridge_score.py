import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.ridge_score import ridge_score
from tests.kernels.weighting.score_sets import assert_influence_is_derivative, score_set, simulated, third_weights

moderate = settings(max_examples=25, deadline=None)


def slow_ridge(treatment: Floats, x: Floats, case: Floats, penalty: float) -> Floats:
    """Maximise the penalised likelihood as it is written."""
    design = np.column_stack([np.ones(treatment.size), x])
    deviation = x.std(axis=0, ddof=1)

    def loss(beta: Floats) -> float:
        e = 1 / (1 + np.exp(-design @ beta))
        likelihood = case @ (treatment * np.log(e) + (1 - treatment) * np.log(1 - e))
        return -float(likelihood - penalty / 2 * np.square(deviation * beta[1:]).sum())

    return minimize(loss, np.zeros(design.shape[1]), method="BFGS", options={"gtol": 1e-9}).x


@pytest.mark.parametrize("name", ["lalonde", "sex2", "veteran"])
def test_influence_is_the_derivative_by_a_case_weight(name: str) -> None:
    treatment, x = score_set(name)
    case = third_weights(treatment.size)
    assert_influence_is_derivative(lambda w: ridge_score(treatment, x, penalty=2.0, case_weights=w), case)


@pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
def test_agrees_with_the_penalised_likelihood_as_written(penalty: float) -> None:
    treatment, x, case = simulated(2)
    x = x * [1.0, 5.0] + 3
    fit = ridge_score(treatment, x, penalty=penalty, case_weights=case)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(fit.coefficients, slow_ridge(treatment, x, case, penalty), atol=2e-5)


def test_the_intercept_is_not_penalised() -> None:
    treatment, x, case = simulated(5)
    fit = ridge_score(treatment, x, penalty=1e9, case_weights=case)
    np.testing.assert_allclose(fit.probability, case @ treatment / case.sum(), rtol=1e-6)
    np.testing.assert_allclose(ridge_score([1, 0, 0, 0], np.empty((4, 0)), penalty=5.0).probability, 0.25, rtol=1e-12)


def test_a_penalty_of_nearly_nothing_is_maximum_likelihood() -> None:
    treatment, x = score_set("lalonde")
    fit, likelihood = ridge_score(treatment, x, penalty=1e-10), logistic_score(treatment, x)
    np.testing.assert_allclose(fit.coefficients, likelihood.coefficients, rtol=1e-8)
    np.testing.assert_allclose(fit.influence, likelihood.influence, rtol=1e-6, atol=1e-12)


def test_separated_collinear_and_too_many_columns_have_an_answer() -> None:
    separated = ridge_score([0, 0, 1, 1], [1, 2, 3, 4], penalty=1.0)
    once, twice = (ridge_score(*simulated(1)[:1], simulated(1)[1][:, columns], penalty=penalty)
                   for columns, penalty in (([0], 1.0), ([0, 0], 2.0)))  # fmt: skip
    wide = ridge_score([0, 1, 0, 0, 1, 0], np.random.default_rng(1).standard_normal((6, 9)), penalty=1.0)
    constant = ridge_score([0, 1, 1, 0], [[1.0, 7], [2, 7], [3, 7], [4, 7]], penalty=1.0)
    for fit in (separated, once, twice, wide, constant):
        assert fit.verdict is Verdict.CONVERGED
        assert np.isfinite(fit.influence).all()
    np.testing.assert_allclose(twice.coefficients[1:], once.coefficients[1] / 2, rtol=1e-9)
    np.testing.assert_allclose(constant.coefficients[2], 0, atol=1e-12)


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-1e3, 1e3))
@moderate
def test_the_unit_of_a_covariate_does_not_matter(seed: int, scale: float, shift: float) -> None:
    treatment, x, _ = simulated(seed)
    fit, changed = ridge_score(treatment, x, penalty=3.0), ridge_score(treatment, x * scale + shift, penalty=3.0)
    np.testing.assert_allclose(changed.probability, fit.probability, rtol=1e-8)


@given(st.integers(0, 10_000))
@moderate
def test_more_penalty_is_less_spread(seed: int) -> None:
    treatment, x, _ = simulated(seed)
    deviation = x.std(axis=0)
    size = [
        np.linalg.norm(deviation * ridge_score(treatment, x, penalty=p).coefficients[1:]) for p in (0.1, 1, 10, 100)
    ]
    assert (np.diff(size) < 0).all()


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.nan, np.inf])
def test_a_penalty_that_is_none_is_refused(penalty: float) -> None:
    with pytest.raises(InputError, match="`penalty` must be positive and finite"):
        ridge_score([0, 1, 1, 0], [1, 2, 3, 4], penalty=penalty)
