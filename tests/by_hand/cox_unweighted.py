"""Cox models of one covariate whose likelihood is written down by hand, as a function of r = exp(beta).

SIX: all that can happen at a time, in six rows: a death beside a censoring, a tied death, censoring alone, death alone.

    time  deaths (x)  sum of r at risk  mean of x        variance of x
    1     1 (1)       3r + 3            r / (r + 1)      r / (r + 1)^2
    6     2 (1, 0)    r + 3             r / (r + 3)      3r / (r + 3)^2
    9     1 (0)       1                 0                0

Efron's second draw at 6 leaves half of the two deaths: (r + 5) / 2, r / (r + 5), 5r / (r + 5)^2.

    Breslow: U = 0 at r^2 - 3r - 6 = 0; Efron: U = 0 at r^3 - 23r - 30 = 0.

TEN: rows (start, stop], of which three enter in the middle of a tie or right after a death.

    time  deaths (x)  sum of r at risk  variance of x
    2     1 (1)       r + 1             r / (r + 1)^2
    3     1 (0)       r + 2             2r / (r + 2)^2
    6     1 (0)       3r + 2            6r / (3r + 2)^2
    7     1 (1)       3r + 1            3r / (3r + 1)^2
    8     1 (0)       3r + 1            3r / (3r + 1)^2
    9     2 (1, 1)    3r + 2            6r / (3r + 2)^2

Efron's second draw at 9 leaves 2r + 2, with variance r / (r + 1)^2.

Data: Therneau and Grambsch (2000), Modeling Survival Data, appendix E.
"""

from fractions import Fraction
from math import acos, cos, exp, log, sqrt

SIX_TIME = [1.0, 1.0, 6.0, 6.0, 8.0, 9.0]
SIX_EVENT = [1, 0, 1, 1, 0, 1]
SIX_X = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
SIX_SOLUTION = {
    "breslow": log((3 + sqrt(33)) / 2),
    "efron": log(2 * sqrt(23 / 3) * cos(acos(45 / 23 * sqrt(3 / 23)) / 3)),
}

TEN_ENTRY = [1.0, 2.0, 5.0, 2.0, 1.0, 7.0, 3.0, 4.0, 8.0, 8.0]
TEN_TIME = [2.0, 3.0, 6.0, 7.0, 8.0, 9.0, 9.0, 9.0, 14.0, 17.0]
TEN_EVENT = [1, 1, 1, 1, 1, 1, 1, 0, 0, 0]
TEN_X = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]
TEN_BRESLOW_RESIDUALS_AT_TWO = [
    Fraction(1, 9),
    Fraction(-3, 8),
    Fraction(-21, 32),
    Fraction(-165, 784),
    Fraction(-2417, 14112),
    Fraction(33, 392),
    Fraction(-15, 784),
    Fraction(-211, 784),
    Fraction(3, 16),
    Fraction(3, 16),
]
"""Score residuals of TEN at r = 2, Breslow; their sum is the score, -95/84."""


def six(beta: float, ties: str) -> tuple[float, float, float]:
    """Return log-likelihood, score and information of SIX."""
    r = exp(beta)
    log_likelihood = 2 * beta - log(3 * r + 3) - log(r + 3)
    score = 2 - r / (r + 1) - r / (r + 3)
    information = r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2
    if ties == "breslow":
        return log_likelihood - log(r + 3), score - r / (r + 3), information + 3 * r / (r + 3) ** 2
    return log_likelihood - log((r + 5) / 2), score - r / (r + 5), information + 5 * r / (r + 5) ** 2


def six_residuals(beta: float, ties: str) -> list[float]:
    """Return the score residuals of SIX, row by row: the sum over time of (x - mean) (observed - expected)."""
    r = exp(beta)
    a, b, c = r / (r + 1), r / (r + 3), r / (r + 5)
    first = 1 / (3 * r + 3)
    exposed, unexposed = -(1 - a) * r * first, a * first
    if ties == "breslow":
        second = 2 / (r + 3)
        died_1, died_0 = (1 - b) * (1 - r * second), -b * (1 - second)
        survived_0 = b * second
    else:
        mean = (b + c) / 2
        died_1 = (1 - mean) - r * ((1 - b) / (r + 3) + (1 - c) / (r + 5))
        died_0 = -mean + b / (r + 3) + c / (r + 5)
        survived_0 = b / (r + 3) + 2 * c / (r + 5)
    return [
        (1 - a) + exposed,
        exposed,
        exposed + died_1,
        unexposed + died_0,
        unexposed + survived_0,
        unexposed + survived_0,
    ]


def ten(beta: float, ties: str) -> tuple[float, float, float]:
    """Return log-likelihood, score and information of TEN."""
    r = exp(beta)
    log_likelihood = 4 * beta - log(r + 1) - log(r + 2) - 2 * log(3 * r + 2) - 2 * log(3 * r + 1)
    score = 4 - r / (r + 1) - r / (r + 2) - 6 * r / (3 * r + 2) - 6 * r / (3 * r + 1)
    information = r / (r + 1) ** 2 + 2 * r / (r + 2) ** 2 + 12 * r / (3 * r + 2) ** 2 + 6 * r / (3 * r + 1) ** 2
    if ties == "breslow":
        return (
            log_likelihood - log(3 * r + 2),
            score - 3 * r / (3 * r + 2),
            information + 6 * r / (3 * r + 2) ** 2,
        )
    return log_likelihood - log(2 * r + 2), score - r / (r + 1), information + r / (r + 1) ** 2
