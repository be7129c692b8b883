"""Greedy nearest-neighbour pairing on a score, one control to each treated row, none used twice."""

import heapq
from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_binary, as_matrix, as_vector
from counterpoise.kernels.logistic import centre_and_scale, require_both_arms

Order = Literal["descending", "ascending", "closest"]

UNITS = 1e12
"""Scores are counted in whole units of 1e-12, so that equal scores, and equal distances, are equal in any row order."""

TIE_DIGITS = 9
"""Decimals to which the covariate distances that break ties are rounded."""


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
    pool = _controls(units, np.flatnonzero(~treated), rank, covariates, limit)
    rows = np.flatnonzero(treated)
    if order == "closest":
        return _closest_first(units, rows, rank, pool)
    direction = -1.0 if order == "descending" else 1.0
    return _in_turn(units, rows[np.lexsort((rank[rows], direction * units[rows]))], pool)


def _in_turn(units: Floats, queue: Counts, pool: "_Controls") -> Pairs:
    made: list[tuple[int, int, float]] = []
    for row, unit in zip(queue.tolist(), units[queue].tolist(), strict=True):
        found = pool.nearest(unit)
        if found is not None:
            distance, places = found
            place = places[0] if len(places) == 1 else pool.choose(row, places)[-1]
            made.append((row, pool.take(place), distance))
    return _as_pairs(made)


def _closest_first(units: Floats, rows: Counts, rank: Floats, pool: "_Controls") -> Pairs:
    """Pair by increasing distance: a treated row whose control has gone waits again with its next best one."""
    waiting: list[tuple[float, float, float, float, int, int]] = []

    def wait(row: int) -> None:
        found = pool.nearest(float(units[row]))
        if found is not None:
            distance, places = found
            apart, control_rank, place = pool.choose(row, places)
            heapq.heappush(waiting, (distance, apart, float(rank[row]), control_rank, row, place))

    for row in rows.tolist():
        wait(row)
    made: list[tuple[int, int, float]] = []
    while waiting:
        distance, _, _, _, row, place = heapq.heappop(waiting)
        if pool.is_free(place):
            made.append((row, pool.take(place), distance))
        else:
            wait(row)
    return _as_pairs(made)


def _as_pairs(made: list[tuple[int, int, float]]) -> Pairs:
    treated, control, distance = zip(*made, strict=True) if made else ((), (), ())
    return Pairs(np.array(treated, dtype=int), np.array(control, dtype=int), np.array(distance, dtype=float) / UNITS)


class _Controls:
    """The m controls in order of score, and which of them are free.

    A run is a stretch of equal scores; a patch of it a stretch of equal covariates too, sorted by rank, whose
    first free place stands for all of it. `_after[i]` leads to the first free place at or after i, `_before[i + 1]`
    to the last at or before i: two union-finds, which end at m and at 0.
    """

    def __init__(
        self, units: Floats, patch: Counts, rows: Counts, rank: Floats, covariates: Floats | None, limit: float
    ) -> None:
        m = rows.size
        new_run = np.diff(units, prepend=np.nan) != 0
        new_patch = new_run | (np.diff(patch, prepend=-1) != 0)
        run_starts, patch_ends = np.flatnonzero(new_run), np.append(np.flatnonzero(new_patch)[1:], m)
        self._unit: list[float] = units.tolist()
        self._row: list[int] = rows.tolist()
        self._run_start: list[int] = run_starts[np.cumsum(new_run) - 1].tolist()
        self._patch_end: list[int] = patch_ends[np.cumsum(new_patch) - 1].tolist()
        self._rank = rank
        self._covariates = covariates
        self._limit = limit
        self._after = list(range(m + 1))
        self._before = list(range(m + 1))

    def is_free(self, place: int) -> bool:
        return self._after[place] == place

    def take(self, place: int) -> int:
        """Mark a place as used and return its row."""
        self._after[place] = place + 1
        self._before[place + 1] = place
        return self._row[place]

    def nearest(self, unit: float) -> tuple[float, list[int]] | None:
        """Return the least distance and the first free place of every patch at it; None beyond the caliper."""
        here = bisect_left(self._unit, unit)
        right, left = _find(self._after, here), _find(self._before, here) - 1
        to_right = self._unit[right] - unit if right < len(self._row) else np.inf
        to_left = unit - self._unit[left] if left >= 0 else np.inf
        distance = min(to_right, to_left)
        if distance > self._limit or distance == np.inf:
            return None
        places = self._free_patches(right) if to_right == distance else []
        if to_left == distance:
            places += self._free_patches(left)
        return distance, places

    def choose(self, row: int, places: list[int]) -> tuple[float, float, int]:
        """Return covariate distance to a treated row, rank and place of the best of several places."""
        rows = [self._row[place] for place in places]
        apart = np.zeros(len(rows))
        if self._covariates is not None:
            apart = np.round(np.square(self._covariates[rows] - self._covariates[row]).sum(axis=1), TIE_DIGITS)
        return min(zip(apart.tolist(), self._rank[rows].tolist(), places, strict=True))

    def _free_patches(self, inside: int) -> list[int]:
        """Return the first free place of every patch in the run that a place lies in."""
        unit, after = self._unit[inside], self._after
        place = _find(after, self._run_start[inside])
        found: list[int] = []
        while place < len(self._row) and self._unit[place] == unit:
            found.append(place)
            place = _find(after, self._patch_end[place])
        return found


def _controls(units: Floats, rows: Counts, rank: Floats, covariates: Floats | None, limit: float) -> _Controls:
    """Sort the controls by score, covariates, rank."""
    rows = rows[np.lexsort((rank[rows], units[rows]))]
    patch = np.zeros(rows.size, dtype=int)
    same_as_next = np.diff(units[rows]) == 0
    if covariates is not None and same_as_next.any():
        tied = np.append(same_as_next, False) | np.append(False, same_as_next)
        patch[tied] = np.unique(covariates[rows[tied]], axis=0, return_inverse=True)[1].ravel()
        order = np.lexsort((rank[rows], patch, units[rows]))
        rows, patch = rows[order], patch[order]
    return _Controls(units[rows], patch, rows, rank, covariates, limit)


def _find(leads_to: list[int], start: int) -> int:
    """Follow a union-find from `start` to its end, halving the path on the way."""
    while leads_to[start] != start:
        leads_to[start] = leads_to[leads_to[start]]
        start = leads_to[start]
    return start


def _scaled(covariates: Floats) -> Floats:
    """Divide each column by its standard deviation; a constant column becomes zero."""
    centre, scale = centre_and_scale(covariates)
    return (covariates - centre) / scale
