"""Hazard ratios of weighted arms, with the weights taken as known and as estimated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Floats, as_binary, as_vector
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import as_covariates, cox
from counterpoise.kernels.effects.stacked import (
    of_rows,
    root_of_squares,
    small_sample_factor,
    stacked_influence,
    weighing_rows,
)
from counterpoise.kernels.effects.weighted_log_rank import WeightedLogRank, weighted_log_rank
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.sandwich import sandwich
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.records import WeightModel


@dataclass(frozen=True, slots=True, eq=False)
class WeightedCox:
    """A weighted Cox model of p covariates, with the covariances of its coefficients; what has no value is NaN."""

    coefficients: Floats
    """(p,) log hazard ratios."""
    naive_covariance: Floats
    """(p, p) the inverse information, as if each weight counted equal rows: of no use but to show how wrong it is."""
    fixed_covariance: Floats
    """(p, p) robust, the weights taken as known (Lin-Wei)."""
    stacked_covariance: Floats
    """(p, p) robust, the weights estimated."""
    fixed_influence: Floats
    """(n, p) what each row, with its weight, moves the coefficients by; 0 for rows of weight zero."""
    stacked_influence: Floats
    """(n, p) the same, through score and weights too."""
    factor: float
    """`small_sample_factor`: what to multiply standard errors by; it is in no other field."""
    n: int
    """Rows of positive weight."""
    n_events: int
    """Rows of positive weight with an event, not their weights."""
    ties: str
    verdict: Verdict
    at_fault: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class HazardEffect:
    """The marginal hazard ratio of treated to controls in a weighted cohort; what has no value is NaN."""

    log_hazard_ratio: float
    stacked_std_error: float
    """The weights estimated."""
    adjusted_std_error: float
    """`stacked_std_error` times sqrt(n / (n - q - 1)), q the parameters of the weights."""
    fixed_std_error: float
    """The weights taken as known (Lin-Wei)."""
    naive_std_error: float
    """From the inverse information: it changes with the scale of the weights."""
    fixed_influence: Floats
    """(n,) what each row, with its weight, moves the log hazard ratio by; 0 for rows of weight zero."""
    stacked_influence: Floats
    """(n,) the same, through score and weights too."""
    log_rank: WeightedLogRank
    """The robust score test of no effect."""
    n: int
    n_events: int
    n_parameters: int
    """q, the parameters that the weights hang on."""
    ties: str
    verdict: Verdict


def weighted_cox(
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    model: WeightModel,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: Ties = "efron",
) -> WeightedCox:
    """Fit Cox's model on (n, p) `x` with the weights of `model`, with variances for known and estimated weights.

    Everything but `model` is as for `cox`; rows of weight zero are left out. With an interaction among the columns
    the Wald test from `stacked_covariance` is that of an effect that differs between subgroups.

    >>> model = WeightModel(np.array([1.0, 2.0, 1.0, 1.0]), np.zeros((4, 0)), np.zeros((4, 0)))
    >>> fit = weighted_cox([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], model)
    >>> fit.coefficients.round(4), bool(fit.stacked_covariance == fit.fixed_covariance)
    (array([0.5025]), True)

    Raises `InputError` as `cox` does, and where `model` has other rows or numbers that are not finite. The record
    carries a verdict and this function does not raise on it.

    Source: as for `stacked_influence` and `cox`.
    """
    events = as_binary("event", event)
    rows = weighing_rows(model, events.size)
    columns = as_covariates(x, events.size)
    fit = cox(
        as_vector("time", time, events.size)[rows],
        events[rows],
        columns[rows],
        ties=ties,
        entry=of_rows("entry", entry, rows),
        weights=model.weights[rows],
        stratum=of_rows("stratum", stratum, rows),
        cluster=of_rows("cluster", cluster, rows),
    )
    fixed = np.zeros((events.size, columns.shape[1]))
    fixed[rows] = fit.influence
    if fit.verdict is not Verdict.CONVERGED:
        fixed[:] = np.nan
    stacked = stacked_influence(fixed, model)
    return WeightedCox(
        coefficients=_known(fit.coefficients, fit.verdict),
        naive_covariance=_known(fit.naive_covariance, fit.verdict),
        fixed_covariance=sandwich(fixed, cluster),
        stacked_covariance=sandwich(stacked, cluster),
        fixed_influence=fixed,
        stacked_influence=stacked,
        factor=small_sample_factor(model, cluster=cluster),
        n=int(rows.sum()),
        n_events=fit.n_events,
        ties=ties,
        verdict=fit.verdict,
        at_fault=fit.at_fault,
    )


def weighted_hazard_ratio(
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    model: WeightModel,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: Ties = "efron",
) -> HazardEffect:
    """Estimate the marginal hazard ratio of `treatment` (0 or 1) in the cohort that the weights of `model` make.

    A Cox model of treatment alone; `entry`, `stratum`, `cluster` and `ties` are as for `cox`. Which population the
    ratio belongs to is a matter of the weights. With q = 0 parameters (known weights) the stacked variance is the
    fixed one. A hazard ratio is not collapsible: it is not the ratio of a model with the confounders as covariates.

    >>> model = WeightModel(np.array([1.0, 2.0, 1.0, 1.0]), np.zeros((4, 0)), np.zeros((4, 0)))
    >>> found = weighted_hazard_ratio([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], model)
    >>> round(found.log_hazard_ratio, 4), found.verdict.value
    (0.5025, 'converged')

    Raises `InputError` as `weighted_cox` does, and where an arm has no row of positive weight. Where there is no
    finite estimate (no event, or all events in one arm) the verdict says so and the numbers are NaN.

    Source: Lin and Wei (1989), JASA 84:1074; Shu, Young, Toh and Wang (2021), Biometrics 77:1101; Austin (2016),
    Stat Med 35:5642, for what the variances do.
    """
    treated = as_binary("treatment", treatment)
    rows = weighing_rows(model, treated.size)
    require_both_arms(treated[rows])
    x = treated.astype(float)
    fit = weighted_cox(time, event, x, model, entry=entry, stratum=stratum, cluster=cluster, ties=ties)
    test = weighted_log_rank(time, event, treated, model, entry=entry, stratum=stratum, cluster=cluster, ties=ties)
    stacked_std_error = float(root_of_squares(fit.stacked_influence[:, 0], cluster))
    return HazardEffect(
        log_hazard_ratio=float(fit.coefficients[0]),
        stacked_std_error=stacked_std_error,
        adjusted_std_error=stacked_std_error * fit.factor,
        fixed_std_error=float(root_of_squares(fit.fixed_influence[:, 0], cluster)),
        naive_std_error=float(np.sqrt(fit.naive_covariance[0, 0])),
        fixed_influence=fit.fixed_influence[:, 0],
        stacked_influence=fit.stacked_influence[:, 0],
        log_rank=test,
        n=fit.n,
        n_events=fit.n_events,
        n_parameters=model.derivative.shape[1],
        ties=ties,
        verdict=fit.verdict,
    )


def _known(values: Floats, verdict: Verdict) -> Floats:
    return values if verdict is Verdict.CONVERGED else np.full_like(values, np.nan)
