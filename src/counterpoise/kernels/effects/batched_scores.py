"""Logistic scores of the same rows under many weightings, in few steps from where the full fit points to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_matrix
from counterpoise.kernels.curves.batched_restricted_mean import as_batch
from counterpoise.kernels.logistic import (
    back_transform,
    centre_and_scale,
    dependent_columns,
    expit,
    log_expit,
    logistic,
    require_both_arms,
    standardised,
)
from counterpoise.kernels.verdict import Verdict

BLOCK = 64
"""Replicates at a time: enough to keep the matrix products busy, few enough to stay in cache."""

NEAR = 2e-3
"""A Newton step that moves no linear predictor by more leaves an error of about its square, and the step after it,
with the information of that step, an error of about its cube."""

UPHILL = float(np.log(2.0))
"""A Newton step that moves no predictor by more than this cannot lower a logistic likelihood, whose curvature
along a step changes by less than the exponential of the largest move (Bach, Electron J Stat 2010;4:384-414)."""

MAX_STEPS = 40

ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class BatchedScore:
    """Logistic regressions under b weightings: `coefficients` (b, q + 1), intercept first, `probability` (b, n).

    `converged` (b,) tells which replicates have an answer; the rows of the others are NaN.
    """

    coefficients: Floats
    probability: Floats
    converged: Bools


def batched_scores(treatment: ArrayLike, x: ArrayLike, case_weights: ArrayLike) -> BatchedScore:
    """Fit the logistic regression of `logistic` under each row of `case_weights` (b, n), which may hold zeros.

    Every replicate begins where the influence values of the full fit say it will end, about one Newton step from its
    maximum, and ends with a step that uses the last information again; coefficients are right to about 1e-8. Steps
    are halved, replicate by replicate, while they lower its likelihood. One that has not settled after 40 steps, as
    when its rows of positive weight are separated, is marked and has NaN, and so is one with a NaN weight.

    >>> fit = batched_scores([0, 1, 0, 1], [1, 1, 2, 2], np.ones((2, 4)))
    >>> fit.probability.round(6).tolist()[0], fit.converged.tolist()
    ([0.5, 0.5, 0.5, 0.5], [True, True])

    Raises `InputError` where an arm is empty, a column is constant or a combination of others, or a weight is
    negative or infinite.

    Source: Albert and Anderson (1984), Biometrika 71:1; Shamanskii (1967), Ukr Math J 19:118, for using the
    information twice.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    scores = ScoreRows(treated, as_matrix("x", x, rows=treated.size))
    batch = as_batch(case_weights, treated.size)
    known: Bools = np.asarray(~np.isnan(batch).any(axis=1), dtype=bool)
    coefficients, agreement = scores.fit(np.where(known[:, None], batch, 1.0))
    coefficients[~known], agreement[~known] = np.nan, np.nan
    return scores.record(coefficients, agreement)


class ScoreRows:
    """The rows of a logistic regression: what does not change from one weighting to the next."""

    def __init__(self, treated: Bools, x: Floats) -> None:
        """Take (n,) treatment and (n, q) covariates that are neither constant nor combinations of others."""
        centre, scale = centre_and_scale(x)
        if dependent_columns(x, centre, scale).size:
            raise InputError("`x` must have columns that are neither constant nor combinations of others.")
        design, self._sign = standardised(x, centre, scale), np.where(treated, 1.0, -1.0)
        self._back = back_transform(centre, scale)
        width = design.shape[1]
        upper = np.triu_indices(width)
        place = np.zeros((width, width), dtype=np.intp)
        place[upper] = np.arange(upper[0].size)
        self._unpack = np.maximum(place, place.T)
        self._products = design[:, upper[0]] * design[:, upper[1]]
        self._signed = design * self._sign[:, None]
        self._first, self._towards = np.zeros(width), np.zeros((treated.size, width))
        full = logistic(treated, x)
        if full.verdict is Verdict.CONVERGED:
            forward = np.linalg.inv(self._back)
            self._first = forward @ full.coefficients
            miss = np.where(treated, 1.0 - full.probability, full.probability)
            self._towards = (self._signed * miss[:, None]) @ (forward @ full.covariance @ forward.T)

    def fit(self, case_weights: Floats) -> tuple[Floats, Floats]:
        """Return (b, q + 1) coefficients of the standardised columns, and (b, n) predictors of what was received.

        Weights are finite and not negative. A replicate that has not settled has NaN.
        """
        coefficients = np.empty((case_weights.shape[0], self._first.size))
        agreement = np.empty(case_weights.shape)
        for begin in range(0, case_weights.shape[0], BLOCK):
            rows = slice(begin, begin + BLOCK)
            coefficients[rows], agreement[rows] = self._climb(case_weights[rows])
        return coefficients, agreement

    def probability(self, agreement: Floats) -> Floats:
        """Return the (b, n) chance of being treated from the predictors of what was received."""
        return expit(agreement * self._sign)

    def record(self, coefficients: Floats, agreement: Floats) -> BatchedScore:
        """Return the record of fits, on the scale of the covariates as they were given."""
        return BatchedScore(coefficients @ self._back.T, self.probability(agreement), np.isfinite(coefficients[:, 0]))

    def _climb(self, weights: Floats) -> tuple[Floats, Floats]:
        total = weights.sum(axis=1, keepdims=True)
        scaled = weights * (weights.shape[1] / np.where(total > 0, total, 1.0))
        here = self._first + (scaled - 1.0) @ self._towards
        agreement = here @ self._signed.T
        found, at = np.full_like(here, np.nan), np.full_like(agreement, np.nan)
        active = np.arange(weights.shape[0])
        for _ in range(MAX_STEPS):
            information, move = self._step(weights, agreement)
            shift = move @ self._signed.T
            reach = np.maximum(shift.max(axis=1), -shift.min(axis=1))
            # A singular system leaves its replicate without a step, and so without an answer.
            near, going = reach <= NEAR, (reach > NEAR) & np.isfinite(reach)
            if near.any():
                settled = agreement[near] + shift[near]
                last = _solve(information[near], (weights[near] * _miss(settled)) @ self._signed)
                found[active[near]] = here[near] + move[near] + last
                at[active[near]] = settled + last @ self._signed.T
            if not going.any():
                break
            if not going.all():
                active, weights, here, agreement = active[going], weights[going], here[going], agreement[going]
                move, shift, reach = move[going], shift[going], reach[going]
            far = np.flatnonzero(reach > UPHILL)
            if far.size:
                fraction = _fraction(weights[far], agreement[far], shift[far])
                move[far] *= fraction
                shift[far] *= fraction
            here, agreement = here + move, agreement + shift
        return found, at

    def _step(self, weights: Floats, agreement: Floats) -> tuple[Floats, Floats]:
        """Return the (b, k, k) information of each replicate and Newton's step (b, k)."""
        miss = _miss(agreement)
        slope = weights * miss
        gradient = slope @ self._signed
        miss *= slope
        slope -= miss
        information = (slope @ self._products)[:, self._unpack]
        return information, _solve(information, gradient)


def _miss(agreement: Floats) -> Floats:
    """Return the chance of the treatment not received, to full relative precision."""
    with np.errstate(over="ignore"):
        odds = np.exp(agreement)
    odds += 1.0
    return np.reciprocal(odds, out=odds)


def _fraction(weights: Floats, agreement: Floats, shift: Floats) -> Floats:
    """Return (b, 1) by what each step is to be multiplied so that it does not lower the log likelihood."""
    value = np.einsum("ij,ij->i", weights, log_expit(agreement))
    fraction = np.ones((shift.shape[0], 1))
    for _ in range(MAX_STEPS):
        ahead = np.einsum("ij,ij->i", weights, log_expit(agreement + fraction * shift))
        lower = ahead < value - ROUNDING * np.abs(value)
        if not lower.any():
            break
        fraction[lower] /= 2.0
    return fraction


def _solve(matrices: Floats, vectors: Floats) -> Floats:
    """Solve b systems (b, k, k) at once; a singular one has NaN for an answer."""
    try:
        return np.linalg.solve(matrices, vectors[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return np.array([_solve_one(matrix, vector) for matrix, vector in zip(matrices, vectors, strict=True)])


def _solve_one(matrix: Floats, vector: Floats) -> Floats:
    try:
        return np.linalg.solve(matrix, vector)
    except np.linalg.LinAlgError:
        return np.full(vector.size, np.nan)
