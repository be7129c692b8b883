"""Pseudo-observations against n refits, and the infinitesimal kind against numeric derivatives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.pseudo_observations import PseudoKind, PseudoQuantity, pseudo_observations

QUANTITIES: tuple[PseudoQuantity, ...] = ("survival", "restricted mean", "cumulative incidence")


def slow_estimate(quantity: PseudoQuantity, time: Floats, event: Floats, weights: Floats, at: float) -> float:
    """The estimate from its definition; `event` holds causes and the first one is estimated."""
    survival, incidence, area, last = 1.0, 0.0, 0.0, 0.0
    for t in sorted(set(time[event > 0].tolist())):
        if t > at * (1 + 1e-9):
            break
        at_risk = weights[time >= t].sum()
        area += survival * (min(t, at) - last)
        incidence += survival * weights[(time == t) & (event == 1)].sum() / at_risk
        survival *= 1 - weights[(time == t) & (event > 0)].sum() / at_risk
        last = min(t, at)
    area += survival * (at - last)
    return {"survival": survival, "restricted mean": area, "cumulative incidence": incidence}[quantity]


def slow_pseudo(quantity: PseudoQuantity, time: Floats, event: Floats, at: float) -> Floats:
    n, ones = time.size, np.ones(time.size)
    whole = slow_estimate(quantity, time, event, ones, at)
    left = [slow_estimate(quantity, np.delete(time, i), np.delete(event, i), ones[1:], at) for i in range(n)]
    return n * whole - (n - 1) * np.array(left)


cohorts = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 2)), min_size=2, max_size=14)


@given(cohorts)
@settings(max_examples=40, deadline=None)
def test_jackknife_is_that_of_n_refits(data: list[tuple[int, int]]) -> None:
    time, event = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    event[0] = 1.0
    times = [0.5, *range(1, int(time.max()) + 1)]
    if (event[time == time.max()] > 0).all():
        times.append(time.max() + 3)  # the curve is at zero there
    for quantity in QUANTITIES:
        codes = event if quantity == "cumulative incidence" else (event > 0).astype(float)
        found = pseudo_observations(time, codes, times, quantity=quantity)
        expected = np.column_stack([slow_pseudo(quantity, time, event, t) for t in times])
        np.testing.assert_allclose(found.values, expected, atol=1e-11)
        ones = np.ones(time.size)
        whole = [slow_estimate(quantity, time, event, ones, t) for t in times]
        np.testing.assert_allclose(found.estimate, whole, atol=1e-13)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("seed", range(4))
def test_infinitesimal_is_the_derivative_by_the_weight(quantity: PseudoQuantity, seed: int) -> None:
    g = np.random.default_rng(seed)
    n = 15
    time, event, times = g.integers(1, 8, n).astype(float), g.integers(0, 3, n).astype(float), [1.0, 3.0, 4.5]
    time[0], event[0] = 9.0, 0.0
    codes = event if quantity == "cumulative incidence" else (event > 0).astype(float)
    found = pseudo_observations(time, codes, times, quantity=quantity, kind="infinitesimal")
    for row in range(n):
        step = np.zeros(n)
        step[row] = 1e-5
        for column, t in enumerate(times):
            up, down = (slow_estimate(quantity, time, event, 1 + s * step, t) for s in (1, -1))
            slope = (up - down) / 2e-5
            np.testing.assert_allclose(found.values[row, column], found.estimate[column] + n * slope, atol=1e-7)
    np.testing.assert_allclose(found.values.mean(axis=0), found.estimate, atol=1e-12)


def test_without_censoring_it_is_what_was_observed() -> None:
    g = np.random.default_rng(3)
    time, cause = g.integers(1, 9, 30).astype(float), g.integers(1, 3, 30)
    times = np.array([2.0, 4.5, 8.0])
    kinds: tuple[PseudoKind, ...] = ("jackknife", "infinitesimal")
    for kind in kinds:
        survival = pseudo_observations(time, np.ones(30), times, kind=kind).values
        np.testing.assert_allclose(survival, time[:, None] > times, atol=1e-12)
        mean = pseudo_observations(time, np.ones(30), times, quantity="restricted mean", kind=kind).values
        np.testing.assert_allclose(mean, np.minimum(time[:, None], times), atol=1e-12)
        struck = pseudo_observations(time, cause, times, quantity="cumulative incidence", kind=kind, of=2).values
        np.testing.assert_allclose(struck, (time[:, None] <= times) & (cause[:, None] == 2), atol=1e-12)


def test_incidences_and_survival_sum_to_one() -> None:
    g = np.random.default_rng(8)
    time, cause = g.integers(1, 30, 60).astype(float), g.integers(0, 4, 60)
    parts = [pseudo_observations(time, cause > 0, [5, 12, 20]).values]
    parts += [
        pseudo_observations(time, cause, [5, 12, 20], quantity="cumulative incidence", of=k).values for k in (1, 2, 3)
    ]
    np.testing.assert_allclose(np.sum(parts, axis=0), 1.0, atol=1e-12)


def test_row_order_unit_and_nearly_tied_times() -> None:
    time, event = np.array([3.0, 1.0, 2.0, 2.0, 5.0, 4.0]), np.array([1, 1, 0, 1, 0, 1])
    values = pseudo_observations(time, event, [2.5, 4.0]).values
    order = [4, 2, 0, 5, 1, 3]
    np.testing.assert_allclose(pseudo_observations(time[order], event[order], [2.5, 4.0]).values, values[order])
    moved = time * 30.4375 * (1 + np.array([0, 0, 1, -1, 0, 0]) * 1e-12)
    np.testing.assert_allclose(pseudo_observations(moved, event, np.array([2.5, 4.0]) * 30.4375).values, values)


def test_many_rows_are_quick_and_the_mean_is_close_to_the_estimate() -> None:
    g = np.random.default_rng(0)
    time, cause = np.round(g.exponential(size=20_000), 3), g.integers(0, 3, 20_000)
    found = pseudo_observations(time, cause, [0.5, 1.0, 2.0], quantity="cumulative incidence")
    np.testing.assert_allclose(found.values.mean(axis=0), found.estimate, atol=1e-6)


GOOD: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 1, 0], "times": [1, 2]}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"time": [1, 2, np.nan]}, "`time` must be finite"),
    ({"time": [1, 2, -3]}, "`time` must be finite and non-negative"),
    ({"time": [1], "event": [1]}, "`time` must hold at least two rows; it has one"),
    ({"event": [1, 0, np.nan]}, "`event` must be finite"),
    ({"event": [1, 0, 2]}, "`event` must be 0 or 1"),
    ({"event": [1, 0]}, "`event` must have 3 elements"),
    ({"times": [1, np.nan]}, "`times` must be finite"),
    ({"times": [-1]}, "`times` must be finite and non-negative"),
    ({"times": 1.0}, "`times` must be one-dimensional"),
    ({"times": [1, 3.5]}, r"`times` must be at most 3, the last observed time, .* it is 3\.5"),
    ({"quantity": "hazard"}, "`quantity` must be one of survival, restricted mean, cumulative incidence"),
    ({"kind": "exact"}, "`kind` must be 'jackknife' or 'infinitesimal'"),
    ({"quantity": "cumulative incidence", "event": [1, 0.5, 0]}, "`event` must be whole numbers"),
    ({"quantity": "cumulative incidence", "event": [1, np.nan, 0]}, "`event` must be whole numbers"),
    ({"quantity": "cumulative incidence", "of": 2}, r"`of` must be one of the causes in `event` \(1\); it is 2"),
    ({"quantity": "cumulative incidence", "of": 0}, "`of` must be a cause, a whole number of at least 1"),
    ({"quantity": "cumulative incidence", "event": [0, 0, 0]}, r"`of` must be .* \(none\)"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pseudo_observations(**(GOOD | change))


def test_edges_that_have_an_answer() -> None:
    nothing = pseudo_observations([1, 2, 3], [0, 0, 0], [0, 2, 3])
    np.testing.assert_array_equal(nothing.values, np.ones((3, 3)))
    together = pseudo_observations([2, 2, 2], [1, 1, 1], [1, 2, 9])
    np.testing.assert_array_equal(together.values, np.tile([1.0, 0.0, 0.0], (3, 1)))
    mean = pseudo_observations([2, 2, 2], [1, 1, 1], [0, 1, 9], quantity="restricted mean")
    np.testing.assert_allclose(mean.values, np.tile([0.0, 1.0, 2.0], (3, 1)))
    assert pseudo_observations([1, 2], [1, 0], []).values.shape == (2, 0)
