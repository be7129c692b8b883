from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.curves.product_limit import (
    SurvivalCurve,
    kaplan_meier,
    quantile,
    quantiles,
    survival_at,
)
from counterpoise.kernels.curves.rows import curve_rows, influence_variance

# entry, time at risk, event, weight in halves
ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(0, 1), st.integers(1, 6)), min_size=1, max_size=14
)
ARRAYS = ("time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper")


def assert_same(one: SurvivalCurve, other: SurvivalCurve, tolerance: float = 0.0) -> None:
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=tolerance, atol=tolerance)


@given(ROWS)
@settings(deadline=None, max_examples=40)
def test_each_way_to_the_same_curve(rows: Any) -> None:
    table = np.array(rows, dtype=float)
    time, event = table[:, 1], table[:, 2]
    plain = kaplan_meier(time, event)
    # Rows counted one by one, and rows sorted as numbers, must not differ by a byte.
    assert_same(plain, kaplan_meier(time, event, weights=np.ones(time.size), robust=False))
    assert_same(plain, kaplan_meier(time, event, entry=np.zeros(time.size)))
    assert_same(plain, kaplan_meier(time[::-1], event[::-1]))
    robust = kaplan_meier(time, event, robust=True)
    assert_same(robust, kaplan_meier(time, event, weights=np.ones(time.size)))
    assert_same(robust, kaplan_meier(time, event, cluster=np.arange(time.size)), 1e-7)
    assert (plain.robust, robust.robust) == (False, True)
    assert (plain.n, plain.n_events) == (robust.n, robust.n_events)


@given(ROWS)
@settings(deadline=None, max_examples=40)
def test_greenwood_on_whole_weights_is_that_of_repeated_rows(rows: Any) -> None:
    table = np.array(rows)
    times = table[:, 3]
    data: dict[str, Any] = {"time": table[:, 0] + table[:, 1], "event": table[:, 2], "entry": table[:, 0]}
    counted = kaplan_meier(**data, weights=times, robust=False)
    expanded: dict[str, Any] = {name: np.repeat(values, times) for name, values in data.items()}
    assert_same(counted, kaplan_meier(**expanded), 1e-12)


@given(ROWS, st.integers(0, 14))
@settings(deadline=None, max_examples=60)
def test_a_start_gives_the_conditional_curve(rows: Any, start: int) -> None:
    table = np.array(rows, dtype=float)
    time, event = table[:, 0] + table[:, 1], table[:, 2]
    if start > time.max():
        with pytest.raises(InputError, match="`start_time` must not be after every `time`"):
            kaplan_meier(time, event, start_time=start)
        return
    whole, later = kaplan_meier(time, event), kaplan_meier(time, event, start_time=start)
    assert later.start_time == start
    assert_same(later, kaplan_meier(time[time >= start], event[time >= start]))
    if start > 0:
        # S(t | T >= start) = S(t) / S(start-), rows that end at the start being at risk at it.
        before = survival_at(whole, [start - 0.5], extend=True).survival[0]
        read = survival_at(whole, later.time).survival
        np.testing.assert_allclose(later.survival * before, read, atol=1e-12)


def test_a_start_within_rounding_of_a_time_keeps_its_row() -> None:
    curve = kaplan_meier([0.1 + 0.2, 0.3, 1], [1, 1, 1], start_time=0.3 + 1e-12)
    np.testing.assert_array_equal(curve.at_risk, [3, 1])
    np.testing.assert_allclose(survival_at(curve, [0.1, 0.3, 1]).survival, [1, 1 / 3, 0], rtol=1e-14)
    late = kaplan_meier([2, 4, 5], [1, 1, 1], entry=[0, 3, 1], start_time=2.5)
    np.testing.assert_array_equal(late.at_risk, [2, 1])


@given(ROWS, st.lists(st.floats(0, 16), max_size=6))
@settings(deadline=None, max_examples=60)
def test_events_and_censorings_between_times(rows: Any, times: list[float]) -> None:
    table = np.array(rows, dtype=float)
    time, event = table[:, 0] + table[:, 1], table[:, 2]
    read = survival_at(kaplan_meier(time, event), times)
    tolerance = 1e-9 * time.max()
    for k, until in enumerate(times):
        earlier = [other for j, other in enumerate(times) if other < until or (other == until and j < k)]
        between = (time <= until + tolerance) & (time > max(earlier, default=-1.0) + tolerance)
        assert read.events[k] == np.sum(event[between] == 1)
        assert read.censored[k] == np.sum(event[between] == 0)


def test_a_curve_carried_on() -> None:
    curve = kaplan_meier([1, 2, 3], [1, 1, 0])
    carried, known = survival_at(curve, [3, 9], extend=True), survival_at(curve, [3, 9])
    for name in ("survival", "std_error", "lower", "upper"):
        values = getattr(carried, name)
        assert values[1] == values[0] == getattr(known, name)[0]
        assert np.isnan(getattr(known, name)[1])
    np.testing.assert_array_equal(carried.at_risk, [1, 0])


def test_several_quantiles() -> None:
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1])
    found = quantiles(curve, [0.5, 0.25])
    assert [repr(one) for one in found] == [repr(quantile(curve, share)) for share in (0.5, 0.25)]
    assert quantiles(curve, []) == ()
    for bad in ([0.5, 0.0], [1.0], [np.nan]):
        with pytest.raises(InputError, match="must"):
            quantiles(curve, bad)


@given(ROWS, st.sampled_from(["plain", "log", "log-log", "logit", "arcsine"]), st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=60)
def test_limits_of_a_quantile_are_where_the_curves_limits_pass_it(rows: Any, interval: Any, share: float) -> None:
    table = np.array(rows, dtype=float)
    curve = kaplan_meier(table[:, 1], table[:, 2], interval=interval)
    found = quantile(curve, share)
    level = 1 - share
    for value, steps in ((found.value, curve.survival), (found.lower, curve.lower), (found.upper, curve.upper)):
        passed = curve.time[~np.isnan(steps) & (steps < level - 1e-7)]
        if np.abs(steps - level).min() > 1e-7 or np.isnan(steps).any():
            exact = np.isclose(steps, level, atol=1e-7).any()
            assert exact or (np.isnan(value) and passed.size == 0) or value == passed[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cluster": [1, 1, 2], "robust": False}, "`cluster` must be left out where `robust` is False"),
        ({"start_time": -1}, "`start_time` must be finite and non-negative; it is -1."),
        ({"start_time": np.nan}, "`start_time` must be finite and non-negative; it is nan."),
        ({"start_time": np.inf}, "`start_time` must be finite and non-negative; it is inf."),
        ({"start_time": 3.5}, "`start_time` must not be after every `time`; it is 3.5."),
        ({"start_time": 2, "time": [1, np.nan, 3]}, "`time` must be finite; 1 of 3 is not (first at index 1)."),
        ({"start_time": 2, "entry": [0, 2, 0]}, "`entry` must be before `time`; 1 of 3 is not (first at index 1)."),
        ({"start_time": 2, "weights": [-1, 1, 1]}, "`weights` must be positive; 1 of 3 is not (first at index 0)."),
        ({"entry": [0, np.nan, 0]}, "`entry` must be finite; 1 of 3 is not (first at index 1)."),
        ({"weights": [1, np.inf, 1]}, "`weights` must be finite; 1 of 3 is not (first at index 1)."),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1]} | changes
    with pytest.raises(InputError) as caught:
        kaplan_meier(**arguments)
    assert str(caught.value).startswith(message)


def test_rows_of_a_curve_without_influence_have_no_robust_variance() -> None:
    rows = curve_rows([1, 2], [1, 1], entry=None, weights=None, cluster=None, robust=None, start_time=0.0)
    with pytest.raises(InputError, match="`rows` must have been made for a robust variance"):
        influence_variance(rows, np.zeros(2), np.zeros(2))


@pytest.mark.slow
def test_a_million_rows_two_ways() -> None:
    draw = np.random.default_rng(2)
    time, event = draw.exponential(40, 1_000_000), draw.random(1_000_000) < 0.5
    assert_same(kaplan_meier(time, event), kaplan_meier(time, event, weights=np.ones(time.size), robust=False))
