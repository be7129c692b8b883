from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.optimize import linprog

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.blocks import Ties
from counterpoise.kernels.cox.fit import cox, quadratic_form
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.verdict import Verdict, raise_unless_converged
from tests.by_hand import cox_unweighted as unweighted, cox_weighted as weighted
from tests.kernels.cox.slow_cox import cohort

BOTH: tuple[Ties, Ties] = ("efron", "breslow")
SEEDS = st.integers(0, 2**32 - 1)

# ---- by hand ---------------------------------------------------------------------------------------------------

ByHand = tuple[dict[str, Any], Callable[[float, str], tuple[float, float, float]]]
BY_HAND: dict[str, ByHand] = {
    "six": (
        {"time": unweighted.SIX_TIME, "event": unweighted.SIX_EVENT, "x": unweighted.SIX_X},
        unweighted.six,
    ),
    "ten": (
        {
            "entry": unweighted.TEN_ENTRY,
            "time": unweighted.TEN_TIME,
            "event": unweighted.TEN_EVENT,
            "x": unweighted.TEN_X,
        },
        unweighted.ten,
    ),
    "nine": (
        {"time": weighted.TIME, "event": weighted.EVENT, "x": weighted.X, "weights": weighted.WEIGHTS},
        weighted.nine,
    ),
}


def root_of_decreasing(f: Callable[[float], float]) -> float:
    low, high = -3.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return (low + high) / 2


@pytest.mark.parametrize("ties", BOTH)
@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand_at_the_start_after_one_step_and_at_the_end(name: str, ties: Ties) -> None:
    data, closed_form = BY_HAND[name]
    log_likelihood, score, information = closed_form(0.0, ties)
    start = cox(**data, ties=ties, max_steps=0, robust=False)
    np.testing.assert_allclose(start.log_likelihood, log_likelihood, rtol=1e-14)
    np.testing.assert_allclose(start.score, score**2 / information, rtol=1e-13)
    np.testing.assert_allclose(start.covariance, [[1 / information]], rtol=1e-13)
    one = cox(**data, ties=ties, max_steps=1, robust=False)
    np.testing.assert_allclose(one.coefficients, [score / information], rtol=1e-13)
    np.testing.assert_allclose(one.covariance, [[1 / closed_form(score / information, ties)[2]]], rtol=1e-12)
    assert start.verdict is one.verdict is Verdict.MAX_STEPS
    solution = root_of_decreasing(lambda beta: closed_form(beta, ties)[1])
    log_likelihood, _, information = closed_form(solution, ties)
    end = cox(**data, ties=ties, robust=False)
    np.testing.assert_allclose(end.coefficients, [solution], rtol=1e-13)
    np.testing.assert_allclose(end.log_likelihood, log_likelihood, rtol=1e-14)
    # the information is that of a point at most 1e-10 standard errors away
    np.testing.assert_allclose(end.std_error, [information**-0.5], rtol=1e-10)
    np.testing.assert_allclose(end.wald, solution**2 * information, rtol=1e-10)
    assert end.verdict is Verdict.CONVERGED


@pytest.mark.parametrize("ties", BOTH)
def test_by_hand_solutions_in_closed_form(ties: Ties) -> None:
    fit = cox(**BY_HAND["six"][0], ties=ties)
    np.testing.assert_allclose(fit.coefficients, [unweighted.SIX_SOLUTION[ties]], rtol=1e-14)
    nine = cox(**BY_HAND["nine"][0])
    np.testing.assert_allclose(nine.coefficients, [weighted.EFRON_SOLUTION], atol=6e-9)


def score_residuals(data: dict[str, Any], beta: float, ties: Ties) -> Floats:
    """Return what the influence holds before it is divided by the information."""
    fit = cox(**data, ties=ties, initial=[beta], max_steps=0, robust=True)
    assert fit.influence is not None
    return fit.influence[:, 0] / fit.naive_covariance[0, 0]


@pytest.mark.parametrize("ties", BOTH)
def test_by_hand_score_residuals(ties: Ties) -> None:
    six = BY_HAND["six"][0]
    for beta in (0.0, 0.5, unweighted.SIX_SOLUTION[ties]):
        expected = unweighted.six_residuals(beta, ties)
        np.testing.assert_allclose(score_residuals(six, beta, ties), expected, atol=1e-14)


def test_by_hand_score_residuals_as_fractions() -> None:
    ten = [float(value) for value in unweighted.TEN_BRESLOW_RESIDUALS_AT_TWO]
    np.testing.assert_allclose(score_residuals(BY_HAND["ten"][0], np.log(2), "breslow"), ten, atol=1e-14)
    nine = weighted.WEIGHTS * np.array([float(value) for value in weighted.BRESLOW_RESIDUALS_AT_ZERO])
    np.testing.assert_allclose(score_residuals(BY_HAND["nine"][0], 0.0, "breslow"), nine, atol=1e-14)


def is_monotone(time: Floats, event: Floats, x: Floats) -> bool:
    """Ask a linear programme for a direction in which no death is ever outranked by a row at risk, and some leads."""
    leads = np.vstack([x[i] - x[time >= t] for i, t in enumerate(time) if event[i]])
    found = linprog(-leads.sum(axis=0), A_ub=-leads, b_ub=np.zeros(len(leads)), bounds=[(-1, 1)] * x.shape[1])
    return -float(found.fun) > 1e-7


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(5, 25), st.integers(1, 3), st.sampled_from([0.08, 0.3, 0.5]))
def test_an_infinite_estimate_is_found_exactly_when_there_is_one(seed: int, n: int, p: int, share: float) -> None:
    g = np.random.default_rng(seed)
    x = np.where(g.uniform(size=(n, p)) < share, g.integers(1, 4, (n, p)), 0).astype(float)
    time = np.ceil(9 * g.exponential(size=n) * np.exp(-x[:, 0]))
    event = (g.uniform(size=n) < g.uniform(0.2, 0.9)).astype(float)
    assume(event.any())
    fit = cox(time, event, x)
    assume(fit.verdict is not Verdict.COLLINEAR)
    assert fit.verdict is (Verdict.MONOTONE if is_monotone(time, event, x) else Verdict.CONVERGED)


# ---- properties ------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(BOTH), st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_units_origin_and_row_order_do_not_matter(seed: int, ties: Ties, unit: float, origin: float) -> None:
    c = cohort(seed)
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    order = np.random.default_rng(seed).permutation(c.time.size)
    options = {name: values[order] for name, values in c.options().items()}
    options["entry"] = options["entry"] * 7
    other = cox(c.time[order] * 7, c.event[order], c.x[order] * unit + origin, ties=ties, **options)
    np.testing.assert_allclose(other.coefficients * unit, fit.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.covariance * unit**2, fit.covariance, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose([other.wald, other.score], [fit.wald, fit.score], rtol=1e-6, atol=1e-9)
    assert fit.robust_score is not None
    assert other.robust_score is not None
    np.testing.assert_allclose(other.robust_score, fit.robust_score, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(BOTH), st.floats(0.1, 10.0))
def test_weights_count_in_proportion_only(seed: int, ties: Ties, factor: float) -> None:
    c = cohort(seed)
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    other = cox(c.time, c.event, c.x, ties=ties, **c.options(weights=factor * c.weights))
    np.testing.assert_allclose(other.coefficients, fit.coefficients, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(other.covariance, fit.covariance, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(other.naive_covariance * factor, fit.naive_covariance, rtol=1e-6, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_an_integer_weight_is_a_repeated_row_under_breslow(seed: int) -> None:
    c = cohort(seed)
    count = np.ceil(c.weights).astype(int)
    row = np.repeat(np.arange(count.size), count)
    once = cox(c.time, c.event, c.x, ties="breslow", entry=c.entry, stratum=c.stratum, weights=count)
    assume(once.verdict is Verdict.CONVERGED)
    repeated = cox(
        c.time[row],
        c.event[row],
        c.x[row],
        ties="breslow",
        entry=c.entry[row],
        stratum=c.stratum[row],
        cluster=row,
    )
    np.testing.assert_allclose(repeated.coefficients, once.coefficients, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(repeated.naive_covariance, once.naive_covariance, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(repeated.covariance, once.covariance, rtol=1e-7, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(BOTH), st.integers(4, 40))
def test_a_row_split_in_two_is_the_same_row(seed: int, ties: Ties, quarters: int) -> None:
    c, cut = cohort(seed), quarters / 4
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    split = np.flatnonzero((c.entry < cut) & (cut < c.time))
    row = np.concatenate([np.arange(c.time.size), split])
    time, event, entry = c.time[row], c.event[row], c.entry[row]
    time[split], event[split], entry[c.time.size :] = cut, 0.0, cut
    other = cox(
        time,
        event,
        c.x[row],
        ties=ties,
        entry=entry,
        stratum=c.stratum[row],
        weights=c.weights[row],
        cluster=row,
    )
    np.testing.assert_allclose(other.coefficients, fit.coefficients, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(other.covariance, fit.covariance, rtol=1e-6, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_without_ties_efron_is_breslow_and_the_score_test_is_the_log_rank_test(seed: int) -> None:
    g = np.random.default_rng(seed)
    time, event, arm = g.permutation(40) + 1.0, g.uniform(size=40) < 0.6, g.integers(0, 2, 40)
    efron, breslow = cox(time, event, arm, robust=True), cox(time, event, arm, robust=True, ties="breslow")
    assume(efron.verdict is Verdict.CONVERGED)
    np.testing.assert_allclose(efron.coefficients, breslow.coefficients, rtol=1e-12)
    np.testing.assert_allclose(efron.covariance, breslow.covariance, rtol=1e-12)
    np.testing.assert_allclose(efron.score, log_rank(time, event, arm).statistic, rtol=1e-10)


def test_rows_never_at_risk_at_an_event_have_no_influence() -> None:
    time, event = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0], [0, 1, 1, 1, 0, 0]
    x, entry = [0.3, 1.0, 0.0, 2.0, 1.0, 5.0], [0.0, 0.0, 0.0, 0.0, 0.0, 4.0]
    fit = cox(time, event, x, entry=entry, robust=True)
    assert fit.influence is not None
    assert fit.influence[[0, 5], 0].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(fit.coefficients, cox(time[1:5], event[1:5], x[1:5]).coefficients, rtol=1e-12)


# ---- verdicts and refusals -------------------------------------------------------------------------------------


def test_no_event_and_one_row() -> None:
    none = cox([1.0, 2.0], [0, 0], [0.0, 1.0], robust=True)
    assert none.verdict is Verdict.NO_EVENTS
    assert np.isnan([none.coefficients[0], none.wald, none.score, none.covariance[0, 0]]).all()
    assert none.influence is not None
    assert none.influence.shape == (2, 1)
    with pytest.raises(FitError, match="no event"):
        raise_unless_converged(none.verdict, "the model")
    one = cox([1.0], [1], [3.0], weights=[2.0])
    assert (one.verdict, one.n, one.n_events) == (Verdict.COLLINEAR, 1, 1)
    assert np.isnan(one.std_error).all()


def test_what_is_constant_among_those_at_risk_is_collinear() -> None:
    time, event = [1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0]
    assert cox(time, event, [0.1, 0.1, 0.1, 0.1]).verdict is Verdict.COLLINEAR
    assert cox(time, event, [1.1, 1.1, 7.7, 7.7], stratum=["a", "a", "b", "b"]).verdict is Verdict.COLLINEAR
    x = np.random.default_rng(1).normal(size=(4, 1)) @ np.array([[1.0, -3.0]])
    fit = cox(time, event, x)
    assert (fit.verdict, fit.at_fault) == (Verdict.COLLINEAR, (1,))
    assert np.isnan([fit.wald, fit.score]).all()
    assert np.isfinite(fit.log_likelihood_null)


def test_a_perfect_order_is_infinite_however_long_the_way() -> None:
    time = np.arange(1.0, 201.0)
    for x in (-time, np.log(time), np.exp(-time / 10)):
        fit = cox(time, np.ones(200), x, robust=True)
        assert (fit.verdict, fit.at_fault) == (Verdict.MONOTONE, (0,))


def test_the_column_that_is_infinite_is_named() -> None:
    g = np.random.default_rng(3)
    x = g.normal(size=(60, 3))
    event = g.uniform(size=60) < 0.6
    x[:, 1] = event * (g.uniform(size=60) < 0.3)
    time = np.where(x[:, 1] == 1, 0.5, 1.0) * g.uniform(1, 2, 60)
    fit = cox(time, event, x)
    assert (fit.verdict, fit.at_fault) == (Verdict.MONOTONE, (1,))


def test_fewer_clusters_than_covariates_have_no_wald_test() -> None:
    c = cohort(5, p=3)
    fit = cox(c.time, c.event, c.x, cluster=np.arange(30) % 2)
    assert fit.verdict is Verdict.CONVERGED
    assert np.isnan(fit.wald)
    assert np.isnan(quadratic_form(np.full((1, 1), np.nan), np.ones(1)))


@pytest.mark.parametrize("name", ["time", "event", "x", "entry", "weights", "stratum", "cluster", "initial"])
def test_nothing_may_be_missing(name: str) -> None:
    given_values: dict[str, Any] = {
        "time": [1.0, 2.0, 3.0],
        "event": [1.0, 1.0, 0.0],
        "x": [0.5, 0.1, 0.7],
        "entry": [0.0, 0.0, 1.0],
        "weights": [1.0, 2.0, 1.0],
        "stratum": [0.0, 0.0, 0.0],
        "cluster": [0.0, 1.0, 2.0],
        "initial": [0.1],
    }
    given_values[name] = [np.nan, *given_values[name][1:]]
    with pytest.raises(InputError, match=f"`{name}` must"):
        cox(**given_values)


def test_what_else_is_refused() -> None:
    rows: dict[str, Any] = {"time": [1.0, 2.0], "event": [1, 1], "x": [0.0, 1.0]}
    wrong: dict[str, Any] = {
        "weights": [1.0, 0.0],
        "entry": [0.0, 2.0],
        "stratum": ["a"],
        "ties": "cox",
        "initial": [0.0, 0.0],
        "max_steps": -1,
    }
    for name, value in wrong.items():
        with pytest.raises(InputError, match=f"`{name}` must"):
            cox(**rows, **{name: value})
    with pytest.raises(InputError, match="`initial` must be nearer"):
        cox([1.0, 2.0, 3.0], [1, 1, 1], [1.0, 0.0, 2.0], initial=[900.0])
    with pytest.raises(InputError, match="`x` must have at least one column"):
        cox([1.0, 2.0], [1, 1], np.empty((2, 0)))
