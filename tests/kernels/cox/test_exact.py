from itertools import combinations
from math import comb, log
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import CounterpoiseError, InputError, UnsupportedError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox import exact as cox_exact
from counterpoise.kernels.cox.exact import exact_point, exact_ties, fit_exact, sets_of
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.newton import Point
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.cox.slow_cox import Cohort, cohort

SEEDS = st.integers(0, 2**32 - 1)
NAME = "cox_special"


def lung() -> dict[str, np.ndarray]:
    d = dataset("lung")
    return {column: values[~np.isnan(d["ph.ecog"])] for column, values in d.items()}


def columns(d: dict[str, np.ndarray], names: str) -> Floats:
    return np.column_stack([d[name] for name in names.split()])


def late(d: dict[str, np.ndarray]) -> Floats:
    return np.where(np.arange(1, d["time"].size + 1) % 3 == 0, np.floor(d["time"] / 2), 0.0)


def studies() -> dict[str, tuple[Any, ...]]:
    """By key of the reference: time, event, covariates and options."""
    d, v, o, r, h = lung(), dataset("veteran"), dataset("ovarian"), rotterdam(), dataset("heart")
    died, ecog = d["status"] == 2, columns(d, "age sex ph.ecog")
    cells = np.column_stack([v["celltype"] == cell for cell in ("smallcell", "adeno", "large")])
    full = np.column_stack([v["trt"], cells, columns(v, "karno diagtime age prior")])
    months, half_years, x = np.ceil(d["time"] / 30), np.ceil(r["dmonths"] / 6), columns(r, "hormon age lnodes")
    both = columns(d, "age ph.ecog"), columns(d, "sex ph.ecog")
    heart = columns(h, "age surgery transplant")
    heart[:, 2] = heart[:, 2].astype(float)
    return {
        "exact_lung": (d["time"], died, ecog, {}),
        "exact_lung_months": (months, died, ecog, {}),
        "exact_lung_months_strata": (np.ceil(d["time"] / 60), died, both[0], {"stratum": d["sex"]}),
        "exact_lung_offset": (months, died, both[1], {"offset": d["age"] / 50}),
        "exact_veteran": (v["time"], v["status"], full, {}),
        "exact_veteran_months": (np.ceil(v["time"] / 30), v["status"], columns(v, "trt karno age"), {}),
        "exact_ovarian_quarters": (np.ceil(o["futime"] / 90), o["fustat"], columns(o, "age rx"), {}),
        "exact_rotterdam_half_yearly": (half_years, r["death"], x, {}),
        "exact_rotterdam_quarterly_strata": (np.ceil(r["dmonths"] / 3), r["death"], x, {"stratum": r["grade"]}),
        "exact_heart": (h["stop"], h["event"], heart, {"entry": h["start"]}),
        "exact_lung_entry": (d["time"], died, ecog, {"entry": late(d)}),
        "exact_veteran_entry": (
            v["time"],
            v["status"],
            columns(v, "trt karno"),
            {"entry": late(v), "stratum": v["prior"]},
        ),
    }


@pytest.mark.parametrize("key", studies())
def test_r(key: str) -> None:
    time, event, x, options = studies()[key]
    fit, r = fit_exact(time, event, x, **options), golden(NAME, key)
    assert (fit.verdict, fit.n, fit.n_events) == (Verdict.CONVERGED, r["n"], r["nevent"])
    # R's information is that of its last step but one, and its step ends at a change of 1e-14 in the likelihood.
    agrees("Exact ties: coefficients", NAME, key, fit.coefficients, r["coef"], tolerance=1e-8)
    theirs = floats(r["vcov"]).reshape(fit.covariance.shape)
    agrees("Exact ties: covariance", NAME, key, fit.covariance, theirs, tolerance=1e-8, relative_to="largest")
    agrees("Exact ties: standard error", NAME, key, fit.std_error, np.sqrt(np.diag(theirs)), tolerance=1e-8)
    ours = [fit.log_likelihood_null, fit.log_likelihood]
    agrees("Exact ties: log-likelihoods", NAME, key, ours, [r["loglik_null"], r["loglik"]], tolerance=1e-10)
    agrees("Exact ties: score test", NAME, key, fit.score, r["score_chisq"], tolerance=1e-10)
    agrees("Exact ties: Wald test", NAME, key, fit.wald, r["wald_chisq"], tolerance=1e-8)


def test_the_score_test_is_the_log_rank_test_in_r_too() -> None:
    d, v, r = lung(), dataset("veteran"), rotterdam()
    cells = np.column_stack([v["celltype"] == cell for cell in ("smallcell", "adeno", "large")])
    scores = {
        "mantel_lung_months": fit_exact(np.ceil(d["time"] / 30), d["status"] == 2, d["sex"], max_steps=0),
        "mantel_veteran_months": fit_exact(np.ceil(v["time"] / 30), v["status"], cells, max_steps=0),
        "mantel_rotterdam_half_yearly": fit_exact(
            np.ceil(r["dmonths"] / 6), r["death"], r["hormon"], stratum=r["grade"], max_steps=0
        ),
    }
    for key, fit in scores.items():
        agrees("Exact ties: score test is Mantel's", NAME, key, fit.score, golden(NAME, key)["chisq"], tolerance=1e-10)


# ---- by hand ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [-2.0, 0.0, 0.7, 3.0])
def test_two_of_five_by_hand(beta: float) -> None:
    # Rows 1, 0 die; 1, 0, 0 stay. Sets: one of two ones, six of one and one, three of no one.
    r = np.exp(beta)
    parts = np.array([3.0, 6 * r, r**2])
    mean = parts @ [0, 1, 2] / parts.sum()
    variance = parts @ [0, 1, 4] / parts.sum() - mean**2
    fit = fit_exact([1, 1, 2, 2, 2], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0], initial=[beta], max_steps=0)
    np.testing.assert_allclose(fit.log_likelihood_null, beta - np.log(parts.sum()), rtol=1e-14)
    np.testing.assert_allclose(fit.covariance, [[1 / variance]], rtol=1e-13)
    np.testing.assert_allclose(fit.score, (1 - mean) ** 2 / variance, rtol=1e-12)


def test_one_time_is_the_hypergeometric_distribution() -> None:
    # 1,000 of 2,000 die at once, 450 of 900 and 550 of 1,100: exact whole numbers say what no float could sum.
    dies = np.repeat([1, 0, 1, 0], [500, 400, 500, 600])
    x = np.repeat([1.0, 0.0], [900, 1100])
    fit = fit_exact(np.ones(2000), dies, x, max_steps=0)
    np.testing.assert_allclose(fit.log_likelihood, -log(comb(2000, 1000)), rtol=1e-13)
    n, d, m = 2000.0, 1000.0, 900.0
    variance = d * m / n * (1 - m / n) * (n - d) / (n - 1)
    np.testing.assert_allclose(fit.covariance, [[1 / variance]], rtol=1e-11)
    np.testing.assert_allclose(fit.score, (500 - d * m / n) ** 2 / variance, rtol=1e-10)


def test_times_at_which_all_die_say_nothing() -> None:
    time, event, x = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0], [1, 0, 0, 1, 1, 1], [0.3, 1.0, 0.7, 0.1, 2.0, 5.0]
    fit = fit_exact(time, event, x)
    censored = fit_exact(time, [1, 0, 0, 1, 0, 0], x)
    np.testing.assert_allclose(fit.coefficients, censored.coefficients, rtol=1e-12)
    np.testing.assert_allclose(fit.log_likelihood, censored.log_likelihood, rtol=1e-12)
    all_at_once = fit_exact([1.0, 1.0, 1.0], [1, 1, 1], [0.0, 1.0, 2.0])
    assert all_at_once.verdict is Verdict.COLLINEAR
    assert np.isnan(all_at_once.coefficients).all()


# ---- slow references -------------------------------------------------------------------------------------------


def by_all_sets(count: int, eta: Floats, x: Floats) -> tuple[float, Floats, Floats]:
    sets = [list(chosen) for chosen in combinations(range(eta.size), count)]
    weight = np.array([eta[chosen].sum() for chosen in sets])
    sums = np.array([x[:, chosen].sum(axis=1) for chosen in sets])
    top = weight.max()
    share = np.exp(weight - top)
    log_sum, share = top + np.log(share.sum()), share / share.sum()
    mean = share @ sums
    return float(log_sum), mean, (sums - mean).T @ ((sums - mean) * share[:, None])


def by_recursion(count: int, eta: Floats, x: Floats) -> tuple[float, Floats, Floats]:
    """Gail, Lubin and Rubinstein's recursion row by row, as mixtures: what k rows drawn from the first ones hold."""
    p = len(x)
    log_sum = np.full(count + 1, -np.inf)
    log_sum[0] = 0.0
    mean, covariance = np.zeros((count + 1, p)), np.zeros((count + 1, p, p))
    for row in range(eta.size):
        drawn = log_sum[:-1] + eta[row]
        total = np.logaddexp(log_sum[1:], drawn)
        share = np.where(np.isfinite(total), np.exp(drawn - np.where(np.isfinite(total), total, 0.0)), 0.0)
        away = mean[:-1] + x[:, row] - mean[1:]
        spread = (share * (1 - share))[:, None, None] * away[:, :, None] * away[:, None, :]
        covariance[1:] += share[:, None, None] * (covariance[:-1] - covariance[1:]) + spread
        mean[1:] += share[:, None] * away
        log_sum[1:] = total
    return float(log_sum[count]), mean[count], covariance[count]


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 9), st.sampled_from([0.1, 1.0, 10.0, 100.0]))
def test_sums_over_sets(seed: int, n: int, spread: float) -> None:
    g = np.random.default_rng(seed)
    eta, x, count = spread * g.normal(size=n), g.normal(size=(2, n)), int(g.integers(1, n))
    log_sum, mean, covariance = sets_of(count, eta, x)
    for slow in (by_all_sets, by_recursion):
        theirs = slow(count, eta, x)
        np.testing.assert_allclose(log_sum, theirs[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(mean, theirs[1], rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(covariance, theirs[2], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("n", "count"), [(60, 2), (300, 40), (400, 399), (1000, 3), (500, 250)])
@pytest.mark.parametrize("spread", [0.0, 1.0, 6.0])
def test_large_sums_over_sets(n: int, count: int, spread: float) -> None:
    g = np.random.default_rng(n + count)
    eta, x = spread * g.normal(size=n), g.normal(size=(3, n)) + 2.0
    log_sum, mean, covariance = sets_of(count, eta, x)
    theirs = by_recursion(count, eta, x)
    np.testing.assert_allclose(log_sum, theirs[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mean, theirs[1], rtol=1e-11)
    np.testing.assert_allclose(covariance, theirs[2], rtol=1e-9, atol=1e-10 * np.abs(theirs[2]).max())


def slow_point(c: Cohort, beta: Floats) -> Point:
    log_likelihood, score, information = 0.0, np.zeros(beta.size), np.zeros((beta.size, beta.size))
    for stratum in set(c.stratum.tolist()):
        for t in set(c.time[(c.event == 1) & (c.stratum == stratum)].tolist()):
            at_risk = (c.stratum == stratum) & (c.entry < t) & (t <= c.time)
            dead = at_risk & (c.time == t) & (c.event == 1)
            log_sum, mean, covariance = by_recursion(int(dead.sum()), (c.x @ beta)[at_risk], c.x[at_risk].T)
            log_likelihood += float((c.x @ beta)[dead].sum()) - log_sum
            score += c.x[dead].sum(axis=0) - mean
            information += covariance
    return Point(log_likelihood, score, information)


@settings(max_examples=25)
@given(SEEDS, st.floats(-3.0, 3.0))
def test_score_and_information(seed: int, size: float) -> None:
    c = cohort(seed, n=40, p=3)
    beta = size * np.random.default_rng(seed).normal(size=3)
    sets = risk_set(c.time, c.event, c.entry)
    design = cox_exact.arrange(sets, c.x, np.ones(40), c.stratum, "breslow")
    ours, theirs = exact_point(design, exact_ties(design), beta * design.scale), slow_point(c, beta)
    scale = np.outer(design.scale, design.scale)
    np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(ours.score * design.scale, theirs.score, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.information * scale, theirs.information, rtol=1e-8, atol=1e-9)


# ---- properties ------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(SEEDS)
def test_the_score_test_is_the_log_rank_test_with_ties_late_entry_and_strata(seed: int) -> None:
    c = cohort(seed, n=60)
    arm = c.x[:, 1]
    test = log_rank(c.time, c.event, arm, entry=c.entry, stratum=c.stratum)
    fit = fit_exact(c.time, c.event, arm, entry=c.entry, stratum=c.stratum, max_steps=0)
    assume(fit.verdict is not Verdict.COLLINEAR)
    np.testing.assert_allclose(fit.score, test.statistic, rtol=1e-9, atol=1e-12)


@settings(max_examples=20)
@given(SEEDS)
def test_without_ties_all_three_are_one(seed: int) -> None:
    g = np.random.default_rng(seed)
    time, event, x = g.permutation(40) + 1.0, g.uniform(size=40) < 0.6, g.normal(size=(40, 2))
    exact, breslow = fit_exact(time, event, x), cox(time, event, x, ties="breslow")
    assert exact.verdict is breslow.verdict
    np.testing.assert_allclose(exact.coefficients, breslow.coefficients, rtol=1e-10)
    np.testing.assert_allclose(exact.covariance, breslow.covariance, rtol=1e-10)


@settings(max_examples=20)
@given(SEEDS, st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_units_origin_and_row_order_do_not_matter(seed: int, unit: float, origin: float) -> None:
    c = cohort(seed, n=40)
    options: dict[str, Any] = {"entry": c.entry, "stratum": c.stratum, "offset": c.weights}
    fit = fit_exact(c.time, c.event, c.x, **options)
    assume(fit.verdict is Verdict.CONVERGED)
    order = np.random.default_rng(seed).permutation(40)
    options = {"entry": 7 * c.entry[order], "stratum": c.stratum[order], "offset": c.weights[order] + origin}
    other = fit_exact(c.time[order] * 7, c.event[order], c.x[order] * unit + origin, **options)
    np.testing.assert_allclose(other.coefficients * unit, fit.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.covariance * unit**2, fit.covariance, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.log_likelihood, fit.log_likelihood, rtol=1e-10)


def test_an_offset_is_a_covariate_whose_coefficient_is_known() -> None:
    c = cohort(4, n=60)
    both = fit_exact(c.time, c.event, c.x, entry=c.entry)
    one = fit_exact(c.time, c.event, c.x[:, 0], entry=c.entry, offset=c.x[:, 1] * both.coefficients[1])
    np.testing.assert_allclose(one.coefficients, both.coefficients[:1], rtol=1e-9)
    np.testing.assert_allclose(one.log_likelihood, both.log_likelihood, rtol=1e-12)


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    g = np.random.default_rng(2)
    eta, x = g.normal(size=500), g.normal(size=(2, 500))
    whole = sets_of(30, eta, x)
    monkeypatch.setattr(cox_exact, "BLOCK_NUMBERS", 1000)
    for ours, theirs in zip(sets_of(30, eta, x), whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


# ---- verdicts and refusals -------------------------------------------------------------------------------------


def test_cox_comes_here() -> None:
    d = lung()
    months, died, x = np.ceil(d["time"] / 30), d["status"] == 2, columns(d, "age sex")
    fit = cox(months, died, x, ties="exact", stratum=d["ph.ecog"], initial=[0.1, 0.0])
    same = fit_exact(months, died, x, stratum=d["ph.ecog"], initial=[0.1, 0.0])
    np.testing.assert_array_equal(fit.coefficients, same.coefficients)
    assert (fit.ties, fit.robust, fit.influence) == ("exact", False, None)
    assert fit.strata is not None
    assert fit.design is not None


def test_no_answer_has_a_verdict() -> None:
    none = fit_exact([1.0, 2.0], [0, 0], [0.0, 1.0])
    assert (none.verdict, none.ties) == (Verdict.NO_EVENTS, "exact")
    assert np.isnan(none.coefficients).all()
    one = fit_exact([1.0], [1], [3.0])
    assert one.verdict is Verdict.COLLINEAR
    repeated = fit_exact([1, 1, 1, 2, 2, 2], [1, 1, 0, 1, 0, 0], np.outer([0.3, 1, 2, 0, 1, 5], [1.0, 2.0]))
    assert (repeated.verdict, repeated.at_fault) == (Verdict.COLLINEAR, (1,))
    monotone = fit_exact([1, 1, 1, 1, 2, 2], [1, 1, 0, 0, 1, 0], [2, 3, 1, 0, 1, 0])
    assert (monotone.verdict, monotone.at_fault) == (Verdict.MONOTONE, (0,))
    more = fit_exact([1, 1, 1, 1], [1, 1, 0, 0], np.random.default_rng(1).normal(size=(4, 6)))
    assert more.verdict is not Verdict.CONVERGED


@pytest.mark.parametrize("name", ["time", "event", "x", "entry", "stratum", "offset", "initial"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_may_be_missing(name: str, value: float) -> None:
    given_values: dict[str, Any] = {
        "time": [1.0, 1.0, 3.0],
        "event": [1.0, 1.0, 0.0],
        "x": [0.5, 0.1, 0.7],
        "entry": [0.0, 0.0, 1.0],
        "stratum": [0.0, 0.0, 0.0],
        "offset": [0.0, 1.0, 2.0],
        "initial": [0.1],
    }
    if name == "stratum" and np.isinf(value):
        return  # a label like another
    given_values[name] = [value, *given_values[name][1:]]
    with pytest.raises(InputError, match=f"`{name}` must"):
        fit_exact(**given_values)


def test_what_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: dict[str, Any] = {"time": [1.0, 1.0, 2.0], "event": [1, 1, 0], "x": [0.0, 1.0, 0.5]}
    wrong: dict[str, Any] = {
        "entry": [0.0, 0.0, 2.0],
        "stratum": ["a"],
        "initial": [0.0, 0.0],
        "max_steps": -1,
        "offset": [1.0],
    }
    for name, value in wrong.items():
        with pytest.raises(InputError, match=f"`{name}` must"):
            fit_exact(**rows, **{name: value})
    with pytest.raises(InputError, match="`initial` must be nearer"):
        fit_exact([1.0, 1.0, 3.0, 4.0], [1, 1, 1, 0], [1.0, 0.0, 2.0, 1.0], initial=[900.0])
    options: list[dict[str, Any]] = [{"weights": [1, 2, 1]}, {"cluster": [1, 1, 2]}, {"robust": True}]
    for option in options:
        with pytest.raises(CounterpoiseError, match="exact"):
            cox(**rows, ties="exact", **option)
    monkeypatch.setattr(cox_exact, "LARGEST_COST", 10.0)
    with pytest.raises(UnsupportedError, match=r"1 event times with up to 2 deaths among 3 rows at risk"):
        fit_exact(**rows)
