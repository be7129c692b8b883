"""The propensity score by Firth's logistic regression: finite where covariates separate the arms.

With w the case weights, v = e (1 - e) and I = sum w v x x' the information, Firth's score is

    U(b) = sum_i x_i [w_i (A_i - e_i) + h_i (1/2 - e_i)],    h_i = w_i v_i x_i' I^-1 x_i

the derivative of log L + 1/2 log |I|. All is worked out in coordinates in which I is the unit matrix (rows z), where
its derivatives need one array of q x q x q numbers, T = sum_j w_j v_j (1/2 - e_j) z_j z_j z_j:

    dU/db   = -1 + sum_j h_j [2 (1/2 - e_j)^2 - v_j] z_j z_j' - 2 T T
    dU/dw_i = z_i [(A_i - e_i) + v_i |z_i|^2 (1/2 - e_i)] - v_i T z_i z_i

Source: Firth (1993), Biometrika 80:27; Heinze and Schemper (2002), Stat Med 21:2409.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.logistic import BLOCK, SETTLED, expit, log_expit
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.fitted_score import ScoreData, score_data, solved, unsolved
from counterpoise.kernels.weighting.records import ScoreFit

METHOD = "Firth logistic regression"
MAX_STEPS = 200
LONGEST_STEP = 5.0  # of a linear predictor
ROUNDING = 1e-12  # of the log-likelihood: a fall below this part of it is none


def firth_score(treatment: ArrayLike, x: ArrayLike, *, case_weights: ArrayLike | None = None) -> ScoreFit:
    """Estimate the chance of treatment by the logistic likelihood times the root of its information's determinant.

    The estimate is finite where covariates separate the arms, and its bias is of smaller order. `case_weights` (n,)
    multiply likelihood and information: a row of weight 2 counts as two rows, and so the scale of the weights
    matters. The influence of row i is w_i db/dw_i, the penalty's own dependence on the weight included; there is no
    profile likelihood, since a score needs no interval. The mean of the probabilities is not the share of the
    treated, as it is with maximum likelihood.

    Collinear columns are a verdict, with the columns in `at_fault`. Raises `InputError` as `logistic_score`.

    >>> fit = firth_score([0, 0, 1, 1], [1, 2, 3, 4])
    >>> fit.verdict.value, fit.probability.round(4)
    ('converged', array([0.1229, 0.3419, 0.6581, 0.8771]))

    Source: Firth (1993), Biometrika 80:27; Heinze and Schemper (2002), Stat Med 21:2409; R's package logistf.
    """
    data = score_data(treatment, x, case_weights)
    if data.redundant.size:
        return unsolved(METHOD, data, Verdict.COLLINEAR, data.redundant)
    point = _evaluate(data, np.zeros(data.design.shape[1]))
    steps, settled = 0, False
    while point is not None and not settled:
        if steps == MAX_STEPS:
            return unsolved(METHOD, data, Verdict.MAX_STEPS, (), steps)
        point, settled = _step(data, point)
        steps += 1
    if point is None:
        return unsolved(METHOD, data, Verdict.MAX_STEPS, (), steps)
    return solved(METHOD, data, point.beta, _influence(data, point), steps)


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """The penalised likelihood at one coefficient vector."""

    beta: Floats
    predictor: Floats
    """(n,)"""
    value: float
    root: Floats
    """(q, q) lower triangle, times its transpose the information."""
    z: Floats
    """(n, q) rows in whose coordinates the information is the unit matrix."""
    length: Floats
    """(n,) their squared lengths."""
    score: Floats
    """(q,) in the same coordinates."""


def _evaluate(data: ScoreData, beta: Floats) -> _Point | None:
    """Return the likelihood at `beta`, or None where the information has vanished."""
    predictor = data.design @ beta
    e = expit(predictor)
    weight = data.case * e * (1.0 - e)
    try:
        root = np.linalg.cholesky((data.design * weight[:, None]).T @ data.design)
    except np.linalg.LinAlgError:
        return None
    z: Floats = solve_triangular(root, data.design.T, lower=True).T
    length = np.einsum("ij,ij->i", z, z)
    value = float(data.case @ log_expit(np.where(data.treated, predictor, -predictor)) + np.log(np.diag(root)).sum())
    score = z.T @ (data.case * (data.treated - e) + weight * length * (0.5 - e))
    return _Point(beta, predictor, value, root, z, length, score)


def _step(data: ScoreData, point: _Point) -> tuple[_Point | None, bool]:
    """Return the point after one step uphill, and whether it was the last that is needed."""
    curvature = _curvature(data, point, _third(data, point))
    try:
        np.linalg.cholesky(curvature)
        move = np.linalg.solve(curvature, point.score)
    except np.linalg.LinAlgError:
        move = point.score  # far from the maximum the penalty may curve upwards: Fisher's step instead
    shift = point.z @ move
    longest = float(np.abs(shift).max())
    if np.all(np.abs(shift) <= SETTLED * (1.0 + np.abs(point.predictor))):
        return _evaluate(data, point.beta + solve_triangular(point.root.T, move)), True
    move = solve_triangular(point.root.T, move) * min(1.0, LONGEST_STEP / longest)
    for _ in range(60):
        there = _evaluate(data, point.beta + move)
        if there is not None and there.value >= point.value - ROUNDING * abs(point.value):
            return there, False
        move = move / 2
    return None, False


def _third(data: ScoreData, point: _Point) -> Floats:
    """Return T (q, q, q)."""
    n, q = point.z.shape
    e = expit(point.predictor)
    weight = data.case * e * (1.0 - e) * (0.5 - e)
    total: Floats = np.zeros((q, q * q))
    for start in range(0, n, BLOCK):
        part = point.z[start : start + BLOCK]
        pairs = (part[:, :, None] * part[:, None, :]).reshape(len(part), q * q)
        total += (part * weight[start : start + BLOCK, None]).T @ pairs
    return total.reshape(q, q, q)


def _curvature(data: ScoreData, point: _Point, third: Floats) -> Floats:
    """Return minus the derivatives (q, q) of the score."""
    e = expit(point.predictor)
    v = e * (1.0 - e)
    weight = data.case * v * point.length * (2.0 * (0.5 - e) ** 2 - v)
    flat = third.reshape(len(third), -1)
    return np.eye(len(third)) - (point.z * weight[:, None]).T @ point.z + 2.0 * flat @ flat.T


def _influence(data: ScoreData, point: _Point) -> Floats:
    """Return what each row moves the coefficients of the standardised columns by, (n, q)."""
    third = _third(data, point)
    n, q = point.z.shape
    e = expit(point.predictor)
    v = e * (1.0 - e)
    own = point.z * (data.treated - e + v * point.length * (0.5 - e))[:, None]
    flat = third.reshape(q, q * q)
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        part = point.z[rows]
        pairs = (part[:, :, None] * part[:, None, :]).reshape(len(part), q * q)
        own[rows] -= v[rows, None] * (pairs @ flat.T)
    inner = np.linalg.solve(_curvature(data, point, third), (own * data.case[:, None]).T)
    return solve_triangular(point.root.T, inner).T
