"""Two-step generalised method of moments for the covariate-balancing score: likelihood and balance together.

The moments are g = sum_i w_i (x_i (A_i - e_i), x_i r_i), their derivatives D, their covariance V (q pairs of moments,
expected over treatment given the covariates). With V taken at a first estimate, the coefficients make g' V^-1 g least:
F = D' V^-1 g = 0. Source: Imai and Ratkovic (2014), J R Stat Soc B 76:243, equations 9 to 12.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from counterpoise.errors import FitError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.logistic import SETTLED
from counterpoise.kernels.newton import aliased_columns
from counterpoise.kernels.weighting.fitted_score import ScoreData

FirstStep = Literal["criterion", "balance", "likelihood"]
"""What the first estimate makes least."""

RANGE = (0.8, 1.1)
MAX_STEPS = 200
COMPLEX_STEP = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class BalanceRows:
    """What each of n rows brings to moments and covariance, with derivatives by its linear predictor; all (n,)."""

    residual: Floats
    """A - e"""
    balance: Floats
    """r"""
    spread: Floats
    """v = e (1 - e): minus the derivative of `residual`, and its variance."""
    spread_slope: Floats
    fall: Floats
    """Minus the derivative of r."""
    fall_slope: Floats
    shared: Floats
    """Covariance of `residual` and r."""
    shared_slope: Floats
    balance_spread: Floats
    """Variance of r."""
    balance_spread_slope: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TwoStep:
    """Coefficients (q,) of the standardised columns and their influence (n, q)."""

    coefficients: Floats
    influence: Floats
    criterion: float
    """g' V^-1 g, of moments divided by the sum of the weights."""
    factor: float
    """By which the coefficients of maximum likelihood were multiplied in the first step."""
    iterations: int


def balance_rows(predictor: Floats, treated: Bools, estimand: str) -> BalanceRows:
    """Return what each row brings, at a linear predictor (n,).

    >>> balance_rows(np.zeros(2), np.array([True, False]), "ATE").balance
    array([ 2., -2.])
    """
    odds = np.exp(predictor)
    e = odds / (1.0 + odds)
    v = e * (1.0 - e)
    a, c = treated.astype(float), (~treated).astype(float)
    if estimand == "ATE":
        balance, fall, fall_slope = a * (1 + 1 / odds) - c * (1 + odds), a / odds + c * odds, c * odds - a / odds
        shared = np.ones_like(v), np.zeros_like(v)
        spread = 2 + odds + 1 / odds, odds - 1 / odds
    elif estimand == "ATT":
        balance, fall, fall_slope = a - c * odds, c * odds, c * odds
        shared, spread = (e, v), (odds, odds)
    else:
        balance, fall, fall_slope = a / odds - c, a / odds, -a / odds
        shared, spread = (1 - e, -v), (1 / odds, -1 / odds)
    return BalanceRows(a - e, balance, v, v * (1 - 2 * e), fall, fall_slope, *shared, *spread)


def two_step(
    data: ScoreData, estimand: str, first_step: FirstStep, likelihood: Floats, balanced: Floats
) -> TwoStep | None:
    """Minimise the criterion from the maximum-likelihood and from the balancing coefficients; the lower counts.

    All coefficients are of the standardised columns. None where neither settles.

    Raises `FitError` where V is singular: R's CBPS takes a generalised inverse there, which no influence follows.
    """
    problem = _Problem(data, estimand)
    if aliased_columns(problem.at(likelihood).covariance).any():
        raise FitError(
            "over-identified covariate-balancing score: the equations of likelihood and balance repeat each other, "
            "because the covariates have too few distinct values; take `over_identified=False`."
        )
    factor, inside = _factor(problem, first_step, likelihood)
    first = problem.at(factor * likelihood)
    root = np.linalg.cholesky(first.covariance)
    ends = [_minimise(problem, root, start) for start in (likelihood, balanced)]
    found = [end for end in ends if end is not None]
    if not found:
        return None
    best = min(found, key=lambda end: end[1])
    point = problem.at(best[0])
    influence = _influence(problem, point, first, likelihood, (factor, first_step if inside else "likelihood"))
    return TwoStep(best[0], influence, best[1], factor, best[2])


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Moments and covariance at one coefficient vector, divided by the sum of the case weights."""

    beta: Floats
    rows: BalanceRows
    moments: Floats
    """(2q,)"""
    slopes: Floats
    """(2q, q)"""
    covariance: Floats
    """(2q, 2q)"""


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    data: ScoreData
    estimand: str

    def at(self, beta: Floats) -> _Moments:
        x = self.data.design
        rows = balance_rows(x @ beta, self.data.treated, self.estimand)
        moments = np.concatenate([self.sum(rows.residual), self.sum(rows.balance)])
        slopes = -np.vstack([self.square(rows.spread), self.square(rows.fall)])
        shared = self.square(rows.shared)
        covariance = np.block([[self.square(rows.spread), shared], [shared, self.square(rows.balance_spread)]])
        return _Moments(beta, rows, moments, slopes, covariance)

    def sum(self, values: Floats) -> Floats:
        case = self.data.case / self.data.case.sum()
        return (case * values) @ self.data.design

    def square(self, values: Floats) -> Floats:
        case = self.data.case / self.data.case.sum()
        return (self.data.design * (case * values)[:, None]).T @ self.data.design


def _minimise(problem: _Problem, root: Floats, start: Floats) -> tuple[Floats, float, int] | None:
    """Newton's method on g' V^-1 g with V = root root' fixed; return coefficients, criterion and steps."""
    point = problem.at(start)
    for step in range(1, MAX_STEPS + 1):
        move = _downhill(problem, root, point)
        shift = problem.data.design @ move
        predictor = problem.data.design @ point.beta
        if np.all(np.abs(shift) <= SETTLED * (1.0 + np.abs(predictor))):
            last = problem.at(point.beta + move)
            return last.beta, _criterion(root, last), step
        here = _criterion(root, point)
        move = move * min(1.0, 5.0 / float(np.abs(shift).max()))
        there = problem.at(point.beta + move)
        halvings = 0
        while not _criterion(root, there) <= here * (1 + 1e-12) + 1e-28:
            if halvings == 60:
                return None
            move, halvings = move / 2, halvings + 1
            there = problem.at(point.beta + move)
        point = there
    return None


def _criterion(root: Floats, point: _Moments) -> float:
    return float(np.square(np.linalg.solve(root, point.moments)).sum())


def _downhill(problem: _Problem, root: Floats, point: _Moments) -> Floats:
    """Return Newton's step or, where the criterion curves downwards, that of Gauss and Newton."""
    slopes = np.linalg.solve(root, point.slopes)
    moments = np.linalg.solve(root, point.moments)
    gradient = slopes.T @ moments
    curvature = _curvature(problem, point, slopes, np.linalg.solve(root.T, moments))
    try:
        np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        curvature = slopes.T @ slopes
    return -np.linalg.solve(curvature, gradient)


def _curvature(problem: _Problem, point: _Moments, slopes: Floats, y: Floats) -> Floats:
    """Return dF/db (q, q), with `slopes` divided by the root of V and y = V^-1 g."""
    z1, z2 = _halves(problem, y)
    return slopes.T @ slopes - problem.square(point.rows.spread_slope * z1 + point.rows.fall_slope * z2)


def _halves(problem: _Problem, y: Floats) -> tuple[Floats, Floats]:
    """Return the products of every row with the two halves of y (2q,) or (2q, k)."""
    q = len(y) // 2
    return problem.data.design @ y[:q], problem.data.design @ y[q:]


def _factor(problem: _Problem, first_step: FirstStep, likelihood: Floats) -> tuple[float, bool]:
    """Return the factor of the first step, and whether it is inside its range, so that it moves with the data."""
    if first_step == "likelihood":
        return 1.0, False

    def slope(factor: float) -> float:
        return float(likelihood @ _first_gradient(problem, first_step, factor * likelihood))

    def value(factor: float) -> float:
        point = problem.at(factor * likelihood)
        moments, matrix = point.moments, point.covariance
        if first_step == "balance":
            moments, matrix = moments[len(likelihood) :], problem.square(np.ones(len(problem.data.case)))
        return float(moments @ np.linalg.solve(matrix, moments))

    from scipy.optimize import brentq, minimize_scalar  # not needed by the other scores, and slow to import

    near: Any = minimize_scalar(value, bounds=RANGE, method="bounded", options={"xatol": 1e-6})
    low, high = max(RANGE[0], float(near.x) - 1e-3), min(RANGE[1], float(near.x) + 1e-3)
    if slope(low) >= 0.0:
        return RANGE[0], False
    if slope(high) <= 0.0:
        return RANGE[1], False
    found: Any = brentq(slope, low, high, xtol=1e-15)
    return float(found), True


def _first_gradient(problem: _Problem, first_step: FirstStep, beta: Floats) -> Floats:
    """Return half the gradient (q,) of what the first step makes least."""
    point = problem.at(beta)
    q = len(beta)
    if first_step == "balance":
        y = np.linalg.solve(problem.square(np.ones(len(problem.data.case))), point.moments[q:])
        return point.slopes[q:].T @ y
    y = np.linalg.solve(point.covariance, point.moments)
    return point.slopes.T @ y - problem.sum(_covariance_part(point.rows, *_halves(problem, y))) / 2


def _covariance_part(rows: BalanceRows, z1: Floats, z2: Floats) -> Floats:
    """Return y' V_i y differentiated by the row's linear predictor, (n,)."""
    return rows.spread_slope * z1**2 + 2 * rows.shared_slope * z1 * z2 + rows.balance_spread_slope * z2**2


def _influence(
    problem: _Problem, point: _Moments, first: _Moments, likelihood: Floats, how: tuple[float, FirstStep]
) -> Floats:
    """Return what each row moves the coefficients by, (n, q), both steps included."""
    x, case = problem.data.design, problem.data.case / problem.data.case.sum()
    y = np.linalg.solve(first.covariance, point.moments)
    bread = np.linalg.solve(first.covariance, point.slopes)
    root = np.linalg.cholesky(first.covariance)
    curvature = _curvature(problem, point, np.linalg.solve(root, point.slopes), y)
    z1, z2 = _halves(problem, y)
    b1, b2 = _halves(problem, bread)
    rows, then = point.rows, first.rows
    own = _own(x, rows, z1, z2) + b1 * rows.residual[:, None] + b2 * rows.balance[:, None]
    own -= b1 * (then.spread * z1 + then.shared * z2)[:, None]
    own -= b2 * (then.shared * z1 + then.balance_spread * z2)[:, None]
    changed = b1 * (then.spread_slope * z1 + then.shared_slope * z2)[:, None]
    changed += b2 * (then.shared_slope * z1 + then.balance_spread_slope * z2)[:, None]
    by_first = -(changed * case[:, None]).T @ x
    total = case[:, None] * own + _first_influence(problem, likelihood, how) @ by_first.T
    return -np.linalg.solve(curvature, total.T).T


def _own(x: Floats, rows: BalanceRows, z1: Floats, z2: Floats) -> Floats:
    """Return D_i' y, what each row brings to D' y, (n, q)."""
    return -x * (rows.spread * z1 + rows.fall * z2)[:, None]


def _first_influence(problem: _Problem, likelihood: Floats, how: tuple[float, FirstStep]) -> Floats:
    """Return what each row moves the first estimate by, (n, q): coefficients of maximum likelihood and their factor."""
    factor, first_step = how
    x, case = problem.data.design, problem.data.case / problem.data.case.sum()
    maximum = problem.at(likelihood)
    score = x * (case * maximum.rows.residual)[:, None]
    moved: Floats = np.linalg.solve(problem.square(maximum.rows.spread), score.T).T
    if first_step == "likelihood":
        return factor * moved
    gradient = _first_gradient(problem, first_step, factor * likelihood)
    # the gradient's derivatives are symmetric: one directional derivative is all that is needed of them
    ahead: Any = (factor + COMPLEX_STEP * 1j) * likelihood
    along: Floats = np.imag(_first_gradient(problem, first_step, ahead)) / COMPLEX_STEP
    by_weight = case * (_first_rows(problem, first_step, factor * likelihood) @ likelihood)
    of_factor = -(by_weight + moved @ (gradient + factor * along)) / float(likelihood @ along)
    return factor * moved + of_factor[:, None] * likelihood


def _first_rows(problem: _Problem, first_step: FirstStep, beta: Floats) -> Floats:
    """Return the derivatives (n, q) of `_first_gradient` by each row's share of the weight."""
    point, x, q = problem.at(beta), problem.data.design, len(beta)
    rows = point.rows
    if first_step == "balance":
        matrix = problem.square(np.ones(len(x)))
        y = np.linalg.solve(matrix, point.moments[q:])
        change = x * (rows.balance - x @ y)[:, None]
        return -x * (rows.fall * (x @ y))[:, None] + change @ np.linalg.solve(matrix, point.slopes[q:])
    y = np.linalg.solve(point.covariance, point.moments)
    z1, z2 = _halves(problem, y)
    left = rows.residual - rows.spread * z1 - rows.shared * z2
    right = rows.balance - rows.shared * z1 - rows.balance_spread * z2
    change = np.linalg.solve(point.covariance, np.hstack([x * left[:, None], x * right[:, None]]).T).T
    kernel = np.vstack(
        [
            problem.square(rows.spread_slope * z1 + rows.shared_slope * z2),
            problem.square(rows.shared_slope * z1 + rows.balance_spread_slope * z2),
        ]
    )
    own = _own(x, rows, z1, z2) - x * (_covariance_part(rows, z1, z2) / 2)[:, None]
    return own + change @ (point.slopes - kernel)
