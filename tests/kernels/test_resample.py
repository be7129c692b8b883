from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.resample import (
    batched_logistic,
    batched_survival,
    batched_treatment_cox,
    fractional_weights,
)
from counterpoise.kernels.verdict import Verdict

Ties = Literal["efron", "breslow"]
TIES: tuple[Ties, ...] = ("efron", "breslow")
moderate = settings(max_examples=40, deadline=None)


def cohort(seed: int, n: int = 60, width: int = 3) -> tuple[Bools, Floats, Floats, Bools]:
    """Treatment, covariates, months with many ties, and events."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, width))
    treated = rng.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 0]))
    treated[:4] = True, False, True, False
    time = np.ceil(rng.exponential(20, n))
    event = rng.random(n) < 0.5
    event[:4] = True
    return treated, x, time, event


def slow_log_likelihood(beta: float, time: Floats, event: Bools, treated: Bools, weights: Floats, ties: Ties) -> float:
    """Weighted partial log likelihood of a treatment effect, term by term; tied deaths share their mean weight."""
    total = 0.0
    risk = weights * np.exp(beta * treated)
    for t in np.unique(time[event]):
        dead = event & (time == t)
        share = weights[dead].mean()
        total += beta * (weights * treated)[dead].sum()
        for k in range(int(dead.sum())):
            fraction = k / dead.sum() if ties == "efron" else 0.0
            total -= share * np.log(risk[time >= t].sum() - fraction * risk[dead].sum())
    return total


def test_fractional_weights_sum_to_n_and_follow_the_seed() -> None:
    weights = fractional_weights(50, 20, seed=3)
    assert weights.shape == (50, 20)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 20, rtol=1e-12)
    np.testing.assert_array_equal(weights, fractional_weights(50, 20, seed=3))
    assert (weights != fractional_weights(50, 20, seed=4)).all()


def test_fractional_weights_have_the_spread_of_an_exponential() -> None:
    # Scaled exponentials are n times a flat Dirichlet: variance (n - 1) / (n + 1).
    weights = fractional_weights(4000, 50, seed=1)
    assert weights.var() == pytest.approx(49 / 51, rel=0.02)


@pytest.mark.parametrize(("replicates", "n"), [(0, 5), (5, 0)])
def test_no_replicates_or_rows_are_refused(replicates: int, n: int) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        fractional_weights(replicates, n, seed=1)


@given(st.integers(0, 10_000), st.integers(1, 8))
@moderate
def test_batched_scores_equal_single_fits(seed: int, width: int) -> None:
    treated, x, _, _ = cohort(seed, n=80, width=width)
    full = logistic(treated, x)
    weights = fractional_weights(5, treated.size, seed)
    warm = batched_logistic(treated, x, weights, start=full.coefficients if full.verdict is Verdict.CONVERGED else None)
    for row, case_weights in enumerate(weights):
        single = logistic(treated, x, weights=case_weights)
        assert warm.converged[row] == (single.verdict is Verdict.CONVERGED)
        if warm.converged[row]:
            np.testing.assert_allclose(warm.coefficients[row], single.coefficients, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(warm.probability[row], single.probability, rtol=1e-8)


def test_more_replicates_than_a_block_equal_single_fits_from_a_cold_start() -> None:
    treated, x, _, _ = cohort(5)
    weights = fractional_weights(150, treated.size, seed=2)
    batch = batched_logistic(treated, x, weights)
    assert batch.converged.all()
    for row in (0, 63, 64, 149):
        single = logistic(treated, x, weights=weights[row])
        np.testing.assert_allclose(batch.coefficients[row], single.coefficients, rtol=1e-9, atol=1e-11)


def test_a_replicate_does_not_depend_on_its_neighbours() -> None:
    treated, x, _, _ = cohort(7)
    weights = fractional_weights(40, treated.size, seed=2)
    together, alone = batched_logistic(treated, x, weights), batched_logistic(treated, x, weights[11:12])
    np.testing.assert_allclose(alone.coefficients[0], together.coefficients[11], rtol=1e-11)


def test_a_bad_start_still_leads_to_the_estimate() -> None:
    treated, x, _, _ = cohort(8)
    weights = fractional_weights(20, treated.size, seed=5)
    far = batched_logistic(treated, x, weights, start=[9.0, -14.0, 8.0, 11.0])
    near = batched_logistic(treated, x, weights)
    assert far.converged.all()
    np.testing.assert_allclose(far.coefficients, near.coefficients, rtol=1e-8, atol=1e-10)


def test_strong_confounding_at_small_n_diverges_in_no_replicate() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((146, 15))
    treated = rng.random(146) < 1 / (1 + np.exp(-x @ np.full(15, 0.45)))
    full = logistic(treated, x)
    assert full.verdict is Verdict.CONVERGED
    batch = batched_logistic(treated, x, fractional_weights(500, 146, seed=1), start=full.coefficients)
    assert batch.converged.all()


def test_separated_and_emptied_replicates_are_marked_and_the_others_fitted() -> None:
    treated = np.array([0, 0, 0, 1, 1, 1, 0, 1]) == 1
    x = np.array([1.0, 2, 3, 4, 5, 6, 5.5, 1.5])
    weights = np.ones((4, 8))
    weights[1, 6:] = 0  # the two rows that keep the arms from being separated
    weights[2, treated] = 0  # one arm emptied
    weights[3] = [0, 0, 0, 0, 1, 0, 1, 0]  # two rows for two coefficients
    batch = batched_logistic(treated, x, weights)
    assert batch.converged.tolist() == [True, False, False, False]
    assert np.isnan(batch.coefficients[1:]).all()
    assert np.isnan(batch.probability[1:]).all()
    np.testing.assert_allclose(batch.coefficients[0], logistic(treated, x).coefficients, rtol=1e-9)


def test_a_level_that_a_replicate_lost_is_marked() -> None:
    treated, x, _, _ = cohort(1)
    level = np.zeros(60)
    level[[0, 1]] = 1.0
    weights = np.ones((2, 60))
    weights[1, :2] = 0.0
    batch = batched_logistic(treated, np.column_stack([x[:, 0], level]), weights)
    assert batch.converged.tolist() == [True, False]


def test_leaving_one_out_equals_single_fits_without_the_row() -> None:
    treated, x, time, event = cohort(2)
    weights = 1.0 - np.eye(60)
    score, hazard = batched_logistic(treated, x, weights), batched_treatment_cox(time, event, treated, weights)
    assert score.converged.all()
    for row in range(0, 60, 7):
        kept = np.arange(60) != row
        single = logistic(treated[kept], x[kept])
        np.testing.assert_allclose(score.coefficients[row], single.coefficients, rtol=1e-8, atol=1e-10)
        # Under Efron a death of weight zero still counts among the tied, so only rows without one compare.
        if not event[row]:
            fit = cox(time[kept], event[kept], treated[kept].astype(float))
            np.testing.assert_allclose(hazard.log_hazard_ratio[row], fit.coefficients[0], rtol=1e-8, atol=1e-10)


@given(st.integers(0, 10_000), st.sampled_from(TIES))
@moderate
def test_batched_hazards_equal_single_fits(seed: int, ties: Ties) -> None:
    treated, _, time, event = cohort(seed)
    weights = fractional_weights(4, treated.size, seed) * np.where(treated, 1.7, 0.6)
    batch = batched_treatment_cox(time, event, treated, weights, ties=ties)
    for row, case_weights in enumerate(weights):
        single = cox(time, event, treated.astype(float), ties=ties, weights=case_weights)
        assert batch.converged[row] == (single.verdict is Verdict.CONVERGED)
        if batch.converged[row]:
            np.testing.assert_allclose(batch.log_hazard_ratio[row], single.coefficients[0], rtol=1e-8, atol=1e-10)


@given(st.integers(0, 10_000), st.sampled_from(TIES))
@moderate
def test_batched_hazards_maximise_the_likelihood_written_out(seed: int, ties: Ties) -> None:
    treated, _, time, event = cohort(seed, n=25)
    weights = fractional_weights(2, treated.size, seed)
    batch = batched_treatment_cox(time, event, treated, weights, ties=ties)
    for beta, case_weights in zip(batch.log_hazard_ratio[batch.converged], weights[batch.converged], strict=True):
        best, below, above = (
            slow_log_likelihood(beta + step, time, event, treated, case_weights, ties) for step in (0.0, -1e-3, 1e-3)
        )
        assert best > max(below, above)
        assert abs(above - below) < 1e-6


def test_breslow_takes_a_weight_of_two_for_a_repeated_row() -> None:
    treated, _, time, event = cohort(3)
    counts = np.random.default_rng(1).integers(0, 3, (6, 60))
    batch = batched_treatment_cox(time, event, treated, counts, ties="breslow")
    for row, count in enumerate(counts):
        repeated = [np.repeat(values, count) for values in (time, event, treated)]
        single = cox(repeated[0], repeated[1], repeated[2].astype(float), ties="breslow")
        np.testing.assert_allclose(batch.log_hazard_ratio[row], single.coefficients[0], rtol=1e-8, atol=1e-10)


def test_the_hazard_ratio_of_four_patients_is_the_golden_ratio() -> None:
    # Deaths in order control, treated, treated, control: (1 + r)(1 + 2r) = r (1 + 2r) + r (1 + r).
    batch = batched_treatment_cox([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], np.ones((1, 4)))
    np.testing.assert_allclose(np.exp(batch.log_hazard_ratio), (1 + np.sqrt(5)) / 2, rtol=1e-12)


def test_an_emptied_risk_set_adds_nothing() -> None:
    # The last death has weight zero, and so has everybody at risk with it.
    weights = np.array([[1.0, 1, 1, 1, 0]])
    batch = batched_treatment_cox([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], [0, 1, 1, 0, 1], weights)
    np.testing.assert_allclose(np.exp(batch.log_hazard_ratio), (1 + np.sqrt(5)) / 2, rtol=1e-12)


def test_replicates_without_a_finite_hazard_ratio_are_marked() -> None:
    weights = np.ones((4, 6))
    weights[1, [0, 2]] = 0  # no events among the controls
    weights[2, [1, 3]] = 0  # none among the treated
    weights[3] = np.nan  # its score had no answer
    batch = batched_treatment_cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 0, 1], weights)
    assert batch.converged.tolist() == [True, False, False, False]
    assert np.isnan(batch.log_hazard_ratio[1:]).all()


@given(st.integers(0, 10_000), st.integers(1, 60))
@moderate
def test_batched_survival_equals_single_curves(seed: int, at: int) -> None:
    _, _, time, event = cohort(seed)
    weights = fractional_weights(3, time.size, seed)
    batch = batched_survival(time, event, weights, float(at))
    for value, case_weights in zip(batch, weights, strict=True):
        curve = kaplan_meier(time, event, weights=case_weights)
        np.testing.assert_allclose(value, survival_at(curve, [at]).survival[0], rtol=1e-10, atol=1e-12)


def test_survival_by_hand() -> None:
    # At 2 the weights at risk are 2, 1, 1 of which 2 die; at 3, with 1 and 1, one dies.
    weights = [[1.0, 2, 1, 1]]
    assert batched_survival([1, 2, 3, 4], [0, 1, 1, 0], weights, at=3.5).tolist() == [0.25]
    assert batched_survival([1, 2, 3, 4], [0, 1, 1, 0], weights, at=0.5).tolist() == [1.0]
    assert np.isnan(batched_survival([1, 2, 3, 4], [0, 1, 1, 0], weights, at=4.5)).all()
    assert batched_survival([1, 2], [1, 1], [[1, 1]], at=9).tolist() == [0.0]
    assert np.isnan(batched_survival([1, 2], [1, 1], [[1, np.nan]], at=1)).all()


def test_a_curve_whose_last_patients_die_stays_at_zero_whatever_the_weights() -> None:
    weights = fractional_weights(200, 7, seed=4)
    late = batched_survival([1, 2, 3, 4, 5, 5, 5], [1, 0, 1, 0, 1, 1, 1], weights, at=8)
    assert (late == 0).all()


def test_survival_of_a_replicate_with_nobody_left_keeps_its_value() -> None:
    np.testing.assert_allclose(batched_survival([1, 2, 3], [1, 0, 1], [[1, 1, 0]], at=3), 0.5)


GOOD = {"time": [1.0, 2, 3], "event": [1, 1, 0], "treatment": [0, 1, 1], "weights": [[1.0, 1, 1]]}


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("time", [1, np.nan, 3], "`time` must be finite"),
        ("time", [1, -2, 3], "`time` must be finite and non-negative"),
        ("event", [1, np.nan, 0], "`event` must be finite"),
        ("event", [0, 0, 0], "`event` must hold at least one event"),
        ("treatment", [0, np.nan, 1], "`treatment` must be finite"),
        ("treatment", [1, 1, 1], "`treatment` must hold treated and control rows"),
        ("weights", [[1, np.inf, 1]], "`weights` must be finite and non-negative"),
        ("weights", [[1, -1, 1]], "`weights` must be finite and non-negative"),
        ("weights", [[0, 0, 0]], "`weights` must hold a positive weight in every replicate"),
        ("weights", [[1, 1]], r"`weights` must have shape \(replicates, 3\); its shape is \(1, 2\)"),
    ],
)
def test_what_no_hazard_can_be_fitted_to_is_refused(argument: str, value: list[float], message: str) -> None:
    arguments = GOOD | {argument: value}
    with pytest.raises(InputError, match=message):
        batched_treatment_cox(*(arguments[name] for name in GOOD))


@pytest.mark.parametrize(("time", "event", "weight"), [(np.nan, 1, 1.0), (1.0, np.nan, 1.0), (1.0, 1, -1.0)])
def test_what_no_curve_can_be_fitted_to_is_refused(time: float, event: float, weight: float) -> None:
    with pytest.raises(InputError, match="must be finite"):
        batched_survival([time, 2.0], [event, 1], [[weight, 1.0]], at=1.0)


def test_unknown_ties_and_an_infinite_horizon_are_refused() -> None:
    with pytest.raises(InputError, match="`ties` must be efron or breslow; it is 'exact'"):
        batched_treatment_cox(*GOOD.values(), ties="exact")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="`at` must be finite; it is nan"):
        batched_survival([1.0], [1], [[1.0]], np.nan)


@pytest.mark.parametrize(
    ("treatment", "x", "weights", "message"),
    [
        ([0, 1, np.nan], [1, 2, 3], [[1, 1, 1]], "`treatment` must be finite"),
        ([0, 1, 1], [1, np.nan, 3], [[1, 1, 1]], "`x` must be finite"),
        ([0, 1, 1], [1, 2, 3], [[1, np.nan, 1]], "`case_weights` must be finite and non-negative"),
        ([1, 1, 1], [1, 2, 3], [[1, 1, 1]], "`treatment` must hold treated and control rows"),
        ([0, 1, 1], [2, 2, 2], [[1, 1, 1]], "`x` must have columns that are neither constant nor combinations"),
    ],
)
def test_what_no_score_can_be_fitted_to_is_refused(
    treatment: list[float], x: list[float], weights: list[list[float]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        batched_logistic(treatment, x, weights)


def test_a_start_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="`start` must be finite"):
        batched_logistic([0, 1, 0, 1], [1, 1, 2, 2], np.ones((1, 4)), start=[0, np.nan])
