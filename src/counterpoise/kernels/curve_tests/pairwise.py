"""Log-rank tests of every pair of groups."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Counts, Floats, as_levels
from counterpoise.kernels.curve_tests.log_rank import LogRankTest, log_rank
from counterpoise.kernels.curve_tests.weights import Weighting
from counterpoise.kernels.tables.multiplicity import holm


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseLogRank:
    """Tests of the q = k (k - 1) / 2 pairs of k groups: first with second, first with third, and so on."""

    levels: np.ndarray
    """(k,) labels of the groups, ascending."""
    first: Counts
    """(q,) index into `levels` of the one group of each pair."""
    second: Counts
    """(q,) index into `levels` of the other."""
    statistic: Floats
    """(q,) chi-squared."""
    degrees_of_freedom: Counts
    """(q,) 1; 0 where a pair cannot be compared."""
    p_value: Floats
    """(q,)"""
    p_adjusted: Floats
    """(q,) Holm's adjustment for the pairs that have a p-value; NaN for those that have none."""
    overall: LogRankTest
    """The test of all groups together."""


def pairwise_log_rank(  # noqa: PLR0913 - the arguments of the log-rank tests
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weighting: Weighting = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> PairwiseLogRank:
    """Test every pair of groups for one hazard, each on the rows of its two groups alone, with Holm's adjustment.

    A third group has no part in a pair's test: neither its events nor, with weights of time, its survival.
    The arguments are those of `log_rank.log_rank`; with `weights` or `cluster` each test is
    `weighted_log_rank.robust_log_rank`. Where a pair cannot be compared (see there) its p-values are NaN and
    the family of Holm's adjustment is the other pairs, as `p.adjust` of R has it.

    >>> pairs = pairwise_log_rank([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0], ["a", "a", "b", "b", "c", "c"])
    >>> pairs.p_value.round(4), pairs.p_adjusted.round(4)
    (array([0.0896, 0.0896, 0.0896]), array([0.2687, 0.2687, 0.2687]))

    Source: Holm (1979), Scandinavian Journal of Statistics 6:65.
    """
    columns = {"weights": weights, "entry": entry, "stratum": stratum, "cluster": cluster}
    overall = log_rank(time, event, group, **columns, weighting=weighting, rho=rho, gamma=gamma)
    time, event = np.asarray(time), np.asarray(event)
    levels, codes = as_levels("group", group)
    arrays = {name: None if column is None else np.asarray(column) for name, column in columns.items()}
    first, second = np.array(list(combinations(range(levels.size), 2))).T
    tests: list[LogRankTest] = []
    for one, other in zip(first, second, strict=True):
        rows = (codes == one) | (codes == other)
        part = {name: None if column is None else column[rows] for name, column in arrays.items()}
        tests.append(log_rank(time[rows], event[rows], codes[rows], **part, weighting=weighting, rho=rho, gamma=gamma))
    p_value = np.array([test.p_value for test in tests])
    known = ~np.isnan(p_value)
    p_adjusted = p_value.copy()
    p_adjusted[known] = holm(p_value[known])
    statistic = np.array([test.statistic for test in tests])
    degrees_of_freedom = np.array([test.degrees_of_freedom for test in tests])
    return PairwiseLogRank(levels, first, second, statistic, degrees_of_freedom, p_value, p_adjusted, overall)
