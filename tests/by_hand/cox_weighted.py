"""A Cox model with case weights whose likelihood is written down by hand, as a function of r = exp(beta).

NINE: three tied deaths of weights 3, 4 and 3, beside a censoring of weight 2.

    time  deaths (x, weight)         weighted sum of r at risk  weighted sum of x r at risk
    1     1 (2, 1)                   r^2 + 11r + 7              2r^2 + 11r
    2     3 (1, 3) (1, 4) (0, 3)     11r + 5                    11r
    4     1 (1, 2)                   2r + 1                     2r

Breslow gives each death its own weight. Efron gives each of the three draws at 2 the mean weight 10/3, and the
draws leave all, two thirds and one third of the deaths' 7r + 3: 11r + 5, (26r + 12) / 3 and (19r + 9) / 3.

Data: Therneau and Grambsch (2000), Modeling Survival Data, appendix E.
"""

from fractions import Fraction
from math import exp, log

TIME = [1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 4.0, 5.0]
EVENT = [1, 0, 1, 1, 1, 0, 0, 1, 0]
X = [2.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
WEIGHTS = [1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0, 2.0, 1.0]

EFRON_SOLUTION = 0.87260425
"""To eight decimals, as printed by Therneau and Grambsch."""


def _residuals_at_zero() -> list[Fraction]:
    """Return (x - mean) (observed - expected) summed over the three event times, at r = 1, Breslow."""
    mean = [Fraction(13, 19), Fraction(11, 16), Fraction(2, 3)]
    hazard = [Fraction(1, 19), Fraction(10, 16), Fraction(2, 3)]
    died_at = [0, None, 1, 1, 1, None, None, 2, None]
    at_risk_for = [1, 1, 2, 2, 2, 2, 2, 3, 3]
    return [
        sum(
            ((int(x) - mean[k]) * ((died == k) - hazard[k]) for k in range(count)),
            start=Fraction(0),
        )
        for x, died, count in zip(X, died_at, at_risk_for, strict=True)
    ]


BRESLOW_RESIDUALS_AT_ZERO = _residuals_at_zero()


def nine(beta: float, ties: str) -> tuple[float, float, float]:
    """Return log-likelihood, score and information of NINE."""
    r = exp(beta)
    first, mean = r**2 + 11 * r + 7, (2 * r**2 + 11 * r) / (r**2 + 11 * r + 7)
    log_likelihood = 11 * beta - log(first) - 2 * log(2 * r + 1)
    score = 11 - mean - 4 * r / (2 * r + 1)
    information = (4 * r**2 + 11 * r) / first - mean**2 + 4 * r / (2 * r + 1) ** 2
    draws = [(11.0, 5.0, 1.0)] if ties == "breslow" else [(11.0, 5.0, 1.0), (26.0, 12.0, 3.0), (19.0, 9.0, 3.0)]
    weight = 10 / len(draws)
    for exposed, unexposed, divisor in draws:
        total = exposed * r + unexposed
        log_likelihood -= weight * log(total / divisor)
        score -= weight * exposed * r / total
        information += weight * exposed * r * unexposed / total**2
    return log_likelihood, score, information
