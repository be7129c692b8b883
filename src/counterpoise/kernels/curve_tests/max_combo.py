"""MaxCombo: the largest of several weighted log-rank tests, with its joint p-value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Counts, Floats, as_weights
from counterpoise.kernels.curve_tests.events_by_group import EventsByGroup, Rows, as_rows, count_events, weigh_events
from counterpoise.kernels.curve_tests.moments import ROUNDING
from counterpoise.kernels.curve_tests.multivariate_normal import rectangle_probability
from counterpoise.kernels.curve_tests.robust import score_residuals, size_of_terms, sum_of_units, unit_covariance
from counterpoise.kernels.curve_tests.weights import Scheme, as_scheme, time_weights

Alternative = Literal["two-sided", "greater", "less"]
FOUR = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class MaxCombo:
    """The largest of q Fleming-Harrington tests of two groups."""

    statistic: float
    """Largest |z|; one-sided the largest z, or -z for "less"."""
    p_value: float
    """Chance of such a maximum of q normal values with this correlation."""
    z: Floats
    """(q,) positive where the second group has more events than expected; NaN where a weighting has no value."""
    p_single: Floats
    """(q,) p-value of each test by itself, on the same side or sides."""
    correlation: Floats
    """(q, q) of the z."""
    weightings: Floats
    """(q, 2) rho and gamma of each test."""
    levels: np.ndarray
    """(2,) labels of the groups, ascending."""
    n: Counts
    """(2,) rows."""
    alternative: Alternative


def max_combo(  # noqa: PLR0913 - the arguments of the log-rank tests, and the alternative
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    weightings: Sequence[tuple[float, float]] = FOUR,
    weights: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    alternative: Alternative = "two-sided",
) -> MaxCombo:
    """Test two groups for one hazard by the largest of several log-rank tests, when hazards may not be proportional.

    Each pair (rho, gamma) of `weightings` weights event times by S(t-)^rho (1 - S(t-))^gamma: (0, 0) is the
    log-rank test, (1, 0) looks at early differences, (0, 1) at late ones, (1, 1) at those in between. Their
    covariance is the sum of products of weights times the hypergeometric variance at each event time, and the p-value
    the probability, by the multivariate normal distribution, that the largest of so correlated values is no smaller.
    The four weightings above make a singular correlation, since S + (1 - S) = 1: nothing is lost by that.

    Two-sided by default: trials often plan it one-sided, which is `alternative="less"` where the second group (by
    label) is to have fewer events. With `weights` or `cluster` the covariance is robust, as in
    `weighted_log_rank.robust_log_rank`; `entry` and `stratum` are as in `log_rank.log_rank`. A weighting that has no
    value (its weights are 0 at all event times) is left out of the maximum; if none has one, statistic and p-value
    are NaN.

    Raises `InputError` for other than two groups, for no weightings and for negative exponents; `UnsupportedError`
    for more than four weightings none of which follows from the others.

    >>> test = max_combo([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 1, 1, 0, 1], [0, 0, 1, 0, 1, 0, 1, 1])
    >>> test.z.round(3), round(test.statistic, 3), round(test.p_value, 4)
    (array([-1.501, -1.459, -1.173, -1.071]), 1.501, 0.2376)

    Source: Lee (2007), Computational Statistics and Data Analysis 51:6557; Karrison (2016), Stata Journal 16:678;
    Lin et al. (2020), Statistics in Biopharmaceutical Research 12:187.
    """
    if alternative not in get_args(Alternative):
        raise InputError(f'`alternative` must be "two-sided", "greater" or "less"; it is "{alternative}".')
    schemes = _schemes(weightings)
    rows = as_rows(time, event, group, entry, stratum)
    if rows.levels.size != 2:
        raise InputError(f"`group` must have two levels; it has {rows.levels.size}.")
    if weights is None and cluster is None:
        score, covariance, scale = _hypergeometric(count_events(rows), schemes)
    else:
        score, covariance, scale = _robust(rows, as_weights("weights", weights, rows.sets.n), schemes, cluster)
    z, correlation = _standardise(score, covariance, scale)
    statistic, p_value, p_single = _joint(z, correlation, alternative)
    pairs = np.array([(scheme.rho, scheme.gamma) for scheme in schemes])
    return MaxCombo(statistic, p_value, z, p_single, correlation, pairs, rows.levels, rows.n, alternative)


def _schemes(weightings: Sequence[tuple[float, float]]) -> list[Scheme]:
    pairs = [tuple(pair) for pair in weightings]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise InputError("`weightings` must hold one or more pairs (rho, gamma).")
    return [as_scheme("fleming-harrington", rho, gamma) for rho, gamma in pairs]


def _hypergeometric(table: EventsByGroup, schemes: list[Scheme]) -> tuple[Floats, Floats, Floats]:
    n, d = table.at_risk, table.events
    weight = np.stack([time_weights(scheme, table) for scheme in schemes])
    share = table.group_at_risk[0] / n
    variance = share * (1 - share) * d * (n - d) / np.maximum(n - 1, 1)
    return weight @ (table.group_events[0] - share * d), (weight * variance) @ weight.T, np.zeros(len(schemes))


def _robust(
    rows: Rows, weights: Floats, schemes: list[Scheme], cluster: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    table = weigh_events(rows, weights)
    weight = [time_weights(scheme, table) for scheme in schemes]
    residuals = np.vstack([score_residuals(rows, table, weights, row) for row in weight])
    scale = np.array([size_of_terms(table, row) for row in weight])
    units = sum_of_units(residuals, rows, cluster)
    return units.sum(axis=1), unit_covariance(units), scale


def _standardise(score: Floats, covariance: Floats, scale: Floats) -> tuple[Floats, Floats]:
    variance = np.diag(covariance)
    root = np.sqrt(np.where(variance > ROUNDING * scale, variance, np.nan))
    correlation = covariance / np.outer(root, root)
    np.fill_diagonal(correlation, np.where(np.isnan(root), np.nan, 1.0))
    return score / root, correlation


def _joint(z: Floats, correlation: Floats, alternative: Alternative) -> tuple[float, float, Floats]:
    """Return the maximum, its p-value and the p-values of the single tests."""
    directed = {"two-sided": np.abs(z), "greater": z, "less": -z}[alternative]
    sides = 2.0 if alternative == "two-sided" else 1.0
    p_single = sides * ndtr(-directed)
    known = ~np.isnan(z)
    if not known.any():
        return float("nan"), float("nan"), p_single
    statistic, q = float(directed[known].max()), int(known.sum())
    lower = np.full(q, -statistic if alternative == "two-sided" else -np.inf)
    try:
        inside = rectangle_probability(correlation[np.ix_(known, known)], lower, np.full(q, statistic))
    except UnsupportedError as error:
        raise UnsupportedError("`weightings` of which more than four are independent are not supported.") from error
    # One test alone and Bonferroni's sum are bounds; they hold where 1 less a probability has no digits left.
    smallest = float(np.nanmin(p_single))
    return statistic, float(np.clip(1 - inside, smallest, min(1.0, q * smallest))), p_single
