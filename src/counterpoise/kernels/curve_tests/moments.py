"""What every log-rank test is made of: observed less expected events, their covariance, and the record of a test."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.curve_tests.events_by_group import EventsByGroup
from counterpoise.kernels.curve_tests.weights import Weighting

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
    """(k, k) covariance of `observed - expected`: hypergeometric, or robust if `robust`."""
    weighting: Weighting
    rho: float
    """Exponent of S in Fleming-Harrington weights; 0 for all others."""
    gamma: float
    """Exponent of 1 - S in Fleming-Harrington weights; 0 for all others."""
    robust: bool
    """Whether rows had weights or clusters: then `observed` and `expected` are sums of weights."""
    n_units: int
    """Clusters, or rows without clusters: what a robust variance takes to be independent."""


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
