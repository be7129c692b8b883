"""Doubly robust survival of what it cannot estimate: refused with a sentence, or documented."""

from typing import Any

import numpy as np
import pytest

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.doubly_robust.records import SurvivalModels
from counterpoise.kernels.doubly_robust.survival import doubly_robust_survival
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.weight_model import outside_score
from tests.kernels.doubly_robust.cohorts import simulate

D = simulate(50, 3, digits=1)


def call(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "time": D.time,
        "event": D.event,
        "treatment": D.treated,
        "score": D.score(),
        "x_outcome": D.x,
        "at": [0.2],
    }
    return doubly_robust_survival(**(given | changes))


def spoilt(values: np.ndarray, value: float) -> np.ndarray:
    changed = np.array(values, dtype=float)
    changed[3] = value
    return changed


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["time", "event", "treatment", "x_outcome", "x_censoring", "weights", "at"])
def test_values_that_are_not_finite(name: str, value: float) -> None:
    values = {
        "time": D.time,
        "event": D.event,
        "treatment": D.treated,
        "x_outcome": D.x,
        "x_censoring": D.x,
        "weights": np.ones(50),
        "at": np.arange(5) / 10,
    }[name]
    with pytest.raises(InputError, match=f"`{name}` must be finite"):
        call(**{name: spoilt(values, value)})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"time": D.time[:-1]}, "`event` must have 49 elements"),
        ({"treatment": D.treated[:-1]}, "`treatment` must have 50 elements"),
        ({"x_outcome": D.x[:-1]}, "`x_outcome` must have 50 rows; it has 49"),
        ({"x_censoring": D.x[:-1]}, "`x_censoring` must have 50 rows; it has 49"),
        ({"time": -D.time}, "`time` must be finite and non-negative"),
        ({"at": [-1.0]}, "`at` must be finite and non-negative"),
        ({"weights": np.zeros(50)}, "`weights` must be positive"),
        ({"weights": -np.ones(50)}, "`weights` must be positive"),
        ({"treatment": np.ones(50)}, "`treatment` must hold treated and control rows"),
        ({"horizon": 0.0}, "`horizon` must be positive and finite; it is 0.0"),
        ({"horizon": np.nan}, "`horizon` must be positive and finite; it is nan"),
        ({"horizon": np.inf}, "`horizon` must be positive and finite; it is inf"),
        ({"score": outside_score([0.5, 0.5])}, "`score` must be a fit of the 50 rows; it has 2"),
        ({"estimand": "ATX"}, "`estimand` must be ATE, ATT"),
        ({"interval": "wald"}, "`interval` must be one of"),
        ({"confidence": 95}, "`confidence` must lie between 0 and 1"),
    ],
)
def test_arguments_that_do_not_fit(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        call(**changes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"outcome": "pooled"}, "`outcome_model` must be 'arms' or 'common'; it is 'pooled'"),
        ({"censoring": "none"}, "`censoring_model` must be 'arms', 'common' or 'pooled'; it is 'none'"),
        ({"steps": "linear"}, "`steps` must be 'exponential' or 'product'; it is 'linear'"),
        ({"ties": "exact"}, "`ties` must be 'efron' or 'breslow'; it is 'exact'"),
        ({"least_uncensored": 1.0}, "`least_uncensored` must be from 0 to below 1; it is 1.0"),
        ({"least_uncensored": -0.1}, "`least_uncensored` must be from 0 to below 1"),
        ({"least_uncensored": np.nan}, "`least_uncensored` must be from 0 to below 1"),
    ],
)
def test_models_that_do_not_exist(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        SurvivalModels(**options)


def test_models_without_a_finite_estimate() -> None:
    separated = logistic_score([0, 0, 1, 1], [1, 2, 3, 4])
    with pytest.raises(FitError, match="logistic regression: separated"):
        doubly_robust_survival([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 1, 1], separated, np.zeros((4, 0)), at=[1])
    with pytest.raises(FitError, match="the Cox model of the outcome among the controls: no events"):
        call(event=D.event & D.treated)
    with pytest.raises(FitError, match="the Cox model of the outcome among the controls: no events"):
        call(event=np.zeros(50))
    with pytest.raises(FitError, match=r"among the controls: collinear covariates \(column 2\)"):
        call(x_outcome=np.column_stack([D.x, D.x[:, 0]]))
    with pytest.raises(FitError, match="the Cox model of the outcome: collinear"):
        call(x_outcome=D.treated.astype(float), models=SurvivalModels("common"))
    follows = (D.time > np.median(D.time)).astype(float)
    with pytest.raises(FitError, match="monotone likelihood"):
        call(x_outcome=follows)
    many = np.random.default_rng(0).normal(size=(50, 45))
    with pytest.raises(FitError, match="the Cox model of the outcome among the controls: "):
        call(x_outcome=many)
    only = np.flatnonzero(~D.event & D.treated)[0]
    everyone_but = D.event | ~D.treated
    everyone_but[only] = False
    # one censoring with covariates has no finite model; without them it has
    with pytest.raises(FitError, match="the Cox model of censoring among the treated"):
        call(event=everyone_but, x_censoring=-D.time)
    assert np.isfinite(call(event=everyone_but, x_censoring=np.zeros((50, 0))).survival).all()


def test_one_row_has_one_arm() -> None:
    with pytest.raises(InputError, match="must hold treated and control rows"):
        doubly_robust_survival([1], [1], [1], outside_score([0.5]), np.zeros((1, 0)), at=[1])


def test_one_row_in_each_arm() -> None:
    r = doubly_robust_survival(
        [2, 3], [1, 1], [0, 1], outside_score([0.5, 0.5]), np.zeros((2, 0)), at=[1, 2, 2.5, 3, 4]
    )
    # without covariates and censoring the shares of survivors, known up to each arm's last time
    np.testing.assert_allclose(r.survival[0], [1, 0, np.nan, np.nan, np.nan], atol=1e-15)
    np.testing.assert_allclose(r.survival[1], [1, 1, 1, 0, np.nan], atol=1e-15)
    assert np.isnan(r.ratio[1:]).all()
    assert np.isnan(r.lower[0, 1])


def test_all_events_at_one_time() -> None:
    arm, none = np.tile([0.0, 1.0], 10), np.zeros((20, 0))
    score = logistic_score(arm, none)
    r = doubly_robust_survival(np.full(20, 5.0), np.ones(20), arm, score, none, at=[4.9, 5], horizon=5)
    np.testing.assert_allclose(r.survival, [[1, 0], [1, 0]], atol=1e-15)
    np.testing.assert_allclose(r.restricted_mean.mean if r.restricted_mean else [], [5, 5])


def test_no_times_and_no_horizon() -> None:
    r = call(at=[])
    assert r.survival.shape == (2, 0)
    assert r.influence.shape == (2, 50, 0)
    assert r.restricted_mean is None
    assert r.curve[0].size == r.curve_time[0].size == r.curve_std_error[0].size


def test_patients_unlike_those_of_the_other_arm() -> None:
    x = D.x.copy()
    x[D.treated, 0] += 2000.0  # a hazard ratio beyond all numbers in the arm where nobody is like that
    r = call(x_outcome=x, score=outside_score(np.full(50, 0.5)))
    assert np.isfinite(r.survival).all()


def test_a_product_limit_cannot_pass_what_is_certain() -> None:
    time, event = [1, 2, 3, 4, 1, 2, 3, 4], [1, 1, 0, 1, 1, 0, 0, 1]
    arm = np.repeat([0, 1], 4)
    r = doubly_robust_survival(
        time, event, arm, outside_score(np.full(8, 0.5)), np.zeros((8, 0)), at=[1, 2, 3, 4],
        models=SurvivalModels(steps="product"),
    )  # fmt: skip
    np.testing.assert_allclose(r.survival, [[0.75, 0.5, 0.5, 0], [0.75, 0.75, 0.75, 0]], atol=1e-15)
