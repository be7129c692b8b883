"""Whose survival is averaged, and what the estimated score does to the average."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.records import ScoreFit
from counterpoise.kernels.weighting.weight_model import weight_model


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The estimate of an arm is sum (tilt S - weight V) / sum tilt: see `walk`; q parameters of the score."""

    tilt: Floats
    """(n,) case weight times the density of the target population relative to the patients' own."""
    tilt_derivative: Floats
    """(n, q)"""
    weights: Floats
    """(n,) balancing weights, case weights included."""
    weights_derivative: Floats
    """(n, q)"""
    influence: Floats
    """(n, q) what each row moves the parameters by."""
    total: float
    """The sum of `tilt`."""


def target_of(score: ScoreFit, treated: Bools, estimand: Estimand, weights: Floats) -> Target:
    """Return the target population of an estimand.

    The treated themselves stand for the ATT and the controls for the ATC, not their chances, so that both stay doubly
    robust; the populations of overlap, matching and entropy weights are defined by the score.

    >>> from counterpoise.kernels.weighting.weight_model import outside_score
    >>> arms = np.array([True, False])
    >>> target_of(outside_score([0.5, 0.25]), arms, "ATT", np.ones(2)).tilt
    array([1., 0.])
    >>> target_of(outside_score([0.5, 0.25]), arms, "ATO", np.ones(2)).tilt
    array([0.25  , 0.1875])
    """
    model = weight_model(score, treated, estimand=estimand, sampling_weights=weights)
    derivative: Floats = np.zeros_like(model.derivative)
    if estimand == "ATE":
        tilt = weights
    elif estimand == "ATT":
        tilt = weights * treated
    elif estimand == "ATC":
        tilt = weights * ~treated
    else:
        received = np.where(treated, score.probability, 1.0 - score.probability)
        tilt = model.weights * received
        sign = np.where(treated, 1.0, -1.0)
        derivative = model.derivative * received[:, None] + (model.weights * sign)[:, None] * score.slope
    return Target(tilt, derivative, model.weights, model.derivative, model.influence, float(tilt.sum()))


def average(target: Target, rows: Counts, survival: Floats, missed: Floats) -> tuple[float, Floats]:
    """Return the mean and its (n,) influence values, from `survival` (n,) and `missed` (k,) of an arm's `rows`."""
    values = target.tilt * survival
    values[rows] -= target.weights[rows] * missed
    mean = float(values.sum()) / target.total
    by_score = (survival - mean) @ target.tilt_derivative - missed @ target.weights_derivative[rows]
    values -= target.tilt * mean
    values += target.influence @ by_score
    values /= target.total
    return mean, values
