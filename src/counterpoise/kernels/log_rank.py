"""Log-rank tests that k groups have one hazard."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.events_by_group import EventsByGroup, count
from counterpoise.kernels.log_rank_weights import Weighting, as_scheme, time_weights

RANK_TOLERANCE = 1e-10
ROUNDING = 1e-20  # a variance this small beside the weights it is made of is the rounding of zero


@dataclass(frozen=True, slots=True, eq=False)
class LogRankTest:
    """Test that k groups have one hazard at all times; the groups are in the order of `levels`.

    `observed` and `expected` are numbers of events for the log-rank test, else their sums weighted as the test
    weights the event times.
    """

    statistic: float
    """Chi-squared."""
    degrees_of_freedom: int
    p_value: float
    levels: np.ndarray
    """(k,) labels of the groups, ascending."""
    n: Counts
    """(k,) rows."""
    observed: Floats
    """(k,) events."""
    expected: Floats
    """(k,) events expected if the hazards were equal."""
    variance: Floats
    """(k, k) hypergeometric covariance of `observed - expected`."""
    weighting: Weighting
    rho: float
    """Exponent of S in Fleming-Harrington weights; 0 for all others."""
    gamma: float
    """Exponent of 1 - S in Fleming-Harrington weights; 0 for all others."""


def log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weighting: Weighting = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRankTest:
    """Test that the groups of (n,) `group` have one hazard, by observed and expected events at each event time.

    `weighting` says how much an event time counts, with n at risk in all groups together and S their Kaplan-Meier
    curve: "log-rank" 1 (Mantel and Cox), "gehan" n (SPSS calls this test Breslow's, Stata Wilcoxon's),
    "tarone-ware" the square root of n, "peto-peto" S(t-), which is `rho=1` of R's survdiff, "fleming-harrington"
    S(t-)^rho (1 - S(t-))^gamma. `rho` or `gamma` alone ask for the last. Programs differ in what they call
    Peto's test: "peto-peto-plus-one" weights by S~(t), the product of 1 - d / (n + 1), and "andersen" by
    S~(t) n / (n + 1), often called the modified Peto-Peto test.

    With `stratum` expectations are formed and S estimated within strata, then added up. Rows with `entry` are at
    risk after it (left truncation); where all at risk die before others enter, S is 0 from then on. Ties have the
    exact hypergeometric variance, so that the unweighted statistic is the score test of the exact Cox model. For
    case weights see `weighted_log_rank.robust_log_rank`.

    Statistic and p-value are NaN, with 0 degrees of freedom, where nothing can be compared: no event, or never two
    groups at risk together at an event that not all have.

    Raises `InputError` with fewer than two groups, for `rho` or `gamma` that is negative or beside another
    weighting.

    >>> test = log_rank(time=[1, 2, 3, 4], event=[1, 1, 1, 1], group=[0, 0, 1, 1])
    >>> round(test.statistic, 4), test.observed, test.expected.round(4)
    (2.8824, array([2., 2.]), array([0.8333, 3.1667]))

    Source: Mantel (1966), Cancer Chemotherapy Reports 50:163; Tarone and Ware (1977), Biometrika 64:156;
    Harrington and Fleming (1982), Biometrika 69:553; Klein and Moeschberger (2003), Survival Analysis, section 7.3.
    """
    scheme = as_scheme(weighting, rho, gamma)
    levels, n, table = count(time, event, group, entry, stratum)
    weight = time_weights(scheme, table)
    observed, expected = observed_and_expected(table, weight)
    variance = hypergeometric_covariance(table, weight)
    statistic, degrees_of_freedom, p_value = chi_squared(observed - expected, variance)
    return LogRankTest(
        statistic,
        degrees_of_freedom,
        p_value,
        levels,
        n,
        observed,
        expected,
        variance,
        scheme.weighting,
        scheme.rho,
        scheme.gamma,
    )


def observed_and_expected(table: EventsByGroup, weight: Floats) -> tuple[Floats, Floats]:
    """Return the (k,) sums over event times of weighted events, as observed and as expected."""
    observed = table.group_events @ weight
    expected = table.group_at_risk @ (weight * table.events / table.at_risk)
    total = float(weight @ table.events)
    return np.append(total - observed.sum(), observed), np.append(total - expected.sum(), expected)


def hypergeometric_covariance(table: EventsByGroup, weight: Floats) -> Floats:
    """Return the (k, k) covariance of the groups' observed less expected events, given the totals at each time."""
    n, d = table.at_risk, table.events
    spread = weight**2 * d * (n - d) / np.maximum(n - 1, 1)
    share = table.group_at_risk / n
    covariance = -(share * spread) @ share.T
    np.fill_diagonal(covariance, (share * (1 - share)) @ spread)  # exactly 0 where only one group is at risk
    return with_first_group(covariance)


def with_first_group(covariance: Floats) -> Floats:
    """Return the (k, k) covariance of k differences that sum to zero from that of all but the first.

    >>> with_first_group(np.array([[2.0]]))
    array([[ 2., -2.], [-2.,  2.]])
    """
    k = covariance.shape[0] + 1
    contrasts = np.vstack([-np.ones(k - 1), np.eye(k - 1)])
    return contrasts @ covariance @ contrasts.T


def chi_squared(difference: Floats, variance: Floats, scale: float = 0.0) -> tuple[float, int, float]:
    """Return difference' variance^- difference, the variance's rank and the p-value; NaN, 0, NaN for rank 0.

    The rank is one less than the groups that can be compared. `scale` is the size of the terms that `variance` is
    made of, beside which rounding is told from a variance.
    """
    values, vectors = np.linalg.eigh(variance)
    kept = values > max(RANK_TOLERANCE * float(values[-1]), ROUNDING * scale)
    rank = int(kept.sum())
    if rank == 0:
        return float("nan"), 0, float("nan")
    projected = vectors[:, kept].T @ difference
    statistic = float((projected**2 / values[kept]).sum())
    return statistic, rank, float(chdtrc(rank, statistic))
