"""What the models of a score share: checked and standardised columns on the way in, a record on the way out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import FitError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_matrix, as_weights
from counterpoise.kernels.logistic import (
    back_transform,
    centre_and_scale,
    dependent_columns,
    expit,
    require_both_arms,
    standardised,
)
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.records import ScoreFit


@dataclass(frozen=True, slots=True, eq=False)
class ScoreData:
    """Treatment and covariates of n patients, checked; q = p + 1 with the intercept."""

    treated: Bools
    case: Floats
    """(n,) case weights."""
    x: Floats
    """(n, p) as given."""
    design: Floats
    """(n, q) a column of ones, then x with mean 0 and standard deviation 1 over the rows, whatever their weights."""
    back: Floats
    """(q, q) takes coefficients of `design` to those of x."""
    redundant: Counts
    """Columns of x that are constant or combinations of columns before them."""


def score_data(treatment: ArrayLike, x: ArrayLike, case_weights: ArrayLike | None) -> ScoreData:
    """Check and standardise; `InputError` as `logistic`.

    >>> data = score_data([0, 1, 1], [[1.0], [2.0], [3.0]], None)
    >>> data.design.round(3).tolist()
    [[1.0, -1.225], [1.0, 0.0], [1.0, 1.225]]
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    case = as_weights("case_weights", case_weights, treated.size)
    centre, scale = centre_and_scale(columns)
    return ScoreData(
        treated=treated,
        case=case,
        x=columns,
        design=standardised(columns, centre, scale),
        back=back_transform(centre, scale),
        redundant=dependent_columns(columns, centre, scale),
    )


def solved(method: str, data: ScoreData, standard: Floats, influence: Floats, iterations: int) -> ScoreFit:
    """Return the record of a score from coefficients (q,) and influence (n, q) of the standardised columns."""
    probability = expit(data.design @ standard)
    slope = np.column_stack([np.ones(len(data.x)), data.x]) * (probability * (1.0 - probability))[:, None]
    return ScoreFit(
        method=method,
        probability=probability,
        coefficients=data.back @ standard,
        influence=influence @ data.back.T,
        slope=slope,
        verdict=Verdict.CONVERGED,
        at_fault=(),
        iterations=iterations,
    )


def unsolved(
    method: str, data: ScoreData, verdict: Verdict, at_fault: Sequence[int] | Counts, iterations: int = 0
) -> ScoreFit:
    """Return the record of a score that has no answer."""
    n, q = data.design.shape
    return ScoreFit(
        method=method,
        probability=np.full(n, np.nan),
        coefficients=np.full(q, np.nan),
        influence=np.full((n, q), np.nan),
        slope=np.full((n, q), np.nan),
        verdict=verdict,
        at_fault=tuple(int(column) for column in at_fault),
        iterations=iterations,
    )


def failure(what: str, verdict: Verdict, at_fault: Sequence[int], names: Sequence[str] | None) -> FitError:
    """Return the error of a fit without answer, with the columns to which its verdict points.

    >>> failure("entropy balancing", Verdict.COLLINEAR, [1], ["`age`", "`sex`"])
    FitError('entropy balancing: collinear covariates (`sex`): a covariate is constant or ...; remove it.')
    """
    named = [f"column {j} of `x`" if names is None else names[j] for j in at_fault]
    where = f" ({', '.join(named)})" if named else ""
    return FitError(f"{what}: {verdict.value}{where}: {verdict.advice}")
