"""What a score and its weights tell the effects that are estimated with them."""

from dataclasses import dataclass

from counterpoise.kernels.arrays import Floats
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
