from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.sandwich import sandwich
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.covariate_balancing import covariate_balancing_score
from counterpoise.kernels.weighting.entropy_balancing import entropy_balancing
from counterpoise.kernels.weighting.firth_score import firth_score
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.ridge_score import ridge_score
from counterpoise.kernels.weighting.tilting import tilting_score
from tests.kernels.weighting.score_sets import assert_influence_is_derivative, score_set, simulated, third_weights

moderate = settings(max_examples=25, deadline=None)


def ridge(treatment: Any, x: Any, case_weights: Any = None) -> Any:
    return ridge_score(treatment, x, penalty=1.0, case_weights=case_weights)


SCORES: list[Callable[..., Any]] = [
    logistic_score, firth_score, ridge, covariate_balancing_score, tilting_score, entropy_balancing
]  # fmt: skip


@pytest.mark.parametrize("name", ["lalonde", "veteran", "rotterdam_np"])
def test_influence_is_the_derivative_by_a_case_weight(name: str) -> None:
    treatment, x = score_set(name)
    case = third_weights(treatment.size)
    assert_influence_is_derivative(lambda w: logistic_score(treatment, x, case_weights=w), case)


def test_by_hand_the_influence_on_a_log_odds() -> None:
    # One of four treated, no covariates: d logit / d weight = (A - e) / (n e (1 - e)).
    fit = logistic_score([1, 0, 0, 0], np.empty((4, 0)))
    np.testing.assert_allclose(fit.coefficients, [np.log(1 / 3)], rtol=1e-12)
    np.testing.assert_allclose(fit.influence[:, 0], np.array([0.75, -0.25, -0.25, -0.25]) / 0.75, rtol=1e-12)
    np.testing.assert_allclose(fit.slope[:, 0], 3 / 16, rtol=1e-12)


def test_agrees_with_the_textbook_sandwich() -> None:
    treatment, x, case = simulated(3)
    fit = logistic(treatment, x, weights=case)
    design = np.column_stack([np.ones(treatment.size), x])
    meat = (design * (case * (treatment - fit.probability))[:, None]).T
    np.testing.assert_allclose(
        sandwich(logistic_score(treatment, x, case_weights=case).influence),
        fit.covariance @ meat @ meat.T @ fit.covariance,
        rtol=1e-9,
    )


def test_separation_names_the_column_and_gives_no_number() -> None:
    fit = logistic_score(*score_set("sex2"))
    assert fit.verdict is Verdict.SEPARATED
    assert fit.at_fault == (5,)
    assert "coarser covariates" in fit.verdict.advice
    assert all(np.isnan(a).all() for a in (fit.probability, fit.coefficients, fit.influence, fit.slope))
    assert fit.influence.shape == (239, 7)


@given(st.integers(0, 10_000), st.floats(0.1, 10))
@moderate
def test_influence_sums_to_zero_and_the_scale_of_the_weights_does_not_matter(seed: int, scale: float) -> None:
    treatment, x, case = simulated(seed)
    fit = logistic_score(treatment, x, case_weights=case)
    scaled = logistic_score(treatment, x, case_weights=case * scale)
    np.testing.assert_allclose(fit.influence.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.influence, fit.influence, rtol=1e-7, atol=1e-12)


@given(st.integers(0, 10_000))
@moderate
def test_slope_is_the_derivative_of_the_probability(seed: int) -> None:
    treatment, x, _ = simulated(seed)
    fit = logistic_score(treatment, x)
    design = np.column_stack([np.ones(treatment.size), x])
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-6
        up, down = (1 / (1 + np.exp(-design @ (fit.coefficients + sign * step))) for sign in (1, -1))
        np.testing.assert_allclose((up - down) / 2e-6, fit.slope[:, j], atol=1e-8)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"treatment": [1, 1, 1, 1, 1, 1]}, "`treatment` must hold treated and control rows"),
        ({"treatment": [0, 0, 0, 0, 0, 0]}, "`treatment` must hold treated and control rows"),
        ({"treatment": [0, 1, 0, 2, 1, 0]}, "`treatment` must be 0 or 1"),
        ({"treatment": [0, 1, 0, np.nan, 1, 0]}, "`treatment` must be finite"),
        ({"treatment": []}, "`treatment` must hold treated and control rows"),
        ({"treatment": [1], "x": [[1.0]]}, "`treatment` must hold treated and control rows"),
        ({"x": [1, 2, 3, 4, np.nan, 6]}, "`x` must be finite"),
        ({"x": [1, 2, 3, 4, np.inf, 6]}, "`x` must be finite"),
        ({"x": [1, 2, 3]}, "`x` must have 6 rows"),
        ({"case_weights": [1, 1, 1, 1, 1, 0]}, "`case_weights` must be positive"),
        ({"case_weights": [1, 1, 1, 1, 1, -1]}, "`case_weights` must be positive"),
        ({"case_weights": [1, 1, 1, 1, 1, np.nan]}, "`case_weights` must be finite"),
        ({"case_weights": [1, 1]}, "`case_weights` must have 6 elements"),
    ],
)
def test_bad_input_is_said(score: Callable[..., Any], change: dict[str, Any], match: str) -> None:
    arguments: dict[str, Any] = {"treatment": [0, 1, 0, 0, 1, 0], "x": [1.0, 2, 3, 4, 5, 6], "case_weights": None}
    with pytest.raises(InputError, match=match):
        score(**(arguments | change))


@pytest.mark.parametrize("score", [logistic_score, firth_score, covariate_balancing_score])
@pytest.mark.parametrize("second", [[3.0] * 6, [2.0, 4, 6, 8, 10, 12]])
def test_constant_and_repeated_columns_are_a_verdict(score: Callable[..., Any], second: list[float]) -> None:
    fit = score([0, 1, 0, 0, 1, 0], np.column_stack([[1.0, 2, 3, 4, 5, 6], second]))
    assert fit.verdict is Verdict.COLLINEAR
    assert fit.at_fault == (1,)
    assert np.isnan(fit.probability).all()


@pytest.mark.parametrize("score", [logistic_score, firth_score, covariate_balancing_score])
def test_more_columns_than_rows_are_a_verdict(score: Callable[..., Any]) -> None:
    x = np.random.default_rng(1).standard_normal((6, 8))
    assert score([0, 1, 0, 0, 1, 0], x).verdict is Verdict.COLLINEAR
