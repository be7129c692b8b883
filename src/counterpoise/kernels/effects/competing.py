"""Competing causes in weighted arms, with the weights taken as known and as estimated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Counts, Floats, as_binary, as_vector, require
from counterpoise.kernels.competing.aalen_johansen import aalen_johansen, incidence_at, incidence_influence
from counterpoise.kernels.competing.causes import CENSORED, as_cause, as_causes
from counterpoise.kernels.competing.fine_gray import FineGrayFit, fine_gray
from counterpoise.kernels.cox.fit import as_covariates
from counterpoise.kernels.effects.stacked import (
    WeightedEstimate,
    contrasts_of_arms,
    of_rows,
    weighing_rows,
    weighted_estimate,
)
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.records import WeightModel


@dataclass(frozen=True, slots=True, eq=False)
class WeightedIncidence:
    """Weighted cumulative incidence of one cause in two arms at m times; not estimable is NaN."""

    cause: int
    time: Floats
    """(m,)"""
    incidence: WeightedEstimate
    """(2, m) of controls, then of treated; plain limits."""
    difference: WeightedEstimate
    """(m,) treated less controls."""
    log_ratio: WeightedEstimate
    """(m,) logarithm of treated over controls; NaN where an incidence is zero."""


def weighted_incidence(  # noqa: PLR0913 - the data, the weights, the times and the choice of limits
    time: ArrayLike,
    cause: ArrayLike,
    treatment: ArrayLike,
    model: WeightModel,
    at: ArrayLike,
    *,
    of: int = 1,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> WeightedIncidence:
    """Estimate the cumulative incidence of the cause `of` in the weighted arms of `treatment` at (m,) times `at`.

    Aalen and Johansen's estimate in which a row counts as much as it weighs. `cause` is 0 for censored, else 1, 2,
    ... . Variances are sums of squared influence values: with the weights known, and through score and weights too.

    >>> model = WeightModel(np.array([1.0, 2, 1, 1, 1, 1]), np.zeros((6, 0)), np.zeros((6, 0)))
    >>> found = weighted_incidence([1, 2, 3, 1, 2, 3], [1, 2, 0, 2, 1, 0], [0, 0, 0, 1, 1, 1], model, at=[2])
    >>> found.incidence.estimate.round(4).ravel()
    array([0.25  , 0.3333])

    Raises `InputError` as `aalen_johansen` does, and where `model` has other rows or an arm no positive weight.

    Source: Aalen and Johansen (1978), Scand J Stat 5:141; stacking as for `stacked_influence`.
    """
    treated = as_binary("treatment", treatment)
    rows = weighing_rows(model, treated.size)
    require_both_arms(treated[rows])
    causes, months = as_causes("cause", cause, treated.size), as_vector("time", time, treated.size)
    moments = as_vector("at", at)
    require(moments >= 0, "`at` must be finite and non-negative")
    of = as_cause("of", of)
    occurring = np.unique(np.append(causes[rows & (causes != CENSORED)], of))
    incidence, influence = np.empty((2, moments.size)), np.zeros((treated.size, 2, moments.size))
    for arm, member in enumerate((~treated & rows, treated & rows)):
        curve = aalen_johansen(
            months[member],
            causes[member],
            entry=of_rows("entry", entry, member),
            weights=model.weights[member],
            causes=occurring,
        )
        place_of = int(np.searchsorted(curve.causes, of))
        incidence[arm] = incidence_at(curve, moments).incidence[place_of]
        for place, moment in enumerate(moments.tolist()):
            influence[member, arm, place] = incidence_influence(curve, moment)[:, place_of]
    influence[:, np.isnan(incidence)] = np.nan
    difference, log_ratio = contrasts_of_arms(incidence, influence, model, cluster=cluster, confidence=confidence)
    curves = weighted_estimate(incidence, influence, model, cluster=cluster, confidence=confidence)
    return WeightedIncidence(of, moments, curves, difference, log_ratio)


@dataclass(frozen=True, slots=True, eq=False)
class WeightedFineGray:
    """A weighted Fine-Gray model of p covariates."""

    log_hazard_ratio: WeightedEstimate
    """(p,) log subdistribution hazard ratios; NaN unless the verdict is CONVERGED."""
    causes: Counts
    """(3,) rows of positive weight with the cause of interest, with another, and censored."""
    verdict: Verdict
    at_fault: tuple[int, ...]


def weighted_fine_gray(
    time: ArrayLike,
    cause: ArrayLike,
    x: ArrayLike,
    model: WeightModel,
    *,
    of: int = 1,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> WeightedFineGray:
    """Fit Fine and Gray's model of the cause `of` on (n, p) `x` with the weights of `model`.

    The convention is that of cmprsk, whose censoring curve counts the weights. Both variances are infinitesimal
    jackknives: through that curve, and the stacked one through score and weights too. `fine_gray` has the rest.

    >>> model = WeightModel(np.ones(6), np.zeros((6, 0)), np.zeros((6, 0)))
    >>> fit = weighted_fine_gray([1, 2, 3, 4, 5, 6], [1, 2, 1, 0, 1, 2], [1, 0, 1, 0, 0, 1], model)
    >>> fit.log_hazard_ratio.estimate.round(4), fit.causes
    (array([1.007]), array([3, 2, 1]))

    Raises `InputError` as `fine_gray` does, and where `model` has other rows. The record carries a verdict and this
    function does not raise on it.

    Source: Fine and Gray (1999), JASA 94:496; stacking as for `stacked_influence`.
    """
    causes = as_vector("cause", cause)
    rows = weighing_rows(model, causes.size)
    columns = as_covariates(x, causes.size)
    months = as_vector("time", time, causes.size)
    fit = fine_gray(months[rows], causes[rows], columns[rows], of=of, weights=model.weights[rows], variance="jackknife")
    influence = np.zeros((causes.size, columns.shape[1]))
    influence[rows] = _if_converged(fit, fit.influence)
    influence[:, np.isnan(influence).any(axis=0)] = np.nan
    estimate = weighted_estimate(
        _if_converged(fit, fit.coefficients), influence, model, cluster=cluster, confidence=confidence
    )
    counts = np.array([fit.n_events, fit.n_competing, fit.n_censored])
    return WeightedFineGray(estimate, counts, fit.verdict, fit.at_fault)


def _if_converged(fit: FineGrayFit, values: Floats) -> Floats:
    return values if fit.verdict is Verdict.CONVERGED else np.full_like(values, np.nan)
