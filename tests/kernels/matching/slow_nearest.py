"""Nearest-neighbour matching by looking at every pair, every time."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.matching.nearest import Order


@dataclass(frozen=True)
class Everything:
    """Matrices (n, n) of distances in units, of squared tie distances, and of what is allowed; ranks (n,)."""

    cost: Floats
    apart: Floats
    allowed: Bools
    rank: Floats
    treated: Bools

    def key(self, i: int, j: int) -> tuple[float, float, float, float]:
        return self.cost[i, j], round(float(self.apart[i, j]), 9), self.rank[i], self.rank[j]

    def partners(self, i: int, free: set[int]) -> list[int]:
        return sorted((j for j in free if self.allowed[i, j]), key=lambda j: self.key(i, j))


def slow_links(every: Everything, value: Floats, order: Order, quota: Counts) -> set[tuple[int, int]]:
    """Return the links of rounds without replacement; `value` (n,) is the score of the turns."""
    free, made = set(np.flatnonzero(~every.treated).tolist()), set[tuple[int, int]]()
    sign = -1 if order == "descending" else 1
    for number in range(int(quota.max())):
        waiting = [i for i in np.flatnonzero(every.treated).tolist() if quota[i] > number]
        waiting.sort(key=lambda i: (sign * value[i], every.rank[i]))
        while waiting:
            i = waiting[0]
            if order == "closest":
                pairs = [(i, j) for i in waiting for j in every.partners(i, free)[:1]]
                if not pairs:
                    break
                i = min(pairs, key=lambda pair: every.key(*pair))[0]
            waiting.remove(i)
            for j in every.partners(i, free)[:1]:
                made.add((i, j))
                free.remove(j)
    return made


def slow_replacement(every: Everything, ratio: int) -> set[tuple[int, int]]:
    controls = set(np.flatnonzero(~every.treated).tolist())
    rows = np.flatnonzero(every.treated).tolist()
    return {(i, j) for i in rows for j in every.partners(i, controls)[:ratio]}
