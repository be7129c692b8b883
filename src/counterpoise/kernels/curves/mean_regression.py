"""Regression of a mean through a link, by weighted estimating equations: the engine of RMST and pseudo-values.

Links: identity; log, mu = exp(eta); logit, mu = 1 / (1 + exp(-eta)); complementary log-log, mu = 1 - exp(-exp(eta)).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.newton import aliased_columns
from counterpoise.kernels.verdict import Verdict

Link = Literal["identity", "log", "logit", "cloglog"]

MAX_STEPS = 200
SETTLED = 1e-11
ENDLESS_SPREAD = 40.0
FARTHEST = 5.0
SMALLEST_STEP = 1e-12
FLAT = 1e-8
LARGEST_EXPONENT = 700.0
SMALLEST_MEAN = 0.01
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class MeanFit:
    """Where the estimating equations have their root, if they have one."""

    coefficients: Floats
    """(q,) of the columns as given; NaN unless converged."""
    mean: Floats
    """(n,) mu."""
    slope: Floats
    """(n,) d mu / d eta."""
    steps: int
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Columns that are combinations of those before them."""


def mean_and_slope(predictor: Floats, link: Link) -> tuple[Floats, Floats]:
    """Return mu and d mu / d eta at each linear predictor eta.

    >>> mean_and_slope(np.array([0.0]), "logit")
    (array([0.5]), array([0.25]))
    """
    if link == "identity":
        return predictor, np.ones_like(predictor)
    with np.errstate(over="ignore", invalid="ignore"):
        if link == "logit":
            mean = expit(predictor)
            return mean, mean * expit(-predictor)
        exponential = np.exp(predictor)
        if link == "log":
            return exponential, exponential
        slope = np.exp(predictor - exponential)
        return -np.expm1(-exponential), np.where(np.isfinite(exponential), slope, 0.0)


def link_of(mean: Floats, link: Link) -> Floats:
    """Return eta at each mean; what a link cannot reach is first drawn inside its range.

    >>> link_of(np.array([0.5]), "logit")
    array([0.])
    """
    if link == "identity":
        return mean
    if link == "log":
        return np.log(np.maximum(mean, SMALLEST_MEAN))
    inside = np.clip(mean, SMALLEST_MEAN, 1 - SMALLEST_MEAN)
    return logit(inside) if link == "logit" else np.log(-np.log1p(-inside))


def fit_mean(design: Floats, y: Floats, weights: Floats, link: Link, start: Floats, *, canonical: bool) -> MeanFit:
    """Solve sum of w v (y - mu) x = 0 for the coefficients of the (n, q) `design`, from `start` (q,).

    v is d mu / d eta, so that the root is the least-squares fit; or 1 if `canonical`, for the identity and the log
    link, whose equations are then those of a Poisson mean. The columns should be of unit spread. Newton's steps,
    or scoring steps where the loss is not convex, are halved while they raise it. A root at infinity is the verdict
    MONOTONE.

    >>> fit_mean(np.ones((2, 1)), np.array([1.0, 3.0]), np.ones(2), "log", np.zeros(1), canonical=True).mean
    array([2., 2.])

    Source: Liang and Zeger (1986), Biometrika 73:13; McCullagh and Nelder (1989), chapter 9.
    """
    aliased = aliased_columns((design * weights[:, None]).T @ design)
    if aliased.any():
        return without_root(design, Verdict.COLLINEAR, tuple(int(c) for c in np.flatnonzero(aliased)))
    loss = _poisson_loss if canonical and link == "log" else _square_loss
    beta, steps, verdict = _descend(design, y, weights, link, loss, start)
    if verdict is not Verdict.CONVERGED:
        return without_root(design, verdict, steps=steps)
    return MeanFit(beta, *mean_and_slope(design @ beta, link), steps, verdict, ())


def without_root(design: Floats, verdict: Verdict, at_fault: tuple[int, ...] = (), steps: int = 0) -> MeanFit:
    """Return the record of a fit that has no root, for the reason `verdict`."""
    rows, width = design.shape
    return MeanFit(np.full(width, np.nan), np.full(rows, np.nan), np.full(rows, np.nan), steps, verdict, at_fault)


@dataclass(frozen=True, slots=True, eq=False)
class Wald:
    """Estimates held against zero, with limits; every array is (q,)."""

    std_error: Floats
    lower: Floats
    upper: Floats
    z: Floats
    """NaN where the standard error is zero."""
    p_value: Floats
    """Two-sided."""


def wald(estimate: Floats, covariance: Floats, confidence: float) -> Wald:
    """Return the standard errors, limits and tests of (q,) estimates with a (q, q) covariance.

    >>> wald(np.array([2.0]), np.array([[1.0]]), 0.95).lower.round(3)
    array([0.04])
    """
    std_error = np.sqrt(np.diag(covariance))
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    z = np.divide(estimate, std_error, out=np.full(estimate.shape, np.nan), where=std_error > 0)
    return Wald(std_error, estimate - reach, estimate + reach, z, 2 * ndtr(-np.abs(z)))


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """The loss at one value of the predictors, and what a step from there needs; arrays are (n,)."""

    predictor: Floats
    loss: float
    gradient: Floats
    """Minus the derivative of the loss by each predictor."""
    curvature: Floats
    """Its second derivative by each predictor; some may be negative."""
    expected: Floats
    """The expectation of that, which is not."""
    slope: Floats
    """d mu / d eta."""


Loss = Callable[[Floats, Floats, Floats, Link], _Point]


def _square_loss(y: Floats, weights: Floats, predictor: Floats, link: Link) -> _Point:
    mean, slope = mean_and_slope(predictor, link)
    with np.errstate(over="ignore", invalid="ignore"):
        residual = weights * (y - mean)
        expected = weights * slope**2
        curvature = expected - residual * _bend(predictor, mean, slope, link)
        return _Point(predictor, 0.5 * float(residual @ (y - mean)), residual * slope, curvature, expected, slope)


def _poisson_loss(y: Floats, weights: Floats, predictor: Floats, link: Link) -> _Point:
    mean, slope = mean_and_slope(predictor, link)
    with np.errstate(over="ignore", invalid="ignore"):
        loss, expected = float(weights @ (mean - y * predictor)), weights * slope
    return _Point(predictor, loss, weights * (y - mean), expected, expected, slope)


def _bend(predictor: Floats, mean: Floats, slope: Floats, link: Link) -> Floats:
    """Return the second derivative of mu by eta."""
    if link == "identity":
        return np.zeros_like(mean)
    if link == "log":
        return mean
    if link == "logit":
        return slope * (1.0 - 2.0 * mean)
    return np.where(slope > 0, slope * (1.0 - np.exp(np.minimum(predictor, LARGEST_EXPONENT))), 0.0)


def _descend(
    design: Floats, y: Floats, weights: Floats, link: Link, loss: Loss, start: Floats
) -> tuple[Floats, int, Verdict]:
    beta = start
    here = loss(y, weights, design @ beta, link)
    # Differences of the loss below its rounding cannot be told from none.
    floor = ROUNDING * float(weights @ (y**2 + np.abs(y) * (1.0 + np.abs(here.predictor))))
    for steps in range(MAX_STEPS):
        step = _step(design, here)
        if step is None or (link != "identity" and np.ptp(here.predictor) > ENDLESS_SPREAD):
            return beta, steps, Verdict.MONOTONE
        shift = design @ step
        reach = float(np.abs(shift).max())
        if reach <= SETTLED * (1.0 + float(np.abs(here.predictor).max())):
            return beta + step, steps + 1, Verdict.CONVERGED
        size = 1.0 if link == "identity" else min(1.0, FARTHEST / reach)
        ahead = loss(y, weights, here.predictor + size * shift, link)
        while not ahead.loss <= here.loss + floor:
            size /= 2.0
            if size < SMALLEST_STEP:
                return beta, steps, _stuck(here)
            ahead = loss(y, weights, here.predictor + size * shift, link)
        beta, here = beta + size * step, ahead
    return beta, MAX_STEPS, _stuck(here)


def _step(design: Floats, point: _Point) -> Floats | None:
    """Return Newton's step where the loss is convex, else the scoring step; None where neither is determined."""
    downhill = design.T @ point.gradient
    newton = (design * point.curvature[:, None]).T @ design
    if np.isfinite(newton).all() and not aliased_columns(newton).any():
        return np.linalg.solve(newton, downhill)
    scoring = (design * point.expected[:, None]).T @ design
    if not np.isfinite(scoring).all() or aliased_columns(scoring).any():
        return None
    return np.linalg.solve(scoring, downhill)


def _stuck(point: _Point) -> Verdict:
    """Say whether an end without a root is on the way to infinity, where some rows no longer respond."""
    return Verdict.MONOTONE if point.slope.min() <= FLAT * point.slope.max() else Verdict.MAX_STEPS
