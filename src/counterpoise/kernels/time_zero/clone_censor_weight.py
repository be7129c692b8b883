"""Clone, censor, weight: two ways to treat compared as in a trial with a grace period."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_vector, require
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import check_ties
from counterpoise.kernels.fractional_weights import fractional_weights
from counterpoise.kernels.time_zero.clone_effects import CloneEffects
from counterpoise.kernels.time_zero.clone_weights import CloneWeights, clone_weights
from counterpoise.kernels.time_zero.clones import Clones, clone_patients

CHUNK = 64
"""Replicates done at once."""


@dataclass(frozen=True, slots=True, eq=False)
class CloneCensorWeight:
    """'Begins within the grace period' (second) against 'does not' (first); what has no value is NaN."""

    log_hazard_ratio: float
    std_error: float
    """Of the log hazard ratio, over the replicates."""
    lower: float
    """Lower limit of the hazard ratio, from the normal law on the log scale."""
    upper: float
    p_value: float
    """Two-sided, of Wald's test."""
    at: Floats
    """(m,)"""
    survival: Floats
    """(2, m) weighted Kaplan-Meier estimates."""
    survival_std_error: Floats
    """(2, m) over the replicates."""
    survival_lower: Floats
    """(2, m) log-log limits."""
    survival_upper: Floats
    difference: Floats
    """(m,) survival of the second less the first."""
    difference_std_error: Floats
    """(m,) over the replicates."""
    replicates: int
    failed: int
    """Replicates without a hazard ratio."""
    began: int
    """Patients who began within the grace period."""
    left_arm: Counts
    """(2,) clones that were censored because they no longer agreed with their arm."""
    largest_weight: Floats
    """(2,) of a clone at the end of the grace period, or when it had left the arm by then, over their mean."""
    grace: float


def clone_censor_weight(  # noqa: PLR0913 - the data, the two models, and the resampling, each with its default
    time: ArrayLike,
    event: ArrayLike,
    start: ArrayLike,
    *,
    grace: float,
    x: ArrayLike | None = None,
    at: ArrayLike = (),
    ties: Ties = "efron",
    replicates: int = 500,
    seed: int = 20240101,
    confidence: float = 0.95,
) -> CloneCensorWeight:
    """Compare beginning within the grace period with not beginning within it, from time zero on.

    Each patient is cloned into both arms, each clone censored when its patient does what the arm does not, and the
    clones that stay weighted by 1 / their chance of staying, given (n, p) baseline covariates `x`: see
    `clone_patients` and `clone_weights`. Cox model and Kaplan-Meier curves are those of the weighted clones. That
    beginning, given `x`, has nothing to do with the outcome is assumed; without `x` it is assumed outright. Ordinary
    censoring is taken as uninformative within the arms.

    Errors are standard deviations over `replicates` bootstrap draws of exponential weights by patient, both models
    anew in each, so that they know that a patient has two clones and that the weights were estimated.

    >>> start = [1, 3, 7, np.inf, 2, np.inf]
    >>> found = clone_censor_weight([2, 9, 9, 5, 7, 8], [1, 0, 1, 1, 1, 1], start, grace=4, at=[6])
    >>> round(found.log_hazard_ratio, 4), found.survival.round(4).tolist()
    (-0.5153, [[0.6667], [0.8333]])

    Raises `InputError` where a value is not known, nobody or everybody begins within the period, or an option is out of
    range; `FitError` where a model of beginning has no finite estimate.

    Source: Hernan, BMJ 2018;360:k182; Maringe et al., Int J Epidemiol 2020;49:1719-1729; Cain et al., Int J Biostat
    2010;6(2):18.
    """
    clones = clone_patients(time, event, start, grace=grace)
    n = clones.own_time.size
    covariates: Floats = np.zeros((n, 0)) if x is None else as_matrix("x", x, n)
    moments = as_vector("at", at)
    require(moments >= 0, "`at` must be finite and non-negative")
    check_ties(ties, ("efron", "breslow"))
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must be between 0 and 1; it is {confidence}.")
    if replicates < 2:
        raise InputError(f"`replicates` must be at least 2; they are {replicates}.")
    effects = CloneEffects(clones, moments, ties)
    draws = np.vstack([np.ones(n), fractional_weights(replicates, n, seed)])
    ratios, survival, largest = np.empty(0), np.empty((0, 2, moments.size)), np.full(2, np.nan)
    for begin in range(0, draws.shape[0], CHUNK):
        # The sample stands first in every block, where its fit is checked and all others begin.
        block = np.vstack([draws[:1], draws[begin or 1 : begin + CHUNK]])
        made = clone_weights(clones, covariates, block)
        if not begin:
            largest = _largest(clones, made)
        ratio, curves = effects.of(made, block)
        kept = slice(0 if not begin else 1, None)
        ratios, survival = np.append(ratios, ratio[kept]), np.concatenate([survival, curves[kept]])
    return _record(clones, moments, ratios, survival, largest, confidence)


def _largest(clones: Clones, made: CloneWeights) -> Floats:
    """Return the largest weight of each arm over its mean, among the clones of the sample that stayed."""
    passed = np.searchsorted(made.moments, np.minimum(clones.time[0], clones.grace), side="left")
    control = np.exp(made.hazard[0, passed] * made.ratio[0])[~clones.left_arm[0]]
    treated = made.after[0][~clones.left_arm[1]]
    return np.array([arm.max() / arm.mean() if arm.size else np.nan for arm in (control, treated)])


def _record(
    clones: Clones, at: Floats, ratios: Floats, survival: Floats, largest: Floats, confidence: float
) -> CloneCensorWeight:
    reach = float(ndtri(0.5 + confidence / 2))
    estimate, error = float(ratios[0]), _spread(ratios[1:, None])[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        curve, loglog = survival[0], np.log(-np.log(survival))
        p_value = float(2 * ndtr(-abs(estimate / error)))
        half = reach * _spread(np.where(np.isfinite(loglog[1:]), loglog[1:], np.nan))
        limits = [np.exp(-np.exp(loglog[0] + sign * half)) for sign in (1, -1)]
    inside = (curve > 0) & (curve < 1)
    lower, upper = (np.where(inside, limit, np.nan) for limit in limits)
    differences = survival[:, 1] - survival[:, 0]
    return CloneCensorWeight(
        log_hazard_ratio=estimate,
        std_error=error,
        lower=float(np.exp(estimate - reach * error)),
        upper=float(np.exp(estimate + reach * error)),
        p_value=p_value,
        at=at,
        survival=curve,
        survival_std_error=_spread(survival[1:]),
        survival_lower=lower,
        survival_upper=upper,
        difference=differences[0],
        difference_std_error=_spread(differences[1:]),
        replicates=ratios.size - 1,
        failed=int(np.isnan(ratios[1:]).sum()),
        began=int(clones.began.sum()),
        left_arm=clones.left_arm.sum(axis=1),
        largest_weight=largest,
        grace=clones.grace,
    )


def _spread(values: Floats) -> Floats:
    """Return the standard deviation over the first axis of what is known; NaN where fewer than two are."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    square = np.where(known, values - mean, 0.0) ** 2
    return np.where(count > 1, np.sqrt(square.sum(axis=0) / np.maximum(count - 1, 1)), np.nan)
