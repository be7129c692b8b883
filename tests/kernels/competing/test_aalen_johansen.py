from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.competing.aalen_johansen import (
    aalen_johansen,
    incidence_at,
    incidence_difference,
    incidence_influence,
    time_lost,
)
from counterpoise.kernels.curves.product_limit import kaplan_meier
from tests.kernels.competing.slow_competing import ROWS, Rows, columns, derivatives, slow_incidence, sum_within

FEW = settings(max_examples=30, deadline=None)


def test_six_rows_by_hand() -> None:
    # at 1 of 6: cause 1; at 2 of 5: causes 1 and 2 and a censoring; at 3 of 2: cause 2; at 4 one is censored
    curve = aalen_johansen(time=[2, 1, 2, 3, 4, 2], cause=[1, 1, 2, 2, 0, 0])
    np.testing.assert_array_equal(curve.time, [1, 2, 3, 4])
    np.testing.assert_array_equal(curve.at_risk, [6, 5, 2, 1])
    np.testing.assert_array_equal(curve.events, [[1, 1, 0, 0], [0, 1, 1, 0]])
    np.testing.assert_array_equal(curve.censored, [0, 1, 0, 1])
    np.testing.assert_allclose(curve.survival, [5 / 6, 1 / 2, 1 / 4, 1 / 4], rtol=1e-15)
    np.testing.assert_allclose(curve.incidence, [[1 / 6, 1 / 3, 1 / 3, 1 / 3], [0, 1 / 6, 5 / 12, 5 / 12]], rtol=1e-15)
    assert (curve.n, curve.n_events.tolist(), curve.causes.tolist()) == (6, [2, 2], [1, 2])
    # areas up to 4: 1/6 + 1/3 + 1/3, 0 + 1/6 + 5/12, and 1 + 5/6 + 1/2 + 1/4
    lost = time_lost(curve, 4)
    np.testing.assert_allclose(lost.time_lost, [5 / 6, 7 / 12], rtol=1e-15)
    assert lost.event_free == pytest.approx(31 / 12, rel=1e-15)


def test_variance_by_hand() -> None:
    # without censoring F is a proportion, whose variance is p (1 - p) / n
    curve = aalen_johansen(time=[1, 1, 2, 3, 3], cause=[1, 2, 1, 2, 1])
    proportions = np.array([[1, 2, 3], [1, 1, 2]]) / 5
    np.testing.assert_allclose(curve.std_error**2, proportions * (1 - proportions) / 5, rtol=1e-13)
    two = aalen_johansen(time=[1, 2], cause=[1, 2], variance="aalen")
    # dM_1(1) and dM_2(2) have variances 1/4 and 1; F_1(2) takes 1 of the first, F_2(2) -1 of it and S(2-) = 1/2 of
    # the second
    np.testing.assert_allclose(two.std_error**2, [[1 / 4, 1 / 4], [0, 1 / 4 + 1 / 4]], rtol=1e-14)


@given(ROWS)
@FEW
def test_equals_the_definition(rows: Rows) -> None:
    c = columns(rows)
    curve = aalen_johansen(c.time, c.cause, entry=c.entry, weights=c.weights, causes=[1, 2])
    for index, of in enumerate((1, 2)):
        theirs = [slow_incidence(c, c.weights, of, t) for t in curve.time]
        np.testing.assert_allclose(curve.incidence[index], theirs, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(curve.incidence.sum(axis=0) + curve.survival, 1.0, atol=1e-12)


@given(ROWS)
@FEW
def test_influence_is_the_derivative_by_the_weights(rows: Rows) -> None:
    c = columns(rows)
    curve = aalen_johansen(c.time, c.cause, entry=c.entry, weights=c.weights, causes=[1, 2])
    within = aalen_johansen(c.time, c.cause, entry=c.entry, weights=c.weights, causes=[1, 2], cluster=c.cluster)
    at = float(np.median(c.time))
    numeric = np.stack([derivatives(lambda w, k=k: slow_incidence(c, w, k, at), c.weights) for k in (1, 2)], axis=1)
    influence = incidence_influence(curve, at)
    np.testing.assert_allclose(influence, numeric, atol=2e-9)
    np.testing.assert_allclose(
        incidence_at(curve, [at], extend=True).std_error[:, 0] ** 2, (influence**2).sum(axis=0), atol=1e-12
    )
    summed = (sum_within(influence, c.cluster) ** 2).sum(axis=0)
    np.testing.assert_allclose(incidence_at(within, [at], extend=True).std_error[:, 0] ** 2, summed, atol=1e-12)


@given(ROWS)
@FEW
def test_the_two_ways_of_adding_squares_agree(rows: Rows) -> None:
    c = columns(rows)
    alone = aalen_johansen(c.time, c.cause, weights=c.weights, causes=[1, 2])
    labelled = aalen_johansen(c.time, c.cause, weights=c.weights, causes=[1, 2], cluster=np.arange(c.time.size))
    late = aalen_johansen(c.time, c.cause, weights=c.weights, causes=[1, 2], entry=np.zeros(c.time.size))
    for other in (labelled, late):
        np.testing.assert_allclose(alone.std_error**2, other.std_error**2, atol=1e-13)
        np.testing.assert_allclose(alone.survival_std_error**2, other.survival_std_error**2, atol=1e-13)


@given(ROWS)
@FEW
def test_one_cause_is_the_complement_of_kaplan_meier(rows: Rows) -> None:
    c = columns(rows)
    options: dict[str, Any] = {"entry": c.entry, "weights": c.weights, "cluster": c.cluster}
    curve = aalen_johansen(c.time, c.cause > 0, causes=[1], **options)
    survival = kaplan_meier(c.time, c.cause > 0, **options)
    np.testing.assert_allclose(curve.incidence[0], 1 - survival.survival, atol=1e-14)
    np.testing.assert_allclose(curve.std_error[0] ** 2, survival.std_error**2, atol=1e-13)
    np.testing.assert_allclose(curve.survival_std_error**2, survival.std_error**2, atol=1e-13)
    # without ties Aalen's variance has 1 / (n - 1)^2 where Greenwood's has 1 / (n (n - 1))
    single = np.argsort(np.argsort(c.time, kind="stable")) + 1.0
    aalen = aalen_johansen(single, c.cause > 0, causes=[1], variance="aalen")
    left = aalen.survival > 0
    spread = np.cumsum(aalen.events[0][left] / np.maximum(aalen.at_risk[left] - 1, 1) ** 2) * aalen.survival[left] ** 2
    np.testing.assert_allclose(aalen.std_error[0][left] ** 2, spread, atol=1e-13)


@given(ROWS)
@FEW
def test_order_labels_and_repeats_do_not_matter(rows: Rows) -> None:
    c = columns(rows)
    curve = aalen_johansen(c.time, c.cause, entry=c.entry, weights=c.weights, causes=[1, 2])
    order = np.random.default_rng(len(rows)).permutation(c.time.size)
    mixed = aalen_johansen(c.time[order], c.cause[order], entry=c.entry[order], weights=c.weights[order], causes=[1, 2])
    np.testing.assert_allclose(mixed.incidence, curve.incidence, atol=1e-14)
    np.testing.assert_allclose(mixed.std_error**2, curve.std_error**2, atol=1e-13)
    swapped = aalen_johansen(c.time, np.array([0, 5, 3])[c.cause], entry=c.entry, weights=c.weights, causes=[3, 5])
    np.testing.assert_array_equal(swapped.incidence, curve.incidence[::-1])
    np.testing.assert_array_equal(swapped.std_error, curve.std_error[::-1])
    whole = (2 * c.weights).astype(int)
    repeated = aalen_johansen(np.repeat(c.time, whole), np.repeat(c.cause, whole), causes=[1, 2])
    weighted = aalen_johansen(c.time, c.cause, weights=whole, causes=[1, 2])
    np.testing.assert_allclose(repeated.incidence, weighted.incidence, atol=1e-13)


@given(ROWS)
@FEW
def test_time_lost_is_the_area_and_its_error_that_of_its_influence(rows: Rows) -> None:
    c = columns(rows)
    curve = aalen_johansen(c.time, c.cause, weights=c.weights, causes=[1, 2])
    horizon = float(c.time.max()) - 0.5
    lost = time_lost(curve, horizon)

    def area(weights: Any) -> Any:
        grid = np.append(np.arange(0.0, horizon), horizon)
        values = [[slow_incidence(c, weights, k, t, entry=False) for t in grid[:-1]] for k in (1, 2)]
        return np.array(values) @ np.diff(grid)

    np.testing.assert_allclose(lost.time_lost, area(c.weights), atol=1e-12)
    assert lost.time_lost.sum() + lost.event_free == pytest.approx(horizon)
    numeric = derivatives(area, c.weights)
    np.testing.assert_allclose(lost.std_error**2, (numeric**2).sum(axis=0), atol=1e-7)
    np.testing.assert_allclose(lost.event_free_std_error**2, (numeric.sum(axis=1) ** 2).sum(), atol=1e-7)


def test_reading() -> None:
    curve = aalen_johansen(time=[0.1 + 0.2, 2, 2, 4], cause=[1, 2, 0, 0])
    read = incidence_at(curve, [0, 0.3, 1, 4, 5])
    np.testing.assert_allclose(read.incidence, [[0, 0.25, 0.25, 0.25, np.nan], [0, 0, 0, 0.25, np.nan]])
    np.testing.assert_array_equal(read.at_risk, [4, 4, 3, 1, 0])
    assert np.isnan(read.lower[0, 0])
    assert np.isnan(read.survival[4])
    kept = incidence_at(curve, [5], extend=True)
    np.testing.assert_allclose(kept.incidence[:, 0], [0.25, 0.25])
    ended = aalen_johansen(time=[1, 2], cause=[1, 2])
    np.testing.assert_allclose(incidence_at(ended, [9]).incidence[:, 0], [0.5, 0.5])
    plain = aalen_johansen(time=[1, 2, 3], cause=[2, 1, 0], interval="plain")
    np.testing.assert_array_equal(plain.lower[0, 0], 0.0)
    np.testing.assert_array_equal(incidence_at(plain, [0]).upper[:, 0], [0.0, 0.0])
    assert time_lost(ended, 10).time_lost.tolist() == [0.5 * 1 + 0.5 * 8, 0.5 * 8]


def test_difference() -> None:
    arms = [aalen_johansen(time=[1, 2, 3, 4], cause=cause, causes=[1, 2]) for cause in ([1, 0, 1, 0], [0, 1, 2, 0])]
    found = incidence_difference(*arms, times=[0, 3, 9], confidence=0.9)
    assert found.confidence == 0.9
    np.testing.assert_array_equal(found.difference[:, 0], [0, 0])
    assert np.isnan(found.p_value[0, 0])
    assert np.isnan(found.difference[:, 2]).all()
    half = found.upper[0, 1] - found.difference[0, 1]
    assert half == pytest.approx(1.6448536269514722 * found.std_error[0, 1])
    back = incidence_difference(*arms[::-1], times=[3])
    np.testing.assert_allclose(back.difference[:, 0], -found.difference[:, 1])
    np.testing.assert_allclose(back.p_value[:, 0], found.p_value[:, 1])


def test_the_edges() -> None:
    one = aalen_johansen(time=[3], cause=[2])
    assert (one.causes.tolist(), one.incidence.tolist(), one.std_error.tolist()) == ([2], [[1.0]], [[0.0]])
    at_once = aalen_johansen(time=[1, 1, 1], cause=[1, 2, 2])
    np.testing.assert_allclose(at_once.incidence[:, 0], [1 / 3, 2 / 3])
    none = aalen_johansen(time=[1, 2], cause=[0, 0], causes=[1])
    np.testing.assert_array_equal(none.incidence, [[0, 0]])
    assert np.isnan(none.lower).all()
    # everyone leaves early, then a late entrant comes under observation: F stays where it was
    gone = aalen_johansen(time=[1, 5], cause=[1, 2], entry=[0, 3])
    np.testing.assert_array_equal(gone.incidence, [[1, 1], [0, 0]])
    np.testing.assert_array_equal(gone.std_error, 0.0)


GOOD: dict[str, Any] = {"time": [1.0, 2.0, 3.0, 4.0], "cause": [1, 0, 2, 1]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, 2, np.nan, 4]}, r"`time` must be finite; 1 of 4 is not \(first at index 2\)"),
        ({"time": [1, 2, -3, 4]}, "`time` must be finite and non-negative"),
        ({"time": []}, "`time` must hold at least one row|`cause`"),
        ({"cause": [1, np.nan, 2, 1]}, r"`cause` must be whole numbers, 0 for censored; 1 of 4 is not"),
        ({"cause": [1, 0.5, 2, 1]}, "`cause` must be whole numbers"),
        ({"cause": [1, np.inf, 2, 1]}, "`cause` must be whole numbers"),
        ({"cause": [1, -1, 2, 1]}, "`cause` must be whole numbers"),
        ({"cause": [0, 0, 0, 0]}, "`cause` must hold an event, or `causes` name the causes"),
        ({"cause": [[1, 0, 2, 1]]}, "`cause` must be one-dimensional"),
        ({"causes": [1]}, "`causes` must name every cause that occurs; it leaves out 2"),
        ({"causes": [0, 1, 2]}, "`causes` must be whole numbers of at least 1"),
        ({"causes": []}, "`causes` must be whole numbers of at least 1"),
        ({"entry": [0, 0, 3, 0]}, "`entry` must be before `time`"),
        ({"entry": [0, np.nan, 0, 0]}, "`entry` must be finite"),
        ({"weights": [1, 0, 1, 1]}, "`weights` must be positive"),
        ({"weights": [1, -1, 1, 1]}, "`weights` must be positive"),
        ({"weights": [1, np.inf, 1, 1]}, "`weights` must be finite"),
        ({"weights": [1, 1]}, "`weights` must have 4 elements"),
        ({"cluster": [1, np.nan, 1, 1]}, "`cluster` must not be missing"),
        ({"variance": "greenwood"}, "`variance` must be 'influence' or 'aalen'; it is 'greenwood'"),
        ({"interval": "wald"}, "`interval` must be one of"),
        ({"confidence": 95}, "`confidence` must lie between 0 and 1; it is 95"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        aalen_johansen(**{**GOOD, **changes})


def test_what_is_refused_of_a_curve() -> None:
    curve = aalen_johansen(**GOOD)
    options: list[dict[str, Any]] = [{"weights": [1, 1, 1, 1]}, {"cluster": [1, 1, 2, 2]}]
    for option in options:
        with pytest.raises(UnsupportedError, match="Aalen's variance does not hold"):
            aalen_johansen(**GOOD, variance="aalen", **option)
    with pytest.raises(InputError, match="`times` must be finite"):
        incidence_at(curve, [np.nan])
    with pytest.raises(InputError, match="`times` must be finite and non-negative"):
        incidence_at(curve, [-1])
    with pytest.raises(InputError, match="`at` must be finite"):
        incidence_influence(curve, np.nan)
    np.testing.assert_array_equal(incidence_influence(curve, 0.5), 0.0)
    for horizon in (0, -1, np.nan, np.inf):
        with pytest.raises(InputError, match="`horizon` must be finite and positive"):
            time_lost(curve, horizon)
    with pytest.raises(InputError, match="`horizon` must not be after the last observed time, 4; it is 5"):
        time_lost(aalen_johansen([1, 4], [1, 0]), 5)
    with pytest.raises(InputError, match="must have the same causes"):
        incidence_difference(curve, aalen_johansen([1, 2], [1, 0]), [1])
