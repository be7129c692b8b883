"""Doubly robust survival against R: the formula with the martingale of censoring on R's own models."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.doubly_robust.records import DoublyRobustSurvival, SurvivalModels
from counterpoise.kernels.doubly_robust.survival import doubly_robust_survival
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.weight_model import outside_score
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees, relative_difference

NAMES = ("np", "colon", "veteran")
# Both sides iterate to the limit of double precision; what is left is the rounding of sums over a thousand steps.
TOLERANCE = 1e-8


@dataclass(frozen=True)
class Cohort:
    time: Floats
    event: Floats
    arm: Floats
    score: Floats
    outcome: Floats
    censoring: Floats
    at: tuple[float, ...]
    horizon: float


def columns(d: dict[str, np.ndarray], names: str) -> Floats:
    return np.column_stack([d[name] for name in names.split()]).astype(float)


@cache
def cohort(name: str) -> Cohort:
    if name == "np":
        d = rotterdam(node_positive=True)
        score = columns(d, "age meno size20 size50 grade3 lnodes lpgr ler chemo")
        outcome, censoring = columns(d, "age size20 size50 grade3 lnodes"), columns(d, "age lnodes")
        return Cohort(d["dmonths"], d["death"], d["hormon"], score, outcome, censoring, (12, 60, 120), 120)
    if name == "colon":
        d = dataset("colon")
        keep = (d["etype"] == 2) & (d["rx"] != "Lev") & ~np.isnan(d["nodes"])
        d = {key: values[keep] for key, values in d.items()}
        arm = (d["rx"] == "Lev+5FU").astype(float)
        score, outcome = columns(d, "age nodes obstruct extent"), columns(d, "age nodes extent")
        return Cohort(d["time"], d["status"], arm, score, outcome, columns(d, "age"), (365, 1000, 2000), 2000)
    d = dataset("veteran")
    arm, score, none = (d["trt"] == 2).astype(float), columns(d, "karno age prior"), np.zeros((137, 0))
    score[:, 2] /= 10
    return Cohort(d["time"], d["status"], arm, score, columns(d, "karno age"), none, (30, 90, 250), 365)


def ours(name: str, estimand: Estimand, models: SurvivalModels, *, covariates: bool = True) -> DoublyRobustSurvival:
    c = cohort(name)
    score = logistic_score(c.arm, c.score)
    return doubly_robust_survival(
        c.time,
        c.event,
        c.arm,
        score if covariates else outside_score(score.probability),
        c.outcome,
        at=c.at,
        horizon=c.horizon,
        x_censoring=c.censoring if covariates else c.censoring[:, :0],
        estimand=estimand,
        models=models,
    )


def agree(key: str, result: DoublyRobustSurvival) -> None:
    r = golden("doubly_robust", key)

    def same(what: str, mine: object, theirs: object) -> None:
        agrees(f"Doubly robust survival: {what}", "doubly_robust", key, mine, theirs, tolerance=TOLERANCE)  # type: ignore[arg-type]

    same("survival", result.survival, [r["s0"], r["s1"]])
    same("standard error", result.std_error, [r["se0"], r["se1"]])
    same("standard error of the difference", result.difference_std_error, r["difference_se"])
    same("standard error of the log ratio", result.log_ratio_std_error, r["log_ratio_se"])
    areas = result.restricted_mean
    assert areas is not None
    same("restricted mean", areas.mean, r["area"])
    same("standard error of the restricted mean", areas.std_error, r["area_se"])
    same("standard error of the difference of restricted means", areas.difference_std_error, r["area_difference_se"])


@pytest.mark.parametrize("name", NAMES)
def test_models_within_arms(name: str) -> None:
    for estimand in ("ATE", "ATT", "ATO"):
        agree(f"{name}_{estimand}", ours(name, estimand, SurvivalModels()))


@pytest.mark.parametrize("name", NAMES)
def test_common_models(name: str) -> None:
    agree(f"{name}_common", ours(name, "ATE", SurvivalModels("common", "common", "breslow")))


@pytest.mark.parametrize("name", NAMES)
def test_pooled_censoring_and_a_known_score(name: str) -> None:
    agree(f"{name}_pooled", ours(name, "ATE", SurvivalModels("common", "pooled"), covariates=False))


@pytest.mark.parametrize(("key", "apart"), [("riskregression_np", 0.03), ("riskregression_np_untied", 3e-4)])
def test_near_riskregression(key: str, apart: float) -> None:
    """The same estimator in `ate` of riskRegression, which adjustedCurves calls, with two differences.

    It takes the martingales' hazards as the Cox model has them, where here they are what its survival falls by, divides
    by survival just before a censoring, and weights an event by 1 / G just after its time: all of the order of one
    step, which is large only where few are left (at ten years, where G is .016). And it counts each set of tied
    censorings as often as it has members, which is 2 % of survival at ten years; without ties that is gone.
    """
    c, r = cohort("np"), golden("doubly_robust", key)
    time = c.time.copy()
    if key.endswith("untied"):
        order = np.lexsort((-c.event, time))
        time[order] += 1e-5 * np.arange(1, time.size + 1)
    score = logistic_score(c.arm, c.score)
    # errors that leave out what the nuisance models add, as its `known.nuisance = TRUE`
    known, models = outside_score(score.probability), SurvivalModels("common", "pooled")
    result = doubly_robust_survival(
        time, c.event, c.arm, known, c.outcome, at=c.at, x_censoring=c.censoring[:, :0], models=models
    )
    assert relative_difference(result.survival, [r["s0"], r["s1"]]) < apart
    assert relative_difference(result.std_error, [r["se0_known"], r["se1_known"]]) < apart
    assert relative_difference(result.survival[:, 0], [r["s0"][0], r["s1"][0]]) < 1e-6
