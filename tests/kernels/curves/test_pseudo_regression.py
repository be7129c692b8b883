"""Regression of pseudo-observations: by hand, by definition, and its verdicts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.mean_regression import Link, mean_and_slope
from counterpoise.kernels.curves.pseudo_observations import pseudo_observations
from counterpoise.kernels.curves.pseudo_regression import pseudo_regression
from counterpoise.kernels.curves.restricted_mean import restricted_mean_comparison
from counterpoise.kernels.verdict import Verdict

LINKS: tuple[Link, ...] = ("identity", "log", "logit", "cloglog")


def cohort(seed: int, n: int = 60) -> tuple[Floats, Floats, Floats]:
    g = np.random.default_rng(seed)
    x = np.column_stack([g.integers(0, 2, n).astype(float), g.normal(50, 10, n)])
    latent, censoring = g.exponential(5 * np.exp(0.3 * x[:, 0])), g.uniform(1, 15, n)
    event: Floats = np.where(latent <= censoring, 1.0, 0.0)
    return np.minimum(latent, censoring), event, x


def test_two_arms_by_hand() -> None:
    fit = pseudo_regression([0.2, 0.4, 0.6, 1.0, 0.9, 0.8], [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(fit.coefficients, [0.4, 0.5], rtol=1e-12)
    # Sums of squared deviations .08 and .02, each over 3 squared.
    np.testing.assert_allclose(fit.std_error, np.sqrt([0.08 / 9, 0.08 / 9 + 0.02 / 9]), rtol=1e-12)
    assert (fit.n, fit.n_times, fit.verdict) == (6, 1, Verdict.CONVERGED)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("seed", range(3))
def test_estimating_equations_and_sandwich_by_definition(link: Link, seed: int) -> None:
    time, event, x = cohort(seed)
    y = pseudo_observations(time, event, [1.0, 2.0, 3.0]).values
    weights, cluster = np.random.default_rng(seed).uniform(0.5, 2, 60), np.arange(60) // 3
    fit = pseudo_regression(y, x, link=link, weights=weights, cluster=cluster)
    assert fit.verdict is Verdict.CONVERGED
    scores, bread = np.zeros((60, 5)), np.zeros((5, 5))
    for row in range(60):
        for at in range(3):
            z = np.concatenate([np.eye(3)[at], x[row]])
            mean, slope = mean_and_slope(np.array([z @ fit.coefficients]), link)
            scores[row] += weights[row] * slope[0] * z * (y[row, at] - mean[0])
            bread += weights[row] * slope[0] ** 2 * np.outer(z, z)
    np.testing.assert_allclose(scores.sum(axis=0) / np.abs(scores).sum(axis=0), 0.0, atol=1e-9)
    influence = scores @ np.linalg.inv(bread)
    np.testing.assert_allclose(fit.influence, influence, rtol=1e-6, atol=1e-9)
    sums = influence.reshape(20, 3, 5).sum(axis=1)
    np.testing.assert_allclose(fit.covariance, sums.T @ sums, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("link", LINKS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_units_and_row_order(link: Link, seed: int) -> None:
    time, event, x = cohort(seed)
    y = pseudo_observations(time, event, [4.0]).values
    fit = pseudo_regression(y, x, link=link)
    assert fit.verdict is Verdict.CONVERGED
    order = np.random.default_rng(seed).permutation(60)
    other = pseudo_regression(y[order], x[order] * [1, 0.1] + [5, 0], link=link)
    np.testing.assert_allclose(other.coefficients[1:] * [1, 0.1], fit.coefficients[1:], rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(other.std_error[1:] * [1, 0.1], fit.std_error[1:], rtol=1e-6)


def test_arms_with_their_own_pseudo_observations_give_their_restricted_means() -> None:
    time, event, x = cohort(5, n=200)
    arm = x[:, 0]
    y = np.empty(200)
    for a in (0, 1):
        rows = arm == a
        found = pseudo_observations(time[rows], event[rows], [3.0], quantity="restricted mean", kind="infinitesimal")
        y[rows] = found.values[:, 0]
    fit, curves = pseudo_regression(y, arm), restricted_mean_comparison(time, event, arm, 3.0, robust=True)
    np.testing.assert_allclose(fit.coefficients[1], curves.difference.estimate[0], rtol=1e-10)
    np.testing.assert_allclose(fit.std_error[1], curves.difference.std_error[0], rtol=1e-10)


def test_verdicts() -> None:
    y = [0.1, 0.4, 0.9, 0.6]
    doubled = pseudo_regression(y, np.column_stack([[0, 1, 2, 3], [0, 2, 4, 6], [1, 1, 1, 1]]))
    assert (doubled.verdict, doubled.at_fault) == (Verdict.COLLINEAR, (1, 2))
    assert np.isnan(doubled.coefficients).all()
    assert np.isnan(doubled.std_error).all()
    wide = pseudo_regression(y, np.random.default_rng(0).normal(size=(4, 6)))
    assert wide.verdict is Verdict.COLLINEAR
    assert pseudo_regression([1.0], [2.0]).verdict is Verdict.COLLINEAR
    for link in ("logit", "cloglog", "log"):
        outside = pseudo_regression([-0.1, -0.2, 0.5, 0.6], [0, 0, 1, 1], link=link)  # pyright: ignore[reportArgumentType]
        assert outside.verdict is not Verdict.CONVERGED
        assert np.isnan(outside.coefficients).all()
    flat = pseudo_regression([1.0, 1.0, 1.0, 1.0], [0, 1, 0, 1])
    np.testing.assert_allclose(flat.coefficients, [1, 0], atol=1e-14)


GOOD: dict[str, Any] = {"pseudo": [0.1, 0.4, 0.9], "x": [0, 1, 1]}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"pseudo": [0.1, np.nan, 0.9]}, "`pseudo` must be finite"),
    ({"pseudo": []}, "`pseudo` must hold at least one row and one time"),
    ({"pseudo": np.zeros((3, 0))}, "`pseudo` must hold at least one row and one time"),
    ({"pseudo": np.zeros((3, 1, 1))}, "`pseudo` must be two-dimensional"),
    ({"x": [0, 1]}, "`x` must have 3 rows"),
    ({"x": [0, np.inf, 1]}, "`x` must be finite"),
    ({"link": "probit"}, "`link` must be one of identity, log, logit, cloglog"),
    ({"weights": [1, 0, 1]}, "`weights` must be positive"),
    ({"weights": [1, np.nan, 1]}, "`weights` must be finite"),
    ({"cluster": [1, np.nan, 1]}, "`cluster` must not be missing"),
    ({"confidence": 1.5}, "`confidence` must lie between 0 and 1"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pseudo_regression(**(GOOD | change))
