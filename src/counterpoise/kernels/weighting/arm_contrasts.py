"""Effects between several weighted arms: hazard ratios of all pairs, a 2 x 2 interaction, survival at a time."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_floats, as_vector, require
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.curves.intervals import IntervalType, check_confidence, check_interval, limits
from counterpoise.kernels.effects.hazard import WeightedCox, weighted_cox
from counterpoise.kernels.effects.stacked import of_rows, stacked_influence, weighing_rows
from counterpoise.kernels.effects.survival_at import curve_at
from counterpoise.kernels.effects.weighted_log_rank import WeightedLogRank, weighted_log_rank
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.sandwich import sandwich
from counterpoise.kernels.tables.multiplicity import holm
from counterpoise.kernels.weighting.multinomial import as_arms
from counterpoise.kernels.weighting.records import WeightModel
from counterpoise.kernels.weighting.weight_model import known_weights


@dataclass(frozen=True, slots=True, eq=False)
class WaldContrasts:
    """c contrasts between arms, with one of the two variances; every array is (c,), NaN where not estimable."""

    value: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    z: Floats
    p_value: Floats
    """Two-sided."""
    p_adjusted: Floats
    """Holm's adjustment for those of the c that have a p-value."""
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class ArmHazards:
    """A weighted Cox model of k arms, and the log hazard ratios of its c = k (k - 1) / 2 pairs."""

    fit: WeightedCox
    """On indicators of arms 1, ..., k - 1; unless its verdict is CONVERGED the contrasts are NaN."""
    first: Counts
    """(c,) the reference arm of each pair."""
    second: Counts
    """(c,) the arm that is compared with it."""
    stacked: WaldContrasts
    """log hazard ratios of `second` to `first`; the variance knows that the weights were estimated."""
    fixed: WaldContrasts
    """The same with the weights taken as known."""
    log_rank: WeightedLogRank
    """Robust score test that all arms have one hazard: the test beside weighted curves."""


@dataclass(frozen=True, slots=True, eq=False)
class FactorialHazards:
    """Log hazard ratios of two treatments given alone, together or not at all."""

    effects_stacked: WaldContrasts
    """(4,) first without second, first with second, second without first, second with first."""
    effects_fixed: WaldContrasts
    interaction_stacked: WaldContrasts
    """(1,) log hazard of both - first alone - second alone + neither."""
    interaction_fixed: WaldContrasts


@dataclass(frozen=True, slots=True, eq=False)
class ArmSurvival:
    """Weighted survival of k arms at one time, and the differences of the c = k (k - 1) / 2 pairs."""

    time: float
    survival: Floats
    """(k,) NaN where an arm's curve has ended before."""
    stacked_std_error: Floats
    """(k,) the weights estimated."""
    fixed_std_error: Floats
    """(k,) the weights taken as known."""
    lower: Floats
    """(k,) limits from `stacked_std_error` on the scale of `interval`; NaN where survival is 0."""
    upper: Floats
    at_risk: Floats
    """(k,) sums of weights just before the time."""
    stacked_influence: Floats
    """(n, k) what each row, with its weight, moves each survival by, through score and weights too."""
    fixed_influence: Floats
    first: Counts
    second: Counts
    stacked: WaldContrasts
    """(c,) survival of `second` less that of `first`."""
    fixed: WaldContrasts
    interval: str


def arm_hazards(  # noqa: PLR0913 - the rows of a Cox model and its conventions
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    weights: WeightModel | ArrayLike | None = None,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: Ties = "efron",
    confidence: float = 0.95,
) -> ArmHazards:
    """Compare the hazards of (n,) arms 0, ..., k - 1 pair by pair, by one weighted Cox model of all arms.

    A `WeightModel` gives two variances: robust with the weights taken as known, and stacked, through score and weights
    too. Known weights, an array or None for ones, give the same twice. All arms share one baseline hazard in each
    stratum, so that the pairs agree with each other: the log ratio of 2 to 0 is that of 2 to 1 plus that of 1 to 0.
    Holm's adjustment is over the pairs. Where an arm has no event no ratio is finite: the verdict says so, and the
    log-rank test still has an answer.

    >>> found = arm_hazards([1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, 1, 1, 0], [0, 1, 2, 0, 1, 2, 2])
    >>> list(zip(found.first.tolist(), found.second.tolist())), found.fixed.value.round(4)
    ([(0, 1), (0, 2), (1, 2)], array([-0.5805, -1.9425, -1.362 ]))

    Raises `InputError` as `cox` does, and where a weight is negative or an arm has no positive one.

    Source: Li and Li (2019), Ann Appl Stat 13:2389, for several arms; Shu, Young, Toh and Wang (2021), Biometrics
    77:1101, for stacking; Holm (1979), Scand J Stat 6:65.
    """
    codes, k = as_arms(arm)
    model = _as_model(weights, codes, k)
    check_confidence(confidence)
    rows = {"entry": entry, "stratum": stratum, "cluster": cluster}
    test = weighted_log_rank(time, event, codes, model, ties=ties, **rows)
    member = (codes[:, None] == np.arange(1, k)).astype(float)
    fit = weighted_cox(time, event, member, model, ties=ties, **rows)
    pairs = _pairs(k)
    found = _contrasts_of_fit(fit, _differences(pairs, k), confidence)
    return ArmHazards(fit, *pairs, *found, test)


def hazard_contrasts(hazards: ArmHazards, matrix: ArrayLike) -> tuple[WaldContrasts, WaldContrasts]:
    """Return contrasts of the log hazards of k arms by the rows of a (c, k) matrix: stacked, and for fixed weights.

    Each row must sum to zero, since hazards are known up to the baseline only. Holm's adjustment is over the rows.

    >>> found = arm_hazards([1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, 1, 1, 0], [0, 1, 2, 0, 1, 2, 2])
    >>> hazard_contrasts(found, [[-1, 0.5, 0.5]])[0].value.round(4)
    array([-1.2615])

    Source: Wald's test.
    """
    k = hazards.fit.coefficients.size + 1
    rows = np.atleast_2d(as_floats("matrix", matrix))
    if rows.ndim != 2 or rows.shape[1] != k:
        raise InputError(f"`matrix` must have a column for each of the {k} arms; its shape is {rows.shape}.")
    require(np.isfinite(rows), "`matrix` must be finite")
    sums = np.asarray(np.abs(rows.sum(axis=1)) <= 1e-9 * np.abs(rows).sum(axis=1))
    require(sums, "`matrix` must have rows that sum to zero")
    return _contrasts_of_fit(hazards.fit, rows, hazards.fixed.confidence)


def factorial_arms(first: ArrayLike, second: ArrayLike) -> Counts:
    """Return (n,) arms of two 0/1 treatments: 0 neither, 1 the first alone, 2 the second alone, 3 both.

    >>> factorial_arms([0, 1, 0, 1], [0, 0, 1, 1])
    array([0, 1, 2, 3])

    Raises `InputError` for what is not 0 or 1, and where there are no rows.
    """
    one = as_binary("first", first)
    if one.size == 0:
        raise InputError("`first` must have at least one row; it has none.")
    return one.astype(np.intp) + 2 * as_binary("second", second, one.size).astype(np.intp)


def factorial_hazards(hazards: ArmHazards) -> FactorialHazards:
    """Return the effects of two treatments with and without each other, and their interaction, by Wald's test.

    The arms are those of `factorial_arms`. The interaction is log HR(both) - log HR(first) - log HR(second), each to
    neither: how far hazard ratios are from multiplying. Its exponential is the ratio of the first treatment's hazard
    ratio with the second to that without it. Holm's adjustment is over the four effects.

    >>> arm = [0, 1, 2, 3] * 3
    >>> found = factorial_hazards(arm_hazards([1, 5, 3, 12, 2, 6, 9, 4, 11, 8, 7, 10], [1] * 12, arm))
    >>> found.interaction_fixed.value.round(4), found.effects_fixed.value.shape
    (array([-1.3428]), (4,))

    Raises `InputError` unless there are four arms.

    Source: Wald's test of the contrast, with the variances of `arm_hazards`.
    """
    k = hazards.fit.coefficients.size + 1
    if k != 4:
        raise InputError(f"`hazards` must be of the 4 arms of `factorial_arms`; they are of {k}.")
    effects = hazard_contrasts(hazards, [[-1, 1, 0, 0], [0, 0, -1, 1], [-1, 0, 1, 0], [0, -1, 0, 1]])
    return FactorialHazards(*effects, *hazard_contrasts(hazards, [[1, -1, -1, 1]]))


def arm_survival(  # noqa: PLR0913 - the rows of curves, the time, and the choices of the limits
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    weights: WeightModel | ArrayLike | None,
    at: float,
    *,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> ArmSurvival:
    """Return weighted Kaplan-Meier survival of each of (n,) arms at one time, and the pairs' differences.

    The variances are those of `arm_hazards`. Differences have plain limits; since the arms share a score, their
    stacked variance is not the sum of two. Where an arm's curve has ended before `at` it, and its differences, are
    NaN. Two arms are those of `weighted_survival`.

    >>> found = arm_survival([1, 2, 3, 4, 1, 2, 3, 4], [1, 0, 1, 1, 1, 1, 1, 0], [0] * 4 + [1] * 4, None, 2.5)
    >>> found.survival, found.fixed.value, found.fixed.std_error.round(4)
    (array([0.75, 0.5 ]), array([-0.25]), array([0.3307]))

    Raises `InputError` as `kaplan_meier` does, and where a weight is negative or an arm has no positive one.

    Source: Xie and Liu (2005), Stat Med 24:3089; stacking as in `arm_hazards`.
    """
    codes, k = as_arms(arm)
    model = _as_model(weights, codes, k)
    check_interval(interval, confidence)
    times, died = as_vector("time", time, codes.size), as_binary("event", event, codes.size)
    if not (np.isfinite(at) and at >= 0):
        raise InputError(f"`at` must be finite and non-negative; it is {at}.")
    survival, at_risk, own = np.empty(k), np.empty(k), np.zeros((codes.size, k))
    for a in range(k):
        rows: Bools = (codes == a) & (model.weights > 0)
        sets = risk_set(times[rows], died[rows], of_rows("entry", entry, rows))
        curve, present, influence = curve_at(sets, model.weights[rows], np.array([float(at)]))
        survival[a], at_risk[a], own[rows, a] = curve[0], present[0], influence[:, 0]
    own[:, np.isnan(survival)] = np.nan
    through = stacked_influence(own, model)
    covariances = sandwich(through, cluster), sandwich(own, cluster)
    stacked, fixed = (np.sqrt(np.diag(covariance)) for covariance in covariances)
    lower, upper = _limits(survival, stacked, interval, confidence)
    pairs = _pairs(k)
    differences = [_wald(survival, covariance, _differences(pairs, k), confidence) for covariance in covariances]
    return ArmSurvival(
        time=float(at),
        survival=survival,
        stacked_std_error=stacked,
        fixed_std_error=fixed,
        lower=lower,
        upper=upper,
        at_risk=at_risk,
        stacked_influence=through,
        fixed_influence=own,
        first=pairs[0],
        second=pairs[1],
        stacked=differences[0],
        fixed=differences[1],
        interval=interval,
    )


def _as_model(weights: WeightModel | ArrayLike | None, codes: Counts, k: int) -> WeightModel:
    """Return weights of the rows of k arms, each of which must have a positive one."""
    given = np.ones(codes.size) if weights is None else weights
    model = given if isinstance(given, WeightModel) else known_weights(given)
    left = np.bincount(codes[weighing_rows(model, codes.size)], minlength=k)
    if not left.all():
        raise InputError(f"`weights` must be positive somewhere in every arm; arm {int(np.argmin(left))} has none.")
    return model


def _pairs(k: int) -> tuple[Counts, Counts]:
    first, second = np.array(list(combinations(range(k), 2))).T
    return first, second


def _differences(pairs: tuple[Counts, Counts], k: int) -> Floats:
    """Return the (c, k) matrix that takes k values to second less first of each pair."""
    rows, matrix = np.arange(pairs[0].size), np.zeros((pairs[0].size, k))
    matrix[rows, pairs[0]] = -1.0
    matrix[rows, pairs[1]] = 1.0
    return matrix


def _limits(survival: Floats, std_error: Floats, interval: str, confidence: float) -> tuple[Floats, Floats]:
    relative = np.divide(std_error, survival, out=np.zeros_like(survival), where=survival > 0)
    unknown = np.isnan(survival)
    lower, upper = limits(survival, relative, interval, confidence)
    return np.where(unknown, np.nan, lower), np.where(unknown, np.nan, upper)


def _contrasts_of_fit(fit: WeightedCox, matrix: Floats, confidence: float) -> tuple[WaldContrasts, WaldContrasts]:
    stacked, fixed = (
        _wald(fit.coefficients, covariance, matrix[:, 1:], confidence)
        for covariance in (fit.stacked_covariance, fit.fixed_covariance)
    )
    return stacked, fixed


def _wald(values: Floats, covariance: Floats, matrix: Floats, confidence: float) -> WaldContrasts:
    """Return contrasts of (v,) values by the rows of (c, v) `matrix`; one that leaves out an unknown value is known."""
    unknown = np.isnan(values)
    uses: Bools = np.asarray((matrix[:, unknown] != 0).any(axis=1))
    part, between = matrix[:, ~unknown], covariance[np.ix_(~unknown, ~unknown)]
    value = np.where(uses, np.nan, part @ values[~unknown])
    std_error = np.where(uses, np.nan, np.sqrt(np.einsum("ci,ij,cj->c", part, between, part)))
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    z = np.divide(value, std_error, out=np.full_like(value, np.nan), where=std_error > 0)
    p_value = 2 * ndtr(-np.abs(z))
    p_adjusted, known = p_value.copy(), ~np.isnan(p_value)
    p_adjusted[known] = holm(p_value[known])
    return WaldContrasts(value, std_error, value - reach, value + reach, z, p_value, p_adjusted, confidence)
