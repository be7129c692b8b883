"""Logistic regression by damped Newton, with a verdict on separation, and the c-statistic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_matrix, as_vector, as_weights
from counterpoise.kernels.verdict import Verdict

BLOCK = 16_384
"""Rows per block: sums are cut by the number of rows alone, so that they are the same on every machine."""

SETTLED = 1e-8
"""Largest relative change of a linear predictor in the last step; the error after it is about its square."""

COLLINEAR = 1e-11
"""Share of a column's variance, left after the columns before it, below which it counts as their combination."""

CONSTANT = 1e-12
"""Range of a column, relative to its largest value, below which it counts as constant."""


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """Maximum-likelihood logistic regression of a treatment on q columns.

    `coefficients` (q + 1,) has the intercept first, `covariance` (q + 1, q + 1) is the inverse information,
    `probability` and `linear_predictor` are (n,). Where the verdict is not CONVERGED all of them are NaN, and
    `at_fault` lists the columns of x to which the verdict points: those that are constant or combinations of
    columns before them, or those along which the coefficients grow without bound.
    """

    coefficients: Floats
    covariance: Floats
    probability: Floats
    linear_predictor: Floats
    log_likelihood: float
    deviance: float
    iterations: int
    verdict: Verdict
    at_fault: Counts


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """The likelihood at one coefficient vector: value, gradient (q,) and information (q, q)."""

    coefficients: Floats
    predictor: Floats
    log_likelihood: float
    gradient: Floats
    information: Floats


def logistic(
    treatment: ArrayLike, x: ArrayLike, *, weights: ArrayLike | None = None, max_steps: int = 60
) -> LogisticFit:
    """Fit P(treated) = 1 / (1 + exp(-(b0 + x b))) by maximum likelihood; x has no intercept column.

    `weights` are case weights: a row of weight 2 counts as two rows. Separated data have no maximum: the verdict
    is then SEPARATED, complete or quasi-complete alike, and no number is given. It rests on a certificate, not on
    the size of a coefficient: a direction was found along which no row's probability moves the wrong way while
    some row's keeps moving the right way. Newton's own step becomes such a direction as a rule; where it has neither
    settled nor become one, a linear programme decides.

    >>> fit = logistic([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> fit.verdict.value, np.round(fit.probability, 3).tolist()
    ('converged', [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    >>> logistic([0, 0, 1, 1], [1, 2, 3, 4]).verdict
    <Verdict.SEPARATED: 'separated'>

    Raises `InputError` where x or the weights are not finite, or where one arm is empty.

    Source: Albert and Anderson, Biometrika 1984;71:1-10, for when the maximum exists; Konis 2007, for the linear
    programme.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    case_weights = as_weights("weights", weights, treated.size)
    centre, scale = centre_and_scale(columns)
    redundant = dependent_columns(columns, centre, scale)
    if redundant.size:
        return _no_answer(columns.shape, Verdict.COLLINEAR, redundant, 0)
    design = standardised(columns, centre, scale)
    return _climb(design, np.where(treated, 1.0, -1.0), case_weights, back_transform(centre, scale), max_steps)


def c_statistic(treatment: ArrayLike, score: ArrayLike) -> float:
    """Return the chance that a treated row scores above a control, ties counting one half (the area under the ROC).

    >>> c_statistic([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    values = as_vector("score", score, treated.size)
    _, position, count = np.unique(values, return_inverse=True, return_counts=True)
    controls = np.bincount(position[~treated], minlength=count.size)
    below = np.cumsum(controls) - controls
    wins = below[position[treated]] + controls[position[treated]] / 2
    return float(wins.mean() / np.count_nonzero(~treated))


def require_both_arms(treated: Bools) -> None:
    """Raise `InputError` unless there is at least one treated row and at least one control."""
    if treated.size == 0 or treated.all() or not treated.any():
        count = int(treated.sum())
        raise InputError(f"`treatment` must hold treated and control rows; {count} of {treated.size} are treated.")


def centre_and_scale(columns: Floats) -> tuple[Floats, Floats]:
    """Return the mean and standard deviation of each column, 1 in place of a deviation of zero."""
    rows = columns.shape[0]
    centre = columns.mean(axis=0)
    squares: Floats = np.zeros(columns.shape[1])
    for start in range(0, rows, BLOCK):
        squares += np.square(columns[start : start + BLOCK] - centre).sum(axis=0)
    low, high = columns.min(axis=0), columns.max(axis=0)
    constant = high - low <= CONSTANT * np.maximum(np.abs(low), np.abs(high))
    scale = np.sqrt(squares / rows)
    return centre, np.where(constant | (scale == 0.0), 1.0, scale)


def standardised(columns: Floats, centre: Floats, scale: Floats) -> Floats:
    """Return the design (n, q + 1): a column of ones, then the standardised columns."""
    design = np.empty((columns.shape[0], columns.shape[1] + 1))
    design[:, 0] = 1.0
    np.subtract(columns, centre, out=design[:, 1:])
    design[:, 1:] /= scale
    return design


def dependent_columns(columns: Floats, centre: Floats, scale: Floats) -> Counts:
    """Return the indices of columns that are constant or a linear combination of earlier ones (and a constant).

    >>> x = np.array([[1.0, 5, 2], [2, 5, 4], [4, 5, 8], [3, 5, 6]])
    >>> dependent_columns(x, *centre_and_scale(x))
    array([1, 2])
    """
    rows, width = columns.shape
    correlation: Floats = np.zeros((width, width))
    for start in range(0, rows, BLOCK):
        part = (columns[start : start + BLOCK] - centre) / scale
        correlation += part.T @ part
    correlation /= max(rows, 1)
    factor: Floats = np.zeros((width, width))
    kept: list[int] = []
    redundant: list[int] = []
    for j in range(width):
        for i in kept:
            factor[j, i] = (correlation[j, i] - factor[j, :i] @ factor[i, :i]) / factor[i, i]
        left = float(correlation[j, j] - factor[j] @ factor[j])
        if left <= COLLINEAR:
            redundant.append(j)
            factor[j] = 0.0
        else:
            factor[j, j] = np.sqrt(left)
            kept.append(j)
    return np.array(redundant, dtype=int)


def back_transform(centre: Floats, scale: Floats) -> Floats:
    """Return the matrix that takes coefficients of standardised columns, intercept first, to those of x."""
    matrix = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    matrix[0, 1:] = -centre / scale
    return matrix


def _climb(design: Floats, sign: Floats, weights: Floats, back: Floats, max_steps: int) -> LogisticFit:
    """Newton's method with step halving from zero, until it settles or is proved to have nowhere to settle."""
    shape = (design.shape[0], design.shape[1] - 1)
    here = _evaluate(design, sign, weights, np.zeros(design.shape[1]), np.zeros(design.shape[0]))
    for step in range(1, max_steps + 1):
        try:
            move: Floats = np.linalg.solve(here.information, here.gradient)
        except np.linalg.LinAlgError:
            break
        shift: Floats = design @ move
        if np.all(np.abs(shift) <= SETTLED * (1.0 + np.abs(here.predictor))):
            coefficients = here.coefficients + move
            return _answer(_evaluate(design, sign, weights, coefficients, design @ coefficients), back, step)
        if _separates(sign * shift, here.predictor):
            return _no_answer(shape, Verdict.SEPARATED, _moving(move), step)
        there = _evaluate(design, sign, weights, here.coefficients + move, here.predictor + shift)
        while there.log_likelihood < here.log_likelihood - 1e-12 * abs(here.log_likelihood):
            move, shift = move / 2, shift / 2
            there = _evaluate(design, sign, weights, here.coefficients + move, here.predictor + shift)
        here = there
    direction = _separating_direction(design * sign[:, None])
    if direction is not None:
        return _no_answer(shape, Verdict.SEPARATED, _moving(direction), max_steps)
    return _no_answer(shape, Verdict.MAX_STEPS, np.array([], dtype=int), max_steps)


def _moving(direction: Floats) -> Counts:
    """Return the columns, without the intercept, that a separating direction (q + 1,) makes use of."""
    return np.flatnonzero(np.abs(direction[1:]) > 1e-6 * np.abs(direction).max())


def _evaluate(design: Floats, sign: Floats, weights: Floats, coefficients: Floats, predictor: Floats) -> _Point:
    width = design.shape[1]
    log_likelihood = 0.0
    gradient: Floats = np.zeros(width)
    information: Floats = np.zeros((width, width))
    for start in range(0, sign.size, BLOCK):
        rows = slice(start, start + BLOCK)
        part, case = design[rows], weights[rows]
        agreement = sign[rows] * predictor[rows]
        miss = expit(-agreement)
        log_likelihood += float(case @ log_expit(agreement))
        gradient += (case * sign[rows] * miss) @ part
        information += (part * (case * miss * (1.0 - miss))[:, None]).T @ part
    return _Point(coefficients, predictor, log_likelihood, gradient, information)


def expit(predictor: Floats) -> Floats:
    """Return 1 / (1 + exp(-predictor)), to full relative precision at the lower end.

    >>> expit(np.array([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """
    tail = np.exp(-np.abs(predictor))
    return np.where(predictor >= 0, 1.0, tail) / (1.0 + tail)


def log_expit(predictor: Floats) -> Floats:
    """Return the logarithm of `expit`, finite wherever the predictor is.

    >>> log_expit(np.array([-800.0, 0.0])).round(4)
    array([-8.000e+02, -6.931e-01])
    """
    return np.minimum(predictor, 0.0) - np.log1p(np.exp(-np.abs(predictor)))


def _separates(agreement: Floats, predictor: Floats) -> bool:
    """Whether a step moves no row the wrong way, and some row the right way by more than a settling step would."""
    growing = agreement >= np.maximum(0.5, np.abs(predictor) / 100.0)
    return bool(agreement.min() >= -SETTLED and growing.any())


def _separating_direction(signed: Floats) -> Floats | None:
    """Return a direction along which no row of `signed` (n, q + 1) is negative and some are positive, if any."""
    from scipy.optimize import linprog  # needed in doubt only, and a tenth of a second to import

    rows = np.unique(signed, axis=0)
    found = linprog(-rows.mean(axis=0), A_ub=-rows, b_ub=np.zeros(rows.shape[0]), bounds=(-1.0, 1.0))
    return np.asarray(found.x) if found.status == 0 and np.any(rows @ found.x > 1e-6) else None


def _answer(point: _Point, back: Floats, steps: int) -> LogisticFit:
    return LogisticFit(
        coefficients=back @ point.coefficients,
        covariance=back @ np.linalg.inv(point.information) @ back.T,
        probability=expit(point.predictor),
        linear_predictor=point.predictor,
        log_likelihood=point.log_likelihood,
        deviance=-2.0 * point.log_likelihood,
        iterations=steps,
        verdict=Verdict.CONVERGED,
        at_fault=np.array([], dtype=int),
    )


def _no_answer(shape: tuple[int, ...], verdict: Verdict, at_fault: Counts, steps: int) -> LogisticFit:
    rows, width = shape[0], shape[1] + 1
    return LogisticFit(
        coefficients=np.full(width, np.nan),
        covariance=np.full((width, width), np.nan),
        probability=np.full(rows, np.nan),
        linear_predictor=np.full(rows, np.nan),
        log_likelihood=np.nan,
        deviance=np.nan,
        iterations=steps,
        verdict=verdict,
        at_fault=at_fault,
    )
