"""Residuals of a Cox fit: what each row, and each event, departs from it by."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.cox.baseline import Increments, increments
from counterpoise.kernels.cox.blocks import martingale, score_residuals
from counterpoise.kernels.cox.fit import CoxFit
from counterpoise.kernels.sandwich import group_codes, sum_by_cluster

ResidualKind = Literal["martingale", "deviance", "score", "dfbeta", "dfbetas"]

MODEL = "the Cox model whose residuals are asked for"


@dataclass(frozen=True, slots=True, eq=False)
class SchoenfeldResiduals:
    """Covariates of each of D events less their mean over those at risk, sorted by stratum and time."""

    time: Floats
    """(D,)"""
    stratum: Counts
    """(D,) the index of the stratum among the fit's `strata`; 0 without strata."""
    row: Counts
    """(D,) the row of each event, as given to `cox`."""
    residual: Floats
    """(D, p); scaled ones estimate the coefficient at that time."""
    scaled: bool


def residuals(
    fit: CoxFit, kind: ResidualKind = "martingale", *, weighted: bool | None = None, collapse: ArrayLike | None = None
) -> Floats:
    """Return one kind of residual of a Cox fit, a row each in the order given to `cox`: (n,) or (n, p).

    "martingale" is observed less expected events, "deviance" its transform that is nearly symmetric, both (n,);
    "score" is the row's part of the score, "dfbeta" what the row moves the coefficients by to first order, "dfbetas"
    the same in standard errors (naive), all (n, p). `weighted` multiplies by the case weight; it is the default for
    "dfbeta" and "dfbetas". `collapse` (n,) sums over the rows of one label, in the labels' order: of a patient with
    several rows. The deviance residual of N events with martingale residual m is sign(m) sqrt(-2 (m + N log((N - m) /
    N))), after the sum; R's leaves out the division by N, which is right for N of 1 only. Exact ties take Breslow's
    martingale and deviance residuals, as in R; the others they do not have.

    Raises `FitError` if the model has no finite estimate.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> fit = cox(time=[1, 1, 6, 6, 8, 9], event=[1, 0, 1, 1, 0, 1], x=[1, 1, 1, 0, 0, 0], ties="breslow")
    >>> residuals(fit).round(4)
    array([ 0.7287, -0.2713, -0.4574,  0.6667, -0.3333, -0.3333])

    Source: Therneau, Grambsch and Fleming (1990), Biometrika 77:147; Therneau and Grambsch (2000), Modeling Survival
    Data, sections 4.2 to 4.4 and 7.1.
    """
    if kind not in get_args(ResidualKind):
        names = ", ".join(repr(name) for name in get_args(ResidualKind))
        raise InputError(f"`kind` must be one of {names}; it is {kind!r}.")
    by_row = kind in ("martingale", "deviance")
    if not by_row:
        _refuse_exact(fit, kind)
    if kind == "deviance" and weighted:
        raise InputError("`weighted` must not be true for deviance residuals, which are not sums.")
    weighted = kind in ("dfbeta", "dfbetas") if weighted is None else weighted
    steps = increments(fit, MODEL)
    design = steps.design
    values = martingale(design, steps.sums)[0][:, None] if by_row else _score(fit, steps, kind)
    if not weighted:
        values = values / design.weights[:, None]
    result = np.zeros((fit.n, values.shape[1]))
    result[design.rows] = values
    labels = None if collapse is None else group_codes("collapse", collapse, fit.n)
    if labels is not None:
        result = sum_by_cluster(result, labels)
    if not by_row:
        return result
    return _deviance(fit, result[:, 0], labels) if kind == "deviance" else result[:, 0]


def schoenfeld_residuals(fit: CoxFit, *, scaled: bool = False, weighted: bool = False) -> SchoenfeldResiduals:
    """Return the Schoenfeld residuals of a Cox fit: x of each event less the mean of x over those at risk.

    The mean is weighted by hazard ratio (and case weight); under Efron's ties it is the average over the draws of
    the tied set. `scaled` ones are the residual times D times the naive covariance, plus the coefficient: their trend
    in time is that of the coefficient. `weighted` multiplies by the event's own case weight (R's survival before
    3.8-10 takes the weights in another order than the rows). Exact ties have none, as in R.

    Raises `FitError` if the model has no finite estimate.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> fit = cox(time=[1, 1, 6, 6, 8, 9], event=[1, 0, 1, 1, 0, 1], x=[1, 1, 1, 0, 0, 0], ties="breslow")
    >>> schoenfeld_residuals(fit).residual[:, 0].round(4)
    array([ 0.1861,  0.4069, -0.5931,  0.    ])

    Source: Schoenfeld (1982), Biometrika 69:239; Grambsch and Therneau (1994), Biometrika 81:515.
    """
    _refuse_exact(fit, "schoenfeld")
    steps = increments(fit, MODEL)
    design, sums = steps.design, steps.sums
    tied = design.tied
    mean = sums.s[1:] * sums.hazard
    mean[:, tied.group] -= sums.tied_s[1:] * sums.tied_hazard
    mean /= design.death_weight
    row = design.rows[design.deaths]
    # within a time in the order given, as R has them
    order = np.lexsort((row, design.death_group))
    deaths, group = design.deaths[order], design.death_group[order]
    values = ((design.z[1:, deaths] - mean[:, group]) * design.scale[:, None]).T
    if weighted:
        values = values * design.weights[deaths, None]
    if scaled:
        values = values @ fit.naive_covariance * fit.n_events + fit.coefficients
    return SchoenfeldResiduals(design.event_time[group], design.event_stratum[group], row[order], values, scaled)


def _refuse_exact(fit: CoxFit, kind: str) -> None:
    if fit.ties == "exact":
        raise InputError(f"`fit` must have Efron's or Breslow's ties for {kind} residuals; its ties are 'exact'.")


def _score(fit: CoxFit, steps: Increments, kind: str) -> Floats:
    values = score_residuals(steps.design, steps.sums) * steps.design.scale
    if kind == "score":
        return values
    values = values @ fit.naive_covariance
    return values if kind == "dfbeta" else values / np.sqrt(np.diag(fit.naive_covariance))


def _deviance(fit: CoxFit, m: Floats, labels: Counts | None) -> Floats:
    design = fit.design
    assert design is not None
    events = np.zeros((fit.n, 1))
    events[design.rows[design.deaths]] = 1.0
    if labels is not None:
        events = sum_by_cluster(events, labels)
    count = events[:, 0]
    some = count > 0
    share = np.divide(count - m, count, out=np.ones_like(m), where=some)
    return np.sign(m) * np.sqrt(np.maximum(-2 * (m + count * np.log(share)), 0.0))
