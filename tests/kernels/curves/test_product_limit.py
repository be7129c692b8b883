from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.product_limit import (
    IntervalType,
    kaplan_meier,
    quantile,
    reverse_kaplan_meier,
    survival_at,
    survival_influence,
)
from tests.by_hand import survival as by_hand

Rows = list[tuple[int, int, int, int, int]]
# entry, time at risk, event, weight in halves, cluster
ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(0, 1), st.integers(1, 6), st.integers(0, 2)),
    min_size=1,
    max_size=14,
)


def test_six_rows_by_hand() -> None:
    curve = kaplan_meier(by_hand.TIME, by_hand.EVENT)
    survival = np.array(by_hand.SIX_SURVIVAL, dtype=float)
    np.testing.assert_array_equal(curve.time, by_hand.SIX_TIME)
    np.testing.assert_array_equal(curve.at_risk, by_hand.SIX_AT_RISK)
    np.testing.assert_array_equal(curve.events, by_hand.SIX_EVENTS)
    np.testing.assert_array_equal(curve.censored, by_hand.SIX_CENSORED)
    np.testing.assert_allclose(curve.survival, survival, rtol=1e-14)
    greenwood = np.array(by_hand.SIX_GREENWOOD, dtype=float)
    np.testing.assert_allclose(curve.std_error[:4], survival[:4] * np.sqrt(greenwood), rtol=1e-14)


def test_late_entry_by_hand() -> None:
    curve = kaplan_meier(by_hand.TIME, by_hand.EVENT, entry=by_hand.ENTRY)
    np.testing.assert_array_equal(curve.at_risk, by_hand.LATE_AT_RISK)
    np.testing.assert_allclose(curve.survival, np.array(by_hand.LATE_SURVIVAL, dtype=float), rtol=1e-14)


def test_weights_by_hand() -> None:
    curve = kaplan_meier(by_hand.WEIGHTED_TIME, np.ones(3), weights=by_hand.WEIGHTED_WEIGHTS)
    np.testing.assert_allclose(curve.survival[0], float(by_hand.WEIGHTED_SURVIVAL), rtol=1e-14)
    np.testing.assert_allclose(curve.std_error[0] ** 2, float(by_hand.WEIGHTED_VARIANCE), rtol=1e-13)


def slow_curve(entry: Floats, time: Floats, event: Floats, weights: Floats) -> Floats:
    survival, s = [], 1.0
    for t in np.unique(time):
        at_risk = (entry < t) & (t <= time)
        dies = at_risk & (time == t) & (event == 1)
        s *= 0.0 if (dies == at_risk).all() else 1 - weights[dies].sum() / weights[at_risk].sum()
        survival.append(s)
    return np.array(survival)


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_influence_variance_is_that_of_numerical_derivatives(rows: Rows) -> None:
    table = np.array(rows, dtype=float)
    entry, time, event, weights, cluster = table[:, 0], table[:, 0] + table[:, 1], *table[:, 2:].T
    weights = weights / 2
    curve = kaplan_meier(time, event, entry=entry, weights=weights, cluster=cluster)
    np.testing.assert_allclose(curve.survival, slow_curve(entry, time, event, weights), atol=1e-12)
    step, influence = 1e-5, []
    for i in range(time.size):
        up, down = weights.copy(), weights.copy()
        up[i] += step
        down[i] -= step
        slope = (slow_curve(entry, time, event, up) - slow_curve(entry, time, event, down)) / (2 * step)
        influence.append(weights[i] * slope)
    sums = np.array([np.array(influence)[cluster == c].sum(axis=0) for c in np.unique(cluster)])
    # 1e-5 and 1e-8: the error of a central difference; a curve near zero has tiny derivatives.
    np.testing.assert_allclose(curve.std_error, np.sqrt((sums**2).sum(axis=0)), rtol=1e-5, atol=1e-7)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40))
@settings(deadline=None, max_examples=60)
def test_without_censoring_it_is_the_empirical_survival(times: list[int]) -> None:
    curve = kaplan_meier(times, np.ones(len(times)))
    empirical = (np.array(times) > curve.time[:, None]).mean(axis=1)
    np.testing.assert_allclose(curve.survival, empirical, atol=1e-12)
    binomial = np.sqrt(empirical * (1 - empirical) / len(times))
    inside = empirical > 0
    np.testing.assert_allclose(curve.std_error[inside], binomial[inside], rtol=1e-9)


@given(ROWS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_row_order_units_and_clocks_do_not_matter(rows: Rows, random: Any) -> None:
    table = np.array(rows, dtype=float)
    shuffled = np.array(random.sample(rows, len(rows)), dtype=float)
    first, second = (
        kaplan_meier(t[:, 0] + t[:, 1], t[:, 2], entry=t[:, 0], weights=t[:, 3], cluster=t[:, 4])
        for t in (table, shuffled)
    )
    for name in ("time", "at_risk", "survival"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-10, atol=1e-9)
    # A variance that cancels to nothing is nothing to within 1e-16, and its root to within 1e-8.
    for name in ("std_error", "lower", "upper"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-10, atol=1e-7)
    time, event = table[:, 1], table[:, 2]
    plain, squared = kaplan_meier(time, event), kaplan_meier(time**2 / 30.4375, event)
    np.testing.assert_array_equal(plain.survival, squared.survival)
    np.testing.assert_array_equal(plain.std_error, squared.std_error)


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_repeated_rows_and_whole_weights(rows: Rows) -> None:
    table = np.array(rows)
    time, event, weights = table[:, 1], table[:, 2], table[:, 3]
    repeated = np.repeat(np.arange(time.size), weights)
    weighted = kaplan_meier(time, event, weights=weights)
    expanded = kaplan_meier(time[repeated], event[repeated], cluster=repeated)
    for name in ("at_risk", "events", "censored", "survival", "std_error"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(expanded, name), rtol=1e-9, atol=1e-9)
    once, twice = kaplan_meier(time, event), kaplan_meier(np.tile(time, 2), np.tile(event, 2))
    np.testing.assert_allclose(twice.survival, once.survival, rtol=1e-12)
    np.testing.assert_allclose(twice.std_error, once.std_error / np.sqrt(2), rtol=1e-9)


@given(ROWS, st.sampled_from(get_args(IntervalType)), st.booleans())
@settings(deadline=None, max_examples=80)
def test_limits_enclose_the_curve(rows: Rows, interval: Any, weighted: bool) -> None:
    table = np.array(rows, dtype=float)
    curve = kaplan_meier(table[:, 1], table[:, 2], weights=table[:, 3] if weighted else None, interval=interval)
    inside = curve.survival > 0
    assert (curve.lower[inside] <= curve.survival[inside] + 1e-12).all()
    assert (curve.survival[inside] <= curve.upper[inside] + 1e-12).all()
    assert (curve.lower[inside] >= 0).all()
    assert (curve.upper[inside] <= 1).all()
    assert np.isnan(curve.lower[~inside]).all()
    assert (np.diff(curve.survival) <= 1e-15).all()
    wider = kaplan_meier(table[:, 1], table[:, 2], interval=interval, confidence=0.99)
    narrow = kaplan_meier(table[:, 1], table[:, 2], interval=interval, confidence=0.5)
    known = ~np.isnan(narrow.lower)
    assert (wider.lower[known] <= narrow.lower[known]).all()


def test_reading_between_before_and_beyond_the_steps() -> None:
    curve = kaplan_meier([1, 2, 2, 3], [1, 1, 0, 0])
    read = survival_at(curve, [0.5, 1, 1.999, 2 - 1e-12, 3, 3.1])
    np.testing.assert_array_equal(read.survival, [1, 0.75, 0.75, 0.5, 0.5, np.nan])
    np.testing.assert_array_equal(read.at_risk, [4, 4, 3, 3, 1, 0])
    np.testing.assert_array_equal(read.std_error[[0, 5]], [0, np.nan])
    np.testing.assert_array_equal(read.lower[[0, 5]], [1, np.nan])
    np.testing.assert_array_equal(read.upper[[0, 5]], [1, np.nan])


def test_a_level_met_to_the_end_gives_the_middle_of_what_was_seen() -> None:
    assert quantile(kaplan_meier([1, 2, 3, 9], [1, 1, 0, 0])).value == 5.5


def test_one_row() -> None:
    dead, alive = kaplan_meier([3], [1]), kaplan_meier([3], [0])
    assert (dead.survival.tolist(), alive.survival.tolist()) == ([0.0], [1.0])
    assert quantile(dead).value == 3
    assert np.isnan(quantile(alive).value)
    assert kaplan_meier([3], [1], weights=[0.3]).std_error.tolist() == [0.0]


def test_weights_that_do_not_add_up_exactly_still_reach_zero() -> None:
    curve = kaplan_meier([1, 2, 3, 3, 3], [1, 0, 1, 1, 1], weights=[0.1, 0.7, 0.3, 0.2, 0.1], entry=np.zeros(5))
    assert curve.survival[-1] == 0
    assert np.isnan(curve.lower[-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"event": [1, np.nan, 0]}, "`event` must be finite"),
        ({"entry": [0, np.nan, 0]}, "`entry` must be finite"),
        ({"weights": [1, np.nan, 1]}, "`weights` must be finite"),
        ({"weights": [1, 0, 1]}, "`weights` must be positive; 1 of 3 is not (first at index 1)."),
        ({"weights": [1, 1]}, "`weights` must have 3 elements, one a row; it has 2."),
        ({"cluster": [1, np.nan, 2]}, "`cluster` must be finite"),
        ({"interval": "loglog"}, "`interval` must be one of log, log-log, plain, logit, arcsine"),
        ({"confidence": 95}, "`confidence` must lie between 0 and 1; it is 95."),
        ({"confidence": np.nan}, "`confidence` must lie between 0 and 1; it is nan."),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1]} | changes
    with pytest.raises(InputError) as caught:
        kaplan_meier(**arguments)
    assert str(caught.value).startswith(message)


def test_what_cannot_be_read_off() -> None:
    curve = kaplan_meier([1, 2], [1, 0])
    with pytest.raises(InputError, match="`times` must be finite;"):
        survival_at(curve, [1, np.nan])
    with pytest.raises(InputError, match="non-negative"):
        survival_at(curve, [-1])
    for probability in (0.0, 1.0, np.nan):
        with pytest.raises(InputError, match="`probability` must lie between 0 and 1"):
            quantile(curve, probability)
    with pytest.raises(InputError, match="`event` must be 0 or 1"):
        reverse_kaplan_meier([1, 2], [1, 2])


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.5, 9.5))
def test_influence_is_the_derivative_of_the_curve_by_each_weight(seed: int, at: float) -> None:
    draw = np.random.default_rng(seed)
    time, event = draw.integers(1, 10, 15).astype(float), draw.random(15) < 0.6
    weights, step = draw.uniform(0.5, 2.0, 15), 1e-6

    def survival(case: Floats) -> float:
        curve = kaplan_meier(time, event, weights=case)
        seen = curve.survival[curve.time <= at]
        return float(seen[-1]) if seen.size else 1.0

    shifts = step * np.eye(15)
    derivative = [(survival(weights + shift) - survival(weights - shift)) / (2 * step) for shift in shifts]
    # Central differences of step 1e-6 carry an error of about 1e-16 / 1e-6 from rounding.
    np.testing.assert_allclose(
        survival_influence(time, event, at, weights=weights), weights * np.array(derivative), atol=1e-8
    )


def test_squared_influence_sums_to_the_variance_of_the_weighted_curve() -> None:
    draw = np.random.default_rng(4)
    time, event, weights = draw.integers(1, 30, 80).astype(float), draw.random(80) < 0.5, draw.uniform(0.2, 3, 80)
    curve = kaplan_meier(time, event, weights=weights)
    for at in (3.0, 12.5, 25.0):
        squares = np.square(survival_influence(time, event, at, weights=weights)).sum()
        assert survival_at(curve, [at]).std_error[0] == pytest.approx(np.sqrt(squares), rel=1e-10)


def test_influence_is_zero_before_the_first_event_and_where_the_curve_is_zero() -> None:
    assert not survival_influence([1, 2, 3], [0, 1, 1], 1.5).any()
    assert not survival_influence([1, 2, 3], [0, 1, 1], 3.0).any()


def test_follow_up_takes_entry_weights_and_clusters_as_the_curve_does() -> None:
    time, event = [2, 3, 5, 7, 8, 9], [1, 0, 0, 1, 0, 0]
    options: dict[str, Any] = {"entry": [0, 1, 0, 0, 2, 0], "weights": [1, 2, 1, 1, 2, 1]}
    found = reverse_kaplan_meier(time, event, cluster=[0, 0, 1, 1, 2, 2], **options)
    same = kaplan_meier(time, [0, 1, 1, 0, 1, 1], cluster=[0, 0, 1, 1, 2, 2], **options)
    np.testing.assert_array_equal(found.survival, same.survival)
    np.testing.assert_array_equal(found.std_error, same.std_error)
