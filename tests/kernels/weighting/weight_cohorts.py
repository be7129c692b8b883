"""The cohorts of `tests/golden/r/29_weights.R`: treatment, covariates, outcome and sampling weights."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.weighting.estimands import Estimand
from tests.golden import dataset, rotterdam

ESTIMANDS: tuple[Estimand, ...] = ("ATE", "ATT", "ATC", "ATO", "ATM", "ATEN")


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    treated: Bools
    x: Floats
    y: Floats
    sampling: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    time: Floats
    event: Floats
    arm: Floats
    x: Floats
    at: float


@functools.cache
def cohort(name: str) -> Cohort:
    d: dict[str, Any] = rotterdam(node_positive=True) if name == "rotterdam_np" else dataset(name)
    if name == "pbc":
        d = rows(d, np.isfinite(d["trt"]) & np.isfinite(d["ascites"]))
    treated, x, y = {
        "lalonde": lambda: (d["treat"], columns(d, "age educ married nodegree re74 re75"), d["re78"]),
        "veteran": lambda: (d["trt"] == 2, columns(d, "karno diagtime age prior"), d["time"] > 100),
        "Melanoma": lambda: (d["ulcer"], columns(d, "sex age year thickness"), d["time"] > 2000),
        "pbc": lambda: (d["ascites"], np.column_stack([d["age"], np.log(d["bili"]), d["albumin"]]), d["time"] > 1500),
        "rotterdam_np": lambda: (d["hormon"], columns(d, "age meno lnodes lpgr ler chemo"), d["dtime"] > 1826),
    }[name]()
    sampling = 0.5 + (np.arange(1, len(x) + 1) % 4) / 4
    return Cohort(np.asarray(treated) == 1, x, np.asarray(y, dtype=float), sampling)


@functools.cache
def follow_up(name: str) -> FollowUp:
    """The cohorts whose censoring is weighted."""
    d: dict[str, Any] = rotterdam(node_positive=True) if name == "rotterdam_np" else dataset(name)
    if name == "lung":
        d = rows(d, np.isfinite(d["ph.ecog"]))
        return FollowUp(d["time"], d["status"] - 1, d["sex"], columns(d, "age ph.ecog"), 365)
    if name == "pbc":
        d = rows(d, np.isfinite(d["trt"]))
        x = np.column_stack([d["age"], np.log(d["bili"])])
        return FollowUp(d["time"], (d["status"] == 2).astype(float), d["trt"], x, 2000)
    if name == "Melanoma":
        return FollowUp(d["time"], (d["status"] == 1).astype(float), d["sex"], columns(d, "age thickness"), 2000)
    x = np.column_stack([d["age"], d["lnodes"], d["year"] - 1985])
    return FollowUp(d["dtime"], d["death"], d["hormon"], x, 1826)


def columns(d: dict[str, Any], names: str) -> Floats:
    return np.column_stack([d[name] for name in names.split()]).astype(float)


def rows(d: dict[str, Any], kept: Bools) -> dict[str, Any]:
    return {name: values[kept] for name, values in d.items()}


def short(values: Floats) -> Floats:
    """What the R script keeps of a value for each row: the first 20, the last 5, the sum and the sum of squares."""
    return np.concatenate([values[:20], values[-5:], [values.sum(), np.square(values).sum()]])


@st.composite
def scores(draw: st.DrawFn, most: int = 30) -> tuple[Floats, Bools]:
    """Draw scores, which often tie, and arms."""
    n, rng = draw(st.integers(4, most)), np.random.default_rng(draw(st.integers(0, 100_000)))
    score = rng.uniform(0.02, 0.98, n) if draw(st.booleans()) else rng.integers(1, 10, n) / 10
    treated = rng.random(n) < score
    treated[:4] = True, False, True, False
    return score, treated
