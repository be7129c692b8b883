"""Entropy balancing: the weights nearest to equal that give each arm the moments of the target."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_matrix
from counterpoise.kernels.logistic import centre_and_scale, require_both_arms
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.covariate_balancing import Target
from counterpoise.kernels.weighting.exponential_tilt import exponential_tilt
from counterpoise.kernels.weighting.fitted_score import ScoreData, failure, score_data
from counterpoise.kernels.weighting.records import WeightModel

WHAT = "entropy balancing"


def entropy_balancing(
    treatment: ArrayLike,
    x: ArrayLike,
    *,
    estimand: Target = "ATE",
    moments: Literal[1, 2, 3] = 1,
    case_weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> WeightModel:
    """Return the weights of least relative entropy that give each arm the target's moments of every column of x.

    Both arms take the moments of all patients (ATE), the controls those of the treated (ATT), the treated those of
    the controls (ATC); the arm that is the target keeps its case weights. `moments` 2 and 3 add squares and cubes;
    a column of k distinct values has k - 1 powers at most. In each arm the weights add up to the arm's case weights
    (to its number of patients without). `case_weights`, for example sampling weights, are the base from which the
    entropy is measured, weigh the target's moments, and are multiplied in.

    The weights of a tilted arm are w_i exp(a + z_i b), z the balanced columns; the parameters are a and b, in
    standardised columns, of each tilted arm (treated first). Their influence has every row's part in the arm's
    equations and in the target's moments.

    Raises `FitError` where no positive weights reach the target, because it lies at or beyond the edge of the arm's
    rows, and for collinear columns; it names the columns, by `names` (p,) where given. Raises `InputError` for an
    unknown estimand or other moments, and as `logistic_score`.

    >>> x = np.array([1.0, 2, 3, 4, 5, 6])
    >>> weights = entropy_balancing([0, 0, 1, 0, 1, 0], x, estimand="ATT").weights
    >>> weights[[0, 1, 3, 5]].round(3).tolist(), round(float(weights[[0, 1, 3, 5]] @ x[[0, 1, 3, 5]] / 4), 8)
    ([0.591, 0.722, 1.078, 1.609], 4.0)
    >>> entropy_balancing([0, 1, 0, 0, 1, 1], x, estimand="ATT", names=["age"])
    Traceback (most recent call last):
    counterpoise.errors.FitError: entropy balancing: no weights of the controls give them the target's moments of `age`,
    which lie at or beyond the edge of what the controls have; leave out patients unlike any of them, or balance fewer
    or coarser covariates.

    Source: Hainmueller (2012), Polit Anal 20:25; Zhao and Percival (2017), J Causal Inference 5:20160010.
    """
    if estimand not in ("ATE", "ATT", "ATC"):
        raise InputError(f"`estimand` must be ATE, ATT or ATC; it is {estimand!r}.")
    if moments not in (1, 2, 3):
        raise InputError(f"`moments` must be 1, 2 or 3; it is {moments!r}.")
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, treated.size)
    called = (
        [f"column {j} of `x`" for j in range(columns.shape[1])] if names is None else [f"`{name}`" for name in names]
    )
    if len(called) != columns.shape[1]:
        raise InputError(f"`names` must have {columns.shape[1]} elements, one a column of x; it has {len(called)}.")
    z, called = powers(columns, called, moments)
    data = score_data(treated, z, case_weights)
    if data.redundant.size:
        raise failure(WHAT, Verdict.COLLINEAR, data.redundant.tolist(), called)
    target = {"ATE": np.ones(data.treated.size, dtype=bool), "ATT": data.treated, "ATC": ~data.treated}[estimand]
    weights = data.case.copy()
    derivatives: list[Floats] = []
    influences: list[Floats] = []
    for arm in (True, False):
        rows = data.treated == arm
        if np.array_equal(rows, target):
            continue
        weights[rows], derivative, influence = _arm(data, rows, target, ("controls", "treated")[arm], called)
        derivatives.append(derivative)
        influences.append(influence)
    return WeightModel(weights, np.hstack(derivatives), np.hstack(influences))


def powers(x: Floats, names: Sequence[str], moments: int) -> tuple[Floats, list[str]]:
    """Return the columns of (n, p) `x` followed by their squares and cubes, as standardised, with their names.

    A column of k distinct values has k - 1 powers at most: a higher one would be a combination of these.

    >>> powers(np.array([[0.0, 1], [1, 2], [1, 3]]), ["`sex`", "`age`"], 2)[1]
    ['`sex`', '`age`', '`age`^2']
    """
    centre, scale = centre_and_scale(x)
    standard = (x - centre) / scale
    most = [min(moments, np.unique(column).size - 1) for column in x.T]
    columns, called = [x], list(names)
    for power in range(2, moments + 1):
        chosen = [j for j, k in enumerate(most) if k >= power]
        columns.append(standard[:, chosen] ** power)
        called += [f"{names[j]}^{power}" for j in chosen]
    return np.hstack(columns), called


def _arm(data: ScoreData, rows: Bools, target: Bools, arm: str, called: Sequence[str]) -> tuple[Floats, Floats, Floats]:
    """Tilt one arm; return its weights, derivatives (n, q) of all weights, and the influence (n, q) on a and b."""
    z, case = data.design, data.case
    size, of_target = case[rows].sum(), np.where(target, case, 0.0)
    mean = of_target @ z / of_target.sum()
    found = exponential_tilt(z[rows], np.ones(rows.sum()), case[rows], size * mean, np.zeros(z.shape[1]))
    if found.verdict is Verdict.SEPARATED:
        outside = ((mean <= z[rows].min(axis=0)) | (mean >= z[rows].max(axis=0)))[1:]
        raise _infeasible(arm, called, np.flatnonzero(outside).tolist() or found.at_fault.tolist())
    if found.verdict is not Verdict.CONVERGED:
        raise failure(f"{WHAT} of the {arm}", found.verdict, found.at_fault.tolist(), called)
    factor: Floats = np.zeros(rows.size)
    factor[rows] = np.exp(z[rows] @ found.coefficients)
    derivative = z * (case * factor)[:, None]
    own = np.where(rows[:, None], mean - z * factor[:, None], 0.0)  # the first column: 1 - factor
    of_mean = (of_target * size / of_target.sum())[:, None] * (z - mean)
    influence = np.linalg.solve(found.information, (own * case[:, None] + of_mean).T).T
    return (case * factor)[rows], derivative, influence


def _infeasible(arm: str, called: Sequence[str], at_fault: Sequence[int]) -> FitError:
    named = ", ".join(called[j] for j in at_fault)
    return FitError(
        f"{WHAT}: no weights of the {arm} give them the target's moments of {named}, which lie at or beyond the edge "
        f"of what the {arm} have; leave out patients unlike any of them, or balance fewer or coarser covariates."
    )
