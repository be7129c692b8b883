"""How far a matched comparison hangs on the breaking of ties, and on the order in which patients choose."""

from dataclasses import dataclass

import numpy as np

from counterpoise.design import Endpoint
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.nearest import Order


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of some values; NaN where there are none."""

    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """One matching a run, under one seed of the tie-breaking and one order; the first run is the analysis itself."""

    endpoints: tuple[Endpoint, ...]
    seed: Counts
    """(b,) the seed of each run."""
    order: tuple[Order, ...]
    """(b,) the order of each run."""
    sets: Counts
    """(b,) sets made, which are pairs where matching is one to one."""
    matched_treated: Counts
    """(b,) treated patients matched."""
    hazard_ratio: Floats
    """(b, e) the hazard ratio of each endpoint; NaN where it has none."""
    p_value: Floats
    """(b, e) its P value, under the variance of the matched comparison."""
    distinct: int
    """Matchings that differ: 1 says that no tie had to be broken by the seed."""

    @property
    def runs(self) -> int:
        """Number of runs, the analysis itself included."""
        return self.seed.size

    def of_sets(self) -> Spread:
        """Return the range of the number of sets."""
        return spread(self.sets.astype(float))

    def of_hazard_ratio(self, endpoint: int) -> Spread:
        """Return the range of the hazard ratio of an endpoint, by its place."""
        return spread(self.hazard_ratio[:, endpoint])

    def of_p_value(self, endpoint: int) -> Spread:
        """Return the range of the P value of an endpoint, by its place."""
        return spread(self.p_value[:, endpoint])


def spread(values: Floats) -> Spread:
    """Return the range of (b,) values, those that are not known left out.

    >>> spread(np.array([3.0, 1.0, np.nan]))
    Spread(minimum=1.0, median=2.0, maximum=3.0)
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return Spread(float("nan"), float("nan"), float("nan"))
    return Spread(float(known.min()), float(np.median(known)), float(known.max()))
