from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.curves.comparison import (
    Transform,
    compare_at,
    crossings,
    survival_difference,
    survival_ratio,
)
from counterpoise.kernels.curves.product_limit import SurvivalCurve, kaplan_meier, survival_at

ROWS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1)), min_size=1, max_size=15)
TRANSFORMS: Any = get_args(Transform)

ROUNDING = 1e-24  # the chi-squared of curves that are equal but for their last digit


def curve(rows: list[tuple[int, int]]) -> SurvivalCurve:
    return kaplan_meier([time for time, _ in rows], [event for _, event in rows])


A, B = kaplan_meier([2, 4, 6, 8], [1, 1, 0, 1]), kaplan_meier([1, 2, 3, 4], [1, 1, 1, 0])


def test_difference_and_ratio_by_hand() -> None:
    # At 3 S is 3/4 and 1/4, both with variance 3/64 (three of four, and one of four).
    gap, ratio = survival_difference(A, B, [3]), survival_ratio(A, B, [3], confidence=0.9)
    assert gap.value[0] == pytest.approx(0.5)
    assert gap.std_error[0] ** 2 == pytest.approx(6 / 64)
    assert gap.z[0] == pytest.approx(0.5 / np.sqrt(6 / 64))
    assert gap.upper[0] - gap.lower[0] == pytest.approx(2 * 1.959963984540054 * np.sqrt(6 / 64))
    # Variances of log S: (3/64) / (9/16) = 1/12 and (3/64) / (1/16) = 3/4.
    assert ratio.value[0] == pytest.approx(3)
    assert ratio.std_error[0] ** 2 == pytest.approx(1 / 12 + 3 / 4)
    assert ratio.z[0] == pytest.approx(np.log(3) / np.sqrt(5 / 6))
    assert ratio.lower[0] * ratio.upper[0] == pytest.approx(9)
    assert (gap.measure, ratio.measure, ratio.confidence) == ("difference", "ratio", 0.9)


def test_what_is_not_known_is_nan() -> None:
    times = [0.5, 3, 5, 8, 9]
    gap, ratio = survival_difference(A, B, times), survival_ratio(A, B, times)
    # Before any event: no difference, no test. After 4 b is unknown.
    np.testing.assert_array_equal(gap.value[[0, 2, 3, 4]], [0, np.nan, np.nan, np.nan])
    assert (gap.lower[0], gap.upper[0]) == (0, 0)
    assert np.isnan([gap.z[0], gap.p_value[0], ratio.z[0], ratio.p_value[0]]).all()
    dead = kaplan_meier([1, 2], [1, 1])
    at_zero, over_zero = survival_difference(A, dead, [3]), survival_ratio(A, dead, [3])
    assert at_zero.value[0] == 0.75
    assert np.isnan([at_zero.std_error[0], at_zero.lower[0], at_zero.z[0], at_zero.p_value[0]]).all()
    assert np.isnan([over_zero.value[0], over_zero.std_error[0], over_zero.lower[0], over_zero.p_value[0]]).all()


@given(ROWS, ROWS, st.lists(st.integers(0, 10), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_exchanged_curves(one: Any, other: Any, times: list[int]) -> None:
    a, b = curve(one), curve(other)
    gap, back = survival_difference(a, b, times), survival_difference(b, a, times)
    np.testing.assert_allclose(back.value, -gap.value)
    np.testing.assert_allclose(back.lower, -gap.upper)
    np.testing.assert_allclose(back.p_value, gap.p_value)
    ratio, inverse = survival_ratio(a, b, times), survival_ratio(b, a, times)
    np.testing.assert_allclose(inverse.value, 1 / ratio.value)
    np.testing.assert_allclose(inverse.upper, 1 / ratio.lower)
    for k, time in enumerate(times):
        plain = compare_at([a, b], time, transform="plain")
        np.testing.assert_allclose(plain.p_value, gap.p_value[k], rtol=1e-9)
        np.testing.assert_allclose(plain.statistic, gap.z[k] ** 2, rtol=1e-9, atol=ROUNDING)
        logs = compare_at([a, b], time, transform="log")
        np.testing.assert_allclose(logs.statistic, ratio.z[k] ** 2, rtol=1e-9, atol=ROUNDING)


@given(st.lists(ROWS, min_size=2, max_size=4), st.sampled_from(TRANSFORMS))
@settings(deadline=None, max_examples=40)
def test_k_samples_by_weighted_squares(samples: Any, transform: Any) -> None:
    curves = [curve(rows) for rows in samples]
    found = compare_at(curves, 5, transform=transform)
    assert found.df == len(curves) - 1
    reverse = compare_at(curves[::-1], 5, transform=transform)
    np.testing.assert_allclose(reverse.statistic, found.statistic, rtol=1e-9, atol=1e-12)
    s, se = found.survival, found.std_error
    if np.isnan(s).any() or not ((s > 0) & (s < 1)).all():
        return
    y, slope = {
        "plain": (s, 1 + 0 * s),
        "log": (np.log(s), 1 / s),
        "log-log": (np.log(-np.log(s)), 1 / (s * np.log(s))),
        "arcsine": (np.arcsin(np.sqrt(s)), 1 / (2 * np.sqrt(s * (1 - s)))),
        "logit": (np.log(s / (1 - s)), 1 / (s * (1 - s))),
    }[transform]
    weight = 1 / (slope * se) ** 2
    statistic = np.sum(weight * (y - np.sum(weight * y) / weight.sum()) ** 2)
    np.testing.assert_allclose(found.statistic, statistic, rtol=1e-8, atol=1e-12)


def test_curves_that_cannot_be_compared_at_a_time() -> None:
    dead, whole = kaplan_meier([1, 2], [1, 1]), kaplan_meier([5, 6], [0, 0])
    for transform in TRANSFORMS:
        assert np.isnan(compare_at([A, B], 5, transform=transform).p_value)
        assert np.isnan(compare_at([A, dead], 3, transform=transform).statistic)
        assert np.isnan(compare_at([whole, whole], 3, transform=transform).p_value)
        known = transform in ("plain", "log")
        assert np.isnan(compare_at([A, whole], 3, transform=transform).p_value) != known
    assert compare_at([A, whole], 3, transform="plain").statistic == pytest.approx(0.25**2 / (3 / 64))


def slow_crossings(a: SurvivalCurve, b: SurvivalCurve, margin: float) -> list[float]:
    ends = [float(c.time[-1]) for c in (a, b) if c.survival[-1] > 0]
    end, above, found = min(ends, default=99.0), 0, []
    for time in sorted({*a.time.tolist(), *b.time.tolist()}):
        if time > end:
            break
        gap = [survival_at(c, [time], extend=True).survival[0] for c in (a, b)]
        side = int(np.sign(gap[0] - gap[1])) if abs(gap[0] - gap[1]) > max(margin, 1e-12) else 0
        if side and above and side != above:
            found.append(time)
        above = side or above
    return found


@given(ROWS, ROWS, st.sampled_from([0.0, 0.1, 0.3]))
@settings(deadline=None, max_examples=80)
def test_crossings_against_a_loop(one: Any, other: Any, margin: float) -> None:
    a, b = curve(one), curve(other)
    found, back = crossings(a, b, margin=margin), crossings(b, a, margin=margin)
    assert found.time.tolist() == slow_crossings(a, b, margin)
    assert found.crossed == (found.time.size > 0)
    assert found.largest.size == found.time.size + 1
    np.testing.assert_array_equal(back.time, found.time)
    np.testing.assert_allclose(back.largest, -found.largest)
    if found.crossed:
        assert (np.abs(found.largest) > margin).all()
        assert (np.sign(found.largest[1:]) != np.sign(found.largest[:-1])).all()
        bounds = np.concatenate(([0], found.time, [found.end]))
        assert ((bounds[:-1] <= found.largest_time) & (found.largest_time <= bounds[1:])).all()


def test_crossings_by_hand() -> None:
    # a 3/4 1/2 1/2 1/2 1/2 1/2 1/4; b 1 1 3/4 1/2 1/4 0: equal at 4, crossed at 5.
    a, b = kaplan_meier([1, 2, 7, 8], [1, 1, 1, 0]), kaplan_meier([3, 4, 5, 6], [1, 1, 1, 1])
    found = crossings(a, b)
    assert (found.crossed, found.time.tolist(), found.end) == (True, [5], 8)
    np.testing.assert_allclose(found.largest, [-0.5, 0.5])
    np.testing.assert_array_equal(found.largest_time, [2, 6])
    # With a margin of .3 the order at 5, by .25, does not count; that at 6 does; .6 is never passed.
    assert crossings(a, b, margin=0.3).time.tolist() == [6]
    assert not crossings(a, b, margin=0.6).crossed


def test_curves_that_do_not_cross() -> None:
    for a, b in ((A, A), (kaplan_meier([1, 2], [0, 0]), kaplan_meier([3], [0]))):
        found = crossings(a, b)
        assert (found.crossed, found.time.size, found.largest.tolist()) == (False, 0, [0])
    # Steps at times equal up to rounding are one step.
    a, b = kaplan_meier([0.3, 1, 2], [1, 1, 0]), kaplan_meier([0.1 + 0.2, 0.9, 2], [1, 1, 0])
    assert not crossings(a, b).crossed


@pytest.mark.parametrize("compare", [survival_difference, survival_ratio])
def test_times_and_confidence_that_are_not_accepted(compare: Any) -> None:
    with pytest.raises(InputError, match="`times` must be finite;"):
        compare(A, B, [np.nan])
    with pytest.raises(InputError, match="`times` must be finite and non-negative;"):
        compare(A, B, [-1])
    for confidence in (0, 95, np.nan):
        with pytest.raises(InputError, match="`confidence` must lie between 0 and 1"):
            compare(A, B, [1], confidence=confidence)


def test_what_is_not_accepted() -> None:
    with pytest.raises(InputError, match="`curves` must hold at least two curves; it holds 1"):
        compare_at([A], 3)
    with pytest.raises(InputError, match="`transform` must be one of plain, log, log-log"):
        compare_at([A, B], 3, transform="sqrt")  # pyright: ignore[reportArgumentType]
    for time in (np.nan, np.inf, -1):
        with pytest.raises(InputError, match="`times` must be finite"):
            compare_at([A, B], time)
    for margin in (-0.1, 1, np.nan, np.inf):
        with pytest.raises(InputError, match="`margin` must be at least 0 and less than 1"):
            crossings(A, B, margin=margin)
