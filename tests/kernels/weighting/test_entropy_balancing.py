from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.weighting.covariate_balancing import Target
from counterpoise.kernels.weighting.entropy_balancing import entropy_balancing, powers
from counterpoise.kernels.weighting.tilting import tilting_score
from tests.kernels.weighting.score_sets import assert_weights_follow, score_set, simulated, third_weights

ESTIMANDS = ("ATE", "ATT", "ATC")
moderate = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("name", ["lalonde", "veteran", "Melanoma"])
@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_derivative_and_influence_follow_a_case_weight(name: str, estimand: Target) -> None:
    treatment, x = score_set(name)
    case = third_weights(treatment.size)
    assert_weights_follow(lambda w: entropy_balancing(treatment, x, estimand=estimand, case_weights=w), case)


@pytest.mark.parametrize("moments", [2, 3])
def test_derivative_and_influence_of_higher_moments(moments: Any) -> None:
    treatment, x = score_set("Melanoma")
    case = third_weights(treatment.size)
    assert_weights_follow(
        lambda w: entropy_balancing(treatment, x, estimand="ATT", moments=moments, case_weights=w), case
    )


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_agrees_with_the_entropy_minimised_as_written(estimand: Target) -> None:
    treatment, x, case = simulated(7, n=40)
    ours = entropy_balancing(treatment, x, estimand=estimand, case_weights=case).weights
    target = {"ATE": np.ones(case.size), "ATT": treatment, "ATC": 1 - treatment}[estimand]
    mean = (target * case) @ x / (target * case).sum()
    for arm in (0, 1):
        rows = treatment == arm
        if np.array_equal(rows, target == 1):
            np.testing.assert_array_equal(ours[rows], case[rows])
            continue
        base = case[rows]
        design = np.column_stack([np.ones(rows.sum()), x[rows]])
        slow = minimize(
            lambda w, base=base: float(w @ np.log(w / base)),
            base,
            jac=lambda w, base=base: np.log(w / base) + 1,
            constraints={"type": "eq", "fun": lambda w, d=design, b=base: d.T @ w - b.sum() * np.append(1, mean)},
            bounds=[(1e-9, None)] * base.size,
            method="SLSQP",
            options={"maxiter": 500, "ftol": 1e-14},
        )
        np.testing.assert_allclose(ours[rows], slow.x, atol=1e-5)


@given(st.integers(0, 10_000), st.sampled_from(ESTIMANDS), st.sampled_from([1, 2]))
@moderate
def test_each_arm_has_the_targets_moments(seed: int, estimand: Target, moments: Any) -> None:
    treatment, x, case = simulated(seed, n=200)
    weights = entropy_balancing(treatment, x, estimand=estimand, moments=moments, case_weights=case).weights
    columns = np.hstack([x**power for power in range(1, moments + 1)])
    target = {"ATE": np.ones(case.size), "ATT": treatment, "ATC": 1 - treatment}[estimand] * case
    for arm in (0, 1):
        rows = treatment == arm
        np.testing.assert_allclose(weights[rows].sum(), case[rows].sum(), rtol=1e-10)
        reached = weights[rows] @ columns[rows] / weights[rows].sum()
        np.testing.assert_allclose(reached, target @ columns / target.sum(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("estimand", ["ATT", "ATC"])
def test_one_arm_of_it_is_inverse_probability_tilting(estimand: Target) -> None:
    treatment, x = score_set("lalonde")
    ours = entropy_balancing(treatment, x, estimand=estimand).weights
    tilted = tilting_score(treatment, x, estimand=estimand).weights
    for arm in (0, 1):
        rows = treatment == arm
        np.testing.assert_allclose(ours[rows] / ours[rows].sum(), tilted[rows] / tilted[rows].sum(), rtol=1e-8)


def test_by_hand_one_binary_covariate() -> None:
    # Treated: 3 at 0, 1 at 1. Controls, 1 at 0 and 2 at 1, shall have 3/4 and 1/4 of their three.
    model = entropy_balancing([1, 1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1], estimand="ATT")
    np.testing.assert_allclose(model.weights, [1, 1, 1, 9 / 4, 1, 3 / 8, 3 / 8], rtol=1e-12)
    assert model.derivative.shape == model.influence.shape == (7, 2)


def test_a_row_of_weight_two_is_two_rows() -> None:
    treatment, x, _ = simulated(3)
    times = np.random.default_rng(3).integers(1, 4, treatment.size)
    ours = entropy_balancing(treatment, x, case_weights=times).weights
    repeated = entropy_balancing(np.repeat(treatment, times), np.repeat(x, times, axis=0)).weights
    np.testing.assert_allclose(ours, np.bincount(np.repeat(np.arange(times.size), times), repeated), rtol=1e-8)


def test_powers_stop_where_a_column_has_no_more_values() -> None:
    x = np.column_stack([[0.0, 1, 0, 1], [1.0, 2, 3, 1], [1.0, 2, 3, 4]])
    assert powers(x, ["a", "b", "c"], 3)[1] == ["a", "b", "c", "b^2", "c^2", "c^3"]


def test_a_target_out_of_reach_names_its_columns() -> None:
    x = np.column_stack([np.arange(8.0), [0.0, 0, 0, 0, 0, 1, 1, 0], [5.0, 1, 4, 2, 3, 3, 2, 4]])
    treatment = [0, 0, 0, 0, 0, 1, 1, 1]
    with pytest.raises(FitError, match="no weights of the controls give them the target's moments of `age`, `node`, "):
        entropy_balancing(treatment, x, estimand="ATT", names=["age", "node", "grade"])
    with pytest.raises(FitError, match="moments of column 0 of `x`, column 1 of `x`, which"):
        entropy_balancing(treatment, x, estimand="ATT")


def test_a_target_out_of_reach_of_cubes_is_said() -> None:
    treatment, x = score_set("veteran")  # 28_scores.R finds no solution either
    with pytest.raises(FitError, match="no weights of the controls give them the target's moments"):
        entropy_balancing(treatment, x, estimand="ATT", moments=3)


def test_collinear_columns_are_named() -> None:
    x = np.column_stack([np.arange(6.0), np.ones(6)])
    with pytest.raises(FitError, match=r"entropy balancing: collinear covariates \(`one`\)"):
        entropy_balancing([0, 1, 0, 0, 1, 0], x, names=["age", "one"])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"estimand": "ATO"}, "`estimand` must be ATE, ATT or ATC; it is 'ATO'"),
        ({"moments": 4}, "`moments` must be 1, 2 or 3; it is 4"),
        ({"names": ["a", "b"]}, "`names` must have 1 elements, one a column of x; it has 2"),
    ],
)
def test_unknown_choices_are_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        entropy_balancing([0, 1, 0, 0, 1, 0], [1.0, 2, 3, 4, 5, 6], **change)
