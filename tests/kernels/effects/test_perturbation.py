"""Influence values are derivatives: each row's case weight is moved, and score, weights and effect done anew."""

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.effects.competing import weighted_fine_gray, weighted_incidence
from counterpoise.kernels.effects.hazard import weighted_hazard_ratio
from counterpoise.kernels.effects.mean_difference import weighted_mean_difference
from counterpoise.kernels.effects.survival_at import weighted_survival
from counterpoise.kernels.weighting.estimands import Estimand
from tests.kernels.effects.chain import (
    AT,
    HORIZON,
    SCHEMES,
    Ties,
    by_case_weight,
    cohort,
    incidences,
    log_hazard_ratio,
    log_subdistribution_ratio,
    means,
    stacked_model,
    survivals,
    weights_under,
)

CLOSE = 2e-9  # of the largest value: what differences of refits are good for


def scaled_close(ours: Floats, theirs: Floats) -> None:
    size = np.abs(theirs).max()
    assert size > 0
    np.testing.assert_allclose(ours / size, theirs / size, rtol=0.0, atol=CLOSE)


@pytest.mark.parametrize("structure", ["plain", "strata", "late entry"])
@pytest.mark.parametrize(("estimand", "stabilised"), SCHEMES)
def test_hazard_ratio(estimand: Estimand, stabilised: bool, structure: str) -> None:
    data = cohort(1, 20)
    model = stacked_model(data, estimand, stabilised=stabilised)
    entry, stratum = structure == "late entry", structure == "strata"
    every: tuple[Ties, ...] = ("efron", "breslow")

    def chain(case: Floats) -> Floats:
        weights = weights_under(data, case, estimand, stabilised=stabilised)
        return np.array([log_hazard_ratio(data, weights, ties, entry=entry, stratum=stratum) for ties in every])

    expected = by_case_weight(chain, data.treated.size)
    for column, ties in enumerate(every):
        found = weighted_hazard_ratio(
            data.time,
            data.event,
            data.treated,
            model,
            ties=ties,
            entry=data.entry if entry else None,
            stratum=data.stratum if stratum else None,
        )
        scaled_close(found.stacked_influence, expected[:, column])
        assert found.log_hazard_ratio == pytest.approx(chain(np.ones(data.treated.size))[column], abs=1e-12)


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize(("estimand", "stabilised"), SCHEMES)
def test_survival_and_mean(estimand: Estimand, stabilised: bool, entry: bool) -> None:
    data = cohort(2, 20)
    model = stacked_model(data, estimand, stabilised=stabilised)

    def chain(case: Floats) -> Floats:
        weights = weights_under(data, case, estimand, stabilised=stabilised)
        arms, areas = survivals(data, weights, entry=entry), means(data, weights, entry=entry)
        lost = HORIZON - areas
        return np.concatenate(
            [
                arms.ravel(),
                arms[1] - arms[0],
                np.log(arms[1] / arms[0]),
                areas,
                [areas[1] - areas[0], np.log(areas[1] / areas[0]), np.log(lost[1] / lost[0])],
            ]
        )

    n, entered = data.treated.size, data.entry if entry else None
    expected = by_case_weight(chain, n)
    curves = weighted_survival(data.time, data.event, data.treated, model, AT, entry=entered)
    area = weighted_mean_difference(data.time, data.event, data.treated, model, HORIZON, entry=entered)
    parts = (curves.survival, curves.difference, curves.log_ratio)
    scalars = (area.difference, area.log_ratio, area.log_time_lost_ratio)
    ours = np.column_stack(
        [part.stacked_influence.reshape(n, -1) for part in parts]
        + [area.mean.stacked_influence]
        + [part.stacked_influence for part in scalars]
    )
    for column in range(expected.shape[1]):
        scaled_close(ours[:, column], expected[:, column])
    at_once = chain(np.ones(n))
    estimates = [part.estimate.ravel() for part in (*parts, area.mean)] + [np.atleast_1d(s.estimate) for s in scalars]
    np.testing.assert_allclose(np.concatenate(estimates), at_once, rtol=1e-12)


@pytest.mark.parametrize(("estimand", "stabilised"), SCHEMES)
def test_competing_causes(estimand: Estimand, stabilised: bool) -> None:
    data = cohort(10)
    model = stacked_model(data, estimand, stabilised=stabilised)

    def chain(case: Floats) -> Floats:
        weights = weights_under(data, case, estimand, stabilised=stabilised)
        arms = incidences(data, weights)
        return np.concatenate([arms.ravel(), arms[1] - arms[0], log_subdistribution_ratio(data, weights)])

    expected = by_case_weight(chain, data.treated.size)
    found = weighted_incidence(data.time, data.cause, data.treated, model, AT, of=2)
    ratio = weighted_fine_gray(data.time, data.cause, data.treated.astype(float), model)
    ours = np.column_stack(
        [
            found.incidence.stacked_influence.reshape(data.treated.size, -1),
            found.difference.stacked_influence,
            ratio.log_hazard_ratio.stacked_influence,
        ]
    )
    for column in range(expected.shape[1]):
        scaled_close(ours[:, column], expected[:, column])
