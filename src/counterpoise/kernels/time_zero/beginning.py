"""The hazard of beginning the treatment: a Cox model with Breslow's ties under many weightings of the patients."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.risk_set import TIE_TOLERANCE
from counterpoise.kernels.verdict import Verdict

MAX_STEPS = 30
SETTLED = 1e-9
"""Largest change of a log hazard ratio in the last step; the error after it is about its square."""


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """When the treatment is begun, in b replicates."""

    moments: Floats
    """(J,) when somebody began."""
    hazard: Floats
    """(b, J + 1) the cumulative hazard at the mean of the covariates, 0 first."""
    ratio: Floats
    """(b, n) the hazard ratio of each patient against that mean."""
    known: Bools
    """(b,) which replicates have an answer."""
    verdict: Verdict
    """How the fit of the first replicate ended."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """n rows sorted by time, of which `first` (J,) begins each of the moments."""

    order: Counts
    first: Counts
    began: Bools
    z: Floats
    """(p, n) centred covariates."""


def beginning(waited: Floats, began: Bools, x: Floats, weights: Floats) -> Beginning:
    """Fit the hazard of beginning to (n, p) `x` under each row of (b, n) positive weights; somebody must begin.

    The first row of weights is where all others begin. With p = 0 the hazard is that of Nelson and Aalen.

    Source: Breslow, JRSS B 1972;34:216-217.
    """
    rows, moments = _rows(waited, began, x)
    known, verdict = np.ones(weights.shape[0], dtype=bool), Verdict.CONVERGED
    ordered = weights[:, rows.order]
    ratio = np.ones_like(weights)
    if x.shape[1]:
        fit = cox(waited, began, x, weights=weights[0], robust=False, ties="breslow")
        verdict = fit.verdict
        if verdict is not Verdict.CONVERGED:
            return Beginning(moments, np.full((known.size, moments.size + 1), np.nan), ratio, ~known, verdict)
        coefficients, known = _newton(rows, ordered, fit.coefficients)
        with np.errstate(over="ignore"):
            ratio[:, rows.order] = np.exp(np.where(known[:, None], coefficients, 0.0) @ rows.z)
    with np.errstate(over="ignore", invalid="ignore"):
        at_risk = _at_risk(rows, ordered * ratio[:, rows.order])
        hazard = np.cumsum(np.add.reduceat(ordered * rows.began, rows.first, axis=1) / at_risk, axis=1)
    known = known & np.isfinite(hazard).all(axis=1)
    return Beginning(moments, np.hstack([np.zeros((known.size, 1)), hazard]), ratio, known, verdict)


def _rows(waited: Floats, began: Bools, x: Floats) -> tuple[_Rows, Floats]:
    order = np.argsort(waited, kind="stable")
    ordered = waited[order]
    tolerance = TIE_TOLERANCE * float(ordered[-1])
    starts = np.sort(waited[began])
    moments = starts[np.diff(starts, prepend=-np.inf) > tolerance]
    first = np.searchsorted(ordered, moments - tolerance)
    return _Rows(order, first, began[order], (x[order] - x.mean(axis=0)).T), moments


def _at_risk(rows: _Rows, values: Floats) -> Floats:
    """Return the (b, J) sums of (b, n) ordered values over those at risk at each moment."""
    return np.cumsum(np.add.reduceat(values, rows.first, axis=1)[:, ::-1], axis=1)[:, ::-1]


def _newton(rows: _Rows, weights: Floats, start: Floats) -> tuple[Floats, Bools]:
    """Return (b, p) log hazard ratios under (b, n) ordered weights, and which of them settled."""
    found = np.tile(start, (weights.shape[0], 1))
    settled = np.zeros(weights.shape[0], dtype=bool)
    dying = weights * rows.began
    died = np.add.reduceat(dying, rows.first, axis=1)
    observed = dying @ rows.z.T
    going = np.arange(weights.shape[0])
    for _ in range(MAX_STEPS):
        score, information = _derivatives(rows, weights[going], died[going], observed[going], found[going])
        move = _solve(information, score)
        usable = np.isfinite(move).all(axis=1)
        going, move = going[usable], move[usable]
        found[going] += move
        small = np.abs(move).max(axis=1, initial=0.0) <= SETTLED * (1.0 + np.abs(found[going]).max(axis=1, initial=0.0))
        settled[going[small]] = True
        going = going[~small]
        if going.size == 0:
            break
    return found, settled


def _derivatives(
    rows: _Rows, weights: Floats, died: Floats, observed: Floats, coefficients: Floats
) -> tuple[Floats, Floats]:
    """Return the (b, p) score and the (b, p, p) information."""
    p = len(rows.z)
    predictor = coefficients @ rows.z
    risk = weights * np.exp(predictor - predictor.max(axis=1, keepdims=True))
    total = _at_risk(rows, risk)
    means = [_at_risk(rows, risk * z) / total for z in rows.z]
    score = observed - np.stack([(died * mean).sum(axis=1) for mean in means], axis=1)
    information: Floats = np.empty((weights.shape[0], p, p))
    for i in range(p):
        for j in range(i + 1):
            square = _at_risk(rows, risk * (rows.z[i] * rows.z[j])) / total - means[i] * means[j]
            information[:, i, j] = information[:, j, i] = (died * square).sum(axis=1)
    return score, information


def _solve(information: Floats, score: Floats) -> Floats:
    """Return information^-1 score of each replicate; NaN where the information has no inverse."""
    try:
        return np.linalg.solve(information, score[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        moves = np.full_like(score, np.nan)
        for number, (matrix, values) in enumerate(zip(information, score, strict=True)):
            if np.isfinite(matrix).all() and np.linalg.matrix_rank(matrix) == len(matrix):
                moves[number] = np.linalg.solve(matrix, values)
        return moves
