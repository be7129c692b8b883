"""The log-rank family as its definition has it: a loop over strata, one over event times, one over rows.

And the cohorts that `tests/golden/r/18_tests_of_curves.R` tests in R.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.kernels.arrays import Floats
from tests.golden import dataset, rotterdam

KINDS = ("gehan", "tarone-ware", "peto-peto", "peto-peto-plus-one", "andersen")
COHORTS = ("aml", "lung", "veteran", "pbc", "colon", "rotterdam")


@dataclass
class Cohort:
    """Columns as in the R script: two arms, several groups, centres, entry, case weights, pairs of a kind."""

    t: Floats
    s: Floats
    g: np.ndarray
    k: np.ndarray

    def __post_init__(self) -> None:
        n = np.arange(1, self.t.size + 1)
        self.c, self.m = n % 4, n % 40
        self.e = np.where(n % 3 == 0, np.floor(self.t / 2), 0)
        self.w = 0.5 + (n % 5) / 4
        self.u = self.t + n / 1e4


def cohort(name: str) -> Cohort:
    d = rotterdam() if name == "rotterdam" else dataset(name)
    if name == "aml":
        g = (d["x"] == "Nonmaintained").astype(int)
        return Cohort(d["time"], d["status"], g, g)
    if name == "rotterdam":
        return Cohort(d["dtime"], d["death"], d["hormon"], d["trt4"])
    if name == "veteran":
        cells = ["squamous", "smallcell", "adeno", "large"]
        return Cohort(d["time"], d["status"], d["trt"] - 1, np.array([cells.index(cell) for cell in d["celltype"]]))
    if name == "lung":
        d = _rows(d, ~np.isnan(d["ph.ecog"]))
        return Cohort(d["time"], (d["status"] == 2).astype(float), d["sex"] - 1, d["ph.ecog"])
    if name == "pbc":
        d = _rows(d, ~np.isnan(d["trt"]))
        return Cohort(d["time"], (d["status"] == 2).astype(float), d["trt"] - 1, d["stage"])
    d = _rows(d, d["etype"] == 2)
    arms = ["Obs", "Lev", "Lev+5FU"]
    k = np.array([arms.index(arm) for arm in d["rx"]])
    return Cohort(d["time"], d["status"], (k == 2).astype(int), k)


def _rows(d: dict[str, np.ndarray], known: np.ndarray) -> dict[str, np.ndarray]:
    return {name: column[known] for name, column in d.items()}


@dataclass
class SlowTest:
    observed: Floats
    expected: Floats
    variance: Floats
    residuals: Floats
    """(n, k), of rows with weights."""


def slow_log_rank(
    time: np.ndarray,
    event: np.ndarray,
    group: np.ndarray,
    *,
    entry: Any = None,
    stratum: Any = None,
    weights: Any = None,
    kind: str = "fleming-harrington",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> SlowTest:
    n = time.size
    entry = np.full(n, -1.0) if entry is None else entry
    stratum = np.zeros(n) if stratum is None else stratum
    w = np.ones(n) if weights is None else weights
    levels = np.unique(group)
    member = (group[:, None] == levels).astype(float)
    k = levels.size
    test = SlowTest(np.zeros(k), np.zeros(k), np.zeros((k, k)), np.zeros((n, k)))
    for label in np.unique(stratum):
        survival = smooth = 1.0
        inside = stratum == label
        for t in np.unique(time[inside & (event == 1)]):
            at_risk = inside & (entry < t) & (t <= time)
            dies = inside & (time == t) & (event == 1)
            total, deaths = w[at_risk].sum(), w[dies].sum()
            smooth *= 1 - deaths / (total + 1)
            weight = {
                "fleming-harrington": survival**rho * (1 - survival) ** gamma,
                "gehan": total,
                "tarone-ware": total**0.5,
                "peto-peto": survival,
                "peto-peto-plus-one": smooth,
                "andersen": smooth * total / (total + 1),
            }[kind]
            share = (w[:, None] * member)[at_risk].sum(axis=0) / total
            test.observed += weight * (w[:, None] * member)[dies].sum(axis=0)
            test.expected += weight * deaths * share
            if weights is None and total > 1:
                spread = weight**2 * deaths * (total - deaths) / (total - 1)
                test.variance += spread * (np.diag(share) - np.outer(share, share))
            for row in np.flatnonzero(at_risk):
                martingale = float(dies[row]) - deaths / total
                test.residuals[row] += w[row] * weight * (member[row] - share) * martingale
            survival = 0.0 if (dies == at_risk).all() else survival * (1 - deaths / total)
    return test
