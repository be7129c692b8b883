"""The propensity score of several arms: multinomial logistic regression, by maximum likelihood or with a ridge."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_matrix, as_vector, as_weights, require
from counterpoise.kernels.logistic import (
    BLOCK,
    SETTLED,
    back_transform,
    centre_and_scale,
    dependent_columns,
    standardised,
)
from counterpoise.kernels.verdict import Verdict

MAX_STEPS = 60


@dataclass(frozen=True, slots=True, eq=False)
class MultinomialFit:
    """A propensity score of n patients for k arms, with the q = (k - 1) (p + 1) coefficients that were estimated.

    Arm 0 is the reference. The q coefficients are in the order of `coefficients.ravel()`: arm by arm, the intercept
    first. Where the verdict is not CONVERGED every number is NaN.
    """

    method: str
    """What the score is called in tables and text."""
    probability: Floats
    """(n, k) the chance of each arm; rows sum to 1."""
    coefficients: Floats
    """(k - 1, p + 1) log odds of arms 1, ..., k - 1 against arm 0, the intercept first."""
    covariance: Floats
    """(q, q) the inverse of the information, that of the penalty included."""
    influence: Floats
    """(n, q) what each row, with its weight, moves the coefficients by; the sum of their squares is the robust
    variance."""
    design: Floats
    """(n, p + 1) a column of ones, then x."""
    log_likelihood: float
    """Without the penalty."""
    penalty: float
    """Of the ridge; 0 is maximum likelihood."""
    iterations: int
    verdict: Verdict
    at_fault: tuple[int, ...]
    """The columns of x that separate arms or repeat each other."""
    separated: tuple[tuple[int, int], ...]
    """The pairs of arms that `at_fault` tells apart, where the verdict is SEPARATED."""

    def derivative(self, by_probability: ArrayLike) -> Floats:
        """Return the (n, q) derivatives by the coefficients of what has the (n, k) derivatives `by_probability`.

        With e the probabilities and g those derivatives: e_a (g_a - sum of e_b g_b) times the row's covariates.

        >>> fit = multinomial_score([0, 1, 0, 1], [[1.0], [1], [2], [2]])
        >>> fit.derivative([[0.0, 1.0]] * 4)[:2].round(6).tolist()
        [[0.25, 0.25], [0.25, 0.25]]
        """
        gradient = as_matrix("by_probability", by_probability, self.probability.shape[0])
        if gradient.shape != self.probability.shape:
            raise InputError(
                f"`by_probability` must have shape {self.probability.shape}; its shape is {gradient.shape}."
            )
        mean = np.einsum("ia,ia->i", self.probability, gradient)
        by_logit = (self.probability * (gradient - mean[:, None]))[:, 1:]
        return _per_row(by_logit, self.design)


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """What does not change from step to step; the columns are standardised and come after one of ones."""

    arm: Counts
    design: Floats
    """(n, m)"""
    weights: Floats
    k: int
    ridge: Floats
    """(q, q) second derivatives of the penalty."""


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """The likelihood at one value of the coefficients."""

    coefficients: Floats
    """(k - 1, m)"""
    predictor: Floats
    """(n, k - 1)"""
    log_likelihood: float
    objective: float
    """The log-likelihood less the penalty."""
    gradient: Floats
    """(q,)"""
    information: Floats
    """(q, q)"""


def multinomial_score(
    arm: ArrayLike,
    x: ArrayLike,
    *,
    case_weights: ArrayLike | None = None,
    penalty: float = 0.0,
    max_steps: int = MAX_STEPS,
) -> MultinomialFit:
    """Fit log P(arm a) / P(arm 0) = c_a + x'b_a, a = 1, ..., k - 1, to (n,) arms 0, ..., k - 1 and (n, p) columns.

    It is fitted to the precision of the machine by Newton's method, halving steps that would descend. Two arms give
    `logistic`. `case_weights` (n,) are positive: a row of weight 2 counts as two rows.

    `penalty` L takes L times the sum of squares over the k arms of c_a - mean(c) off the log-likelihood, c_a being an
    arm's slopes on columns of standard deviation 1 (with n - 1, whatever the weights); intercepts are left out. It does
    not hang on which arm is the reference; for two arms it is that of `ridge_score`, L / 2 times squared slopes.
    Separated arms and collinear columns then have an answer. The penalty is to be given, since `influence` takes it as
    fixed; that measures how the estimate varies, not the bias that shrinking brings.

    Without one, arms that are separated have no maximum: a direction is found along which no patient's chance of the
    arm received falls and some keep rising. The verdict is then SEPARATED, `at_fault` names the columns of the
    direction and `separated` the pairs of arms that it tells apart. As a rule a level of a category does not occur in
    an arm.

    Raises `InputError` where a code is not a whole number or an arm of 0, ..., k - 1 is empty.

    >>> fit = multinomial_score([0, 0, 1, 2, 0, 1, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1])
    >>> fit.verdict.value, fit.probability[[0, 4]].round(6).tolist()
    ('converged', [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    >>> multinomial_score([0, 0, 1, 1, 2, 2], [[1.0], [2], [3], [4], [5], [6]]).separated
    ((0, 1), (0, 2), (1, 2))

    Source: Albert and Anderson, Biometrika 1984;71:1-10; Friedman, Hastie and Tibshirani, J Stat Softw 2010;33(1),
    section 4, for the symmetric ridge.
    """
    codes, k = as_arms(arm)
    columns = as_matrix("x", x, codes.size)
    weights = as_weights("case_weights", case_weights, codes.size)
    check_penalty(penalty)
    centre, scale = centre_and_scale(columns)
    q = (k - 1) * (columns.shape[1] + 1)
    full = np.column_stack([np.ones(codes.size), columns])
    if penalty == 0.0:
        redundant = dependent_columns(columns, centre, scale)
        if redundant.size:
            return _no_answer(full, k, Verdict.COLLINEAR, 0, at_fault=redundant)
    second = ridge(k, columns.shape, penalty)
    problem = _Problem(codes, standardised(columns, centre, scale), weights, k, second)
    here, verdict, steps, direction = _climb(problem, max_steps)
    if direction is not None:
        apart = _pairs_apart(problem, direction)
        return _no_answer(full, k, Verdict.SEPARATED, steps, at_fault=_moving(direction), separated=apart)
    if verdict is not Verdict.CONVERGED:
        return _no_answer(full, k, verdict, steps, penalty=penalty)
    back = np.kron(np.eye(k - 1), back_transform(centre, scale))
    inverse = np.linalg.inv(here.information)
    return MultinomialFit(
        method=_name(penalty),
        probability=probabilities(here.predictor),
        coefficients=(back @ here.coefficients.ravel()).reshape(k - 1, -1),
        covariance=(back @ inverse @ back.T).reshape(q, q),
        influence=_influence(problem, here, inverse) @ back.T,
        design=full,
        log_likelihood=here.log_likelihood,
        penalty=penalty,
        iterations=steps,
        verdict=Verdict.CONVERGED,
        at_fault=(),
        separated=(),
    )


def as_arms(arm: ArrayLike, size: int | None = None) -> tuple[Counts, int]:
    """Return the (n,) codes of arms and their number k; raise unless every one of 0, ..., k - 1 occurs and k >= 2.

    >>> as_arms([2, 0, 1])
    (array([2, 0, 1]), 3)
    """
    values = as_vector("arm", arm, size)
    require((values >= 0) & (values == np.floor(values)), "`arm` must hold whole numbers from 0")
    codes = values.astype(np.intp)
    found = np.unique(codes)
    k = found.size
    if k < 2:
        raise InputError(f"`arm` must hold at least two arms; it holds {k}.")
    if found[-1] != k - 1:
        first = int(np.flatnonzero(found != np.arange(k))[0])
        raise InputError(f"`arm` must hold every code up to the largest, {found[-1]}; nobody has {first}.")
    return codes, k


def check_penalty(penalty: float) -> None:
    """Raise unless the penalty is finite and not negative."""
    if not (np.isfinite(penalty) and penalty >= 0):
        raise InputError(f"`penalty` must be finite and not negative; it is {penalty}.")


def ridge(k: int, shape: tuple[int, ...], penalty: float) -> Floats:
    """Return the (q, q) second derivatives of the penalty by the coefficients of standardised (n, p) columns.

    >>> ridge(2, (4, 1), 3.0)
    array([[0., 0.],
           [0., 4.]])
    """
    n, p = shape
    slopes = np.eye(p + 1) * (n / (n - 1.0))  # the columns are standardised with n
    slopes[0, 0] = 0.0
    return 2.0 * penalty * np.kron(np.eye(k - 1) - 1.0 / k, slopes)


def probabilities(predictor: Floats) -> Floats:
    """Return the (n, k) chances that belong to the (n, k - 1) log odds against arm 0.

    >>> probabilities(np.array([[0.0], [800.0]]))
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    logits = np.concatenate([np.zeros((predictor.shape[0], 1)), predictor], axis=1)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _name(penalty: float) -> str:
    if penalty == 0.0:
        return "multinomial logistic regression"
    return f"multinomial logistic regression with a ridge of {penalty:g}"


def _per_row(first: Floats, second: Floats) -> Floats:
    """Return the (n, u v) products of the (n, u) and (n, v) columns."""
    return (first[:, :, None] * second[:, None, :]).reshape(first.shape[0], -1)


def _climb(problem: _Problem, max_steps: int) -> tuple[_Point, Verdict, int, Floats | None]:
    """Return where Newton's method ended and how, after how many steps, and the direction (k - 1, m) of separation."""
    n, m = problem.design.shape
    here = _evaluate(problem, np.zeros((problem.k - 1, m)), np.zeros((n, problem.k - 1)))
    separable = not problem.ridge.any()
    for step in range(1, max_steps + 1):
        try:
            move: Floats = np.linalg.solve(here.information, here.gradient).reshape(problem.k - 1, m)
        except np.linalg.LinAlgError:
            break
        if not np.isfinite(move).all():
            break
        shift: Floats = problem.design @ move.T
        if np.all(np.abs(shift) <= SETTLED * (1.0 + np.abs(here.predictor))):
            coefficients = here.coefficients + move
            last = _evaluate(problem, coefficients, problem.design @ coefficients.T)
            return last, Verdict.CONVERGED, step, None
        if separable and _separates(problem, shift, here.predictor):
            return here, Verdict.SEPARATED, step, move
        there = _evaluate(problem, here.coefficients + move, here.predictor + shift)
        while there.objective < here.objective - 1e-12 * abs(here.objective):
            move, shift = move / 2, shift / 2
            there = _evaluate(problem, here.coefficients + move, here.predictor + shift)
        here = there
    direction = _separating_direction(problem) if separable else None
    return here, Verdict.MAX_STEPS, max_steps, direction


def _evaluate(problem: _Problem, coefficients: Floats, predictor: Floats) -> _Point:
    arms, m = problem.k - 1, problem.design.shape[1]
    log_likelihood = 0.0
    gradient: Floats = np.zeros((arms, m))
    information: Floats = np.zeros((arms, m, arms, m))
    for start in range(0, problem.arm.size, BLOCK):
        rows = slice(start, start + BLOCK)
        part, case = problem.design[rows], problem.weights[rows]
        chance, rest, log_own = _chances(predictor[rows], problem.arm[rows])
        log_likelihood += float(case @ log_own)
        gradient += (case[:, None] * _residual(chance, rest, problem.arm[rows])).T @ part
        for a in range(arms):
            weighted = part * (case * chance[:, a + 1])[:, None]
            information[a, :, a] += (weighted * rest[:, a + 1, None]).T @ part
            for b in range(a):
                information[a, :, b] -= (weighted * chance[:, b + 1, None]).T @ part
    for a, b in combinations(range(arms), 2):
        information[a, :, b] = information[b, :, a].T
    flat = coefficients.ravel()
    pull = problem.ridge @ flat
    return _Point(
        coefficients,
        predictor,
        log_likelihood,
        log_likelihood - float(flat @ pull) / 2,
        gradient.ravel() - pull,
        information.reshape(arms * m, arms * m) + problem.ridge,
    )


def _chances(predictor: Floats, arm: Counts) -> tuple[Floats, Floats, Floats]:
    """Return the (n, k) chances, 1 less them, and the (n,) logarithm of that of the arm received.

    What is left of the arm received is the sum of the others, so that it is known when it is all but nothing.
    """
    rows = np.arange(arm.size)
    chance = probabilities(predictor)
    others = chance.copy()
    others[rows, arm] = 0.0
    rest = 1.0 - chance
    rest[rows, arm] = others.sum(axis=1)
    logits = np.concatenate([np.zeros((arm.size, 1)), predictor], axis=1)
    top = logits.max(axis=1)
    log_own = logits[rows, arm] - top - np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return chance, rest, log_own


def _residual(chance: Floats, rest: Floats, arm: Counts) -> Floats:
    """Return (n, k - 1) whether the row is of the arm, less the chance of it."""
    own: Bools = arm[:, None] == np.arange(1, chance.shape[1])
    return np.where(own, rest[:, 1:], -chance[:, 1:])


def _influence(problem: _Problem, point: _Point, inverse: Floats) -> Floats:
    chance, rest, _ = _chances(point.predictor, problem.arm)
    return _per_row(problem.weights[:, None] * _residual(chance, rest, problem.arm), problem.design) @ inverse


def _gaps(problem: _Problem, predictor: Floats) -> Floats:
    """Return (n, k) by how much the log odds of the arm received exceed those of each arm; 0 for itself."""
    logits = np.concatenate([np.zeros((predictor.shape[0], 1)), predictor], axis=1)
    return logits[np.arange(problem.arm.size), problem.arm][:, None] - logits


def _separates(problem: _Problem, shift: Floats, predictor: Floats) -> bool:
    """Whether a step moves no row the wrong way, and some row the right way by more than a settling step would."""
    rise = _gaps(problem, shift)
    if rise.min() < -SETTLED:
        return False
    return bool((rise >= np.maximum(0.5, np.abs(_gaps(problem, predictor)) / 100.0)).any())


def _separating_direction(problem: _Problem) -> Floats | None:
    """Return a (k - 1, m) direction along which no row loses and some gain, if there is one."""
    from scipy.optimize import linprog  # needed in doubt only, and a tenth of a second to import

    k, m = problem.k, problem.design.shape[1]
    distinct = np.unique(np.column_stack([problem.arm, problem.design]), axis=0)
    arm, design = distinct[:, 0].astype(np.intp), distinct[:, 1:]
    against = [np.zeros((arm.size, k, m)) for _ in range(k)]
    for other, gain in enumerate(against):
        gain[np.arange(arm.size), arm] += design
        gain[:, other] -= design
    gains = np.concatenate([gain[arm != other, 1:].reshape(-1, (k - 1) * m) for other, gain in enumerate(against)])
    found = linprog(-gains.mean(axis=0), A_ub=-gains, b_ub=np.zeros(gains.shape[0]), bounds=(-1.0, 1.0))
    if found.status != 0 or not np.any(gains @ found.x > 1e-6):
        return None
    return np.asarray(found.x).reshape(k - 1, m)


def _moving(direction: Floats) -> Counts:
    """Return the columns, without the intercept, that a separating direction makes use of."""
    return np.flatnonzero((np.abs(direction[:, 1:]) > 1e-6 * np.abs(direction).max()).any(axis=0))


def _pairs_apart(problem: _Problem, direction: Floats) -> tuple[tuple[int, int], ...]:
    """Return the pairs of arms of which some patient of one gains against the other along the direction."""
    gain = _gaps(problem, problem.design @ direction.T)
    grows: Bools = gain > 1e-6 * np.abs(gain).max()
    apart = np.zeros((problem.k, problem.k), dtype=bool)
    for a in range(problem.k):
        apart[a] = grows[problem.arm == a].any(axis=0)
    return tuple((a, b) for a, b in combinations(range(problem.k), 2) if apart[a, b] or apart[b, a])


def _no_answer(
    design: Floats,
    k: int,
    verdict: Verdict,
    steps: int,
    *,
    at_fault: Counts | None = None,
    separated: tuple[tuple[int, int], ...] = (),
    penalty: float = 0.0,
) -> MultinomialFit:
    n, m = design.shape
    q = (k - 1) * m
    return MultinomialFit(
        method=_name(penalty),
        probability=np.full((n, k), np.nan),
        coefficients=np.full((k - 1, m), np.nan),
        covariance=np.full((q, q), np.nan),
        influence=np.full((n, q), np.nan),
        design=design,
        log_likelihood=np.nan,
        penalty=penalty,
        iterations=steps,
        verdict=verdict,
        at_fault=() if at_fault is None else tuple(int(column) for column in at_fault),
        separated=separated,
    )
