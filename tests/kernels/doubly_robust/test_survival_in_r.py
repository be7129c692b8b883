"""Doubly robust survival against R: the formula with the martingale of censoring on R's own models."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.baseline import baseline_hazard
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.doubly_robust.records import DoublyRobustSurvival, SurvivalModels
from counterpoise.kernels.doubly_robust.survival import doubly_robust_survival
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.weight_model import outside_score
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees, relative_difference

NAMES = ("np", "colon", "veteran")


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
        agrees(f"Doubly robust survival: {what}", "doubly_robust", key, mine, theirs)  # type: ignore[arg-type]

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


def riskregression_data(key: str) -> tuple[Floats, Floats, Cohort]:
    c = cohort("np")
    time = c.time.copy()
    if key.endswith("untied"):
        order = np.lexsort((-c.event, time))
        time[order] += 1e-5 * np.arange(1, time.size + 1)
    return time, logistic_score(c.arm, c.score).probability, c


RISKREGRESSION = ["riskregression_np", "riskregression_np_untied"]


@pytest.mark.parametrize(("key", "apart"), list(zip(RISKREGRESSION, (0.03, 3e-4), strict=True)))
def test_near_riskregression(key: str, apart: float) -> None:
    """The same estimator in `ate` of riskRegression, which adjustedCurves calls, on other steps: see below."""
    r, (time, score, c) = golden("doubly_robust", key), riskregression_data(key)
    # errors that leave out what the models add, as its `known.nuisance = TRUE`
    known, models = outside_score(score), SurvivalModels("common", "pooled")
    result = doubly_robust_survival(
        time, c.event, c.arm, known, c.outcome, at=c.at, x_censoring=c.censoring[:, :0], models=models
    )
    assert relative_difference(result.survival, [r["s0"], r["s1"]]) < apart
    assert relative_difference(result.std_error, [r["se0_known"], r["se1_known"]]) < apart
    assert relative_difference(result.survival[:, 0], [r["s0"][0], r["s1"][0]]) < 1e-6


@pytest.mark.parametrize("key", RISKREGRESSION)
def test_what_sets_riskregression_apart(key: str) -> None:
    """With its steps the formula gives its numbers, so that nothing else sets it apart.

    It takes the martingale's hazard as the Cox model has it, here it is what survival falls by; it divides by S and G
    just before a censoring; who has an event is still at risk of being censored at its time. And it goes over each set
    of tied censorings as often as the set has members, which is what moves survival at ten years by 1 and 2 %.
    """
    r, (time, score, c) = golden("doubly_robust", key), riskregression_data(key)
    died = c.event == 1
    fit = cox(time, died, np.column_stack([c.arm, c.outcome]))
    base = baseline_hazard(fit)
    jumps = np.sort(time[~died])
    distinct, tied = np.unique(jumps, return_counts=True)
    risk = (time >= distinct[:, None]).sum(axis=1)
    step = np.array([(1 / (y - np.arange(d))).sum() for y, d in zip(risk, tied, strict=True)])
    uncensored = np.exp(-np.cumsum(step))[np.searchsorted(distinct, jumps)]
    before = np.append(1.0, uncensored[:-1])
    there = time[:, None] >= jumps
    martingale = ((time[:, None] == jumps) & ~died[:, None]) - step[np.searchsorted(distinct, jumps)]
    for code in (0, 1):
        ratio = np.exp(np.column_stack([np.full(time.size, code), c.outcome]) @ fit.coefficients)

        def survival(until: Floats, side: Literal["left", "right"] = "right", ratio: Floats = ratio) -> Floats:
            cumulative = np.append(0.0, base.cumulative)[np.searchsorted(base.time, until, side=side)]
            return np.exp(-ratio[:, None] * cumulative)

        weight = (c.arm == code) / np.where(c.arm == 1, score, 1 - score)
        increments = there * martingale / (before * survival(jumps, "left"))
        for k, t in enumerate(c.at):
            s, upto = survival(np.array([t])), jumps <= t
            passed = ((survival(jumps) - s) * increments)[:, upto].sum(axis=1)
            g = np.append(1.0, uncensored)[np.searchsorted(jumps, np.minimum(time, t), side="left")]
            seen = died & (time <= t)
            values = 1 - s[:, 0] + weight * (seen / g - (1 - s[:, 0]) + passed)
            assert 1 - values.mean() == pytest.approx(r[f"s{code}"][k], rel=1e-10)
            assert np.sqrt(((values - values.mean()) ** 2).sum()) / time.size == pytest.approx(
                r[f"se{code}_known"][k], rel=1e-8
            )
