"""Greedy nearest-neighbour pairing on a score, one control to each treated row, none used twice."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_binary, as_matrix, as_vector
from counterpoise.kernels.logistic import centre_and_scale, require_both_arms
from counterpoise.kernels.matching.nearest_line import TIE_DIGITS, Line

__all__ = ["TIE_DIGITS", "UNITS", "Order", "Pairs", "nearest_pairs"]

Order = Literal["descending", "ascending", "closest"]

UNITS = 1e12
"""Scores are counted in whole units of 1e-12, so that equal scores, and equal distances, are equal in any row order."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """m pairs of rows, in the order in which they were made; every array is (m,).

    `treated` and `control` are row indices, `distance` the absolute difference of their scores.
    """

    treated: Counts
    control: Counts
    distance: Floats


def nearest_pairs(
    score: ArrayLike,
    treatment: ArrayLike,
    *,
    caliper: float | None = None,
    order: Order = "descending",
    tie_covariates: ArrayLike | None = None,
    tie_rank: ArrayLike | None = None,
) -> Pairs:
    """Give each treated row in turn the free control whose score is nearest, within the caliper.

    Treated rows come by `order`: from the largest score, from the smallest, or always the closest pair that is
    left. Scores are rounded to 12 decimals; between controls that are then equally near, the one nearest in
    `tie_covariates` (n, k) is taken (Euclidean distance, each column in its standard deviations), and between
    those the smallest `tie_rank` (n,). Treated rows of equal score come by `tie_rank`. The pairs do not depend on
    the order of the rows so long as the ranks go with them; without ranks, rows that tie to the end come as given.
    `caliper` is absolute, on the scale of the score, and a pair at exactly the caliper is allowed.

    >>> pairs = nearest_pairs([0.9, 0.5, 0.6, 0.4, 0.1], [1, 1, 0, 0, 0])
    >>> pairs.treated.tolist(), pairs.control.tolist(), pairs.distance.tolist()
    ([0, 1], [2, 3], [0.3, 0.1])

    Raises `InputError` where a score is not finite, an arm is empty, or the caliper is negative.

    Source: Austin, Stat Med 2014;33:1057-1069, for the orders.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    if order not in ("descending", "ascending", "closest"):
        raise InputError(f"`order` must be descending, ascending or closest; it is {order!r}.")
    if caliper is not None and not caliper >= 0:
        raise InputError(f"`caliper` must not be negative; it is {caliper}.")
    units = np.rint(as_vector("score", score, treated.size) * UNITS) + 0.0
    n = treated.size
    rank = np.arange(n, dtype=float) if tie_rank is None else as_vector("tie_rank", tie_rank, n)
    covariates = None if tie_covariates is None else _scaled(as_matrix("tie_covariates", tie_covariates, n))
    limit = np.inf if caliper is None else float(np.rint(caliper * UNITS))
    line = Line(units, np.flatnonzero(~treated), rank, covariates, limit)
    rows = np.flatnonzero(treated)
    if order == "closest":
        made = line.closest_first(rows)
    else:
        made = line.in_turn(rows[np.lexsort((rank[rows], -units[rows] if order == "descending" else units[rows]))])
    return Pairs(made[0], made[1], made[2] / UNITS)


def _scaled(covariates: Floats) -> Floats:
    """Divide each column by its standard deviation; a constant column becomes zero."""
    centre, scale = centre_and_scale(covariates)
    return (covariates - centre) / scale
