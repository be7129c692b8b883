"""Whose survival is averaged, and what the estimated score does to the average."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.records import ScoreFit
from counterpoise.kernels.weighting.weight_model import weight_model


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What makes the estimate of an arm, sum (tilt S - weight V) over sum tilt, with S and V of `walk`.

    q is the number of parameters of the score.
    """

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


class ArmAverage:
    """The mean over the target population of what is known of the patients of one arm.

    >>> from counterpoise.kernels.weighting.weight_model import outside_score
    >>> arms = np.array([True, False])
    >>> target = target_of(outside_score([0.5, 0.25]), arms, "ATE", np.ones(2))
    >>> ArmAverage(target, np.array([0]))(np.array([0.5, 0.75]), np.array([-0.5]))
    (1.125, array([ 0.1875, -0.1875]))
    """

    def __init__(self, target: Target, rows: Counts) -> None:
        self._target, self._rows = target, rows
        self._weights, self._derivative = target.weights[rows], target.weights_derivative[rows]
        self._tilt_moves = bool(target.tilt_derivative.any())

    def __call__(self, survival: Floats, missed: Floats) -> tuple[float, Floats]:
        """Return the mean and its (n,) influence values from (n,) S and, for the arm's rows, (k,) V of `walk`."""
        target = self._target
        values = target.tilt * survival
        values[self._rows] -= self._weights * missed
        mean = float(values.sum()) / target.total
        values -= target.tilt * mean
        if target.influence.shape[1]:
            by_score = -(missed @ self._derivative)
            if self._tilt_moves:
                by_score += (survival - mean) @ target.tilt_derivative
            values += target.influence @ by_score
        values /= target.total
        return mean, values
