"""Nearest controls by any distance, under any limits: blocks of distances, taken anew as controls go."""

import heapq
from collections.abc import Iterator

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.matching.allowed_pairs import Field
from counterpoise.kernels.matching.distance import blocks
from counterpoise.kernels.matching.nearest_line import Found

SHORTLIST = 16
"""Nearest controls that are kept of each treated row where the closest pair comes first."""


class Neighbours:
    """The m controls of one stratum by any distance, and which of them are free; a place is their number."""

    def __init__(self, ground: Field, rows: Counts) -> None:
        """Take the controls `rows`, in the canonical order of `ground`."""
        self._rows = rows
        self._ground = ground
        self._index = np.arange(ground.treatment.size)
        if ground.distances.matrix is not None:
            treated = ground.treatment
            self._index = np.where(treated, np.cumsum(treated), np.cumsum(~treated)) - 1
        self._is_free = np.ones(rows.size, dtype=bool)

    def in_turn(self, queue: Counts) -> Found:
        """Give each treated row of a queue the nearest free control; leave out those who have none."""
        made: list[tuple[int, int, float]] = []
        for start, columns, costs in self._blocks(queue):
            for index, cost in enumerate(costs, start):
                nearest = cost.min(initial=np.inf)
                if nearest == np.inf:
                    continue
                at = np.flatnonzero(cost == nearest)
                if at.size > 1:
                    at = at[self._order(int(queue[index]), columns[at])]
                costs[:, at[0]] = np.inf
                place = int(columns[at[0]])
                self._is_free[place] = False
                made.append((int(queue[index]), place, float(nearest)))
        return self._links(made)

    def closest_first(self, queue: Counts) -> Found:
        """Link treated rows of a queue with free controls, the closest pair that is left first.

        Each treated row waits with a short list of its nearest controls, and is given a new one when all have gone.
        """
        rank = self._ground.rank
        lists = {
            int(queue[start + index]): self._shortlist(int(queue[start + index]), columns, cost, SHORTLIST)
            for start, columns, costs in self._blocks(queue)
            for index, cost in enumerate(costs)
        }
        waiting = [
            (*entries[-1][:2], float(rank[row]), entries[-1][2], row) for row, entries in lists.items() if entries
        ]
        heapq.heapify(waiting)
        made: list[tuple[int, int, float]] = []
        while waiting:
            row = heapq.heappop(waiting)[-1]
            entries = lists[row]
            if self._is_free[entries[-1][-1]]:
                self._is_free[entries[-1][-1]] = False
                made.append((row, entries[-1][-1], entries[-1][0]))
                continue
            while entries and not self._is_free[entries[-1][-1]]:
                entries.pop()
            if not entries:
                _, columns, costs = next(self._blocks(np.array([row])))
                entries.extend(self._shortlist(row, columns, costs[0], SHORTLIST))
            if entries:
                heapq.heappush(waiting, (*entries[-1][:2], float(rank[row]), entries[-1][2], row))
        return self._links(made)

    def several(self, queue: Counts, count: int) -> Found:
        """Link each treated row of a queue with its `count` nearest controls, free or not."""
        made: list[tuple[int, int, float]] = []
        for start, columns, costs in self._blocks(queue):
            for row, cost in zip(queue[start : start + len(costs)].tolist(), costs, strict=True):
                near = self._first(row, columns, cost, count)
                made += [(row, *link) for link in zip(columns[near].tolist(), cost[near].tolist(), strict=True)]
        return self._links(made)

    def _links(self, made: list[tuple[int, int, float]]) -> Found:
        rows, places, costs = zip(*made, strict=True) if made else ((), (), ())
        return np.array(rows, dtype=int), self._rows[np.array(places, dtype=int)], np.array(costs, dtype=float)

    def _blocks(self, queue: Counts) -> Iterator[tuple[int, Counts, Floats]]:
        """Yield the first place in the queue, the free places (c,), and their (r, c) costs, infinite if forbidden."""
        ground = self._ground
        for start, stop in blocks(queue.size, self._rows.size):
            rows = queue[start:stop]
            columns = np.flatnonzero(self._is_free)
            if ground.score is not None:
                # Canonical order is by score first.
                scores, own = ground.score[self._rows[columns]], ground.score[rows]
                low = np.searchsorted(scores, own.min() - ground.caliper)
                columns = columns[low : np.searchsorted(scores, own.max() + ground.caliper, side="right")]
            controls = self._rows[columns]
            cost = ground.distances.between(self._index[rows], self._index[controls])
            if ground.is_limited:
                allowed: Bools = ground.allows(rows, controls)
                cost[~allowed] = np.inf
            yield start, columns, cost

    def _shortlist(self, row: int, columns: Counts, cost: Floats, count: int) -> list[tuple[float, float, float, int]]:
        """Return distance, covariate distance, rank and place of the nearest few, the nearest last."""
        near = self._first(row, columns, cost, count)[::-1]
        places = columns[near]
        rank = self._ground.rank[self._rows[places]]
        parts = (cost[near], self._apart(row, places), rank, places)
        return list(zip(*(part.tolist() for part in parts), strict=True))

    def _first(self, row: int, columns: Counts, cost: Floats, count: int) -> Counts:
        """Return the indices of the `count` least finite costs, ties broken; nearest first."""
        reach = np.partition(cost, count - 1)[count - 1] if count < cost.size else np.inf
        near = np.flatnonzero((cost <= reach) & (cost < np.inf))
        rank = self._ground.rank[self._rows[columns[near]]]
        order = np.lexsort((rank, self._apart(row, columns[near]), cost[near]))
        return near[order[:count]]

    def _order(self, row: int, places: Counts) -> Counts:
        return np.lexsort((self._ground.rank[self._rows[places]], self._apart(row, places)))

    def _apart(self, row: int, places: Counts) -> Floats:
        if self._ground.ties is None:
            return np.zeros(places.size)
        return self._ground.apart(np.array([row]), self._rows[places])[0]
