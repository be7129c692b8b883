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


def test_unknown_and_empty_weights() -> None:
    weights = np.array([[1.0, 1, 1, 1], [1, np.nan, 1, 1], [0, 1, 1, 0]])
    found = batched_effects([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], weights, at=[2.0], horizon=3.0)
    assert np.isfinite(found.log_hazard_ratio[0])
    assert np.isnan(found.log_hazard_ratio[1:]).all()
    assert np.isnan(found.survival[1]).all()
    assert np.isnan(found.mean[1]).all()
    # The third replicate has nobody in the control arm.
    assert np.isnan(found.survival[2, 0]).all()
    assert np.isfinite(found.survival[2, 1]).all()
    np.testing.assert_array_equal(np.isnan(found.mean[2]), [True, False])


def test_no_events_no_ratio() -> None:
    found = batched_effects([1, 2, 3, 4], [0, 0, 0, 0], [0, 1, 1, 0], np.ones((2, 4)), at=[2.0], horizon=2.0)
    assert np.isnan(found.log_hazard_ratio).all()
    np.testing.assert_array_equal(found.survival, np.ones((2, 2, 1)))
    np.testing.assert_array_equal(found.mean, np.full((2, 2), 2.0))


def test_events_of_one_arm_only_have_no_ratio() -> None:
    found = batched_effects([1, 2, 3, 4], [1, 1, 0, 0], [1, 1, 0, 0], np.ones((1, 4)))
    assert np.isnan(found.log_hazard_ratio).all()


def test_large_ratios_are_found() -> None:
    rng = np.random.default_rng(1)
    treated = np.arange(400) % 2 == 0
    time = rng.exponential(np.where(treated, 0.002, 1.0))
    weights = rng.exponential(size=(20, 400))
    found = batched_effects(time, np.ones(400), treated, weights)
    for row in range(20):
        fit = cox(time, np.ones(400), treated.astype(float), weights=weights[row])
        if fit.verdict is Verdict.CONVERGED:
            assert found.log_hazard_ratio[row] == pytest.approx(float(fit.coefficients[0]), abs=1e-7)


def test_bad_input() -> None:
    good = {"time": [1, 2, 3], "event": [1, 1, 0], "treatment": [0, 1, 1], "weights": np.ones((2, 3))}
    for change, message in (
        ({"weights": np.ones((2, 2))}, "must have shape"),
        ({"weights": -np.ones((2, 3))}, "finite and non-negative"),
        ({"weights": np.full((2, 3), np.inf)}, "finite and non-negative"),
        ({"treatment": [1, 1, 1]}, "treated and control rows"),
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"event": [1, 2, 0]}, "`event` must be 0 or 1"),
        ({"at": [np.nan]}, "`at` must be finite"),
        ({"horizon": -1.0}, "`horizon` must be"),
        ({"ties": "exact"}, "`ties` must be"),
        ({"entry": [0, 2, 0]}, "`entry` must be before"),
        ({"stratum": [0]}, "`stratum` must have 3 elements"),
    ):
        with pytest.raises(InputError, match=message):
            batched_effects(**(good | change))  # pyright: ignore[reportArgumentType]
