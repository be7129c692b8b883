"""The cohorts of `tests/golden/r/30_several_arms.R`, and random ones, as arms, covariates, times and events."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from tests.golden import dataset, rotterdam

NAMES = ("veteran", "colon", "lung", "pbc", "rotterdam")
HORIZON = {"veteran": 100.0, "colon": 1500.0, "lung": 365.0, "pbc": 2500.0, "rotterdam": 1826.25}


@dataclass(frozen=True, slots=True, eq=False)
class ArmCohort:
    arm: Counts
    x: Floats
    time: Floats
    event: Bools
    at: float

    @property
    def k(self) -> int:
        return int(self.arm.max()) + 1

    @property
    def case(self) -> Floats:
        """Case weights, as in R: 0.5, 0.75, ..."""
        return 0.5 + np.arange(1, self.arm.size + 1) % 5 / 4


def cohort(name: str) -> ArmCohort:
    arm, columns, time, event = _COHORTS[name]()
    x = np.column_stack(columns).astype(float)
    return ArmCohort(arm.astype(int), x, time.astype(float), np.asarray(event, dtype=bool), HORIZON[name])


def random_cohort(seed: int, k: int = 3, n: int = 120, p: int = 2) -> ArmCohort:
    """Arms that hang on the first covariate, so that no weight is extreme; times with ties."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    if p > 1:
        x[:, 1] = rng.integers(0, 2, n)
    logits = 0.5 * x[:, :1] * np.arange(k) / k
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    arm = (chance.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)
    arm[: 4 * k] = np.tile(np.arange(k), 4)
    time = np.ceil(rng.exponential(10, n) * np.exp(-0.3 * arm) * 2) / 2
    event = rng.random(n) < 0.7
    event[: 4 * k] = True
    return ArmCohort(arm, x, time, event, float(np.quantile(time, 0.3)))


_Parts = tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray]


def _codes(labels: np.ndarray, levels: tuple[str, ...]) -> np.ndarray:
    return np.argmax(labels[:, None] == np.array(levels), axis=1)


def _veteran() -> _Parts:
    d = dataset("veteran")
    arm = _codes(d["celltype"], ("squamous", "smallcell", "adeno", "large"))
    return arm, [d["trt"] - 1, d["karno"], d["age"]], d["time"], d["status"]


def _colon() -> _Parts:
    d = dataset("colon")
    rows = (d["etype"] == 2) & ~np.isnan(d["nodes"]) & ~np.isnan(d["differ"])
    d = {name: values[rows] for name, values in d.items()}
    columns = [d["age"], d["sex"], d["nodes"], d["differ"] == 3, d["obstruct"], d["surg"]]
    return _codes(d["rx"], ("Obs", "Lev", "Lev+5FU")), columns, d["time"], d["status"]


def _lung() -> _Parts:
    d = dataset("lung")
    rows = ~np.isnan(d["ph.ecog"]) & ~np.isnan(d["wt.loss"]) & (d["ph.ecog"] < 3)
    d = {name: values[rows] for name, values in d.items()}
    return d["ph.ecog"], [d["age"], d["sex"], d["wt.loss"]], d["time"], d["status"] == 2


def _pbc() -> _Parts:
    d = dataset("pbc")
    rows = ~np.isnan(d["stage"]) & ~np.isnan(d["trt"])
    d = {name: values[rows] for name, values in d.items()}
    columns = [d["age"], np.log(d["bili"]), d["albumin"], d["sex"] == "f"]
    return np.maximum(d["stage"], 2) - 2, columns, d["time"], d["status"] == 2


def _rotterdam() -> _Parts:
    d = rotterdam(node_positive=True)
    return d["chemo"] + 2 * d["hormon"], [d["age"], d["meno"], d["grade3"], d["lnodes"]], d["dtime"], d["death"]


_COHORTS = {"veteran": _veteran, "colon": _colon, "lung": _lung, "pbc": _pbc, "rotterdam": _rotterdam}
