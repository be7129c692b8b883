"""Regression of pseudo-observations on covariates by generalised estimating equations."""

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_matrix, as_weights
from counterpoise.kernels.cox.fit import as_covariates
from counterpoise.kernels.curves.mean_regression import Link, MeanFit, fit_mean, link_of, wald, without_root
from counterpoise.kernels.curves.restricted_mean import check_confidence
from counterpoise.kernels.logistic import centre_and_scale, dependent_columns
from counterpoise.kernels.sandwich import group_codes, sandwich
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class PseudoRegression:
    """A regression of n rows of pseudo-observations at k times on p covariates; what has no value is NaN."""

    coefficients: Floats
    """(k + p,) an intercept for each time, then the covariates, whose effects are the same at all times."""
    std_error: Floats
    """(k + p,) from the robust covariance."""
    lower: Floats
    """(k + p,)"""
    upper: Floats
    """(k + p,)"""
    z: Floats
    """(k + p,)"""
    p_value: Floats
    """(k + p,) two-sided."""
    covariance: Floats
    """(k + p, k + p) robust: summed within rows, or within clusters."""
    influence: Floats
    """(n, k + p) what each row moves the coefficients by."""
    n: int
    n_times: int
    """k."""
    link: Link
    confidence: float
    iterations: int
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Columns of `x` that are constant or combinations of those before; empty if none."""


def pseudo_regression(
    pseudo: ArrayLike,
    x: ArrayLike,
    *,
    link: Link = "identity",
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> PseudoRegression:
    """Fit g(E[pseudo-observation at time j | x]) = a_j + x'b, with independence as the working correlation.

    `pseudo` is (n,) or (n, k), such as `pseudo_observations(...).values`; `x` is (n, p) without an intercept. The
    equations are sum of w D'(pseudo - mu) = 0 with D = d mu / d (a, b): a constant working variance, geepack's
    `family = gaussian`, whatever the link, since pseudo-observations leave the range of the mean. The covariance is the
    robust one, summed over the times of a row first, and over the rows of a cluster if there are any; no factor for
    small samples (geepack's `san.se`). It takes the pseudo-observations as independent, which errs on the safe side.
    The link cloglog is log(-log(1 - mu)), as in geepack: for the hazard ratio of a proportional hazards model give
    it 1 - survival; with the cumulative incidence it is the subdistribution hazard ratio of Fine and Gray. `weights`
    are case weights, taken as known.

    Read the verdict: coefficients of a fit that has not converged, or whose columns are collinear, are NaN.

    >>> fit = pseudo_regression([1.0, 2.0, 3.0, 6.0], [0, 0, 1, 1])
    >>> fit.coefficients.round(6), fit.std_error.round(6)
    (array([1.5, 3. ]), array([0.353553, 1.118034]))

    Source: Andersen, Klein and Rosthoj (2003), Biometrika 90:15; Liang and Zeger (1986), Biometrika 73:13.
    """
    y = as_matrix("pseudo", pseudo)
    n, k = y.shape
    if n == 0 or k == 0:
        raise InputError(f"`pseudo` must hold at least one row and one time; its shape is {y.shape}.")
    covariates, confidence = as_covariates(x, n), check_confidence(confidence)
    if link not in get_args(Link):
        raise InputError(f"`link` must be one of {', '.join(get_args(Link))}; it is {link!r}.")
    w = as_weights("weights", weights, n)
    clusters = None if cluster is None else group_codes("cluster", cluster, n)
    design, back, start = _design(y, covariates, w, link)
    long_weights, long_y = np.tile(w, k), y.T.ravel()
    fit = _fit(design, long_y, long_weights, covariates, link, start)
    covariance, influence = np.full(back.shape, np.nan), np.full((n, back.shape[0]), np.nan)
    if fit.verdict is Verdict.CONVERGED:
        derivative = design * fit.slope[:, None]
        score = derivative * (long_weights * (long_y - fit.mean))[:, None]
        bread = np.linalg.inv((derivative * long_weights[:, None]).T @ derivative)
        influence = score.reshape(k, n, -1).sum(axis=0) @ bread @ back.T
        covariance = sandwich(influence, clusters)
    beta = back @ fit.coefficients
    tests = wald(beta, covariance, confidence)
    return PseudoRegression(
        coefficients=beta,
        std_error=tests.std_error,
        lower=tests.lower,
        upper=tests.upper,
        z=tests.z,
        p_value=tests.p_value,
        covariance=covariance,
        influence=influence,
        n=n,
        n_times=k,
        link=link,
        confidence=confidence,
        iterations=fit.steps,
        verdict=fit.verdict,
        at_fault=fit.at_fault,
    )


def _design(y: Floats, x: Floats, weights: Floats, link: Link) -> tuple[Floats, Floats, Floats]:
    """Return the (k n, k + p) design, time by time, what takes its coefficients to those of x, and a start."""
    (n, k), p = y.shape, x.shape[1]
    centre, scale = centre_and_scale(x)
    design = np.hstack([np.repeat(np.eye(k), n, axis=0), np.tile((x - centre) / scale, (k, 1))])
    back = np.diag(np.concatenate([np.ones(k), 1.0 / scale]))
    back[:k, k:] = -centre / scale
    start = np.concatenate([link_of(weights @ y / weights.sum(), link), np.zeros(p)])
    return design, back, start


def _fit(design: Floats, y: Floats, weights: Floats, x: Floats, link: Link, start: Floats) -> MeanFit:
    """Fit the (k n, k + p) design, and name the columns at fault as those of x."""
    dependent = dependent_columns(x, *centre_and_scale(x))
    if dependent.size:
        return without_root(design, Verdict.COLLINEAR, tuple(int(column) for column in dependent))
    fit, k = fit_mean(design, y, weights, link, start, canonical=False), start.size - x.shape[1]
    return replace(fit, at_fault=tuple(column - k for column in fit.at_fault if column >= k))
