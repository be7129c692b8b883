"""The augmented estimate of one arm's survival, carried from event time to event time.

With s_j the chance of a patient of passing step j, S_j = s_1 ... s_j, G_j the chance of being uncensored just before
the step, and d = 1 if the patient has the event there, what the outcome model misses is carried by

    V_j = s_j V_(j-1) + at risk (d - (1 - s_j)) / G_j,        V_0 = 0,

so that V_j = S_j times the sum of dM / (S G), M being the martingale of the event, without a division by a survival
that may be tiny. The patient's term is tilt S_j - weight V_j. It is the same as the one with the martingale of
censoring, tilt S + weight (1(T > t) / G + S times the sum of dM_C / (S G) - S), to the last digit, where the hazard of
each is what its own survival falls by: 1 - s. The curve so has no steps but those of the outcome model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.doubly_robust.step_models import StepHazard, Steps


@dataclass(frozen=True, slots=True, eq=False)
class ArmRows:
    """The k patients of one arm, sorted by the place of their time, ascending."""

    rows: Counts
    """(k,) which of the n rows."""
    place: Counts
    """(k,)"""
    event: Bools
    """(k,)"""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Where the walk is after a step; the arrays are overwritten by the next one."""

    number: int
    survival: Floats
    """(n,) of every patient, had all been in the arm."""
    missed: Floats
    """(k,) V of the arm's patients, in the order of `ArmRows`."""
    uncensored: float
    """The smallest chance of being uncensored among those of the arm who are at risk."""
    ended: bool
    """Whether that is too small: the step was then not taken, and the arrays are those before it."""


def arm_rows(place: Counts, event: Bools, arm: Bools) -> ArmRows:
    """Sort the rows of an arm.

    >>> arm_rows(np.array([2, 0, 1]), np.array([True, True, False]), np.array([True, False, True])).rows
    array([2, 0])
    """
    rows = np.flatnonzero(arm)
    rows = rows[np.argsort(place[rows], kind="stable")]
    return ArmRows(rows, place[rows], event[rows])


def walk(arm: ArmRows, outcome: StepHazard, censoring: StepHazard, steps: Steps, least: float) -> Iterator[Step]:
    """Go from step to step of `outcome`, until nobody of the arm is at risk or somebody's G is below `least`."""
    survival, missed = np.ones(outcome.ratio.size), np.zeros(arm.rows.size)
    uncensored = _Uncensored(censoring, arm.rows, steps)
    first = np.searchsorted(arm.place, outcome.place)
    after = np.searchsorted(arm.place, outcome.place, side="right")
    for j in range(outcome.place.size):
        if first[j] == arm.rows.size:
            return
        chance = uncensored.before(int(outcome.place[j]), int(first[j]))
        smallest = float(chance.min())
        if smallest < least or smallest == 0.0:
            yield Step(j, survival, missed, smallest, ended=True)
            return
        passed = _passed(outcome.hazard[j] * outcome.ratio, steps)
        survival *= passed
        own = passed[arm.rows]
        missed *= own
        missed[first[j] :] -= (1.0 - own[first[j] :]) / chance
        here = slice(int(first[j]), int(after[j]))
        missed[here] += arm.event[here] / chance[: after[j] - first[j]]
        yield Step(j, survival, missed, smallest, ended=False)


class _Uncensored:
    """The chance of an arm's patients of being uncensored, stepwise."""

    def __init__(self, censoring: StepHazard, rows: Counts, steps: Steps) -> None:
        self._model, self._ratio, self._steps = censoring, censoring.ratio[rows], steps
        self._done, self._cumulative, self._chance = 0, 0.0, np.ones(rows.size)

    def before(self, place: int, first: int) -> Floats:
        """Return the chance before the time at `place` of the patients from `first` on."""
        upto = int(np.searchsorted(self._model.place, place))
        steps = self._model.hazard[self._done : upto]
        self._done = upto
        if steps.size and self._steps == "exponential":
            self._cumulative += float(steps.sum())
            self._chance[first:] = np.exp(-self._cumulative * self._ratio[first:])
        for step in steps if self._steps == "product" else ():
            self._chance[first:] *= _passed(step * self._ratio[first:], "product")
        return self._chance[first:]


def _passed(hazard: Floats, steps: Steps) -> Floats:
    return np.exp(-hazard) if steps == "exponential" else np.maximum(1.0 - hazard, 0.0)
