"""Random cohorts, and Cox's partial likelihood as its definition has it: no sums kept, no time saved."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.blocks import Ties


@dataclass
class Cohort:
    """Random rows with everything at once: heavy ties, late entry, strata, weights."""

    time: Floats
    event: Floats
    x: Floats
    entry: Floats
    stratum: np.ndarray
    weights: Floats

    def options(self, **changes: Any) -> dict[str, Any]:
        return {"entry": self.entry, "stratum": self.stratum, "weights": self.weights, **changes}


def cohort(seed: int, n: int = 30, p: int = 2, strata: int = 3) -> Cohort:
    g = np.random.default_rng(seed)
    time = g.integers(2, 12, n).astype(float)
    return Cohort(
        time,
        (g.uniform(size=n) < 0.7).astype(float),
        np.column_stack([g.normal(size=(n, p - 1)), g.integers(0, 2, n).astype(float)]),
        np.where(g.uniform(size=n) < 0.4, np.minimum(time - 1, g.integers(0, 6, n)), 0.0),
        g.integers(0, strata, n),
        g.uniform(0.2, 3.0, n),
    )


def slow_log_likelihood(c: Cohort, beta: Floats, ties: Ties, weights: Floats | None = None) -> float:
    """The definition, death by death and draw by draw."""
    w, risk = (c.weights if weights is None else weights), np.exp(c.x @ beta)
    total = 0.0
    for stratum in set(c.stratum.tolist()):
        for t in set(c.time[(c.event == 1) & (c.stratum == stratum)].tolist()):
            at_risk = (c.stratum == stratum) & (c.entry < t) & (t <= c.time)
            dead = at_risk & (c.time == t) & (c.event == 1)
            d = int(dead.sum())
            total += float((w * (c.x @ beta))[dead].sum())
            for k in range(d):
                drawn = k / d if ties == "efron" else 0.0
                left = (w * risk)[at_risk].sum() - drawn * (w * risk)[dead].sum()
                total -= float(w[dead].mean() * np.log(left))
    return total
