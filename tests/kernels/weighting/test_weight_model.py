from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights
from counterpoise.kernels.weighting.firth_score import firth_score
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.records import ScoreFit, WeightModel
from counterpoise.kernels.weighting.weight_model import (
    known_weights,
    normalise,
    outside_score,
    truncated,
    weight_model,
)
from tests.kernels.weighting.weight_cohorts import ESTIMANDS, cohort, scores

CHOICES = [(estimand, False, normalised) for estimand in ESTIMANDS for normalised in (False, True)] + [
    ("ATE", True, False),
    ("ATE", True, True),
]
Effect = Callable[[Floats, Bools, Floats], float]


def difference(weights: Floats, treated: Bools, y: Floats) -> float:
    return float(np.average(y[treated], weights=weights[treated]) - np.average(y[~treated], weights=weights[~treated]))


def log_total(weights: Floats, treated: Bools, y: Floats) -> float:
    """Something that feels the scale of the weights, as a Cox model of the treatment does."""
    return float(np.log(weights[treated] @ np.exp(y[treated]) / np.sqrt(weights[~treated] @ np.exp(y[~treated]))))


def by_weight(effect: Effect, weights: Floats, treated: Bools, y: Floats) -> Floats:
    """U (n,): the derivatives of an effect by each weight, by central differences of relative size."""
    found = np.zeros(weights.size)
    for i in range(weights.size):
        step = 1e-6 * weights[i]
        sides = [weights + side * (np.arange(weights.size) == i) for side in (step, -step)]
        found[i] = (effect(sides[0], treated, y) - effect(sides[1], treated, y)) / (2 * step)
    return found


def small(name: str = "veteran", every: int = 2) -> tuple[Bools, Floats, Floats, Floats]:
    d = cohort(name)
    x = (d.x - d.x.mean(axis=0)) / d.x.std(axis=0)
    y = d.y + 0.3 * x[:, 0]
    return d.treated[::every], x[::every, :3], y[::every], d.sampling[::-every]


@pytest.mark.parametrize(("estimand", "stabilised", "normalised"), CHOICES)
@pytest.mark.parametrize("sampled", [False, True])
def test_influence_is_what_each_row_moves_the_effect_by_through_the_whole_chain(
    estimand: Estimand, stabilised: bool, normalised: bool, sampled: bool
) -> None:
    treated, x, y, sampling = small()
    case = sampling if sampled else np.ones(treated.size)

    def chain(row_weights: Floats) -> Floats:
        score = logistic_score(treated, x, case_weights=row_weights)
        model = weight_model(
            score, treated, estimand=estimand, stabilised=stabilised, normalised=normalised,
            sampling_weights=row_weights,
        )  # fmt: skip
        return model.weights

    score = logistic_score(treated, x, case_weights=case)
    model = weight_model(
        score, treated, estimand=estimand, stabilised=stabilised, normalised=normalised, sampling_weights=case
    )
    q = 4 + stabilised + 2 * normalised
    assert model.derivative.shape == model.influence.shape == (treated.size, q)
    for effect in (difference, log_total):
        u = by_weight(effect, model.weights, treated, y)
        influence = model.weights * u + model.influence @ (model.derivative.T @ u)
        for i in range(0, treated.size, 7):
            sides = [case * (1 + side * (np.arange(case.size) == i)) for side in (1e-5, -1e-5)]
            moved = [effect(chain(side), treated, y) for side in sides]
            assert influence[i] == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(("estimand", "stabilised", "normalised"), CHOICES)
def test_derivatives_are_central_differences_by_every_parameter(
    estimand: Estimand, stabilised: bool, normalised: bool
) -> None:
    treated, x, _, case = small()
    score = logistic_score(treated, x, case_weights=case)
    design = np.column_stack([np.ones(treated.size), x])

    def weights(theta: Floats) -> Floats:
        raw = case * balancing_weights(
            1 / (1 + np.exp(-design @ theta[:4])), treated, estimand=estimand, stabilised=False
        )
        if stabilised:
            raw = raw * np.where(treated, theta[4], 1 - theta[4])
        return raw * np.where(treated, theta[-1], theta[-2]) if normalised else raw

    model = weight_model(
        score, treated, estimand=estimand, stabilised=stabilised, normalised=normalised, sampling_weights=case
    )
    theta = score.coefficients
    if stabilised:
        theta = np.append(theta, case[treated].sum() / case.sum())
    if normalised:
        raw = weights(np.concatenate([theta, [1.0, 1.0]]))
        theta = np.append(theta, [case[arm].sum() / raw[arm].sum() for arm in (~treated, treated)])
    np.testing.assert_allclose(model.weights, weights(theta), rtol=1e-12)
    for j in range(theta.size):
        step = 1e-6 * np.eye(theta.size)[j]
        slope = (weights(theta + step) - weights(theta - step)) / 2e-6
        np.testing.assert_allclose(model.derivative[:, j], slope, rtol=1e-7, atol=1e-8)


def test_any_score_with_an_estimating_equation_serves() -> None:
    treated, x, y, _ = small()
    model = weight_model(firth_score(treated, x), treated)
    u = by_weight(difference, model.weights, treated, y)
    influence = model.weights * u + model.influence @ (model.derivative.T @ u)
    fixed = np.square(model.weights * u).sum()
    assert 0 < np.square(influence).sum() < fixed


def test_by_hand() -> None:
    # Intercept alone: e = 3/4, and each row moves logit(e) by (A - e) / (n e (1 - e)).
    score = logistic_score([1, 1, 1, 0], np.zeros((4, 0)))
    model = weight_model(score, [1, 1, 1, 0])
    np.testing.assert_allclose(model.weights, [4 / 3, 4 / 3, 4 / 3, 4], rtol=1e-12)
    np.testing.assert_allclose(model.derivative[:, 0], [-1 / 3, -1 / 3, -1 / 3, 3], rtol=1e-10)
    np.testing.assert_allclose(model.influence[:, 0], [1 / 3, 1 / 3, 1 / 3, -1], rtol=1e-10)
    stable = weight_model(score, [1, 1, 1, 0], stabilised=True)
    np.testing.assert_allclose(stable.weights, np.ones(4), rtol=1e-12)
    np.testing.assert_allclose(stable.derivative[:, 1], [4 / 3, 4 / 3, 4 / 3, -4], rtol=1e-12)
    np.testing.assert_allclose(stable.influence[:, 1], [1 / 16, 1 / 16, 1 / 16, -3 / 16], rtol=1e-12)
    # what the score does to the weights, the share undoes: they are 1 whoever is sampled
    np.testing.assert_allclose(stable.influence @ stable.derivative.T, np.zeros((4, 4)), atol=1e-12)


@given(scores())
@settings(max_examples=50, deadline=None)
def test_normalised_weights_have_a_mean_of_one_in_each_arm_and_do_not_know_of_stabilising(
    data: tuple[Floats, Bools],
) -> None:
    score, treated = data
    case = 0.5 + np.arange(treated.size) % 3
    for estimand in ESTIMANDS:
        model = weight_model(outside_score(score), treated, estimand=estimand, normalised=True, sampling_weights=case)
        for arm in (treated, ~treated):
            assert model.weights[arm].sum() == pytest.approx(case[arm].sum(), rel=1e-12)
    one, other = (
        weight_model(outside_score(score), treated, stabilised=stabilised, normalised=True)
        for stabilised in (True, False)
    )
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-12)


@given(scores())
@settings(max_examples=30, deadline=None)
def test_known_weights_and_scores_add_nothing_to_the_fixed_weight_influence(data: tuple[Floats, Bools]) -> None:
    score, treated = data
    for model in (known_weights(1 / score), weight_model(outside_score(score), treated)):
        assert model.derivative.shape == model.influence.shape == (treated.size, 0)
        u = np.linspace(-1, 1, treated.size)
        np.testing.assert_array_equal(model.influence @ (model.derivative.T @ u), np.zeros(treated.size))


def test_truncated_weights_stand_still_and_the_others_move_as_before() -> None:
    treated, x, _, _ = small()
    model = weight_model(logistic_score(treated, x), treated)
    cut = truncated(model, 0.05, 0.9)
    assert (cut.lower, cut.upper) == (np.quantile(model.weights, 0.05), np.quantile(model.weights, 0.9))
    beyond = (model.weights < cut.lower) | (model.weights > cut.upper)
    np.testing.assert_array_equal(cut.truncated, beyond)
    assert cut.count == 11
    assert set(cut.model.weights[beyond]) == {cut.lower, cut.upper}
    np.testing.assert_array_equal(cut.model.weights[~beyond], model.weights[~beyond])
    assert (cut.model.derivative[beyond] == 0).all()
    np.testing.assert_array_equal(cut.model.derivative[~beyond], model.derivative[~beyond])
    assert cut.model.influence is model.influence


def test_truncation_can_be_kept_to_some_rows_or_leave_all_as_they_are() -> None:
    model = known_weights([9.0, 1.0, 2.0, 3.0, 10.0])
    cut = truncated(model, 0.0, 0.5, rows=[0, 1, 1, 1, 1])
    assert cut.model.weights.tolist() == [9.0, 1.0, 2.0, 2.5, 2.5]
    assert truncated(model).count == 0
    equal = truncated(known_weights([2.0, 2.0]), 0.1, 0.9)
    assert equal.count == 0
    assert equal.model.weights.tolist() == [2.0, 2.0]


def test_a_score_without_a_finite_estimate_gives_no_weights() -> None:
    score = logistic_score([0, 0, 1, 1], [1, 2, 3, 4])
    with pytest.raises(FitError, match="weights by logistic regression: separated"):
        weight_model(score, [0, 0, 1, 1])


def of(score: ScoreFit | None = None) -> WeightModel:
    return weight_model(score or outside_score([0.5, 0.4]), [1, 0])


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: outside_score([0.5, np.nan]), "`probability` must be finite"),
        (lambda: outside_score([0.5, 1.0]), "`probability` must be strictly between 0 and 1; 1 of 2 is not"),
        (lambda: outside_score([[0.5, 0.4]]), "`probability` must be one-dimensional"),
        (lambda: known_weights([1.0, 0.0]), "`weights` must be positive"),
        (lambda: known_weights([1.0, np.inf]), "`weights` must be finite"),
        (lambda: weight_model(outside_score([0.5, 0.4]), [1, 1]), "`treatment` must hold treated and control rows"),
        (lambda: weight_model(outside_score([0.5]), [1]), "`treatment` must hold treated and control rows"),
        (lambda: weight_model(outside_score([0.5, 0.4]), [1, np.nan]), "`treatment` must be finite"),
        (lambda: weight_model(outside_score([0.5, 0.4]), [1, 0, 1]), "`treatment` must have 2 elements"),
        (
            lambda: weight_model(outside_score([0.5, 0.4]), [1, 0], sampling_weights=[1, -1]),
            "`sampling_weights` must be positive",
        ),
        (
            lambda: weight_model(outside_score([0.5, 0.4]), [1, 0], sampling_weights=[1, np.nan]),
            "`sampling_weights` must be finite",
        ),
        (lambda: normalise(known_weights([1.0, 2.0]), [0, 0]), "`treatment` must hold treated and control rows"),
        (lambda: truncated(of(), 0.9, 0.1), "`lower_quantile` must be below `upper_quantile`"),
        (lambda: truncated(of(), 0.1, np.nan), "`lower_quantile` must be below `upper_quantile`"),
        (lambda: truncated(of(), -0.1, 0.5), "`lower_quantile` must be below `upper_quantile`"),
        (lambda: truncated(of(), rows=[0, 0]), "`rows` must mark at least one row"),
        (lambda: truncated(of(), rows=[0, 2]), "`rows` must be 0 or 1"),
    ],
)
def test_bad_input_is_refused(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attempt()
