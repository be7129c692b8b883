"""Cox's model with a ridge penalty: hazard ratios shrunk towards one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_floats, as_vector, as_weights, require
from counterpoise.kernels.cox.blocks import evaluate
from counterpoise.kernels.cox.design import CoxDesign, Ties, arrange
from counterpoise.kernels.cox.fit import MAX_STEPS, as_covariates, check_ties
from counterpoise.kernels.newton import Ascent, Point, ascend
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.sandwich import group_codes
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class RidgeCoxFit:
    """A Cox model of n rows and p covariates with a ridge penalty; what has no value is NaN."""

    coefficients: Floats
    """(p,) log hazard ratios."""
    std_error: Floats
    """(p,) from `covariance`."""
    covariance: Floats
    """(p, p) H^-1, with H the information plus the penalty's second derivatives."""
    sampling_covariance: Floats
    """(p, p) H^-1 I H^-1, with I the information: how the estimate varies, its bias apart."""
    degrees_of_freedom: float
    """The trace of I H^-1; p without a penalty."""
    penalty: Floats
    """(p,) what multiplies half the square of each coefficient."""
    penalty_at_estimate: float
    """Half the sum of `penalty` times the squared coefficients."""
    log_likelihood_null: float
    """With all coefficients zero."""
    log_likelihood: float
    """Without the penalty, at the estimate."""
    likelihood_ratio: float
    """Twice the gain of `log_likelihood` over the null."""
    likelihood_ratio_p_value: float
    """From chi-squared on `degrees_of_freedom`, as R has it: an approximation, too small if anything."""
    n: int
    n_events: int
    """Rows with an event, not their weights."""
    ties: Ties
    iterations: int
    """Newton steps taken."""
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Unpenalised columns that are collinear with those before them, or whose coefficient is infinite."""


def ridge_cox(  # noqa: PLR0913 - the terms of a Cox model, each with the default that leaves it out
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    penalty: ArrayLike,
    scale: bool = True,
    ties: Ties = "efron",
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    max_steps: int = MAX_STEPS,
) -> RidgeCoxFit:
    """Fit Cox's model by the log partial likelihood less half the sum of penalty times squared coefficients.

    `penalty` is one number for all p columns or (p,) numbers, zero for a column that is not penalised. With
    `scale` each is multiplied by the variance of its column (over the n rows, whatever their weights, with n - 1):
    then the unit of a covariate does not matter. That is `ridge(..., theta=, scale=)` in R's survival. The penalty
    is to be given: it is not chosen from the data, since no standard error knows of such a choice. The other
    arguments are those of `cox`; weights are taken as numbers of rows, so that there is no robust variance.

    Neither covariance knows that shrunken coefficients are biased: an interval made from them does not cover
    at its level. The record carries a verdict and this function does not raise on it. Raises `InputError`
    for a penalty that is negative or not finite, and as `cox`.

    >>> rows = {"time": [1, 2, 3, 4, 5, 6], "event": [1, 1, 1, 0, 0, 0], "x": [1, 1, 1, 0, 0, 0]}
    >>> fits = [ridge_cox(**rows, penalty=penalty, scale=False) for penalty in (0.1, 1.0, 10.0)]
    >>> [float(fit.coefficients[0].round(4)) for fit in fits]
    [2.8426, 1.0894, 0.1731]

    Source: Verweij and Van Houwelingen (1994), Stat Med 13:2427; degrees of freedom and variances: Gray (1992),
    JASA 87:942.
    """
    check_ties(ties)
    sets = risk_set(time, event, entry)
    x = as_covariates(x, sets.n)
    amount = _penalty(penalty, x, scale)
    codes = None if stratum is None else group_codes("stratum", stratum, sets.n)
    w = as_weights("weights", weights, sets.n)
    shift = None if offset is None else as_vector("offset", offset, sets.n)
    if max_steps < 0:
        raise InputError(f"`max_steps` must not be negative; it is {max_steps}.")
    counts = (sets.n, int(sets.event.sum()), ties)
    if counts[1] == 0:
        nothing = Point(0.0, np.zeros(amount.size), np.zeros((amount.size, amount.size)))
        return _record(Ascent(nothing.score, nothing, nothing, 0, Verdict.NO_EVENTS, ()), None, amount, counts)
    design = arrange(sets, x, w, codes, ties, shift)
    return _record(_maximise(design, amount / design.scale**2, max_steps), design, amount, counts)


def _penalty(penalty: ArrayLike, x: Floats, scale: bool) -> Floats:
    """Return the (p,) multiples of half the squared coefficients."""
    p = x.shape[1]
    amount = as_floats("penalty", penalty)
    if amount.shape not in ((), (p,)):
        raise InputError(f"`penalty` must be one number or {p}, one a column; its shape is {amount.shape}.")
    require(np.isfinite(amount) & (amount >= 0), "`penalty` must be finite and non-negative")
    unit = x.var(axis=0, ddof=1) if scale and len(x) > 1 else np.full(p, 0.0 if scale else 1.0)
    return amount * unit


def _maximise(design: CoxDesign, amount: Floats, max_steps: int) -> Ascent:
    """Return the maximum of the penalised likelihood of the scaled covariates, `amount` being theirs too."""

    def penalised(beta: Floats) -> Point:
        point = evaluate(design, beta)
        value = point.log_likelihood - float(amount @ beta**2) / 2
        return Point(value, point.score - amount * beta, point.information + np.diag(amount))

    return ascend(
        penalised,
        np.zeros(amount.size),
        spread=lambda beta: float(np.ptp(beta @ design.z[1:])),
        usual_information=float(design.death_weight.sum()),
        max_steps=max_steps,
    )


def _record(ascent: Ascent, design: CoxDesign | None, amount: Floats, counts: tuple[int, int, Ties]) -> RidgeCoxFit:
    n, n_events, ties = counts
    p = amount.size
    beta, freedom, last = np.full(p, np.nan), np.nan, np.nan
    covariance, sampling = np.full((p, p), np.nan), np.full((p, p), np.nan)
    if design is not None and ascent.verdict is not Verdict.COLLINEAR:
        beta = ascent.coefficients / design.scale
        point = evaluate(design, ascent.coefficients)
        last, information = point.log_likelihood, point.information * np.outer(design.scale, design.scale)
        covariance = _inverse(information + np.diag(amount))
        sampling = covariance @ information @ covariance
        freedom = float(np.einsum("ij,ji->", information, covariance))
    ratio = 2 * (last - ascent.first.log_likelihood)
    return RidgeCoxFit(
        coefficients=beta,
        std_error=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        sampling_covariance=sampling,
        degrees_of_freedom=freedom,
        penalty=amount,
        penalty_at_estimate=float(amount @ beta**2) / 2,
        log_likelihood_null=ascent.first.log_likelihood,
        log_likelihood=last,
        likelihood_ratio=ratio,
        likelihood_ratio_p_value=float(chdtrc(freedom, ratio)),
        n=n,
        n_events=n_events,
        ties=ties,
        iterations=ascent.steps,
        verdict=ascent.verdict,
        at_fault=ascent.at_fault,
    )


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse, by way of the correlations since columns may differ much in size; NaN if there is none."""
    size = np.sqrt(np.where(np.diag(matrix) > 0, np.diag(matrix), 1.0))
    scale = np.outer(size, size)
    try:
        inverse = np.linalg.inv(matrix / scale) / scale
    except np.linalg.LinAlgError:
        inverse = np.full(matrix.shape, np.nan)  # the information vanished on the way to infinity
    return inverse if np.diag(inverse).min() > 0 else np.full(matrix.shape, np.nan)
