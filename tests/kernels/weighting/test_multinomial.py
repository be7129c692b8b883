import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.multinomial import multinomial_score
from counterpoise.kernels.weighting.ridge_score import ridge_score
from tests.golden import golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.weighting.arm_cohorts import NAMES, cohort, random_cohort

SECTION = "Multinomial score"
moderate = settings(max_examples=40, deadline=None)
SEEDS = st.integers(0, 10_000)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["score", "score_weighted", "score_ridge"])
def test_agrees_with_newtons_method_in_r(name: str, kind: str) -> None:
    d, key = cohort(name), f"{kind}_{name}"
    case, penalty = (d.case if kind == "score_weighted" else None), (2.0 if kind == "score_ridge" else 0.0)
    fit, expected = multinomial_score(d.arm, d.x, case_weights=case, penalty=penalty), golden("several_arms", key)
    label = {"score": "", "score_weighted": ", case weights", "score_ridge": ", ridge"}[kind]
    for what, ours, theirs in (
        ("coefficients", fit.coefficients, "coef"),
        ("log-likelihood", fit.log_likelihood, "loglik"),
        ("standard error", np.sqrt(np.diag(fit.covariance)), "se"),
        ("robust standard error", np.sqrt(np.square(fit.influence).sum(axis=0)), "robust_se"),
        ("probabilities", fit.probability[:20], "prob"),
    ):
        agrees(f"{SECTION}{label}: {what}", "several_arms", key, ours, expected[theirs], tolerance=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_reaches_the_log_likelihood_of_nnet(name: str) -> None:
    d, key = cohort(name), f"nnet_{name}"
    fit = multinomial_score(d.arm, d.x)
    agrees(
        f"{SECTION}: log-likelihood of nnet",
        "several_arms",
        key,
        fit.log_likelihood,
        golden("several_arms", key)["loglik"],
    )


@pytest.mark.parametrize(("key", "arms"), [("multinom_rott_trt4", 4), ("multinom_rott_trt3", 3)])
def test_agrees_with_nnet_on_all_of_rotterdam(key: str, arms: int) -> None:
    r = rotterdam()
    x = np.column_stack([r[column] for column in ("age", "meno", "size20", "size50", "grade3", "lnodes")])
    # trt3 is none, chemotherapy alone, and hormones with or without it.
    fit, expected = multinomial_score(np.minimum(r["trt4"], arms - 1), x), golden("several_arms_weightit", key)
    agrees(f"{SECTION}: log-likelihood of nnet", "several_arms_weightit", key, fit.log_likelihood, expected["loglik"])
    for what, ours, theirs in (
        ("coefficients of nnet", fit.coefficients, expected["coef"]["values"]),
        ("standard error of nnet", np.sqrt(np.diag(fit.covariance)).reshape(arms - 1, -1), expected["se"]["values"]),
    ):
        # nnet's BFGS ends where the likelihood no longer rises, which leaves a coefficient right to four digits.
        agrees(f"{SECTION}: {what}", "several_arms_weightit", key, ours, theirs, tolerance=1e-4)


@given(SEEDS, st.booleans())
@moderate
def test_two_arms_are_the_logistic_models(seed: int, weighted: bool) -> None:
    d = random_cohort(seed, k=2)
    case = d.case if weighted else None
    fit, expected = multinomial_score(d.arm, d.x, case_weights=case), logistic(d.arm, d.x, weights=case)
    np.testing.assert_allclose(fit.coefficients[0], expected.coefficients, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(fit.covariance, expected.covariance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fit.probability[:, 1], expected.probability, rtol=1e-11)
    shrunk, ridge = (
        multinomial_score(d.arm, d.x, case_weights=case, penalty=3.0),
        ridge_score(d.arm, d.x, penalty=3.0, case_weights=case),
    )
    np.testing.assert_allclose(shrunk.coefficients[0], ridge.coefficients, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(shrunk.influence, ridge.influence, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(shrunk.derivative(np.tile([0.0, 1.0], (d.arm.size, 1))), ridge.slope, atol=1e-12)


@given(SEEDS, st.sampled_from([0.0, 2.0]))
@moderate
def test_influence_is_the_derivative_by_the_weight_of_a_row(seed: int, penalty: float) -> None:
    d, step = random_cohort(seed, n=40), 1e-5
    case = d.case
    fit = multinomial_score(d.arm, d.x, case_weights=case, penalty=penalty)
    for row in (0, 7, 31):
        moved: list[Floats] = []
        for sign in (1, -1):
            other = case.copy()
            other[row] += sign * step
            moved.append(multinomial_score(d.arm, d.x, case_weights=other, penalty=penalty).coefficients.ravel())
        slope = (moved[0] - moved[1]) / (2 * step) * case[row]
        np.testing.assert_allclose(fit.influence[row], slope, rtol=1e-5, atol=1e-7)


@given(SEEDS, st.integers(2, 5))
@moderate
def test_derivative_is_that_of_the_probabilities(seed: int, k: int) -> None:
    d, rng = random_cohort(seed, k=k, n=30), np.random.default_rng(seed)
    fit, step = multinomial_score(d.arm, d.x, penalty=1.0), 1e-6
    g = rng.standard_normal((30, k))
    found = fit.derivative(g)
    for j in range(fit.coefficients.size):
        values: list[Floats] = []
        for sign in (1, -1):
            b = fit.coefficients.ravel().copy()
            b[j] += sign * step
            odds = np.exp(np.column_stack([np.zeros(30), fit.design @ b.reshape(k - 1, -1).T]))
            values.append((g * odds / odds.sum(axis=1, keepdims=True)).sum(axis=1))
        np.testing.assert_allclose(found[:, j], (values[0] - values[1]) / (2 * step), rtol=1e-6, atol=1e-8)


@given(SEEDS, st.permutations([0, 1, 2]), st.sampled_from([0.0, 4.0]))
@moderate
def test_which_arm_is_the_reference_does_not_matter(seed: int, order: list[int], penalty: float) -> None:
    d = random_cohort(seed)
    plain = multinomial_score(d.arm, d.x, penalty=penalty)
    other = multinomial_score(np.array(order)[d.arm], d.x, penalty=penalty)
    np.testing.assert_allclose(other.probability[:, order], plain.probability, rtol=1e-9, atol=1e-12)
    assert other.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


@given(SEEDS)
@moderate
def test_a_weight_of_two_is_a_row_twice_and_scaling_a_column_changes_no_probability(seed: int) -> None:
    d = random_cohort(seed, n=60)
    weights = 1 + (np.arange(60) % 2)
    doubled = np.repeat(np.arange(60), weights)
    fit, twice = multinomial_score(d.arm, d.x, case_weights=weights), multinomial_score(d.arm[doubled], d.x[doubled])
    np.testing.assert_allclose(fit.coefficients, twice.coefficients, rtol=1e-9, atol=1e-11)
    scaled = multinomial_score(d.arm, d.x * [1000.0, 0.01] + [5.0, -3.0], case_weights=weights, penalty=1.0)
    shrunk = multinomial_score(d.arm, d.x, case_weights=weights, penalty=1.0)
    np.testing.assert_allclose(scaled.probability, shrunk.probability, rtol=1e-9)


@given(SEEDS, st.sampled_from([0.0, 5.0]))
@settings(max_examples=3, deadline=None)
def test_is_the_maximum_that_a_general_optimiser_finds(seed: int, penalty: float) -> None:
    d = random_cohort(seed, n=50)
    fit = multinomial_score(d.arm, d.x, penalty=penalty)
    slow = minimize(
        lambda b: -_slow_objective(b, d.arm, d.x, penalty), np.zeros(6), method="BFGS", options={"gtol": 1e-7}
    )
    np.testing.assert_allclose(fit.coefficients.ravel(), slow.x, atol=2e-4)
    assert _slow_objective(fit.coefficients.ravel(), d.arm, d.x, penalty) >= -slow.fun - 1e-9


def _slow_objective(b: Floats, arm: Counts, x: Floats, penalty: float) -> float:
    """The definition, patient by patient."""
    slopes, total = np.vstack([np.zeros(3), b.reshape(2, 3)]), 0.0
    for a, row in zip(arm, x, strict=True):
        logits = [slope[0] + slope[1:] @ row for slope in slopes]
        total += logits[a] - np.log(sum(np.exp(logits)))
    standard = slopes[:, 1:] * x.std(axis=0, ddof=1)
    return float(total - penalty * np.square(standard - standard.mean(axis=0)).sum())


def test_by_hand_the_cells_of_a_table() -> None:
    arm, x = np.repeat([0, 1, 2, 0, 1, 2], [4, 2, 1, 1, 3, 6]), np.repeat([0.0, 1.0], [7, 10])
    fit = multinomial_score(arm, x)
    expected = [[np.log(2 / 4), np.log(3 / 1) - np.log(2 / 4)], [np.log(1 / 4), np.log(6 / 1) - np.log(1 / 4)]]
    np.testing.assert_allclose(fit.coefficients, expected, rtol=1e-12)
    np.testing.assert_allclose(fit.probability[[0, -1]], [[4 / 7, 2 / 7, 1 / 7], [0.1, 0.3, 0.6]], rtol=1e-12)
    # The variance of a log odds of two cells is the sum of their inverses.
    assert fit.covariance[0, 0] == pytest.approx(1 / 4 + 1 / 2)
    assert fit.covariance[3, 3] == pytest.approx(1 / 1 + 1 / 6 + 1 / 4 + 1 / 1)


def test_a_level_that_an_arm_lacks_is_separation_and_is_named() -> None:
    d = random_cohort(3, k=4, n=200, p=3)
    x = d.x.copy()
    x[:, 1] = np.where(d.arm == 3, 0, x[:, 1])
    fit = multinomial_score(d.arm, x)
    assert (fit.verdict, fit.at_fault) == (Verdict.SEPARATED, (1,))
    assert fit.separated == ((0, 3), (1, 3), (2, 3))
    for unknown in (fit.probability, fit.influence, fit.covariance, fit.log_likelihood):
        assert np.isnan(unknown).all()
    shrunk = multinomial_score(d.arm, x, penalty=1.0)
    assert (shrunk.verdict, shrunk.penalty) == (Verdict.CONVERGED, 1.0)
    assert shrunk.method.endswith("ridge of 1")
    assert (shrunk.probability > 0).all()


def test_one_arm_apart_from_another_only_is_separation_too() -> None:
    # Arms 0 and 1 lie on either side of zero, arm 2 on both: chances of 0 and 1 have a limit all the same.
    x = np.array([-3.0, -2, -1, 1, 2, 3, -3, -1, 0, 1, 3, 2])
    fit = multinomial_score([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2], x)
    assert fit.verdict is Verdict.CONVERGED
    complete = multinomial_score([0, 0, 1, 1, 2, 2], [1.0, 2, 3, 4, 5, 6])
    assert complete.verdict is Verdict.SEPARATED
    assert complete.separated == ((0, 1), (0, 2), (1, 2))


def test_columns_that_repeat_others_are_named_unless_there_is_a_penalty() -> None:
    d = random_cohort(1)
    x = np.column_stack([d.x, np.ones(d.arm.size), d.x[:, 0] * 2])
    fit = multinomial_score(d.arm, x)
    assert (fit.verdict, fit.at_fault) == (Verdict.COLLINEAR, (2, 3))
    shrunk = multinomial_score(d.arm, x, penalty=1.0)
    assert shrunk.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(shrunk.coefficients[:, 3], 0.0, atol=1e-12)


def test_more_columns_than_rows() -> None:
    d = random_cohort(5, n=12, p=15)
    assert multinomial_score(d.arm, d.x).verdict is Verdict.COLLINEAR
    assert multinomial_score(d.arm, d.x, penalty=1.0).verdict is Verdict.CONVERGED


def test_a_fit_that_is_stopped_says_so() -> None:
    d = random_cohort(1)
    fit = multinomial_score(d.arm, d.x, max_steps=1)
    assert (fit.verdict, fit.iterations) == (Verdict.MAX_STEPS, 1)
    assert np.isnan(fit.coefficients).all()


def test_no_covariates_give_the_shares() -> None:
    fit = multinomial_score([0, 0, 1, 2], np.empty((4, 0)))
    np.testing.assert_allclose(fit.probability, np.tile([0.5, 0.25, 0.25], (4, 1)), rtol=1e-12)


ARM, X = [0, 1, 2, 0, 1, 2], np.arange(6.0)[:, None] % 4


@pytest.mark.parametrize(
    ("arm", "x", "options", "message"),
    [
        ([0, 1, np.nan, 0, 1, 2], X, {}, "`arm` must be finite; 1 of 6 is not"),
        ([0, 1, 1.5, 0, 1, 2], X, {}, "`arm` must hold whole numbers from 0"),
        ([0, 1, -1, 0, 1, 2], X, {}, "`arm` must hold whole numbers from 0"),
        ([0, 1, 3, 0, 1, 3], X, {}, "`arm` must hold every code up to the largest, 3; nobody has 2."),
        ([1, 1, 2, 1, 1, 2], X, {}, "`arm` must hold every code up to the largest, 2; nobody has 0."),
        ([0] * 6, X, {}, "`arm` must hold at least two arms; it holds 1."),
        ([0], X[:1], {}, "`arm` must hold at least two arms"),
        ([], X[:0], {}, "`arm` must hold at least two arms; it holds 0."),
        (ARM, np.where(X == 3, np.inf, X), {}, "`x` must be finite"),
        (ARM, X[:5], {}, "`x` must have 6 rows; it has 5."),
        (ARM, X, {"case_weights": [1, 1, 1, 1, 1, 0]}, "`case_weights` must be positive"),
        (ARM, X, {"case_weights": [1, 1, 1, 1, 1, np.nan]}, "`case_weights` must be finite"),
        (ARM, X, {"penalty": -1.0}, "`penalty` must be finite and not negative; it is -1.0."),
        (ARM, X, {"penalty": np.nan}, "`penalty` must be finite"),
    ],
)
def test_bad_input_is_named(arm: object, x: Floats, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        multinomial_score(arm, x, **options)  # pyright: ignore[reportArgumentType]


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="`by_probability` must have shape"):
        multinomial_score(ARM, X).derivative(np.ones((6, 2)))


def test_a_hundred_thousand_patients() -> None:
    d = random_cohort(2, k=4, n=100_000, p=10)
    fit = multinomial_score(d.arm, d.x)
    assert fit.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(fit.probability.sum(axis=1), 1.0, rtol=1e-12)
    # The score equations: covariates summed over an arm are those expected in it.
    for a in range(4):
        np.testing.assert_allclose(d.x[d.arm == a].sum(axis=0), fit.probability[:, a] @ d.x, atol=1e-6)
