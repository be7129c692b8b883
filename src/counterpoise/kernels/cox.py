"""Cox's proportional hazards regression."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_vector, as_weights
from counterpoise.kernels.cox_blocks import (
    CoxDesign,
    Ties,
    arrange,
    evaluate,
    risk_sums,
    score_residuals,
)
from counterpoise.kernels.newton import Ascent, aliased_columns, ascend
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.sandwich import group_codes, sandwich, sum_by_cluster
from counterpoise.kernels.verdict import Verdict

MAX_STEPS = 50


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """A fitted Cox model of n rows and p covariates; what has no value is NaN."""

    coefficients: Floats
    """(p,) log hazard ratios."""
    std_error: Floats
    """(p,) from `covariance`."""
    covariance: Floats
    """(p, p) robust if `robust`, else naive."""
    naive_covariance: Floats
    """(p, p) the inverse of the information."""
    log_likelihood_null: float
    """At `initial`."""
    log_likelihood: float
    wald: float
    """(b - initial)' V^-1 (b - initial) with V = `covariance`; chi-squared on p degrees of freedom."""
    score: float
    """Score test at `initial`, from the naive information; the log-rank test if p = 1 and no times are tied."""
    robust_score: float | None
    """Score test at `initial`, from the score residuals; None unless `robust`."""
    n: int
    n_events: int
    """Rows with an event, not their weights."""
    ties: Ties
    robust: bool
    iterations: int
    """Newton steps taken."""
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Columns that are collinear with those before them, or whose coefficient is infinite."""
    influence: Floats | None
    """(n, p) what each row, with its weight, moves the coefficients by (dfbeta); None unless `robust`. Row i is
    w_i U_i I^-1 with U_i the derivative of the score by the weight of row i."""


def cox(  # noqa: PLR0913 - the terms of a Cox model, each with the default that leaves it out
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    ties: Ties = "efron",
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
    initial: ArrayLike | None = None,
    max_steps: int = MAX_STEPS,
) -> CoxFit:
    """Fit Cox's model by maximum partial likelihood, with Efron's or Breslow's ties.

    `time` and `event` are (n,), `x` is (n, p); `entry` makes (start, stop] rows, open on the left; `stratum` and
    `cluster` are (n,) labels. A tied death takes the mean weight of its tied set (Therneau), so that under Efron
    an integer weight is not a repeated row. `robust` asks for the Lin-Wei variance with the weights taken as
    fixed, summed within clusters, without a factor for small samples; it is the default with weights or
    clusters. `initial` is where the fit starts and what its three tests test, zero by default.

    The record carries a verdict and this function does not raise on it: see `raise_unless_converged`.

    >>> fit = cox(time=[1, 1, 6, 6, 8, 9], event=[1, 0, 1, 1, 0, 1], x=[1, 1, 1, 0, 0, 0], ties="breslow")
    >>> np.exp(fit.coefficients) - (3 + np.sqrt(33)) / 2 < 1e-12
    array([ True])

    Source: Cox (1972), JRSS B 34:187; Efron (1977), JASA 72:557; Lin and Wei (1989), JASA 84:1074.
    """
    sets = risk_set(time, event, entry)
    x = as_covariates(x, sets.n)
    p = x.shape[1]
    check_ties(ties)
    codes = None if stratum is None else group_codes("stratum", stratum, sets.n)
    robust = (weights is not None or cluster is not None) if robust is None else robust
    w = as_weights("weights", weights, sets.n)
    start = np.zeros(p) if initial is None else as_vector("initial", initial, p)
    clusters = None if cluster is None else group_codes("cluster", cluster, sets.n)
    if not sets.event.any():
        return _without_fit(sets.n, p, ties, robust)
    design = arrange(sets, x, w, codes, ties)
    ascent = maximise(design, start * design.scale, max_steps)
    naive = _naive_covariance(design, ascent)
    covariance, robust_score, influence = naive, None, None
    if robust:
        influence = _influence(design, ascent.coefficients, naive, sets.n)
        covariance = sandwich(influence, clusters)
        robust_score = _robust_score(design, start * design.scale, clusters)
    known = ascent.verdict is not Verdict.COLLINEAR
    coefficients = ascent.coefficients / design.scale if known else np.full(p, np.nan)
    return CoxFit(
        coefficients=coefficients,
        std_error=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood_null=ascent.first.log_likelihood,
        log_likelihood=ascent.last.log_likelihood if known else np.nan,
        wald=quadratic_form(covariance, coefficients - start),
        score=_score_test(ascent),
        robust_score=robust_score,
        n=sets.n,
        n_events=int(sets.event.sum()),
        ties=ties,
        robust=robust,
        iterations=ascent.steps,
        verdict=ascent.verdict,
        at_fault=ascent.at_fault,
        influence=influence,
    )


def as_covariates(x: ArrayLike, n: int) -> Floats:
    """Return `x` as a finite (n, p) float matrix with p of at least 1."""
    matrix = as_matrix("x", x, n)
    if matrix.shape[1] == 0:
        raise InputError("`x` must have at least one column; it has none.")
    return matrix


def check_ties(ties: str) -> None:
    """Raise unless `ties` is the name of a treatment of tied event times."""
    if ties not in get_args(Ties):
        raise InputError(f"`ties` must be 'efron' or 'breslow'; it is {ties!r}.")


def maximise(design: CoxDesign, start: Floats, max_steps: int = MAX_STEPS) -> Ascent:
    """Return the maximum of the partial likelihood; `start` and the result are of the scaled covariates."""
    if max_steps < 0:
        raise InputError(f"`max_steps` must not be negative; it is {max_steps}.")
    ascent = ascend(
        lambda beta: evaluate(design, beta),
        start,
        spread=lambda beta: float(np.ptp(beta @ design.z[1:])),
        usual_information=float(design.death_weight.sum()),
        max_steps=max_steps,
    )
    if ascent.verdict is Verdict.COLLINEAR and start.any():
        at_zero = maximise(design, np.zeros_like(start), 0)
        if at_zero.verdict is not Verdict.COLLINEAR:
            raise InputError("`initial` must be nearer to the estimate; the likelihood is flat where it is.")
    return ascent


def quadratic_form(covariance: Floats, values: Floats) -> float:
    """Return u' V^-1 u for (p,) u and (p, p) V; NaN if V is singular or not known.

    >>> quadratic_form(np.diag([4.0, 1.0]), np.array([2.0, 3.0]))
    10.0
    """
    if not np.isfinite(values).all() or aliased_columns(covariance).any():
        return np.nan
    return float(values @ np.linalg.solve(covariance, values))


def _score_test(ascent: Ascent) -> float:
    if ascent.verdict is Verdict.COLLINEAR:
        return np.nan
    return float(ascent.first.score @ np.linalg.solve(ascent.first.information, ascent.first.score))


def _naive_covariance(design: CoxDesign, ascent: Ascent) -> Floats:
    p = design.scale.size
    if ascent.verdict is not Verdict.COLLINEAR:
        try:
            inverse = np.linalg.inv(ascent.last.information)
            if np.diag(inverse).min() > 0:
                return inverse / np.outer(design.scale, design.scale)
        except np.linalg.LinAlgError:
            pass  # the information vanished on the way to infinity: there is no variance
    return np.full((p, p), np.nan)


def _influence(design: CoxDesign, beta: Floats, naive: Floats, n: int) -> Floats:
    """Return (n, p) weighted dfbeta in the order of the rows given; rows never at risk at an event have none."""
    influence = np.zeros((n, len(naive)))
    residuals = score_residuals(design, risk_sums(design, beta))
    influence[design.rows] = (residuals * design.scale) @ naive
    return influence


def _robust_score(design: CoxDesign, start: Floats, clusters: Counts | None) -> float:
    residuals = score_residuals(design, risk_sums(design, start))
    if clusters is not None:
        residuals = sum_by_cluster(residuals, clusters[design.rows])
    return quadratic_form(residuals.T @ residuals, residuals.sum(axis=0))


def _without_fit(n: int, p: int, ties: Ties, robust: bool) -> CoxFit:
    """Return the record of a model without events, in which every coefficient fits equally well."""
    unknown, square = np.full(p, np.nan), np.full((p, p), np.nan)
    return CoxFit(
        coefficients=unknown,
        std_error=unknown,
        covariance=square,
        naive_covariance=square,
        log_likelihood_null=0.0,
        log_likelihood=0.0,
        wald=np.nan,
        score=np.nan,
        robust_score=np.nan if robust else None,
        n=n,
        n_events=0,
        ties=ties,
        robust=robust,
        iterations=0,
        verdict=Verdict.NO_EVENTS,
        at_fault=(),
        influence=np.full((n, p), np.nan) if robust else None,
    )
