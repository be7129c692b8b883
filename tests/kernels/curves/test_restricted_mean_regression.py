"""Regression of restricted means: by hand, against the curve it adjusts, and on what it must refuse."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.restricted_mean import restricted_mean
from counterpoise.kernels.curves.restricted_mean_regression import restricted_mean_regression
from counterpoise.kernels.verdict import Verdict


def trial(seed: int, n: int = 80) -> dict[str, Any]:
    g = np.random.default_rng(seed)
    arm, age = g.integers(0, 2, n), g.normal(60, 8, n)
    latent, censoring = g.exponential(6 * np.exp(0.4 * arm - 0.02 * (age - 60))), g.uniform(2, 12, n)
    time = np.maximum(np.round(np.minimum(latent, censoring), 1), 0.1)
    return {"time": time, "event": latent <= censoring, "x": np.column_stack([arm, age]), "censoring_group": arm}


def slow_influence(d: dict[str, Any], horizon: float, weights: Floats, mean: Floats, bread: Floats) -> Floats:
    """The paper's expansion, term by term: estimating equation plus integral over the censoring martingale."""
    y, design = np.minimum(d["time"], horizon), np.column_stack([np.ones(weights.size), d["x"]])
    censored = ~np.asarray(d["event"], dtype=bool) & (d["time"] < horizon)
    arm = d["censoring_group"]
    n = y.size

    def hazard(t: float, a: int) -> float:
        return weights[censored & (y == t) & (arm == a)].sum() / weights[(y >= t) & (arm == a)].sum()

    curve = np.array([math.prod(1 - hazard(t, arm[i]) for t in set(y[y <= y[i]].tolist())) for i in range(n)])
    w = np.where(censored, 0.0, 1 / np.where(censored, 1.0, curve))
    terms = design * (w * weights * (y - mean))[:, None]
    total = terms.copy()
    for i in range(n):
        own = arm == arm[i]
        for t in set(y[own & censored].tolist()):
            at_risk = own & (y >= t)
            average = terms[at_risk].sum(axis=0) / weights[at_risk].sum()
            martingale = float(censored[i] and y[i] == t) - (y[i] >= t) * hazard(t, arm[i])
            total[i] += weights[i] * average * martingale
    return total @ bread


@pytest.mark.parametrize("seed", range(3))
def test_variance_is_the_expansion_of_the_paper(seed: int) -> None:
    d, g = trial(seed, 30), np.random.default_rng(seed)
    weights = g.uniform(0.5, 2.0, 30)
    fit = restricted_mean_regression(**d, horizon=4.0, weights=weights)
    design = np.column_stack([np.ones(30), d["x"]])
    bread = np.linalg.inv((design * weights[:, None]).T @ design)
    expected = slow_influence(d, 4.0, weights, design @ fit.coefficients, bread)
    np.testing.assert_allclose(fit.influence, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fit.covariance, expected.T @ expected, rtol=1e-9)
    # The censoring martingales of an arm sum to zero, as the estimating equations do.
    np.testing.assert_allclose(fit.influence.sum(axis=0), 0.0, atol=1e-10)
    clustered = restricted_mean_regression(**d, horizon=4.0, weights=weights, cluster=np.arange(30) // 2)
    pairs = expected[::2] + expected[1::2]
    np.testing.assert_allclose(clustered.covariance, pairs.T @ pairs, rtol=1e-9)


def test_without_censoring_it_is_least_squares() -> None:
    d = trial(1)
    y, design = np.minimum(d["time"], 5.0), np.column_stack([np.ones(80), d["x"]])
    fit = restricted_mean_regression(d["time"], np.ones(80), d["x"], 5.0)
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(fit.coefficients, beta, rtol=1e-9)
    bread = np.linalg.inv(design.T @ design)
    robust = bread @ (design * (y - design @ beta)[:, None] ** 2).T @ design @ bread
    np.testing.assert_allclose(fit.covariance, robust, rtol=1e-8)
    assert (fit.censoring_weight == 1).all()
    assert (fit.n, fit.n_events) == (80, int((d["time"] <= 5.0).sum()))


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_arm_alone_gives_the_areas_under_the_curves(seed: int) -> None:
    # With no tie between an event and a censoring, weighting by the arm's own G gives Kaplan-Meier's area.
    d = trial(seed)
    d["time"] = d["time"] + np.random.default_rng(seed).uniform(0, 0.09, 80)
    arm = d["censoring_group"]
    fit = restricted_mean_regression(d["time"], d["event"], arm, 2.0, censoring_group=arm)
    means = [restricted_mean(d["time"][arm == a], d["event"][arm == a], 2.0) for a in (0, 1)]
    np.testing.assert_allclose(fit.coefficients, [means[0].value, means[1].value - means[0].value], atol=1e-10)
    ratio = restricted_mean_regression(d["time"], d["event"], arm, 2.0, link="log", censoring_group=arm)
    np.testing.assert_allclose(np.exp(ratio.coefficients[1]), means[1].value / means[0].value, rtol=1e-9)
    lost = restricted_mean_regression(d["time"], d["event"], arm, 2.0, quantity="time lost", censoring_group=arm)
    np.testing.assert_allclose(lost.coefficients[1], -fit.coefficients[1], atol=1e-10)
    np.testing.assert_allclose(lost.std_error, fit.std_error, rtol=1e-8)


def test_units_shifts_and_row_order() -> None:
    d = trial(7)
    fit = restricted_mean_regression(**d, horizon=4.0, link="log")
    order = np.random.default_rng(7).permutation(80)
    shuffled = restricted_mean_regression(**{key: value[order] for key, value in d.items()}, horizon=4.0, link="log")
    np.testing.assert_allclose(shuffled.coefficients, fit.coefficients, rtol=1e-10)
    np.testing.assert_allclose(shuffled.covariance, fit.covariance, rtol=1e-9)
    moved = {**d, "x": d["x"] * [1, 12] + [0, 500], "time": d["time"] * 30.4}
    other = restricted_mean_regression(**moved, horizon=4.0 * 30.4, link="log")
    np.testing.assert_allclose(other.coefficients[1:], fit.coefficients[1:] / [1, 12], rtol=1e-8)
    np.testing.assert_allclose(other.std_error[1:], fit.std_error[1:] / [1, 12], rtol=1e-8)
    doubled = restricted_mean_regression(**d, horizon=4.0, weights=np.full(80, 2.0), link="log")
    np.testing.assert_allclose(doubled.covariance, fit.covariance, rtol=1e-9)


def test_verdicts() -> None:
    d = trial(2)
    x = np.column_stack([d["x"], d["x"][:, 0] * 3, np.ones(80)])
    twice = restricted_mean_regression(d["time"], d["event"], x, 4.0)
    assert (twice.verdict, twice.at_fault) == (Verdict.COLLINEAR, (2, 3))
    assert np.isnan(twice.coefficients).all()
    assert np.isnan(twice.covariance).all()
    early = restricted_mean_regression(**d, horizon=0.05, quantity="time lost", link="log")
    assert early.verdict is Verdict.NO_EVENTS
    plain = restricted_mean_regression(**d, horizon=0.05)
    assert plain.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(plain.coefficients, [0.05, 0, 0], atol=1e-14)
    assert np.isnan(plain.z).all()
    arm = np.array([0] * 5 + [1] * 5)
    one_sided = restricted_mean_regression(
        [1, 2, 3, 4, 9] + [9] * 5, [1] * 10, arm, 5, quantity="time lost", link="log"
    )
    assert one_sided.verdict is Verdict.MONOTONE
    more = restricted_mean_regression([1, 2, 3], [1, 1, 1], np.arange(9).reshape(3, 3) ** 2, 3)
    assert more.verdict is Verdict.COLLINEAR
    assert restricted_mean_regression([1.0], [1], [1.0], 3).verdict is Verdict.COLLINEAR


def test_follow_up_that_ends_before_the_horizon() -> None:
    message = r"`horizon` must be at most 3, the last observed time in group 1 of `censoring_group`.* it is 4"
    with pytest.raises(InputError, match=message):
        restricted_mean_regression([1, 5, 2, 3], [1, 1, 1, 0], [0, 1, 0, 1], 4, censoring_group=[0, 0, 1, 1])
    with pytest.raises(InputError, match=r"`horizon` must be at most 3, the last observed time, beyond"):
        restricted_mean_regression([1, 3, 2, 3], [1, 1, 1, 0], [0, 1, 0, 1], 4)


GOOD: dict[str, Any] = {"time": [1, 2, 3, 4], "event": [1, 0, 1, 1], "x": [0, 1, 1, 0], "horizon": 3}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"time": [1, 2, np.inf, 4]}, "`time` must be finite"),
    ({"event": [1, 0, 3, 1]}, "`event` must be 0 or 1"),
    ({"event": [1, 0, np.nan, 1]}, "`event` must be finite"),
    ({"x": [1, 2, np.nan, 4]}, "`x` must be finite"),
    ({"x": [1, 2, 3]}, "`x` must have 4 rows"),
    ({"x": np.zeros((4, 0))}, "`x` must have at least one column"),
    ({"horizon": -1}, "`horizon` must be one finite positive number"),
    ({"weights": [1, 1, 1, 0]}, "`weights` must be positive"),
    ({"weights": [1, 1, 1, np.nan]}, "`weights` must be finite"),
    ({"cluster": [1, 1, 1, None]}, "`cluster` must not be missing"),
    ({"censoring_group": [1, 1, 1, np.nan]}, "`censoring_group` must be finite"),
    ({"link": "logit"}, "`link` must be 'identity' or 'log'"),
    ({"quantity": "median"}, "`quantity` must be 'restricted mean' or 'time lost'"),
    ({"confidence": 0}, "`confidence` must lie between 0 and 1"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        restricted_mean_regression(**(GOOD | change))


@pytest.mark.slow
def test_coverage_of_the_adjusted_difference() -> None:
    """Censoring that depends on the arm; the truth is linear in x by construction, as T is uniform given x."""
    g, covered, n, replicates = np.random.default_rng(5), 0, 300, 1000
    for _ in range(replicates):
        arm, z = np.arange(n) % 2, g.uniform(-1, 1, n)
        # T uniform on (0, 2 m) with m = 4 + arm + z / 2 and a horizon of 6: E min(T, 6) = 6 - 9 / m, not linear in m,
        # so that T is rather 6 with probability q = (m - 3) / 3 and uniform on (0, 6) otherwise: E min(T, 6) = m.
        mean = 4 + 0.8 * arm + 0.5 * z
        latent = np.where(g.uniform(size=n) < (mean - 3) / 3, 7.0, g.uniform(0, 6, n))
        censoring = np.where(arm == 1, g.uniform(2, 12, n), g.uniform(1, 20, n))
        fit = restricted_mean_regression(
            np.minimum(latent, censoring), latent <= censoring, np.column_stack([arm, z]), 6.0, censoring_group=arm
        )
        covered += bool(fit.lower[1] <= 0.8 <= fit.upper[1])
    assert abs(covered / replicates - 0.95) < 3 * math.sqrt(0.95 * 0.05 / replicates)
