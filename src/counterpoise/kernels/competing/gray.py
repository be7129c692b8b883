"""Gray's test that k groups have one cumulative incidence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_levels
from counterpoise.kernels.competing.causes import CENSORED, as_cause, as_causes
from counterpoise.kernels.risk_set import RiskSet, risk_set, suffix_sum, sum_by
from counterpoise.kernels.sandwich import group_codes

RANK_TOLERANCE = 1e-10
LEFT = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class GrayTest:
    """Test that k groups have one cumulative incidence of the cause `of`; the groups are in the order of `levels`."""

    statistic: float
    degrees_of_freedom: int
    p_value: float
    of: int
    levels: np.ndarray
    """(k,) labels of the groups, ascending."""
    n: Counts
    """(k,) rows."""
    n_events: Counts
    """(k,) events of the cause."""
    score: Floats
    """(k,) observed less expected; they add up to zero."""
    variance: Floats
    """(k, k) covariance of `score`."""


def gray_test(
    time: ArrayLike,
    cause: ArrayLike,
    group: ArrayLike,
    *,
    of: int = 1,
    stratum: ArrayLike | None = None,
    rho: float = 0.0,
) -> GrayTest:
    """Test that the groups of (n,) `group` have one cumulative incidence of the cause `of`.

    Observed events are held against those expected if the groups shared one subdistribution hazard; those who had a
    competing event count on, by each group's own event-free survival. `rho` weights an event time by (1 - F(t-))^rho,
    F the incidence of all groups together; 0 is the usual test. With `stratum` scores and variances are formed
    within strata and added up. The variance, with its factors for ties, is that of cmprsk's cuminc.

    Statistic and p-value are NaN, with 0 degrees of freedom, where nothing can be compared: no event of the cause,
    or never two groups at risk together. The pooled F is no probability: when a group has died out it may pass 1,
    and counts as 1 in the weight then; if it is exactly 1 while groups are still compared, the test is NaN.

    Raises `InputError` with fewer than two groups.

    >>> test = gray_test(time=[1, 2, 3, 4, 5, 6], cause=[1, 1, 2, 1, 0, 2], group=[0, 0, 0, 1, 1, 1])
    >>> round(test.statistic, 4), test.degrees_of_freedom, test.score.round(4)
    (2.4381, 1, array([ 1.1, -1.1]))

    Source: Gray (1988), Ann Stat 16:1141.
    """
    of = as_cause("of", of)
    if not (np.isfinite(rho) and rho >= 0):
        raise InputError(f"`rho` must be finite and non-negative; it is {rho}.")
    causes = as_causes("cause", cause)
    sets = risk_set(time, (causes != CENSORED).astype(float))
    levels, codes = group_levels(group, sets.n)
    strata = np.zeros(sets.n, dtype=np.intp) if stratum is None else group_codes("stratum", stratum, sets.n)
    by_stratum = np.argsort(strata, kind="stable")
    score, variance = np.zeros(levels.size), np.zeros((levels.size, levels.size))
    for rows in np.split(by_stratum, np.cumsum(np.bincount(strata))[:-1]):
        counts = _event_times(sets, rows, codes[rows], causes[rows], of, levels.size)
        if counts is not None:
            added, spread = _moments(counts, rho)
            score, variance = score + added, variance + spread
    statistic, degrees_of_freedom, p_value = chi_squared_of_rank(score, variance)
    n, n_events = (np.bincount(values, minlength=levels.size) for values in (codes, codes[causes == of]))
    return GrayTest(statistic, degrees_of_freedom, p_value, of, levels, n, n_events, score, variance)


def group_levels(group: ArrayLike, size: int) -> tuple[np.ndarray, Counts]:
    """Return the labels of at least two groups, ascending, and each row's index among them.

    >>> group_levels([1, 1], 2)
    Traceback (most recent call last):
    counterpoise.errors.InputError: `group` must have at least two levels; it has 1.
    """
    levels, codes = as_levels("group", group, size)
    if levels.size < 2:
        raise InputError(f"`group` must have at least two levels; it has {levels.size}.")
    return levels, codes


def chi_squared_of_rank(score: Floats, variance: Floats) -> tuple[float, int, float]:
    """Return score' variance^- score, the rank of the variance and the chi-squared p-value.

    NaN, 0 and NaN if the variance is zero or not known.

    >>> statistic, rank, p_value = chi_squared_of_rank(np.array([2.0, -2.0]), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    >>> round(statistic, 6), rank, round(p_value, 4)
    (4.0, 1, 0.0455)
    """
    if not (np.isfinite(variance).all() and np.isfinite(score).all()):
        return np.nan, 0, np.nan
    values, vectors = np.linalg.eigh(variance)
    kept = values > RANK_TOLERANCE * max(float(values[-1]), 0.0)
    rank = int(kept.sum())
    if rank == 0:
        return np.nan, 0, np.nan
    statistic = float(((vectors[:, kept].T @ score) ** 2 / values[kept]).sum())
    return statistic, rank, float(chdtrc(rank, statistic))


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """Numbers of rows of k groups at the m times of any event in one stratum; every array is (k, m)."""

    at_risk: Floats
    wanted: Floats
    """Events of the cause of interest."""
    competing: Floats


def _event_times(sets: RiskSet, rows: Counts, codes: Counts, causes: Counts, of: int, k: int) -> _Counts | None:
    group = sets.group[rows]
    event = causes != CENSORED
    times = np.unique(group[event])
    if not (causes == of).any():
        return None
    # A row is at risk at all event times up to the last one that is not after its own.
    last = np.searchsorted(times, group, side="right") - 1
    seen = last >= 0
    size = k * times.size
    place = codes * times.size + last

    def count(chosen: Bools) -> Floats:
        return sum_by(place[chosen], np.ones(int(chosen.sum())), size).reshape(k, -1)

    return _Counts(suffix_sum(count(seen)), count(causes == of), count(event & (causes != of)))


def _moments(counts: _Counts, rho: float) -> tuple[Floats, Floats]:
    """Return the (k,) score and its (k, k) variance in one stratum; NaN where the pooled incidence reaches 1.

    In the paper's terms `reach` is h_k = Y_k / S_k(t-), and the score compares groups by R_k = h_k (1 - F_k(t-)).
    """
    at_risk, wanted = counts.at_risk, counts.wanted
    here = at_risk > 0
    share = np.divide(1.0, at_risk, out=np.zeros_like(at_risk), where=here)
    surviving = np.where(here, (at_risk - wanted - counts.competing) * share, 1.0)
    survival = np.asarray(np.cumprod(surviving, axis=1), dtype=float)
    before = _shifted(survival, 1.0)
    incidence = _shifted(np.cumsum(before * wanted * share, axis=1), 0.0)
    reach = np.divide(at_risk, before, out=np.zeros_like(at_risk), where=here)
    compared = reach * (1 - incidence)
    total, events = reach.sum(axis=0), wanted.sum(axis=0)
    pooled = np.asarray(np.cumsum(events / total), dtype=float)
    left = 1 - _shifted(pooled, 0.0)
    weight = np.maximum(left, 0.0) ** rho
    # Where one group alone is at risk nothing is compared, whatever the pooled incidence is there.
    used = (events > 0) & (here.sum(axis=0) > 1)
    hazard = np.divide(events, total * left, out=np.full_like(left, np.nan), where=np.abs(left) > LEFT)
    score = wanted @ weight - compared @ (weight * events / compared.sum(axis=0))
    variance = _variance(counts, reach, before, survival, pooled, weight, np.where(used, hazard, 0.0))
    return score, variance


def _variance(
    counts: _Counts, reach: Floats, before: Floats, survival: Floats, pooled: Floats, weight: Floats, hazard: Floats
) -> Floats:
    """Return the (k, k) variance of the score as the sum over groups of two independent martingales' variances.

    The hazard of the cause of interest is the pooled one, that of the competing events the group's own.
    """
    k, total, events = len(reach), reach.sum(axis=0), counts.wanted.sum(axis=0)
    variance = np.zeros((k, k))
    for group in range(k):
        direct = -reach * (weight * reach[group] / total)
        direct[group] += weight * reach[group]
        later = suffix_sum(direct * hazard) - direct * hazard
        at_risk, competing = counts.at_risk[group], counts.competing[group]
        own, alive = (at_risk > 0) & (events > 0), survival[group] > 0
        ratio = np.divide(1 - pooled, survival[group], out=np.zeros_like(pooled), where=alive)
        coefficient = direct[:, own] + ((1 - ratio) * later)[:, own]
        expected = before[group, own] * events[own] / (total[own] * at_risk[own])
        drawn_from = total[own] * before[group, own]
        spread = expected * _tie_factor(events[own], drawn_from)
        variance += (coefficient * spread) @ coefficient.T
        other = alive & (competing > 0)
        coefficient = (ratio * later)[:, other]
        spread = (before[group, other] / at_risk[other]) ** 2 * competing[other]
        spread *= _tie_factor(competing[other], at_risk[other])
        variance += (coefficient * spread) @ coefficient.T
    return variance


def _tie_factor(events: Floats, drawn_from: Floats) -> Floats:
    """Return 1 - (d - 1) / (n - 1), the finite-population factor of d tied events among n; 1 for a single one."""
    several = (events > 1) & (drawn_from > 1)
    return 1 - np.divide(events - 1, drawn_from - 1, out=np.zeros_like(events), where=several)


def _shifted(values: Floats, start: float) -> Floats:
    """Return step functions (..., m) just before each time."""
    return np.concatenate((np.full((*values.shape[:-1], 1), start), values[..., :-1]), axis=-1)
