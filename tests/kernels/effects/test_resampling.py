import os

import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.curves.restricted_mean import restricted_mean
from counterpoise.kernels.effects.batched_effects import batched_effects
from counterpoise.kernels.effects.hazard import weighted_hazard_ratio
from counterpoise.kernels.effects.intervals import jackknife_influence, spread
from counterpoise.kernels.effects.resampling import (
    CHUNK,
    logistic_weights,
    refitted_effects,
    refitting_bootstrap,
    refitting_jackknife,
)
from counterpoise.kernels.effects.stacked import root_of_squares
from counterpoise.kernels.fractional_weights import fractional_weights
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.weighting.estimands import balancing_weights
from tests.kernels.effects.chain import (
    AT,
    HORIZON,
    SCHEMES,
    Cohort,
    Ties,
    cohort,
    log_hazard_ratio,
    means,
    stacked_model,
    survivals,
    weights_under,
)


@pytest.mark.parametrize(("estimand", "stabilised"), SCHEMES)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("structured", [False, True])
def test_each_bootstrap_replicate_is_the_chain(estimand: str, stabilised: bool, ties: Ties, structured: bool) -> None:
    data = cohort(6, 40)
    weights_of = logistic_weights(data.treated, data.x, estimand=estimand, stabilised=stabilised)  # pyright: ignore[reportArgumentType]
    found = refitting_bootstrap(
        data.time,
        data.event,
        data.treated,
        weights_of,
        replicates=8,
        seed=5,
        at=AT,
        horizon=HORIZON,
        ties=ties,
        entry=data.entry if structured else None,
        stratum=data.stratum if structured else None,
    )
    cases = np.vstack([np.ones(40), fractional_weights(8, 40, 5)])
    for row, case in enumerate(cases):
        weights = weights_under(data, case, estimand, stabilised=stabilised)  # pyright: ignore[reportArgumentType]
        effects, place = (found.estimate, 0) if row == 0 else (found.effects, row - 1)
        ratio = log_hazard_ratio(data, weights, ties, entry=structured, stratum=structured)
        assert effects.log_hazard_ratio[place] == pytest.approx(ratio, abs=1e-6)
        np.testing.assert_allclose(effects.survival[place], survivals(data, weights, entry=structured), atol=1e-7)
        np.testing.assert_allclose(effects.mean[place], means(data, weights, entry=structured), rtol=1e-7)
    np.testing.assert_array_equal(
        found.effects.survival_difference, found.effects.survival[:, 1] - found.effects.survival[:, 0]
    )
    np.testing.assert_array_equal(found.effects.mean_difference, found.effects.mean[:, 1] - found.effects.mean[:, 0])


def without(data: Cohort, row: int, ties: Ties) -> tuple[float, Floats, Floats]:
    """Return the stabilised ATE's effects from the rows but one, by the estimators for one cohort."""
    kept = np.arange(data.treated.size) != row
    treated, time, event = data.treated[kept], data.time[kept], data.event[kept]
    weights = balancing_weights(logistic(treated, data.x[kept]).probability, treated)
    ratio = cox(time, event, treated.astype(float), weights=weights, ties=ties).coefficients[0]
    arms = (~treated, treated)
    survival = [survival_at(kaplan_meier(time[m], event[m], weights=weights[m]), AT).survival for m in arms]
    mean = [restricted_mean(time[m], event[m], HORIZON, weights=weights[m]).value for m in arms]
    return float(ratio), np.array(survival), np.array(mean)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_each_jackknife_replicate_leaves_a_row_out(ties: Ties) -> None:
    data = cohort(6, 40)
    weights_of = logistic_weights(data.treated, data.x, stabilised=True)
    found = refitting_jackknife(data.time, data.event, data.treated, weights_of, at=AT, horizon=HORIZON, ties=ties)
    for row in range(40):
        ratio, survival, mean = without(data, row, ties)
        assert found.effects.log_hazard_ratio[row] == pytest.approx(ratio, abs=1e-6)
        np.testing.assert_allclose(found.effects.survival[row], survival, atol=1e-7)
        np.testing.assert_allclose(found.effects.mean[row], mean, rtol=1e-7)


def test_clusters_share_a_draw_and_are_left_out_whole() -> None:
    data = cohort(6, 40)
    weights_of = logistic_weights(data.treated, data.x)
    cluster = np.array([f"c{row // 3:02d}" for row in range(40)])
    codes = np.arange(40) // 3
    drawn = refitting_bootstrap(data.time, data.event, data.treated, weights_of, replicates=5, seed=1, cluster=cluster)
    same = refitted_effects(data.time, data.event, data.treated, weights_of, fractional_weights(5, 14, 1)[:, codes])
    np.testing.assert_array_equal(drawn.effects.log_hazard_ratio, same.effects.log_hazard_ratio)
    left = refitting_jackknife(data.time, data.event, data.treated, weights_of, cluster=cluster)
    cases = (codes != np.arange(14)[:, None]).astype(float)
    same = refitted_effects(data.time, data.event, data.treated, weights_of, cases)
    np.testing.assert_array_equal(left.effects.log_hazard_ratio, same.effects.log_hazard_ratio)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    data = cohort(7, 500)
    weights_of = logistic_weights(data.treated, data.x)

    def run() -> Floats:
        return refitting_bootstrap(
            data.time, data.event, data.treated, weights_of, replicates=3 * CHUNK + 5, seed=2, at=AT
        ).effects.log_hazard_ratio

    several = run()
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    np.testing.assert_array_equal(several, run())
    assert several.size == 3 * CHUNK + 5


def test_spread_jackknife_and_stacked_error_are_near_one_another() -> None:
    data = cohort(8, 400)
    weights_of = logistic_weights(data.treated, data.x, stabilised=True)
    arguments = (data.time, data.event, data.treated, weights_of)
    bootstrap = spread(refitting_bootstrap(*arguments, replicates=2000, seed=3).effects.log_hazard_ratio)
    left_out = refitting_jackknife(*arguments).effects.log_hazard_ratio
    jackknife = float(root_of_squares(jackknife_influence(left_out)))
    stacked = weighted_hazard_ratio(
        data.time, data.event, data.treated, stacked_model(data, "ATE", stabilised=True)
    ).stacked_std_error
    # 2,000 draws know an error to 1.6 %; the rest is of order 1 / n.
    assert bootstrap == pytest.approx(stacked, rel=0.06)
    assert jackknife == pytest.approx(stacked, rel=0.08)
    assert jackknife > stacked


def test_replicates_without_an_answer_are_nan_and_counted() -> None:
    # Without either of the last two rows treatment follows x on one side; without the first row all events are of the
    # controls.
    time, event = np.arange(1.0, 10.0), np.array([1, 1, 0, 0, 0, 1, 0, 0, 0])
    treated, x = np.array([1, 0, 1, 0, 1, 0, 1, 0, 1]), np.array([2.0, 1, 2, 1, 2, 1, 2, 2, 1])
    found = refitting_jackknife(time, event, treated, logistic_weights(treated, x))
    np.testing.assert_array_equal(found.weighted, [True] * 7 + [False] * 2)
    assert np.isnan(found.effects.log_hazard_ratio[[0, 7, 8]]).all()
    assert found.failed_hazards == 3
    assert np.isfinite(root_of_squares(jackknife_influence(found.effects.log_hazard_ratio)))


def test_an_own_way_to_weights() -> None:
    data = cohort(9)
    odd = refitted_effects(data.time, data.event, data.treated, lambda case: 2.0 * case, np.ones((2, 30)), at=AT)
    plain = batched_effects(data.time, data.event, data.treated, np.ones((1, 30)), at=AT)
    np.testing.assert_allclose(odd.effects.log_hazard_ratio, plain.log_hazard_ratio[[0, 0]], rtol=1e-9)
    np.testing.assert_allclose(odd.estimate.survival, plain.survival, rtol=1e-12)
    with pytest.raises(InputError, match="`weights_of` must return weights of shape"):
        refitted_effects(data.time, data.event, data.treated, lambda case: case[:, :3], np.ones((2, 30)))


def test_bad_input() -> None:
    data = cohort(9)
    weights_of = logistic_weights(data.treated, data.x)
    arguments = (data.time, data.event, data.treated, weights_of)
    for case, message in (
        (np.ones((2, 3)), "must have shape"),
        (-np.ones((2, 30)), "finite and non-negative"),
        (np.full((2, 30), np.nan), "finite and non-negative"),
    ):
        with pytest.raises(InputError, match=message):
            refitted_effects(*arguments, case)
    for change, message in (
        ({"replicates": 0}, "must be at least 1"),
        ({"at": [-1.0]}, "`at` must be"),
        ({"horizon": 0.0}, "`horizon` must be"),
        ({"ties": "exact"}, "`ties` must be"),
        ({"cluster": [1]}, "`cluster` must have 30 elements"),
        ({"stratum": [1]}, "`stratum` must have 30 elements"),
        ({"entry": data.time}, "`entry` must be before"),
    ):
        with pytest.raises(InputError, match=message):
            refitting_bootstrap(*arguments, **({"replicates": 2} | change))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="treated and control"):
        logistic_weights(np.ones(30), data.x)
