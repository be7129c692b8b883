from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.logistic import expit
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights, weight_derivatives, weight_slopes
from counterpoise.kernels.weighting.logistic_score import logistic_score
from tests.balance.designs import lalonde, rotterdam_design
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.weighting.weight_cohorts import ESTIMANDS, cohort, scores, short

NAMES = ("veteran", "Melanoma", "pbc")
GLM = 1e-6
"""WeightIt fits by glm's default convergence; a probability good to 2e-8 is a weight good to 1e-6 in the tail."""
few = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize("name", NAMES)
def test_weights_agree_with_their_formulas_in_r(name: str) -> None:
    d, key = cohort(name), f"weights_{name}"
    reference = golden("weights", key)
    score = logistic_score(d.treated, d.x).probability
    sampled = logistic_score(d.treated, d.x, case_weights=d.sampling).probability
    agrees("Propensity score: probability", "weights", key, short(score), reference["score"])
    for estimand in ESTIMANDS:
        weights = balancing_weights(score, d.treated, estimand=estimand, stabilised=False)
        agrees(f"Weights: {estimand}", "weights", key, short(weights), reference[estimand]["plain"])
        weighted = balancing_weights(sampled, d.treated, estimand=estimand, stabilised=False, case_weights=d.sampling)
        theirs = reference[estimand]["sampled"]
        agrees(f"Weights: {estimand}, with sampling weights", "weights", key, short(weighted), theirs)
    stable = balancing_weights(score, d.treated)
    agrees("Weights: ATE, stabilised", "weights", key, short(stable), reference["stabilised"])


@pytest.mark.parametrize("name", ["lalonde", "rott"])
def test_matching_weights_agree_with_weightit(name: str) -> None:
    treatment = dataset("lalonde")["treat"] if name == "lalonde" else rotterdam()["hormon"]
    x, key = lalonde() if name == "lalonde" else rotterdam_design(), f"weightit_glm_{name}_ATM"
    weights = balancing_weights(logistic_score(treatment, x).probability, treatment, estimand="ATM")
    summary = golden("ps_weights", key)["weights_summary"]
    ours = [*weights[:20], *weights[-5:], weights.sum(), np.square(weights).sum(), weights.std(ddof=1)]
    theirs = [*summary["head"], *summary["tail"], summary["sum"], summary["sumsq"], summary["sd"]]
    agrees("Weights: ATM", "ps_weights", key, ours, theirs, tolerance=GLM)


def test_by_hand() -> None:
    score, treatment = [0.5, 0.25, 0.8, 0.25, 0.8], [1, 1, 1, 0, 0]
    entropy = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
    three_quarters = -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    expected = {
        "ATM": [1, 1, 0.25, 1 / 3, 1],
        "ATEN": [2 * np.log(2), 4 * three_quarters, entropy / 0.8, three_quarters / 0.75, entropy / 0.2],
    }
    for estimand in ("ATM", "ATEN"):
        weights = balancing_weights(score, treatment, estimand=estimand)
        np.testing.assert_allclose(weights, expected[estimand], rtol=1e-14)


def test_the_ends_of_the_score_have_weights_where_the_treatment_was_received() -> None:
    for estimand in ("ATO", "ATM", "ATEN"):
        assert balancing_weights([1.0, 0.0], [1, 0], estimand=estimand).tolist() == [0.0, 0.0]
    small = balancing_weights([1e-300, 1e-17], [1, 0], estimand="ATEN")
    # near zero the weight of the treated is 1 - log e, that of the controls e (1 - log e)
    np.testing.assert_allclose(small, [1 - np.log(1e-300), 1e-17 * (1 - np.log(1e-17))], rtol=1e-12)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_derivatives_are_central_differences(estimand: Estimand) -> None:
    score, treated = np.linspace(0.03, 0.97, 60), np.arange(60) % 3 == 0
    step = 1e-6
    sides = [balancing_weights(score + side, treated, estimand=estimand, stabilised=False) for side in (step, -step)]
    derivatives = weight_derivatives(score, treated, estimand=estimand)
    np.testing.assert_allclose(derivatives, (sides[0] - sides[1]) / (2 * step), rtol=1e-7, atol=1e-8)
    slopes = weight_slopes(score, treated, estimand=estimand, stabilised=False)
    np.testing.assert_allclose(derivatives * score * (1 - score), slopes, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("estimand", ESTIMANDS)
@pytest.mark.parametrize("stabilised", [True, False])
def test_slopes_are_central_differences_by_the_logit(estimand: Estimand, stabilised: bool) -> None:
    logit, treated, step = np.linspace(-3, 3, 40), np.arange(40) % 3 == 0, 1e-5
    sides = [
        balancing_weights(expit(logit + side), treated, estimand=estimand, stabilised=stabilised)
        for side in (step, -step)
    ]
    slopes = weight_slopes(expit(logit), treated, estimand=estimand, stabilised=stabilised)
    np.testing.assert_allclose(slopes, (sides[0] - sides[1]) / (2 * step), rtol=1e-8, atol=1e-8)


def test_at_its_kink_the_matching_weight_has_the_mean_of_its_two_slopes() -> None:
    assert weight_derivatives([0.5, 0.5], [1, 0], estimand="ATM").tolist() == [-2.0, 2.0]
    assert weight_slopes([0.5, 0.5], [1, 0], estimand="ATM").tolist() == [-0.5, 0.5]
    beside = [balancing_weights([0.5 + side] * 2, [1, 0], estimand="ATM") for side in (1e-7, -1e-7)]
    np.testing.assert_allclose((beside[0] - beside[1]) / 2e-7, [-2.0, 2.0], rtol=1e-6)


@given(scores())
@few
def test_exchanging_the_arms_exchanges_treated_and_controls(data: tuple[Floats, Bools]) -> None:
    score, treated = data
    exchanged = {"ATT": "ATC", "ATC": "ATT"}
    for estimand in ESTIMANDS:
        there: Any = exchanged.get(estimand, estimand)
        ours = balancing_weights(score, treated, estimand=estimand, stabilised=False)
        theirs = balancing_weights(1 - score, ~treated, estimand=there, stabilised=False)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@given(scores())
@few
def test_matching_overlap_and_entropy_weights_are_bounded_and_in_their_order(data: tuple[Floats, Bools]) -> None:
    score, treated = data
    overlap, matching, entropy = (
        balancing_weights(score, treated, estimand=estimand) for estimand in ("ATO", "ATM", "ATEN")
    )
    assert np.all(np.maximum(overlap, matching) <= 1)
    # e (1 - e) <= min(e, 1 - e) <= binary entropy
    assert np.all(overlap <= matching + 1e-15)
    assert np.all(matching <= entropy + 1e-15)


@given(st.integers(0, 10_000), st.sampled_from(ESTIMANDS), st.booleans())
@few
def test_a_batch_is_its_replicates_one_by_one(seed: int, estimand: Estimand, stabilised: bool) -> None:
    rng = np.random.default_rng(seed)
    score, case, treated = rng.uniform(0.01, 0.99, (4, 12)), rng.exponential(1, (4, 12)), rng.random(12) < 0.5
    batch = balancing_weights(score, treated, estimand=estimand, stabilised=stabilised, case_weights=case)
    for row in range(4):
        one = balancing_weights(score[row], treated, estimand=estimand, stabilised=stabilised, case_weights=case[row])
        np.testing.assert_allclose(batch[row], one, rtol=1e-13)


@pytest.mark.parametrize("function", [weight_derivatives, weight_slopes])
@pytest.mark.parametrize(
    ("score", "treatment", "estimand", "message"),
    [
        ([0.5, np.nan], [1, 0], "ATE", "`probability` must be finite"),
        ([0.5, 1.0], [1, 0], "ATE", "`probability` must be between 0 and 1; 1 of 2 is not"),
        ([0.5, 0.5], [1, 2], "ATE", "`treatment` must be 0 or 1"),
        ([0.5, 0.5], [1, np.inf], "ATE", "`treatment` must be finite"),
        ([0.5, 0.5], [1, 0], "ATX", "`estimand` must be ATE, ATT, ATC, ATO, ATM or ATEN; it is 'ATX'"),
    ],
)
def test_what_has_no_derivative_is_refused(
    function: Any, score: list[float], treatment: list[float], estimand: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        function(score, treatment, estimand=estimand)
    if estimand == "ATX":
        with pytest.raises(InputError, match=message):
            balancing_weights(score, treatment, estimand="ATX")  # pyright: ignore[reportArgumentType]
