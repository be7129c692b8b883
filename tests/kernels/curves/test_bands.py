from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.special import kolmogi, ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.bands import equal_precision_value, hall_wellner_value, simultaneous_band
from counterpoise.kernels.curves.cumulative_hazard import fleming_harrington
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at

TIME, EVENT = [2.0, 3, 3, 5, 7, 8, 9, 11, 12, 14], [0, 1, 1, 0, 1, 1, 0, 1, 1, 0]
KINDS: Any = ("equal-precision", "hall-wellner")


def test_the_whole_bridge_is_kolmogorovs_law() -> None:
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
        assert hall_wellner_value(0, 1, confidence) == pytest.approx(kolmogi(1 - confidence), rel=1e-10)


def test_a_bridge_seen_once_is_normal() -> None:
    assert equal_precision_value(0.3, 0.3, 0.9) == pytest.approx(ndtri(0.95), rel=1e-14)
    assert hall_wellner_value(0.3, 0.3, 0.9) == pytest.approx(ndtri(0.95) * np.sqrt(0.21), rel=1e-14)
    # Short stretches come near to it, and never below.
    for length in (1e-13, 1e-11, 1e-7, 1e-6):
        extra = hall_wellner_value(0.3, 0.3 + length) - hall_wellner_value(0.3, 0.3)
        assert 0 <= extra < 2 * np.sqrt(max(length, 1e-8))
        assert 0 <= equal_precision_value(0.3, 0.3 + length) - equal_precision_value(0.3, 0.3) < 0.01


@given(st.floats(0.01, 0.98), st.floats(0.01, 0.98), st.floats(0.6, 0.995))
@settings(deadline=None, max_examples=15)
def test_values_of_mirrored_and_of_longer_stretches(one: float, other: float, confidence: float) -> None:
    start, end = min(one, other), max(one, other)
    assume(end - start > 1e-4)
    for value, wider in ((equal_precision_value, (0.005, 0.99)), (hall_wellner_value, (0.0, 1.0))):
        found = value(start, end, confidence)
        # The bridge run backwards is a bridge.
        assert value(1 - end, 1 - start, confidence) == pytest.approx(found, rel=1e-8)
        assert found <= value(*wider, confidence) * (1 + 1e-12)
        assert found < value(start, end, confidence + 0.004)


def test_equal_precision_depends_on_the_length_of_the_clock_alone() -> None:
    for start, factor in ((0.1, 3.0), (0.01, 50.0), (0.5, 1.5)):
        odds = factor * start / (1 - start)
        far = 7 * odds / (1 + 7 * odds)
        near = 7 * start / (1 - start) / (1 + 7 * start / (1 - start))
        assert equal_precision_value(near, far) == pytest.approx(
            equal_precision_value(start, odds / (1 + odds)), rel=1e-9
        )


def slow_values(start: float, end: float, confidence: float, seed: int) -> tuple[float, float]:
    """Simulate bridges and read off both values; paths leave between two looks, so more are drawn the finer they are.

    Where a path is within the bounds at two looks it still left between them with probability
    exp(-2 (c - x) (c - y) / dt) at either bound; here looks are so near that this is corrected by a shift of the
    bound of .5826 sqrt(dt), Chernoff's and Siegmund's.
    """
    draw, looks, paths = np.random.default_rng(seed), 4000, 20_000
    u = np.linspace(0, 1, looks + 1)
    inside = (u >= start) & (u <= end)
    weight = np.sqrt(u * (1 - u), where=inside, out=np.ones_like(u))
    highest, most_precise = np.empty(paths), np.empty(paths)
    correction = 0.5826 / np.sqrt(looks)
    for first in range(0, paths, 500):
        motion = np.cumsum(draw.standard_normal((500, looks)), axis=1) / np.sqrt(looks)
        motion = np.concatenate((np.zeros((500, 1)), motion), axis=1)
        size = np.abs(motion - u * motion[:, -1:])
        highest[first : first + 500] = (size[:, inside]).max(axis=1) + correction
        most_precise[first : first + 500] = ((size + correction) / weight)[:, inside].max(axis=1)
    return float(np.quantile(most_precise, confidence)), float(np.quantile(highest, confidence))


@pytest.mark.slow
@pytest.mark.parametrize(("start", "end"), [(0.1, 0.9), (0.05, 0.5), (0.3, 0.6)])
def test_values_against_simulated_bridges(start: float, end: float) -> None:
    for confidence in (0.8, 0.9, 0.95):
        precise, highest = slow_values(start, end, confidence, seed=5)
        # A quantile of 20,000 draws has a standard error of about .01 here.
        assert equal_precision_value(start, end, confidence) == pytest.approx(precise, abs=0.04)
        assert hall_wellner_value(start, end, confidence) == pytest.approx(highest, abs=0.02)


def coverage(kind: Any, interval: Any, seed: int) -> float:
    draw, covered, studies = np.random.default_rng(seed), 0, 2000
    for _ in range(studies):
        time, censoring = draw.exponential(1, 200), draw.uniform(0.2, 3, 200)
        curve = kaplan_meier(np.minimum(time, censoring), time <= censoring)
        band = simultaneous_band(curve, kind=kind, interval=interval, start=0.1, end=1.5)
        # Between its steps the band is constant and the truth falls: it is to hold at both ends of each.
        until = np.append(band.time[1:], band.end)
        covered += bool((band.lower <= np.exp(-until)).all() and (band.upper >= np.exp(-band.time)).all())
    return covered / studies


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interval", ["log-log", "arcsine"])
def test_coverage(kind: Any, interval: Any) -> None:
    # 2,000 studies of 200 patients: a standard error of .5 points; the bands are asymptotic.
    assert coverage(kind, interval, seed=11) == pytest.approx(0.95, abs=0.015)


def test_a_band_by_hand() -> None:
    # Ten rows; variance of log S: 2/(9*7) at 3, + 1/(6*5) at 7, + 1/(5*4) at 8.
    curve = kaplan_meier(TIME, EVENT)
    variance = np.cumsum([2 / 63, 1 / 30, 1 / 20])
    survival = np.array([7 / 9, 7 / 9 * 5 / 6, 7 / 9 * 5 / 6 * 4 / 5])
    fraction = 10 * variance / (1 + 10 * variance)
    precise = simultaneous_band(curve, interval="plain", end=8)
    np.testing.assert_array_equal(precise.time, [3, 7, 8])
    np.testing.assert_allclose([precise.fraction_start, precise.fraction_end], fraction[[0, 2]], rtol=1e-12)
    value = equal_precision_value(fraction[0], fraction[2])
    assert precise.critical_value == value
    np.testing.assert_allclose(precise.upper, np.minimum(survival * (1 + value * np.sqrt(variance)), 1), rtol=1e-12)
    wellner = simultaneous_band(curve, kind="hall-wellner", interval="plain", end=8)
    value = hall_wellner_value(fraction[0], fraction[2])
    width = value * survival * (1 + 10 * variance) / np.sqrt(10)
    np.testing.assert_allclose(wellner.lower, np.maximum(survival - width, 0), rtol=1e-12)


def test_bounds() -> None:
    curve = kaplan_meier(TIME, EVENT)
    whole = simultaneous_band(curve)
    assert (whole.start, whole.end) == (3, 12)
    part = simultaneous_band(curve, start=4, end=13)
    np.testing.assert_array_equal(part.time, [4, 7, 8, 11, 12])
    np.testing.assert_allclose(part.survival, survival_at(curve, part.time).survival)
    assert part.critical_value == pytest.approx(whole.critical_value)
    zero = simultaneous_band(kaplan_meier([1, 2, 3, 4], [1, 1, 0, 1]), end=3.9)
    np.testing.assert_array_equal(zero.time, [1, 2])
    later = simultaneous_band(kaplan_meier(TIME, EVENT, start_time=5), kind="hall-wellner", start=5)
    assert later.fraction_start == 0


def test_hall_wellners_band_before_the_first_event() -> None:
    curve = kaplan_meier(TIME, EVENT)
    value = hall_wellner_value(0, simultaneous_band(curve).fraction_end)
    shift = value / np.sqrt(10)
    cases: Any = (("plain", 1 - shift), ("log", np.exp(-shift)), ("log-log", 0.0), ("logit", 0.0))
    for interval, lower in cases:
        band = simultaneous_band(curve, kind="hall-wellner", interval=interval, start=0)
        assert (band.fraction_start, band.time[0], band.survival[0], band.upper[0]) == (0, 0, 1, 1)
        assert band.lower[0] == pytest.approx(lower)


@given(st.integers(0, 1000), st.sampled_from(KINDS), st.sampled_from(["log-log", "plain", "log", "logit", "arcsine"]))
@settings(deadline=None, max_examples=25)
def test_bands_hold_the_curve_its_limits_and_do_not_know_the_unit(seed: int, kind: Any, interval: Any) -> None:
    draw = np.random.default_rng(seed)
    time, event = draw.integers(1, 12, 40).astype(float), draw.random(40) < 0.6
    curve = kaplan_meier(time, event, interval=interval)
    band = simultaneous_band(curve, kind=kind, interval=interval)
    assert (band.lower <= band.survival).all()
    assert (band.survival <= band.upper).all()
    if kind == "equal-precision":
        read = survival_at(curve, band.time)
        assert (band.lower <= read.lower + 1e-12).all()
        assert (band.upper >= read.upper - 1e-12).all()
    order = draw.permutation(40)
    other = simultaneous_band(kaplan_meier(time[order] * 30.4, event[order]), kind=kind, interval=interval)
    np.testing.assert_allclose(other.lower, band.lower, rtol=1e-9)
    np.testing.assert_allclose(other.time, band.time * 30.4)


def test_curves_that_bands_take() -> None:
    doubled: Floats = np.repeat(TIME, 2)
    counts = simultaneous_band(kaplan_meier(TIME, EVENT, weights=np.full(10, 2.0), robust=False), kind="hall-wellner")
    rows = simultaneous_band(kaplan_meier(doubled, np.repeat(EVENT, 2)), kind="hall-wellner")
    np.testing.assert_allclose(counts.lower, rows.lower, rtol=1e-10)
    assert simultaneous_band(fleming_harrington(TIME, EVENT)).time.size == 5
    assert simultaneous_band(kaplan_meier([1, 2], [1, 0])).critical_value == pytest.approx(ndtri(0.975))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "nair"}, "`kind` must be equal-precision or hall-wellner; it is 'nair'."),
        ({"interval": "none"}, "`interval` must be one of"),
        ({"confidence": 95}, "`confidence` must lie between 0 and 1; it is 95."),
        ({"confidence": np.nan}, "`confidence` must lie between 0 and 1; it is nan."),
        ({"confidence": 0.9999999}, "`confidence` of a band must be at most 0.999999; it is 0.9999999."),
        ({"start": 2}, "`start` must lie between 3 and the band's end, 12; it is 2."),
        ({"start": 13}, "`start` must lie between 3 and the band's end, 12; it is 13."),
        ({"start": np.nan}, "`start` must lie between 3"),
        ({"start": -1, "kind": "hall-wellner"}, "`start` must lie between 0"),
        ({"end": 15}, "`end` must not be after 14, up to where the curve is known and not 0; it is 15."),
        ({"end": np.nan}, "`start` must lie between 3"),
        ({"end": np.inf}, "`end` must not be after 14"),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        simultaneous_band(kaplan_meier(TIME, EVENT), **changes)
    assert str(caught.value).startswith(message)


def test_curves_that_bands_refuse() -> None:
    for curve in (kaplan_meier(TIME, EVENT, weights=np.full(10, 2.0)), kaplan_meier(TIME, EVENT, cluster=TIME)):
        with pytest.raises(InputError, match="`curve` must have Greenwood's variance"):
            simultaneous_band(curve)
    for curve in (kaplan_meier([1, 2], [0, 0]), kaplan_meier([1, 1], [1, 1]), kaplan_meier([1], [1])):
        with pytest.raises(InputError, match="`curve` must have an event that leaves somebody at risk"):
            simultaneous_band(curve)
    with pytest.raises(InputError, match="`end` must not be after 2, up to"):
        simultaneous_band(kaplan_meier([1, 2, 3], [1, 1, 1]), end=3)


def test_fractions_that_are_not_accepted() -> None:
    for start, end in ((0, 0.5), (0.5, 1), (0.6, 0.5), (np.nan, 0.5), (0.2, np.nan)):
        with pytest.raises(InputError, match="`start` and `end` must ascend and lie between 0 and 1"):
            equal_precision_value(start, end)
    for start, end in ((-0.1, 0.5), (0.5, 1.1), (0.6, 0.5), (np.nan, 0.5)):
        with pytest.raises(InputError, match="`start` and `end` must ascend and lie from 0 to 1"):
            hall_wellner_value(start, end)
