"""Log-rank tests that k groups have one hazard."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Counts, Floats, as_levels
from counterpoise.kernels.risk_set import RiskSet, risk_set, split_by_stratum, sum_at_risk, sum_by_time


@dataclass(frozen=True, slots=True, eq=False)
class LogRankTest:
    """Test that k groups have one hazard at all times; the groups are in the order of `levels`.

    `observed` and `expected` are numbers of events with rho = 0, else their sums weighted by S(t-)^rho.
    """

    statistic: float
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


def log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRankTest:
    """Test that the groups of (n,) `group` have one hazard, by observed and expected events at each event time.

    `rho` weights an event time by S(t-)^rho, S the Kaplan-Meier curve of all groups together, within the stratum:
    0 is Mantel and Cox's log-rank test, 1 is the Peto-Peto test as R has it. With `stratum` expectations are
    formed within strata and added up. Ties have the exact hypergeometric variance, so that with rho = 0 the
    statistic is the score test of the exact Cox model. Statistic and p-value are NaN, with 0 degrees of
    freedom, where nothing can be compared: no event, or never two groups at risk together.

    Raises `InputError` with fewer than two groups, `UnsupportedError` for rho other than 0 under late entry.

    >>> test = log_rank(time=[1, 2, 3, 4], event=[1, 1, 1, 1], group=[0, 0, 1, 1])
    >>> round(test.statistic, 4), test.observed, test.expected.round(4)
    (2.8824, array([2., 2.]), array([0.8333, 3.1667]))

    Source: Mantel (1966), Cancer Chemotherapy Reports 50:163; Harrington and Fleming (1982), Biometrika 69:553.
    """
    if not (np.isfinite(rho) and rho >= 0):
        raise InputError(f"`rho` must be finite and non-negative; it is {rho}.")
    if entry is not None and rho != 0:
        raise UnsupportedError(f"Late entry (`entry`) with `rho` = {rho} is not tested; use `rho` = 0.")
    sets = risk_set(time, event, entry)
    levels, codes = as_levels("group", group, sets.n)
    if levels.size < 2:
        raise InputError(f"`group` must have at least two levels; it has {levels.size}.")
    begins = np.zeros(1, dtype=np.intp)
    if stratum is not None:
        sets, begins = split_by_stratum(sets, as_levels("stratum", stratum, sets.n)[1])
    events, at_risk = _by_group(sets, codes, levels.size)
    weight = _weights(events.sum(axis=0), at_risk.sum(axis=0), begins, rho)
    observed, expected, variance = _moments(events, at_risk, weight)
    statistic, degrees_of_freedom = _quadratic_form(observed - expected, variance)
    p_value = float(chdtrc(degrees_of_freedom, statistic)) if degrees_of_freedom else float("nan")
    n = np.bincount(codes, minlength=levels.size)
    return LogRankTest(statistic, degrees_of_freedom, p_value, levels, n, observed, expected, variance)


def _by_group(sets: RiskSet, codes: Counts, k: int) -> tuple[Floats, Floats]:
    """Return events and numbers at risk, (k, m) by group and distinct time."""
    member = codes == np.arange(k)[:, None]
    return sum_by_time(sets, (member & sets.event).astype(float)), sum_at_risk(sets, member.astype(float))


def _weights(events: Floats, at_risk: Floats, begins: Counts, rho: float) -> Floats:
    """Return S(t-)^rho, (m,), of the curve of all groups; a stratum's times start at each of `begins`."""
    if rho == 0:
        return np.ones_like(events)
    dies = events == at_risk
    log_survival = np.cumsum(np.log1p(-np.where(dies, 0.0, events / at_risk)))
    log_before = np.concatenate(([0.0], log_survival[:-1]))
    lengths = np.diff(np.append(begins, events.size))
    return np.exp(rho * (log_before - np.repeat(log_before[begins], lengths)))


def _moments(events: Floats, at_risk: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    all_events, all_at_risk = events.sum(axis=0), at_risk.sum(axis=0)
    used = np.flatnonzero(all_events)
    events, at_risk, weight = np.take(events, used, axis=1), np.take(at_risk, used, axis=1), weight[used]
    d, n = all_events[used], all_at_risk[used]
    share = at_risk / n
    spread = weight**2 * d * (n - d) / np.maximum(n - 1, 1)
    variance = np.diag(share @ spread) - (share * spread) @ share.T
    return events @ weight, share @ (weight * d), variance


def _quadratic_form(difference: Floats, variance: Floats) -> tuple[float, int]:
    """Return difference' variance^- difference and the variance's rank, one less than the comparable groups."""
    values, vectors = np.linalg.eigh(variance)
    kept = values > 1e-10 * max(float(values[-1]), 0.0)
    if not kept.any():
        return float("nan"), 0
    projected = vectors[:, kept].T @ difference
    return float((projected**2 / values[kept]).sum()), int(kept.sum())
