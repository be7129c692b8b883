import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog

from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.exponential_tilt import exponential_tilt

moderate = settings(max_examples=30, deadline=None)


def test_by_hand_two_kinds_of_rows() -> None:
    # Three rows at 0 and one at 1 are to weigh as two and two.
    design = np.column_stack([np.ones(4), [0.0, 0, 0, 1]])
    tilt = exponential_tilt(design, np.ones(4), np.ones(4), np.array([4.0, 2.0]), np.zeros(2))
    np.testing.assert_allclose(tilt.coefficients, [np.log(2 / 3), np.log(2) - np.log(2 / 3)], rtol=1e-12)
    np.testing.assert_allclose(tilt.information, [[4.0, 2.0], [2.0, 2.0]], rtol=1e-12)


@given(st.integers(0, 100_000))
@moderate
def test_it_is_solved_exactly_when_a_linear_programme_finds_positive_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, width = 12, 3
    design = np.column_stack([np.ones(n), rng.standard_normal((n, width))])
    total = np.concatenate([[n], n * 0.6 * rng.standard_normal(width)])
    tilt = exponential_tilt(design, np.ones(n), np.ones(n), total, np.zeros(width + 1))
    # weights w >= t with the largest t: strictly inside the hull if t > 0
    matrix = np.hstack([design.T, np.zeros((width + 1, 1))])
    found = linprog(
        np.append(np.zeros(n), -1.0),
        A_eq=matrix,
        b_eq=total,
        A_ub=np.hstack([-np.eye(n), np.ones((n, 1))]),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * n + [(None, 1.0)],
    )
    inside = -found.fun if found.status == 0 else -1.0
    if abs(inside) < 1e-6:
        return  # on the edge, where rounding decides
    if inside > 0:
        assert tilt.verdict is Verdict.CONVERGED
        np.testing.assert_allclose(design.T @ np.exp(design @ tilt.coefficients), total, rtol=1e-9, atol=1e-8)
    else:
        assert tilt.verdict is Verdict.SEPARATED


def test_the_column_whose_target_is_out_of_reach_is_named() -> None:
    rng = np.random.default_rng(4)
    design = np.column_stack([np.ones(40), rng.standard_normal((40, 4))])
    total = np.array([40.0, 0, 0, 40 * design[:, 3].max() + 1, 0])
    tilt = exponential_tilt(design, np.ones(40), np.ones(40), total, np.zeros(5))
    assert tilt.verdict is Verdict.SEPARATED
    assert tilt.at_fault.tolist() == [2]


def test_a_column_without_spread_is_out_of_reach_or_collinear() -> None:
    design = np.column_stack([np.ones(4), [0.0, 1, 2, 3], np.zeros(4)])
    reachable, beyond = (
        exponential_tilt(design, np.ones(4), np.ones(4), np.array([4.0, 5.0, last]), np.zeros(3)) for last in (0.0, 1.0)
    )
    assert (reachable.verdict, reachable.at_fault.tolist()) == (Verdict.COLLINEAR, [1])
    assert (beyond.verdict, beyond.at_fault.tolist()) == (Verdict.SEPARATED, [1])


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6])
def test_near_the_edge_it_still_settles(distance: float) -> None:
    design = np.column_stack([np.ones(5), np.arange(5.0)])
    total = np.array([5.0, 5 * (4 - distance)])
    tilt = exponential_tilt(design, np.ones(5), np.ones(5), total, np.zeros(2))
    assert tilt.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(design.T @ np.exp(design @ tilt.coefficients), total, rtol=1e-10)
