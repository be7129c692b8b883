"""Tests of proportional hazards, that is of coefficients that do not change with time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_weights
from counterpoise.kernels.cox.blocks import Ties, arrange, derivatives, risk_sums
from counterpoise.kernels.cox.fit import as_covariates, check_ties, maximise, quadratic_form
from counterpoise.kernels.newton import Point, ascend
from counterpoise.kernels.risk_set import RiskSet, risk_set, sum_at_risk, sum_by_time
from counterpoise.kernels.sandwich import group_codes, sandwich
from counterpoise.kernels.verdict import Verdict, raise_unless_converged

Transform = Literal["km", "rank", "identity", "log"]

MODEL = "the Cox model under the test of proportional hazards"


@dataclass(frozen=True, slots=True, eq=False)
class ProportionalHazardsTest:
    """Score tests of k terms and of all together; a statistic is NaN if the event times are too few for it."""

    statistic: Floats
    """(k,) chi-squared, one a term."""
    degrees_of_freedom: Floats
    """(k,) the columns of each term."""
    p_value: Floats
    """(k,)"""
    global_statistic: float
    global_df: float
    global_p_value: float
    transform: Transform


@dataclass(frozen=True, slots=True, eq=False)
class WeightedProportionalHazardsTest:
    """Robust Wald test of treatment x g(t) in a weighted Cox model of treatment alone."""

    statistic: float
    """Chi-squared on one degree of freedom."""
    p_value: float
    coefficient: float
    """Change of the log hazard ratio for one unit of g(t)."""
    std_error: float
    """Robust, clustered if asked for; the weights are taken as fixed."""
    transform: Transform


def proportional_hazards_test(
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    terms: Sequence[Sequence[int]] | None = None,
    transform: Transform = "km",
    ties: Ties = "efron",
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
) -> ProportionalHazardsTest:
    """Test by an exact score test that no coefficient of a Cox model varies with g(time).

    `x` is (n, p); `terms` groups its columns, for example the indicators of one category, and is one term a
    column by default. g is `transform`: one minus the left-continuous Kaplan-Meier estimate of all rows (`km`),
    the average rank of the time among all rows, time itself, or its logarithm. This is the test of R's survival from
    version 3 on, in which the information of treatment x g(t) is summed over the risk sets; the older one took
    it as proportional to the total and is not the same number. Weights are not an argument: this
    statistic doubles when all weights double, see `weighted_proportional_hazards_test`.

    Raises `FitError` if the model itself has no finite estimate.

    >>> test = proportional_hazards_test([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0], [0, 1, 0, 1, 1, 0])
    >>> round(test.global_statistic, 6), round(test.global_p_value, 6)
    (1.553385, 0.212636)

    Source: Grambsch and Therneau (1994), Biometrika 81:515, in the form of Therneau's survival 3.
    """
    sets = risk_set(time, event, entry)
    x = as_covariates(x, sets.n)
    check_ties(ties)
    g = time_transform(sets, transform)
    columns = _columns(terms, x.shape[1])
    codes = None if stratum is None else group_codes("stratum", stratum, sets.n)
    if not sets.event.any():
        raise_unless_converged(Verdict.NO_EVENTS, MODEL)
    design = arrange(sets, x, np.ones(sets.n), codes, ties)
    ascent = maximise(design, np.zeros(x.shape[1]))
    raise_unless_converged(ascent.verdict, MODEL)
    sums = risk_sums(design, ascent.coefficients)
    factor = _standardise(g[design.time_index], design.death_weight)
    score, cross = derivatives(design, sums, factor)
    _, square = derivatives(design, sums, factor**2)
    variance = square - cross @ np.linalg.solve(ascent.last.information, cross)
    statistic = np.array([quadratic_form(variance[np.ix_(c, c)], score[c]) for c in columns])
    df = np.array([float(c.size) for c in columns])
    overall, p = quadratic_form(variance, score), float(x.shape[1])
    return ProportionalHazardsTest(
        statistic, df, chdtrc(df, statistic), overall, p, float(chdtrc(p, overall)), transform
    )


def time_transform(sets: RiskSet, transform: Transform) -> Floats:
    """Return g at each of the m distinct observed times, for rows that count once each.

    >>> time_transform(risk_set([1, 2, 2, 3], [1, 1, 1, 0]), "rank")
    array([1. , 2.5, 4. ])
    """
    if transform not in get_args(Transform):
        raise InputError(f"`transform` must be 'km', 'rank', 'identity' or 'log'; it is {transform!r}.")
    if transform == "identity":
        return sets.time
    if transform == "log":
        if sets.event.any() and sets.time[sets.event_groups[0]] <= 0:
            raise InputError("`time` must be positive at every event for the log transform; an event is at 0.")
        return np.log(np.maximum(sets.time, np.finfo(float).tiny))
    if transform == "rank":
        rows = np.bincount(sets.group)
        return np.cumsum(rows) - (rows - 1) / 2
    events = sum_by_time(sets, sets.event.astype(float))
    survival = np.cumprod(1 - events / sum_at_risk(sets))
    return 1 - np.concatenate(([1.0], survival[:-1]))


def _columns(terms: Sequence[Sequence[int]] | None, p: int) -> Sequence[Counts]:
    if terms is None:
        return [np.array([column]) for column in range(p)]
    columns = [np.array(term, dtype=np.intp) for term in terms]
    for column in columns:
        if column.size == 0 or column.min() < 0 or column.max() >= p or np.unique(column).size < column.size:
            raise InputError(
                f"`terms` must name columns from 0 to {p - 1}, each once a term; {column.tolist()} does not."
            )
    return columns


def _standardise(g: Floats, weight: Floats) -> Floats:
    """Centre and scale g, which changes no test but keeps the information well conditioned."""
    centred = g - np.average(g, weights=weight)
    largest = float(np.abs(centred).max())
    return centred / largest if largest > 0 else centred


@dataclass(frozen=True, slots=True, eq=False)
class _TwoArms:
    """The g event times of a weighted comparison of two arms, and the D deaths at them."""

    g: Floats
    """(g,) centred and scaled transform of each event time."""
    treated: Floats
    """(g,) weight at risk under treatment."""
    control: Floats
    """(g,)"""
    treated_deaths: Floats
    """(g,) weight of the deaths under treatment."""
    control_deaths: Floats
    """(g,)"""
    start: Counts
    """(g,) where in the deaths each event time begins."""
    of: Counts
    """(D,) the event time of each death."""
    fraction: Floats
    """(D,) Efron's f = 0, 1/d, ..., (d - 1)/d."""
    mean_weight: Floats
    """(D,) the mean weight of the tied deaths."""


def weighted_proportional_hazards_test(
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    weights: ArrayLike | None,
    *,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    transform: Transform = "km",
) -> WeightedProportionalHazardsTest:
    """Test by a robust Wald test that the weighted hazard ratio of treatment (0 or 1) is constant in g(time).

    The model has the hazard ratio exp(b + c g(t)), which is what splitting every row at every event time would
    fit, with Efron's ties; c is tested with the Lin-Wei variance summed within clusters (rows by default). g is
    that of `proportional_hazards_test`, from unweighted rows. The result does not depend on the sum of the
    weights, and the weights are taken as fixed. A row is at risk from after its `entry`, as in `cox`.

    Raises `FitError` if the model has no finite estimate, for example if there is one event time only.

    >>> test = weighted_proportional_hazards_test(
    ...     [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 1, 1, 1, 0], [0, 1, 0, 1, 1, 0, 0, 1], [1, 2, 1, 2, 1, 2, 1, 2]
    ... )
    >>> round(test.statistic, 6)
    0.533822

    Source: Lin and Wei (1989), JASA 84:1074, for a covariate that changes with time.
    """
    sets = risk_set(time, event, entry)
    a = as_binary("treatment", treatment, sets.n)
    w = as_weights("weights", weights, sets.n)
    clusters = None if cluster is None else group_codes("cluster", cluster, sets.n)
    g = time_transform(sets, transform)[sets.event_groups]
    if not sets.event.any():
        raise_unless_converged(Verdict.NO_EVENTS, MODEL)
    arms, unit = _two_arms(sets, a, w, g)
    ascent = ascend(
        lambda beta: _evaluate(arms, beta),
        np.zeros(2),
        spread=lambda beta: float(np.abs(beta[0] + beta[1] * arms.g).max()),
        usual_information=float(arms.mean_weight.sum()),
    )
    raise_unless_converged(ascent.verdict, MODEL)
    residuals = _residuals(sets, arms, a, w, ascent.coefficients)
    covariance = sandwich(residuals @ np.linalg.inv(ascent.last.information), clusters)
    coefficient, std_error = ascent.coefficients[1] / unit, np.sqrt(covariance[1, 1]) / unit
    statistic = (coefficient / std_error) ** 2
    p_value = float(chdtrc(1.0, statistic))
    return WeightedProportionalHazardsTest(float(statistic), p_value, float(coefficient), float(std_error), transform)


def _two_arms(sets: RiskSet, a: Bools, w: Floats, g: Floats) -> tuple[_TwoArms, float]:
    """Return the sums by arm, and the length of a unit of their g in units of the g given."""
    at = sets.event_groups
    by_arm = np.stack((w * a, w * ~a))
    treated, control = sum_at_risk(sets, by_arm)[:, at]
    treated_deaths, control_deaths = sum_by_time(sets, by_arm * sets.event)[:, at]
    count = np.bincount(sets.group[sets.event], minlength=sets.time.size)[at]
    start = np.cumsum(count) - count
    of = np.repeat(np.arange(count.size), count)
    fraction = (np.arange(of.size) - start[of]) / count[of]
    mean_weight = ((treated_deaths + control_deaths) / count)[of]
    centred = g - np.average(g, weights=count)
    unit = float(np.abs(centred).max()) or 1.0
    arms = _TwoArms(centred / unit, treated, control, treated_deaths, control_deaths, start, of, fraction, mean_weight)
    return arms, unit


def _hazards(arms: _TwoArms, beta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the (g,) hazard ratios and, for each of D deaths, its denominator, the share of treatment, its hazard."""
    ratio = np.exp(beta[0] + beta[1] * arms.g)
    treated = (arms.treated * ratio)[arms.of] - arms.fraction * (arms.treated_deaths * ratio)[arms.of]
    denominator = treated + arms.control[arms.of] - arms.fraction * arms.control_deaths[arms.of]
    return ratio, denominator, treated / denominator, arms.mean_weight / denominator


def _evaluate(arms: _TwoArms, beta: Floats) -> Point:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        _, denominator, share, _ = _hazards(arms, beta)
        observed = arms.treated_deaths @ (beta[0] + beta[1] * arms.g)
        log_likelihood = float(observed - arms.mean_weight @ np.log(denominator))
    excess = arms.treated_deaths - np.add.reduceat(arms.mean_weight * share, arms.start)
    spread = np.add.reduceat(arms.mean_weight * share * (1 - share), arms.start)
    powers = np.stack((np.ones_like(arms.g), arms.g, arms.g**2))
    score, moments = powers[:2] @ excess, powers @ spread
    return Point(log_likelihood, score, np.array([moments[:2], moments[1:]]))


def _residuals(sets: RiskSet, arms: _TwoArms, a: Bools, w: Floats, beta: Floats) -> Floats:
    """Return (n, 2) derivatives of the score by each case weight, times that weight."""
    ratio, _, share, hazard = _hazards(arms, beta)
    z = np.stack((np.ones_like(arms.g), arms.g))
    shares = np.add.reduceat(share, arms.start) / np.bincount(arms.of)
    # what being at risk at an event time costs a row of each arm, and what of it a death there is spared
    parts = np.stack((hazard * (1 - share), -hazard * share))
    cost = np.add.reduceat(parts, arms.start, axis=1)
    spared = np.add.reduceat(parts * arms.fraction, arms.start, axis=1)
    cost[0] *= ratio
    spared[0] *= ratio
    running = np.concatenate((np.zeros((2, 2, 1)), np.cumsum(cost[:, None] * z, axis=2)), axis=2)
    arm = np.where(a, 0, 1)
    seen = np.searchsorted(sets.event_groups, sets.group, side="right")
    residuals = -running[arm, :, seen]
    if sets.first is not None:
        residuals += running[arm, :, np.searchsorted(sets.event_groups, sets.first)]
    rows = np.flatnonzero(sets.event)
    own = seen[rows] - 1
    residuals[rows] += ((a[rows] - shares[own]) + spared[arm[rows], own])[:, None] * z[:, own].T
    return residuals * w[:, None]
