from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.product_limit import (
    SurvivalCurve,
    kaplan_meier,
    quantile,
    reverse_kaplan_meier,
    survival_at,
)
from tests.golden import dataset, floats, golden, rotterdam

CLOSED = 1e-10
INTERVALS = {"plain": "plain", "log": "log", "log-log": "log-log", "logit": "logit", "arcsin": "arcsine"}


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, floats(expected), rtol=CLOSED, atol=1e-14)


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


def assert_read(curves: list[SurvivalCurve], expected: dict[str, Any]) -> None:
    """Compare curves read at R's times, stacked group by group."""
    times = np.split(floats(expected["time"]), len(curves))
    read = [survival_at(curve, at) for curve, at in zip(curves, times, strict=True)]
    names = {"survival": "surv", "std_error": "std_err", "lower": "lower", "upper": "upper", "at_risk": "n_risk"}
    for ours, theirs in names.items():
        close(np.concatenate([getattr(one, ours) for one in read]), expected[theirs])


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
    assert_read(arm_curves(d, weights=weights), golden("km", f"np_km_iptw_w_{estimand}"))


@pytest.mark.parametrize("form", ["ate", "stab", "norm"])
def test_propensity_weights_in_the_full_cohort(form: str) -> None:
    d, expected = rotterdam(), golden("km", f"km_iptw_w_{form}")
    p, a = propensity(d), d["hormon"]
    weights = a / p + (1 - a) / (1 - p)
    for arm in (0, 1):
        rows = a == arm
        weights[rows] *= {"ate": 1.0, "stab": rows.mean(), "norm": 1 / weights[rows].mean()}[form]
    curves = arm_curves(d, weights=weights)
    assert_read(curves, expected["at"])


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
