"""Fine and Gray's regression of the subdistribution hazard, the model of a cumulative incidence."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_vector, require
from counterpoise.kernels.competing.causes import CENSORED, CauseRows, as_cause, cause_rows
from counterpoise.kernels.competing.fine_gray_blocks import (
    CensoringTerm,
    FineGrayDesign,
    arrange,
    censoring_residuals,
    evaluate,
    of_column,
    risk_sums,
    score_residuals,
)
from counterpoise.kernels.cox.fit import as_covariates, quadratic_form
from counterpoise.kernels.newton import Ascent, ascend, inverse_information
from counterpoise.kernels.risk_set import TIE_TOLERANCE
from counterpoise.kernels.sandwich import group_codes, sandwich, sum_by_cluster
from counterpoise.kernels.verdict import Verdict

MAX_STEPS = 50

Convention = Literal["cmprsk", "survival"]
FineGrayVariance = Literal["fine-gray", "crr", "known-censoring", "jackknife"]


CENSORING_TERMS: dict[str, CensoringTerm] = {"fine-gray": "paper", "crr": "crr", "jackknife": "exact"}


@dataclass(frozen=True, slots=True, eq=False)
class FineGrayFit:
    """A fitted Fine-Gray model of n rows and p covariates; what has no value is NaN."""

    coefficients: Floats
    """(p,) log subdistribution hazard ratios."""
    std_error: Floats
    """(p,) from `covariance`."""
    covariance: Floats
    """(p, p) of the kind that `variance` names."""
    naive_covariance: Floats
    """(p, p) the inverse of the information; no variance of the estimate, for the rows were weighted."""
    log_likelihood_null: float
    """Log pseudo-likelihood at `initial`."""
    log_likelihood: float
    wald: float
    """(b - initial)' V^-1 (b - initial) with V = `covariance`; chi-squared on p degrees of freedom."""
    score: float
    """Score test at `initial`, from the naive information."""
    robust_score: float
    """Score test at `initial`, from the residuals that `variance` names; the one to report."""
    n: int
    n_events: int
    """Rows with an event of the cause of interest, not their weights."""
    n_competing: int
    n_censored: int
    of: int
    """The cause of interest."""
    variance: str
    censoring: str
    iterations: int
    """Newton steps taken."""
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Columns that are collinear with those before them, or whose coefficient is infinite."""
    influence: Floats
    """(n, p) what each row, with its weight, moves the coefficients by; `covariance` is its sum of squares."""
    event_time: Floats
    """(g,) distinct times of events of the cause of interest."""
    hazard: Floats
    """(g,) jumps of the cumulative subdistribution hazard of a patient with covariates `centre`."""
    centre: Floats
    """(p,) means of the covariates."""
    last_time: float
    """The last observed time."""


def fine_gray(  # noqa: PLR0913 - the terms of a Fine-Gray model, each with the default that leaves it out
    time: ArrayLike,
    cause: ArrayLike,
    x: ArrayLike,
    *,
    of: int = 1,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    censoring_group: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    variance: FineGrayVariance = "fine-gray",
    censoring: Convention = "cmprsk",
    initial: ArrayLike | None = None,
    max_steps: int = MAX_STEPS,
) -> FineGrayFit:
    """Fit the proportional subdistribution hazards model of the cause `of`, with Breslow's ties.

    `cause` is 0 for censored, else 1, 2, ... . Those with another event at T stay at risk at t > T with the factor
    G(t-) / G(T-), G the Kaplan-Meier curve of being uncensored: one curve for all, or one for each label of
    `censoring_group`, where censoring depends on a covariate. `weights`, taken as known, multiply every row's
    contribution. exp(b) orders cumulative incidences; it is no ratio of rates among those still at risk.

    `censoring` "cmprsk" counts at a tie those with an event as still at risk of being censored, as crr does, and
    case weights in G; "survival" does neither, as R's finegray does. Without ties and weights they agree.

    `variance` "fine-gray" is Fine and Gray's with the term for the estimation of G. "crr" is what cmprsk prints: the
    same with one censoring curve; with several it forgets that G of one group bears on the events of all.
    "jackknife" is the infinitesimal jackknife, the exact derivative by the case weights through G as well, and
    differs by terms of 1 / n. "known-censoring" leaves the term out, as coxph(cluster = id) on finegray's rows. All
    are summed within `cluster` labels first, without a factor for small samples.

    Late entry is refused (`UnsupportedError`): it needs weights for truncation too. Covariates do not change over
    time. The record carries a verdict and this function does not raise on it: see `raise_unless_converged`.

    >>> fit = fine_gray(time=[1, 2, 3, 4, 5, 6], cause=[1, 2, 1, 0, 1, 2], x=[1, 0, 1, 0, 0, 1])
    >>> fit.coefficients.round(4), fit.std_error.round(4), fit.verdict.value
    (array([1.007]), array([0.9737]), 'converged')

    Source: Fine and Gray (1999), JASA 94:496; Lin and Wei (1989), JASA 84:1074, for the fixed part of the variance.
    """
    if entry is not None:
        raise UnsupportedError("Late entry (`entry`) with `fine_gray` is not tested; use cause-specific hazards.")
    check_choices(variance, censoring)
    rows = cause_rows(time, cause, weights=weights, cluster=cluster)
    of, x = as_cause("of", of), as_covariates(x, rows.sets.n)
    n = rows.sets.n
    group = censoring_codes(censoring_group, n)
    start = np.zeros(x.shape[1]) if initial is None else as_vector("initial", initial, x.shape[1])
    if not (rows.cause == of).any():
        return _without_fit(rows, of, x, variance, censoring)
    design = arrange(rows, of, x, group, events_first=censoring == "survival", weigh=censoring == "cmprsk")
    ascent = _maximise(design, start * design.scale, max_steps)
    return _record(rows, of, design, ascent, start, variance, censoring)


def predict_incidence(fit: FineGrayFit, x: ArrayLike, times: ArrayLike) -> Floats:
    """Return the predicted cumulative incidence (r, t) of (r, p) covariates `x` at (t,) `times`.

    It is 1 - exp(-H(t) exp(x b)) with H Breslow's cumulative subdistribution hazard, as predict.crr has it. A time
    within 1e-9 (relative) of an event counts as that event's. After the last observed time it is NaN.

    >>> fit = fine_gray(time=[1, 2, 3, 4, 5, 6], cause=[1, 2, 1, 0, 1, 2], x=[1, 0, 1, 0, 0, 1])
    >>> predict_incidence(fit, [0, 1], times=[0, 3, 7]).round(4)
    array([[0.    , 0.1871,    nan],
           [0.    , 0.4329,    nan]])

    Source: Fine and Gray (1999), JASA 94:496, section 4.
    """
    p = fit.coefficients.size
    covariates = as_matrix("x", x)
    if covariates.shape[1] != p:
        raise InputError(f"`x` must have {p} columns, as the model has; it has {covariates.shape[1]}.")
    times = as_vector("times", times)
    require(times >= 0, "`times` must be finite and non-negative")
    tolerance = TIE_TOLERANCE * fit.last_time
    total = np.concatenate(([0.0], np.cumsum(fit.hazard)))
    reached = total[np.searchsorted(fit.event_time, times + tolerance, side="right")]
    risk = np.exp((covariates - fit.centre) @ fit.coefficients)
    return np.where(times > fit.last_time + tolerance, np.nan, -np.expm1(-np.outer(risk, reached)))


def score_contributions(design: FineGrayDesign, beta: Floats, variance: str) -> Floats:
    """Return (n, p) contributions of the rows, in the order given, to the score at `beta` (of scaled covariates)."""
    sums = risk_sums(design, beta)
    # Under "survival" case weights do not enter the censoring curves, whose derivative by them is thus zero.
    estimated = variance != "known-censoring" and (variance != "jackknife" or design.weighs_censoring)
    contributions = np.empty((design.rows.size, beta.size))
    for column in range(beta.size):  # one at a time, for the sake of memory
        part, part_sums = of_column(design, sums, column)
        contributions[design.rows, column] = score_residuals(part, part_sums)[:, 0]
        if estimated:
            kind = CENSORING_TERMS[variance]
            contributions[design.rows, column] += censoring_residuals(part, part_sums, kind)[:, 0]
    contributions *= design.scale
    return contributions


def censoring_codes(censoring_group: ArrayLike | None, n: int) -> Counts:
    """Return (n,) codes of the groups that have a censoring curve of their own; zeros if there is one for all."""
    if censoring_group is None:
        return np.zeros(n, dtype=np.intp)
    return group_codes("censoring_group", censoring_group, n)


def check_choices(variance: str, censoring: str) -> None:
    """Raise `InputError` unless both are names of a variance and of a convention for the censoring curve."""
    for name, value, kinds in (("variance", variance, FineGrayVariance), ("censoring", censoring, Convention)):
        if value not in get_args(kinds):
            names = ", ".join(repr(kind) for kind in get_args(kinds))
            raise InputError(f"`{name}` must be one of {names}; it is {value!r}.")


def _maximise(design: FineGrayDesign, start: Floats, max_steps: int) -> Ascent:
    """Return the maximum of the pseudo-likelihood; `start` and the result are of the scaled covariates."""
    if max_steps < 0:
        raise InputError(f"`max_steps` must not be negative; it is {max_steps}.")
    ascent = ascend(
        lambda beta: evaluate(design, beta),
        start,
        spread=lambda beta: float(np.ptp(beta @ design.z[1:])),
        usual_information=float(design.event_weight.sum()),
        max_steps=max_steps,
    )
    if ascent.verdict is Verdict.COLLINEAR and start.any():
        at_zero = _maximise(design, np.zeros_like(start), 0)
        if at_zero.verdict is not Verdict.COLLINEAR:
            raise InputError("`initial` must be nearer to the estimate; the likelihood is flat where it is.")
    return ascent


def _record(
    rows: CauseRows, of: int, design: FineGrayDesign, ascent: Ascent, start: Floats, variance: str, censoring: str
) -> FineGrayFit:
    p, known = start.size, ascent.verdict is not Verdict.COLLINEAR
    naive = inverse_information(ascent, design.scale)
    hazard = np.full(design.event_index.size, np.nan)
    coefficients, score, robust_score = np.full(p, np.nan), np.nan, np.nan
    if known:
        coefficients = ascent.coefficients / design.scale
        score = float(ascent.first.score @ np.linalg.solve(ascent.first.information, ascent.first.score))
        robust_score = _robust_score(score_contributions(design, start * design.scale, variance), rows.cluster)
        influence = score_contributions(design, ascent.coefficients, variance) @ naive
        sums = risk_sums(design, ascent.coefficients)
        hazard = sums.hazard * np.exp(-sums.shift)
    else:
        influence = np.full((rows.sets.n, p), np.nan)
    covariance = sandwich(influence, rows.cluster)
    return FineGrayFit(
        coefficients=coefficients,
        std_error=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood_null=ascent.first.log_likelihood,
        log_likelihood=ascent.last.log_likelihood if known else np.nan,
        wald=quadratic_form(covariance, coefficients - start),
        score=score,
        robust_score=robust_score,
        **_counts(rows, of),
        of=of,
        variance=variance,
        censoring=censoring,
        iterations=ascent.steps,
        verdict=ascent.verdict,
        at_fault=ascent.at_fault,
        influence=influence,
        event_time=rows.sets.time[design.event_index],
        hazard=hazard,
        centre=design.centre,
        last_time=float(rows.sets.time[-1]),
    )


def _counts(rows: CauseRows, of: int) -> dict[str, int]:
    wanted, censored = int((rows.cause == of).sum()), int((rows.cause == CENSORED).sum())
    n = rows.sets.n
    return {"n": n, "n_events": wanted, "n_competing": n - wanted - censored, "n_censored": censored}


def _robust_score(contributions: Floats, cluster: Counts | None) -> float:
    values = contributions if cluster is None else sum_by_cluster(contributions, cluster)
    return quadratic_form(values.T @ values, values.sum(axis=0))


def _without_fit(rows: CauseRows, of: int, x: Floats, variance: str, censoring: str) -> FineGrayFit:
    """Return the record of a model without events, in which every coefficient fits equally well."""
    n, p = x.shape
    unknown, square = np.full(p, np.nan), np.full((p, p), np.nan)
    return FineGrayFit(
        coefficients=unknown,
        std_error=unknown,
        covariance=square,
        naive_covariance=square,
        log_likelihood_null=0.0,
        log_likelihood=0.0,
        wald=np.nan,
        score=np.nan,
        robust_score=np.nan,
        **_counts(rows, of),
        of=of,
        variance=variance,
        censoring=censoring,
        iterations=0,
        verdict=Verdict.NO_EVENTS,
        at_fault=(),
        influence=np.full((n, p), np.nan),
        event_time=np.zeros(0),
        hazard=np.zeros(0),
        centre=x.mean(axis=0),
        last_time=float(rows.sets.time[-1]),
    )
