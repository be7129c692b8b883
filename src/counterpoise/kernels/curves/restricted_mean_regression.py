"""Regression of the restricted mean survival time on covariates, by weighting for censoring."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_levels, as_weights
from counterpoise.kernels.cox.fit import as_covariates
from counterpoise.kernels.curves.mean_regression import MeanFit, fit_mean, link_of, wald, without_root
from counterpoise.kernels.curves.restricted_mean import check_confidence, check_horizon, require_follow_up
from counterpoise.kernels.logistic import back_transform, centre_and_scale, dependent_columns, standardised
from counterpoise.kernels.risk_set import TIE_TOLERANCE, risk_set, split_by_stratum, suffix_sum, sum_by, sum_by_time
from counterpoise.kernels.sandwich import group_codes, sandwich
from counterpoise.kernels.verdict import Verdict

MeanLink = Literal["identity", "log"]
MeanQuantity = Literal["restricted mean", "time lost"]


@dataclass(frozen=True, slots=True, eq=False)
class RestrictedMeanRegression:
    """A regression of min(T, horizon), or of what it lacks to the horizon, on p covariates and an intercept."""

    coefficients: Floats
    """(p + 1,) the intercept first; differences, or logarithms of ratios under the log link; NaN if not converged."""
    std_error: Floats
    """(p + 1,)"""
    lower: Floats
    """(p + 1,) of the coefficients."""
    upper: Floats
    """(p + 1,)"""
    z: Floats
    """(p + 1,)"""
    p_value: Floats
    """(p + 1,) two-sided."""
    covariance: Floats
    """(p + 1, p + 1) which knows that the censoring was estimated."""
    influence: Floats
    """(n, p + 1) what each row moves the coefficients by."""
    censoring_weight: Floats
    """(n,) 1 / G at the row's time, its case weight aside; zero where the row is censored before the horizon."""
    n: int
    n_events: int
    """Rows with an event before or at the horizon."""
    horizon: float
    link: MeanLink
    quantity: MeanQuantity
    confidence: float
    iterations: int
    verdict: Verdict
    at_fault: tuple[int, ...]
    """Columns of `x` that are constant or combinations of those before; empty if none."""


def restricted_mean_regression(  # noqa: PLR0913 - the terms of the model, each with the default that leaves it out
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    horizon: float,
    *,
    quantity: MeanQuantity = "restricted mean",
    link: MeanLink = "identity",
    censoring_group: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> RestrictedMeanRegression:
    """Fit g(E[min(T, horizon) | x]) = b_0 + x'b by inverse probability of censoring weighting.

    `x` is (n, p) without an intercept. A row whose min(T, horizon) is known has weight 1 / G, G being the
    Kaplan-Meier curve of the censoring at its time, by itself for each label of `censoring_group`, as a rule the
    treatment arm; None takes one curve for all. Censoring must not depend on `x` within those groups. The equations
    are sum of w (y - mu) x = 0 for both links; `quantity="time lost"` puts horizon - min(T, horizon) for y. The
    variance is that of the paper: it counts the estimation of G, takes the bread from all rows, not from the
    weighted ones, and has no factor for small samples. `weights` are case weights, taken as known, and enter G too;
    with `cluster` the influence values are summed within clusters first.

    survRM2 does the same with the arm both in `x` and as `censoring_group`. Its convention at a tie is kept: G at an
    event's time contains the censorings at that time.

    Raises `InputError` where a group is last observed, censored, before the horizon. Read the verdict: coefficients
    of a fit that has not converged, or whose columns are collinear, are NaN.

    >>> fit = restricted_mean_regression([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 1, 1], horizon=4)
    >>> fit.coefficients.round(6), fit.std_error.round(6)
    (array([1.5, 2. ]), array([0.353553, 0.5     ]))

    Source: Tian, Zhao and Wei (2014), Biostatistics 15:222, sections 2 and 3.
    """
    sets = risk_set(time, event)
    horizon, confidence = check_horizon(horizon), check_confidence(confidence)
    _check_names(link, quantity)
    covariates = as_covariates(x, sets.n)
    case_weights = as_weights("weights", weights, sets.n)
    labels = np.zeros(sets.n, dtype=int) if censoring_group is None else censoring_group
    levels, codes = as_levels("censoring_group", labels, sets.n)
    clusters = None if cluster is None else group_codes("cluster", cluster, sets.n)
    censoring = _censoring(sets.time[sets.group], sets.event, codes, case_weights, horizon)
    _require_follow_up(censoring, levels, horizon)
    y = censoring.time if quantity == "restricted mean" else horizon - censoring.time
    fit, back, design = _fit(covariates, y, case_weights * censoring.inverse, link)
    covariance, influence = np.full(back.shape, np.nan), np.full(design.shape, np.nan)
    if fit.verdict is Verdict.CONVERGED:
        score = design * (case_weights * censoring.inverse * (y - fit.mean))[:, None]
        bread = np.linalg.inv((design * (case_weights * fit.slope)[:, None]).T @ design)
        influence = censoring.project(score, case_weights) @ bread @ back.T
        covariance = sandwich(influence, clusters)
    beta = back @ fit.coefficients
    tests = wald(beta, covariance, confidence)
    return RestrictedMeanRegression(
        coefficients=beta,
        std_error=tests.std_error,
        lower=tests.lower,
        upper=tests.upper,
        z=tests.z,
        p_value=tests.p_value,
        covariance=covariance,
        influence=influence,
        censoring_weight=censoring.inverse,
        n=sets.n,
        n_events=int((sets.event & (sets.time[sets.group] <= horizon * (1 + TIE_TOLERANCE))).sum()),
        horizon=horizon,
        link=link,
        quantity=quantity,
        confidence=confidence,
        iterations=fit.steps,
        verdict=fit.verdict,
        at_fault=fit.at_fault,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Censoring:
    """The follow-up cut at the horizon, with the distribution of the censoring in each group."""

    time: Floats
    """(n,) min(time, horizon)."""
    inverse: Floats
    """(n,) 1 / G where min(T, horizon) is known, else 0."""
    censored: Bools
    """(n,) whether it is not known."""
    group: Counts
    """(n,) which pair of group and time the row has."""
    pieces: tuple[slice, ...]
    """The pairs of each group."""
    at_risk: Floats
    """Weights at risk at each pair."""
    hazard: Floats
    """Share of them that is censored there."""

    def project(self, score: Floats, weights: Floats) -> Floats:
        """Add to the (n, p) terms of the estimating equations what the estimation of G adds to each row.

        That is the integral of E(t) dM_i(t) with M_i the row's censoring martingale and E(t) the sum of the terms
        of those still at risk at t, divided by the weights at risk.
        """
        by_time = sum_by(self.group, score.T, self.at_risk.size)
        ahead = np.concatenate([suffix_sum(by_time[:, piece]) for piece in self.pieces], axis=1) / self.at_risk
        drawn = np.concatenate([np.cumsum((ahead * self.hazard)[:, piece], axis=1) for piece in self.pieces], axis=1)
        martingale = ahead[:, self.group] * self.censored - drawn[:, self.group]
        return score + (martingale * weights).T


def _check_names(link: str, quantity: str) -> None:
    if link not in get_args(MeanLink):
        raise InputError(f"`link` must be 'identity' or 'log'; it is {link!r}.")
    if quantity not in get_args(MeanQuantity):
        raise InputError(f"`quantity` must be 'restricted mean' or 'time lost'; it is {quantity!r}.")


def _fit(x: Floats, y: Floats, weights: Floats, link: MeanLink) -> tuple[MeanFit, Floats, Floats]:
    """Fit on standardised columns; return also what takes coefficients back to those of x, and the design."""
    centre, scale = centre_and_scale(x)
    design, back = standardised(x, centre, scale), back_transform(centre, scale)
    dependent = dependent_columns(x, centre, scale)
    if dependent.size:
        return without_root(design, Verdict.COLLINEAR, tuple(int(c) for c in dependent)), back, design
    if not y.any() and link == "log":
        return without_root(design, Verdict.NO_EVENTS), back, design
    start = np.zeros(back.shape[0])
    start[0] = link_of(np.array([weights @ y / weights.sum()]), link)[0]
    fit = fit_mean(design, y, weights, link, start, canonical=True)
    return replace(fit, at_fault=tuple(c - 1 for c in fit.at_fault if c > 0)), back, design


def _require_follow_up(censoring: _Censoring, levels: np.ndarray, horizon: float) -> None:
    for level, piece in zip(levels, censoring.pieces, strict=True):
        if censoring.hazard[piece][-1] > 0:
            last = censoring.time[censoring.group == piece.stop - 1].max()
            where = f" in group {level} of `censoring_group`" if levels.size > 1 else ""
            require_follow_up(float(last), 1.0, horizon, where=where)


def _censoring(time: Floats, event: Bools, codes: Counts, weights: Floats, horizon: float) -> _Censoring:
    """Estimate G within each group from follow-up that ends at the horizon."""
    reached = time >= horizon * (1 - TIE_TOLERANCE)
    cut = np.where(reached, horizon, time)
    censored = ~(event | reached)
    sets, begins = split_by_stratum(risk_set(cut, censored), codes)
    size = sets.time.size
    pieces = tuple(slice(a, b) for a, b in pairwise([*begins.tolist(), size]))
    leaving = sum_by_time(sets, weights)
    at_risk = np.concatenate([suffix_sum(leaving[piece]) for piece in pieces])
    hazard = np.bincount(sets.group, weights * censored, size) / at_risk
    # G is zero only at a last time that is censored, and nobody has a weight there.
    survival = np.concatenate([np.cumprod(1 - hazard[piece]) for piece in pieces])[sets.group]
    inverse = np.divide(1.0, survival, out=np.zeros(survival.shape), where=~censored)
    return _Censoring(cut, inverse, censored, sets.group, pieces, at_risk, hazard)
