"""Exponential tilting: the concave problem behind calibrated scores, inverse probability tilting, entropy balancing.

All three solve sum_i a_i s_i exp(s_i x_i b) x_i = g for b, with base weights a, signs s and a vector g that is given:
the gradient of the concave function g'b - sum_i a_i exp(s_i x_i b) is zero. There is a solution unless some direction
d goes uphill for ever: g'd >= 0 and s_i x_i d <= 0 for every row, one of them strictly.
"""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.logistic import SETTLED
from counterpoise.kernels.newton import aliased_columns
from counterpoise.kernels.verdict import Verdict

MAX_STEPS = 200
GAIN = 1e-4  # a step must bring this part of what its slope promises
ROUNDING = 1e-13  # of the terms of the function: a fall below this part of them is none
LONGEST_STEP = 50.0  # of a linear predictor


@dataclass(frozen=True, slots=True, eq=False)
class Tilt:
    """The solution (q,) of a tilting problem; NaN where there is none."""

    coefficients: Floats
    information: Floats
    """(q, q) sum_i a_i exp(s_i x_i b) x_i x_i'."""
    verdict: Verdict
    at_fault: Counts
    """Columns of the design, not counting the first, that the verdict points to."""
    iterations: int


def exponential_tilt(design: Floats, sign: Floats, base: Floats, total: Floats, start: Floats) -> Tilt:
    """Solve sum_i base_i sign_i exp(sign_i design_i b) design_i = total by damped Newton; `design` (n, q) has a one.

    The verdict is SEPARATED where a direction is found that goes uphill for ever (by Newton's own steps or, when
    these have not settled, by a linear programme), COLLINEAR where columns repeat each other among the rows.

    >>> design = np.column_stack([np.ones(3), [-1.0, 0.0, 1.0]])
    >>> tilt = exponential_tilt(design, np.ones(3), np.ones(3), np.array([3.0, 1.0]), np.zeros(2))
    >>> np.exp(design @ tilt.coefficients).round(4)
    array([0.5426, 0.9149, 1.5426])
    >>> exponential_tilt(design, np.ones(3), np.ones(3), np.array([3.0, 3.0]), np.zeros(2)).verdict.value
    'separated'
    """
    signed = design * sign[:, None]
    beta, step = start, 0
    predictor: Floats = signed @ beta
    here = _value(base, predictor, total, beta)
    while step < MAX_STEPS:
        weight = base * np.exp(predictor)
        information = (design * weight[:, None]).T @ design
        if step == 0 and aliased_columns(information)[1:].any():
            return _without(design, signed, total, step, aliased=np.flatnonzero(aliased_columns(information)[1:]))
        gradient: Floats = total - signed.T @ weight
        try:
            move: Floats = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        shift: Floats = signed @ move
        step += 1
        if np.all(np.abs(shift) <= SETTLED * (1.0 + np.abs(predictor))):
            return _solution(design, signed, base, beta + move, step)
        if _uphill(shift, float(total @ move), predictor):
            break
        slope, allowed = float(gradient @ move), ROUNDING * (base.sum() + weight.sum() + float(np.abs(total).sum()))
        factor = min(1.0, LONGEST_STEP / float(np.abs(shift).max()))
        there = _value(base, predictor + factor * shift, total, beta + factor * move)
        while there < here + GAIN * factor * slope - allowed:
            factor /= 2
            there = _value(base, predictor + factor * shift, total, beta + factor * move)
        beta, predictor, here = beta + factor * move, predictor + factor * shift, there
    return _without(design, signed, total, step, aliased=np.array([], dtype=int))


def _value(base: Floats, predictor: Floats, total: Floats, beta: Floats) -> float:
    with np.errstate(over="ignore"):  # too long a step, to be halved
        return float(total @ beta - base @ np.exp(predictor))


def _uphill(shift: Floats, promise: float, predictor: Floats) -> bool:
    """Whether a step leaves no row heavier and makes some lighter by more than a settling step would."""
    lighter = shift <= -np.maximum(0.5, np.abs(predictor) / 100.0)
    return bool(shift.max() <= SETTLED and promise >= 0.0 and lighter.any())


def _solution(design: Floats, signed: Floats, base: Floats, beta: Floats, steps: int) -> Tilt:
    weight = base * np.exp(signed @ beta)
    information = (design * weight[:, None]).T @ design
    return Tilt(beta, information, Verdict.CONVERGED, np.array([], dtype=int), steps)


def _without(design: Floats, signed: Floats, total: Floats, steps: int, aliased: Counts) -> Tilt:
    """Say why there is no solution."""
    size = max(float(np.abs(total).max()), 1.0)
    direction = _leanest_direction(np.vstack([-signed, total / size]))
    if direction is not None:
        moving = np.flatnonzero(np.abs(direction[1:]) > 1e-6 * np.abs(direction).max())
        return _none(total.size, Verdict.SEPARATED, moving, steps)
    return _none(total.size, Verdict.COLLINEAR if aliased.size else Verdict.MAX_STEPS, aliased, steps)


def _leanest_direction(rows: Floats) -> Floats | None:
    """Return a direction along which no row (m, q) falls and some rise, of as few columns as can be, if there is one.

    Of those along which the rows rise by one on average it has the least sum of absolute coefficients, the first left
    out, and a linear programme gives that sum to few.
    """
    from scipy.optimize import linprog  # needed in doubt only, and a tenth of a second to import

    distinct = np.unique(rows, axis=0)
    cost = np.ones(2 * rows.shape[1])
    cost[[0, rows.shape[1]]] = 0.0
    both = np.hstack([distinct, -distinct])
    found = linprog(cost, A_ub=-both, b_ub=np.zeros(len(both)), A_eq=both.mean(axis=0)[None], b_eq=[1.0])
    return found.x[: rows.shape[1]] - found.x[rows.shape[1] :] if found.status == 0 else None


def _none(q: int, verdict: Verdict, at_fault: Counts, steps: int) -> Tilt:
    return Tilt(np.full(q, np.nan), np.full((q, q), np.nan), verdict, at_fault, steps)
