"""The propensity score by logistic regression, with what each patient moves its coefficients by."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.fitted_score import score_data, solved, unsolved
from counterpoise.kernels.weighting.records import ScoreFit

METHOD = "logistic regression"


def logistic_score(treatment: ArrayLike, x: ArrayLike, *, case_weights: ArrayLike | None = None) -> ScoreFit:
    """Estimate the chance of treatment by the maximum of the logistic likelihood.

    `x` (n, p) has no intercept column. `case_weights` (n,), positive and not necessarily whole, multiply the
    likelihood of a row; coefficients do not depend on their scale. The influence of row i, with H the information, is
    H^-1 w_i x_i (A_i - e_i): the sum of their squares is the sandwich of R's package sandwich (HC0).

    Separated arms and collinear columns are verdicts, with the columns in `at_fault`; nothing is raised on them.
    Raises `InputError` for an empty arm, and for values or weights that are not finite or weights not positive.

    >>> fit = logistic_score([1, 1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1])
    >>> fit.coefficients.round(4), fit.probability[[0, 4]].round(4)
    (array([ 1.0986, -1.7918]), array([0.75  , 0.3333]))
    >>> logistic_score([0, 0, 1, 1], [1, 2, 3, 4]).verdict.value
    'separated'

    Source: Rosenbaum and Rubin (1983), Biometrika 70:41; influence: Huber (1967), 5th Berkeley Symposium 1:221.
    """
    data = score_data(treatment, x, case_weights)
    fit = logistic(data.treated, data.x, weights=data.case)
    if fit.verdict is not Verdict.CONVERGED:
        return unsolved(METHOD, data, fit.verdict, fit.at_fault, fit.iterations)
    e = fit.probability
    information = (data.design * (data.case * e * (1.0 - e))[:, None]).T @ data.design
    score = data.design * (data.case * (data.treated - e))[:, None]
    standard: Floats = np.linalg.solve(data.back, fit.coefficients)
    return solved(METHOD, data, standard, score @ np.linalg.inv(information), fit.iterations)
