from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.cumulative_hazard import fleming_harrington, hazard_limits, nelson_aalen
from counterpoise.kernels.curves.product_limit import kaplan_meier
from tests.by_hand import survival as by_hand

TIES: Any = ("breslow", "efron")
# entry, time at risk, event, weight in halves, cluster
ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(0, 1), st.integers(1, 6), st.integers(0, 2)),
    min_size=1,
    max_size=14,
)


def table(rows: list[tuple[int, ...]]) -> dict[str, Any]:
    columns = np.array(rows, dtype=float).T
    return {
        "time": columns[0] + columns[1],
        "event": columns[2],
        "entry": columns[0],
        "weights": columns[3] / 2,
        "cluster": columns[4],
    }


def test_six_rows_by_hand() -> None:
    # 1/6, + 1/5, + 1/3, + 0, + 1
    found = nelson_aalen(by_hand.TIME, by_hand.EVENT)
    steps = [Fraction(1, 6), Fraction(1, 5), Fraction(1, 3), Fraction(0), Fraction(1)]
    hazard = [float(sum(steps[: k + 1], Fraction(0))) for k in range(5)]
    variance = [float(sum((step**2 for step in steps[: k + 1]), Fraction(0))) for k in range(5)]
    np.testing.assert_allclose(found.hazard, hazard, rtol=1e-14)
    np.testing.assert_allclose(found.std_error, np.sqrt(variance), rtol=1e-14)
    np.testing.assert_array_equal(found.at_risk, by_hand.SIX_AT_RISK)
    np.testing.assert_array_equal(found.events, by_hand.SIX_EVENTS)
    np.testing.assert_array_equal(found.censored, by_hand.SIX_CENSORED)
    assert (found.n, found.n_events, found.ties, found.interval, found.robust) == (6, 4.0, "breslow", "log", False)


def test_tied_deaths_by_hand() -> None:
    # Three of five die at 1: 3/5, or 1/5 + 1/4 + 1/3 = 47/60. With weights 1 2 3 of the dead and 2 2 of the others,
    # mean 2 of the dead: 6/10, or 2/10 + 2/8 + 2/6 = 47/60.
    time, event, weights = [1, 1, 1, 2, 2], [1, 1, 1, 0, 0], [1, 2, 3, 2, 2]
    assert nelson_aalen(time, event).hazard[0] == pytest.approx(3 / 5)
    assert nelson_aalen(time, event, ties="efron").hazard[0] == pytest.approx(47 / 60)
    assert nelson_aalen(time, event, weights=weights).hazard[0] == pytest.approx(6 / 10)
    assert nelson_aalen(time, event, weights=weights, ties="efron").hazard[0] == pytest.approx(47 / 60)
    efron = nelson_aalen(time, event, ties="efron")
    assert efron.std_error[0] ** 2 == pytest.approx(1 / 25 + 1 / 16 + 1 / 9)


def slow_hazard(d: dict[str, Floats], weights: Floats, ties: str) -> Floats:
    steps, total = [], 0.0
    for t in np.unique(d["time"]):
        at_risk = (d["entry"] < t) & (t <= d["time"])
        dies = at_risk & (d["time"] == t) & (d["event"] == 1)
        n, dead, count = weights[at_risk].sum(), weights[dies].sum(), int(dies.sum())
        for j in range(count):
            total += dead / count / (n - (j * dead / count if ties == "efron" else 0.0))
        steps.append(total)
    return np.array(steps)


@given(ROWS, st.sampled_from(TIES))
@settings(deadline=None, max_examples=50)
def test_hazard_and_influence_against_a_loop_and_its_numerical_derivatives(rows: Any, ties: Any) -> None:
    d = table(rows)
    found = nelson_aalen(**d, ties=ties)
    np.testing.assert_allclose(found.hazard, slow_hazard(d, d["weights"], ties), rtol=1e-12, atol=1e-14)
    step, influence = 1e-5, []
    for i in range(d["time"].size):
        shift = step * (np.arange(d["time"].size) == i)
        slope = slow_hazard(d, d["weights"] + shift, ties) - slow_hazard(d, d["weights"] - shift, ties)
        influence.append(d["weights"][i] * slope / (2 * step))
    sums = np.array([np.array(influence)[d["cluster"] == c].sum(axis=0) for c in np.unique(d["cluster"])])
    # 1e-5 and 1e-7: the error of a central difference.
    np.testing.assert_allclose(found.std_error, np.sqrt((sums**2).sum(axis=0)), rtol=1e-5, atol=1e-7)


@given(ROWS, st.sampled_from(TIES), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_row_order_units_and_the_scale_of_weights_do_not_matter(rows: Any, ties: Any, random: Any) -> None:
    d, shuffled = table(rows), table(random.sample(rows, len(rows)))
    scaled = d | {"time": d["time"] * 30, "entry": d["entry"] * 30, "weights": d["weights"] * 7}
    first = nelson_aalen(**d, ties=ties)
    for other in (nelson_aalen(**shuffled, ties=ties), nelson_aalen(**scaled, ties=ties)):
        np.testing.assert_allclose(other.hazard, first.hazard, rtol=1e-10, atol=1e-12)
        # A variance that cancels to nothing is nothing to within 1e-16, and its root to within 1e-8.
        np.testing.assert_allclose(other.std_error, first.std_error, rtol=1e-9, atol=1e-7)


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_whole_weights_are_repeated_rows(rows: Any) -> None:
    d = table(rows)
    times = (2 * d["weights"]).astype(int)
    repeated: dict[str, Any] = {name: np.repeat(d[name], times) for name in ("time", "event", "entry")}
    once: dict[str, Any] = {name: d[name] for name in ("time", "event", "entry")} | {"weights": times}
    counts, rows_alone = nelson_aalen(**once, robust=False), nelson_aalen(**repeated)
    for name in ("hazard", "std_error", "lower", "upper", "at_risk", "events", "censored", "n_events"):
        np.testing.assert_allclose(getattr(counts, name), getattr(rows_alone, name), rtol=1e-12, atol=1e-14)


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_order_of_the_three_estimates_of_survival(rows: Any) -> None:
    d = {name: table(rows)[name] for name in ("time", "event", "entry")}
    product = kaplan_meier(**d)
    efron, breslow = (fleming_harrington(**d, ties=ties) for ties in ("efron", "breslow"))
    assert (product.survival <= efron.survival + 1e-14).all()
    assert (efron.survival <= breslow.survival + 1e-14).all()
    hazard = nelson_aalen(**d, ties="efron")
    np.testing.assert_allclose(-np.log(efron.survival), hazard.hazard, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(efron.std_error, efron.survival * hazard.std_error, rtol=1e-12)


def test_limits_on_the_log_scale_are_those_of_survival_on_the_log_log_scale() -> None:
    time, event = [1, 2, 3, 3, 5, 8], [0, 1, 1, 1, 0, 1]
    hazard, survival = nelson_aalen(time, event), fleming_harrington(time, event, ties="breslow", interval="log-log")
    np.testing.assert_allclose(np.exp(-hazard.upper), survival.lower, rtol=1e-12)
    np.testing.assert_allclose(np.exp(-hazard.lower), survival.upper, rtol=1e-12)
    assert (hazard.lower[0], hazard.upper[0]) == (0.0, 0.0)


def test_a_start_leaves_out_what_came_before() -> None:
    time, event = [1, 2, 3, 4, 5], [1, 1, 1, 0, 1]
    whole, later = nelson_aalen(time, event), nelson_aalen(time, event, start_time=2)
    np.testing.assert_allclose(later.hazard, whole.hazard[1:] - whole.hazard[0], rtol=1e-14)
    assert (later.n, later.start_time) == (4, 2)


def test_edges() -> None:
    nobody = nelson_aalen([1, 2], [0, 0])
    for values in (nobody.hazard, nobody.std_error, nobody.lower, nobody.upper):
        np.testing.assert_array_equal(values, [0, 0])
    together = nelson_aalen([3, 3], [1, 1], ties="efron", interval="plain")
    np.testing.assert_allclose([together.hazard[0], together.lower[0]], [1.5, 0])
    alone = nelson_aalen([1], [1])
    assert (alone.hazard[0], alone.std_error[0]) == (1.0, 1.0)
    # One row with the robust variance: its weight cancels, and nothing is left to vary.
    assert nelson_aalen([1], [1], weights=[2]).std_error[0] == 0
    assert fleming_harrington([1], [1]).survival[0] == pytest.approx(np.exp(-1))


@pytest.mark.parametrize("estimate", [nelson_aalen, fleming_harrington])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.nan, 3]}, "`time` must be finite;"),
        ({"time": [1, -2, 3]}, "`time` must be finite and non-negative;"),
        ({"time": [], "event": []}, "`time` must hold at least one row"),
        ({"event": [1, 0, np.nan]}, "`event` must be finite;"),
        ({"event": [1, 0, 2]}, "`event` must be 0 or 1;"),
        ({"entry": [0, 0, np.inf]}, "`entry` must be finite;"),
        ({"entry": [0, 2, 0]}, "`entry` must be before `time`; 1 of 3 is not (first at index 1)."),
        ({"weights": [1, 0, 1]}, "`weights` must be positive;"),
        ({"weights": [1, np.nan, 1]}, "`weights` must be finite;"),
        ({"cluster": [1, np.nan, 2]}, "`cluster` must be finite"),
        ({"cluster": [1, 1, 2], "robust": False}, "`cluster` must be left out where `robust` is False"),
        ({"ties": "exact"}, "`ties` must be breslow or efron; it is 'exact'."),
        ({"interval": "none"}, "`interval` must be one of"),
        ({"confidence": 95}, "`confidence` must lie between 0 and 1; it is 95."),
        ({"confidence": np.nan}, "`confidence` must lie between 0 and 1; it is nan."),
        ({"start_time": 4}, "`start_time` must not be after every `time`; it is 4."),
        ({"start_time": np.nan}, "`start_time` must be finite and non-negative; it is nan."),
    ],
)
def test_what_is_not_accepted(estimate: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        estimate(**{"time": [1, 2, 3], "event": [1, 0, 1]} | changes)
    assert str(caught.value).startswith(message)


def test_limits_of_hazards_refuse_scales_of_survival() -> None:
    with pytest.raises(InputError, match="`interval` must be one of plain, log; it is 'log-log'"):
        hazard_limits(np.array([0.1]), np.array([0.1]), "log-log", 0.95)
