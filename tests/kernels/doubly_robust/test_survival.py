"""Doubly robust survival: against the formula term by term, against simple estimates, and against the truth."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.product_limit import kaplan_meier
from counterpoise.kernels.curves.restricted_mean import restricted_mean
from counterpoise.kernels.doubly_robust.records import DoublyRobustSurvival, SurvivalModels
from counterpoise.kernels.doubly_robust.survival import doubly_robust_survival
from counterpoise.kernels.weighting.estimands import balancing_weights
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.weight_model import outside_score
from tests.kernels.doubly_robust.cohorts import Simulated, simulate
from tests.kernels.doubly_robust.slow_doubly_robust import arm_survival, hazard

SEEDS = st.integers(0, 2**32 - 1)


def estimate(d: Simulated, at: list[float], **options: object) -> DoublyRobustSurvival:
    return doubly_robust_survival(d.time, d.event, d.treated, d.score(), d.x, at=at, **options)  # type: ignore[arg-type]


def nothing(n: int) -> Floats:
    return np.zeros((n, 0))


def constant_score(d: Simulated) -> float:
    return float(d.treated.mean())


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
@pytest.mark.parametrize("which", ["arms", "common", "pooled"])
@pytest.mark.parametrize("steps", ["exponential", "product"])
def test_the_formula_term_by_term(estimand: str, which: str, steps: str) -> None:
    d = simulate(60, 5, digits=1)
    product, at = steps == "product", [0.05, 0.3, 0.9]
    models = SurvivalModels("arms" if which == "arms" else "common", which, steps=steps)  # type: ignore[arg-type]
    e = d.score().probability
    known = outside_score(e)
    ours = doubly_robust_survival(
        d.time,
        d.event,
        d.treated,
        known,
        d.x,
        at=at,
        estimand=estimand,
        models=models,  # type: ignore[arg-type]
    )
    weights = balancing_weights(e, d.treated, estimand=estimand, stabilised=False)  # type: ignore[arg-type]
    tilt = {"ATE": np.ones(60), "ATT": 1.0 * d.treated, "ATC": 1.0 * ~d.treated, "ATO": e * (1 - e)}[estimand]
    for code in (0, 1):
        arm = d.treated == code
        both = np.ones(60, dtype=bool)
        x = np.column_stack([d.treated, d.x]) if which != "arms" else d.x
        x_all = np.column_stack([np.full(60, code), d.x]) if which != "arms" else d.x
        rows = arm if which == "arms" else both
        outcome = hazard(d.time, d.event, rows, x, x_all, gone=np.zeros(60, dtype=bool), product=product)
        if which == "pooled":
            x = x_all = d.x
        censoring = hazard(d.time, ~d.event, rows, x, x_all, gone=d.event, product=product)
        for k, t in enumerate(at):
            mean, influence = arm_survival(t, d.time, d.event, arm, (outcome, censoring), tilt, weights)
            assert ours.survival[code, k] == pytest.approx(mean, rel=1e-10)
            np.testing.assert_allclose(ours.influence[code, :, k], influence, rtol=0, atol=1e-10)


def test_without_covariates_or_censoring_it_is_the_share_of_survivors() -> None:
    d = simulate(80, 1, censored=False, digits=1)
    known = logistic_score(d.treated, nothing(80))
    for steps in ("exponential", "product"):
        at = np.array([0.0, 0.2, 0.7, 1.9])
        ours = doubly_robust_survival(
            d.time, d.event, d.treated, known, nothing(80), at=at, models=SurvivalModels(steps=steps), horizon=1.5
        )
        for code in (0, 1):
            mine = d.time[d.treated == code]
            share = (mine[:, None] > at + 1e-9).mean(axis=0)
            np.testing.assert_allclose(ours.survival[code], share, rtol=0, atol=1e-14)
            np.testing.assert_allclose(
                ours.std_error[code], np.sqrt(share * (1 - share) / mine.size), rtol=1e-10, atol=1e-14
            )
            assert ours.restricted_mean is not None
            area = np.minimum(mine, 1.5)
            assert ours.restricted_mean.mean[code] == pytest.approx(area.mean(), rel=1e-12)
            assert ours.restricted_mean.std_error[code] == pytest.approx(area.std() / np.sqrt(mine.size), rel=1e-10)


@settings(max_examples=25)
@given(SEEDS)
def test_product_limits_without_covariates_are_kaplan_meier(seed: int) -> None:
    d = simulate(40, seed, digits=1)
    assume(0 < d.treated.sum() < 40)
    assume(all(d.event[d.treated == code].any() for code in (0, 1)))
    models = SurvivalModels(steps="product")
    last = min(d.time[d.treated == code].max() for code in (0, 1))
    ours = doubly_robust_survival(
        d.time,
        d.event,
        d.treated,
        outside_score(np.full(40, constant_score(d))),
        nothing(40),
        at=d.time,
        horizon=last,
        models=models,
    )
    assert ours.restricted_mean is not None
    for code in (0, 1):
        mine = d.treated == code
        curve = kaplan_meier(d.time[mine], d.event[mine])
        known = d.time <= d.time[mine].max() + 1e-9
        place = np.searchsorted(curve.time, d.time + 1e-9, side="right")
        theirs = np.append(1.0, curve.survival)[place]
        np.testing.assert_allclose(ours.survival[code][known], theirs[known], rtol=0, atol=1e-12)
        assert np.isnan(ours.survival[code][~known]).all()
        area = restricted_mean(d.time[mine], d.event[mine], horizon=last)
        assert ours.restricted_mean.mean[code] == pytest.approx(area.value, rel=1e-12)


def test_exponential_steps_without_covariates_come_to_kaplan_meier_as_one_over_n_squared() -> None:
    apart = []
    for n in (200, 400, 800, 1600):
        d = simulate(n, 3)
        known = outside_score(np.full(n, constant_score(d)))
        ours = doubly_robust_survival(d.time, d.event, d.treated, known, nothing(n), at=[0.8])
        curve = kaplan_meier(d.time[d.treated], d.event[d.treated])
        apart.append(abs(ours.survival[1, 0] - curve.survival[curve.time <= 0.8][-1]) * n**2)
    assert max(apart) < 2
