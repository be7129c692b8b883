import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.effects.hazard import weighted_cox, weighted_hazard_ratio
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.records import WeightModel
from tests.kernels.effects.chain import cohort, known, log_hazard_ratio, stacked_model

moderate = settings(max_examples=25, deadline=None)


@moderate
@given(seed=st.integers(0, 10_000), ties=st.sampled_from(["efron", "breslow"]), entry=st.booleans())
def test_known_weights_give_the_fixed_variance(seed: int, ties: str, entry: bool) -> None:
    data = cohort(seed)
    weights = np.random.default_rng(seed).exponential(size=data.treated.size) + 0.1
    entered = data.entry if entry else None
    fit = cox(data.time, data.event, data.treated.astype(float), weights=weights, ties=ties, entry=entered)  # pyright: ignore[reportArgumentType]
    found = weighted_hazard_ratio(data.time, data.event, data.treated, known(weights), ties=ties, entry=entered)  # pyright: ignore[reportArgumentType]
    assert found.verdict is fit.verdict
    if fit.verdict is Verdict.CONVERGED:
        assert found.stacked_std_error == found.fixed_std_error == pytest.approx(fit.std_error[0], rel=1e-12)
        assert found.log_rank.stacked_statistic == found.log_rank.fixed_statistic
        assert found.log_rank.fixed_statistic == pytest.approx(fit.robust_score, rel=1e-10)
        assert found.naive_std_error == pytest.approx(np.sqrt(fit.naive_covariance[0, 0]), rel=1e-12)
        assert found.adjusted_std_error == pytest.approx(found.stacked_std_error * np.sqrt(30 / 29))


@moderate
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_the_scale_of_the_weights_does_not_matter(seed: int, scale: float) -> None:
    data = cohort(seed)
    model = stacked_model(data, "ATE", stabilised=False)
    larger = WeightModel(scale * model.weights, scale * model.derivative, model.influence)
    one, other = (weighted_hazard_ratio(data.time, data.event, data.treated, m) for m in (model, larger))
    if one.verdict is not Verdict.CONVERGED:
        return
    assert one.log_hazard_ratio == pytest.approx(other.log_hazard_ratio, abs=1e-9)
    assert one.stacked_std_error == pytest.approx(other.stacked_std_error, rel=1e-8)
    assert one.log_rank.stacked_statistic == pytest.approx(other.log_rank.stacked_statistic, rel=1e-8, abs=1e-12)


@moderate
@given(seed=st.integers(0, 10_000))
def test_stabilised_and_normalised_curves_agree_and_arms_can_be_exchanged(seed: int) -> None:
    data = cohort(seed)
    model = stacked_model(data, "ATO", stabilised=False)
    one = weighted_hazard_ratio(data.time, data.event, data.treated, model)
    other = weighted_hazard_ratio(data.time, data.event, ~data.treated, model)
    if one.verdict is Verdict.CONVERGED:
        assert one.log_hazard_ratio == pytest.approx(-other.log_hazard_ratio, abs=1e-9)
        assert one.stacked_std_error == pytest.approx(other.stacked_std_error, rel=1e-8)


def test_rows_in_any_order() -> None:
    data = cohort(4)
    model = stacked_model(data, "ATT", stabilised=False)
    order = np.random.default_rng(1).permutation(data.treated.size)
    moved = WeightModel(model.weights[order], model.derivative[order], model.influence[order])
    one = weighted_hazard_ratio(data.time, data.event, data.treated, model, stratum=data.stratum)
    other = weighted_hazard_ratio(
        data.time[order], data.event[order], data.treated[order], moved, stratum=data.stratum[order]
    )
    np.testing.assert_allclose(one.stacked_influence[order], other.stacked_influence, rtol=0, atol=1e-12)


def test_clusters_are_summed() -> None:
    data = cohort(5)
    model = stacked_model(data, "ATE", stabilised=True)
    cluster = np.arange(data.treated.size) // 3
    found = weighted_hazard_ratio(data.time, data.event, data.treated, model, cluster=cluster)
    sums = np.bincount(cluster, weights=found.stacked_influence)
    assert found.stacked_std_error == pytest.approx(np.sqrt(sums @ sums), rel=1e-12)
    assert found.adjusted_std_error == pytest.approx(found.stacked_std_error * np.sqrt(10 / (10 - 4 - 1)), rel=1e-12)
    alone = weighted_hazard_ratio(data.time, data.event, data.treated, model, cluster=np.arange(data.treated.size))
    plain = weighted_hazard_ratio(data.time, data.event, data.treated, model)
    assert alone.stacked_std_error == pytest.approx(plain.stacked_std_error, rel=1e-12)


def test_rows_of_weight_zero_are_left_out() -> None:
    data = cohort(6)
    model = stacked_model(data, "ATO", stabilised=False)
    kept = np.arange(data.treated.size) % 5 > 0
    weights, derivative = np.where(kept, model.weights, 0.0), np.where(kept[:, None], model.derivative, 0.0)
    found = weighted_hazard_ratio(
        data.time, data.event, data.treated, WeightModel(weights, derivative, model.influence)
    )
    fit = cox(data.time[kept], data.event[kept], data.treated[kept].astype(float), weights=model.weights[kept])
    assert found.log_hazard_ratio == pytest.approx(float(fit.coefficients[0]), abs=1e-12)
    assert found.fixed_std_error == pytest.approx(float(fit.std_error[0]), rel=1e-12)
    assert (found.fixed_influence[~kept] == 0).all()
    assert (found.n, found.n_events) == (kept.sum(), data.event[kept].sum())


def test_interaction_and_several_columns() -> None:
    data = cohort(7)
    model = stacked_model(data, "ATE", stabilised=False)
    x = np.column_stack([data.treated, data.x[:, 1], data.treated * data.x[:, 1]])
    fit = weighted_cox(data.time, data.event, x, model)
    own = cox(data.time, data.event, x, weights=model.weights)
    np.testing.assert_allclose(fit.fixed_covariance, own.covariance, rtol=1e-10)
    np.testing.assert_allclose(fit.stacked_covariance, fit.stacked_influence.T @ fit.stacked_influence, rtol=1e-12)
    single = weighted_cox(data.time, data.event, data.treated.astype(float), model)
    assert single.coefficients[0] == pytest.approx(log_hazard_ratio(data, model.weights, "efron"), abs=1e-12)


@pytest.mark.parametrize(("event", "verdict"), [([0, 0, 0, 0], Verdict.NO_EVENTS), ([1, 1, 0, 0], Verdict.MONOTONE)])
def test_without_a_finite_estimate_numbers_are_nan(event: list[int], verdict: Verdict) -> None:
    model = WeightModel(np.ones(4), np.ones((4, 1)), np.full((4, 1), 0.25))
    found = weighted_hazard_ratio([1, 2, 3, 4], event, [1, 1, 0, 0], model)
    assert found.verdict is verdict
    numbers = [found.log_hazard_ratio, found.stacked_std_error, found.fixed_std_error, found.naive_std_error]
    assert np.isnan(numbers).all()
    assert np.isnan(found.stacked_influence).all()


def test_all_events_at_one_time() -> None:
    model = known(np.array([1.0, 2.0, 1.0, 1.0]))
    found = weighted_hazard_ratio([3, 3, 3, 3], [1, 1, 1, 1], [1, 0, 1, 0], model, ties="breslow")
    assert found.verdict is Verdict.CONVERGED
    assert found.log_hazard_ratio == pytest.approx(0.0, abs=1e-9)


def test_bad_input() -> None:
    model = known(np.ones(3))
    good = {"time": [1, 2, 3], "event": [1, 1, 0], "treatment": [0, 1, 1]}
    for change, message in (
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"time": [1, 2]}, "`time` must have 3 elements"),
        ({"event": [1, 2, 0]}, "`event` must be 0 or 1"),
        ({"treatment": [0, np.nan, 1]}, "`treatment` must be finite"),
        ({"treatment": [1, 1, 1]}, "treated and control rows; 3 of 3"),
        ({"treatment": [0, 1]}, "`model` must be of 2 rows"),
        ({"entry": [0, 2, 0]}, "`entry` must be before `time`"),
        ({"entry": [0, 0]}, "`entry` must have 3 elements"),
        ({"stratum": [0, 0]}, "`stratum` must have 3 elements"),
        ({"cluster": [0, 0]}, "`cluster` must have 3 elements"),
        ({"ties": "exact"}, "`ties` must be"),
        ({"model": known(np.array([1.0, np.nan, 1.0]))}, "`model.weights` must be finite"),
        ({"model": known(np.zeros(3))}, "must hold a positive weight"),
        ({"model": known(np.array([1.0, 0.0, 0.0]))}, "treated and control rows; 0 of 1"),
    ):
        with pytest.raises(InputError, match=message):
            weighted_hazard_ratio(**({"model": model} | good | change))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError):
        weighted_hazard_ratio([1], [1], [1], known(np.ones(1)))
