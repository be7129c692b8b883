import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.effects.batched_scores import batched_scores
from counterpoise.kernels.fractional_weights import fractional_weights
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.verdict import Verdict
from tests.kernels.effects.chain import cohort


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.floats(0, 3))
def test_each_replicate_is_the_fit_of_its_weights(seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, 3)) * [1.0, 50.0, 1e-3]
    treated = rng.random(60) < 1 / (1 + np.exp(-strength * x[:, 0]))
    treated[:2] = True, False
    weights = rng.exponential(size=(5, 60)) ** 2 + 1e-3
    found = batched_scores(treated, x, weights)
    for row, own in enumerate(weights):
        fit = logistic(treated, x, weights=own)
        assert found.converged[row] == (fit.verdict is Verdict.CONVERGED)
        if found.converged[row]:
            np.testing.assert_allclose(found.probability[row], fit.probability, rtol=0, atol=1e-7)
            np.testing.assert_allclose(found.coefficients[row], fit.coefficients, rtol=1e-6, atol=1e-7)


def test_rows_of_weight_zero_are_left_out() -> None:
    data = cohort(1, 60)
    weights = np.ones((60, 60)) - np.eye(60)
    found = batched_scores(data.treated, data.x, weights)
    for row in range(60):
        kept = np.arange(60) != row
        fit = logistic(data.treated[kept], data.x[kept])
        np.testing.assert_allclose(found.coefficients[row], fit.coefficients, rtol=0, atol=1e-8)


def test_separated_replicates_are_marked() -> None:
    treated, x = np.array([0, 0, 0, 1, 1, 1, 1, 0]), np.array([1.0, 2, 3, 4, 5, 6, 2, 5])
    weights = np.ones((3, 8))
    weights[1, 6:] = 0.0
    weights[2, 0] = np.nan
    found = batched_scores(treated, x, weights)
    np.testing.assert_array_equal(found.converged, [True, False, False])
    assert np.isnan(found.probability[1:]).all()
    assert np.isnan(found.coefficients[1:]).all()


def test_replicates_do_not_depend_on_one_another() -> None:
    data = cohort(3, 80)
    weights = fractional_weights(200, 80, seed=2)
    every = batched_scores(data.treated, data.x, weights).coefficients
    np.testing.assert_allclose(
        batched_scores(data.treated, data.x, weights[150:153]).coefficients, every[150:153], atol=1e-9
    )


def test_a_separated_cohort_has_no_replicate() -> None:
    found = batched_scores([0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0], np.ones((2, 4)))
    assert not found.converged.any()


def test_bad_input() -> None:
    x, weights = [1.0, 2.0, 2.0], np.ones((1, 3))
    for arguments, message in (
        (([1, 1, 1], x, weights), "treated and control rows"),
        (([0, 1, 2], x, weights), "`treatment` must be 0 or 1"),
        (([0, 1, 1], [1.0, 1.0, 1.0], weights), "neither constant nor combinations"),
        (([0, 1, 1], [1.0, np.nan, 1.0], weights), "`x` must be finite"),
        (([0, 1, 1], x, np.ones((1, 2))), "must have shape"),
        (([0, 1, 1], x, -weights), "finite and non-negative"),
        (([0, 1, 1], x, np.inf * weights), "finite and non-negative"),
    ):
        with pytest.raises(InputError, match=message):
            batched_scores(*arguments)
