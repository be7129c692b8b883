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

DIGITS = 12
"""Decimals to which scores and their differences are rounded, so that equal scores are equal in any row order."""

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
    scores = np.round(as_vector("score", score, treated.size), DIGITS) + 0.0
    if order not in ("descending", "ascending", "closest"):
        raise InputError(f"`order` must be descending, ascending or closest; it is {order!r}.")
    if caliper is not None and not caliper >= 0:
        raise InputError(f"`caliper` must not be negative; it is {caliper}.")
    rank = np.arange(treated.size) if tie_rank is None else as_vector("tie_rank", tie_rank, treated.size)
    covariates = None if tie_covariates is None else _scaled(as_matrix("tie_covariates", tie_covariates, treated.size))
    limit = np.inf if caliper is None else round(float(caliper), DIGITS)
    pool = _Controls(scores, np.flatnonzero(~treated), rank, covariates, limit)
    rows = np.flatnonzero(treated)
    if order == "closest":
        return _closest_first(scores, rows, rank, pool)
    direction = -1.0 if order == "descending" else 1.0
    queue = rows[np.lexsort((rank[rows], direction * scores[rows]))]
    return _in_turn(scores, queue, pool)


def _in_turn(scores: Floats, queue: Counts, pool: "_Controls") -> Pairs:
    made: list[tuple[int, int, float]] = []
    for row, score in zip(queue.tolist(), scores[queue].tolist(), strict=True):
        found = pool.nearest(row, score)
        if found is not None:
            distance, _, _, place = found
            made.append((row, pool.take(place), distance))
    return _as_pairs(made)


def _closest_first(scores: Floats, rows: Counts, rank: Floats | Counts, pool: "_Controls") -> Pairs:
    """Pair by increasing distance: a treated row whose control has gone waits with its next best one."""
    waiting: list[tuple[float, float, float, float, int, int]] = []

    def wait(row: int) -> None:
        found = pool.nearest(row, float(scores[row]))
        if found is not None:
            distance, apart, control_rank, place = found
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
    return Pairs(np.array(treated, dtype=int), np.array(control, dtype=int), np.array(distance, dtype=float))


class _Controls:
    """The controls by score, and which of them are free.

    Places 0 .. m - 1 are the controls sorted by score, covariates, rank: a run is a stretch of equal scores, a
    patch of it a stretch of equal covariates too, whose first free place stands for all of the patch. `_after[i]`
    leads to the first free place at or after i, `_before[i + 1]` to the last at or before i (a union-find, m and
    0 being its ends).
    """

    def __init__(
        self, scores: Floats, rows: Counts, rank: Floats | Counts, covariates: Floats | None, limit: float
    ) -> None:
        patch = _patches(scores[rows], None if covariates is None else covariates[rows])
        order = np.lexsort((rank[rows], patch, scores[rows]))
        ordered, patch = scores[rows][order], patch[order]
        self._rows: list[int] = rows[order].tolist()
        self._score: list[float] = ordered.tolist()
        self._rank: list[float] = np.asarray(rank, dtype=float)[rows][order].tolist()
        self._run_start: list[int] = np.searchsorted(ordered, ordered, side="left").tolist()
        ends = np.append(np.flatnonzero((np.diff(ordered) != 0) | (np.diff(patch) != 0)) + 1, ordered.size)
        self._patch_end: list[int] = np.repeat(ends, np.diff(ends, prepend=0)).tolist()
        self._covariates = covariates
        self._limit = limit
        self._after = list(range(len(self._rows) + 1))
        self._before = list(range(len(self._rows) + 1))

    def is_free(self, place: int) -> bool:
        return self._after[place] == place

    def take(self, place: int) -> int:
        """Mark a place as used and return its row."""
        self._after[place] = place + 1
        self._before[place + 1] = place
        return self._rows[place]

    def nearest(self, row: int, score: float) -> tuple[float, float, float, int] | None:
        """Return distance, covariate distance, rank and place of the best free control within the caliper."""
        here = bisect_left(self._score, score)
        right, left = _find(self._after, here), _find(self._before, here) - 1
        to_right = round(self._score[right] - score, DIGITS) if right < len(self._rows) else np.inf
        to_left = round(score - self._score[left], DIGITS) if left >= 0 else np.inf
        distance = min(to_right, to_left)
        if distance > self._limit or distance == np.inf:
            return None
        places: list[int] = []
        if to_left == distance:
            places += self._free_patches(left)
        if to_right == distance:
            places += self._free_patches(right)
        apart = self._apart(row, places)
        return min((distance, gap, self._rank[place], place) for gap, place in zip(apart, places, strict=True))

    def _free_patches(self, inside: int) -> list[int]:
        """Return the first free place of every patch in the run that a place lies in."""
        value = self._score[inside]
        place = _find(self._after, self._run_start[inside])
        found: list[int] = []
        while place < len(self._rows) and self._score[place] == value:
            found.append(place)
            place = _find(self._after, self._patch_end[place])
        return found

    def _apart(self, row: int, places: list[int]) -> list[float]:
        """Return the squared covariate distance of a treated row to the control at each place."""
        if self._covariates is None:
            return [0.0] * len(places)
        gap = self._covariates[[self._rows[place] for place in places]] - self._covariates[row]
        return np.round(np.square(gap).sum(axis=1), TIE_DIGITS).tolist()


def _find(leads_to: list[int], start: int) -> int:
    """Follow a union-find from `start` to its end, halving the path on the way."""
    while leads_to[start] != start:
        leads_to[start] = leads_to[leads_to[start]]
        start = leads_to[start]
    return start


def _patches(scores: Floats, covariates: Floats | None) -> Counts:
    """Return numbers for the covariate patterns of rows that share their score with another; zero for the rest."""
    patch = np.zeros(scores.size, dtype=int)
    if covariates is not None:
        _, run, size = np.unique(scores, return_inverse=True, return_counts=True)
        tied = np.flatnonzero(size[run] > 1)
        if tied.size:
            patch[tied] = np.unique(covariates[tied], axis=0, return_inverse=True)[1].ravel()
    return patch


def _scaled(covariates: Floats) -> Floats:
    """Divide each column by its standard deviation; a constant column becomes zero."""
    centre, scale = centre_and_scale(covariates)
    return (covariates - centre) / scale
