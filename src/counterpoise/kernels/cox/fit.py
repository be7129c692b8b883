"""Cox's proportional hazards regression."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_vector, as_weights
from counterpoise.kernels.blocks import blocks
from counterpoise.kernels.cox.blocks import evaluate, risk_sums, score_residuals
from counterpoise.kernels.cox.design import CoxDesign, Ties, arrange
from counterpoise.kernels.newton import Ascent, aliased_columns, ascend, inverse_information
from counterpoise.kernels.risk_set import RiskSet, risk_set
from counterpoise.kernels.sandwich import group_codes, sandwich, sum_by_cluster
from counterpoise.kernels.verdict import Verdict

MAX_STEPS = 50
MANY = 50_000  # numbers, beyond which a pass over them is dear
SETTLED_FALL = 2e-11  # leaves the information right to better than 1e-10, and saves a pass over them

AnyTies = Ties | Literal["exact"]


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
    likelihood_ratio: float | None
    """Twice the gain of `log_likelihood` over the null; None with weights or clusters, which leave it without a law."""
    robust_score: float | None
    """Score test at `initial`, from the score residuals; None unless `robust`."""
    n: int
    n_events: int
    """Rows with an event, not their weights."""
    ties: AnyTies
    robust: bool
    iterations: int
    """Newton steps taken."""
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Columns that are collinear with those before them, or whose coefficient is infinite."""
    influence: Floats | None
    """(n, p) what each row, with its weight, moves the coefficients by (dfbeta); None unless `robust`. Row i is
    w_i U_i I^-1 with U_i the derivative of the score by the weight of row i."""
    strata: np.ndarray | None
    """(k,) the labels of the strata, in the order of the codes of `design.event_stratum`; None without strata."""
    design: CoxDesign | None
    """The sorted rows, for what is computed from the fit; None without events."""


def cox(  # noqa: PLR0913 - the terms of a Cox model, each with the default that leaves it out
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    ties: AnyTies = "efron",
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    robust: bool | None = None,
    initial: ArrayLike | None = None,
    max_steps: int = MAX_STEPS,
) -> CoxFit:
    """Fit Cox's model by maximum partial likelihood, with Efron's, Breslow's or exact ties.

    `time` and `event` are (n,), `x` is (n, p); `entry` makes (start, stop] rows, open on the left; `stratum` and
    `cluster` are (n,) labels; `offset` (n,) is added to the linear predictor. Exact ties take neither weights nor a
    robust variance; A tied death takes the mean weight of its tied set (Therneau), so that under Efron
    an integer weight is not a repeated row. `robust` asks for the Lin-Wei variance with the weights taken as
    fixed, summed within clusters, without a factor for small samples; it is the default with weights or
    clusters. `initial` is where the fit starts and what its three tests test, zero by default. After `max_steps`
    Newton steps the fit ends as it is: with 0 and 1 the tests and likelihoods are those of the start and of the
    first step.

    The record carries a verdict and this function does not raise on it: see `raise_unless_converged`.

    >>> fit = cox(time=[1, 1, 6, 6, 8, 9], event=[1, 0, 1, 1, 0, 1], x=[1, 1, 1, 0, 0, 0], ties="breslow")
    >>> np.exp(fit.coefficients) - (3 + np.sqrt(33)) / 2 < 1e-12
    array([ True])

    Source: Cox (1972), JRSS B 34:187; Efron (1977), JASA 72:557; Lin and Wei (1989), JASA 84:1074.
    """
    if ties == "exact":
        return _exact(time, event, x, entry, stratum, offset, initial, max_steps, (weights, cluster, robust))
    check_ties(ties, (*get_args(Ties), "exact"))
    sets = risk_set(time, event, entry)
    x = as_covariates(x, sets.n)
    strata, codes = (None, None) if stratum is None else _strata(stratum, sets.n)
    robust = (weights is not None or cluster is not None) if robust is None else robust
    w = as_weights("weights", weights, sets.n)
    shift = None if offset is None else as_vector("offset", offset, sets.n)
    start = np.zeros(x.shape[1]) if initial is None else as_vector("initial", initial, x.shape[1])
    clusters = None if cluster is None else group_codes("cluster", cluster, sets.n)
    if not sets.event.any():
        return _without_fit(sets.n, x.shape[1], ties, robust, strata)
    design = arrange(sets, x, w, codes, ties, shift)
    ascent = maximise(design, start * design.scale, max_steps)
    fit = naive_fit(ascent, design.scale, start, ties, sets, strata=strata, design=design)
    if weights is not None or cluster is not None:
        fit = replace(fit, likelihood_ratio=None)
    return _robust_fit(fit, design, ascent, start, clusters) if robust else fit


def naive_fit(
    ascent: Ascent,
    scale: Floats,
    start: Floats,
    ties: AnyTies,
    sets: RiskSet,
    *,
    strata: np.ndarray | None,
    design: CoxDesign | None,
) -> CoxFit:
    """Return the record of an ascent from (p,) `start`, made with covariates that were divided by (p,) `scale`."""
    naive = inverse_information(ascent, scale)
    known = ascent.verdict is not Verdict.COLLINEAR
    coefficients = ascent.coefficients / scale if known else np.full(scale.size, np.nan)
    null, last = ascent.first.log_likelihood, ascent.last.log_likelihood if known else np.nan
    return CoxFit(
        coefficients=coefficients,
        std_error=np.sqrt(np.diag(naive)),
        covariance=naive,
        naive_covariance=naive,
        log_likelihood_null=null,
        log_likelihood=last,
        wald=quadratic_form(naive, coefficients - start),
        score=_score_test(ascent),
        likelihood_ratio=2 * (last - null),
        robust_score=None,
        n=sets.n,
        n_events=int(sets.event.sum()),
        ties=ties,
        robust=False,
        iterations=ascent.steps,
        verdict=ascent.verdict,
        at_fault=ascent.at_fault,
        influence=None,
        strata=strata,
        design=design,
    )


def _robust_fit(fit: CoxFit, design: CoxDesign, ascent: Ascent, start: Floats, clusters: Counts | None) -> CoxFit:
    robust_score = _robust_score(design, start * design.scale, clusters)  # first, for it needs as much memory again
    influence = _influence(design, ascent.coefficients, fit.naive_covariance, fit.n)
    covariance = sandwich(influence, clusters)
    return replace(
        fit,
        std_error=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        wald=quadratic_form(covariance, fit.coefficients - start),
        robust_score=robust_score,
        robust=True,
        influence=influence,
    )


def _strata(stratum: ArrayLike, n: int) -> tuple[np.ndarray, Counts]:
    """Return the labels of the strata and the code of each row's stratum among them."""
    codes, labels = group_codes("stratum", stratum, n), np.asarray(stratum)
    strata = np.empty(int(codes.max()) + 1, dtype=labels.dtype)
    strata[codes] = labels
    return strata, codes


def _exact(  # noqa: PLR0913 - the arguments of `cox`, passed on
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    entry: ArrayLike | None,
    stratum: ArrayLike | None,
    offset: ArrayLike | None,
    initial: ArrayLike | None,
    max_steps: int,
    refused: tuple[ArrayLike | None, ArrayLike | None, bool | None],
) -> CoxFit:
    from counterpoise.kernels.cox.exact import fit_exact

    weights, cluster, robust = refused
    if weights is not None or cluster is not None or robust:
        raise InputError(
            "`ties` must be 'efron' or 'breslow' with weights, clusters or a robust variance, which the exact "
            "likelihood does not have; it is 'exact'."
        )
    return fit_exact(time, event, x, entry=entry, stratum=stratum, offset=offset, initial=initial, max_steps=max_steps)


def as_covariates(x: ArrayLike, n: int) -> Floats:
    """Return `x` as a finite (n, p) float matrix with p of at least 1."""
    matrix = as_matrix("x", x, n)
    if matrix.shape[1] == 0:
        raise InputError("`x` must have at least one column; it has none.")
    return matrix


def check_ties(ties: str, known: tuple[str, ...] = get_args(Ties)) -> None:
    """Raise unless `ties` is the name of a treatment of tied event times that is `known` where it is asked for."""
    if ties not in known:
        names = ", ".join(repr(name) for name in known[:-1])
        raise InputError(f"`ties` must be {names} or {known[-1]!r}; it is {ties!r}.")


def maximise(design: CoxDesign, start: Floats, max_steps: int = MAX_STEPS) -> Ascent:
    """Return the maximum of the partial likelihood; `start` and the result are of the scaled covariates."""
    if max_steps < 0:
        raise InputError(f"`max_steps` must not be negative; it is {max_steps}.")
    ascent = ascend(
        lambda beta: evaluate(design, beta),
        start,
        spread=lambda beta: float(np.ptp(design.z.T[:, 1:] @ beta)),
        usual_information=float(design.death_weight.sum()),
        max_steps=max_steps,
        settled_fall=SETTLED_FALL if design.z.size > MANY else 0.0,
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


def _influence(design: CoxDesign, beta: Floats, naive: Floats, n: int) -> Floats:
    """Return (n, p) weighted dfbeta in the order of the rows given; rows never at risk at an event have none."""
    influence = np.zeros((n, len(naive)))
    residuals, by = score_residuals(design, risk_sums(design, beta)), design.scale[:, None] * naive
    for rows in blocks(*residuals.shape):
        influence[design.rows[rows]] = residuals[rows] @ by
    return influence


def _robust_score(design: CoxDesign, start: Floats, clusters: Counts | None) -> float:
    residuals = score_residuals(design, risk_sums(design, start))
    if clusters is not None:
        residuals = sum_by_cluster(residuals, clusters[design.rows])
    return quadratic_form(residuals.T @ residuals, residuals.sum(axis=0))


def _without_fit(n: int, p: int, ties: Ties, robust: bool, strata: np.ndarray | None) -> CoxFit:
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
        likelihood_ratio=np.nan,
        robust_score=np.nan if robust else None,
        n=n,
        n_events=0,
        ties=ties,
        robust=robust,
        iterations=0,
        verdict=Verdict.NO_EVENTS,
        at_fault=(),
        influence=np.full((n, p), np.nan) if robust else None,
        strata=strata,
        design=None,
    )
