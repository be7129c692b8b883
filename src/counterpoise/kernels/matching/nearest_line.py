"""Controls on a line: which of them are free, which is nearest, and which k are nearest."""

import heapq
from bisect import bisect_left

import numpy as np

from counterpoise.kernels.arrays import Counts, Floats

TIE_DIGITS = 9
"""Decimals to which the covariate distances that break ties are rounded."""

Found = tuple[Counts, Counts, Floats]
"""Treated rows, control rows and distances in units of the links that were made, in the order of making."""

FARTHEST = float(np.finfo(float).max)
"""What stands for no caliper: the distance of a control that is not there is infinite, and beyond this."""


class Line:
    """The m controls of one stratum in order of score, and which of them are free.

    A run is a stretch of equal scores; a patch of it a stretch of equal covariates too, sorted by rank, whose
    first free place stands for all of it. `_after[i]` leads to the first free place at or after i, `_before[i + 1]`
    to the last at or before i: two union-finds, which end at m and at 0.
    """

    def __init__(self, units: Floats, rows: Counts, rank: Floats, covariates: Floats | None, limit: float) -> None:
        """Sort the controls `rows` by score, covariates, rank; the other arrays are those of all n rows."""
        rows, patch = _sorted(units, rows, rank, covariates)
        m = rows.size
        self._all_units = units
        self._units = units[rows]
        self._rows = rows
        new_run = np.diff(self._units, prepend=np.nan) != 0
        is_alone = new_run & np.append(new_run[1:], True)
        self._unit: list[float] = [*self._units.tolist(), np.inf, -np.inf]
        self._is_alone: list[bool] = is_alone.tolist()
        self._run_start: list[int] = []
        self._patch_end: list[int] = []
        # Both are asked for in runs of several only.
        if not is_alone.all():
            new_patch = new_run | (np.diff(patch, prepend=-1) != 0)
            run_starts, patch_ends = np.flatnonzero(new_run), np.append(np.flatnonzero(new_patch)[1:], m)
            self._run_start = run_starts[np.cumsum(new_run) - 1].tolist()
            self._patch_end = patch_ends[np.cumsum(new_patch) - 1].tolist()
        self._rank = rank
        self._covariates = covariates
        self._limit = min(limit, FARTHEST)
        self._after = list(range(m + 1))
        self._before = list(range(m + 1))

    def in_turn(self, queue: Counts) -> Found:
        """Give each treated row of a queue the nearest free control; leave out those who have none."""
        unit_of, is_alone, limit = self._unit, self._is_alone, self._limit
        after, before = self._after, self._before
        places: list[int] = []
        units = self._all_units[queue]
        here = np.searchsorted(self._units, units)
        for row, unit, start in zip(queue.tolist(), units.tolist(), here.tolist(), strict=True):
            right = start if after[start] == start else _find(after, start)
            left = (start if before[start] == start else _find(before, start)) - 1
            # Beyond the ends lie plus and minus infinity, the last two elements.
            to_right, to_left = unit_of[right] - unit, unit - unit_of[left]
            place, distance = (right, to_right) if to_right < to_left else (left, to_left)
            if distance > limit:
                places.append(-1)
                continue
            if to_right == to_left or not is_alone[place]:
                nearest = self._free_patches(right) if to_right == distance else []
                if to_left == distance:
                    nearest += self._free_patches(left)
                place = nearest[0] if len(nearest) == 1 else self._choose(row, nearest)[-1]
            after[place] = place + 1
            before[place + 1] = place
            places.append(place)
        found = np.array(places, dtype=int)
        return self._links(queue[found >= 0], found[found >= 0])

    def closest_first(self, queue: Counts) -> Found:
        """Link treated rows of a queue with free controls, the closest pair that is left first.

        A treated row whose control has gone waits again with its next best one.
        """
        waiting: list[tuple[float, float, float, float, int, int]] = []
        unit_of_row = dict(zip(queue.tolist(), self._all_units[queue].tolist(), strict=True))

        def wait(row: int) -> None:
            found = self._nearest(unit_of_row[row])
            if found is not None:
                distance, places = found
                apart, control_rank, place = self._choose(row, places)
                heapq.heappush(waiting, (distance, apart, float(self._rank[row]), control_rank, row, place))

        for row in queue.tolist():
            wait(row)
        made: list[tuple[int, int]] = []
        while waiting:
            *_, row, place = heapq.heappop(waiting)
            if self._after[place] == place:
                self._after[place] = place + 1
                self._before[place + 1] = place
                made.append((row, place))
            else:
                wait(row)
        rows, places = zip(*made, strict=True) if made else ((), ())
        return self._links(np.array(rows, dtype=int), np.array(places, dtype=int))

    def several(self, queue: Counts, count: int) -> Found:
        """Link each treated row of a queue with its `count` nearest controls, free or not."""
        m, units = self._rows.size, self._all_units[queue]
        count = min(count, m)
        window = np.searchsorted(self._units, units)[:, None] + np.arange(-count, count)
        outside = (window < 0) | (window >= m)
        apart = np.where(outside, np.inf, np.abs(self._units[np.clip(window, 0, m - 1)] - units[:, None]))
        reach = np.minimum(np.partition(apart, count - 1, axis=1)[:, count - 1], self._limit)
        first = np.searchsorted(self._units, units - reach)
        size = np.searchsorted(self._units, units + reach, side="right") - first
        # Where more are within reach than are wanted, the farthest of them tie.
        plain = np.flatnonzero(size <= count)
        repeats = size[plain]
        ends = np.cumsum(repeats)
        offset = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - repeats, repeats)
        rows, places = [np.repeat(queue[plain], repeats)], [np.repeat(first[plain], repeats) + offset]
        for index in np.flatnonzero(size > count).tolist():
            near = np.arange(first[index], first[index] + size[index])
            gap = np.abs(self._units[near] - units[index])
            order = np.lexsort((self._rank[self._rows[near]], self._apart(int(queue[index]), self._rows[near]), gap))
            rows.append(np.full(count, queue[index]))
            places.append(near[order[:count]])
        return self._links(np.concatenate(rows), np.concatenate(places))

    def _links(self, treated: Counts, places: Counts) -> Found:
        return treated, self._rows[places], np.abs(self._all_units[treated] - self._units[places])

    def _nearest(self, unit: float) -> tuple[float, list[int]] | None:
        """Return the least distance and the first free place of every patch at it; None beyond the caliper."""
        here = bisect_left(self._unit, unit, 0, self._rows.size)
        right, left = _find(self._after, here), _find(self._before, here) - 1
        to_right, to_left = self._unit[right] - unit, unit - self._unit[left]
        distance = min(to_right, to_left)
        if distance > self._limit:
            return None
        places = self._free_patches(right) if to_right == distance else []
        if to_left == distance:
            places += self._free_patches(left)
        return distance, places

    def _choose(self, row: int, places: list[int]) -> tuple[float, float, int]:
        """Return covariate distance to a treated row, rank and place of the best of several places."""
        rows = self._rows[places]
        return min(zip(self._apart(row, rows).tolist(), self._rank[rows].tolist(), places, strict=True))

    def _apart(self, row: int, rows: Counts) -> Floats:
        if self._covariates is None:
            return np.zeros(rows.size)
        return np.round(np.square(self._covariates[rows] - self._covariates[row]).sum(axis=1), TIE_DIGITS)

    def _free_patches(self, inside: int) -> list[int]:
        """Return the first free place of every patch in the run that a place lies in."""
        unit, after = self._unit[inside], self._after
        if self._is_alone[inside]:
            return [inside]
        place = _find(after, self._run_start[inside])
        found: list[int] = []
        while self._unit[place] == unit:
            found.append(place)
            place = _find(after, self._patch_end[place])
        return found


def _sorted(units: Floats, rows: Counts, rank: Floats, covariates: Floats | None) -> tuple[Counts, Counts]:
    """Sort rows by score, covariates, rank; return with them (m,) the number of each one's covariates in its run."""
    rows = rows[np.argsort(units[rows])]
    patch = np.zeros(rows.size, dtype=int)
    same_as_next = np.diff(units[rows]) == 0
    if same_as_next.any():
        tied = np.flatnonzero(np.append(same_as_next, False) | np.append(False, same_as_next))
        of_tied = patch[tied]
        if covariates is not None:
            of_tied = np.unique(covariates[rows[tied]], axis=0, return_inverse=True)[1].ravel()
        order = np.lexsort((rows[tied], rank[rows[tied]], of_tied, units[rows[tied]]))
        rows[tied], patch[tied] = rows[tied[order]], of_tied[order]
    return rows, patch


def _find(leads_to: list[int], start: int) -> int:
    """Follow a union-find from `start` to its end, halving the path on the way."""
    while leads_to[start] != start:
        leads_to[start] = leads_to[leads_to[start]]
        start = leads_to[start]
    return start
