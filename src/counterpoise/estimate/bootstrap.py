"""The bootstrap of the whole chain: each replicate refits the score, the weights and every Cox model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.balance import balancing_weights
from counterpoise.design import Design, Endpoint
from counterpoise.errors import UnsupportedError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.estimate.options import BootstrapOptions
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import Ties
from counterpoise.kernels.effects.batched_effects import batched_effects
from counterpoise.kernels.resample import (
    batched_logistic,
    batched_survival,
    batched_treatment_cox,
    fractional_weights,
)


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapEffect:
    """The spread of one endpoint's weighted effect over the replicates that converged.

    `ratio` has the point estimate of the cohort and the standard deviation of the replicates as its standard
    error; `percentile` is the interval between their quantiles; `difference_std_error` belongs to the
    difference of survival at the horizon. `failed` of `replicates` did not converge.
    """

    endpoint: Endpoint
    ratio: HazardRatio
    percentile: tuple[float, float]
    difference_std_error: float
    replicates: int
    failed: int


def bootstrap_effects(
    design: Design,
    adjustments: Adjustments,
    log_ratios: Sequence[float],
    horizon: float,
    options: BootstrapOptions,
    *,
    ties: Ties = "efron",
    confidence: float = 0.95,
) -> tuple[BootstrapEffect, ...]:
    """Draw exponential weights for the patients (fractional random weights), refit everything, and take the spread.

    Fractional weights never lose an arm or a level of a covariate, as drawing with replacement does at n = 146
    (Xu, Gotwalt, Hong, King and Meeker 2020, The American Statistician 74:345). `log_ratios` are the estimates
    of the cohort, one an endpoint.
    """
    if adjustments.weighting.truncation is not None:
        raise UnsupportedError(
            "The bootstrap does not know truncated weights; set bootstrap.replicates = 0, or remove "
            "balance.weights.truncate."
        )
    score, weighting, rows = adjustments.score, adjustments.weighting, adjustments.rows
    treated = score.treatment
    case_weights = fractional_weights(options.replicates, rows.size, options.seed)
    refit = batched_logistic(treated, score.x, case_weights, start=score.fit.coefficients)
    weights = balancing_weights(
        refit.probability[refit.converged],
        treated,
        estimand=weighting.estimand,
        stabilised=weighting.stabilised,
        case_weights=case_weights[refit.converged],
    )
    effects: list[BootstrapEffect] = []
    for endpoint, estimate in zip(design.endpoints, log_ratios, strict=True):
        found, differences = _replicates(endpoint, rows, treated, weights, horizon, ties)
        effects.append(
            BootstrapEffect(
                endpoint=endpoint,
                ratio=hazard_ratio(design.treatment.label, estimate, _spread(found), confidence),
                percentile=_percentile(found, confidence),
                difference_std_error=_spread(differences),
                replicates=options.replicates,
                failed=options.replicates - found.size,
            )
        )
    return tuple(effects)


def _replicates(
    endpoint: Endpoint, rows: Counts, treated: Bools, weights: Floats, horizon: float, ties: Ties
) -> tuple[Floats, Floats]:
    """Return log hazard ratio and difference of survival of the replicates that have a finite answer."""
    time, event, entry = endpoint.time[rows], endpoint.event[rows], endpoint.entry_of(rows)
    if not event.any() or not weights.size:
        return np.zeros(0), np.zeros(0)
    if entry is not None:
        late = batched_effects(time, event, treated, weights, at=[horizon], entry=entry, ties=ties)
        converged = np.isfinite(late.log_hazard_ratio)
        return late.log_hazard_ratio[converged], late.survival_difference[converged, 0]
    hazard = batched_treatment_cox(time, event, treated, weights, ties=ties)
    good = weights[hazard.converged]
    active, control = (batched_survival(time[m], event[m], good[:, m], horizon) for m in (treated, ~treated))
    return hazard.log_hazard_ratio[hazard.converged], active - control


def _percentile(log_ratios: Floats, confidence: float) -> tuple[float, float]:
    if log_ratios.size < 2:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(log_ratios, (tail, 1 - tail))
    return float(np.exp(lower)), float(np.exp(upper))


def _spread(values: Floats) -> float:
    return float(np.std(values, ddof=1)) if values.size > 1 else float("nan")
