"""Logistic regression by damped Newton, with a verdict on separation, and the c-statistic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_matrix, as_vector, as_weights
from counterpoise.kernels.verdict import Verdict

BLOCK = 4_096
"""Rows per block: sums are cut by the number of rows alone, so that they are the same on every machine."""

LARGE = 30_000
"""Rows from which on a rough fit to every `THIN`th of them is the start."""

THIN, ROUGH_STEPS = 16, 8

ROUGHLY = 1e-6
"""Gain of log-likelihood per row, expected of a step, below which a rough fit ends."""

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
    design, centre, scale, redundant = _arrange(columns)
    if redundant.size:
        return _no_answer(columns.shape, Verdict.COLLINEAR, redundant, 0)
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
    low, high = centre.copy(), centre.copy()
    for start in range(0, rows, BLOCK):
        part = columns[start : start + BLOCK].T.copy()  # minima along a column are found faster than across rows
        np.minimum(low, part.min(axis=1), out=low)
        np.maximum(high, part.max(axis=1), out=high)
        part -= centre[:, None]
        squares += np.einsum("ij,ij->i", part, part)
    return centre, _scale(squares / rows, low, high)


def _scale(variance: Floats, low: Floats, high: Floats) -> Floats:
    constant = high - low <= CONSTANT * np.maximum(np.abs(low), np.abs(high))
    scale = np.sqrt(variance)
    return np.where(constant | (scale == 0.0), 1.0, scale)


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
        part = columns[start : start + BLOCK] - centre
        part /= scale
        correlation += part.T @ part
    return _redundant(correlation / max(rows, 1))


def _redundant(correlation: Floats) -> Counts:
    """Return the columns that the ones before them explain, from the correlations (q, q)."""
    width = correlation.shape[0]
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


def _arrange(columns: Floats) -> tuple[Floats, Floats, Floats, Counts]:
    """Return the design (q + 1, n), a row of ones and then the standardised columns, with `centre_and_scale`.

    The fourth are the columns that are constant or depend on others: `dependent_columns`. Each covariate lies in one
    piece, which every step of the fit passes over faster than rows.
    """
    rows, width = columns.shape
    design: Floats = np.empty((width + 1, rows))
    design[0] = 1.0
    covariates = design[1:]
    total: Floats = np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for start in range(0, rows, BLOCK):
        part = covariates[:, start : start + BLOCK]
        part[:] = columns[start : start + BLOCK].T
        total += part.sum(axis=1)
        np.minimum(low, part.min(axis=1), out=low)
        np.maximum(high, part.max(axis=1), out=high)
    centre = total / rows
    covariance: Floats = np.zeros((width, width))
    for start in range(0, rows, BLOCK):
        part = covariates[:, start : start + BLOCK]
        part -= centre[:, None]
        covariance += part @ part.T
    covariance /= rows
    scale = _scale(np.diag(covariance), low, high)
    covariates /= scale[:, None]
    return design, centre, scale, _redundant(covariance / np.outer(scale, scale))


def back_transform(centre: Floats, scale: Floats) -> Floats:
    """Return the matrix that takes coefficients of standardised columns, intercept first, to those of x."""
    matrix = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    matrix[0, 1:] = -centre / scale
    return matrix


def _climb(design: Floats, sign: Floats, weights: Floats, back: Floats, max_steps: int) -> LogisticFit:
    """Newton's method with step halving, until it settles or is proved to have nowhere to settle."""
    shape = (design.shape[1], design.shape[0] - 1)
    start = _head_start(design, sign, weights)
    here = _evaluate(design, sign, weights, start, start @ design)
    for step in range(1, max_steps + 1):
        try:
            move: Floats = np.linalg.solve(here.information, here.gradient)
        except np.linalg.LinAlgError:
            break
        shift: Floats = move @ design
        if _is_settled(shift, here.predictor):
            coefficients = here.coefficients + move
            return _answer(_evaluate(design, sign, weights, coefficients, coefficients @ design), back, step)
        if _separates(sign, shift, here.predictor):
            return _no_answer(shape, Verdict.SEPARATED, _moving(move), step)
        there = _evaluate(design, sign, weights, here.coefficients + move, here.predictor + shift)
        while there.log_likelihood < here.log_likelihood - 1e-12 * abs(here.log_likelihood):
            move, shift = move / 2, shift / 2
            there = _evaluate(design, sign, weights, here.coefficients + move, here.predictor + shift)
        here = there
    direction = _separating_direction((design * sign).T)
    if direction is not None:
        return _no_answer(shape, Verdict.SEPARATED, _moving(direction), max_steps)
    return _no_answer(shape, Verdict.MAX_STEPS, np.array([], dtype=int), max_steps)


def _moving(direction: Floats) -> Counts:
    """Return the columns, without the intercept, that a separating direction (q + 1,) makes use of."""
    return np.flatnonzero(np.abs(direction[1:]) > 1e-6 * np.abs(direction).max())


def _head_start(design: Floats, sign: Floats, weights: Floats) -> Floats:
    """Return coefficients to begin with: zero, or where there are many rows those that suit some of them.

    They are not the answer, nor do they decide whether there is one: the fit to all rows goes on from there.
    """
    zero: Floats = np.zeros(design.shape[0])
    if sign.size < LARGE:
        return zero
    some, part, case = sign[::THIN].copy(), design[:, ::THIN].copy(), weights[::THIN].copy()
    coefficients = zero.copy()
    for _ in range(ROUGH_STEPS):
        point = _evaluate(part, some, case, coefficients, coefficients @ part)
        try:
            move = np.linalg.solve(point.information, point.gradient)
        except np.linalg.LinAlgError:
            return zero
        coefficients += move
        if float(move @ point.gradient) <= ROUGHLY * float(case.sum()):
            return coefficients
    return zero


def _evaluate(design: Floats, sign: Floats, weights: Floats, coefficients: Floats, predictor: Floats) -> _Point:
    width, rows = design.shape
    log_likelihood = 0.0
    gradient: Floats = np.zeros(width)
    information: Floats = np.zeros((width, width))
    scaled: Floats = np.empty((width, min(BLOCK, rows)))
    for block in _blocks(rows):
        part, case = design[:, block], weights[block]
        agreement = sign[block] * predictor[block]
        tail = np.exp(-np.abs(agreement))
        log_likelihood += float(case @ (np.minimum(agreement, 0.0) - np.log1p(tail)))
        miss = np.where(agreement >= 0.0, tail, 1.0) / (1.0 + tail)
        gradient += part @ (case * sign[block] * miss)
        # With its root the factor makes a product of a matrix with itself, at half the price.
        product = np.multiply(part, np.sqrt(case * tail) / (1.0 + tail), out=scaled[:, : case.size])
        information += product @ product.T
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


def _blocks(rows: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, rows, BLOCK)]


def _is_settled(shift: Floats, predictor: Floats) -> bool:
    """Whether a step changes no row's linear predictor by more than `SETTLED` of itself."""
    parts = _blocks(shift.size)
    return all(np.all(np.abs(shift[part]) <= SETTLED * (1.0 + np.abs(predictor[part]))) for part in parts)


def _separates(sign: Floats, shift: Floats, predictor: Floats) -> bool:
    """Whether a step moves no row the wrong way, and some row the right way by more than a settling step would."""
    parts = _blocks(shift.size)
    if any((sign[part] * shift[part]).min() < -SETTLED for part in parts):
        return False
    return any(np.any(sign[part] * shift[part] >= np.maximum(0.5, np.abs(predictor[part]) / 100.0)) for part in parts)


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
