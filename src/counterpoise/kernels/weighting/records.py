"""What a score and its weights tell the effects that are estimated with them."""

from dataclasses import dataclass

import numpy as np

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, require
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class ScoreFit:
    """A propensity score of n patients that was estimated with q parameters by solving estimating equations.

    Where the fit failed, `verdict` says how and every array is NaN.
    """

    method: str
    """What the score is called in tables and text, such as "Firth logistic regression"."""
    probability: Floats
    """(n,) the chance of being treated."""
    coefficients: Floats
    """(q,) the intercept first."""
    influence: Floats
    """(n, q) what each row moves the coefficients by; the sum of their squares is the robust variance."""
    slope: Floats
    """(n, q) derivatives of `probability` by the coefficients."""
    verdict: Verdict
    at_fault: tuple[int, ...]
    """The columns of x, counted from 0 without the intercept, that separate the arms or repeat each other."""
    iterations: int


@dataclass(frozen=True, slots=True, eq=False)
class WeightModel:
    """Weights of n patients that hang on q estimated parameters; q is 0 where the weights are known.

    Every effect that is estimated with the weights needs no more of them than this: if U (n, k) are the derivatives
    of an estimate by the weight of each row, its influence values are w U + influence (derivative' U).
    """

    weights: Floats
    """(n,)"""
    derivative: Floats
    """(n, q) derivatives of the weights by the parameters."""
    influence: Floats
    """(n, q) what each row moves the parameters by."""


def check_model(model: WeightModel, size: int | None = None) -> Floats:
    """Return the weights of a model whose shapes fit together and whose numbers are finite, or raise `InputError`.

    >>> nothing = np.zeros((2, 0))
    >>> check_model(WeightModel(np.array([1.0, -1.0]), nothing, nothing))
    Traceback (most recent call last):
    counterpoise.errors.InputError: `model.weights` must be finite and non-negative; 1 of 2 is not (first at index 1).
    """
    weights, n = model.weights, model.weights.size
    if n == 0:
        raise InputError("`model` must have at least one row; it has none.")
    if weights.ndim != 1 or (size is not None and n != size):
        wanted = "one-dimensional" if size is None else f"of {size} rows, as the data are"
        raise InputError(f"`model` must be {wanted}; its weights have shape {weights.shape}.")
    if model.derivative.ndim != 2 or model.derivative.shape[0] != n or model.influence.shape != model.derivative.shape:
        raise InputError(
            f"`model` must have derivatives and influence values of one shape, ({n}, q); theirs are "
            f"{model.derivative.shape} and {model.influence.shape}."
        )
    require(np.isfinite(weights) & (weights >= 0), "`model.weights` must be finite and non-negative")
    for name, values in (("derivative", model.derivative), ("influence", model.influence)):
        require(np.isfinite(values), f"`model.{name}` must be finite")
    return weights
