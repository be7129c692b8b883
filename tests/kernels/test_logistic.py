import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.logistic import LARGE, c_statistic, expit, log_expit, logistic
from counterpoise.kernels.verdict import Verdict
from tests.balance.designs import lalonde
from tests.golden import dataset, floats, golden

ITERATED = 1e-8
moderate = settings(max_examples=60, deadline=None)


def simulated(seed: int, n: int = 80, width: int = 3) -> tuple[Bools, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, width))
    treated = rng.random(n) < expit(x @ np.full(width, 0.4))
    treated[:2] = True, False
    return treated, x


def slow_fit(treated: Bools, x: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Iteratively reweighted least squares as in a textbook: coefficients and covariance."""
    design = np.column_stack([np.ones(treated.size), x])
    beta, covariance = np.zeros(design.shape[1]), np.eye(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ beta))
        covariance = np.linalg.inv((design.T * (weights * p * (1 - p))) @ design)
        beta = beta + covariance @ design.T @ (weights * (treated - p))
    return beta, covariance


def is_separated(treated: Bools, x: Floats) -> bool:
    """Ask a linear programme for a direction with no row on the wrong side and some on the right one."""
    signed = np.column_stack([np.ones(treated.size), x]) * np.where(treated, 1.0, -1.0)[:, None]
    return (
        linprog(
            np.zeros(signed.shape[1]),
            A_ub=-signed,
            b_ub=np.zeros(treated.size),
            A_eq=signed.sum(axis=0)[None],
            b_eq=[1.0],
            bounds=(None, None),
        ).status
        == 0
    )


def test_agrees_with_r_glm_on_lalonde() -> None:
    reference = golden("ps_weights", "glm_lalonde")
    fit = logistic(dataset("lalonde")["treat"], lalonde())
    assert fit.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(fit.coefficients, reference["coef"], rtol=ITERATED)
    np.testing.assert_allclose(fit.probability, reference["fitted"], rtol=ITERATED)
    np.testing.assert_allclose(fit.deviance, reference["deviance"], rtol=1e-12)
    np.testing.assert_allclose(fit.log_likelihood, reference["loglik"], rtol=1e-12)
    # R's covariance is that of the last step's working weights, one step short of the estimate.
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), reference["se"], rtol=1e-6)


def test_agrees_with_r_glm_on_interactions_of_badly_scaled_columns() -> None:
    d = dataset("lalonde")
    age, education, married, no_degree = (d[name] for name in ("age", "educ", "married", "nodegree"))
    race = [d["race"] == "hispan", d["race"] == "white"]
    x = np.column_stack(
        [age, education, age**2, *race, married, no_degree, np.log1p(d["re74"]), d["re75"],
         age * education, married * no_degree]
    )  # fmt: skip
    reference = golden("ps_weights", "glm_lalonde_interactions")
    fit = logistic(d["treat"], x)
    np.testing.assert_allclose(fit.coefficients, reference["coef"], rtol=ITERATED)
    np.testing.assert_allclose(fit.log_likelihood, reference["loglik"], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), reference["se"], rtol=1e-6)


def test_quasi_separation_that_r_reports_as_a_coefficient_of_17_is_a_verdict() -> None:
    d = dataset("sex2")
    terms = golden("ps_weights", "glm_separation")["terms"][1:]
    fit = logistic(d["case"], np.column_stack([d[name] for name in terms]))
    assert fit.verdict is Verdict.SEPARATED
    assert [terms[j] for j in fit.at_fault] == ["dia"]
    assert np.isnan(fit.coefficients).all()
    assert np.isnan(fit.probability).all()


def test_one_binary_covariate_gives_the_log_odds_ratio_of_its_table() -> None:
    # By hand: 3 of 4 treated at x = 0 and 1 of 3 at x = 1.
    fit = logistic([1, 1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(fit.coefficients, [np.log(3), np.log(1 / 2) - np.log(3)], rtol=1e-12)
    np.testing.assert_allclose(np.diag(fit.covariance), [1 / 3 + 1, 1 / 3 + 1 + 1 + 1 / 2], rtol=1e-12)
    np.testing.assert_allclose(
        fit.log_likelihood, 3 * np.log(3 / 4) + np.log(1 / 4) + np.log(1 / 3) + 2 * np.log(2 / 3)
    )


@pytest.mark.parametrize("width", range(1, 9))
def test_agrees_with_textbook_least_squares_at_any_number_of_covariates(width: int) -> None:
    treated, x = simulated(width, n=120, width=width)
    weights = np.random.default_rng(width).uniform(0.2, 3, treated.size)
    coefficients, covariance = slow_fit(treated, x, weights)
    fit = logistic(treated, x, weights=weights)
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-9, atol=1e-14)


def test_no_column_is_the_share_of_the_treated() -> None:
    fit = logistic([1, 0, 0, 0], np.empty((4, 0)))
    np.testing.assert_allclose(fit.probability, 0.25, rtol=1e-12)


@given(st.integers(0, 10_000))
@moderate
def test_score_is_zero_at_the_estimate(seed: int) -> None:
    treated, x = simulated(seed)
    fit = logistic(treated, x)
    np.testing.assert_allclose(x.T @ (treated - fit.probability), 0, atol=1e-9)
    np.testing.assert_allclose(fit.probability.sum(), treated.sum(), rtol=1e-12)


@given(st.integers(0, 10_000))
@moderate
def test_swapped_labels_give_the_complement(seed: int) -> None:
    treated, x = simulated(seed)
    np.testing.assert_allclose(logistic(~treated, x).probability, 1 - logistic(treated, x).probability, rtol=1e-9)


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-1e4, 1e4))
@moderate
def test_a_change_of_unit_leaves_the_probabilities(seed: int, scale: float, shift: float) -> None:
    treated, x = simulated(seed)
    fit, changed = logistic(treated, x), logistic(treated, x * scale + shift)
    np.testing.assert_allclose(changed.probability, fit.probability, rtol=1e-8)
    np.testing.assert_allclose(changed.coefficients[1:] * scale, fit.coefficients[1:], rtol=1e-7, atol=1e-10)


@given(st.integers(0, 10_000))
@moderate
def test_row_order_is_irrelevant_and_a_weight_of_two_is_a_repeated_row(seed: int) -> None:
    treated, x = simulated(seed)
    rng = np.random.default_rng(seed)
    order, weights = rng.permutation(treated.size), rng.integers(1, 4, treated.size)
    fit = logistic(treated, x, weights=weights)
    shuffled = logistic(treated[order], x[order], weights=weights[order])
    repeated = logistic(np.repeat(treated, weights), np.repeat(x, weights, axis=0))
    np.testing.assert_allclose(shuffled.coefficients, fit.coefficients, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(repeated.coefficients, fit.coefficients, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(repeated.covariance, fit.covariance, rtol=1e-8, atol=1e-12)


@st.composite
def small_data(draw: st.DrawFn) -> tuple[Bools, Floats]:
    n, width = draw(st.integers(4, 30)), draw(st.integers(1, 4))
    values = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]) if draw(st.booleans()) else st.sampled_from([0.0, 1.0])
    x = np.array(draw(st.lists(values, min_size=n * width, max_size=n * width))).reshape(n, width)
    treated = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    treated[:2] = True, False
    return treated, x


@given(small_data())
@settings(max_examples=150, deadline=None)
def test_separation_is_found_exactly_where_a_linear_programme_finds_it(data: tuple[Bools, Floats]) -> None:
    treated, x = data
    rank = np.linalg.matrix_rank(np.column_stack([np.ones(treated.size), x]))
    verdict = logistic(treated, x).verdict
    if rank <= x.shape[1]:
        assert verdict is Verdict.COLLINEAR
    else:
        assert verdict is (Verdict.SEPARATED if is_separated(treated, x) else Verdict.CONVERGED)


@pytest.mark.parametrize("seed", range(10))
def test_separation_among_skewed_covariates_is_found(seed: int) -> None:
    # Rows far out in the tail saturate early and then drift the wrong way: Newton's step alone proves nothing.
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, 40), rng.exponential(1.0, 40) ** 4])
    treated = rng.random(40) < 0.5
    treated[x[:, 0] == 1] = True
    treated[:2], x[:2, 0] = [True, False], 0.0
    assert logistic(treated, x).verdict is Verdict.SEPARATED


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_a_level_whose_patients_were_all_treated_separates_and_is_named(share: float) -> None:
    treated, x = simulated(3, n=500)
    level = np.zeros(500)
    level[np.flatnonzero(treated)[: int(share * 500)]] = 1.0
    fit = logistic(treated, np.column_stack([x[:, :2], level, x[:, 2]]))
    assert fit.verdict is Verdict.SEPARATED
    assert fit.at_fault.tolist() == [2]


def test_near_separation_with_one_row_on_the_wrong_side_has_an_answer() -> None:
    x = np.concatenate([np.arange(20.0), [19.5]])
    treated = np.concatenate([np.arange(20) >= 10, [False]])
    fit = logistic(treated, x)
    assert fit.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(fit.coefficients, slow_fit(treated, x[:, None], np.ones(21))[0], rtol=1e-9)


def test_constant_and_repeated_columns_are_named() -> None:
    treated, x = simulated(5)
    columns = np.column_stack([x[:, 0], np.full(80, 7.3), x[:, 1], 2 * x[:, 0] - x[:, 1] + 4, x[:, 2]])
    fit = logistic(treated, columns)
    assert fit.verdict is Verdict.COLLINEAR
    assert fit.at_fault.tolist() == [1, 3]


def test_more_columns_than_rows_are_collinear() -> None:
    assert logistic([0, 1, 1], np.eye(3)).verdict is Verdict.COLLINEAR


def test_a_fit_that_may_take_no_step_says_so() -> None:
    treated, x = simulated(1)
    assert logistic(treated, x, max_steps=0).verdict is Verdict.MAX_STEPS


def test_two_rows_are_separated() -> None:
    assert logistic([0, 1], [1.0, 2.0]).verdict is Verdict.SEPARATED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1, np.nan], [1, 2, 3]), "`treatment` must be finite; 1 of 3 is not"),
        (([0, 1, 2], [1, 2, 3]), "`treatment` must be 0 or 1"),
        (([0, 1, 1], [1, np.nan, 3]), "`x` must be finite; 1 of 3 is not"),
        (([0, 1, 1], [1, 2]), "`x` must have 3 rows"),
        (([1, 1], [1, 2]), "`treatment` must hold treated and control rows; 2 of 2 are treated"),
        (([0], [1]), "`treatment` must hold treated and control rows; 0 of 1 are treated"),
        (([], np.empty((0, 1))), "`treatment` must hold treated and control rows"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments: tuple[object, object], message: str) -> None:
    treatment, x = arguments
    with pytest.raises(InputError, match=message):
        logistic(treatment, x)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("weights", [[1, np.nan, 1, 1], [1, 0, 1, 1], [1, 1, 1]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="`weights`"):
        logistic([0, 1, 0, 1], [1, 2, 2, 1], weights=weights)


def test_c_statistic_by_hand() -> None:
    # Pairs treated-control: .4 beats .1 and ties .4; .8 beats both.
    assert c_statistic([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8]) == 3.5 / 4


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
@moderate
def test_c_statistic_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int]]) -> None:
    treated = np.array([row[0] for row in rows])
    treated[:2] = True, False
    score = np.array([row[1] for row in rows])
    gap = score[treated][:, None] - score[~treated]
    assert c_statistic(treated, score) == pytest.approx(((gap > 0) + 0.5 * (gap == 0)).mean(), rel=1e-12)


@pytest.mark.parametrize(("treatment", "score"), [([0, 1], [1, np.nan]), ([np.nan, 1], [1, 2]), ([1, 1], [1, 2])])
def test_c_statistic_refuses_what_it_cannot_rank(treatment: list[float], score: list[float]) -> None:
    with pytest.raises(InputError):
        c_statistic(treatment, score)


def test_expit_keeps_its_digits_far_out() -> None:
    np.testing.assert_allclose(expit(np.array([-40.0])), np.exp(-40.0), rtol=1e-14)
    np.testing.assert_allclose(log_expit(np.array([-1000.0, 40.0])), [-1000.0, -np.exp(-40.0)], rtol=1e-14)


def test_fitted_values_have_rs_summary() -> None:
    summary = golden("ps_weights", "glm_lalonde")["fitted_summary"]
    probability = logistic(dataset("lalonde")["treat"], lalonde()).probability
    np.testing.assert_allclose(probability[:20], floats(summary["head"]), rtol=ITERATED)
    np.testing.assert_allclose(probability.std(ddof=1), summary["sd"], rtol=ITERATED)


def test_a_rough_start_from_some_of_many_rows_changes_nothing() -> None:
    treated, x = simulated(5, n=LARGE + 7, width=4)
    weights = np.random.default_rng(5).uniform(0.5, 2, treated.size)
    fit = logistic(treated, x, weights=weights)
    coefficients, covariance = slow_fit(treated, x, weights)
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-9)
    # Every sixteenth row is treated: some of the rows have one arm only, and say nothing of the others.
    every = np.arange(treated.size) % 16 == 0
    alone = logistic(every, x)
    np.testing.assert_allclose(alone.probability.sum(), every.sum(), rtol=1e-10)


def test_separation_of_many_rows_is_found() -> None:
    treated, x = simulated(6, n=LARGE + 1, width=2)
    x[:, 0] = np.where(treated, 1.0, -1.0) * np.abs(x[:, 0])
    fit = logistic(treated, x)
    assert fit.verdict is Verdict.SEPARATED
    assert 0 in fit.at_fault
