from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.weighting.censoring import censoring_weight_rows, censoring_weights
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.weighting.weight_cohorts import follow_up, short

NAMES = ("lung", "pbc", "Melanoma", "rotterdam_np")
COX = 1e-8
"""Cox's model is iterated."""
few = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("name", NAMES)
def test_the_chance_of_not_being_censored_agrees_with_r(name: str) -> None:
    d, key = follow_up(name), f"ipcw_{name}"
    reference = golden("weights", key)
    w = 0.5 + np.arange(1, d.time.size + 1) % 5 / 4
    closed: dict[str, dict[str, Any]] = {
        "km_all": {},
        "km_arm": {"arm": d.arm},
        "km_weighted": {"arm": d.arm, "weights": w},
    }
    fitted: dict[str, dict[str, Any]] = {
        "cox": {"arm": d.arm, "x": d.x},
        "cox_breslow": {"arm": d.arm, "x": d.x, "ties": "breslow"},
        "cox_weighted": {"arm": d.arm, "x": d.x, "weights": w},
    }
    for form, options in closed.items():
        found = censoring_weights(d.time, d.event, d.at, **options)
        quantity = "Censoring weights: chance of not being censored (Kaplan-Meier)"
        agrees(quantity, "weights", key, short(found.uncensored), reference[form])
        assert np.count_nonzero(found.known) == reference["known"]
    for form, options in fitted.items():
        found = censoring_weights(d.time, d.event, d.at, **options)
        quantity = "Censoring weights: chance of not being censored (Cox)"
        agrees(quantity, "weights", key, short(found.uncensored), reference[form], tolerance=COX)
    found = censoring_weights(d.time, d.event, d.at, arm=d.arm)
    dead = found.weights * ((d.event == 1) & (d.time <= d.at))
    arms = [d.arm == label for label in np.unique(d.arm)]
    shares = [dead[arm].mean() for arm in arms]
    agrees("Censoring weights: share with an event", "weights", key, shares, reference["dead"])
    survival = [1 - share for share in shares]
    agrees("Censoring weights: survival", "weights", key, survival, reference["survival"])
    stable = censoring_weights(d.time, d.event, d.at, arm=d.arm, stabilised=True).weights
    factor = [stable[arm & found.known][0] / found.weights[arm & found.known][0] for arm in arms]
    agrees("Censoring weights: share known", "weights", key, factor, reference["share"])


@pytest.mark.parametrize("name", ["lung", "pbc", "Melanoma"])
def test_pieces_of_follow_up_agree_with_r(name: str) -> None:
    d, key = follow_up(name), f"pieces_{name}"
    reference = golden("weights", key)
    plain = censoring_weight_rows(d.time, d.event, arm=d.arm, x=d.x)
    stable = censoring_weight_rows(d.time, d.event, arm=d.arm, x=d.x, stabilised=True)
    alone = censoring_weight_rows(d.time, d.event, arm=d.arm)
    assert plain.patient.size == reference["rows"]
    agrees("Censoring weights: starts of the pieces", "weights", key, plain.start.sum(), reference["start"])
    sums = [f(rows.weights).sum() for rows in (plain, stable) for f in (np.array, np.square)]
    quantity = "Censoring weights: of the pieces of follow-up"
    agrees(quantity, "weights", key, sums, reference["weights"], tolerance=COX)
    own = np.bincount(stable.patient, stable.weights).astype(float)
    agrees(quantity, "weights", key, short(own), reference["own"], tolerance=COX)
    for rows, form in ((plain, "cox"), (stable, "cox_stabilised"), (alone, "cox_km")):
        fit = cox(
            rows.stop, rows.event, d.arm[rows.patient], entry=rows.start, weights=rows.weights, cluster=rows.patient
        )
        quantity = "Censoring weights: weighted Cox model of the pieces"
        ours = [fit.coefficients[0], fit.std_error[0]]
        agrees(quantity, "weights", key, ours, reference[form], tolerance=COX)


def test_by_hand() -> None:
    # At 2 an event and a censoring: of 5 at risk 1 has the event, of the other 4 one is censored: G falls to 3/4.
    # At 4 one of 2 is censored: G falls to 3/8.
    time, event = [1, 2, 2, 3, 4, 5], [1, 1, 0, 1, 0, 1]
    found = censoring_weights(time, event, at=5)
    np.testing.assert_allclose(found.uncensored, [1, 1, 1, 3 / 4, 3 / 4, 3 / 8], rtol=1e-14)
    np.testing.assert_allclose(found.weights, [1, 1, 0, 4 / 3, 0, 8 / 3], rtol=1e-14)
    assert found.known.tolist() == [True, True, False, True, False, True]
    # at 4 the last two are known to be alive, whether censored then or later; what happens at 4 does not count yet
    at_4 = censoring_weights(time, event, at=4, stabilised=True)
    np.testing.assert_allclose(at_4.weights, np.array([1, 1, 0, 4 / 3, 4 / 3, 4 / 3]) * 5 / 6, rtol=1e-14)
    assert (at_4.at, at_4.stabilised) == (4.0, True)
    at_3_and_half = censoring_weights(time, event, at=3.5)
    np.testing.assert_allclose(at_3_and_half.weights, [1, 1, 0, 4 / 3, 4 / 3, 4 / 3], rtol=1e-14)


def test_pieces_by_hand() -> None:
    rows = censoring_weight_rows(time=[1, 2, 3, 0.5, 2], event=[1, 0, 1, 0, 1])
    # The last event is at 3; before 1 one of 5 is censored (G = 4/5), at 2 one of the 2 without event (2/5).
    np.testing.assert_array_equal(rows.patient, [0, 1, 1, 2, 2, 2, 3, 4, 4])
    np.testing.assert_array_equal(rows.start, [0, 0, 1, 0, 1, 2, 0, 0, 1])
    np.testing.assert_array_equal(rows.stop, [1, 1, 2, 1, 2, 3, 0.5, 1, 2])
    np.testing.assert_array_equal(rows.event, [1, 0, 0, 0, 0, 1, 0, 0, 1])
    np.testing.assert_allclose(rows.weights, [5 / 4] * 2 + [5 / 4, 5 / 4, 5 / 4, 5 / 2, 1, 5 / 4, 5 / 4], rtol=1e-14)


@st.composite
def followed(draw: st.DrawFn) -> tuple[Floats, Floats, Floats]:
    n, rng = draw(st.integers(2, 30)), np.random.default_rng(draw(st.integers(0, 100_000)))
    return rng.integers(1, 8, n).astype(float), (rng.random(n) < 0.5).astype(float), rng.integers(0, 2, n).astype(float)


@given(followed(), st.integers(1, 8))
@few
def test_the_weighted_share_with_an_event_is_one_less_the_kaplan_meier_estimate(
    data: tuple[Floats, Floats, Floats], at: int
) -> None:
    time, event, _ = data
    curve = survival_at(kaplan_meier(time, event), [at]).survival[0]
    last = time == time.max()
    if at > time.max() and not event[last].all():
        with pytest.raises(InputError, match="`at` must be within the follow-up of every arm"):
            censoring_weights(time, event, at)
        return
    found = censoring_weights(time, event, at)
    happened = (event == 1) & (time <= at)
    assert (found.weights * happened).mean() == pytest.approx(1 - curve, abs=1e-12)
    # those alive at that time, censored then or later, stand for all who survive
    assert found.weights.mean() == pytest.approx(1, abs=1e-12)
    slow = [slow_uncensored(time, event, min(t, at)) for t in time]
    np.testing.assert_allclose(found.uncensored, slow, rtol=1e-12)


def slow_uncensored(time: Floats, event: Floats, before: float) -> float:
    """G just before a time: over earlier times, 1 - censored / (at risk less those who have the event)."""
    chance = 1.0
    for t in np.unique(time[time < before]):
        here = time == t
        at_risk = np.count_nonzero(time >= t) - event[here].sum()
        chance *= 1 - (1 - event[here]).sum() / at_risk if at_risk else 1
    return chance


@given(followed())
@few
def test_pieces_hold_each_follow_up_once_and_their_weighted_curve_is_that_without_weights(
    data: tuple[Floats, Floats, Floats],
) -> None:
    time, event, arm = data
    rows = censoring_weight_rows(time, event, arm=arm)
    np.testing.assert_allclose(np.bincount(rows.patient, rows.stop - rows.start), time, rtol=1e-14)
    np.testing.assert_array_equal(np.bincount(rows.patient, rows.event), event)
    assert (rows.start < rows.stop).all()
    cuts = np.unique(time[event == 1])
    count = [np.count_nonzero(cuts < t) + 1 for t in time]
    np.testing.assert_array_equal(np.bincount(rows.patient), count)
    # within an arm all at risk weigh the same at an event time: the weighted curve is the plain one
    for label in np.unique(arm):
        mine, pieces = arm == label, arm[rows.patient] == label
        if not event[mine].any():
            continue
        curve = kaplan_meier(
            rows.stop[pieces], rows.event[pieces], entry=rows.start[pieces], weights=rows.weights[pieces]
        )
        at = np.unique(time[mine & (event == 1)])
        expected = survival_at(kaplan_meier(time[mine], event[mine]), at).survival
        np.testing.assert_allclose(survival_at(curve, at).survival, expected, rtol=1e-10, atol=1e-12)


@given(followed(), st.integers(0, 1000))
@few
def test_nothing_depends_on_the_order_of_rows_or_the_unit_of_time(
    data: tuple[Floats, Floats, Floats], seed: int
) -> None:
    time, event, _ = data
    order, at = np.random.default_rng(seed).permutation(time.size), float(time.max())
    weights = censoring_weights(time, event, at).weights
    again = censoring_weights(time[order] / 12, event[order], at / 12).weights
    np.testing.assert_allclose(again, weights[order], rtol=1e-12)


def test_without_censoring_all_weigh_one() -> None:
    choices: list[dict[str, Any]] = [{}, {"x": [1.0, 2.0, 4.0]}]
    for options in choices:
        found = censoring_weights([1, 2, 3], [1, 1, 1], 2, **options)
        assert found.weights.tolist() == [1, 1, 1]
        assert set(censoring_weight_rows([1, 2, 3], [1, 1, 1], **options).weights) == {1.0}


def test_without_events_those_observed_long_enough_are_known() -> None:
    found = censoring_weights([1, 2, 3, 4], [0, 0, 0, 0], at=3)
    np.testing.assert_allclose(found.weights, [0, 0, 2, 2], rtol=1e-14)
    rows = censoring_weight_rows([1, 2, 3, 4], [0, 0, 0, 0])
    assert rows.patient.tolist() == [0, 1, 2, 3]
    assert not rows.event.any()


def test_one_patient_and_times_that_differ_by_rounding() -> None:
    assert censoring_weights([2.0], [0], at=1).weights.tolist() == [1.0]
    assert censoring_weights([0.0, 2.0], [1, 0], at=1).weights.tolist() == [1.0, 1.0]
    exact, rounded = (censoring_weights([tie, 0.3, 1.0], [1, 0, 1], at=1).weights for tie in (0.3, 0.1 + 0.2))
    np.testing.assert_array_equal(exact, rounded)
    near = censoring_weights([0.3, 0.5], [0, 1], at=0.1 + 0.2)
    assert near.known.all()


def test_covariates_that_predict_censoring_are_followed() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    x = rng.standard_normal(n)
    death, lost = rng.exponential(np.exp(-x)), rng.exponential(1.5 * np.exp(-0.8 * x))
    time, event = np.minimum(death, lost), death <= lost
    truth = np.mean(death <= 0.7)
    by_km, by_cox = (
        np.average(event & (time <= 0.7), weights=censoring_weights(time, event, 0.7, x=covariates).weights)
        for covariates in (None, x)
    )
    assert abs(by_cox - truth) < 0.012 < abs(by_km - truth)


def test_a_model_of_censoring_without_a_finite_estimate_is_said() -> None:
    with pytest.raises(FitError, match="Cox model of the censoring: monotone likelihood"):
        censoring_weights([1, 2, 3, 4], [0, 0, 1, 1], 3, x=[1, 1, 0, 0])
    with pytest.raises(FitError, match="Cox model of the censoring: collinear"):
        censoring_weight_rows([1, 2, 3, 4], [0, 1, 0, 1], x=[[1, 2], [2, 4], [3, 6], [5, 10]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"time": [1, -2, 3]}, "`time` must be finite and non-negative"),
        ({"event": [1, 0, 2]}, "`event` must be 0 or 1"),
        ({"event": [1, 0, np.nan]}, "`event` must be finite"),
        ({"arm": [1, 0, np.nan]}, "`arm` must be finite"),
        ({"arm": [1, 0]}, "`arm` must have 3 elements"),
        ({"x": [1, 0, np.inf]}, "`x` must be finite"),
        ({"x": [[1, 0]]}, "`x` must have 3 rows"),
        ({"weights": [1, 0, 1]}, "`weights` must be positive"),
        ({"weights": [1, np.nan, 1]}, "`weights` must be finite"),
        ({"time": [], "event": []}, "`time` must hold at least one row"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], message: str) -> None:
    given_data: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], **change}
    with pytest.raises(InputError, match=message):
        censoring_weights(at=2, **given_data)
    with pytest.raises(InputError, match=message):
        censoring_weight_rows(**given_data)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: censoring_weights([1, 2], [1, 0], at=0), "`at` must be finite and positive; it is 0"),
        (lambda: censoring_weights([1, 2], [1, 0], at=np.nan), "`at` must be finite and positive"),
        (
            lambda: censoring_weights([1, 2], [1, 0], at=3),
            "`at` must be within .*; it is 3, and arm 0 is observed up to 2",
        ),
        (
            lambda: censoring_weights([1, 5, 2], [0, 1, 1], at=3, arm=["a", "b", "b"]),
            "`at` must be within .*, and arm a is observed up to 1",
        ),
        (lambda: censoring_weight_rows([0, 2], [1, 0]), "`time` must be positive; 1 of 2 is not"),
        (lambda: censoring_weight_rows([1, 2], [1, 0], stabilised=True), "`stabilised` needs `x`"),
    ],
)
def test_what_has_no_answer_is_refused(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attempt()
