"""Every score and weight that has estimating equations, put through the effects and moved row by row."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.effects.hazard import weighted_hazard_ratio
from counterpoise.kernels.effects.mean_difference import weighted_mean_difference
from counterpoise.kernels.effects.survival_at import weighted_survival
from counterpoise.kernels.weighting.covariate_balancing import covariate_balancing_score
from counterpoise.kernels.weighting.entropy_balancing import entropy_balancing
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.firth_score import firth_score
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.records import ScoreFit, WeightModel
from counterpoise.kernels.weighting.ridge_score import ridge_score
from counterpoise.kernels.weighting.tilting import tilting_score
from counterpoise.kernels.weighting.weight_model import weight_model
from tests.kernels.effects.chain import (
    AT,
    HORIZON,
    Cohort,
    by_case_weight,
    cohort,
    log_hazard_ratio,
    means,
    survivals,
)

SCHEMES: tuple[tuple[Estimand, bool, bool], ...] = (
    ("ATE", True, False), ("ATE", False, True), ("ATT", False, True), ("ATC", False, False), ("ATO", False, True),
    ("ATM", False, False), ("ATEN", False, False),
)  # fmt: skip


def chain_of(data: Cohort, weights_under: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    def chain(case: Floats) -> Floats:
        weights = weights_under(case)
        arms, areas = survivals(data, weights), means(data, weights)
        return np.concatenate([[log_hazard_ratio(data, weights, "efron")], arms[1] - arms[0], [areas[1] - areas[0]]])

    return chain


@pytest.mark.parametrize(("estimand", "stabilised", "normalised"), SCHEMES)
def test_weights_of_a_logistic_score(estimand: Estimand, stabilised: bool, normalised: bool) -> None:
    data = cohort(2, 20)

    def weights_under(case: Floats) -> Floats:
        score = logistic_score(data.treated, data.x, case_weights=case)
        return weight_model(
            score, data.treated, estimand=estimand, stabilised=stabilised, normalised=normalised, sampling_weights=case
        ).weights

    model = weight_model(
        logistic_score(data.treated, data.x), data.treated, estimand=estimand, stabilised=stabilised,
        normalised=normalised,
    )  # fmt: skip
    ratio = weighted_hazard_ratio(data.time, data.event, data.treated, model)
    survival = weighted_survival(data.time, data.event, data.treated, model, AT).difference
    mean = weighted_mean_difference(data.time, data.event, data.treated, model, HORIZON).difference
    ours = np.column_stack([ratio.stacked_influence, survival.stacked_influence, mean.stacked_influence])
    expected = by_case_weight(chain_of(data, weights_under), data.treated.size, step=5e-4)
    np.testing.assert_allclose(ours / np.abs(expected).max(axis=0), expected / np.abs(expected).max(axis=0), atol=1e-8)


def firth(data: Cohort, case: Floats) -> ScoreFit:
    return firth_score(data.treated, data.x, case_weights=case)


def ridge(data: Cohort, case: Floats) -> ScoreFit:
    return ridge_score(data.treated, data.x, penalty=2.0, case_weights=case)


def balancing(data: Cohort, case: Floats) -> ScoreFit:
    return covariate_balancing_score(data.treated, data.x, case_weights=case)


@pytest.mark.parametrize("fitted", [firth, ridge, balancing])
def test_other_scores(fitted: Callable[[Cohort, Floats], ScoreFit]) -> None:
    data = cohort(2, 20)
    one = np.ones(20)

    def chain(case: Floats) -> Floats:
        weights = weight_model(fitted(data, case), data.treated, sampling_weights=case).weights
        return np.array([log_hazard_ratio(data, weights, "efron")])

    model = weight_model(fitted(data, one), data.treated, sampling_weights=one)
    ours = weighted_hazard_ratio(data.time, data.event, data.treated, model).stacked_influence
    expected = by_case_weight(chain, 20, step=5e-4)[:, 0]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("weigh", [entropy_balancing, tilting_score])
@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_weights_without_a_single_score(weigh: Callable[..., WeightModel], estimand: Literal["ATE", "ATT"]) -> None:
    data = cohort(2, 20)

    def chain(case: Floats) -> Floats:
        weights = weigh(data.treated, data.x, estimand=estimand, case_weights=case).weights
        return np.array([log_hazard_ratio(data, weights, "efron")])

    model = weigh(data.treated, data.x, estimand=estimand)
    ours = weighted_hazard_ratio(data.time, data.event, data.treated, model).stacked_influence
    expected = by_case_weight(chain, 20, step=5e-4)[:, 0]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
