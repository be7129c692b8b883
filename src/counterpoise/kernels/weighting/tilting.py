"""Inverse probability tilting: weights that give each arm the covariate means of the target, to the last digit."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.covariate_balancing import Target
from counterpoise.kernels.weighting.exponential_tilt import exponential_tilt
from counterpoise.kernels.weighting.fitted_score import ScoreData, failure, score_data
from counterpoise.kernels.weighting.over_identified import balance_rows
from counterpoise.kernels.weighting.records import WeightModel

WHAT = "inverse probability tilting"


def tilting_score(
    treatment: ArrayLike, x: ArrayLike, *, estimand: Target = "ATE", case_weights: ArrayLike | None = None
) -> WeightModel:
    """Return weights of two logistic scores, one an arm, each tilted until its arm has the target's totals and means.

    For the ATE the treated weigh 1/e1(x) and the controls 1/(1 - e0(x)), where the coefficients of e1 solve
    sum_i w_i A_i/e1 (1, x_i) = sum_i w_i (1, x_i), and those of e0 the like: in both arms the weights add up to the
    weight of all n patients, and the means of x are theirs. The parameters are the q = p + 1 coefficients of e1, then
    the q of e0. For the ATT the treated keep weight 1 and the controls weigh e0/(1 - e0), with the treated's total
    and means; for the ATC the other way round: one score, equal there to the just-identified covariate-balancing one.
    `case_weights` are multiplied in.

    Raises `FitError` where no such weights exist, because the means to be reached lie beyond the rows of an arm, and
    for collinear columns, naming them by position; `InputError` for an unknown estimand and as `logistic_score`.

    >>> x = np.array([1.0, 2, 3, 4, 5, 6])
    >>> weights = tilting_score([0, 1, 0, 0, 1, 0], x).weights
    >>> weights[[1, 4]].sum().round(8), weights[[1, 4]] @ x[[1, 4]] / 6, weights[[0, 2, 3, 5]] @ x[[0, 2, 3, 5]] / 6
    (np.float64(6.0), np.float64(3.5), np.float64(3.5))

    Source: Graham, Campos de Xavier Pinto and Egel (2012), Rev Econ Stud 79:1053.
    """
    if estimand not in ("ATE", "ATT", "ATC"):
        raise InputError(f"`estimand` must be ATE, ATT or ATC; it is {estimand!r}.")
    data = score_data(treatment, x, case_weights)
    if data.redundant.size:
        raise failure(WHAT, Verdict.COLLINEAR, data.redundant.tolist(), None)
    weights = data.case.copy()
    derivatives: list[Floats] = []
    influences: list[Floats] = []
    for arm in (True, False):
        if (arm and estimand == "ATT") or (not arm and estimand == "ATC"):
            continue
        tilt, derivative, influence = _arm(data, arm)
        weights = np.where(data.treated == arm, tilt + (data.case if estimand == "ATE" else 0.0), weights)
        derivatives.append(derivative)
        influences.append(influence)
    return WeightModel(weights, np.hstack(derivatives), np.hstack(influences))


def _arm(data: ScoreData, arm: bool) -> tuple[Floats, Floats, Floats]:
    """Tilt one arm to the other's totals; return the tilted weights, their derivatives and the influence, (n, q) both.

    The tilted weights (n,) are zero outside the arm, as are their derivatives.
    """
    rows = data.treated == arm
    sign = -1.0 if arm else 1.0
    total = sign * (np.where(rows, 0.0, data.case) @ data.design)
    q = data.design.shape[1]
    start: Floats = np.zeros(q)
    start[0] = sign * np.log(data.case[~rows].sum() / data.case[rows].sum())
    found = exponential_tilt(data.design[rows], np.full(rows.sum(), sign), data.case[rows], total, start)
    if found.verdict is not Verdict.CONVERGED:
        raise failure(WHAT, found.verdict, found.at_fault.tolist(), None)
    predictor = data.design @ found.coefficients
    tilt: Floats = np.zeros(rows.size)
    tilt[rows] = data.case[rows] * np.exp(sign * predictor[rows])
    derivative = np.column_stack([np.ones(rows.size), data.x]) * (sign * tilt)[:, None]
    balance = balance_rows(predictor, data.treated, "ATC" if arm else "ATT").balance
    moved = np.linalg.solve(found.information, (data.design * (data.case * balance)[:, None]).T).T
    return tilt, derivative, moved @ data.back.T
