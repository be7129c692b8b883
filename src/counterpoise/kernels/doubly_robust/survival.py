"""Doubly robust survival: the score and a model of the outcome, of which one may be wrong."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_binary, as_matrix, as_vector, as_weights, require
from counterpoise.kernels.curves.intervals import IntervalType, check_interval, limits
from counterpoise.kernels.doubly_robust.arm import ArmEstimate, Cohort, estimate_arm
from counterpoise.kernels.doubly_robust.records import DoublyRobustSurvival, RestrictedMeans, SurvivalModels
from counterpoise.kernels.doubly_robust.target import target_of
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.verdict import raise_unless_converged
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.records import ScoreFit


def doubly_robust_survival(  # noqa: PLR0913 - a cohort, its three models, and what is asked of them
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    score: ScoreFit,
    x_outcome: ArrayLike,
    *,
    at: ArrayLike,
    horizon: float | None = None,
    x_censoring: ArrayLike | None = None,
    estimand: Estimand = "ATE",
    weights: ArrayLike | None = None,
    models: SurvivalModels | None = None,
    monotone: bool = False,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> DoublyRobustSurvival:
    """Estimate the survival at `at` (k,) of a target population, had all of it been in one arm and in the other.

    The estimate of an arm is the mean of its uncentred efficient influence function (augmented inverse probability
    weighting). With S the survival of a Cox model, G the chance of being uncensored of another, h the tilt and w the
    balancing weight of the `estimand`,

        sum over all of h S(t) + sum over the arm of w (1(T > t) / G(t) - S(t) + S(t) sum of dM_C / (S G)),

    over the sum of h. It is right if the model of the outcome is right, or if the score and the model of censoring
    both are. With `horizon` the areas under the two curves up to it are given too.

    `time`, `event` and `treatment` are (n,), `score` is a fit of the same rows; `x_outcome` (n, p) and `x_censoring`
    (n, r) have the covariates of the two Cox models without the treatment; (n, 0) means none, and None takes those of
    the outcome. `weights` (n,) are case weights of everything. `models` says how the two are fitted; by default one of
    each in each arm. A patient who has the event at the time of a censoring has it before. The ATT averages over the
    treated, the ATC over the controls; ATO, ATM and ATEN average over a population that the score defines, so that
    for them the score must be right.

    The variance is the sum of squared influence values: the efficient ones, and what the estimated score adds to them.
    What the Cox models add vanishes where all models are right, and is left out: with a wrong score or censoring model
    the errors are approximate. `monotone` reads `survival` from the
    nearest curve (in squares over time) that never rises and stays within [0, 1]; errors and areas are not changed.
    Without it an estimate may leave [0, 1], and has no limits there. Time points after `known_until` are NaN; a horizon
    after it is an error.

    Raises `FitError` if a model has no finite estimate: separated arms, no events in an arm, a monotone likelihood.

    >>> from counterpoise.kernels.weighting.logistic_score import logistic_score
    >>> arm, x = [0, 1] * 6, [[3.0], [1], [2], [4], [1], [2], [3], [3], [2], [1], [4], [2]]
    >>> time, event = [3, 5, 8, 2, 4, 9, 7, 6, 1, 3, 6, 8], [1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1]
    >>> robust = doubly_robust_survival(
    ...     time, event, arm, logistic_score(arm, x), x, at=[2.5, 4.5], x_censoring=np.zeros((12, 0)), horizon=6
    ... )
    >>> robust.survival.round(3), robust.restricted_mean.mean.round(3)
    (array([[0.823, 0.459],
           [0.784, 0.784]]), array([4.235, 4.99 ]))

    Source: Zhang and Schaubel (2012), Biometrics 68:999; Bai, Tsiatis and O'Brien (2013), Biometrics 69:830; Westling,
    Luedtke, Gilbert and Carone (2024), J Am Stat Assoc 119:1541; for weighted populations Mao, Li and Greene (2019),
    Stat Methods Med Res 28:2439, and Li, Morgan and Zaslavsky (2018), J Am Stat Assoc 113:390.
    """
    check_interval(interval, confidence)
    models = SurvivalModels() if models is None else models
    sets = risk_set(time, event)
    n = sets.n
    treated = as_binary("treatment", treatment, n)
    require_both_arms(treated)
    case = as_weights("weights", weights, n)
    outcome = as_matrix("x_outcome", x_outcome, n)
    censoring = outcome if x_censoring is None else as_matrix("x_censoring", x_censoring, n)
    times, end = as_vector("at", at), _horizon(horizon)
    require(times >= 0, "`at` must be finite and non-negative")
    _check_score(score, n)
    target = target_of(score, treated, estimand, case)
    cohort = Cohort(sets, treated, case, outcome, censoring, models)
    arms = [estimate_arm(cohort, target, code, times, end, monotone=monotone) for code in (0, 1)]
    return _record(arms, times, end, models, (estimand, score.method, monotone), interval, confidence)


def _horizon(horizon: float | None) -> float | None:
    if horizon is not None and not (np.isfinite(horizon) and horizon > 0):
        raise InputError(f"`horizon` must be positive and finite; it is {horizon}.")
    return horizon


def _check_score(score: ScoreFit, n: int) -> None:
    raise_unless_converged(score.verdict, f"the score by {score.method}")
    if score.probability.size != n:
        raise InputError(f"`score` must be a fit of the {n} rows; it has {score.probability.size}.")


def _error(influence: Floats) -> Floats:
    return np.sqrt((influence**2).sum(axis=0))


def _record(
    arms: list[ArmEstimate],
    times: Floats,
    horizon: float | None,
    models: SurvivalModels,
    named: tuple[Estimand, str, bool],
    interval: IntervalType,
    confidence: float,
) -> DoublyRobustSurvival:
    width = float(ndtri(0.5 + confidence / 2))
    survival, influence = np.stack([arm.survival for arm in arms]), np.stack([arm.influence for arm in arms])
    std_error = np.stack([_error(values) for values in influence])
    usable = (survival > 0) & (survival < 1) | (survival == 1) & (std_error == 0)
    inside = np.where(usable, survival, np.nan)
    lower, upper = limits(inside, std_error / inside, interval, confidence)
    lower[~usable] = upper[~usable] = np.nan
    difference, difference_error = survival[1] - survival[0], _error(influence[1] - influence[0])
    positive = np.where((survival > 0).all(axis=0), survival, np.nan)
    ratio = positive[1] / positive[0]
    ratio_error = _error(influence[1] / positive[1] - influence[0] / positive[0])
    return DoublyRobustSurvival(
        time=times,
        survival=survival,
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
        restricted_mean=None if horizon is None else _restricted_means(arms, horizon, width),
        curve_time=(arms[0].curve_time, arms[1].curve_time),
        curve=(arms[0].curve, arms[1].curve),
        curve_std_error=(arms[0].curve_std_error, arms[1].curve_std_error),
        known_until=np.array([arm.known_until for arm in arms]),
        restriction=" ".join(arm.restriction for arm in arms if arm.restriction),
        lowest_uncensored=np.array([arm.lowest_uncensored for arm in arms]),
        outside=np.array([arm.outside for arm in arms]),
        rises=np.array([arm.rises for arm in arms]),
        monotone=named[2],
        estimand=named[0],
        score_method=named[1],
        models=models,
        interval=interval,
        confidence=confidence,
    )


def _restricted_means(arms: list[ArmEstimate], horizon: float, width: float) -> RestrictedMeans:
    mean, influence = np.array([arm.area for arm in arms]), np.stack([arm.area_influence for arm in arms])
    std_error = _error(influence.T)
    difference, difference_error = float(mean[1] - mean[0]), float(_error(influence[1] - influence[0]))
    positive = mean if (mean > 0).all() else np.full(2, np.nan)
    ratio = float(positive[1] / positive[0])
    ratio_error = float(_error(influence[1] / positive[1] - influence[0] / positive[0]))
    return RestrictedMeans(
        horizon=horizon,
        mean=mean,
        std_error=std_error,
        lower=mean - width * std_error,
        upper=mean + width * std_error,
        difference=difference,
        difference_std_error=difference_error,
        difference_lower=difference - width * difference_error,
        difference_upper=difference + width * difference_error,
        ratio=ratio,
        log_ratio_std_error=ratio_error,
        ratio_lower=float(ratio * np.exp(-width * ratio_error)),
        ratio_upper=float(ratio * np.exp(width * ratio_error)),
        influence=influence,
    )
