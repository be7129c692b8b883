"""Cox's model with Firth's penalty: finite hazard ratios where all events fall on one side of a covariate.

The log partial likelihood l(b) is raised by half the logarithm of the determinant of its information I(b). With the
notation of `cox_blocks` - a draw k at event time g, its denominator D, mean covariates m = N / D and hazard h - and W
the inverse of I, the derivative of that half logarithm by the linear predictor of row j is

    1/2 r_j sum over draws, with c = 1 or 1 - f for a death of the draw's time, of
        c h (q_j - 2 x_j'W m - Q + 2 m'W m),      q_j = x_j'W x_j,  Q the mean of q over the draw

so that a row's x times it, summed over rows, is Firth's correction of the score: third cumulants without an array of
p x p x p numbers.

Source: Firth (1993), Biometrika 80:27; Heinze and Schemper (2001), Biometrics 57:114.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, chdtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_vector, as_weights
from counterpoise.kernels.cox.blocks import RiskSums, _from_here_on, derivatives, risk_sums, while_at_risk
from counterpoise.kernels.cox.design import CoxDesign, Ties, arrange
from counterpoise.kernels.cox.fit import as_covariates, check_ties
from counterpoise.kernels.newton import ALIASED_PIVOT, CONVERGED_DECREMENT, MAX_HALVINGS, ROUNDING, aliased_columns
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.sandwich import group_codes
from counterpoise.kernels.verdict import Verdict

MAX_STEPS = 200
MAX_TRIALS = 60
NEAR_DECREMENT = 1e-8
STALE_STEPS = 4  # near the maximum, that brought it no nearer: it is as near as rounding lets it be
LONGEST_STEP = 5.0  # of the range of a linear predictor over the rows
ENDLESS_SPREAD = 600.0  # a limit at which hazards differ by a factor of exp(600) is infinite
SAME_VALUE = 1e-4
EXACT_ROOT = 1e-6  # Newton's step from here ends at 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class FirthCoxFit:
    """A Cox model of n rows and p covariates fitted with Firth's penalty; what has no value is NaN."""

    coefficients: Floats
    """(p,) log hazard ratios."""
    std_error: Floats
    """(p,) from `covariance`."""
    covariance: Floats
    """(p, p) the inverse of the unpenalised information, at the penalised estimate."""
    lower: Floats
    """(p,) confidence limits of the coefficients."""
    upper: Floats
    """(p,)"""
    p_value: Floats
    """(p,) that the coefficient is zero."""
    profile: bool
    """Whether limits and p-values are of the profile penalised likelihood; else they are Wald's."""
    confidence: float
    log_likelihood_null: float
    """Penalised, with all coefficients zero."""
    log_likelihood: float
    """Penalised, at the estimate."""
    likelihood_ratio: float
    """Twice the gain of `log_likelihood` over the null; chi-squared on p degrees of freedom."""
    likelihood_ratio_p_value: float
    n: int
    n_events: int
    """Rows with an event, not their weights."""
    ties: Ties
    iterations: int
    """Steps taken to the estimate."""
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Columns that are collinear with those before them."""


@dataclass(frozen=True, slots=True, eq=False)
class Penalised:
    """Firth's log-likelihood of scaled covariates with its derivatives at one value of the p coefficients."""

    log_likelihood: float
    score: Floats
    """(p,) of the penalised likelihood."""
    correction: Floats
    """(p,) the part of `score` that is the penalty's."""
    information: Floats
    """(p, p) of the unpenalised likelihood."""


def firth_cox(  # noqa: PLR0913 - the terms of a Cox model, each with the default that leaves it out
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    ties: Ties = "efron",
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    confidence: float = 0.95,
    profile: bool = True,
) -> FirthCoxFit:
    """Fit Cox's model by the partial likelihood times the root of the determinant of its information.

    The remedy for a monotone likelihood, and for the bias away from zero with few events. Arguments are those of
    `cox`; the default is Efron's ties, while R's coxphf knows Breslow's only. `weights` multiply likelihood and
    information as if a row stood for so many; there is no robust variance, so weights of propensity give no
    honest interval here. Limits and p-values compare the maximum with the profile of the penalised likelihood
    (recommended: the profile is far from a parabola where the likelihood is monotone); `profile=False` gives
    Wald's. A limit that no value of the coefficient reaches is infinite; one that could not be found is NaN.

    The record carries a verdict and this function does not raise on it: without events, or with collinear
    covariates (`at_fault`), all estimates are NaN; where the iterations did not settle, limits and p-values are. Raises
    `InputError` as `cox`.

    >>> fit = firth_cox(time=[1, 2, 3, 4, 5, 6], event=[1, 1, 1, 0, 0, 0], x=[1, 1, 1, 0, 0, 0])
    >>> fit.coefficients.round(4), fit.lower.round(4), fit.upper.round(4), fit.verdict.value
    (array([2.5652]), array([0.1568]), array([7.4861]), 'converged')

    Source: Heinze and Schemper (2001), Biometrics 57:114, equations 2 and 3.
    """
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must be between 0 and 1; it is {confidence}.")
    check_ties(ties)
    sets = risk_set(time, event, entry)
    x = as_covariates(x, sets.n)
    codes = None if stratum is None else group_codes("stratum", stratum, sets.n)
    w = as_weights("weights", weights, sets.n)
    shift = None if offset is None else as_vector("offset", offset, sets.n)
    counts = (sets.n, int(sets.event.sum()), ties, confidence, profile)
    unknown = _Answer.unknown(x.shape[1])
    if counts[1] == 0:
        return _record(unknown, Verdict.NO_EVENTS, (), counts)
    design = arrange(sets, x, w, codes, ties, shift)
    null = penalised_point(design, np.zeros(x.shape[1]))
    aliased = aliased_columns(null.information)
    aliased |= np.diag(null.information) <= ALIASED_PIVOT * design.death_weight.sum()
    if aliased.any():
        at_fault = tuple(int(column) for column in np.flatnonzero(aliased))
        return _record(unknown, Verdict.COLLINEAR, at_fault, counts)
    summit = _climb(design, np.zeros(x.shape[1]), null, np.arange(x.shape[1]))
    answer = _answer(design, null, summit, confidence, profile)
    return _record(answer, Verdict.CONVERGED if summit.settled else Verdict.MAX_STEPS, (), counts)


def penalised_point(design: CoxDesign, beta: Floats) -> Penalised:
    """Return Firth's log-likelihood, of covariates as scaled by the design, and its derivatives at `beta`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # far away hazards overflow: not finite
        sums = risk_sums(design, beta)
        score, information = derivatives(design, sums)
    try:
        if not np.isfinite(information).all():
            raise np.linalg.LinAlgError
        root = np.linalg.cholesky(information)
        inverse = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return Penalised(-np.inf, score, score, information)  # flat: the penalty is infinite
    correction = _correction(design, sums, inverse)
    value = sums.log_likelihood + float(np.log(np.diag(root)).sum())
    return Penalised(value, score + correction, correction, information)


def _correction(design: CoxDesign, sums: RiskSums, inverse: Floats) -> Floats:
    """Return the (p,) derivative of half the log determinant of the information, as the module's head has it."""
    z, tied = design.z[1:], design.tied
    q = np.einsum("ij,ij->j", z, inverse @ z)
    weighted = q * sums.risk
    total = np.add.reduceat(weighted, design.start)
    if design.late is not None:
        total[design.late.group] -= np.add.reduceat(weighted[design.late.rows], design.late.start)
    total = _from_here_on(design, total)
    terms = _terms(sums.s[0], sums.s[1:], total, inverse) * design.death_weight
    shared = terms[:, :0]
    if tied.group.size:
        of, of_group, f = tied.of, tied.of_group, tied.fraction
        dead = np.add.reduceat(weighted[tied.rows], tied.start)
        sums_left = sums.s[:, of_group] - f * sums.tied_s[:, of]
        draws = _terms(sums_left[0], sums_left[1:], total[of_group] - f * dead[of], inverse) * tied.mean_weight[of]
        terms[:, tied.group] = np.add.reduceat(draws, tied.start, axis=1)
        shared = np.add.reduceat(draws * f, tied.start, axis=1)
    by_row = while_at_risk(design, terms)
    by_row[:, tied.rows] -= shared[:, tied.of]
    pull = by_row[0] * q - 2 * np.einsum("ij,ij->j", by_row[2:], z) + by_row[1]
    return z @ (sums.risk * pull) / 2


def _terms(s0: Floats, s1: Floats, total: Floats, inverse: Floats) -> Floats:
    """Return (p + 2, draws): 1, 2 m'W m - Q and W m, all over the denominator."""
    mean = s1 / s0
    turned = inverse @ mean
    spread = 2 * np.einsum("ij,ij->j", mean, turned) - total / s0
    return np.vstack([np.ones_like(s0), spread, turned]) / s0


@dataclass(frozen=True, slots=True, eq=False)
class _Summit:
    """Where a climb ended: the (p,) coefficients, their likelihood, and whether it is the maximum."""

    beta: Floats
    point: Penalised
    steps: int
    settled: bool


def _climb(design: CoxDesign, beta: Floats, point: Penalised, free: np.ndarray) -> _Summit:
    """Return the maximum over the `free` coefficients, the others held where they are.

    Newton's method with the exact curvature of the likelihood, and that of the penalty learned from its derivatives
    (symmetric rank one): near the maximum it needs few steps more than Newton's method with both.
    """
    learned = np.zeros((free.size, free.size))
    steps, stale, least = 0, 0, np.inf
    while steps < MAX_STEPS:
        step = _step(point, free, learned)
        decrement = float(step @ point.score[free])
        stale, least = stale + 1 if decrement > least / 2 else 0, min(least, decrement)
        near = decrement < NEAR_DECREMENT
        if decrement <= CONVERGED_DECREMENT or (near and stale == STALE_STEPS):
            return _Summit(_moved(beta, free, step), point, steps, True)
        length = float(np.ptp(step @ design.z[1:][free]))
        step = step * min(1.0, LONGEST_STEP / length)
        # So near the derivatives are to be trusted more than the determinant, whose rounding grows as it vanishes.
        slack = NEAR_DECREMENT if near else ROUNDING * (1.0 + abs(point.log_likelihood))
        found = _halve(design, beta, free, step, point.log_likelihood - slack)
        if found is None:
            break
        step, candidate = found
        change = (point.correction - candidate.correction)[free] - learned @ step
        against = float(change @ step)
        if abs(against) > 1e-8 * np.linalg.norm(change) * np.linalg.norm(step):
            learned += np.outer(change, change) / against
        beta, point, steps = _moved(beta, free, step), candidate, steps + 1
    return _Summit(beta, point, steps, False)


def _step(point: Penalised, free: np.ndarray, learned: Floats) -> Floats:
    """Return the step to the summit of a parabola, without what was learned where that has no summit."""
    information, score = point.information[np.ix_(free, free)], point.score[free]
    try:
        np.linalg.cholesky(information + learned)
        return np.linalg.solve(information + learned, score)
    except np.linalg.LinAlgError:
        return np.linalg.solve(information, score)


def _moved(beta: Floats, free: np.ndarray, step: Floats) -> Floats:
    moved = beta.copy()
    moved[free] += step
    return moved


def _halve(
    design: CoxDesign, beta: Floats, free: np.ndarray, step: Floats, at_least: float
) -> tuple[Floats, Penalised] | None:
    for _ in range(MAX_HALVINGS):
        point = penalised_point(design, _moved(beta, free, step))
        if point.log_likelihood >= at_least:
            return step, point
        step = step / 2
    return None


def _profile(design: CoxDesign, start: Floats, column: int, value: float) -> _Summit:
    """Return the maximum with one coefficient held at `value`, from a start where it may be another."""
    free = np.delete(np.arange(start.size), column)
    beta = start.copy()
    beta[column] = value
    point = penalised_point(design, beta)
    if not np.isfinite(point.log_likelihood) or free.size == 0:
        return _Summit(beta, point, 0, bool(np.isfinite(point.log_likelihood)))
    return _climb(design, beta, point, free)


def _limit(design: CoxDesign, summit: _Summit, column: int, distance: float, drop: float) -> float:
    """Return where, towards the side of `distance`, twice the profile likelihood is `drop` below its maximum.

    The root of the drop is nearly linear in the coefficient, and its derivative is that of the likelihood alone, so
    that Newton's method on it needs few trials; they are kept between the last values found inside and outside.
    """
    inside, outside, value = summit.beta[column], np.copysign(np.inf, distance), summit.beta[column] + distance
    beta, point, width = summit.beta, summit.point, float(np.ptp(design.z[1 + column]))
    for _ in range(MAX_TRIALS):
        found = _profile(design, _ahead(beta, point, column, value), column, value)
        if not found.settled:
            outside, value = value, (inside + value) / 2
            continue
        root = np.sqrt(max(0.0, 2 * (summit.point.log_likelihood - found.point.log_likelihood)))
        beta, point = found.beta, found.point
        excess, slope = root - np.sqrt(drop), -point.score[column] / root if root > 0 else 0.0
        target = value - excess / slope if slope * distance > 0 else np.nan
        if abs(excess) < EXACT_ROOT and np.isfinite(target):
            return float(target)
        if excess < 0 and abs(value - summit.beta[column]) * width > ENDLESS_SPREAD:
            return float(np.copysign(np.inf, distance))
        inside, outside = (value, outside) if excess < 0 else (inside, value)
        if abs(outside - inside) < SAME_VALUE * abs(distance):
            outside = np.copysign(np.inf, distance)  # that was of a lower hill; from here the climb finds the higher
        value = _between(target, inside, outside, summit.beta[column], distance)
    return np.nan


def _ahead(beta: Floats, point: Penalised, column: int, value: float) -> Floats:
    """Return where the other coefficients may be expected when one moves to `value`."""
    free = np.delete(np.arange(beta.size), column)
    if free.size == 0:
        return beta
    along = np.linalg.solve(point.information[np.ix_(free, free)], point.information[free, column])
    return _moved(beta, free, -along * (value - beta[column]))


def _between(target: float, inside: float, outside: float, centre: float, distance: float) -> float:
    """Return the target where it is between what is known, else a safe value there."""
    if np.isfinite(outside):
        low, high = sorted((inside, outside))
        return target if low < target < high else (low + high) / 2
    furthest = centre + 3 * (inside - centre)
    beyond = (target - inside) * distance > 0
    return target if beyond and abs(target - centre) < abs(furthest - centre) else furthest


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What a fit estimates, of the covariates as given."""

    coefficients: Floats
    covariance: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    log_likelihoods: tuple[float, float]
    steps: int

    @classmethod
    def unknown(cls, p: int) -> "_Answer":
        none = np.full(p, np.nan)
        return cls(none, np.full((p, p), np.nan), none, none, none, (np.nan, np.nan), 0)


def _answer(design: CoxDesign, null: Penalised, summit: _Summit, confidence: float, profile: bool) -> _Answer:
    scale = design.scale
    covariance = np.linalg.inv(summit.point.information)
    error = np.sqrt(np.diag(covariance))
    drop = float(chdtri(1, 1 - confidence))
    lower, upper = (summit.beta + sign * np.sqrt(drop) * error for sign in (-1, 1))
    statistic = (summit.beta / error) ** 2
    if not summit.settled:
        lower = upper = statistic = np.full(scale.size, np.nan)
    elif profile:
        columns = range(scale.size)
        far = np.sqrt(drop) * error
        lower = np.array([_limit(design, summit, k, -far[k], drop) for k in columns])
        upper = np.array([_limit(design, summit, k, far[k], drop) for k in columns])
        zero = [_profile(design, _ahead(summit.beta, summit.point, k, 0.0), k, 0.0) for k in columns]
        at_zero = np.array([found.point.log_likelihood if found.settled else np.nan for found in zero])
        statistic = np.maximum(2 * (summit.point.log_likelihood - at_zero), 0.0)
    # The determinant of the information of the covariates as given is that of the scaled ones times the scales squared.
    shift = float(np.log(scale).sum())
    log_likelihoods = null.log_likelihood + shift, summit.point.log_likelihood + shift
    return _Answer(
        summit.beta / scale,
        covariance / np.outer(scale, scale),
        lower / scale,
        upper / scale,
        chdtrc(1, statistic),
        log_likelihoods,
        summit.steps,
    )


def _record(
    answer: _Answer,
    verdict: Verdict,
    at_fault: tuple[int, ...],
    counts: tuple[int, int, Ties, float, bool],
) -> FirthCoxFit:
    n, n_events, ties, confidence, profile = counts
    null, last = answer.log_likelihoods
    ratio = 2 * (last - null)
    return FirthCoxFit(
        coefficients=answer.coefficients,
        std_error=np.sqrt(np.diag(answer.covariance)),
        covariance=answer.covariance,
        lower=answer.lower,
        upper=answer.upper,
        p_value=answer.p_value,
        profile=profile,
        confidence=confidence,
        log_likelihood_null=null,
        log_likelihood=last,
        likelihood_ratio=ratio,
        likelihood_ratio_p_value=float(chdtrc(answer.coefficients.size, ratio)),
        n=n,
        n_events=n_events,
        ties=ties,
        iterations=answer.steps,
        verdict=verdict,
        at_fault=at_fault,
    )
