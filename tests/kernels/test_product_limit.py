from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.product_limit import (
    SurvivalCurve,
    kaplan_meier,
    quantile,
    reverse_kaplan_meier,
    survival_at,
)
from tests.by_hand import survival as by_hand
from tests.golden import dataset, floats, golden, rotterdam

CLOSED = 1e-10
INTERVALS = {"plain": "plain", "log": "log", "log-log": "log-log", "logit": "logit", "arcsin": "arcsine"}
HORIZONS = [12.0, 36.0, 60.0, 120.0]
Rows = list[tuple[int, int, int, int, int]]
# entry, time at risk, event, weight in halves, cluster
ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(0, 1), st.integers(1, 6), st.integers(0, 2)),
    min_size=1,
    max_size=14,
)


def close(actual: Any, expected: Any, rtol: float = CLOSED) -> None:
    np.testing.assert_allclose(actual, floats(expected), rtol=rtol, atol=1e-14)


def assert_curve(curve: SurvivalCurve, expected: dict[str, Any], rows: slice = slice(None)) -> None:
    """Compare a whole curve; R has no limits while S = 1 on some scales, where this curve has 1 and 1."""
    names = {"time": "time", "at_risk": "n_risk", "events": "n_event", "censored": "n_censor", "survival": "surv"}
    for ours, theirs in names.items():
        close(getattr(curve, ours), expected[theirs][rows])
    inside = curve.survival < 1
    close(curve.lower[inside], floats(expected["lower"][rows])[inside])
    close(curve.upper[inside], floats(expected["upper"][rows])[inside])
    np.testing.assert_array_equal(curve.lower[~inside], 1.0)
    np.testing.assert_array_equal(curve.upper[~inside], 1.0)


def relative_error(curve: SurvivalCurve) -> Floats:
    """R keeps the standard error of log S(t) beside a curve with Greenwood's variance, infinite at S = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(curve.survival == 0, np.inf, curve.std_error / curve.survival)


def arm_curves(d: dict[str, np.ndarray], by: str = "hormon", **options: Any) -> list[SurvivalCurve]:
    curves: list[SurvivalCurve] = []
    for level in np.unique(d[by]):
        rows = d[by] == level
        chosen: dict[str, Any] = {
            name: value[rows] if isinstance(value, np.ndarray) else value for name, value in options.items()
        }
        curves.append(kaplan_meier(d["dmonths"][rows], d["death"][rows], **chosen))
    return curves


def assert_read(curves: list[SurvivalCurve], expected: dict[str, Any], rtol: float = CLOSED) -> None:
    """Compare curves read at R's times, stacked group by group."""
    times = np.split(floats(expected["time"]), len(curves))
    read = [survival_at(curve, at) for curve, at in zip(curves, times, strict=True)]
    names = {"survival": "surv", "std_error": "std_err", "lower": "lower", "upper": "upper", "at_risk": "n_risk"}
    for ours, theirs in names.items():
        close(np.concatenate([getattr(one, ours) for one in read]), expected[theirs], rtol)


def assert_quantiles(curves: list[SurvivalCurve], expected: dict[str, Any]) -> None:
    for i, curve in enumerate(curves):
        for j, probability in enumerate(expected["probs"]):
            found = quantile(curve, probability)
            assert found.probability == probability
            for ours, theirs in {"value": "quantile", "lower": "lower", "upper": "upper"}.items():
                close(getattr(found, ours), [expected[theirs][i][j]])


def propensity(d: dict[str, np.ndarray]) -> Floats:
    """Return the logistic score of `08_outcomes.R`, by Newton's method written out."""
    names = ("age", "meno", "size20", "size50", "grade3", "lnodes", "lpgr", "ler", "chemo")
    x = np.column_stack([np.ones(d["age"].size), *(d[name] for name in names)])
    beta = np.zeros(x.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-x @ beta))
        beta = beta + np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (d["hormon"] - p))
    return 1 / (1 + np.exp(-x @ beta))


# R's values


@pytest.mark.parametrize("name", ["plain", "log", "arcsin"])
def test_whole_curve_of_aml(name: str) -> None:
    d, expected = dataset("aml"), golden("km", f"km_aml_overall_{name}")
    curve = kaplan_meier(d["time"], d["status"], interval=INTERVALS[name])  # pyright: ignore[reportArgumentType]
    assert_curve(curve, expected)
    close(relative_error(curve), expected["std_err_cumhaz_scale"])
    assert (curve.n, curve.n_events, curve.interval) == (23, 18.0, INTERVALS[name])


def test_whole_curves_of_lung_with_a_ninety_percent_log_log_interval() -> None:
    d, expected = dataset("lung"), golden("curves_and_tests", "km_lung_by_sex_log-log")
    size = expected["strata"]["sex=1"]
    for sex, rows in ((1, slice(0, size)), (2, slice(size, None))):
        inside = d["sex"] == sex
        curve = kaplan_meier(d["time"][inside], d["status"][inside] == 2, interval="log-log", confidence=0.9)
        assert_curve(curve, expected, rows)
        close(relative_error(curve), expected["std_err_cumhaz_scale"][rows])


@pytest.mark.parametrize("name", ["plain", "log-log", "logit", "arcsin"])
def test_rotterdam_at_four_times(name: str) -> None:
    assert_read(arm_curves(rotterdam(), interval=INTERVALS[name]), golden("km", f"km_rott_at_{name}"))


@pytest.mark.parametrize("name", ["plain", "logit"])
def test_quantiles_of_rotterdam(name: str) -> None:
    assert_quantiles(arm_curves(rotterdam(), interval=INTERVALS[name]), golden("km", f"km_rott_median_{name}"))


@pytest.mark.parametrize("name", ["plain", "log", "log-log"])
def test_quantiles_of_lung(name: str) -> None:
    d = dataset("lung")
    curves = [
        kaplan_meier(
            d["time"][d["sex"] == sex],
            d["status"][d["sex"] == sex] == 2,
            interval=INTERVALS[name],  # pyright: ignore[reportArgumentType]
        )
        for sex in (1, 2)
    ]
    assert_quantiles(curves, golden("km", f"km_lung_median_{name}"))


def test_median_and_events_of_rotterdam() -> None:
    d, expected = rotterdam(), golden("km", "km_rott_overall_table")
    curve = kaplan_meier(d["dmonths"], d["death"])
    median = quantile(curve)
    close(
        [curve.n, curve.n_events, median.value, median.lower, median.upper],
        [expected[name] for name in ("records", "events", "median", "0.95LCL", "0.95UCL")],
    )


def test_recurrence_by_four_treatments() -> None:
    d = rotterdam()
    curves = [kaplan_meier(d["rfsmonths"][d["trt4"] == k], d["rfs"][d["trt4"] == k]) for k in range(4)]
    assert_read(curves, golden("km", "km_rott_rfs_trt4_at"))


def test_numbers_at_risk() -> None:
    expected = golden("km", "km_number_at_risk")
    times = np.split(floats(expected["time"]), 2)
    at_risk = [survival_at(c, t).at_risk for c, t in zip(arm_curves(rotterdam()), times, strict=True)]
    close(np.concatenate(at_risk), expected["n_risk"])


def test_median_follow_up() -> None:
    d = dataset("lung")
    curves = [reverse_kaplan_meier(d["time"][d["sex"] == sex], d["status"][d["sex"] == sex] == 2) for sex in (1, 2)]
    assert_quantiles(curves, golden("km", "km_reverse_followup_lung"))


def test_a_group_without_events() -> None:
    expected = golden("km", "km_no_event_group")
    curves = [kaplan_meier([1, 2, 3], [1, 0, 1]), kaplan_meier([4, 5, 6], [0, 0, 0])]
    assert_curve(curves[0], expected["curve"], slice(0, 3))
    assert_curve(curves[1], expected["curve"], slice(3, 6))
    assert np.isnan(quantile(curves[1]).value)
    read = survival_at(curves[1], [0, 5, 10])
    np.testing.assert_array_equal(read.survival, [1, 1, np.nan])  # R extends the curve; here it is unknown
    np.testing.assert_array_equal(survival_at(curves[0], [5, 10]).survival, [0, 0])


@pytest.mark.parametrize(("interval", "key"), [("plain", "plain"), ("log", "log"), ("log-log", "loglog")])
def test_a_curve_that_falls_to_zero(interval: Any, key: str) -> None:
    expected = golden("km", "km_drop_to_zero")
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 0, 1], interval=interval)
    assert_curve(curve, expected[key])
    close(relative_error(curve), expected[key]["std_err_cumhaz_scale"])
    assert np.isnan([curve.std_error[-1], curve.lower[-1], curve.upper[-1]]).all()


def test_quantiles_of_a_curve_that_meets_the_level() -> None:
    expected = golden("km", "km_drop_to_zero")["quant"]
    found = [quantile(kaplan_meier([1, 2, 3, 4], [1, 1, 0, 1]), p) for p in expected["probs"]]
    for ours, theirs in {"value": "quantile", "lower": "lower", "upper": "upper"}.items():
        close([getattr(one, ours) for one in found], expected[theirs])


def test_left_truncation() -> None:
    d = rotterdam()
    assert_read(arm_curves(d, entry=d["entry_months"]), golden("km", "km_ltrunc_rott"))


def test_weights_that_are_not_whole() -> None:
    d = rotterdam()
    curves = arm_curves(d, weights=0.5 + (d["pid"] % 5) / 4)
    assert_read(curves, golden("km", "km_weights_at"))
    assert_quantiles(curves, golden("km", "km_weights_quant"))


def test_influence_variance_of_aml() -> None:
    d, expected = dataset("aml"), golden("km", "km_robust_aml")
    for group, rows in (("Maintained", slice(0, 10)), ("Nonmaintained", slice(10, 20))):
        inside = d["x"] == group
        curve = kaplan_meier(d["time"][inside], d["status"][inside], weights=np.ones(int(inside.sum())))
        assert_curve(curve, expected, rows)
        close(curve.std_error, expected["std_err_cumhaz_scale"][rows])  # of S(t), whatever R's name for it


def test_clusters_of_rotterdam() -> None:
    d = rotterdam()
    assert_read(arm_curves(d, cluster=d["year"]), golden("km", "km_cluster_rott"))


def test_matched_pairs_as_clusters() -> None:
    d, matched = rotterdam(), golden("km", "matched_cohort")
    row = {pid: i for i, pid in enumerate(d["pid"].tolist())}
    rows = [row[pid] for pid in matched["pid"]]
    cohort = {name: d[name][rows] for name in ("dmonths", "death", "hormon")}
    assert_read(arm_curves(cohort), golden("km", "km_matched")["at"])
    assert_read(arm_curves(cohort, cluster=np.array(matched["subclass"])), golden("km", "km_matched_cluster"))


@pytest.mark.parametrize("estimand", ["ate", "att", "ato"])
def test_propensity_weights_in_node_positive_patients(estimand: str) -> None:
    d = rotterdam(node_positive=True)
    p, a = propensity(d), d["hormon"]
    weights = {
        "ate": a / p + (1 - a) / (1 - p),
        "att": a + (1 - a) * p / (1 - p),
        "ato": a * (1 - p) + (1 - a) * p,
    }[estimand]
    # 1e-9: R's score is itself the end of an iteration.
    assert_read(arm_curves(d, weights=weights), golden("km", f"np_km_iptw_w_{estimand}"), rtol=1e-9)


@pytest.mark.parametrize("form", ["ate", "stab", "norm"])
def test_propensity_weights_in_the_full_cohort(form: str) -> None:
    d, expected = rotterdam(), golden("km", f"km_iptw_w_{form}")
    p, a = propensity(d), d["hormon"]
    weights = a / p + (1 - a) / (1 - p)
    for arm in (0, 1):
        rows = a == arm
        weights[rows] *= {"ate": 1.0, "stab": rows.mean(), "norm": 1 / weights[rows].mean()}[form]
    curves = arm_curves(d, weights=weights)
    # 1e-8: without node-negative treated patients the score reaches 1e-9, where weights magnify its last digits.
    assert_read(curves, expected["at"], rtol=1e-8)


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("km_entry", {"entry"}),
        ("km_entry_weights", {"entry", "weights"}),
        ("km_entry_weights_cluster", {"entry", "weights", "cluster"}),
        ("km_weights_cluster_logit", {"weights", "cluster"}),
    ],
)
def test_late_entry_weights_and_clusters_together(key: str, options: set[str]) -> None:
    d, expected = dataset("aml"), golden("curves_and_tests", key)
    n = np.arange(1, d["time"].size + 1)
    every: dict[str, Any] = {
        "entry": np.where(n % 3 == 0, np.floor(d["time"] / 2), 0),
        "weights": 0.5 + (n % 5) / 4,
        "cluster": n % 4,
    }
    interval = "logit" if key.endswith("logit") else "log"
    curve = kaplan_meier(d["time"], d["status"], interval=interval, **{name: every[name] for name in options})
    assert_curve(curve, expected)
    robust = "weights" in options
    close(curve.std_error if robust else relative_error(curve), expected["std_err_cumhaz_scale"])


def test_times_equal_up_to_rounding() -> None:
    expected = golden("curves_and_tests", "km_times_from_dates")
    curve = kaplan_meier([0.1 + 0.2, 0.3, 1, 1 + 1e-12, 2], [1, 1, 0, 1, 1])
    assert_curve(curve, expected)
    close(relative_error(curve), expected["std_err_cumhaz_scale"])


# By hand


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


# The slow way


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


# Properties


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
    for name in ("time", "at_risk", "survival", "std_error", "lower", "upper"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-10, atol=1e-9)
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


@given(ROWS, st.sampled_from(list(INTERVALS.values())), st.booleans())
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


# Reading a curve


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
