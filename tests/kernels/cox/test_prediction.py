"""Predictions of Cox fits against R's survival, by their definition, and their properties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.cox.baseline import baseline_hazard
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.prediction import linear_predictor, predict_survival
from counterpoise.kernels.curves.intervals import IntervalType
from counterpoise.kernels.verdict import Verdict
from tests.golden import floats, golden
from tests.golden.agreement import agrees
from tests.kernels.cox.after_cox import columns, lung, model, rotterdam_all
from tests.kernels.cox.slow_cox import cohort
from tests.kernels.cox.test_residuals import EXACT, NAMES

NEW: dict[str, tuple[Any, Any, list[float]]] = {
    "lung": ([[50, 2, 0], [70, 1, 2]], None, [100, 365, 700]),
    "lung_weights": ([[50, 2, 0], [70, 1, 2]], None, [100, 365, 700]),
    "lung_entry_strata": ([[50, 0], [70, 2]], [2, 1], [100, 365, 700]),
    "lung_exact_strata": ([[50, 0], [70, 2]], [2, 1], [100, 365, 700]),
    "lung_offset": ([[2, 0], [1, 2]], None, [100, 365, 700]),
    "veteran_months": ([[1, 80, 50], [2, 40, 65]], None, [1, 3, 12]),
    "veteran_strata_weights": ([[1, 80], [2, 40]], [1, 3], [1, 3, 5]),
    "heart": ([[-10, 2, 0, 0], [5, 4, 1, 1]], None, [30, 180, 900]),
    "cgd": ([[0, 10], [1, 20]], None, [60, 180, 300]),
    "rotterdam_entry": ([[0, 45, np.log1p(1)], [1, 65, np.log1p(6)]], None, [12, 60, 120]),
    "rotterdam_all": ([[0, 45, np.log1p(1)], [1, 65, np.log1p(6)]], [0, 2], [12, 60, 120]),
}
INTERVALS: tuple[IntervalType, ...] = ("log", "log-log", "plain", "logit", "arcsine")
ITERATED = 1e-8


@pytest.mark.parametrize(
    ("key", "name", "ties"),
    [(f"after_{name}_{ties}", name, ties) for name in NAMES for ties in ("efron", "breslow")]
    + [(f"after_{name}" if "exact" in name else f"after_{name}_exact", name, "exact") for name in EXACT],
)
def test_in_r(key: str, name: str, ties: str) -> None:
    fit, r = model(name, ties), golden("cox_after", key)
    x, stratum, times = NEW[name]
    offset = [1.0, 1.4] if name == "lung_offset" else None
    for interval in INTERVALS:
        curve = predict_survival(fit, x, stratum=stratum, times=times, offset=offset, follow_up=1e5, interval=interval)
        parts = {"surv": curve.survival, "std_err": curve.std_error, "cumhaz": curve.cumulative_hazard}
        parts |= {"lower": curve.lower, "upper": curve.upper}
        names = {"surv": "survival", "std_err": "standard error", "cumhaz": "cumulative hazard"}
        for part, ours in parts.items():
            theirs = [row[part] for row in r["predicted"][interval]]
            what = names.get(part, f"{interval} limits")
            agrees(f"Predicted survival: {what}", "cox_after", key, ours, theirs, tolerance=ITERATED)
    sample = floats(r["means"])
    # R takes the mean offset off
    centred = None if offset is None else np.array(offset) - np.mean(lung()["age"] / 50)
    ours = linear_predictor(fit, x, offset=centred), linear_predictor(fit, x, reference=sample, offset=centred)
    lp, what = r["lp"], "Linear predictor"
    agrees(f"{what}: value", "cox_after", key, ours[0].value, lp["zero"], tolerance=ITERATED)
    agrees(f"{what}: standard error", "cox_after", key, ours[0].std_error, lp["zero_std_error"], tolerance=ITERATED)
    agrees(f"{what}: standard error", "cox_after", key, ours[1].std_error, lp["sample_std_error"], tolerance=ITERATED)
    agrees(f"{what}: value", "cox_after", key, ours[1].value, lp["sample"], tolerance=ITERATED)


def test_late_entry_is_not_forgotten() -> None:
    """Half of those seen beyond two years enter then: a curve that takes all as seen from the start is too high."""
    d, r = rotterdam_all(), golden("cox_after", "entry_rotterdam_60")
    late = np.where((d["dmonths"] > 24) & (d["pid"] % 2 == 0), 24.0, 0.0)
    fit = cox(d["dmonths"], d["death"], columns(d, "hormon age lnodes"), entry=late)
    ours = predict_survival(fit, [[0, 55, np.log1p(2)]], times=[60]).survival[0, 0]
    agrees("Predicted survival: survival", "cox_after", "entry_rotterdam_60", ours, r["with_entry"], tolerance=ITERATED)
    assert r["forgotten"] - r["with_entry"] > 0.05


# ---- by hand ---------------------------------------------------------------------------------------------------

SIX: dict[str, Any] = {"time": [1, 1, 6, 6, 8, 9], "event": [1, 0, 1, 1, 0, 1], "x": [1, 1, 1, 0, 0, 0]}


def test_by_hand() -> None:
    fit = cox(**SIX, ties="breslow")
    r, v = np.exp(fit.coefficients[0]), fit.covariance[0, 0]
    first, second = 1 / (3 * r + 3), 2 / (r + 3)
    curve = predict_survival(fit, [[0], [1]], interval="plain")
    hazard = np.array([first, first + second, first + second + 1])
    assert curve.time.tolist() == [1, 6, 9]
    np.testing.assert_allclose(curve.survival, np.exp(-np.outer([1, r], hazard)), rtol=1e-12)
    drift = np.cumsum([first * r / (r + 1), second * r / (r + 3), 0])
    own = np.cumsum([first**2, 2 / (r + 3) ** 2, 1])
    away = np.array([-drift, hazard - drift])
    error = np.sqrt(own + away**2 * v) * np.array([[1], [r]])
    np.testing.assert_allclose(curve.cumulative_std_error, error, rtol=1e-12)
    np.testing.assert_allclose(curve.std_error, error * curve.survival, rtol=1e-12)
    width = 1.959963984540054 * curve.std_error
    np.testing.assert_allclose(curve.lower, np.maximum(curve.survival - width, 0), rtol=1e-12)
    np.testing.assert_allclose(curve.upper, np.minimum(curve.survival + width, 1), rtol=1e-12)
    line = linear_predictor(fit, [[3.0]], reference=[1.0], offset=[0.5])
    np.testing.assert_allclose([line.value[0], line.std_error[0]], [2 * np.log(r) + 0.5, 2 * np.sqrt(v)], rtol=1e-12)
    np.testing.assert_allclose(line.hazard_ratio, np.exp(line.value))
    np.testing.assert_allclose(np.log(line.hazard_ratio_upper), line.upper)


def test_where_the_curve_is_known() -> None:
    fit = cox(**SIX)
    read = predict_survival(fit, [[0]], times=[0, 0.5, 1, 5.999999999, 6, 9, 9.5, 12])
    assert read.survival[0, :2].tolist() == [1, 1]
    assert read.std_error[0, :2].tolist() == [0, 0]
    assert read.survival[0, 3] == read.survival[0, 4]  # as near as a rounding: the same time
    for values in (read.survival, read.std_error, read.lower, read.upper, read.cumulative_hazard):
        assert np.isnan(values[0, 6:]).all()
    followed = predict_survival(fit, [[0]], times=[9, 9.5, 12], follow_up=10)
    assert followed.survival[0, 0] == followed.survival[0, 1]
    assert np.isnan(followed.survival[0, 2])


def test_each_stratum_has_its_own_follow_up() -> None:
    fit = cox([1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, 1, 1, 0], [1, 0, 1, 0, 1, 0, 1], stratum=list("aaabbbc"))
    read = predict_survival(fit, [[0], [0], [0]], stratum=list("abc"), times=[0, 3, 5, 7.5])
    last_known = {"a": 3, "b": 6, "c": 7}  # of "c" a censoring, without any event
    for values, known in zip(read.survival, last_known.values(), strict=True):
        assert np.isnan(values).tolist() == [time > known for time in (0, 3, 5, 7.5)]
    assert read.survival[2, 2] == 1
    assert predict_survival(fit, [[0]], stratum=["c"], times=[8], follow_up=9).survival[0, 0] == 1


# ---- properties ------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["efron", "breslow"]))
def test_a_curve_is_that_of_the_baseline_at_its_covariates(seed: int, ties: Any) -> None:
    c = cohort(seed, n=30)
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    assume(np.abs(fit.coefficients).max() < 5)
    base = baseline_hazard(fit, covariates=c.x[0])
    assert fit.strata is not None
    for s, label in enumerate(fit.strata):
        mine = base.stratum == s
        if mine.any():
            curve = predict_survival(fit, c.x[:1], stratum=[label], times=base.time[mine])
            np.testing.assert_allclose(curve.cumulative_hazard[0], base.cumulative[mine], rtol=1e-9)
            np.testing.assert_allclose(curve.cumulative_std_error[0], base.std_error[mine], rtol=1e-7)
            assert (np.diff(curve.survival[0]) <= 0).all()
    assert ((curve_of(fit, c).lower >= 0) | np.isnan(curve_of(fit, c).lower)).all()


def curve_of(fit: Any, c: Any) -> Any:
    return predict_survival(fit, c.x, stratum=c.stratum, follow_up=12, interval="log-log")


# ---- edges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_new": [[np.nan]]}, "`x_new` must be finite"),
        ({"x_new": [[np.inf]]}, "`x_new` must be finite"),
        ({"x_new": [[1.0, 2.0]]}, "`x_new` must have 1 columns"),
        ({"times": [np.nan]}, "`times` must be finite"),
        ({"times": [-1.0]}, "`times` must be finite and non-negative"),
        ({"offset": [np.nan]}, "`offset` must be finite"),
        ({"offset": [1.0, 2.0]}, "`offset` must have 1 elements"),
        ({"stratum": [1]}, "`stratum` must be None"),
        ({"follow_up": -1.0}, "`follow_up` must be positive"),
        ({"follow_up": np.nan}, "`follow_up` must be positive"),
        ({"interval": "normal"}, "`interval` must be one of"),
        ({"confidence": 2.0}, "`confidence` must lie"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"x_new": [[1.0]], **changes}
    with pytest.raises(InputError, match=message):
        predict_survival(cox(**SIX), **arguments)


def test_what_else_is_refused() -> None:
    stratified = cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0], stratum=list("aaabbb"))
    for stratum, message in (
        (None, "must name the stratum"),
        (["a", "b"], "must have 1 elements"),
        (["z"], "must be a stratum of the fit; 1 of 1 is not"),
        (["0"], "must be a stratum of the fit"),
    ):
        with pytest.raises(InputError, match=message):
            predict_survival(stratified, [[0]], stratum=stratum)
    fit = cox(**SIX)
    with pytest.raises(InputError, match="`reference` must be finite"):
        linear_predictor(fit, [[0]], reference=[np.nan])
    with pytest.raises(InputError, match="`offset` must be finite"):
        linear_predictor(fit, [[0]], offset=[np.inf])
    with pytest.raises(InputError, match="`confidence` must lie"):
        linear_predictor(fit, [[0]], confidence=0.0)
    for without in (
        cox([1.0, 2.0], [0, 0], [1.0, 2.0]),
        cox([2.0], [1], [1.0]),
        cox([1.0, 2.0, 3.0], [1, 1, 0], [3.0, 2.0, 1.0]),
    ):
        with pytest.raises(FitError):
            predict_survival(without, [[0]])
        with pytest.raises(FitError):
            linear_predictor(without, [[0]])
