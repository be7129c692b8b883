"""Log-rank test for a trend over ordered groups."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_vector
from counterpoise.kernels.curve_tests.log_rank import LogRankTest, log_rank
from counterpoise.kernels.curve_tests.weights import Weighting

ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class LogRankTrend:
    """Test of one hazard against hazards that rise or fall with the scores of k groups."""

    statistic: float
    """Chi-squared, `z` squared."""
    z: float
    """Positive where groups of higher scores have more events than expected."""
    degrees_of_freedom: int
    """1; 0 where nothing can be compared."""
    p_value: float
    """Two-sided."""
    levels: np.ndarray
    """(k,) labels of the groups, ascending."""
    scores: Floats
    """(k,)"""
    n: Counts
    """(k,) rows."""
    observed: Floats
    """(k,) events, weighted as the test weights them."""
    expected: Floats
    """(k,)"""


def log_rank_trend(  # noqa: PLR0913 - the arguments of the log-rank tests, and the scores
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    scores: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weighting: Weighting = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRankTrend:
    """Test that the hazards of ordered groups are equal, against a trend with their scores (Tarone's test).

    `scores` are (k,) numbers in the ascending order of the labels, by default 0, 1, 2 and on; adding to them or
    multiplying them changes nothing. The sum of scores times observed less expected events is referred to its
    variance. Labels sort as numbers or as texts do: "10" comes before "9".

    The other arguments are those of `log_rank.log_rank`; with `weights` or `cluster` the variance is the robust
    one of `weighted_log_rank.robust_log_rank`. Unweighted, this is the score test of the exact Cox model with the
    score as its one covariate. Statistic and p-value are NaN, with 0 degrees of freedom, where no groups of
    different scores can be compared.

    Raises `InputError` for scores that are not finite, all equal or not one a group.

    >>> trend = log_rank_trend([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0], [0, 0, 1, 1, 2, 2])
    >>> round(trend.z, 4), round(trend.p_value, 4)
    (-2.583, 0.0098)

    Source: Tarone (1975), Biometrika 62:679.
    """
    test = log_rank(
        time,
        event,
        group,
        weights=weights,
        entry=entry,
        stratum=stratum,
        cluster=cluster,
        weighting=weighting,
        rho=rho,
        gamma=gamma,
    )
    scores = _as_scores(scores, test.levels.size)
    z = _standardised(scores - scores.mean(), test) if test.degrees_of_freedom else float("nan")
    degrees_of_freedom = 0 if np.isnan(z) else 1
    p_value = float(chdtrc(1, z**2)) if degrees_of_freedom else float("nan")
    return LogRankTrend(z**2, z, degrees_of_freedom, p_value, test.levels, scores, test.n, test.observed, test.expected)


def _as_scores(scores: ArrayLike | None, k: int) -> Floats:
    if scores is None:
        return np.arange(k, dtype=float)
    values = as_vector("scores", scores)
    if values.size != k:
        raise InputError(f"`scores` must have {k} elements, one a group; it has {values.size}.")
    if values.min() == values.max():
        raise InputError(f"`scores` must not be all equal; they are all {values[0]:g}.")
    return values


def _standardised(scores: Floats, test: LogRankTest) -> float:
    """Return the sum of scores times differences over its standard error; NaN if that is 0 but for rounding."""
    variance = float(scores @ test.variance @ scores)
    if variance <= ROUNDING * float(np.abs(scores) @ np.abs(test.variance) @ np.abs(scores)):
        return float("nan")
    return float(scores @ (test.observed - test.expected)) / variance**0.5
