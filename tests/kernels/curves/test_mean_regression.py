"""Means through a link: inverses, slopes, and roots that scipy finds too."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from counterpoise.kernels.curves.mean_regression import Link, fit_mean, link_of, mean_and_slope
from counterpoise.kernels.verdict import Verdict

LINKS: tuple[Link, ...] = ("identity", "log", "logit", "cloglog")


@pytest.mark.parametrize("link", LINKS)
def test_link_is_the_inverse_of_the_mean_and_slope_its_derivative(link: Link) -> None:
    eta = np.linspace(-2, 1.2, 9)
    mean, slope = mean_and_slope(eta, link)
    reachable = mean > 0.01
    np.testing.assert_allclose(link_of(mean, link)[reachable], eta[reachable], atol=1e-12)
    numeric = (mean_and_slope(eta + 1e-6, link)[0] - mean_and_slope(eta - 1e-6, link)[0]) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=1e-8)


@pytest.mark.parametrize("link", LINKS)
def test_far_predictors_overflow_to_the_ends_of_the_range(link: Link) -> None:
    mean, slope = mean_and_slope(np.array([-1e4, 1e4]), link)
    ends = {"identity": [-1e4, 1e4], "log": [0, np.inf], "logit": [0, 1], "cloglog": [0, 1]}[link]
    np.testing.assert_array_equal(mean, ends)
    assert not np.isnan(slope).any()


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("canonical", [False, True])
@given(seed=st.integers(0, 500))
@settings(max_examples=10, deadline=None)
def test_the_root_is_the_minimum_of_the_loss(link: Link, canonical: bool, seed: int) -> None:
    g = np.random.default_rng(seed)
    design = np.column_stack([np.ones(25), g.normal(size=(25, 2))])
    eta = design @ [-0.7, 0.3, -0.2]
    y, w = mean_and_slope(eta, link)[0] + g.normal(0, 0.05, 25), g.uniform(0.5, 2, 25)
    y = np.maximum(y, 0.01)
    canonical = canonical and link == "log"
    start = np.array([link_of(np.array([w @ y / w.sum()]), link)[0], 0.0, 0.0])
    fit = fit_mean(design, y, w, link, start, canonical=canonical)
    assert fit.verdict is Verdict.CONVERGED

    def loss(beta: np.ndarray) -> float:
        mean = mean_and_slope(design @ beta, link)[0]
        return float(w @ (mean - y * (design @ beta)) if canonical else w @ (y - mean) ** 2)

    reference = minimize(loss, start, method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(fit.coefficients, reference.x, atol=1e-5)
    factor = 1.0 if canonical else fit.slope
    np.testing.assert_allclose(design.T @ (w * factor * (y - fit.mean)), 0.0, atol=1e-10)


def test_aliased_columns_and_roots_at_infinity() -> None:
    design = np.array([[1.0, 0, 0], [1, 1, 2], [1, 0, 0], [1, 1, 2]])
    fit = fit_mean(design, np.ones(4), np.ones(4), "identity", np.zeros(3), canonical=True)
    assert (fit.verdict, fit.at_fault) == (Verdict.COLLINEAR, (2,))
    assert np.isnan(fit.coefficients).all()
    zeros = fit_mean(design[:, :2], np.array([1.0, 0, 2, 0]), np.ones(4), "log", np.zeros(2), canonical=True)
    assert zeros.verdict is Verdict.MONOTONE
    unweighted = fit_mean(design[:, :2], np.ones(4), np.array([1.0, 0, 1, 0]), "log", np.zeros(2), canonical=True)
    assert unweighted.verdict is Verdict.COLLINEAR
