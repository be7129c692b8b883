"""The log-rank test of weighted groups as a robust score test, with the weights known and estimated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_binary, as_levels, as_vector
from counterpoise.kernels.cox.blocks import risk_sums, score_residuals
from counterpoise.kernels.cox.design import Ties, arrange
from counterpoise.kernels.cox.fit import check_ties, quadratic_form
from counterpoise.kernels.effects.stacked import of_rows, stacked_influence, weighing_rows
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.sandwich import group_codes, sandwich
from counterpoise.kernels.weighting.records import WeightModel


@dataclass(frozen=True, slots=True, eq=False)
class WeightedLogRank:
    """A log-rank test of k weighted groups; NaN where nothing can be compared."""

    levels: np.ndarray
    """(k,) labels of the groups, ascending."""
    score: Floats
    """(k - 1,) weighted observed less expected events of every group but the first."""
    stacked_statistic: float
    """Chi-squared on `degrees_of_freedom`, the weights estimated."""
    stacked_p_value: float
    fixed_statistic: float
    """The same, the weights taken as known: `coxph(robust = TRUE)$rscore` of R."""
    fixed_p_value: float
    degrees_of_freedom: int
    fixed_covariance: Floats
    """(k - 1, k - 1) of `score`."""
    stacked_covariance: Floats
    """(k - 1, k - 1) of `score`."""
    ties: str


def weighted_log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    model: WeightModel,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: Ties = "efron",
) -> WeightedLogRank:
    """Test that k groups, weighted as `model` says, have one hazard: the score test of the weighted Cox model.

    `group` holds (n,) labels; the other data are as for `cox`. The score at no effect is weighted observed less
    expected events, and its covariance the sum of squares of what the rows add to it: once with the weights taken as
    known, once through score and weights too. Both are those under no effect, and neither statistic changes with the
    scale of the weights. With Breslow's ties the fixed one is `robust_log_rank`. For two groups it is the test
    that belongs beside the hazard ratio; unlike Wald's it exists where all events fall into one arm.

    >>> model = WeightModel(np.array([2.0, 1, 1, 1, 3]), np.zeros((5, 0)), np.zeros((5, 0)))
    >>> test = weighted_log_rank([1, 2, 3, 4, 5], [1, 1, 1, 0, 1], ["a", "b", "a", "b", "b"], model)
    >>> round(test.fixed_statistic, 4), test.fixed_statistic == test.stacked_statistic
    (2.8133, True)

    Raises `InputError` as `cox` does, for fewer than two groups among the rows of positive weight, and for fewer
    clusters than groups.

    Source: Lin and Wei (1989), JASA 84:1074; Xie and Liu (2005), Stat Med 24:3089; stacking as for
    `stacked_influence`.
    """
    check_ties(ties)
    events = as_binary("event", event)
    rows = weighing_rows(model, events.size)
    labels, codes = as_levels("group", group, events.size)
    if np.unique(codes[rows]).size < labels.size or labels.size < 2:
        raise InputError("`group` must hold at least two levels, each with a row of positive weight.")
    if cluster is not None and int(group_codes("cluster", cluster, events.size).max()) + 1 < labels.size:
        raise InputError("`cluster` must name at least as many clusters as there are groups.")
    sets = risk_set(as_vector("time", time, events.size)[rows], events[rows], of_rows("entry", entry, rows))
    residuals = np.zeros((events.size, labels.size - 1))
    if sets.event.any():
        strata = None if stratum is None else group_codes("stratum", stratum, events.size)[rows]
        member = (codes[rows, None] == np.arange(1, labels.size)).astype(float)
        design = arrange(sets, member, model.weights[rows], strata, ties)
        found = np.zeros((sets.n, labels.size - 1))
        found[design.rows] = score_residuals(design, risk_sums(design, np.zeros(labels.size - 1))) * design.scale
        residuals[rows] = found
    score = residuals.sum(axis=0)
    fixed, stacked = sandwich(residuals, cluster), sandwich(stacked_influence(residuals, model), cluster)
    fixed_statistic, stacked_statistic = quadratic_form(fixed, score), quadratic_form(stacked, score)
    degrees = labels.size - 1
    return WeightedLogRank(
        levels=labels,
        score=score,
        stacked_statistic=stacked_statistic,
        stacked_p_value=float(chdtrc(degrees, stacked_statistic)),
        fixed_statistic=fixed_statistic,
        fixed_p_value=float(chdtrc(degrees, fixed_statistic)),
        degrees_of_freedom=degrees,
        fixed_covariance=fixed,
        stacked_covariance=stacked,
        ties=ties,
    )
