"""Log-rank tests that k groups have one hazard."""

from numpy.typing import ArrayLike

from counterpoise.kernels.curve_tests.events_by_group import count
from counterpoise.kernels.curve_tests.moments import (
    LogRankTest,
    chi_squared,
    hypergeometric_covariance,
    observed_and_expected,
)
from counterpoise.kernels.curve_tests.robust import robust_log_rank
from counterpoise.kernels.curve_tests.weights import Weighting, as_scheme, time_weights

__all__ = ["LogRankTest", "log_rank"]


def log_rank(  # noqa: PLR0913 - rows, their structure, and how event times count
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
    exact hypergeometric variance, so that the unweighted statistic is the score test of the exact Cox model. With
    case `weights` (n,) or `cluster` (n,) the test is robust: that of `robust_log_rank`, beside a weighted curve.

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
    if weights is not None or cluster is not None:
        return robust_log_rank(
            time, event, group, weights,
            entry=entry, stratum=stratum, cluster=cluster, weighting=weighting, rho=rho, gamma=gamma,
        )  # fmt: skip
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
        robust=False,
        n_units=int(n.sum()),
    )
