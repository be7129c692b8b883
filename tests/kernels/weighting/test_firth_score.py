import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.firth_score import firth_score
from counterpoise.kernels.weighting.logistic_score import logistic_score
from tests.kernels.weighting.score_sets import assert_influence_is_derivative, score_set, simulated, third_weights

moderate = settings(max_examples=25, deadline=None)


def slow_firth(treatment: Floats, x: Floats, case: Floats) -> Floats:
    """Maximise the penalised likelihood as it is written, by a method that knows no derivatives."""
    design = np.column_stack([np.ones(treatment.size), x])

    def loss(beta: Floats) -> float:
        e = 1 / (1 + np.exp(-design @ beta))
        information = (design.T * (case * e * (1 - e))) @ design
        likelihood = case @ (treatment * np.log(e) + (1 - treatment) * np.log(1 - e))
        return -float(likelihood + np.linalg.slogdet(information)[1] / 2)

    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 5000, "maxfev": 5000}
    return minimize(loss, np.zeros(design.shape[1]), method="Nelder-Mead", options=options).x


@pytest.mark.parametrize("name", ["lalonde", "sex2", "Melanoma"])
def test_influence_is_the_derivative_by_a_case_weight(name: str) -> None:
    treatment, x = score_set(name)
    case = third_weights(treatment.size)
    assert_influence_is_derivative(lambda w: firth_score(treatment, x, case_weights=w), case)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_penalised_likelihood_maximised_without_derivatives(seed: int) -> None:
    treatment, x, case = simulated(seed, n=30)
    fit = firth_score(treatment, x, case_weights=case)
    np.testing.assert_allclose(fit.coefficients, slow_firth(treatment, x, case), atol=1e-6)


def test_by_hand_half_a_row_is_added_to_each_cell_of_a_table() -> None:
    # 3 of 4 treated at x = 0 and none of 3 at x = 1: the odds are 3.5/1.5 and .5/3.5.
    fit = firth_score([1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1])
    assert fit.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(fit.probability[[0, 4]], [3.5 / 5, 0.5 / 4], rtol=1e-12)


def test_many_rows_leave_little_of_the_penalty() -> None:
    treatment, x, _ = simulated(1, n=20_000)
    likelihood = logistic_score(treatment, x)
    fit = firth_score(treatment, x)
    np.testing.assert_allclose(fit.coefficients, likelihood.coefficients, atol=5e-4)
    np.testing.assert_allclose(fit.influence, likelihood.influence, atol=1e-6)


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-1e3, 1e3))
@moderate
def test_a_change_of_unit_or_of_labels_leaves_the_probabilities(seed: int, scale: float, shift: float) -> None:
    treatment, x, case = simulated(seed)
    fit = firth_score(treatment, x, case_weights=case)
    changed = firth_score(1 - treatment, x * scale + shift, case_weights=case)
    np.testing.assert_allclose(1 - changed.probability, fit.probability, rtol=1e-8)


@given(st.integers(0, 10_000))
@moderate
def test_a_weight_of_two_is_a_repeated_row(seed: int) -> None:
    treatment, x, _ = simulated(seed)
    times = np.random.default_rng(seed).integers(1, 4, treatment.size)
    fit = firth_score(treatment, x, case_weights=times)
    repeated = firth_score(np.repeat(treatment, times), np.repeat(x, times, axis=0))
    np.testing.assert_allclose(fit.coefficients, repeated.coefficients, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_complete_separation_by_several_columns_is_finite(seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((40, 3))
    fit = firth_score(x @ [1.0, -2, 0.5] > 0, x)
    assert fit.verdict is Verdict.CONVERGED
    assert np.isfinite(fit.influence).all()
    assert ((fit.probability > 0) & (fit.probability < 1)).all()
