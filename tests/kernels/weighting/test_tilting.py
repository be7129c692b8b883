from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.weighting.covariate_balancing import Target, covariate_balancing_score
from counterpoise.kernels.weighting.estimands import balancing_weights
from counterpoise.kernels.weighting.tilting import tilting_score
from tests.kernels.weighting.score_sets import assert_weights_follow, score_set, simulated, third_weights

ESTIMANDS = ("ATE", "ATT", "ATC")
moderate = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("name", ["lalonde", "veteran", "Melanoma"])
@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_derivative_and_influence_follow_a_case_weight(name: str, estimand: Target) -> None:
    treatment, x = score_set(name)
    case = third_weights(treatment.size)
    assert_weights_follow(lambda w: tilting_score(treatment, x, estimand=estimand, case_weights=w), case)


@given(st.integers(0, 10_000), st.sampled_from(ESTIMANDS))
@moderate
def test_each_arm_has_the_targets_totals(seed: int, estimand: Target) -> None:
    treatment, x, case = simulated(seed, n=100)
    weights = tilting_score(treatment, x, estimand=estimand, case_weights=case).weights
    design = np.column_stack([np.ones(case.size), x])
    target = {"ATE": np.ones(case.size), "ATT": treatment, "ATC": 1 - treatment}[estimand]
    for arm in (0, 1):
        reached = weights[treatment == arm] @ design[treatment == arm]
        np.testing.assert_allclose(reached, (target * case) @ design, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("estimand", ["ATT", "ATC"])
def test_one_arm_is_the_covariate_balancing_score(estimand: Target) -> None:
    treatment, x = score_set("lalonde")
    fit = covariate_balancing_score(treatment, x, estimand=estimand)
    model = tilting_score(treatment, x, estimand=estimand)
    expected = balancing_weights(fit.probability, treatment, estimand=estimand)
    np.testing.assert_allclose(model.weights, expected, rtol=1e-8)
    np.testing.assert_allclose(model.influence, fit.influence, rtol=1e-6, atol=1e-10)


def test_by_hand_one_binary_covariate() -> None:
    # Shares 3 of 4 and 1 of 3: the weights are those of any score that has them.
    model = tilting_score([1, 1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(model.weights, [4 / 3, 4 / 3, 4 / 3, 4, 3, 3 / 2, 3 / 2], rtol=1e-12)
    assert model.influence.shape == (7, 4)


def test_means_out_of_reach_and_collinear_columns_are_named() -> None:
    x = np.column_stack([[1.0, 2, 3, 4, 3, 9, 9], [1.0, 0, 0, 1, 1, 0, 0]])
    with pytest.raises(FitError, match=r"inverse probability tilting: separated \(column 0 of `x`\)"):
        tilting_score([0, 0, 0, 0, 1, 1, 1], x, estimand="ATT")
    with pytest.raises(FitError, match=r"collinear covariates \(column 1 of `x`\)"):
        tilting_score([0, 1, 0, 0, 1, 0], np.column_stack([np.arange(6.0), np.ones(6)]))


def test_an_unknown_estimand_is_refused() -> None:
    chosen: Any = "ATO"
    with pytest.raises(InputError, match="`estimand` must be ATE, ATT or ATC; it is 'ATO'"):
        tilting_score([0, 1, 1, 0], [1, 2, 3, 4], estimand=chosen)
