from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.spline import (
    LinearityTest,
    NaturalSpline,
    linearity_test,
    natural_spline,
    spline_hazard_ratio,
)
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees

SEEDS = st.integers(0, 2**32 - 1)
NAME = "cox_special"


def pbc() -> dict[str, np.ndarray]:
    return {name: values[:312] for name, values in dataset("pbc").items()}


def lung() -> dict[str, np.ndarray]:
    d = dataset("lung")
    return {name: values[~np.isnan(d["ph.ecog"])] for name, values in d.items()}


def bases() -> dict[str, tuple[Floats, NaturalSpline]]:
    age = dataset("lung")["age"]
    bili, karno, old = pbc()["bili"], dataset("veteran")["karno"], rotterdam()["age"]
    return {
        "ns_lung_age_3": (age, natural_spline(age, degrees_of_freedom=3)),
        "ns_pbc_bili_4": (bili, natural_spline(bili, degrees_of_freedom=4)),
        "ns_veteran_karno_5": (karno, natural_spline(karno, degrees_of_freedom=5)),
        "ns_rotterdam_age_1": (old, natural_spline(old, degrees_of_freedom=1)),
        "ns_lung_age_knots": (age, natural_spline(age, knots=[61, 50, 72], boundary=(45, 78))),
        "ns_lung_age_boundary": (age, natural_spline(age, degrees_of_freedom=4, boundary=(45, 78))),
    }


@pytest.mark.parametrize("key", bases())
def test_ns(key: str) -> None:
    (_, spline), r = bases()[key], golden(NAME, key)
    k = spline.degrees_of_freedom
    np.testing.assert_allclose(spline.knots, floats(r["knots"]).ravel(), rtol=1e-14)
    np.testing.assert_allclose(spline.boundary, r["boundary"], rtol=1e-14)
    # entries near a knot are differences of larger ones, in R's program and here
    head, sums = floats(r["head"]).reshape(12, k), floats(r["sums"])
    agrees("Natural spline: basis", NAME, key, spline.basis[:12], head, relative_to="largest")
    agrees("Natural spline: sum of the basis", NAME, key, spline.basis.sum(axis=0), sums, relative_to="largest")
    theirs = floats(r["predicted"]).reshape(-1, k)
    agrees("Natural spline: at other values", NAME, key, spline.at(r["at"]), theirs, relative_to="largest")


@cache
def curves() -> dict[str, tuple[LinearityTest, Any]]:
    d, p, v, r = lung(), pbc(), dataset("veteran"), rotterdam()
    found: dict[str, tuple[LinearityTest, Any]] = {}
    test = linearity_test(d["time"], d["status"] == 2, d["age"])
    found["curve_lung_age"] = test, [60, 40, 75, 85]
    both = np.column_stack([p["age"], p["edema"]])
    test = linearity_test(p["time"], p["status"] == 2, p["bili"], both, degrees_of_freedom=4)
    found["curve_pbc_bili"] = test, [1, 0.5, 5, 30]
    found["curve_veteran_karno"] = linearity_test(v["time"], v["status"], v["karno"], v["trt"]), [60, 20, 99]
    both = np.column_stack([r["hormon"], r["lnodes"]])
    test = linearity_test(r["dmonths"], r["death"], r["age"], both, degrees_of_freedom=5)
    found["curve_rotterdam_age"] = test, [50, 30, 65.5, 85]
    return found


@pytest.mark.parametrize("key", ["curve_lung_age", "curve_pbc_bili", "curve_veteran_karno", "curve_rotterdam_age"])
def test_linearity_in_r(key: str) -> None:
    test, at = curves()[key]
    r = golden(NAME, key)
    # the gain is a difference of log-likelihoods, which leaves in it the rounding of these
    gain = 1e-8
    assert test.likelihood_ratio is not None
    assert test.overall_likelihood_ratio is not None
    ratios = [test.likelihood_ratio.statistic, test.overall_likelihood_ratio.statistic]
    theirs = [r["lr"], r["lr_overall"]]
    agrees("Test of linearity: likelihood ratio", NAME, key, ratios, theirs, tolerance=gain)
    agrees("Test of linearity: p-value", NAME, key, test.p_value, r["p"], tolerance=gain)
    walds, theirs = [test.wald.statistic, test.overall_wald.statistic], [r["wald"], r["wald_overall"]]
    agrees("Test of linearity: Wald", NAME, key, walds, theirs, tolerance=1e-8)
    k = test.spline.degrees_of_freedom
    agrees("Spline in a Cox model: coefficients", NAME, key, test.fit.coefficients, r["coef"], tolerance=1e-8)
    assert (test.degrees_of_freedom, test.overall_wald.degrees_of_freedom, test.wald.robust) == (k - 1, k, False)
    curve = spline_hazard_ratio(test.fit, test.spline, at, float(at[0]))
    agrees("Spline in a Cox model: log hazard ratio", NAME, key, curve.log_hazard_ratio, r["log_hr"], tolerance=1e-8)
    agrees("Spline in a Cox model: standard error", NAME, key, curve.std_error, r["se"], tolerance=1e-8)
    np.testing.assert_allclose(np.log(curve.hazard_ratio), curve.log_hazard_ratio, rtol=1e-12)
    limits = np.log([curve.lower, curve.upper])
    reach = 1.959963984540054 * curve.std_error
    expected = [curve.log_hazard_ratio - reach, curve.log_hazard_ratio + reach]
    np.testing.assert_allclose(limits, expected, rtol=1e-10, atol=1e-12)
    assert (curve.hazard_ratio[0], curve.lower[0], curve.upper[0]) == (1.0, 1.0, 1.0)


def test_robust_linearity_in_r() -> None:
    d, v, r = lung(), dataset("veteran"), rotterdam()
    weights = 0.5 + np.arange(1, d["time"].size + 1) % 5 / 4
    sixes = 0.5 + np.arange(1, v["time"].size + 1) % 3
    tests = {
        "curve_lung_weights": linearity_test(d["time"], d["status"] == 2, d["age"], d["sex"], weights=weights),
        "curve_veteran_weights": linearity_test(
            v["time"], v["status"], v["karno"], v["trt"], weights=sixes, degrees_of_freedom=4
        ),
        "curve_rotterdam_cluster": linearity_test(r["dmonths"], r["death"], r["age"], r["hormon"], cluster=r["year"]),
    }
    for key, test in tests.items():
        ours, theirs = [test.statistic, test.overall_wald.statistic], golden(NAME, key)
        theirs = [theirs["wald"], theirs["wald_overall"]]
        agrees("Test of linearity: robust Wald", NAME, key, ours, theirs, tolerance=1e-8)
        assert (test.likelihood_ratio, test.overall_likelihood_ratio, test.wald.robust) == (None, None, True)
        assert test.p_value == test.wald.p_value


# ---- what a natural spline is ----------------------------------------------------------------------------------


def harrell(x: Floats, knots: Floats) -> Floats:
    """Restricted cubic splines as truncated powers: x, and k - 2 columns for k knots, the outermost among them."""

    def cube(knot: float) -> Floats:
        return np.maximum(x - knot, 0.0) ** 3

    last, before = knots[-1], knots[-2]
    columns = [
        cube(t) - cube(before) * (last - t) / (last - before) + cube(last) * (before - t) / (last - before)
        for t in knots[:-2]
    ]
    return np.column_stack([x, *columns])


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 6))
def test_it_spans_what_harrell_spans(seed: int, k: int) -> None:
    g = np.random.default_rng(seed)
    x = g.normal(size=80)
    spline = natural_spline(x, degrees_of_freedom=k, boundary=tuple(np.quantile(x, [0.05, 0.95]).tolist()))
    everywhere = np.linspace(-6.0, 6.0, 60)
    knots = np.array([spline.boundary[0], *spline.knots, spline.boundary[1]])
    theirs = harrell(everywhere, knots)
    ours = np.column_stack([np.ones(60), spline.at(everywhere)])
    assert np.linalg.matrix_rank(ours) == k + 1
    for column in theirs.T:
        _, residual, _, _ = np.linalg.lstsq(ours, column, rcond=None)
        assert float(residual[0]) < 1e-16 * float(column @ column) * 1e4


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 6))
def test_smooth_inside_straight_outside(seed: int, k: int) -> None:
    g = np.random.default_rng(seed)
    x = g.exponential(size=60)
    spline = natural_spline(x, degrees_of_freedom=k)
    np.testing.assert_array_equal(spline.basis, spline.at(x))
    np.testing.assert_allclose(spline.at([spline.boundary[0]]), 0.0, atol=1e-14)
    low, high = spline.boundary
    for edge, away in ((low, -1.0), (high, 1.0)):
        beyond = spline.at(edge + away * np.array([0.0, 1.0, 2.0, 3.0]))
        scale = np.abs(beyond).max()
        np.testing.assert_allclose(np.diff(beyond, n=2, axis=0), 0.0, atol=1e-12 * scale)
    # one function, one slope and one curvature on both sides of every knot
    h = 1e-4 * (high - low)
    for knot in (low, *spline.knots, high):
        around = spline.at(knot + h * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
        np.testing.assert_allclose(np.diff(around, n=3, axis=0), 0.0, atol=1e3 * (h / spread(spline)) ** 3)


def spread(spline: NaturalSpline) -> float:
    """The smallest distance of two knots, in which third derivatives are of order one."""
    return float(np.diff([spline.boundary[0], *spline.knots, spline.boundary[1]]).min())


def test_an_affine_change_of_unit_changes_nothing() -> None:
    x = np.random.default_rng(2).normal(size=50)
    spline, other = natural_spline(x, degrees_of_freedom=4), natural_spline(3 * x + 7, degrees_of_freedom=4)
    projections = [np.linalg.qr(np.column_stack([np.ones(50), s.basis]))[0] for s in (spline, other)]
    np.testing.assert_allclose(projections[0] @ projections[0].T, projections[1] @ projections[1].T, atol=1e-12)


def test_a_spline_of_one_degree_is_a_straight_line() -> None:
    x = np.array([1.0, 2.0, 4.0, 8.0])
    spline = natural_spline(x, degrees_of_freedom=1)
    np.testing.assert_allclose(spline.basis[:, 0] / spline.basis[-1, 0], (x - 1) / 7, atol=1e-14)
    assert spline.knots.size == 0


# ---- tests of linearity ----------------------------------------------------------------------------------------


def test_the_parts_of_the_test_add_up() -> None:
    d = lung()
    x, adjust = d["age"], np.column_stack([d["sex"], d["ph.ecog"]])
    test = linearity_test(d["time"], d["status"] == 2, x, adjust, knots=[55.0, 65.0], ties="breslow")
    rows = d["time"], d["status"] == 2
    none, line = cox(*rows, adjust, ties="breslow"), cox(*rows, np.column_stack([x, adjust]), ties="breslow")
    assert test.likelihood_ratio is not None
    assert test.overall_likelihood_ratio is not None
    np.testing.assert_allclose(
        test.overall_likelihood_ratio.statistic - test.likelihood_ratio.statistic,
        2 * (line.log_likelihood - none.log_likelihood),
        rtol=1e-9,
    )
    assert test.fit.ties == "breslow"


@settings(max_examples=15)
@given(SEEDS, st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_unit_origin_and_order_do_not_matter(seed: int, unit: float, origin: float) -> None:
    g = np.random.default_rng(seed)
    x, z, weights = g.normal(size=80), g.normal(size=80), g.uniform(0.5, 2.0, 80)
    time, event = np.ceil(30 * g.exponential(size=80)), g.uniform(size=80) < 0.8
    order = g.permutation(80)
    for w in (None, weights):
        test = linearity_test(time, event, x, z, weights=w)
        assume(test.fit.verdict is Verdict.CONVERGED)
        other = linearity_test(
            time[order], event[order], x[order] * unit + origin, z[order], weights=None if w is None else w[order]
        )
        np.testing.assert_allclose(other.statistic, test.statistic, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(other.wald.statistic, test.wald.statistic, rtol=1e-5, atol=1e-7)


def test_exact_ties_strata_entry_and_offset_reach_the_model() -> None:
    d = lung()
    time, event = np.ceil(d["time"] / 60), d["status"] == 2
    entry = np.where(np.arange(time.size) % 4 == 0, np.floor(time / 2), 0.0)
    options: dict[str, Any] = {"entry": entry, "stratum": d["sex"], "offset": d["ph.ecog"] / 3, "ties": "exact"}
    test = linearity_test(time, event, d["age"], **options)
    spline = cox(time, event, natural_spline(d["age"], degrees_of_freedom=3).basis, **options)
    line = cox(time, event, d["age"], **options)
    np.testing.assert_allclose(test.statistic, 2 * (spline.log_likelihood - line.log_likelihood), rtol=1e-8)


def test_a_curve_of_several_columns_elsewhere_in_the_fit() -> None:
    d = lung()
    spline = natural_spline(d["age"], degrees_of_freedom=3)
    rows = d["time"], d["status"] == 2
    first = cox(*rows, np.column_stack([spline.basis, d["sex"]]))
    last = cox(*rows, np.column_stack([d["sex"], spline.basis]))
    ours = spline_hazard_ratio(last, spline, [50.0, 70.0], 60.0, columns=(1, 2, 3), confidence=0.9)
    theirs = spline_hazard_ratio(first, spline, [50.0, 70.0], 60.0, confidence=0.9)
    np.testing.assert_allclose(ours.lower, theirs.lower, rtol=1e-9)
    np.testing.assert_allclose(ours.upper, theirs.upper, rtol=1e-9)


def test_no_answer_is_not_a_number() -> None:
    none = linearity_test(np.arange(10.0), np.zeros(10), np.arange(10.0))
    assert none.fit.verdict is Verdict.NO_EVENTS
    parts = none.likelihood_ratio, none.wald, none.overall_likelihood_ratio, none.overall_wald
    assert all(part is not None and np.isnan([part.statistic, part.p_value]).all() for part in parts)
    curve = spline_hazard_ratio(none.fit, none.spline, [1.0, 2.0], 1.0)
    assert np.isnan([curve.log_hazard_ratio, curve.std_error, curve.lower, curve.upper]).all()
    order = linearity_test(np.arange(10.0), np.ones(10), np.arange(10.0)[::-1])
    assert order.fit.verdict is Verdict.MONOTONE
    assert np.isnan([order.wald.statistic, order.overall_wald.statistic]).all()
    at_once = linearity_test(np.ones(10), np.ones(10), np.arange(10.0) ** 2)
    assert at_once.fit.verdict is Verdict.CONVERGED
    one_event = linearity_test(np.arange(10.0), np.arange(10) == 4, np.arange(10.0) % 7, degrees_of_freedom=5)
    assert np.isnan(one_event.wald.statistic)


# ---- refusals --------------------------------------------------------------------------------------------------


def test_what_a_spline_refuses() -> None:
    x = np.arange(10.0)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "Exactly one of `degrees_of_freedom` and `knots`"),
        ({"degrees_of_freedom": 3, "knots": [4.0]}, "Exactly one of"),
        ({"degrees_of_freedom": 0}, "`degrees_of_freedom` must be a whole number of at least 1; it is 0"),
        ({"degrees_of_freedom": 2.5}, "`degrees_of_freedom` must be a whole number"),
        ({"knots": [0.0, 4.0]}, r"`knots` must be inside the boundary, 0 to 9; 1 of 2 is not \(first at index 0\)"),
        ({"knots": [4.0, 4.0]}, "`knots` must all be different"),
        ({"knots": [np.nan]}, "`knots` must be finite"),
        ({"knots": [4.0], "boundary": (3.0, 3.0)}, "`boundary` must ascend"),
        ({"knots": [4.0], "boundary": (3.0, np.inf)}, "`boundary` must be finite"),
        ({"degrees_of_freedom": 3, "boundary": (20.0, 30.0)}, "`value` must have more different values"),
    ]
    for options, message in wrong:
        with pytest.raises(InputError, match=message):
            natural_spline(x, **options)
    for values, message in (
        ([1.0, np.nan], "`value` must be finite"),
        ([1.0, np.inf], "`value` must be finite"),
        ([], "`value` must hold at least one row"),
        ([3.0], "`value` must have different values; it goes from 3 to 3"),
        ([0.0, 0.0, 0.0, 0.0, 1.0], "`value` must have more different values to put 2 knots"),
    ):
        with pytest.raises(InputError, match=message):
            natural_spline(values, degrees_of_freedom=3)
    with pytest.raises(InputError, match="`values` must be finite"):
        natural_spline(x, degrees_of_freedom=3).at([np.nan])


@pytest.mark.parametrize("name", ["time", "event", "value", "adjust", "entry", "weights", "offset"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_may_be_missing(name: str, value: float) -> None:
    given_values: dict[str, Any] = {
        "time": np.arange(1.0, 9.0),
        "event": np.ones(8),
        "value": np.arange(8.0) % 5,
        "adjust": np.arange(8.0) % 3,
        "entry": np.zeros(8),
        "weights": np.ones(8),
        "offset": np.zeros(8),
    }
    given_values[name] = np.array([value, *given_values[name][1:]])
    with pytest.raises(InputError, match=f"`{name}` must" if name != "adjust" else "`adjust` must be finite"):
        linearity_test(**given_values)


def test_what_else_is_refused() -> None:
    rows: dict[str, Any] = {"time": np.arange(1.0, 9.0), "event": np.ones(8), "value": np.arange(8.0) % 5}
    with pytest.raises(InputError, match="`degrees_of_freedom` must be at least 2"):
        linearity_test(**rows, degrees_of_freedom=1)
    with pytest.raises(InputError, match="`degrees_of_freedom` must be at least 2"):
        linearity_test(**rows, knots=[])
    with pytest.raises(InputError, match="`adjust` must have 8 rows"):
        linearity_test(**rows, adjust=[1.0])
    with pytest.raises((InputError, UnsupportedError), match="exact"):
        linearity_test(**rows, ties="exact", weights=np.ones(8))
    spline = natural_spline(rows["value"], degrees_of_freedom=2)
    fit = cox(rows["time"], rows["event"], spline.basis)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"columns": (0,)}, "`columns` must be 2, as the spline has; there are 1"),
        ({"columns": (0, 2)}, "`columns` must be different numbers from 0 to 1"),
        ({"confidence": 0.0}, "`confidence` must be between 0 and 1"),
        ({"reference": np.nan}, "`reference` must be finite"),
        ({"values": [np.nan]}, "`values` must be finite"),
    ]
    for options, message in wrong:
        given_values: dict[str, Any] = {"values": [1.0], "reference": 2.0, **options}
        with pytest.raises(InputError, match=message):
            spline_hazard_ratio(fit, spline, **given_values)
