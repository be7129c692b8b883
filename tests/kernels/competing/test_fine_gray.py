from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.competing.aalen_johansen import aalen_johansen, incidence_at
from counterpoise.kernels.competing.causes import cause_rows
from counterpoise.kernels.competing.fine_gray import FineGrayVariance, fine_gray, predict_incidence
from counterpoise.kernels.competing.fine_gray_blocks import arrange, evaluate
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.verdict import Verdict
from tests.kernels.competing.slow_competing import ROWS, Columns, Rows, columns, derivatives, long_rows, sum_within

FEW = settings(max_examples=25, deadline=None)
TIME, CAUSE, X = [1, 2, 3, 4, 5, 6], [1, 2, 1, 0, 1, 2], [1.0, 0, 1, 0, 0, 1]


def random_columns(seed: int, n: int = 40) -> tuple[Columns, Floats]:
    g = np.random.default_rng(seed)
    time = g.integers(1, 12, n).astype(float)
    c = Columns(np.zeros(n), time, g.integers(0, 3, n), g.uniform(0.3, 2, n), g.integers(0, 8, n), g.integers(0, 2, n))
    return c, np.column_stack([g.normal(size=n), g.integers(0, 2, n).astype(float)])


def test_by_hand() -> None:
    # One is censored, at 4, among 3 then at risk: G(5-) = 2/3. Those with the other cause at 2 stay, from 5 on by 2/3.
    fit = fine_gray(TIME, CAUSE, X)
    r = float(np.exp(fit.coefficients[0]))
    # S0 at 1: 3 r + 3; at 3: r + r + (4 and 5) 2 + (2) 1; at 5: 1 + r + 2/3
    s0 = np.array([3 * r + 3, 2 * r + 3, r + 5 / 3])
    np.testing.assert_allclose(2 - (3 * r / s0[0] + 2 * r / s0[1] + r / s0[2]), 0.0, atol=1e-12)
    np.testing.assert_allclose(fit.hazard * np.exp(-fit.centre[0] * fit.coefficients[0]), 1 / s0, rtol=1e-12)
    np.testing.assert_allclose(fit.log_likelihood, 2 * np.log(r) - np.log(s0).sum(), rtol=1e-12)
    np.testing.assert_allclose(fit.log_likelihood_null, -np.log([6, 5, 8 / 3]).sum(), rtol=1e-12)
    assert (fit.n, fit.n_events, fit.n_competing, fit.n_censored, fit.of) == (6, 3, 2, 1, 1)
    assert fit.event_time.tolist() == [1, 3, 5]
    np.testing.assert_allclose(
        predict_incidence(fit, [0, 1], [0.5, 4, 6]),
        1 - np.exp(-np.outer([1, r], [0, (1 / s0)[:2].sum(), (1 / s0).sum()])),
        rtol=1e-12,
    )


@pytest.mark.parametrize(("censoring", "first", "weigh"), [("cmprsk", False, True), ("survival", True, False)])
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_risk_sets_written_out(seed: int, censoring: Any, first: bool, weigh: bool) -> None:
    c, x = random_columns(seed)
    d = long_rows(c, events_first=first, weigh=weigh)
    options: dict[str, Any] = {"entry": d.entry, "weights": d.weights, "cluster": d.of, "ties": "breslow"}
    slow = cox(d.time, d.event, x[d.of], **options)
    fit = fine_gray(c.time, c.cause, x, weights=c.weights, censoring=censoring, variance="known-censoring")
    np.testing.assert_allclose(fit.coefficients, slow.coefficients, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance, slow.covariance, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fit.naive_covariance, slow.naive_covariance, rtol=1e-9)
    np.testing.assert_allclose(fit.log_likelihood, slow.log_likelihood, rtol=1e-11)
    np.testing.assert_allclose(fit.score, slow.score, rtol=1e-9)
    assert slow.robust_score is not None
    np.testing.assert_allclose(fit.robust_score, slow.robust_score, rtol=1e-8)


@given(ROWS)
@FEW
def test_derivatives_are_those_of_the_likelihood(rows: Rows) -> None:
    c = columns(rows)
    if not (c.cause == 1).any():
        return
    x = np.column_stack([np.sin(np.arange(c.time.size)), c.cluster == 1])
    checked = cause_rows(c.time, c.cause, weights=c.weights)
    groups = np.unique(c.group, return_inverse=True)[1]
    design = arrange(checked, 1, x, groups, events_first=False, weigh=True)
    beta, step = np.array([0.3, -0.4]), 1e-5
    point = evaluate(design, beta)
    ends = [[evaluate(design, beta + sign * step * e) for sign in (1, -1)] for e in np.eye(2)]
    score = [(up.log_likelihood - down.log_likelihood) / (2 * step) for up, down in ends]
    information = [(down.score - up.score) / (2 * step) for up, down in ends]
    np.testing.assert_allclose(point.score, score, atol=1e-7)
    np.testing.assert_allclose(point.information, information, atol=1e-7)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_jackknife_is_the_derivative_by_the_weights_through_the_whole_chain(seed: int, grouped: bool) -> None:
    c, x = random_columns(seed)
    options: dict[str, Any] = {"censoring_group": c.group} if grouped else {}

    def coefficients(weights: Floats) -> Floats:
        return fine_gray(c.time, c.cause, x, weights=weights, **options).coefficients

    numeric = derivatives(coefficients, c.weights, 1e-4)
    fit = fine_gray(c.time, c.cause, x, weights=c.weights, variance="jackknife", cluster=c.cluster, **options)
    np.testing.assert_allclose(fit.influence, numeric, atol=1e-8)
    summed = sum_within(fit.influence, c.cluster)
    np.testing.assert_allclose(fit.covariance, summed.T @ summed, rtol=1e-12)


def test_the_variances_agree_in_a_large_cohort() -> None:
    g = np.random.default_rng(1)
    n = 4000
    time, cause, x = g.exponential(size=n), g.integers(0, 3, n), g.normal(size=n)
    options: dict[str, Any] = {"censoring_group": g.integers(0, 2, n)}
    kinds: tuple[FineGrayVariance, ...] = ("fine-gray", "jackknife", "crr", "known-censoring")
    errors = [fine_gray(time, cause, x, variance=kind, **options).std_error[0] for kind in kinds]
    np.testing.assert_allclose(errors[1], errors[0], rtol=2e-4)
    np.testing.assert_allclose(errors[2:], errors[0], rtol=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_jackknife_of_the_other_convention(seed: int) -> None:
    c, x = random_columns(seed)
    fit = fine_gray(c.time, c.cause, x, weights=c.weights, variance="jackknife", censoring="survival")
    numeric = derivatives(
        lambda w: fine_gray(c.time, c.cause, x, weights=w, censoring="survival").coefficients, c.weights, 1e-4
    )
    np.testing.assert_allclose(fit.influence, numeric, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_what_must_not_matter(seed: int) -> None:
    c, x = random_columns(seed, 60)
    options: dict[str, Any] = {"weights": c.weights, "censoring_group": c.group, "cluster": c.cluster}
    fit = fine_gray(c.time, c.cause, x, **options)
    order = np.random.default_rng(seed).permutation(60)
    reordered: dict[str, Any] = {name: values[order] for name, values in options.items()}
    mixed = fine_gray(c.time[order], c.cause[order], x[order], **reordered)
    np.testing.assert_allclose(mixed.coefficients, fit.coefficients, rtol=1e-10)
    np.testing.assert_allclose(mixed.covariance, fit.covariance, rtol=1e-9)
    np.testing.assert_allclose(mixed.influence, fit.influence[order], atol=1e-12)
    relabelled = fine_gray(c.time, np.array([0, 6, 3])[c.cause], x, of=6, **options)
    np.testing.assert_array_equal(relabelled.covariance, fit.covariance)
    moved = fine_gray(3 * c.time, c.cause, 10 * x + 1e3, **options)
    np.testing.assert_allclose(moved.coefficients, fit.coefficients / 10, rtol=1e-9)
    np.testing.assert_allclose(moved.covariance, fit.covariance / 100, rtol=1e-8)
    twice: dict[str, Any] = {**options, "weights": 2 * c.weights}
    doubled = fine_gray(c.time, c.cause, x, **twice)
    np.testing.assert_allclose(doubled.covariance, fit.covariance, rtol=1e-9)
    at = [2.0, 6.0]
    np.testing.assert_allclose(
        predict_incidence(moved, 10 * x[:3] + 1e3, [6.0, 18.0]), predict_incidence(fit, x[:3], at), rtol=1e-9
    )
    merged = fine_gray(c.time, np.where(c.cause == 2, 2 + c.cluster % 2, c.cause), x, **options)
    np.testing.assert_array_equal(merged.coefficients, fit.coefficients)
    start = fine_gray(c.time, c.cause, x, initial=[0.2, 0.1], **options)
    np.testing.assert_allclose(start.coefficients, fit.coefficients, rtol=1e-9)
    assert start.log_likelihood_null > fit.log_likelihood_null - 5


def test_without_competing_events_it_is_a_cox_model() -> None:
    c, x = random_columns(9)
    event = (c.cause == 1).astype(float)
    alone = cox(c.time, event, x, ties="breslow", robust=True)
    for variance in ("fine-gray", "crr", "known-censoring", "jackknife"):
        fit = fine_gray(c.time, event, x, variance=variance)
        np.testing.assert_allclose(fit.coefficients, alone.coefficients, rtol=1e-10)
        np.testing.assert_allclose(fit.covariance, alone.covariance, rtol=1e-9)
        assert alone.robust_score is not None
        np.testing.assert_allclose(fit.robust_score, alone.robust_score, rtol=1e-9)


def test_prediction_without_effect_is_near_aalen_and_johansen() -> None:
    g = np.random.default_rng(2)
    n = 3000
    time, cause = g.exponential(size=n), g.integers(0, 3, n)
    fit = fine_gray(time, cause, g.normal(size=n))
    curve = incidence_at(aalen_johansen(time, cause), [0.3, 1.0])
    np.testing.assert_allclose(predict_incidence(fit, fit.centre, [0.3, 1.0])[0], curve.incidence[0], atol=0.01)


def test_many_rows_and_the_last_of_a_censoring_group() -> None:
    # everyone of group 1 is gone by 3, the last of them censored: its competing row counts no more after that
    time, cause, group = [1, 2, 3, 4, 5, 6], [2, 1, 0, 1, 1, 0], [1, 0, 1, 0, 0, 0]
    fit = fine_gray(time, cause, X, censoring_group=group)
    r = float(np.exp(fit.coefficients[0]))
    s0 = np.array([3 + 2 * r - 1 + r - r, 2 + r, 1 + r])
    weights = fine_gray(time, cause, X, censoring_group=group).hazard * np.exp(-fit.centre * fit.coefficients)
    np.testing.assert_allclose(1 / weights[1:], s0[1:], rtol=1e-12)


def test_verdicts() -> None:
    none = fine_gray(TIME, [0, 2, 2, 0, 0, 2], X)
    assert none.verdict is Verdict.NO_EVENTS
    assert np.isnan([*none.coefficients, none.wald, none.robust_score, *none.std_error]).all()
    assert np.isnan(predict_incidence(none, [0], [1])).all()
    assert (none.n_events, none.n_competing, none.influence.shape) == (0, 3, (6, 1))
    twice = fine_gray(TIME, CAUSE, np.column_stack([X, X]))
    assert (twice.verdict, twice.at_fault) == (Verdict.COLLINEAR, (1,))
    assert np.isnan([*twice.coefficients, twice.score, twice.log_likelihood]).all()
    constant = fine_gray(TIME, CAUSE, np.ones(6))
    assert constant.verdict is Verdict.COLLINEAR
    infinite = fine_gray(TIME, [1, 1, 1, 2, 0, 2], [1, 1, 1, 0, 0, 0])
    assert (infinite.verdict, infinite.at_fault) == (Verdict.MONOTONE, (0,))
    assert fine_gray([1], [1], [1]).verdict is Verdict.COLLINEAR
    many = fine_gray(TIME, CAUSE, np.random.default_rng(1).normal(size=(6, 4)))
    assert many.verdict is not Verdict.CONVERGED
    at_once = fine_gray([4, 4, 4, 4], [1, 1, 2, 0], [1, 0, 1, 1])
    assert at_once.verdict is Verdict.CONVERGED
    early = fine_gray(TIME, CAUSE, X, max_steps=1)
    assert early.verdict is Verdict.MAX_STEPS


GOOD: dict[str, Any] = {"time": TIME, "cause": CAUSE, "x": X}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, 2, np.nan, 4, 5, 6]}, "`time` must be finite"),
        ({"time": [1, 2, -1, 4, 5, 6]}, "`time` must be finite and non-negative"),
        ({"cause": [1, 2, np.nan, 0, 1, 2]}, "`cause` must be whole numbers, 0 for censored"),
        ({"cause": [1, 2]}, "`time`|`event`|`cause`"),
        ({"x": [1, 2, np.inf, 0, 1, 2]}, "`x` must be finite"),
        ({"x": [1, 2]}, "`x` must have 6 rows; it has 2"),
        ({"x": np.empty((6, 0))}, "`x` must have at least one column"),
        ({"of": 1.5}, "`of` must be a cause, a whole number of at least 1; it is 1.5"),
        ({"weights": [1, 1, 1, 1, 1, 0]}, "`weights` must be positive"),
        ({"weights": [1, 1, 1, 1, 1, -2]}, "`weights` must be positive"),
        ({"weights": [1, 1, 1, 1, 1, np.nan]}, "`weights` must be finite"),
        ({"cluster": [1, 1, 1, 1, 1, np.nan]}, "`cluster` must not be missing"),
        ({"censoring_group": [1, 1, 1, 1, 1, np.nan]}, "`censoring_group` must not be missing"),
        ({"initial": [np.nan]}, "`initial` must be finite"),
        ({"initial": [1, 2]}, "`initial` must have 1 elements"),
        ({"initial": [900]}, "`initial` must be nearer to the estimate"),
        ({"max_steps": -1}, "`max_steps` must not be negative"),
        ({"variance": "robust"}, "`variance` must be one of 'fine-gray'"),
        ({"censoring": "km"}, "`censoring` must be one of 'cmprsk', 'survival'"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fine_gray(**{**GOOD, **changes})


def test_what_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="Late entry"):
        fine_gray(**GOOD, entry=np.zeros(6))
    fit = fine_gray(**GOOD)
    with pytest.raises(InputError, match="`x` must have 1 columns, as the model has; it has 2"):
        predict_incidence(fit, [[0, 1]], [1])
    with pytest.raises(InputError, match="`x` must be finite"):
        predict_incidence(fit, [np.nan], [1])
    with pytest.raises(InputError, match="`times` must be finite and non-negative"):
        predict_incidence(fit, [0], [-1])


@pytest.mark.slow
@pytest.mark.parametrize("variance", ["fine-gray", "jackknife"])
def test_coverage(variance: FineGrayVariance) -> None:
    g, covered, curve_covered, replicates, n, beta, p = np.random.default_rng(7), 0, 0, 1500, 300, 0.5, 0.4
    true = 1 - (1 - p * (1 - np.exp(-1.0)))
    for _ in range(replicates):
        x = g.integers(0, 2, n).astype(float)
        # Fine and Gray's own design: F_1(t | x) = 1 - (1 - p (1 - exp(-t)))^exp(x b)
        ever = 1 - (1 - p) ** np.exp(x * beta)
        first = g.uniform(size=n) < ever
        u = g.uniform(size=n) * ever
        failure = np.where(
            first,
            -np.log1p(-(1 - (1 - np.where(first, u, 0.0)) ** np.exp(-x * beta)) / p),
            g.exponential(np.exp(x * beta)),
        )
        censoring = g.exponential(2.0, size=n)
        cause = np.where(failure <= censoring, np.where(first, 1, 2), 0)
        time = np.minimum(failure, censoring)
        fit = fine_gray(time, cause, x, variance=variance)
        covered += abs(fit.coefficients[0] - beta) < 1.959964 * fit.std_error[0]
        read = incidence_at(aalen_johansen(time[x == 0], cause[x == 0], interval="log-log"), [1.0])
        curve_covered += read.lower[0, 0] <= true <= read.upper[0, 0]
    allowed = 4 * np.sqrt(0.95 * 0.05 / replicates)
    assert abs(covered / replicates - 0.95) < allowed
    assert abs(curve_covered / replicates - 0.95) < allowed
