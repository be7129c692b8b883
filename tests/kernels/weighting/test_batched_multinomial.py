import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.effects.batched_scores import batched_scores
from counterpoise.kernels.fractional_weights import fractional_weights
from counterpoise.kernels.weighting.batched_multinomial import batched_multinomial
from counterpoise.kernels.weighting.multinomial import multinomial_score
from tests.kernels.weighting.arm_cohorts import cohort, random_cohort

ARM, X, CASE = [0, 1, 2, 0, 1, 2], np.array([0.0, 1, 2, 3, 0, 1]), np.ones((2, 6))


@given(st.integers(0, 10_000), st.integers(2, 4), st.sampled_from([0.0, 2.0]))
@settings(max_examples=8, deadline=None)
def test_is_the_single_fit_replicate_by_replicate(seed: int, k: int, penalty: float) -> None:
    d = random_cohort(seed, k=k)
    weights = fractional_weights(5, d.arm.size, seed)
    start = multinomial_score(d.arm, d.x, penalty=penalty).coefficients
    for begin in (None, start):
        found = batched_multinomial(d.arm, d.x, weights, start=begin, penalty=penalty)
        assert found.converged.all()
        for case, coefficients, probability in zip(weights, found.coefficients, found.probability, strict=True):
            single = multinomial_score(d.arm, d.x, case_weights=case, penalty=penalty)
            np.testing.assert_allclose(coefficients, single.coefficients, rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(probability, single.probability, rtol=1e-8)


def test_two_arms_are_the_batched_logistic() -> None:
    d = random_cohort(4, k=2)
    weights = np.random.default_rng(1).integers(0, 4, (6, d.arm.size)).astype(float)
    ours, theirs = batched_multinomial(d.arm, d.x, weights), batched_scores(d.arm, d.x, weights)
    np.testing.assert_allclose(ours.coefficients[:, 0], theirs.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.probability[..., 1], theirs.probability, rtol=1e-8)


def test_a_replicate_without_an_answer_is_marked_and_leaves_the_others_alone() -> None:
    d = random_cohort(6, k=3, n=90)
    weights = np.ones((5, 90))
    weights[1, d.arm == 2] = 0.0  # an arm without a row
    weights[2, 10] = np.nan
    weights[3] = np.where((d.arm == 1) == (d.x[:, 0] > 0), 1.0, 0.0)  # arm 1 above zero, the others below
    found = batched_multinomial(d.arm, d.x, weights)
    assert found.converged.tolist() == [True, False, False, False, True]
    assert np.isnan(found.coefficients[[1, 2, 3]]).all()
    assert np.isnan(found.probability[[1, 2, 3]]).all()
    np.testing.assert_allclose(found.probability[4], multinomial_score(d.arm, d.x).probability, rtol=1e-8)


def test_zero_weights_leave_rows_out() -> None:
    d = random_cohort(7, n=80)
    keep = np.arange(80) % 4 != 0
    found = batched_multinomial(d.arm, d.x, keep.astype(float))
    np.testing.assert_allclose(
        found.coefficients[0], multinomial_score(d.arm[keep], d.x[keep]).coefficients, rtol=1e-7, atol=1e-9
    )


def test_replicates_that_start_far_away_arrive() -> None:
    d = cohort("veteran")
    far = np.full((3, d.x.shape[1] + 1), 0.05)
    found = batched_multinomial(d.arm, d.x, np.ones(d.arm.size), start=far)
    np.testing.assert_allclose(found.coefficients[0], multinomial_score(d.arm, d.x).coefficients, rtol=1e-7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"case_weights": np.ones((2, 5))}, "`case_weights` must have shape (replicates, 6)"),
        ({"case_weights": -CASE}, "`case_weights` must be finite and non-negative"),
        ({"case_weights": np.inf * CASE}, "`case_weights` must be finite and non-negative"),
        ({"x": np.ones(6)}, "`x` must have columns that are neither constant nor combinations of others."),
        ({"x": [1.0, 2, 3, np.nan, 5, 6]}, "`x` must be finite"),
        ({"arm": [0, 1, 3, 0, 1, 3]}, "`arm` must hold every code"),
        ({"start": np.zeros((1, 2))}, "`start` must have shape (2, 2)"),
        ({"start": np.full((2, 2), np.nan)}, "`start` must be finite"),
        ({"penalty": -1.0}, "`penalty` must be finite and not negative"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], message: str) -> None:
    given_arguments: dict[str, Any] = {"arm": ARM, "x": X, "case_weights": CASE} | options
    with pytest.raises(InputError, match=re.escape(message)):
        batched_multinomial(**given_arguments)
