"""The propensity score: each patient's chance of being treated, given the covariates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import FitError, InputError, UnsupportedError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_matrix
from counterpoise.kernels.logistic import LogisticFit, c_statistic, logistic
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class PropensityScore:
    """The chance of being treated, of n patients, from q terms.

    `treatment`, `probability` and `logit` are (n,), `x` (n, q) holds the terms' columns, `coefficients` and
    `std_error` (q,) are on the logit scale, without the intercept, which `fit` has. `c_statistic` tells how well
    the score separates the arms: overlap is poor where it is near 1, and a low value is no fault.
    """

    treatment: Bools
    probability: Floats
    logit: Floats
    terms: tuple[str, ...]
    coefficients: Floats
    std_error: Floats
    c_statistic: float
    fit: LogisticFit
    x: Floats


def propensity(
    treatment: ArrayLike,
    x: ArrayLike,
    *,
    terms: Sequence[str] | None = None,
    method: Literal["logistic"] = "logistic",
) -> PropensityScore:
    """Estimate P(treated | x) by logistic regression, all terms at once, without selection.

    `x` (n, q) has no intercept and codes a category of k levels by k - 1 columns; `terms` names its columns.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3], terms=["age"])
    >>> score.terms, score.probability.round(3).tolist()
    (('age',), [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])

    Raises `FitError`, naming the terms at fault, where covariates separate the arms or repeat each other.

    Source: Rosenbaum and Rubin, Biometrika 1983;70:41-55.
    """
    if method != "logistic":
        raise UnsupportedError(f"`method` must be logistic; {method!r} is not available for a propensity score.")
    treated = as_binary("treatment", treatment)
    columns = as_matrix("x", x, rows=treated.size)
    names = _names(terms, columns.shape[1])
    fit = logistic(treated, columns)
    _raise_unless_converged(fit, names)
    return PropensityScore(
        treatment=treated,
        probability=fit.probability,
        logit=fit.linear_predictor,
        terms=names,
        coefficients=fit.coefficients[1:],
        std_error=np.sqrt(np.diag(fit.covariance))[1:],
        c_statistic=c_statistic(treated, fit.linear_predictor),
        fit=fit,
        x=columns,
    )


def _names(terms: Sequence[str] | None, width: int) -> tuple[str, ...]:
    names = tuple(f"x{j + 1}" for j in range(width)) if terms is None else tuple(terms)
    if len(names) != width:
        raise InputError(f"`terms` must name the {width} columns of `x`; it has {len(names)} names.")
    return names


def _raise_unless_converged(fit: LogisticFit, names: tuple[str, ...]) -> None:
    if fit.verdict is not Verdict.CONVERGED:
        blamed = ", ".join(f"`{names[j]}`" for j in fit.at_fault)
        about = f" ({blamed})" if blamed else ""
        raise FitError(f"propensity score: {fit.verdict.value}{about}: {fit.verdict.advice}")
