"""The propensity score by logistic regression with a ridge penalty."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.logistic import SETTLED, expit, log_expit
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.fitted_score import ScoreData, score_data, solved, unsolved
from counterpoise.kernels.weighting.records import ScoreFit

MAX_STEPS = 100
ROUNDING = 1e-12  # of the log-likelihood: a fall below this part of it is none


def ridge_score(
    treatment: ArrayLike, x: ArrayLike, *, penalty: float, case_weights: ArrayLike | None = None
) -> ScoreFit:
    """Estimate the chance of treatment by the logistic log-likelihood less half the penalty times squared slopes.

    The maximum is of sum_i w_i l_i - penalty / 2 * sum_j (s_j b_j)^2, with s_j the standard deviation of column j
    (over the n rows, whatever their weights, with n - 1): the unit of a covariate does not matter, and the intercept is
    not penalised. That is the convention of `ridge_cox`; glmnet's lambda is penalty / n with n in the place of n - 1.
    The penalty is to be given: it is not chosen from the data, since no influence knows of such a choice.

    The influence of row i is (H + P)^-1 w_i x_i (A_i - e_i), with H the information and P the penalty's second
    derivatives: what its weight moves the estimate by, the penalty staying as it is. Their squares measure how the
    estimate varies, not the bias that shrinking brings. Separated arms and collinear columns have a finite
    answer here, so the verdict is CONVERGED or, hardly ever, MAX_STEPS.

    Raises `InputError` for a penalty that is not positive and finite, and as `logistic_score`.

    >>> for penalty in (0.1, 1.0, 10.0):
    ...     fit = ridge_score([0, 0, 1, 1], [1, 2, 3, 4], penalty=penalty)
    ...     fit.probability[[0, 2]].round(4).tolist()
    [0.0369, 0.748]
    [0.2566, 0.5877]
    [0.4582, 0.514]

    Source: le Cessie and van Houwelingen (1992), Appl Stat 41:191.
    """
    if not (np.isfinite(penalty) and penalty > 0):
        raise InputError(f"`penalty` must be positive and finite; it is {penalty}.")
    data = score_data(treatment, x, case_weights)
    method = f"ridge logistic regression, penalty {penalty:g}"
    n, q = data.design.shape
    amount = np.full(q, penalty * n / (n - 1.0))  # `design` has deviations with n
    amount[0] = 0.0
    amount[1:][np.ptp(data.design[:, 1:], axis=0) == 0.0] = penalty  # a constant column: any, for a zero coefficient
    found = _climb(data, amount)
    if found is None:
        return unsolved(method, data, Verdict.MAX_STEPS, (), MAX_STEPS)
    beta, steps = found
    e = expit(data.design @ beta)
    bread = np.linalg.inv(_information(data, e) + np.diag(amount))
    return solved(method, data, beta, (data.design * (data.case * (data.treated - e))[:, None]) @ bread, steps)


def _information(data: ScoreData, e: Floats) -> Floats:
    return (data.design * (data.case * e * (1.0 - e))[:, None]).T @ data.design


def _climb(data: ScoreData, amount: Floats) -> tuple[Floats, int] | None:
    """Newton's method with halved steps; return the coefficients of the standardised columns and the steps taken."""
    design, case, sign = data.design, data.case, np.where(data.treated, 1.0, -1.0)

    def value(beta: Floats, predictor: Floats) -> float:
        return float(case @ log_expit(sign * predictor) - amount @ beta**2 / 2)

    beta: Floats = np.zeros(amount.size)
    predictor: Floats = np.zeros(len(design))
    here = value(beta, predictor)
    for step in range(1, MAX_STEPS + 1):
        e = expit(predictor)
        gradient = design.T @ (case * (data.treated - e)) - amount * beta
        move: Floats = np.linalg.solve(_information(data, e) + np.diag(amount), gradient)
        shift: Floats = design @ move
        if np.all(np.abs(shift) <= SETTLED * (1.0 + np.abs(predictor))):
            return beta + move, step
        there = value(beta + move, predictor + shift)
        while there < here - ROUNDING * abs(here):
            move, shift = move / 2, shift / 2
            there = value(beta + move, predictor + shift)
        beta, predictor, here = beta + move, predictor + shift, there
    return None
