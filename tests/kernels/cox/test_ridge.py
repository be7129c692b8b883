from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.ridge import RidgeCoxFit, ridge_cox
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.cox.slow_cox import cohort, slow_log_likelihood

BOTH: tuple[Ties, Ties] = ("efron", "breslow")
SEEDS = st.integers(0, 2**32 - 1)
NAME = "cox_special"


def columns(d: dict[str, np.ndarray], names: str) -> Floats:
    return np.column_stack([d[name] for name in names.split()])


@cache
def fits() -> dict[str, RidgeCoxFit]:
    pbc = {name: values[:312] for name, values in dataset("pbc").items()}
    v, o, r = dataset("veteran"), dataset("ovarian"), rotterdam()
    lung = {name: values[~np.isnan(dataset("lung")["ph.ecog"])] for name, values in dataset("lung").items()}
    ecog, died = columns(lung, "age sex ph.ecog"), lung["status"] == 2
    found: dict[str, RidgeCoxFit] = {}
    for name, scale in (("scaled", True), ("plain", False)):
        x = columns(pbc, "age edema bili albumin")
        found[f"ridge_pbc_{name}"] = ridge_cox(pbc["time"], pbc["status"] == 2, x, penalty=20, scale=scale)
        x = columns(v, "trt karno diagtime age prior")
        found[f"ridge_veteran_{name}"] = ridge_cox(v["time"], v["status"], x, penalty=3, scale=scale)
        x, breslow = columns(o, "age rx resid.ds ecog.ps"), "breslow"
        found[f"ridge_ovarian_{name}"] = ridge_cox(o["futime"], o["fustat"], x, penalty=1.5, scale=scale, ties=breslow)
    weights = 0.5 + np.arange(1, died.size + 1) % 5 / 4
    found["ridge_lung_weights"] = ridge_cox(lung["time"], died, ecog, penalty=10, weights=weights)
    found["cox_ridge_lung"] = ridge_cox(lung["time"], died, ecog, penalty=10, scale=False, ties="breslow")
    x = columns(r, "age lnodes hormon")
    found["ridge_rotterdam_entry"] = ridge_cox(r["dmonths"], r["death"], x, penalty=100, entry=r["entry_months"])
    x = np.column_stack([r["age"], r["lnodes"], np.log1p(r["pgr"]), r["hormon"]])
    found["cox_ridge_noscale"] = ridge_cox(r["dmonths"], r["death"], x, penalty=50, scale=False)
    x = columns(v, "trt karno age")
    found["ridge_veteran_part"] = ridge_cox(v["time"], v["status"], x, penalty=[0, 40, 40], stratum=v["prior"])
    return found


@pytest.mark.parametrize("key", fits())
def test_r(key: str) -> None:
    fit, r = fits()[key], golden(NAME, key)
    assert fit.verdict is Verdict.CONVERGED
    # the two fits of cox_*: R ended at a relative change of the likelihood of 1e-9
    tolerance = 1e-8
    agrees("Ridge Cox model: coefficients", NAME, key, fit.coefficients, r["coef"], tolerance=tolerance)
    if "var" in r:
        theirs = floats(r["var"])
        ours = fit.covariance, fit.sampling_covariance
        options: dict[str, Any] = {"tolerance": tolerance, "relative_to": "largest"}
        agrees("Ridge Cox model: covariance", NAME, key, ours[0], theirs, **options)
        agrees("Ridge Cox model: covariance of sampling", NAME, key, ours[1], r["var2"], **options)
        agrees("Ridge Cox model: standard error", NAME, key, fit.std_error, np.sqrt(np.diag(theirs)), tolerance=1e-8)
    else:
        agrees("Ridge Cox model: standard error", NAME, key, fit.std_error, r["se"], tolerance=tolerance)
    if "df" in r and len(r["df"]) == 1:
        agrees("Ridge Cox model: degrees of freedom", NAME, key, [fit.degrees_of_freedom], r["df"], tolerance=tolerance)
    ours = [fit.log_likelihood_null, fit.log_likelihood]
    agrees("Ridge Cox model: log-likelihoods", NAME, key, ours, r["loglik"], tolerance=1e-10)
    paid = r["penalty"][-1]
    agrees("Ridge Cox model: penalty", NAME, key, fit.penalty_at_estimate, paid, tolerance=tolerance)


def test_one_coefficient_by_hand() -> None:
    # The score of six rows, ones dying in turn, is 3 less the ones' shares of the risk sets; it equals the penalty's.
    fit = ridge_cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], penalty=2.0, scale=False)
    k, beta = np.array([3.0, 2.0, 1.0]), fit.coefficients[0]
    share = k * np.exp(beta) / (k * np.exp(beta) + 3)
    information = (share * (1 - share)).sum()
    np.testing.assert_allclose(3 - share.sum(), 2 * beta, rtol=1e-13)
    np.testing.assert_allclose(fit.covariance, [[1 / (information + 2)]], rtol=1e-12)
    np.testing.assert_allclose(fit.sampling_covariance, [[information / (information + 2) ** 2]], rtol=1e-12)
    np.testing.assert_allclose(fit.degrees_of_freedom, information / (information + 2), rtol=1e-12)
    np.testing.assert_allclose(fit.log_likelihood, np.log(np.exp(beta) / (k * np.exp(beta) + 3)).sum(), rtol=1e-13)
    np.testing.assert_allclose(fit.penalty_at_estimate, beta**2, rtol=1e-13)


@settings(max_examples=15)
@given(SEEDS, st.sampled_from(BOTH), st.floats(0.1, 50.0))
def test_the_slope_of_the_slow_likelihood_is_the_penalty(seed: int, ties: Ties, penalty: float) -> None:
    c = cohort(seed)
    fit = ridge_cox(c.time, c.event, c.x, ties=ties, penalty=penalty, **c.options())
    variance = c.x.var(axis=0, ddof=1)
    np.testing.assert_allclose(fit.penalty, penalty * variance, rtol=1e-12)
    step = 1e-4
    for k, direction in enumerate(np.eye(2) * step):
        up, down = (slow_log_likelihood(c, fit.coefficients + sign * direction, ties) for sign in (1, -1))
        slope = (up - down) / (2 * step)
        np.testing.assert_allclose(slope, fit.penalty[k] * fit.coefficients[k], rtol=1e-5, atol=1e-6)


@settings(max_examples=15)
@given(SEEDS, st.sampled_from(BOTH), st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_units_origin_and_row_order_do_not_matter(seed: int, ties: Ties, unit: float, origin: float) -> None:
    c = cohort(seed)
    fit = ridge_cox(c.time, c.event, c.x, ties=ties, penalty=2.0, offset=c.weights, **c.options())
    order = np.random.default_rng(seed).permutation(c.time.size)
    options = {name: values[order] for name, values in c.options(offset=c.weights + 3.0).items()}
    options["entry"] = options["entry"] * 7
    other = ridge_cox(c.time[order] * 7, c.event[order], c.x[order] * unit + origin, ties=ties, penalty=2.0, **options)
    np.testing.assert_allclose(other.coefficients * unit, fit.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.covariance * unit**2, fit.covariance, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(other.degrees_of_freedom, fit.degrees_of_freedom, rtol=1e-8)
    np.testing.assert_allclose(other.log_likelihood, fit.log_likelihood, rtol=1e-9)


@settings(max_examples=15)
@given(SEEDS, st.sampled_from(BOTH))
def test_without_a_penalty_it_is_cox_and_with_a_large_one_nothing(seed: int, ties: Ties) -> None:
    c = cohort(seed)
    plain = cox(c.time, c.event, c.x, ties=ties, robust=False, **c.options())
    assume(plain.verdict is Verdict.CONVERGED)
    none = ridge_cox(c.time, c.event, c.x, ties=ties, penalty=0, **c.options())
    np.testing.assert_allclose(none.coefficients, plain.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(none.covariance, plain.covariance, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(none.degrees_of_freedom, 2.0, rtol=1e-8)
    grid = [ridge_cox(c.time, c.event, c.x, ties=ties, penalty=k, **c.options()) for k in (0.0, 1.0, 10.0, 1e9)]
    freedom = [fit.degrees_of_freedom for fit in grid]
    assert all(more > less for more, less in pairwise(freedom))
    np.testing.assert_allclose(grid[-1].coefficients, 0.0, atol=1e-6)
    np.testing.assert_allclose(grid[-1].log_likelihood, grid[-1].log_likelihood_null, rtol=1e-6)


def test_a_penalty_mends_collinear_and_monotone_columns() -> None:
    g = np.random.default_rng(1)
    x = np.outer(g.normal(size=20), [1.0, 1.0])
    time = g.permutation(20) + 1.0
    fit = ridge_cox(time, np.ones(20), x, penalty=1.0)
    assert fit.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(fit.coefficients[0], fit.coefficients[1], rtol=1e-10)
    event, group = (time <= 6).astype(float), (time <= 8).astype(float)
    assert cox(time, event, group).verdict is Verdict.MONOTONE
    assert np.isfinite(ridge_cox(time, event, group, penalty=0.1).coefficients).all()
    free = ridge_cox(time, event, np.column_stack([group, x[:, 0]]), penalty=[0.0, 1.0])
    assert (free.verdict, free.at_fault) == (Verdict.MONOTONE, (0,))


def test_no_answer_has_a_verdict() -> None:
    none = ridge_cox([1.0, 2.0], [0, 0], [0.0, 1.0], penalty=1.0)
    assert none.verdict is Verdict.NO_EVENTS
    same = ridge_cox([1.0, 2.0, 3.0], [1, 1, 1], [[0.0, 0.0], [1.0, 2.0], [0.5, 1.0]], penalty=0.0)
    assert (same.verdict, same.at_fault) == (Verdict.COLLINEAR, (1,))
    one = ridge_cox([1.0], [1], [3.0], penalty=1.0)
    assert one.verdict is Verdict.COLLINEAR
    for record in (none, same, one):
        assert np.isnan([record.coefficients, record.std_error]).all()
        assert np.isnan([record.degrees_of_freedom, record.log_likelihood, record.likelihood_ratio_p_value]).all()
    at_once = ridge_cox(np.ones(6), np.ones(6), np.arange(6.0), penalty=1.0)
    assert at_once.verdict is Verdict.CONVERGED
    g = np.random.default_rng(5)
    few = ridge_cox(np.arange(10.0), np.arange(10) == 3, g.normal(size=(10, 12)), penalty=1.0)
    assert few.verdict is Verdict.CONVERGED
    assert few.degrees_of_freedom < 12


@pytest.mark.parametrize("name", ["time", "event", "x", "penalty", "entry", "weights", "stratum", "offset"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_may_be_missing(name: str, value: float) -> None:
    given_values: dict[str, Any] = {
        "time": [1.0, 2.0, 3.0],
        "event": [1.0, 1.0, 0.0],
        "x": [0.5, 0.1, 0.7],
        "penalty": [1.0],
        "entry": [0.0, 0.0, 1.0],
        "weights": [1.0, 2.0, 1.0],
        "stratum": [0.0, 0.0, 0.0],
        "offset": [0.0, 1.0, 2.0],
    }
    if name == "stratum" and np.isinf(value):
        return  # a label like another
    given_values[name] = [value, *given_values[name][1:]]
    with pytest.raises(InputError, match=f"`{name}` must"):
        ridge_cox(**given_values)


def test_what_else_is_refused() -> None:
    rows: dict[str, Any] = {"time": [1.0, 2.0], "event": [1, 1], "x": [0.0, 1.0]}
    wrong: dict[str, Any] = {
        "penalty": -1.0,
        "weights": [1.0, 0.0],
        "entry": [0.0, 2.0],
        "stratum": ["a"],
        "ties": "exact",
        "offset": [1.0],
        "max_steps": -1,
    }
    for name, value in wrong.items():
        options: dict[str, Any] = {"penalty": 1.0, **rows, name: value}
        with pytest.raises(InputError, match=f"`{name}` must"):
            ridge_cox(**options)
    with pytest.raises(InputError, match=r"`penalty` must be one number or 1"):
        ridge_cox(**rows, penalty=[1.0, 2.0])
