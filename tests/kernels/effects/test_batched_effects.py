import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.curves.restricted_mean import restricted_mean
from counterpoise.kernels.effects.batched_effects import batched_effects
from counterpoise.kernels.verdict import Verdict
from tests.kernels.effects.chain import Cohort, Ties, cohort

AT = (5.0, 12.0, 40.0)


def slow(
    data: Cohort, weights: Floats, horizon: float, ties: Ties, *, entry: bool, stratum: bool
) -> tuple[float, Floats, Floats]:
    """Return the effects of one weighting from the estimators for one, rows of weight zero left out."""
    kept = weights > 0
    fit = cox(
        data.time[kept],
        data.event[kept],
        data.treated[kept].astype(float),
        weights=weights[kept],
        ties=ties,
        entry=data.entry[kept] if entry else None,
        stratum=data.stratum[kept] if stratum else None,
    )
    ratio = float(fit.coefficients[0]) if fit.verdict is Verdict.CONVERGED else np.nan
    survival, mean = np.empty((2, len(AT))), np.empty(2)
    for arm in (0, 1):
        own = kept & (data.treated == bool(arm))
        entered = data.entry[own] if entry else None
        curve = kaplan_meier(data.time[own], data.event[own], weights=weights[own], entry=entered)
        survival[arm] = survival_at(curve, AT).survival
        try:
            found = restricted_mean(data.time[own], data.event[own], horizon, weights=weights[own], entry=entered)
            mean[arm] = found.value
        except InputError:
            mean[arm] = np.nan
    return ratio, survival, mean


def draw(data: Cohort, seed: int, b: int, kind: str) -> Floats:
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=(b, data.treated.size))
    if kind == "some zero":
        weights *= rng.random(weights.shape) < 0.7
    if kind == "delete one":
        weights = np.ones((data.treated.size, data.treated.size)) - np.eye(data.treated.size)
    weights[:, :2] = np.maximum(weights[:, :2], 0.1)
    return weights


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("entry", "stratum"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", ["all positive", "some zero", "delete one"])
def test_each_replicate_is_what_the_estimators_give(ties: Ties, entry: bool, stratum: bool, kind: str) -> None:
    for seed, horizon in ((4, 15.0), (5, 25.0)):
        data = cohort(seed, 40)
        weights = draw(data, seed, 12, kind)
        found = batched_effects(
            data.time,
            data.event,
            data.treated,
            weights,
            at=AT,
            horizon=horizon,
            ties=ties,
            entry=data.entry if entry else None,
            stratum=data.stratum if stratum else None,
        )
        for row, own in enumerate(weights):
            ratio, survival, mean = slow(data, own, horizon, ties, entry=entry, stratum=stratum)
            np.testing.assert_allclose(found.log_hazard_ratio[row], ratio, rtol=0, atol=1e-9)
            np.testing.assert_allclose(found.survival[row], survival, rtol=0, atol=1e-12)
            np.testing.assert_allclose(found.mean[row], mean, rtol=1e-12)
