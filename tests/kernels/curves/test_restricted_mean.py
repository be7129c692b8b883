"""Restricted means by hand, by definition, and by what must hold of them."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.restricted_mean import (
    restricted_mean,
    restricted_mean_comparison,
    restricted_mean_curve,
)
from tests.kernels.cox.slow_cox import cohort

TIME, EVENT = [1.0, 2.0, 2.0, 4.0, 5.0, 7.0], [1, 1, 0, 1, 0, 1]

rows = st.lists(st.tuples(st.integers(1, 12), st.booleans(), st.integers(1, 4)), min_size=2, max_size=25)


def slow_restricted_mean(time: Floats, event: Floats, weights: Floats, entry: Floats, horizon: float) -> float:
    """The area, step by step, of a curve computed afresh at every step."""
    edges = sorted({0.0, horizon, *(t for t in time.tolist() if t < horizon)})
    area = 0.0
    for left, right in pairwise(edges):
        survival = 1.0
        for t in sorted(set(time[event == 1].tolist())):
            if t <= left:
                at_risk = (entry < t) & (t <= time)
                dead = at_risk & (time == t) & (event == 1)
                survival *= 0.0 if (dead == at_risk).all() else 1 - weights[dead].sum() / weights[at_risk].sum()
        area += survival * (right - left)
    return area


def test_six_rows_by_hand() -> None:
    # S = 5/6 from 1, 4/6 from 2, 4/9 from 4; to the horizon 6 the areas after 1, 2 and 4 are below.
    mean = restricted_mean(TIME, EVENT, 6)
    after_4 = 2 * 4 / 9
    after_2 = after_4 + 2 * 4 / 6
    after_1 = after_2 + 5 / 6
    assert math.isclose(mean.value, 1 + after_1)
    variance = after_1**2 / (6 * 5) + after_2**2 / (5 * 4) + after_4**2 / (3 * 2)
    assert math.isclose(mean.std_error, math.sqrt(variance))
    assert math.isclose(mean.time_lost, 6 - mean.value)
    assert (mean.n, mean.n_events, mean.largest_horizon, mean.robust) == (6, 3.0, math.inf, False)
    z = 1.959963984540054
    np.testing.assert_allclose([mean.lower, mean.upper], mean.value + np.array([-z, z]) * mean.std_error, rtol=1e-14)
    np.testing.assert_allclose(
        [mean.time_lost_lower, mean.time_lost_upper], mean.time_lost + np.array([-z, z]) * mean.std_error, rtol=1e-14
    )


def test_last_event_adds_no_variance_and_the_curve_stays_at_zero() -> None:
    at_end, later = restricted_mean(TIME, EVENT, 7), restricted_mean(TIME, EVENT, 70)
    assert math.isclose(at_end.value, later.value)
    assert math.isclose(at_end.std_error, later.std_error)
    assert math.isclose(later.time_lost, 70 - at_end.value)


def test_before_the_first_event_and_without_one() -> None:
    for mean in (restricted_mean(TIME, EVENT, 0.5), restricted_mean(TIME, [0] * 6, 7)):
        assert (mean.value, mean.std_error, mean.time_lost, mean.n_events) == (mean.horizon, 0.0, 0.0, 0.0)
    assert restricted_mean([3.0], [1], 5).value == 3.0
    assert restricted_mean([3.0], [1], 5).std_error == 0.0
    assert restricted_mean([2.0, 2.0], [1, 1], 9).value == 2.0


def test_horizon_beyond_follow_up_is_refused_with_the_largest() -> None:
    time, event = [1, 2, 3, 4.5], [1, 1, 1, 0]
    with pytest.raises(InputError, match=r"`horizon` must be at most 4\.5, the last observed time, .* it is 5"):
        restricted_mean(time, event, 5)
    assert restricted_mean(time, event, 4.5).largest_horizon == 4.5
    assert restricted_mean(time, event, 4.5 * (1 + 1e-12)).n == 4
    with pytest.raises(InputError, match=r"last observed time in group b, .* it is 5"):
        restricted_mean_comparison(time * 2, [1] * 4 + event, ["a"] * 4 + ["b"] * 4, 5)


@pytest.mark.parametrize("seed", range(6))
def test_influence_is_the_derivative_by_the_case_weight(seed: int) -> None:
    c = cohort(seed)
    mean = restricted_mean(c.time, c.event, 8.0, entry=c.entry, weights=c.weights)
    expected = slow_restricted_mean(c.time, c.event, c.weights, c.entry, 8.0)
    np.testing.assert_allclose(mean.value, expected, rtol=1e-12)
    for row in range(c.time.size):
        step = np.zeros(c.time.size)
        step[row] = 1e-5
        up, down = (slow_restricted_mean(c.time, c.event, c.weights + s * step, c.entry, 8.0) for s in (1, -1))
        slope = (up - down) / 2e-5
        np.testing.assert_allclose(mean.influence[row], c.weights[row] * slope, rtol=1e-6, atol=1e-8)
    assert math.isclose(mean.std_error, math.sqrt(float((mean.influence**2).sum())))
    clustered = restricted_mean(c.time, c.event, 8.0, entry=c.entry, weights=c.weights, cluster=c.stratum)
    sums = [mean.influence[c.stratum == code].sum() for code in range(3)]
    np.testing.assert_allclose(clustered.std_error, math.sqrt(sum(s**2 for s in sums)), rtol=1e-12)


@given(rows, st.floats(0.5, 12))
@settings(max_examples=60, deadline=None)
def test_definition_weights_row_order_and_unit(data: list[tuple[int, bool, int]], horizon: float) -> None:
    time, event, weight = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    event[time == time.max()] = 1.0
    mean = restricted_mean(time, event, horizon)
    ones = np.ones(time.size)
    np.testing.assert_allclose(mean.value, slow_restricted_mean(time, event, ones, 0 * ones, horizon), rtol=1e-12)
    assert 0 < mean.value <= horizon + 1e-12
    again = restricted_mean(time[::-1] * 30, event[::-1], horizon * 30)
    np.testing.assert_allclose([again.value, again.std_error], [30 * mean.value, 30 * mean.std_error], atol=1e-10)
    repeated = restricted_mean(np.repeat(time, weight.astype(int)), np.repeat(event, weight.astype(int)), horizon)
    weighted = restricted_mean(time, event, horizon, weights=weight, robust=False)
    np.testing.assert_allclose(
        [weighted.value, weighted.std_error], [repeated.value, repeated.std_error], rtol=1e-10, atol=1e-7
    )
    np.testing.assert_allclose(mean.influence.sum(), 0.0, atol=1e-10)
    curve = restricted_mean_curve(time, event, [horizon, 12.0])
    assert (curve.value[0], curve.std_error[0], curve.time_lost[0]) == (mean.value, mean.std_error, mean.time_lost)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=20), st.floats(0.5, 25))
@settings(max_examples=40, deadline=None)
def test_without_censoring_it_is_the_mean_of_what_was_seen(time: list[int], horizon: float) -> None:
    seen = np.minimum(time, horizon)
    mean = restricted_mean(time, np.ones(len(time)), horizon)
    np.testing.assert_allclose(mean.value, seen.mean(), rtol=1e-12)
    np.testing.assert_allclose(mean.std_error, seen.std() / math.sqrt(len(time)), atol=1e-6)


def test_groups_exchanged() -> None:
    c = cohort(3, n=60)
    group = c.x[:, -1]
    one = restricted_mean_comparison(c.time, c.event, group, 7.0)
    other = restricted_mean_comparison(c.time, c.event, 1 - group, 7.0)
    np.testing.assert_allclose(one.difference.estimate, -other.difference.estimate, rtol=1e-12)
    np.testing.assert_allclose(one.ratio.lower, 1 / other.ratio.upper, rtol=1e-12)
    np.testing.assert_allclose(one.time_lost_ratio.estimate, 1 / other.time_lost_ratio.estimate, rtol=1e-12)
    np.testing.assert_allclose(one.chi_squared, one.difference.z[0] ** 2, rtol=1e-12)
    np.testing.assert_allclose(one.p_value, one.difference.p_value[0], rtol=1e-10)
    three = restricted_mean_comparison(c.time, c.event, c.stratum, 7.0)
    assert (three.degrees_of_freedom, three.difference.estimate.shape, len(three.groups)) == (2, (2,), 3)


def test_clusters_across_groups_have_a_covariance() -> None:
    c = cohort(4, n=40)
    group, pair = np.arange(40) % 2, np.arange(40) // 2
    result = restricted_mean_comparison(c.time, c.event, group, 7.0, weights=c.weights, cluster=pair)
    influence = np.zeros((40, 2))
    for arm in (0, 1):
        influence[group == arm, arm] = result.groups[arm].influence
    sums = np.array([influence[pair == p].sum(axis=0) for p in range(20)])
    expected = sums.T @ sums
    np.testing.assert_allclose(result.covariance, expected, rtol=1e-12)
    difference = expected[0, 0] + expected[1, 1] - 2 * expected[0, 1]
    np.testing.assert_allclose(result.difference.std_error, [math.sqrt(difference)], rtol=1e-12)
    entered = restricted_mean_comparison(c.time, c.event, group, 7.0, entry=c.entry)
    assert entered.groups[0].value == restricted_mean(c.time[::2], c.event[::2], 7.0, entry=c.entry[::2]).value


def test_an_arm_without_events_has_a_difference_but_no_ratio_of_time_lost() -> None:
    result = restricted_mean_comparison([1, 2, 3, 4, 5, 6], [1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1], 3)
    assert result.difference.std_error[0] > 0
    lost = result.time_lost_ratio
    assert np.isnan([lost.estimate[0], lost.std_error[0], lost.p_value[0]]).all()
    nothing = restricted_mean_comparison([1, 2, 3, 4], [0, 0, 0, 0], [0, 0, 1, 1], 2)
    assert (nothing.difference.estimate[0], nothing.difference.std_error[0]) == (0.0, 0.0)
    assert np.isnan([nothing.difference.z[0], nothing.chi_squared, nothing.p_value]).all()


GOOD: dict[str, Any] = {"time": TIME, "event": EVENT}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"time": [1, 2, np.nan, 4, 5, 7]}, "`time` must be finite"),
    ({"time": [1, 2, -1, 4, 5, 7]}, "`time` must be finite and non-negative; 1 of 6 is not"),
    ({"time": []}, "`time` must hold at least one row"),
    ({"event": [1, 1, np.nan, 1, 0, 1]}, "`event` must be finite"),
    ({"event": [1, 1, 2, 1, 0, 1]}, "`event` must be 0 or 1"),
    ({"horizon": np.nan}, "`horizon` must be one finite positive number"),
    ({"horizon": np.inf}, "`horizon` must be one finite positive number"),
    ({"horizon": "long"}, "`horizon` must hold numbers only"),
    ({"horizon": 0}, "`horizon` must be one finite positive number"),
    ({"horizon": [1.0, 2.0]}, "`horizon` must be one finite positive number"),
    ({"weights": [1, 1, 0, 1, 1, 1]}, "`weights` must be positive"),
    ({"weights": [1, 1, np.inf, 1, 1, 1]}, "`weights` must be finite"),
    ({"entry": [0, 0, 3, 0, 0, 0]}, "`entry` must be before `time`"),
    ({"entry": [0, 0, np.nan, 0, 0, 0]}, "`entry` must be finite"),
    ({"cluster": [1, 1, np.nan, 1, 1, 1]}, "`cluster` must not be missing"),
    ({"cluster": [1, 1]}, "`cluster` must have 6 elements"),
    ({"cluster": [1] * 6, "robust": False}, "`robust` must not be False with `cluster`"),
    ({"confidence": 1.0}, "`confidence` must lie between 0 and 1"),
    ({"confidence": np.nan}, "`confidence` must lie between 0 and 1"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"horizon": 4.0, **GOOD, **change}
    with pytest.raises(InputError, match=message):
        restricted_mean(**given)
    if "time" not in change and "event" not in change:
        with pytest.raises(InputError, match=message):
            restricted_mean_comparison(**given, group=[0, 0, 0, 1, 1, 1])


def test_bad_groups_and_horizons() -> None:
    bad: list[tuple[Any, str]] = [
        ([0] * 6, "`group` must hold at least two levels; it has 1"),
        ([0, 1, np.nan, 0, 1, 1], "`group` must be finite"),
        (["a", None, "b", "a", "b", "b"], "`group` must be known"),
    ]
    for group, message in bad:
        with pytest.raises(InputError, match=message):
            restricted_mean_comparison(TIME, EVENT, group, 4.0)
    with pytest.raises(InputError, match="`horizons` must be positive"):
        restricted_mean_curve(TIME, EVENT, [1.0, 0.0])
    with pytest.raises(InputError, match="`horizons` must be finite"):
        restricted_mean_curve(TIME, EVENT, [np.nan])


@pytest.mark.slow
def test_coverage_of_the_difference() -> None:
    """Two exponential arms, a third censored: 95 % intervals cover within 3 Monte Carlo errors of 2,000 replicates."""
    g, covered, horizon = np.random.default_rng(20), 0, 2.0
    rates = np.array([0.5, 0.8])
    truth = np.diff((1 - np.exp(-rates * horizon)) / rates)[0]
    for _ in range(2000):
        arm = np.arange(300) % 2
        latent, censoring = g.exponential(1 / rates[arm]), np.minimum(g.exponential(4.0, 300), 3.0)
        time, event = np.minimum(latent, censoring), latent <= censoring
        difference = restricted_mean_comparison(time, event, arm, horizon).difference
        covered += bool(difference.lower[0] <= truth <= difference.upper[0])
    assert abs(covered / 2000 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)
