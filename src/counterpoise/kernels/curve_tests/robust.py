"""Log-rank tests of rows with case weights, and of clustered rows: robust tests."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Bools, Floats, as_weights
from counterpoise.kernels.curve_tests.events_by_group import EventsByGroup, Rows, as_rows, weigh_events
from counterpoise.kernels.curve_tests.moments import LogRankTest, chi_squared, observed_and_expected, with_first_group
from counterpoise.kernels.curve_tests.weights import Weighting, as_scheme, time_weights
from counterpoise.kernels.risk_set import sum_by
from counterpoise.kernels.sandwich import group_codes


def robust_log_rank(  # noqa: PLR0913 - rows, their weights and structure, the weighting and the variance
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weighting: Weighting = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
    centred: bool = False,
) -> LogRankTest:
    """Test that the weighted groups of (n,) `group` have one hazard: the test beside a weighted curve.

    Each row counts (n,) `weights` times, among events and among those at risk, so that S and n of the weighting of
    times (see `log_rank`) are weighted too; observed and expected weights of events are compared. The
    covariance is the sum of squares of the rows' residuals (weight times what the row adds, at its event and at the
    event times it was at risk, to the difference), summed within clusters first. It takes the weights as fixed, and
    does not change, nor does the statistic, with their scale.

    Without a weighting of times it is the robust score test of the weighted Cox model at no effect, with Breslow's
    ties: `coxph(ties = "breslow", robust = TRUE)$rscore` of R. `cox(...).robust_score` has Efron's; without ties
    both are one. Matched pairs are clusters. `centred` takes the residuals from their mean and multiplies by
    m / (m - 1), m the units: the design-based variance of `survey::svylogrank`.

    Statistic and p-value are NaN, with 0 degrees of freedom, where nothing can be compared. Raises `InputError`
    for weights that are not positive, and for fewer clusters than groups, of which no variance can be made;
    `UnsupportedError` for weights with "peto-peto-plus-one" and "andersen", which would change with their scale.

    >>> test = robust_log_rank([1, 2, 3, 4, 5], [1, 1, 1, 0, 1], ["a", "b", "a", "b", "b"], [2, 1, 1, 1, 3])
    >>> round(test.statistic, 4), test.observed, test.expected.round(4)
    (2.8133, array([3., 4.]), array([1.1167, 5.8833]))

    Source: Lin and Wei (1989), JASA 84:1074; Xie and Liu (2005), Statistics in Medicine 24:3089; Rader
    (2014), Methods for Analyzing Survival and Binary Data in Complex Surveys, Harvard (centred).
    """
    scheme = as_scheme(weighting, rho, gamma)
    if weights is not None and scheme.weighting in ("peto-peto-plus-one", "andersen"):
        raise UnsupportedError(f'`weighting` "{scheme.weighting}" adds 1 to a number of rows; weights have none.')
    rows = as_rows(time, event, group, entry, stratum)
    weights = as_weights("weights", weights, rows.sets.n)
    table = weigh_events(rows, weights)
    weight = time_weights(scheme, table)
    observed, expected = observed_and_expected(table, weight)
    residuals = sum_of_units(score_residuals(rows, table, weights, weight), rows, cluster)
    variance = with_first_group(unit_covariance(residuals, centred=centred))
    difference = observed - expected
    statistic, degrees_of_freedom, p_value = chi_squared(difference, variance, size_of_terms(table, weight))
    return LogRankTest(
        statistic,
        degrees_of_freedom,
        p_value,
        rows.levels,
        rows.n,
        observed,
        expected,
        variance,
        scheme.weighting,
        scheme.rho,
        scheme.gamma,
        robust=True,
        n_units=residuals.shape[1],
    )


def score_residuals(rows: Rows, table: EventsByGroup, weights: Floats, weight: Floats) -> Floats:
    """Return (k - 1, n): what each row adds to observed less expected events of all groups but the first.

    With w the row's weight, x whether it is of the group, p the group's share of those at risk, W the weight of a
    time and dH the pooled hazard: w W (x - p) at the row's event, less the sum of w W (x - p) dH while at risk.
    """
    sets = rows.sets
    position = np.cumsum(np.bincount(sets.event_groups, minlength=sets.time.size))
    after = position[sets.group]  # how many event times have come by the row's own, and by the one before its first
    before = np.zeros_like(after) if sets.first is None else np.append(0, position)[sets.first]
    at_event = np.where(sets.event, after - 1, 0)
    share = table.group_at_risk / table.at_risk
    step = weight * table.events / table.at_risk
    exposure = _running(step, before, after)
    residuals = np.empty((share.shape[0], sets.n))
    for index, p in enumerate(share):
        member: Bools = rows.codes == index + 1
        own = np.zeros(sets.n)
        if weight.size:
            own = np.where(sets.event, weight[at_event] * (member - p[at_event]), 0.0)
        residuals[index] = weights * (own - member * exposure + _running(step * p, before, after))
    return residuals


def sum_of_units(residuals: Floats, rows: Rows, cluster: ArrayLike | None) -> Floats:
    """Return the (q, m) sums of (q, n) residuals within clusters; fewer clusters than groups is an error."""
    if cluster is None:
        return residuals
    codes = group_codes("cluster", cluster, rows.sets.n)
    m, k = int(codes.max()) + 1, rows.levels.size
    if m < k:
        raise InputError(f"`cluster` must name at least as many clusters as there are groups; it names {m} for {k}.")
    return sum_by(codes, residuals, m)


def unit_covariance(residuals: Floats, *, centred: bool = False) -> Floats:
    """Return the (q, q) sums of squares and products of (q, m) residuals.

    >>> unit_covariance(np.array([[1.0, 2.0, 3.0]])), unit_covariance(np.array([[1.0, 2.0, 3.0]]), centred=True)
    (array([[14.]]), array([[3.]]))
    """
    if not centred:
        return residuals @ residuals.T
    m = residuals.shape[1]
    residuals = residuals - residuals.mean(axis=1, keepdims=True)
    return residuals @ residuals.T * m / (m - 1)


def size_of_terms(table: EventsByGroup, weight: Floats) -> float:
    """Return the size of squares that a variance is made of: for telling rounding from a variance."""
    return float((weight * table.events).sum()) ** 2


def _running(step: Floats, before: np.ndarray, after: np.ndarray) -> Floats:
    total = np.append(0.0, np.cumsum(step))
    return total[after] - total[before]
