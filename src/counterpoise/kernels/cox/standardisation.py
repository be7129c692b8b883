"""Standardised survival (the g-formula): the mean of the curves a Cox model predicts for a cohort, arm by arm."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_vector, require
from counterpoise.kernels.cox.baseline import Increments, increments, running
from counterpoise.kernels.cox.blocks import score_residuals
from counterpoise.kernels.cox.fit import CoxFit
from counterpoise.kernels.cox.prediction import CumulativeSteps, as_times, covariates_of, read_steps, strata_of
from counterpoise.kernels.curves.intervals import IntervalType, check_interval, limits
from counterpoise.kernels.sandwich import group_codes, sum_by_cluster


@dataclass(frozen=True, slots=True, eq=False)
class StandardisedSurvival:
    """Survival at k times, had all of a cohort of n been in one arm and in the other; not estimable is NaN."""

    time: Floats
    """(k,)"""
    survival: Floats
    """(2, k) under control, and under treatment."""
    std_error: Floats
    """(2, k)"""
    lower: Floats
    """(2, k)"""
    upper: Floats
    """(2, k)"""
    difference: Floats
    """(k,) treatment less control; its limits are plain."""
    difference_std_error: Floats
    difference_lower: Floats
    difference_upper: Floats
    ratio: Floats
    """(k,) treatment over control; its limits are from the standard error of its logarithm."""
    log_ratio_std_error: Floats
    ratio_lower: Floats
    ratio_upper: Floats
    influence: Floats
    """(2, n, k) what each row, with its weights, moves `survival` by."""
    interval: IntervalType
    confidence: float


def counterfactuals(
    x: ArrayLike,
    treatment: int,
    *,
    values: tuple[float, float] = (0.0, 1.0),
    interactions: Mapping[int, int] | None = None,
) -> tuple[Floats, Floats]:
    """Return (n, p) `x` with the `treatment` column set to the value of control, and to that of treatment.

    `interactions` maps each column that is the product of treatment and another column to that other column.

    >>> counterfactuals([[1, 5, 5], [0, 3, 0]], treatment=0, interactions={2: 1})[1]
    array([[1., 5., 5.],
           [1., 3., 3.]])
    """
    matrix = as_matrix("x", x)
    products = {} if interactions is None else dict(interactions)
    named = [treatment, *products, *products.values()]
    wrong = [column for column in named if not 0 <= column < matrix.shape[1]]
    if wrong:
        raise InputError(f"`treatment` and `interactions` must name columns of `x`; {wrong[0]} is not one.")
    if treatment in products or treatment in products.values() or set(products) & set(products.values()):
        raise InputError("`interactions` must map products to the columns that treatment is multiplied by.")
    arms = matrix.copy(), matrix.copy()
    for arm, value in zip(arms, values, strict=True):
        arm[:, treatment] = value
        for product, other in products.items():
            arm[:, product] = value * matrix[:, other]
    return arms


def standardised_survival(  # noqa: PLR0913 - the cohort in both arms, and the terms of the fit that it needs again
    fit: CoxFit,
    x_control: ArrayLike,
    x_treated: ArrayLike,
    *,
    times: ArrayLike,
    weights: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    follow_up: float | None = None,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> StandardisedSurvival:
    """Average the survival that `fit` predicts at `times` (k,) over its own n rows, all in one arm and in the other.

    `x_control` and `x_treated` are the (n, p) covariates of the rows that were fitted, in their order, with the
    treatment and all its products set to each arm's value: see `counterfactuals`. `weights` (n,) are those of the
    average, not negative; they are 1 by default, whatever the weights of the fit, and with 1 for the treated and 0 for
    others the average is over the treated (ATT). `stratum` and `offset` are those of the rows in the fit. The
    difference is causal if the model is right and holds all confounders.

    The variance is the sum of squared influence values, within `cluster` first: what a row moves the coefficients,
    the baseline hazard and the average by. The cohort is thus a sample, its covariates too; the variance of R's
    curves for given covariates leaves that out. Weights of the fit are taken as fixed. After the last time at
    which anyone of a stratum was observed the mean is not known (NaN), unless `follow_up` is later.

    Raises `FitError` if the model has no finite estimate, `InputError` for exact ties, which have no influence values.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> x = np.array([[1.0, 3], [0, 1], [1, 2], [0, 4], [1, 1], [0, 2], [1, 3], [0, 3]])
    >>> fit = cox(time=[3, 5, 8, 2, 9, 4, 7, 6], event=[1, 1, 1, 1, 0, 0, 1, 1], x=x)
    >>> standard = standardised_survival(fit, *counterfactuals(x, treatment=0), times=[4, 7])
    >>> standard.survival.round(3)
    array([[0.64 , 0.197],
           [0.867, 0.49 ]])

    Source: Makuch (1982), J Chronic Dis 35:437; Chen and Tsiatis (2001), Biometrics 57:1030; influence values from
    those of Lin and Wei (1989), JASA 84:1074, and Reid and Crepeau (1985), Biometrika 72:1.
    """
    check_interval(interval, confidence)
    if fit.ties == "exact":
        raise InputError("`fit` must have Efron's or Breslow's ties; its ties are 'exact'.")
    steps = increments(fit, "the Cox model that is standardised")
    arms = [_cohort(fit, name, x) for name, x in (("x_control", x_control), ("x_treated", x_treated))]
    codes = strata_of(fit, stratum, fit.n)
    fitted = steps.design.event_stratum[steps.design.exit]
    require(codes[steps.design.rows] == fitted, "`stratum` must be that of the rows of the fit")
    shift = np.zeros(fit.n) if offset is None else as_vector("offset", offset, fit.n)
    share = _shares(weights, fit.n)
    clusters = None if cluster is None else group_codes("cluster", cluster, fit.n)
    at = as_times(times)
    used, of = np.unique(codes, return_inverse=True)
    read = read_steps(steps, used, at, follow_up)
    moved = _Moved(_coefficients(fit, steps), _hazards(fit, steps, used, read))
    means, influences = [], []
    for x in arms:
        z = (x - steps.design.centre) / steps.design.scale
        ratio = np.exp(z @ steps.beta + shift - steps.log_scale)
        mean, influence = _average(z, ratio, share, of, read, moved)
        means.append(mean)
        influences.append(influence)
    return _record(at, np.stack(means), np.stack(influences), clusters, interval, confidence)


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """What each of n rows, with its weight in the fit, moves the fit by."""

    coefficients: Floats
    """(n, p) of the design's covariates."""
    hazard: Floats
    """(n, k) the cumulative hazard of its own stratum, the coefficients held."""


def _cohort(fit: CoxFit, name: str, x: ArrayLike) -> Floats:
    matrix = covariates_of(fit, name, x)
    if len(matrix) != fit.n:
        raise InputError(f"`{name}` must have {fit.n} rows, those of the fit; it has {len(matrix)}.")
    return matrix


def _shares(weights: ArrayLike | None, n: int) -> Floats:
    if weights is None:
        return np.full(n, 1 / n)
    share = as_vector("weights", weights, n)
    require(share >= 0, "`weights` must not be negative")
    if not share.any():
        raise InputError("`weights` must not all be zero.")
    return share / share.sum()


def _coefficients(fit: CoxFit, steps: Increments) -> Floats:
    design = steps.design
    moved = np.zeros((fit.n, steps.beta.size))
    naive = fit.naive_covariance * np.outer(design.scale, design.scale)
    moved[design.rows] = score_residuals(design, steps.sums) @ naive
    return moved


def _hazards(fit: CoxFit, steps: Increments, strata: Counts, read: CumulativeSteps) -> Floats:
    """Return (n, k) derivatives of each row's own cumulative hazard by its case weight, times that weight."""
    design, sums = steps.design, steps.sums
    of = np.searchsorted(strata, design.event_stratum[design.exit])
    until = read.group[of]
    # what being at risk takes off the hazard, up to the earlier of its exit and of the time
    cost = np.append(running(design, sums.a2), 0.0)
    spent = cost[np.minimum(design.exit[:, None], until)]
    if design.late is not None:
        late, before = design.late.rows, design.late.before
        spent[late] -= cost[np.minimum(before[:, None], until[late])]
    values = -sums.risk[:, None] * spent
    # what an event adds, and under Efron's ties what its leaving the later draws spares
    deaths, group = design.deaths, design.death_group
    added = design.weights[deaths] * (sums.hazard / design.death_weight)[group]
    spared = np.zeros(design.rows.size)
    spared[design.tied.rows] = (sums.b2[design.tied.of]) * sums.risk[design.tied.rows]
    seen = group[:, None] <= until[deaths]
    values[deaths] += np.where(seen, (added + spared[deaths])[:, None], 0.0)
    moved = np.zeros((fit.n, read.hazard.shape[1]))
    moved[design.rows] = values
    return moved


def _average(
    z: Floats, ratio: Floats, share: Floats, of: Counts, read: CumulativeSteps, moved: _Moved
) -> tuple[Floats, Floats]:
    """Return the (k,) mean survival and its (n, k) influence values."""
    survival = np.exp(-read.hazard[of] * ratio[:, None])
    # a stratum of no weight in the average has no say in it, even where its curve is not known
    survival = np.where(share[:, None] > 0, survival, 0.0)
    mean = np.where((read.hazard == 0).all(axis=0), 1.0, share @ survival)
    influence = share[:, None] * (survival - mean)
    slope = -(share * ratio)[:, None] * survival
    by_stratum = np.zeros(read.hazard.shape)
    gradient = np.zeros((z.shape[1], mean.size))
    for s in range(len(by_stratum)):
        mine = slope[of == s]
        by_stratum[s] = mine.sum(axis=0)
        here = by_stratum[s] != 0
        known = np.where(here, read.hazard[s], 0.0), np.where(here, read.drift[s], 0.0)
        gradient += (z[of == s].T @ mine) * known[0] - by_stratum[s] * known[1]
    influence += moved.coefficients @ gradient + moved.hazard * by_stratum[of]
    return mean, influence


def _record(
    at: Floats, mean: Floats, influence: Floats, clusters: Counts | None, interval: IntervalType, confidence: float
) -> StandardisedSurvival:
    def error(values: Floats) -> Floats:
        summed = values if clusters is None else sum_by_cluster(values, clusters)
        return np.sqrt((summed**2).sum(axis=0))

    width = float(ndtri(0.5 + confidence / 2))
    std_error = np.stack([error(values) for values in influence])
    lower, upper = limits(mean, std_error / mean, interval, confidence)
    lower[np.isnan(mean)] = upper[np.isnan(mean)] = np.nan
    difference, difference_error = mean[1] - mean[0], error(influence[1] - influence[0])
    relative = influence / mean[:, None]
    ratio, ratio_error = mean[1] / mean[0], error(relative[1] - relative[0])
    return StandardisedSurvival(
        time=at,
        survival=mean,
        std_error=std_error,
        lower=lower,
        upper=upper,
        difference=difference,
        difference_std_error=difference_error,
        difference_lower=difference - width * difference_error,
        difference_upper=difference + width * difference_error,
        ratio=ratio,
        log_ratio_std_error=ratio_error,
        ratio_lower=ratio * np.exp(-width * ratio_error),
        ratio_upper=ratio * np.exp(width * ratio_error),
        influence=influence,
        interval=interval,
        confidence=confidence,
    )
