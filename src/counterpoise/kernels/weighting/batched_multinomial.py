"""The propensity score of several arms under many case weightings at once, for resampling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_floats, as_matrix, require
from counterpoise.kernels.logistic import back_transform, centre_and_scale, dependent_columns, standardised
from counterpoise.kernels.weighting.multinomial import as_arms, check_penalty, ridge

BLOCK = 2_000_000
"""Chances (replicates times rows times arms) per block: what bounds the memory."""

LARGEST_BLOCK = 64
SETTLED = 1e-6
"""Largest change of a log odds in the last step; the error after it is about its square."""

MAX_STEPS = 40
ROUNDING = 1e-12
UPHILL = float(np.log(2.0))
"""A Newton step that moves no two log odds of a row apart by more cannot lower the likelihood, whose curvature along
a step changes by less than the exponential of that (Bach, Electron J Stat 2010;4:384-414)."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchedMultinomial:
    """Multinomial logistic regressions of k arms on p columns under b weightings."""

    coefficients: Floats
    """(b, k - 1, p + 1) against arm 0, the intercept first."""
    probability: Floats
    """(b, n, k)"""
    converged: Bools
    """(b,) which replicates have an answer; the rows of the others are NaN."""


def batched_multinomial(
    arm: ArrayLike,
    x: ArrayLike,
    case_weights: ArrayLike,
    *,
    start: ArrayLike | None = None,
    penalty: float = 0.0,
) -> BatchedMultinomial:
    """Fit `multinomial_score` under each row of `case_weights` (b, n), which may hold zeros.

    `start` (k - 1, p + 1) is where every replicate begins, best the fit of the full sample; zeros if it is None. Steps
    are halved, replicate by replicate, while they lower that replicate's likelihood. One that has not settled after 40
    steps, as when its rows of positive weight are separated or an arm has none, is marked, not dropped; so is one
    whose weights hold a NaN. The penalty is of columns standardised over all rows, whatever the weights.

    Raises `InputError` where a weight is negative or infinite, and as `multinomial_score` does; and where the columns
    are collinear, unless there is a penalty.

    >>> fit = batched_multinomial([0, 1, 2, 0, 1, 2], [1, 1, 1, 2, 2, 2], np.ones((2, 6)))
    >>> fit.probability.shape, fit.probability[0, 0].round(6).tolist(), fit.converged.tolist()
    ((2, 6, 3), [0.333333, 0.333333, 0.333333], [True, True])

    Source: as for `multinomial_score`; Efron (1981), JASA 76:312, for the bootstrap.
    """
    codes, k = as_arms(arm)
    columns = as_matrix("x", x, codes.size)
    batch = _as_batch(case_weights, codes.size)
    check_penalty(penalty)
    centre, scale = centre_and_scale(columns)
    if penalty == 0.0 and dependent_columns(columns, centre, scale).size:
        raise InputError("`x` must have columns that are neither constant nor combinations of others.")
    back = back_transform(centre, scale)
    first = np.zeros((k - 1, back.shape[0]))
    if start is not None:
        first = _as_start(start, first.shape) @ np.linalg.inv(back).T
    problem = _Multinomial(codes, k, standardised(columns, centre, scale), ridge(k, columns.shape, penalty))
    coefficients = np.full((batch.shape[0], *first.shape), np.nan)
    size = max(1, min(LARGEST_BLOCK, BLOCK // (codes.size * k)))
    for begin in range(0, batch.shape[0], size):
        rows = slice(begin, begin + size)
        coefficients[rows] = problem.fit(batch[rows], first)
    probability = np.moveaxis(problem.chances(coefficients), 1, 2)
    return BatchedMultinomial(coefficients @ back.T, probability, np.isfinite(coefficients[:, 0, 0]))


def _as_batch(values: ArrayLike, size: int) -> Floats:
    batch = np.atleast_2d(as_floats("case_weights", values))
    if batch.ndim != 2 or batch.shape[1] != size:
        raise InputError(f"`case_weights` must have shape (replicates, {size}); its shape is {batch.shape}.")
    require(~((batch < 0) | np.isinf(batch)), "`case_weights` must be finite and non-negative")
    return batch


def _as_start(start: ArrayLike, shape: tuple[int, ...]) -> Floats:
    values = as_floats("start", start)
    if values.shape != shape:
        raise InputError(f"`start` must have shape {shape}; its shape is {values.shape}.")
    require(np.isfinite(values), "`start` must be finite")
    return values


class _Multinomial:
    """A regression whose rows are fixed and whose case weights change from replicate to replicate."""

    def __init__(self, arm: Counts, k: int, design: Floats, second: Floats) -> None:
        width = design.shape[1]
        upper = np.triu_indices(width)
        place = np.zeros((width, width), dtype=int)
        place[upper] = np.arange(upper[0].size)
        self._unpack = np.maximum(place, place.T)
        self._products = design[:, upper[0]] * design[:, upper[1]]
        self._design = design
        self._own: Bools = arm == np.arange(k)[:, None]
        self._ridge = second

    def chances(self, coefficients: Floats) -> Floats:
        """Return (b, k, n) chances for (b, k - 1, m) coefficients."""
        logits = self._logits(coefficients)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def fit(self, weights: Floats, start: Floats) -> Floats:
        """Return coefficients (b, k - 1, m), NaN where Newton's method did not settle."""
        found = np.full((weights.shape[0], *start.shape), np.nan)
        active = np.flatnonzero(np.isfinite(weights).all(axis=1))
        weights, here = weights[active], np.tile(start, (active.size, 1, 1))
        for _ in range(MAX_STEPS):
            if not active.size:
                break
            move = self._move(weights, here)
            shift = self._logits(move)
            reach = (shift.max(axis=1) - shift.min(axis=1)).max(axis=1)
            settled = reach <= SETTLED
            found[active[settled]] = here[settled] + move[settled]
            # A singular system leaves its replicate without a step, and so without an answer.
            going = (reach > SETTLED) & np.isfinite(reach)
            active, weights, here, move = active[going], weights[going], here[going], move[going]
            far = np.flatnonzero(reach[going] > UPHILL)
            if far.size:
                move[far] = self._shorten(weights[far], here[far], move[far])
            here = here + move
        return found

    def _logits(self, coefficients: Floats) -> Floats:
        predictor = coefficients @ self._design.T
        return np.concatenate([np.zeros((predictor.shape[0], 1, predictor.shape[2])), predictor], axis=1)

    def _move(self, weights: Floats, here: Floats) -> Floats:
        """Return Newton's step (b, k - 1, m) of each replicate."""
        arms, m = here.shape[1:]
        chance = self.chances(here)
        # What is left of the arm received is the sum of the others, or it would be lost in rounding near 1.
        rest = np.where(self._own, np.where(self._own, 0.0, chance).sum(axis=1, keepdims=True), 1.0 - chance)
        residual = np.where(self._own, rest, -chance)[:, 1:] * weights[:, None]
        information = np.empty((here.shape[0], arms, m, arms, m))
        for a in range(arms):
            weighted = weights * chance[:, a + 1]
            information[:, a, :, a] = ((weighted * rest[:, a + 1]) @ self._products)[:, self._unpack]
            for b in range(a):
                block = -((weighted * chance[:, b + 1]) @ self._products)[:, self._unpack]
                information[:, a, :, b] = information[:, b, :, a] = block
        flat = here.reshape(here.shape[0], -1)
        gradient = (residual @ self._design).reshape(flat.shape) - flat @ self._ridge
        matrices = information.reshape(flat.shape[0], flat.shape[1], flat.shape[1]) + self._ridge
        return _solve(matrices, gradient).reshape(here.shape)

    def _shorten(self, weights: Floats, here: Floats, move: Floats) -> Floats:
        """Halve each replicate's step until it does not lower that replicate's objective."""
        value = self._objective(weights, here)
        fraction = np.ones((move.shape[0], 1, 1))
        for _ in range(MAX_STEPS):
            lower = self._objective(weights, here + fraction * move) < value - ROUNDING * np.abs(value)
            if not lower.any():
                break
            fraction[lower] /= 2.0
        return fraction * move

    def _objective(self, weights: Floats, coefficients: Floats) -> Floats:
        logits = self._logits(coefficients)
        top = logits.max(axis=1)
        log_own = np.where(self._own, logits, 0.0).sum(axis=1) - top - np.log(np.exp(logits - top[:, None]).sum(axis=1))
        flat = coefficients.reshape(coefficients.shape[0], -1)
        return (weights * log_own).sum(axis=1) - (flat * (flat @ self._ridge)).sum(axis=1) / 2.0


def _solve(matrices: Floats, vectors: Floats) -> Floats:
    """Solve b systems (b, q, q) at once; a singular one has NaN for an answer."""
    try:
        return np.linalg.solve(matrices, vectors[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return np.array([_solve_one(matrix, vector) for matrix, vector in zip(matrices, vectors, strict=True)])


def _solve_one(matrix: Floats, vector: Floats) -> Floats:
    try:
        return np.linalg.solve(matrix, vector)
    except np.linalg.LinAlgError:
        return np.full(vector.size, np.nan)
