"""Restricted mean survival time of weighted arms, with the weights taken as known and as estimated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import as_binary, as_vector
from counterpoise.kernels.curves.intervals import check_confidence
from counterpoise.kernels.curves.restricted_mean import restricted_mean
from counterpoise.kernels.effects.stacked import (
    WeightedEstimate,
    contrasts_of_arms,
    of_rows,
    weighing_rows,
    weighted_estimate,
)
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.weighting.records import WeightModel


@dataclass(frozen=True, slots=True, eq=False)
class WeightedMeanDifference:
    """Restricted means of two weighted arms up to one horizon, in the unit of time."""

    horizon: float
    mean: WeightedEstimate
    """(2,) of controls, then of treated."""
    difference: WeightedEstimate
    """() treated less controls."""
    log_ratio: WeightedEstimate
    """() logarithm of treated over controls."""
    log_time_lost_ratio: WeightedEstimate
    """() the same of the mean time lost before the horizon; NaN where an arm has lost none."""


def weighted_mean_difference(
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    model: WeightModel,
    horizon: float,
    *,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> WeightedMeanDifference:
    """Compare the restricted mean survival time up to `horizon` in the weighted arms of `treatment` (0 or 1).

    Each mean is the area under the weighted Kaplan-Meier curve, its variance a sum of squared influence values: with
    the weights taken as known, and through score and weights too. All limits are plain, those of ratios on the log
    scale.

    >>> model = WeightModel(np.array([1.0, 2, 1, 1, 1, 1]), np.zeros((6, 0)), np.zeros((6, 0)))
    >>> found = weighted_mean_difference([1, 2, 3, 1, 2, 3], [1, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1], model, horizon=3)
    >>> found.mean.estimate, float(found.difference.estimate)
    (array([2. , 2.5]), 0.5)

    Raises `InputError` as `restricted_mean` does: in particular where the horizon lies beyond the last observed time
    of an arm whose curve is above zero; and where `model` has other rows or an arm no positive weight.

    Source: Royston and Parmar (2013), BMC Med Res Methodol 13:152; Conner, Sullivan, Benjamin, LaValley, Galea and
    Trinquart (2019), Stat Med 38:3832, for weights; stacking as for `stacked_influence`.
    """
    check_confidence(confidence)
    treated = as_binary("treatment", treatment)
    rows = weighing_rows(model, treated.size)
    require_both_arms(treated[rows])
    events, months = as_binary("event", event, treated.size), as_vector("time", time, treated.size)
    mean, influence = np.empty(2), np.zeros((treated.size, 2))
    for arm, member in enumerate((~treated & rows, treated & rows)):
        entered = of_rows("entry", entry, member)
        found = restricted_mean(months[member], events[member], horizon, entry=entered, weights=model.weights[member])
        mean[arm], influence[member, arm] = found.value, found.influence
    difference, log_ratio = contrasts_of_arms(mean, influence, model, cluster=cluster, confidence=confidence)
    lost, loss = float(horizon) - mean, -influence
    _, log_time_lost = contrasts_of_arms(lost, loss, model, cluster=cluster, confidence=confidence)
    return WeightedMeanDifference(
        horizon=float(horizon),
        mean=weighted_estimate(mean, influence, model, cluster=cluster, confidence=confidence),
        difference=difference,
        log_ratio=log_ratio,
        log_time_lost_ratio=log_time_lost,
    )
