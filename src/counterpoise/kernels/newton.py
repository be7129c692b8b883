"""Damped Newton ascent of a concave log-likelihood, ending in a verdict."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.verdict import Verdict

CONVERGED_DECREMENT = 1e-20  # the last step, of 1e-10 standard errors, no longer changes the information
ROUNDING = 1e-14  # a gain below this part of the log-likelihood cannot be seen in it
FLAT_DECREMENT = 1e-6
DRIFT_SPREAD = 0.1
DRIFT_STEPS = 3
ENDLESS_SPREAD = 100.0
LONGEST_STEP = 20.0  # of a linear predictor that is short itself: a longer one may land where all is flat
ALIASED_PIVOT = 1e-10
MAX_HALVINGS = 25


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A log-likelihood with its derivatives at one value of the p coefficients."""

    log_likelihood: float
    score: Floats
    """(p,) first derivatives."""
    information: Floats
    """(p, p) minus the second derivatives."""


@dataclass(frozen=True, slots=True, eq=False)
class Ascent:
    """Where Newton's method began and ended, and how."""

    coefficients: Floats
    """(p,) where the ascent ended."""
    first: Point
    """At the start."""
    last: Point
    """At `coefficients`; if they converged, at most 1e-10 standard errors from them, `settled_fall` apart."""
    steps: int
    verdict: Verdict
    at_fault: tuple[int, ...]
    """The coefficients that are aliased or run to infinity; empty if neither."""


def ascend(
    evaluate: Callable[[Floats], Point],
    start: Floats,
    *,
    spread: Callable[[Floats], float],
    usual_information: float = 0.0,
    drifting: Verdict = Verdict.MONOTONE,
    max_steps: int = 50,
    settled_fall: float = 0.0,
) -> Ascent:
    """Climb from `start` to the maximum of a concave log-likelihood, halving steps that would descend.

    The columns behind the coefficients should be centred and of unit spread. `spread` gives the range over
    the rows of the linear predictor that belongs to a vector of coefficients; `usual_information` is about what one
    coefficient has, so that rounding is not taken for information. An estimate is infinite (verdict
    `drifting`) when the log-likelihood is flat, and yet three steps in a row each still move some row's linear
    predictor: near a finite maximum Newton's steps shrink quadratically, on the way to infinity they do not.

    Where a pass over the data is dear, `settled_fall` ends the ascent once a whole step has made the decrement fall
    from d to no more than that part of d. As the decrement falls from d to c d^2 = e, the information changes by about
    2 sqrt(c e) = 2 e / d of itself over the step that is left.

    >>> def parabola(b):
    ...     return Point(float(-((b[0] - 3) ** 2)), -2 * (b - 3), np.array([[2.0]]))
    >>> ascent = ascend(parabola, np.zeros(1), spread=np.ptp)
    >>> ascent.coefficients, ascent.steps, ascent.verdict.value
    (array([3.]), 1, 'converged')

    Source: Nocedal and Wright (2006), Numerical Optimization, chapter 3; on the infinite estimate: Heinze and
    Schemper (2001), Biometrics 57:114.
    """
    coefficients, point = start, evaluate(start)
    first, steps, drift, floor, last_decrement, whole = point, 0, 0, 0.0, np.inf, False
    aliased = aliased_columns(point.information)
    aliased |= np.diag(point.information) <= ALIASED_PIVOT * usual_information
    if aliased.any():
        return Ascent(start, first, first, 0, Verdict.COLLINEAR, _indices(aliased))
    while True:
        floor = ROUNDING * (1.0 + abs(point.log_likelihood))
        step = _newton_step(point)
        if step is None:
            return Ascent(coefficients, first, point, steps, drifting, ())
        decrement, length = float(step @ point.score), spread(step)
        drift = drift + 1 if decrement < FLAT_DECREMENT and length > DRIFT_SPREAD else 0
        if drift == DRIFT_STEPS:
            return Ascent(coefficients, first, point, steps, drifting, _leading(step))
        settled = decrement <= CONVERGED_DECREMENT or (decrement < floor and decrement > 0.5 * last_decrement)
        settled |= whole and decrement <= settled_fall * min(last_decrement, 1.0)
        if settled and not drift:
            vanished = aliased_columns(point.information, first.information)
            verdict = drifting if vanished.any() else Verdict.CONVERGED
            return Ascent(coefficients + step, first, point, steps, verdict, _indices(vanished))
        if steps == max_steps:
            return Ascent(coefficients, first, point, steps, Verdict.MAX_STEPS, ())
        if length > LONGEST_STEP:
            step = step * min(1.0, max(LONGEST_STEP, spread(coefficients - start)) / length)
        found = _halve(evaluate, coefficients, step, point.log_likelihood - floor)
        if found is None:
            endless = spread(coefficients - start) > ENDLESS_SPREAD
            verdict, at_fault = (drifting, _leading(coefficients)) if endless else (Verdict.MAX_STEPS, ())
            return Ascent(coefficients, first, point, steps, verdict, at_fault)
        whole = length <= LONGEST_STEP and bool(np.array_equal(found[0], coefficients + step))
        coefficients, point = found
        steps, last_decrement = steps + 1, decrement


def aliased_columns(information: Floats, unit: Floats | None = None) -> Bools:
    """Say of each of p coefficients whether it is determined by those before it (or by nothing at all).

    It is when what those before leave of its information is below 1e-10 of the diagonal of `unit`, by default the
    information itself.

    >>> aliased_columns(np.array([[4.0, 2.0], [2.0, 1.0]]))
    array([False,  True])
    """
    diagonal = np.diag(information if unit is None else unit)
    if not np.isfinite(information).all():
        return np.ones(diagonal.size, dtype=bool)
    empty = diagonal <= 0
    scale = np.sqrt(np.where(empty, 1.0, diagonal))
    correlation = information / (scale[:, None] * scale)
    if diagonal.size == 1:
        return empty | (correlation[0] <= ALIASED_PIVOT)
    try:
        pivots = np.diag(np.linalg.cholesky(correlation)) ** 2
        if pivots.min() > ALIASED_PIVOT and not empty.any():
            return empty
    except np.linalg.LinAlgError:
        pass  # the columns at fault are found one by one below
    return _sequential_pivots(correlation) | empty


def inverse_information(ascent: Ascent, scale: Floats) -> Floats:
    """Return the inverse of the last information, for columns that were divided by (p,) `scale`; NaN without one.

    There is none for collinear columns, and none where the information vanished on the way to infinity.

    >>> point = Point(0.0, np.zeros(1), np.array([[4.0]]))
    >>> inverse_information(Ascent(np.zeros(1), point, point, 0, Verdict.CONVERGED, ()), np.array([2.0]))
    array([[0.0625]])
    """
    unknown = np.full((scale.size, scale.size), np.nan)
    if ascent.verdict is Verdict.COLLINEAR:
        return unknown
    try:
        inverse = np.linalg.inv(ascent.last.information)
    except np.linalg.LinAlgError:
        return unknown
    return inverse / np.outer(scale, scale) if np.diag(inverse).min() > 0 else unknown


def _sequential_pivots(correlation: Floats) -> Bools:
    """Eliminate the columns one after another, passing over those with nothing left."""
    left = correlation.copy()
    aliased = np.zeros(len(left), dtype=bool)
    for column in range(len(left)):
        pivot = left[column, column]
        if pivot <= ALIASED_PIVOT:
            aliased[column] = True
            left[column] = left[:, column] = 0.0
        else:
            left = left - np.outer(left[:, column], left[column]) / pivot
    return aliased


def _newton_step(point: Point) -> Floats | None:
    try:
        return np.linalg.solve(point.information, point.score)
    except np.linalg.LinAlgError:
        return None  # information that was regular at the start has vanished on the way


def _halve(
    evaluate: Callable[[Floats], Point], coefficients: Floats, step: Floats, at_least: float
) -> tuple[Floats, Point] | None:
    """Return the first of the whole step, its half, its quarter ... that reaches `at_least`."""
    for _ in range(MAX_HALVINGS):
        candidate = coefficients + step
        point = evaluate(candidate)
        if point.log_likelihood >= at_least and np.isfinite(point.information).all():
            return candidate, point
        step = step / 2
    return None


def _leading(direction: Floats) -> tuple[int, ...]:
    """Return the coefficients that make up a direction, leaving out those that merely follow."""
    size = np.abs(direction)
    return _indices(size > 0.1 * size.max())


def _indices(chosen: Bools) -> tuple[int, ...]:
    return tuple(int(index) for index in np.flatnonzero(chosen))
