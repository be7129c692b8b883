from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtrc

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox import firth as cox_firth
from counterpoise.kernels.cox.design import Ties, arrange
from counterpoise.kernels.cox.firth import firth_cox, penalised_point
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, floats, golden
from tests.golden.agreement import agrees
from tests.kernels.cox.slow_cox import Cohort, cohort, slow_log_likelihood

BOTH: tuple[Ties, Ties] = ("efron", "breslow")
SEEDS = st.integers(0, 2**32 - 1)
NAME = "cox_special"
DROP = 3.841458820694124  # chi-squared, one degree of freedom, .95
# coxphf ends where no part of the score is above 1e-10, in units in which coefficients are of order one
FIRTH = 1e-8


def studies() -> dict[str, tuple[Floats, Floats, Floats]]:
    b, o, v = dataset("breast_coxphf"), dataset("ovarian"), dataset("veteran")
    tiny = golden(NAME, "firth_monotone_tiny")["data"]
    return {
        "firth_breast_pl": (b["TIME"], b["CENS"], np.column_stack([b[k] for k in ("T", "N", "G", "CD")])),
        "firth_ovarian": (
            o["futime"],
            o["fustat"],
            np.column_stack([o[k] for k in ("age", "resid.ds", "rx", "ecog.ps")]),
        ),
        "firth_veteran": (v["time"], v["status"], np.column_stack([v[k] for k in ("trt", "karno", "age")])),
        "firth_monotone_tiny": (
            np.array(tiny["t"], dtype=float),
            np.array(tiny["s"], dtype=float),
            np.column_stack([tiny["x"], tiny["z"]]),
        ),
    }


@pytest.mark.parametrize("key", studies())
def test_coxphf(key: str) -> None:
    time, event, x = studies()[key]
    fit, r = firth_cox(time, event, x, ties="breslow"), golden(NAME, key)
    assert fit.verdict is Verdict.CONVERGED
    agrees("Firth's Cox model: coefficients", NAME, key, fit.coefficients, r["coef"], tolerance=FIRTH)
    agrees("Firth's Cox model: standard error", NAME, key, fit.std_error, r["se"], tolerance=FIRTH)
    theirs = floats(r["vcov"])
    agrees(
        "Firth's Cox model: covariance",
        NAME,
        key,
        fit.covariance,
        theirs,
        tolerance=FIRTH,
        relative_to="largest",
    )
    limits = np.exp([fit.lower, fit.upper])
    agrees(
        "Firth's Cox model: profile limits of the hazard ratio",
        NAME,
        key,
        limits,
        [r["ci_lower_hr"], r["ci_upper_hr"]],
        tolerance=FIRTH,
    )
    # R takes p as 1 less a probability, which leaves the rounding of 1 in it
    seen = np.array(r["p"]) > 1e-7
    agrees("Firth's Cox model: profile p-value", NAME, key, fit.p_value[seen], np.array(r["p"])[seen], tolerance=FIRTH)
    np.testing.assert_allclose(fit.p_value, r["p"], atol=1e-15, rtol=FIRTH)
    # coxphf's determinant is of covariates divided by their standard deviations
    units = np.log(x.std(axis=0, ddof=1)).sum()
    ours = np.array([fit.log_likelihood_null, fit.log_likelihood]) - units
    agrees("Firth's Cox model: penalised log-likelihood", NAME, key, ours, r["loglik"], tolerance=1e-10)
    assert ours[1] >= r["loglik"][1] - 1e-12 * abs(r["loglik"][1])
    np.testing.assert_allclose(fit.likelihood_ratio, 2 * (r["loglik"][1] - r["loglik"][0]), rtol=1e-10)


@pytest.mark.parametrize("key", [*studies(), "firth_breast_wald"])
def test_wald_limits(key: str) -> None:
    time, event, x = studies()[key if key in studies() else "firth_breast_pl"]
    fit, r = firth_cox(time, event, x, ties="breslow", profile=False), golden(NAME, key)
    coefficients, error = np.array(r["coef"]), np.array(r["se"])
    theirs = [np.exp(coefficients - np.sqrt(DROP) * error), np.exp(coefficients + np.sqrt(DROP) * error)]
    p_value = chdtrc(1, (coefficients / error) ** 2)
    if key == "firth_breast_wald":
        theirs, p_value = [r["ci_lower_hr"], r["ci_upper_hr"]], r["p"]
    limits = np.exp([fit.lower, fit.upper])
    agrees("Firth's Cox model: Wald limits of the hazard ratio", NAME, key, limits, theirs, tolerance=FIRTH)
    agrees("Firth's Cox model: Wald p-value", NAME, key, fit.p_value, p_value, tolerance=FIRTH)
    wide = firth_cox(time, event, x, ties="breslow", profile=False, confidence=0.99)
    np.testing.assert_allclose(wide.upper - wide.coefficients, 2.5758293035489004 * fit.std_error, rtol=1e-12)


# ---- by hand ---------------------------------------------------------------------------------------------------


def six(beta: float) -> float:
    """Rows 1, 1, 1 die in turn, rows 0, 0, 0 stay: the share of the risk set's ones is k r / (k r + 3)."""
    r, k = np.exp(beta), np.array([3.0, 2.0, 1.0])
    share = k * r / (k * r + 3)
    return float(np.log(r / (k * r + 3)).sum() + np.log((share * (1 - share)).sum()) / 2)


@pytest.mark.parametrize("ties", BOTH)
def test_six_rows_by_hand(ties: Ties) -> None:
    fit = firth_cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], ties=ties)
    best: Any = minimize_scalar(lambda beta: -six(beta), bracket=(1.0, 3.0), tol=1e-14)
    np.testing.assert_allclose(fit.coefficients, [best.x], atol=1e-7)  # a minimum is seen to the root of the rounding
    np.testing.assert_allclose([fit.log_likelihood_null, fit.log_likelihood], [six(0.0), -best.fun], rtol=1e-13)

    def drop(beta: float) -> float:
        return 2 * (fit.log_likelihood - six(beta)) - DROP

    limits: list[Any] = [brentq(drop, -5.0, best.x, xtol=1e-14), brentq(drop, best.x, 20.0, xtol=1e-14)]
    np.testing.assert_allclose([fit.lower[0], fit.upper[0]], limits, rtol=1e-11)


def test_two_rows_in_closed_form() -> None:
    # log-likelihood 1.5 b - 2 log(1 + exp(b)): its maximum is at three to one
    fit = firth_cox([1, 2], [1, 0], [1, 0])
    np.testing.assert_allclose(np.exp(fit.coefficients), [3.0], rtol=1e-13)
    np.testing.assert_allclose(fit.covariance, [[16 / 3]], rtol=1e-13)
    np.testing.assert_allclose(fit.log_likelihood, 1.5 * np.log(3) - 2 * np.log(4), rtol=1e-13)


# ---- a slow reference ------------------------------------------------------------------------------------------


def slow_information(c: Cohort, beta: Floats, ties: Ties) -> Floats:
    """The sum over draws of the covariance of the covariates of those left to be drawn."""
    risk, total = c.weights * np.exp(c.x @ beta), np.zeros((beta.size, beta.size))
    for stratum in set(c.stratum.tolist()):
        for t in set(c.time[(c.event == 1) & (c.stratum == stratum)].tolist()):
            at_risk = (c.stratum == stratum) & (c.entry < t) & (t <= c.time)
            dead = at_risk & (c.time == t) & (c.event == 1)
            d = int(dead.sum())
            for k in range(d):
                left = risk * at_risk - risk * dead * (k / d if ties == "efron" else 0.0)
                share = left / left.sum()
                away = c.x - share @ c.x
                total += c.weights[dead].mean() * (away * share[:, None]).T @ away
    return total


def slow_firth(c: Cohort, beta: Floats, ties: Ties) -> float:
    determinant = float(np.linalg.slogdet(slow_information(c, beta, ties))[1])
    return slow_log_likelihood(c, beta, ties) + determinant / 2


def gradient(function: Callable[[Floats], float], at: Floats, step: float = 1e-3) -> Floats:
    """Central differences, of the sixth order."""
    total = np.zeros(at.size)
    for k, direction in enumerate(np.eye(at.size) * step):
        for factor, multiple in ((45, 1), (-9, 2), (1, 3)):
            total[k] += factor * (function(at + multiple * direction) - function(at - multiple * direction)) / 60 / step
    return total


@settings(max_examples=12)
@given(SEEDS, st.sampled_from(BOTH))
def test_likelihood_and_derivatives_against_their_definition(seed: int, ties: Ties) -> None:
    c = cohort(seed, n=24, p=3)
    beta = 0.5 * np.random.default_rng(seed).normal(size=3)
    design = arrange(risk_set(c.time, c.event, c.entry), c.x, c.weights, c.stratum, ties)
    point, units = penalised_point(design, beta * design.scale), float(np.log(design.scale).sum())
    assume(np.isfinite(point.log_likelihood))
    np.testing.assert_allclose(point.log_likelihood + units, slow_firth(c, beta, ties), rtol=1e-10, atol=1e-10)
    numeric = gradient(lambda b: slow_firth(c, b, ties), beta)
    np.testing.assert_allclose(point.score * design.scale, numeric, rtol=1e-7, atol=1e-7)


@settings(max_examples=8)
@given(SEEDS, st.sampled_from(BOTH))
def test_the_estimate_and_its_limits_against_their_definition(seed: int, ties: Ties) -> None:
    c = cohort(seed, n=24, p=2)
    fit = firth_cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    score = gradient(lambda b: slow_firth(c, b, ties), fit.coefficients)
    np.testing.assert_allclose(score * fit.std_error, 0.0, atol=1e-7)
    np.testing.assert_allclose(slow_firth(c, fit.coefficients, ties), fit.log_likelihood, rtol=1e-11)
    for limit in (fit.lower[0], fit.upper[0]):
        held: Any = minimize_scalar(
            lambda b, limit=limit: -slow_firth(c, np.array([limit, b]), ties),
            bracket=(fit.coefficients[1] - fit.std_error[1], fit.coefficients[1] + fit.std_error[1]),
            tol=1e-9,
        )
        np.testing.assert_allclose(2 * (fit.log_likelihood + held.fun), DROP, rtol=1e-8)


# ---- monotone likelihoods --------------------------------------------------------------------------------------


def test_r_warns_where_the_verdict_is_monotone() -> None:
    key, time = "cox_monotone_warning", np.arange(1.0, 11.0)
    event, x = (time <= 4).astype(float), (time <= 5).astype(float)
    fit, r = cox(time, event, x), golden(NAME, key)
    assert (fit.verdict, fit.at_fault) == (Verdict.MONOTONE, (0,))
    np.testing.assert_allclose(fit.log_likelihood, r["loglik"][1], rtol=1e-5)  # both on the way to the same limit
    both = studies()["firth_monotone_tiny"]
    second = cox(*both)
    assert (second.verdict, second.at_fault) == (Verdict.MONOTONE, (0,))
    third = cox(*studies()["firth_breast_pl"])
    assert (third.verdict, third.at_fault) == (Verdict.MONOTONE, (2,))
    assert np.isfinite(firth_cox(*both).upper).all()


@settings(max_examples=25)
@given(SEEDS, st.sampled_from(BOTH), st.booleans(), st.booleans(), st.integers(1, 3), st.booleans())
def test_the_column_at_fault_is_named_and_firth_is_finite(
    seed: int, ties: Ties, late: bool, strata: bool, p: int, protective: bool
) -> None:
    g = np.random.default_rng(seed)
    n = 60
    x = g.normal(size=(n, p))
    time = np.ceil(20 * g.exponential(size=n))
    event = (g.uniform(size=n) < 0.6).astype(float)
    column = int(g.integers(p))
    # Nobody of a group dies, or only its members do: whichever, all events are on one side.
    x[:, column] = g.uniform(size=n) < 0.5
    event[x[:, column] == (1 if protective else 0)] = 0.0
    entry = np.where(g.uniform(size=n) < 0.4, np.floor(time / 2), 0.0) if late else None
    stratum = g.integers(0, 3, n) if strata else None
    fit = cox(time, event, x, ties=ties, entry=entry, stratum=stratum)
    assume(fit.verdict is not Verdict.COLLINEAR)
    assert fit.verdict is Verdict.MONOTONE
    assert column in fit.at_fault
    firth = firth_cox(time, event, x, ties=ties, entry=entry, stratum=stratum)
    assert firth.verdict is Verdict.CONVERGED
    assert np.isfinite([firth.coefficients, firth.std_error, firth.lower, firth.upper, firth.p_value]).all()
    assert (firth.coefficients[column] < 0) == protective
    assert ((firth.lower < firth.coefficients) & (firth.coefficients < firth.upper)).all()


# ---- properties ------------------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(SEEDS, st.sampled_from(BOTH), st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_units_origin_and_row_order_do_not_matter(seed: int, ties: Ties, unit: float, origin: float) -> None:
    c = cohort(seed)
    fit = firth_cox(c.time, c.event, c.x, ties=ties, offset=c.weights, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    order = np.random.default_rng(seed).permutation(c.time.size)
    options = {name: values[order] for name, values in c.options(offset=c.weights + 3.0).items()}
    options["entry"] = options["entry"] * 7
    other = firth_cox(c.time[order] * 7, c.event[order], c.x[order] * unit + origin, ties=ties, **options)
    for name in ("coefficients", "lower", "upper"):
        np.testing.assert_allclose(getattr(other, name) * unit, getattr(fit, name), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(other.p_value, fit.p_value, rtol=1e-6)
    np.testing.assert_allclose(other.likelihood_ratio, fit.likelihood_ratio, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.log_likelihood - 2 * np.log(unit), fit.log_likelihood, rtol=1e-9, atol=1e-9)


@settings(max_examples=10)
@given(SEEDS)
def test_an_integer_weight_is_a_repeated_row_under_breslow(seed: int) -> None:
    c = cohort(seed)
    count = np.ceil(c.weights).astype(int)
    row = np.repeat(np.arange(count.size), count)
    options: dict[str, Any] = {"ties": "breslow"}
    once = firth_cox(c.time, c.event, c.x, entry=c.entry, stratum=c.stratum, weights=count, **options)
    assume(once.verdict is Verdict.CONVERGED)
    many = firth_cox(c.time[row], c.event[row], c.x[row], entry=c.entry[row], stratum=c.stratum[row], **options)
    for name in ("coefficients", "covariance", "lower", "upper", "p_value"):
        np.testing.assert_allclose(getattr(many, name), getattr(once, name), rtol=1e-6, atol=1e-9)


def test_with_many_events_it_is_cox() -> None:
    g = np.random.default_rng(0)
    x = g.normal(size=(4000, 2))
    time = np.ceil(50 * g.exponential(size=4000) * np.exp(-0.4 * x[:, 0]))
    firth, plain = firth_cox(time, np.ones(4000), x), cox(time, np.ones(4000), x)
    np.testing.assert_allclose(firth.coefficients, plain.coefficients, atol=0.05 * plain.std_error.max())
    np.testing.assert_allclose(firth.std_error, plain.std_error, rtol=1e-2)


def test_a_limit_that_is_nowhere_is_infinite() -> None:
    # Along a line of coefficients the four deaths keep an order and the determinant does not vanish.
    x = np.array([[3.59375, -1.09633], [-1.17984, 0.9967], [5.55395, -1.07656], [9.8231, -2.92962]])
    time, four = np.array([5.0, 7.0, 11.0, 24.0]), np.ones(4)
    fit = firth_cox(time, four, x, confidence=0.999)
    assert fit.verdict is Verdict.CONVERGED
    assert np.isneginf(fit.lower).all()
    assert np.isfinite(fit.upper).all()
    c = Cohort(time, four, x, np.zeros(4), np.zeros(4), four)
    for far in (-5.0, -15.0, -40.0):
        held: Any = minimize_scalar(
            lambda b, far=far: -slow_firth(c, np.array([far, b]), "efron"), bounds=(3 * far, 2 * far), method="bounded"
        )
        assert 2 * (fit.log_likelihood + held.fun) < 10.827566170662733  # chi-squared, .999


def test_a_limit_beyond_a_lower_hill_is_found() -> None:
    # One event: the first trial of a limit climbs a lower hill of the profile, which no trial nearer by is on.
    g = np.random.default_rng(474)
    n, p = int(g.integers(4, 25)), int(g.integers(1, 4))
    x = g.normal(size=(n, p)) * np.exp(3 * g.normal(size=p))
    time, event = np.ceil(9 * g.exponential(size=n)), g.uniform(size=n) < g.uniform(0.1, 0.9)
    fit = firth_cox(time, event, x, ties="breslow")
    assert np.isfinite([fit.lower, fit.upper, fit.p_value]).all()


def test_a_climb_cut_short_has_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    time, event, x = studies()["firth_ovarian"]
    monkeypatch.setattr(cox_firth, "MAX_STEPS", 1)
    fit = firth_cox(time, event, x)
    assert (fit.verdict, fit.iterations) == (Verdict.MAX_STEPS, 1)
    assert np.isnan([fit.lower, fit.upper, fit.p_value]).all()


# ---- verdicts and refusals -------------------------------------------------------------------------------------


def test_no_answer_has_a_verdict() -> None:
    none = firth_cox([1.0, 2.0], [0, 0], [0.0, 1.0])
    assert (none.verdict, none.n_events) == (Verdict.NO_EVENTS, 0)
    one = firth_cox([1.0], [1], [3.0])
    assert (one.verdict, one.at_fault) == (Verdict.COLLINEAR, (0,))
    x = np.outer(np.random.default_rng(1).normal(size=8), [1.0, -3.0])
    fit = firth_cox(np.arange(8.0), np.ones(8), x)
    assert (fit.verdict, fit.at_fault) == (Verdict.COLLINEAR, (1,))
    for record in (none, one, fit):
        assert np.isnan([record.coefficients, record.std_error, record.lower, record.upper, record.p_value]).all()
        assert np.isnan([record.log_likelihood, record.likelihood_ratio, record.likelihood_ratio_p_value]).all()


def test_all_events_at_one_time_and_more_columns_than_events() -> None:
    g = np.random.default_rng(5)
    x = g.normal(size=(30, 3))
    at_once = firth_cox(np.ones(30), g.uniform(size=30) < 0.4, x)
    assert at_once.verdict is Verdict.CONVERGED
    event = np.zeros(30)
    event[[3, 8]] = 1.0
    few = firth_cox(np.arange(30.0), event, x)
    assert few.verdict is Verdict.CONVERGED
    assert np.isfinite([few.lower, few.upper]).all()


@pytest.mark.parametrize("name", ["time", "event", "x", "entry", "weights", "stratum", "offset"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_may_be_missing(name: str, value: float) -> None:
    given_values: dict[str, Any] = {
        "time": [1.0, 2.0, 3.0],
        "event": [1.0, 1.0, 0.0],
        "x": [0.5, 0.1, 0.7],
        "entry": [0.0, 0.0, 1.0],
        "weights": [1.0, 2.0, 1.0],
        "stratum": [0.0, 0.0, 0.0],
        "offset": [0.0, 1.0, 2.0],
    }
    if name == "stratum" and np.isinf(value):
        return  # a label like another
    given_values[name] = [value, *given_values[name][1:]]
    with pytest.raises(InputError, match=f"`{name}` must"):
        firth_cox(**given_values)


def test_what_else_is_refused() -> None:
    rows: dict[str, Any] = {"time": [1.0, 2.0], "event": [1, 1], "x": [0.0, 1.0]}
    wrong: dict[str, Any] = {
        "weights": [1.0, -1.0],
        "entry": [0.0, 2.0],
        "stratum": ["a"],
        "ties": "exact",
        "confidence": 1.0,
        "offset": [1.0],
    }
    for name, value in wrong.items():
        with pytest.raises(InputError, match=f"`{name}` must"):
            firth_cox(**rows, **{name: value})
    with pytest.raises(InputError, match="`weights` must be positive"):
        firth_cox(**rows, weights=[0.0, 1.0])
