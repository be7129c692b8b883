from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.covariate_balancing import Target, covariate_balancing_score
from counterpoise.kernels.weighting.estimands import balancing_weights
from counterpoise.kernels.weighting.fitted_score import score_data
from counterpoise.kernels.weighting.over_identified import FirstStep, _Problem, balance_rows, two_step
from tests.kernels.weighting.score_sets import assert_influence_is_derivative, score_set, simulated, third_weights

ESTIMANDS = ("ATE", "ATT", "ATC")
moderate = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("name", ["lalonde", "Melanoma"])
@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_influence_is_the_derivative_by_a_case_weight(name: str, estimand: Target) -> None:
    treatment, x = score_set(name)
    case = third_weights(treatment.size)
    assert_influence_is_derivative(
        lambda w: covariate_balancing_score(treatment, x, estimand=estimand, case_weights=w), case
    )


@pytest.mark.parametrize("estimand", ESTIMANDS)
@pytest.mark.parametrize("first_step", ["criterion", "balance", "likelihood"])
def test_influence_knows_both_steps(estimand: Target, first_step: FirstStep) -> None:
    treatment, x = score_set("lalonde")
    case = third_weights(treatment.size)
    assert_influence_is_derivative(
        lambda w: covariate_balancing_score(
            treatment, x, estimand=estimand, over_identified=True, first_step=first_step, case_weights=w
        ),
        case,
    )


@given(st.integers(0, 10_000), st.sampled_from(ESTIMANDS))
@moderate
def test_just_identified_weights_balance_to_the_last_digit(seed: int, estimand: Target) -> None:
    treatment, x, case = simulated(seed)
    fit = covariate_balancing_score(treatment, x, estimand=estimand, case_weights=case)
    if fit.verdict is not Verdict.CONVERGED:
        assert fit.verdict is Verdict.SEPARATED
        return
    weights = balancing_weights(fit.probability, treatment, estimand=estimand, stabilised=False, case_weights=case)
    design = np.column_stack([np.ones(case.size), x])
    both = [weights[treatment == arm] @ design[treatment == arm] for arm in (0, 1)]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-9, atol=1e-8 * weights.sum())


def test_the_att_and_the_atc_are_each_others_mirror() -> None:
    treatment, x = score_set("lalonde")
    att = covariate_balancing_score(treatment, x, estimand="ATT")
    atc = covariate_balancing_score(1 - treatment, x, estimand="ATC")
    np.testing.assert_allclose(atc.coefficients, -att.coefficients, rtol=1e-8)
    np.testing.assert_allclose(atc.influence, -att.influence, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("over", [False, True])
def test_by_hand_one_binary_covariate_leaves_nothing_to_choose(over: bool) -> None:
    # Both likelihood and balance are met by the shares 3 of 4 and 1 of 3.
    treatment, x = [1, 1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1]
    for estimand in ESTIMANDS:
        fit = covariate_balancing_score(treatment, x, estimand=estimand, over_identified=over)
        np.testing.assert_allclose(fit.probability[[0, 4]], [3 / 4, 1 / 3], rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_over_identified_agrees_with_the_criterion_as_written(seed: int, estimand: Target) -> None:
    treatment, x, case = simulated(seed, n=120)
    design = np.column_stack([np.ones(treatment.size), x])

    def moments(beta: Any) -> Any:
        rows = balance_rows(design @ beta, treatment == 1, estimand)
        return np.concatenate([(case * rows.residual) @ design, (case * rows.balance) @ design])

    def covariance(beta: Any) -> Any:
        e = 1 / (1 + np.exp(-design @ beta))
        total = np.zeros((6, 6))
        for outcome in (0.0, 1.0):  # over the distribution of treatment given the covariates
            rows = balance_rows(design @ beta, np.full(treatment.size, outcome == 1), estimand)
            both = np.hstack([design * rows.residual[:, None], design * rows.balance[:, None]])
            total += (both * (case * np.where(outcome == 1, e, 1 - e))[:, None]).T @ both
        return total

    first = logistic(treatment, x, weights=case).coefficients
    inverse = np.linalg.inv(covariance(first))
    slow = minimize(lambda b: moments(b) @ inverse @ moments(b), first, method="BFGS", options={"gtol": 1e-9})
    fit = covariate_balancing_score(
        treatment, x, estimand=estimand, over_identified=True, first_step="likelihood", case_weights=case
    )
    assert float(moments(fit.coefficients) @ inverse @ moments(fit.coefficients)) <= slow.fun * (1 + 1e-9)
    np.testing.assert_allclose(fit.coefficients, slow.x, atol=1e-4)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_slopes_of_the_rows_are_their_derivatives(estimand: Target) -> None:
    eta, treated, h = np.linspace(-2, 2, 8), np.arange(8) % 2 == 0, 1e-6
    up, down, at = (balance_rows(eta + shift, treated, estimand) for shift in (h, -h, 0.0))
    for value, slope, sign in [
        ("residual", "spread", -1), ("balance", "fall", -1), ("spread", "spread_slope", 1), ("fall", "fall_slope", 1),
        ("shared", "shared_slope", 1), ("balance_spread", "balance_spread_slope", 1),
    ]:  # fmt: skip
        numeric = (getattr(up, value) - getattr(down, value)) / (2 * h)
        np.testing.assert_allclose(numeric, sign * getattr(at, slope), atol=1e-7)


def test_a_factor_at_the_edge_of_its_range_stays_there() -> None:
    treatment, x = score_set("veteran")
    data = score_data(treatment, x, None)
    likelihood = np.linalg.solve(data.back, logistic(treatment, x).coefficients)
    found = two_step(data, "ATC", "criterion", likelihood, likelihood)
    assert found is not None
    assert found.factor == 0.8
    assert_influence_is_derivative(
        lambda w: covariate_balancing_score(treatment, x, estimand="ATC", over_identified=True, case_weights=w),
        np.ones(treatment.size),
        tolerance=1e-4,  # likelihood and balance say nearly the same here: their covariance is singular to 1e-8
    )
    assert _Problem(data, "ATC").at(likelihood).moments.shape == (10,)


def test_equations_that_repeat_each_other_are_said() -> None:
    x = np.array([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)] * 5)
    treatment = np.array([0, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1])
    with pytest.raises(FitError, match=r"repeat each other.*too few distinct values; take `over_identified=False`"):
        covariate_balancing_score(treatment, x, over_identified=True)


def test_treated_beyond_the_controls_is_a_verdict_that_names_the_column() -> None:
    # A treated row inside the controls' range keeps logistic regression finite; their mean is beyond it.
    treatment = [0, 0, 0, 0, 1, 1, 1]
    x = np.column_stack([[1.0, 2, 3, 4, 3, 9, 9], [1.0, 0, 0, 1, 1, 0, 0]])
    assert logistic(treatment, x).verdict is Verdict.CONVERGED
    fit = covariate_balancing_score(treatment, x, estimand="ATT")
    assert fit.verdict is Verdict.SEPARATED
    assert fit.at_fault == (0,)
    assert covariate_balancing_score(treatment, x, estimand="ATT", over_identified=True).verdict is Verdict.SEPARATED
    assert covariate_balancing_score(treatment, x).verdict is Verdict.CONVERGED


def test_separation_is_that_of_the_likelihood() -> None:
    fit = covariate_balancing_score(*score_set("sex2"))
    assert fit.verdict is Verdict.SEPARATED
    assert fit.at_fault == (5,)


def test_unknown_choices_are_refused() -> None:
    chosen: Any = "ATO"
    with pytest.raises(InputError, match="`estimand` must be ATE, ATT or ATC; it is 'ATO'"):
        covariate_balancing_score([0, 1, 1, 0], [1, 2, 3, 4], estimand=chosen)
    with pytest.raises(InputError, match="`first_step` must be criterion, balance or likelihood"):
        covariate_balancing_score([0, 1, 1, 0], [1, 2, 3, 4], first_step=chosen)
