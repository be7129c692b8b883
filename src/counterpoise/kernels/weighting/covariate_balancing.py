"""The covariate-balancing propensity score: a logistic score whose weights balance the covariates."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.exponential_tilt import Tilt, exponential_tilt
from counterpoise.kernels.weighting.fitted_score import ScoreData, score_data, solved, unsolved
from counterpoise.kernels.weighting.over_identified import FirstStep, balance_rows, two_step
from counterpoise.kernels.weighting.records import ScoreFit

SAME_SCORE = 1e-9
"""Of a linear predictor: nearer than that, likelihood and balance have one solution and no conflict to weigh."""

Target = Literal["ATE", "ATT", "ATC"]
"""Whose effect: of everyone, of those who were treated, of those who were not."""


def covariate_balancing_score(
    treatment: ArrayLike,
    x: ArrayLike,
    *,
    estimand: Target = "ATE",
    over_identified: bool = False,
    first_step: FirstStep = "criterion",
    case_weights: ArrayLike | None = None,
) -> ScoreFit:
    """Estimate a logistic score by the balance of the covariates that its weights give.

    Just-identified, the q = p + 1 coefficients solve sum_i w_i r_i (1, x_i) = 0, with r_i = A/e - (1 - A)/(1 - e)
    (ATE), A - (1 - A) e/(1 - e) (ATT), A (1 - e)/e - (1 - A) (ATC): totals and means of both arms are then
    equal to the last digit. For the ATE the arms are balanced with each other, not with all patients' means, which
    `tilting_score` and `entropy_balancing` do.

    Over-identified, the score equations of the likelihood are added, and the generalised method of moments weighs the
    2q equations by the inverse of their covariance at a first estimate (two steps): balance is then approximate.
    The first estimate is that of maximum likelihood, times the factor between .8 and 1.1 that makes least the
    continuously updated criterion (`first_step="criterion"`, as R's CBPS) or the imbalance ("balance", as R's
    WeightIt), or times 1 ("likelihood", as textbooks have it).

    Influence is w_i db/dw_i throughout, the first step's included. Where the arms are separated, or the treated (ATT)
    or controls (ATC) are on average beyond all rows of the other arm, there is no solution: verdict SEPARATED with
    the columns in `at_fault`. Raises `FitError` where the over-identified equations repeat each other, because the
    covariates have few distinct values; `InputError` for an unknown estimand or first step, and as `logistic_score`.

    >>> fit = covariate_balancing_score([0, 0, 1, 0, 1, 0], [1, 2, 3, 4, 5, 6], estimand="ATT")
    >>> odds = (fit.probability / (1 - fit.probability))[[0, 1, 3, 5]]
    >>> round(float(odds.sum()), 6), round(float(odds @ [1, 2, 4, 6]), 6)  # as the treated: 2 rows, 3 + 5
    (2.0, 8.0)

    Source: Imai and Ratkovic (2014), J R Stat Soc B 76:243.
    """
    if estimand not in ("ATE", "ATT", "ATC"):
        raise InputError(f"`estimand` must be ATE, ATT or ATC; it is {estimand!r}.")
    if first_step not in ("criterion", "balance", "likelihood"):
        raise InputError(f"`first_step` must be criterion, balance or likelihood; it is {first_step!r}.")
    data = score_data(treatment, x, case_weights)
    method = f"covariate-balancing score, {'over' if over_identified else 'just'}-identified, {estimand}"
    likelihood = logistic(data.treated, data.x, weights=data.case)
    if likelihood.verdict is not Verdict.CONVERGED:
        return unsolved(method, data, likelihood.verdict, likelihood.at_fault, likelihood.iterations)
    start = np.linalg.solve(data.back, likelihood.coefficients)
    exact = _balance(data, estimand, start)
    if exact.verdict is not Verdict.CONVERGED:
        return unsolved(method, data, exact.verdict, exact.at_fault, exact.iterations)
    same = np.abs(data.design @ (exact.coefficients - start)).max() <= SAME_SCORE
    if over_identified and not same:
        found = two_step(data, estimand, first_step, start, exact.coefficients)
        if found is None:
            return unsolved(method, data, Verdict.MAX_STEPS, ())
        return solved(method, data, found.coefficients, found.influence, found.iterations)
    rows = balance_rows(data.design @ exact.coefficients, data.treated, estimand)
    influence: Floats = np.linalg.solve(exact.information, (data.design * (data.case * rows.balance)[:, None]).T).T
    return solved(method, data, exact.coefficients, influence, exact.iterations)


def _balance(data: ScoreData, estimand: Target, start: Floats) -> Tilt:
    """Solve the just-identified equations for the standardised columns."""
    sums = np.where(data.treated, data.case, 0.0) @ data.design, np.where(data.treated, 0.0, data.case) @ data.design
    sign = np.where(data.treated, -1.0, 1.0)
    if estimand == "ATE":
        return exponential_tilt(data.design, sign, data.case, sums[0] - sums[1], start)
    rows = ~data.treated if estimand == "ATT" else data.treated
    total = sums[0] if estimand == "ATT" else -sums[1]
    return exponential_tilt(data.design[rows], sign[rows], data.case[rows], total, start)
