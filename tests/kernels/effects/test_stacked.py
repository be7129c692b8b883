import numpy as np
import pytest

from counterpoise.balance import balancing_weights as weights_of_score, propensity
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.effects.stacked import (
    check_model,
    contrasts_of_arms,
    root_of_squares,
    small_sample_factor,
    stacked_covariance,
    stacked_influence,
    weighted_estimate,
)
from counterpoise.kernels.weighting.records import WeightModel
from tests.kernels.effects.chain import SCHEMES, cohort, known, stacked_model


def model_of(weights: list[float], derivative: list[float], influence: list[float]) -> WeightModel:
    return WeightModel(np.array(weights), np.array(derivative)[:, None], np.array(influence)[:, None])


def test_by_hand() -> None:
    # U = (1, -1, .5); derivative'U = 1 - 2 + .5 * 3 = .5; influence on the parameter .2, -.1, -.1.
    model = model_of([2.0, 1.0, 4.0], [1.0, 2.0, 3.0], [0.2, -0.1, -0.1])
    found = stacked_influence([2.0, -1.0, 2.0], model)
    np.testing.assert_allclose(found, [2.1, -1.05, 1.95], rtol=1e-15)
    np.testing.assert_allclose(stacked_covariance([2.0, -1.0, 2.0], model), [[2.1**2 + 1.05**2 + 1.95**2]])
    np.testing.assert_allclose(
        stacked_covariance([2.0, -1.0, 2.0], model, cluster=["a", "b", "a"]), [[4.05**2 + 1.05**2]]
    )


def test_any_shape_is_kept() -> None:
    rng = np.random.default_rng(1)
    data = cohort(1)
    model = stacked_model(data, "ATT", stabilised=False)
    values = rng.standard_normal((30, 2, 3))
    found = stacked_influence(values, model)
    assert found.shape == (30, 2, 3)
    np.testing.assert_allclose(found[:, 1, 2], stacked_influence(values[:, 1, 2], model), rtol=1e-13)


def test_known_weights_leave_the_influence_as_it_is() -> None:
    values = np.random.default_rng(2).standard_normal((5, 2))
    found = stacked_influence(values, known(np.array([1.0, 2, 3, 4, 0.5])))
    np.testing.assert_array_equal(found, values)
    assert found is not values


@pytest.mark.parametrize(("estimand", "stabilised"), SCHEMES)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_studys_own_formula_is_a_special_case(estimand: str, stabilised: bool, ties: str) -> None:
    data = cohort(3)
    score = propensity(data.treated, data.x)
    weights = weights_of_score(score.probability, data.treated, estimand=estimand, stabilised=stabilised)  # pyright: ignore[reportArgumentType]
    fit = cox(data.time, data.event, data.treated.astype(float), weights=weights, ties=ties)  # pyright: ignore[reportArgumentType]
    assert fit.influence is not None
    found = stacked_influence(fit.influence, stacked_model(data, estimand, stabilised=stabilised))[:, 0]  # pyright: ignore[reportArgumentType]
    # The formula of Shu and others, written for one coefficient, a logistic score and these weights.
    a, e, n = data.treated, score.probability, data.treated.size
    bread, own = fit.naive_covariance[0, 0], fit.influence[:, 0]
    residual = own / bread / weights
    share = a.mean()
    arm = np.where(a, share, 1 - share) if stabilised else np.ones(n)
    slopes = {
        "ATE": arm * np.where(a, -(1 - e) / e, e / (1 - e)),
        "ATT": np.where(a, 0, e / (1 - e)),
        "ATC": np.where(a, -(1 - e) / e, 0),
        "ATO": np.where(a, -1, 1) * e * (1 - e),
    }[estimand]
    x = np.column_stack([np.ones(n), data.x])
    through = ((residual * slopes) @ x) @ score.fit.covariance @ (x * (a - e)[:, None]).T
    if stabilised:
        through = through + float(residual @ np.where(a, weights / share, -weights / (1 - share))) * (a - share) / n
    np.testing.assert_allclose(found, own + bread * through, rtol=0, atol=1e-14)


def test_rows_of_weight_zero() -> None:
    trimmed = model_of([0.0, 1.0, 2.0], [0.0, 1.0, -1.0], [0.3, -0.1, -0.2])
    # derivative'U = 1 - 1 = 0 from the rows that weigh
    np.testing.assert_allclose(stacked_influence([0.0, 1.0, 2.0], trimmed), [0.0, 1.0, 2.0], atol=1e-15)
    moving = model_of([0.0, 1.0], [1.0, 1.0], [0.5, -0.5])
    with pytest.raises(InputError, match="must be positive where they move with the parameters; 1 of 2 is not"):
        stacked_influence([0.0, 1.0], moving)
    # With U given, the first row takes part: derivative'U = 3 + 1 = 4.
    np.testing.assert_allclose(stacked_influence([0.0, 1.0], moving, by_weight=[3.0, 1.0]), [2.0, -1.0])


def test_unknown_influence_stays_unknown() -> None:
    model = model_of([1.0, 1.0], [1.0, 0.0], [0.5, -0.5])
    values: Floats = np.array([[np.nan, 1.0], [np.nan, -1.0]])
    found = weighted_estimate([np.nan, 0.0], values, model)
    assert np.isnan(found.stacked_influence[:, 0]).all()
    assert np.isnan([found.stacked_std_error[0], found.fixed_std_error[0], found.lower[0], found.upper[0]]).all()
    assert np.isfinite(found.stacked_std_error[1])


def test_factor() -> None:
    model = WeightModel(np.array([1.0, 1, 2, 0]), np.zeros((4, 1)), np.zeros((4, 1)))
    assert small_sample_factor(model) == pytest.approx(np.sqrt(3 / (3 - 2)))
    effective = 16 / 6
    assert small_sample_factor(model, "effective") == pytest.approx(np.sqrt(effective / (effective - 2)))
    assert np.isnan(small_sample_factor(model, cluster=[1, 1, 2, 3]))
    assert small_sample_factor(known(np.ones(5)), cluster=[1, 1, 2, 3, 3]) == pytest.approx(np.sqrt(3 / 2))
    with pytest.raises(InputError, match="`kind` must be"):
        small_sample_factor(model, "rows")  # pyright: ignore[reportArgumentType]


def test_contrasts() -> None:
    model = known(np.ones(2))
    difference, ratio = contrasts_of_arms(np.array([[0.5, 0.0], [0.25, 0.1]]), np.full((2, 2, 2), 0.1), model)
    np.testing.assert_allclose(difference.estimate, [-0.25, 0.1])
    np.testing.assert_allclose(ratio.estimate, [np.log(0.5), np.nan])
    assert np.isnan(ratio.stacked_std_error[1])
    np.testing.assert_allclose(ratio.fixed_std_error[0], np.sqrt(2) * (0.1 / 0.25 - 0.1 / 0.5))


def test_errors_are_summed_within_clusters() -> None:
    influence = np.array([[1.0, 2.0], [3.0, -2.0], [1.0, 1.0]])
    np.testing.assert_allclose(root_of_squares(influence, ["a", "a", "b"]), [np.sqrt(17), 1.0])


def test_bad_models_are_refused() -> None:
    one, none = np.ones(2), np.zeros((2, 0))
    for model, message in (
        (WeightModel(np.ones((2, 1)), none, none), "one-dimensional"),
        (WeightModel(one, np.zeros((3, 1)), np.zeros((3, 1))), "of one shape"),
        (WeightModel(one, np.zeros((2, 1)), none), "of one shape"),
        (WeightModel(np.array([1.0, np.nan]), none, none), r"`model.weights` must be finite and non-negative; 1 of 2"),
        (WeightModel(np.array([1.0, -1.0]), none, none), "first at index 1"),
        (WeightModel(one, np.full((2, 1), np.inf), np.zeros((2, 1))), "`model.derivative` must be finite"),
        (WeightModel(one, np.zeros((2, 1)), np.full((2, 1), np.nan)), "`model.influence` must be finite"),
    ):
        with pytest.raises(InputError, match=message):
            check_model(model)
    with pytest.raises(InputError, match="of 3 rows"):
        check_model(known(one), 3)
    with pytest.raises(InputError, match="must have 2 rows"):
        stacked_influence([1.0, 2.0, 3.0], known(one))
    with pytest.raises(InputError, match="shape of `influence`"):
        stacked_influence([1.0, 2.0], known(one), by_weight=[[1.0], [2.0]])
    with pytest.raises(InputError, match=r"shape \(n, k\)"):
        stacked_covariance(np.zeros((2, 1, 1)), known(one))
    with pytest.raises(InputError, match="`influence` must have shape"):
        weighted_estimate([1.0, 2.0], [1.0, 2.0], known(one))
    with pytest.raises(InputError, match="`confidence` must lie"):
        weighted_estimate(1.0, [1.0, 2.0], known(one), confidence=95)
