"""Survival of weighted arms at chosen times, with the weights taken as known and as estimated."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Floats, as_binary, as_vector, require
from counterpoise.kernels.curves.intervals import IntervalType, check_interval, limits
from counterpoise.kernels.effects.stacked import (
    WeightedEstimate,
    contrasts_of_arms,
    of_rows,
    weighing_rows,
    weighted_estimate,
)
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet, risk_set, sum_at_risk, sum_by_time
from counterpoise.kernels.weighting.records import WeightModel


@dataclass(frozen=True, slots=True, eq=False)
class WeightedSurvival:
    """Weighted Kaplan-Meier estimates of two arms at m times; not estimable is NaN."""

    time: Floats
    """(m,)"""
    survival: WeightedEstimate
    """(2, m) of controls, then of treated; limits on the scale of `interval`."""
    difference: WeightedEstimate
    """(m,) treated less controls; less this is the risk difference."""
    log_ratio: WeightedEstimate
    """(m,) logarithm of treated over controls; NaN where a curve is at zero."""
    at_risk: Floats
    """(2, m) sums of weights just before the time: at its own time a row still counts."""
    interval: str


def weighted_survival(  # noqa: PLR0913 - the data, the weights, the times and the choice of limits
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    model: WeightModel,
    at: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> WeightedSurvival:
    """Estimate survival in the weighted arms of `treatment` (0 or 1) at (m,) times `at`, and their contrasts.

    Each arm is a Kaplan-Meier curve in which a row counts as much as it weighs, and its variance a sum of squared
    influence values: with the weights taken as known (what R's survfit gives), and through score and weights too.
    The same score weighs both arms, so that the error of the difference is not that of two independent curves.
    Limits of the curves are made from the stacked error on the scale of `interval`, those of difference and log ratio
    are plain. After an arm's last time its survival is NaN unless it is zero; there it has no error.

    >>> model = WeightModel(np.array([1.0, 2, 1, 1, 1, 1]), np.zeros((6, 0)), np.zeros((6, 0)))
    >>> found = weighted_survival([1, 2, 3, 1, 2, 3], [1, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1], model, at=[1, 2])
    >>> found.survival.estimate, found.difference.estimate
    (array([[0.75, 0.25],
           [1.  , 0.5 ]]), array([0.25, 0.25]))

    Raises `InputError` as `kaplan_meier` does, and where `model` has other rows or an arm no positive weight.

    Source: Xie and Liu (2005), Stat Med 24:3089, for the curve; Borgan and Liestol (1990), Scand J Stat 17:35, for
    log-log limits; stacking as for `stacked_influence`.
    """
    check_interval(interval, confidence)
    treated = as_binary("treatment", treatment)
    rows = weighing_rows(model, treated.size)
    require_both_arms(treated[rows])
    events, months = as_binary("event", event, treated.size), as_vector("time", time, treated.size)
    moments = as_vector("at", at)
    require(moments >= 0, "`at` must be finite and non-negative")
    survival, at_risk = np.empty((2, moments.size)), np.empty((2, moments.size))
    influence = np.zeros((treated.size, 2, moments.size))
    for arm, member in enumerate((~treated & rows, treated & rows)):
        sets = risk_set(months[member], events[member], of_rows("entry", entry, member))
        survival[arm], at_risk[arm], influence[member, arm] = curve_at(sets, model.weights[member], moments)
    influence[:, np.isnan(survival)] = np.nan
    curves = weighted_estimate(survival, influence, model, cluster=cluster, confidence=confidence)
    difference, log_ratio = contrasts_of_arms(survival, influence, model, cluster=cluster, confidence=confidence)
    return WeightedSurvival(moments, _with_limits(curves, interval), difference, log_ratio, at_risk, interval)


def curve_at(sets: RiskSet, weights: Floats, at: Floats) -> tuple[Floats, Floats, Floats]:
    """Return a weighted Kaplan-Meier curve at (m,) times, the (m,) weights at risk and (n, m) influence values.

    Influence values are w times the derivative of S(at) by w; they are zero where S is 1 or 0.

    >>> survival, at_risk, influence = curve_at(risk_set([1, 2, 3, 4], [1, 0, 1, 1]), np.ones(4), np.array([1.5]))
    >>> survival, at_risk, influence[:, 0]
    (array([0.75]), array([3.]), array([-0.1875,  0.0625,  0.0625,  0.0625]))
    """
    at_risk, events = sum_at_risk(sets, weights), sum_by_time(sets, weights * sets.event)
    # Counts of rows are exact where sums of weights are not, so that the curve reaches zero and not 1e-17.
    all_die = sum_at_risk(sets) == sum_by_time(sets, sets.event.astype(float))
    steps = np.where(all_die, 0.0, 1.0 - events / at_risk)
    curve = np.concatenate(([1.0], np.cumprod(steps)))
    tolerance = TIE_TOLERANCE * float(sets.time[-1])
    seen = np.searchsorted(sets.time, at + tolerance, side="right")
    survival = np.where((at > sets.time[-1] + tolerance) & (curve[-1] > 0), np.nan, curve[seen])
    inverse = np.divide(1.0, at_risk - events, out=np.zeros_like(at_risk), where=~all_die)
    passed = np.concatenate(([0.0], np.cumsum(events / at_risk * inverse)))
    met = np.minimum(sets.group[:, None] + 1, seen)
    hazard = -passed[met]
    if sets.first is not None:
        hazard += passed[np.minimum(sets.first[:, None], seen)]
    hazard += np.where(sets.event[:, None] & (sets.group[:, None] < seen), inverse[sets.group][:, None], 0.0)
    present = np.append(at_risk, 0.0)[np.searchsorted(sets.time, at - tolerance)]
    return survival, present, -survival * weights[:, None] * hazard


def number_needed_to_treat(difference: WeightedEstimate) -> tuple[Floats, Floats, Floats]:
    """Return 1 over each difference of survival, and its limits, the inverse of those of the difference.

    A positive number is of patients to treat for one more of them to be free of the event at that time, a negative
    one of patients to treat for one less (number needed to harm). Where the interval of the difference holds zero,
    that of the number is everything outside its two limits, through infinity: the first is then negative and the
    second positive. It is infinite for no difference.

    >>> model = WeightModel(np.ones(2), np.zeros((2, 0)), np.zeros((2, 0)))
    >>> number, first, second = number_needed_to_treat(weighted_estimate(0.1, [0.01, -0.01], model))
    >>> round(float(number), 1), round(float(first), 1), round(float(second), 1)
    (10.0, 7.8, 13.8)

    Source: Altman (1998), BMJ 317:1309; Altman and Andersen (1999), BMJ 319:1492, for survival.
    """
    with np.errstate(divide="ignore"):
        number, low, high = 1.0 / difference.estimate, 1.0 / difference.lower, 1.0 / difference.upper
    return number, np.minimum(low, high), np.maximum(low, high)


def _with_limits(curves: WeightedEstimate, interval: IntervalType) -> WeightedEstimate:
    """Return the estimates with limits on the scale of `interval`."""
    survival = curves.estimate
    relative = np.divide(curves.stacked_std_error, survival, out=np.zeros_like(survival), where=survival > 0)
    lower, upper = limits(survival, relative, interval, curves.confidence)
    unknown = np.isnan(survival)
    return replace(curves, lower=np.where(unknown, np.nan, lower), upper=np.where(unknown, np.nan, upper))
