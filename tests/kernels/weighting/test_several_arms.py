import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.imbalance import effective_sample_size
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.multinomial import multinomial_score
from counterpoise.kernels.weighting.several_arms import (
    SeveralArmsEstimand,
    generalised_weights,
    weight_several_arms,
    weights_by_probability,
)
from counterpoise.kernels.weighting.weight_model import weight_model
from tests.golden import golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.weighting.arm_cohorts import NAMES, cohort, random_cohort

SECTION = "Weights of several arms"
TARGETS: dict[SeveralArmsEstimand, int | None] = {"ATE": None, "ATT": 1, "ATO": None, "ATM": None, "ATEN": None}
moderate = settings(max_examples=40, deadline=None)
SEEDS = st.integers(0, 10_000)
E3 = np.array([[0.5, 0.25, 0.25], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])


def normed(values: Floats) -> Floats:
    return values / values.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("estimand", TARGETS)
def test_agrees_with_r(name: str, estimand: SeveralArmsEstimand) -> None:
    d, key = cohort(name), f"score_{name}"
    fit, expected = multinomial_score(d.arm, d.x), golden("several_arms", key)["weights"][estimand]
    weights = weight_several_arms(fit, d.arm, estimand=estimand, focal=TARGETS[estimand]).weights
    for what, ours, theirs in (
        ("weights", weights[:20], "first"),
        ("sum", weights.sum(), "sum"),
        ("sum of squares", np.square(weights).sum(), "squares"),
    ):
        agrees(f"{SECTION}, {estimand}: {what}", "several_arms", key, ours, expected[theirs])


@pytest.mark.parametrize(("estimand", "arms"), [("ATE", 4), ("ATO", 4), ("ATM", 4), ("ATE", 3), ("ATM", 3)])
def test_agrees_with_weightit(estimand: SeveralArmsEstimand, arms: int) -> None:
    r, name = rotterdam(), f"weightit_multi_glm_trt{arms}_{estimand}"
    arm = np.minimum(r["trt4"], arms - 1).astype(int)
    x = np.column_stack([r[column] for column in ("age", "meno", "size20", "size50", "grade3", "lnodes")])
    weights = weight_several_arms(multinomial_score(arm, x), arm, estimand=estimand).weights
    expected = golden("several_arms_weightit", name)
    summary = expected["weights_summary"]
    sizes = [effective_sample_size(weights[arm == a]) for a in range(arm.max() + 1)]
    for what, ours, theirs in (
        ("first weights", weights[:20], summary["head"]),
        ("last weights", weights[-5:], summary["tail"]),
        ("largest weight", weights.max(), summary["max"]),
        ("sum", weights.sum(), summary["sum"]),
        ("sum of squares", np.square(weights).sum(), summary["sumsq"]),
        ("effective sizes", sizes, expected["ess"]["values"][1]),
    ):
        # WeightIt's own optimiser ends a little before the maximum: the score of `several_arms.json`, by Newton in R,
        # agrees to 1e-13. A weight by a chance of 1e-5 shows it most, an ATM one of 4e-4 by 1.3e-6 of itself.
        agrees(f"WeightIt, several arms: {what}", "several_arms_weightit", name, ours, theirs, tolerance=2e-6)


def test_by_hand() -> None:
    arm = [0, 1, 2]
    expected: dict[SeveralArmsEstimand, list[float]] = {
        "ATE": [2, 2, 1 / 0.6],
        "ATT": [0.25 / 0.5, 1, 0.3 / 0.6],
        "ATO": [1 / (2 + 4 + 4) / 0.5, 1 / (5 + 2 + 10 / 3) / 0.5, 1 / (10 + 10 / 3 + 10 / 6) / 0.6],
        "ATM": [0.25 / 0.5, 0.2 / 0.5, 0.1 / 0.6],
        "ATEN": [
            -(0.5 * np.log(0.5) + 0.5 * np.log(0.25)) / 0.5,
            -(0.2 * np.log(0.2) + 0.5 * np.log(0.5) + 0.3 * np.log(0.3)) / 0.5,
            -(0.1 * np.log(0.1) + 0.3 * np.log(0.3) + 0.6 * np.log(0.6)) / 0.6,
        ],
    }
    for estimand, focal in TARGETS.items():
        found = generalised_weights(E3, arm, estimand=estimand, focal=focal)
        np.testing.assert_allclose(found, expected[estimand], rtol=1e-12)
    np.testing.assert_allclose(generalised_weights(E3, arm, stabilised=True), np.array(expected["ATE"]) / 3, rtol=1e-12)
    weighted = generalised_weights(E3, arm, stabilised=True, case_weights=[1, 2, 3])
    np.testing.assert_allclose(weighted, [2 / 6, 2 * 2 * 2 / 6, 3 / 0.6 * 3 / 6], rtol=1e-12)


@given(SEEDS, st.sampled_from(["ATE", "ATT", "ATC", "ATO", "ATM", "ATEN"]), st.booleans())
@moderate
def test_two_arms_are_the_two_arm_weights(seed: int, estimand: Estimand, stabilised: bool) -> None:
    d = random_cohort(seed, k=2)
    score, fit = logistic_score(d.arm, d.x, case_weights=d.case), multinomial_score(d.arm, d.x, case_weights=d.case)
    several: SeveralArmsEstimand = "ATT" if estimand == "ATC" else estimand
    focal = {"ATT": 1, "ATC": 0}.get(estimand)
    ours = weight_several_arms(
        fit, d.arm, estimand=several, focal=focal, stabilised=stabilised, sampling_weights=d.case
    )
    theirs = weight_model(score, d.arm, estimand=estimand, stabilised=stabilised, sampling_weights=d.case)
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-10)
    # Two shares stand here for one there: what a row moves the weights by is the same.
    np.testing.assert_allclose(
        ours.derivative @ ours.influence.T, theirs.derivative @ theirs.influence.T, rtol=1e-8, atol=1e-10
    )
    unweighted = generalised_weights(fit.probability, d.arm, estimand=several, focal=focal, stabilised=stabilised)
    plain = balancing_weights(fit.probability[:, 1], d.arm, estimand=estimand, stabilised=stabilised)
    np.testing.assert_allclose(unweighted, plain, rtol=1e-12)


@given(SEEDS, st.sampled_from(list(TARGETS)), st.integers(2, 5))
@moderate
def test_derivatives_by_the_probabilities(seed: int, estimand: SeveralArmsEstimand, k: int) -> None:
    rng, step = np.random.default_rng(seed), 1e-7
    e = normed(rng.uniform(0.5, 2.0, (4 * k, k)))
    arm = np.tile(np.arange(k), 4)
    found = weights_by_probability(e, arm, estimand=estimand, focal=TARGETS[estimand])
    # Chances sum to 1: only directions that keep the sum are moves of the score.
    direction = rng.standard_normal(e.shape)
    direction -= direction.mean(axis=1, keepdims=True)
    up, down = (
        generalised_weights(e + sign * step * direction, arm, estimand=estimand, focal=TARGETS[estimand])
        for sign in (1, -1)
    )
    np.testing.assert_allclose((found * direction).sum(axis=1), (up - down) / (2 * step), rtol=1e-5, atol=1e-6)


@given(SEEDS, st.sampled_from(list(TARGETS)), st.booleans(), st.booleans(), st.sampled_from([0.0, 2.0]))
@settings(max_examples=25, deadline=None)
def test_a_row_moves_the_weights_as_the_model_says(
    seed: int, estimand: SeveralArmsEstimand, stabilised: bool, normalised: bool, penalty: float
) -> None:
    """Refit score, shares and factors with the weight of one row changed: the stack proved end to end."""
    d, step, row = random_cohort(seed, n=50), 1e-5, 3
    options: dict[str, Any] = {"estimand": estimand, "focal": TARGETS[estimand], "stabilised": stabilised}

    def weights(case: Floats) -> tuple[Floats, Any]:
        fit = multinomial_score(d.arm, d.x, case_weights=case, penalty=penalty)
        model = weight_several_arms(fit, d.arm, normalised=normalised, sampling_weights=case, **options)
        return model.weights / case, (model, fit)

    model, fit = weights(d.case)[1]
    found = (model.derivative / d.case[:, None]) @ model.influence[row]
    moved: list[Floats] = []
    for sign in (1, -1):
        case = d.case.copy()
        case[row] += sign * step
        moved.append(weights(case)[0])
    slope = (moved[0] - moved[1]) / (2 * step) * d.case[row]
    # At a kink of matching weights the two sides differ.
    least = np.sort(fit.probability, axis=1)
    smooth = least[:, 1] - least[:, 0] > 1e-3
    np.testing.assert_allclose(found[smooth], slope[smooth], rtol=2e-4, atol=1e-6)


@given(SEEDS, st.sampled_from(list(TARGETS)), st.booleans())
@moderate
def test_a_batch_is_its_replicates_one_by_one(seed: int, estimand: SeveralArmsEstimand, stabilised: bool) -> None:
    rng = np.random.default_rng(seed)
    e, case = normed(rng.uniform(0.1, 2.0, (4, 12, 3))), rng.exponential(1, (4, 12))
    arm = np.tile(np.arange(3), 4)
    options: dict[str, Any] = {"estimand": estimand, "focal": TARGETS[estimand], "stabilised": stabilised}
    batch = generalised_weights(e, arm, case_weights=case, **options)
    for row in range(4):
        single = generalised_weights(e[row], arm, case_weights=case[row], **options)
        np.testing.assert_allclose(batch[row], single, rtol=1e-12)


def test_a_replicate_without_an_answer_is_nan_and_the_others_are_not() -> None:
    e = np.stack([E3, np.full((3, 3), np.nan), [[0.0, 0.5, 0.5], *E3[1:]]])
    for estimand, focal in TARGETS.items():
        found = generalised_weights(e, [0, 1, 2], estimand=estimand, focal=focal)
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1:]).all()


@given(SEEDS, st.sampled_from(list(TARGETS)), st.permutations([0, 1, 2]))
@moderate
def test_the_names_of_the_arms_do_not_matter(seed: int, estimand: SeveralArmsEstimand, order: list[int]) -> None:
    e, arm = normed(np.random.default_rng(seed).uniform(0.1, 2.0, (12, 3))), np.tile(np.arange(3), 4)
    focal = TARGETS[estimand]
    renamed = np.empty_like(e)
    renamed[:, order] = e
    other = generalised_weights(
        renamed, np.array(order)[arm], estimand=estimand, focal=None if focal is None else order[focal]
    )
    np.testing.assert_allclose(other, generalised_weights(e, arm, estimand=estimand, focal=focal), rtol=1e-12)


@given(SEEDS)
@moderate
def test_overlap_matching_and_entropy_weights_are_bounded(seed: int) -> None:
    e, arm = normed(np.random.default_rng(seed).exponential(1, (30, 3)) + 1e-9), np.tile(np.arange(3), 10)
    assert generalised_weights(e, arm, estimand="ATO").max() <= 1
    assert generalised_weights(e, arm, estimand="ATM").max() <= 1
    att = generalised_weights(e, arm, estimand="ATT", focal=2)
    np.testing.assert_allclose(att[arm == 2], 1.0, rtol=1e-12)


@given(SEEDS)
@moderate
def test_normalised_weights_have_the_mean_of_the_sample_in_each_arm_and_undo_stabilising(seed: int) -> None:
    d = random_cohort(seed)
    fit = multinomial_score(d.arm, d.x, case_weights=d.case)
    both = [
        weight_several_arms(fit, d.arm, stabilised=stabilised, normalised=True, sampling_weights=d.case).weights
        for stabilised in (False, True)
    ]
    np.testing.assert_allclose(*both, rtol=1e-12)
    for a in range(d.k):
        assert both[0][d.arm == a].sum() == pytest.approx(d.case[d.arm == a].sum())


def test_the_tie_of_two_least_likely_arms_takes_the_mean_of_their_derivatives() -> None:
    found = weights_by_probability([[0.5, 0.25, 0.25], *E3[1:]], [0, 1, 2], estimand="ATM")
    np.testing.assert_allclose(found[0], [-0.25 / 0.25, 1.0, 1.0])


def test_a_score_without_an_answer_is_an_error_with_its_cause() -> None:
    arm = [0, 0, 1, 1, 2, 2]
    with pytest.raises(FitError, match="multinomial logistic regression: separated"):
        weight_several_arms(multinomial_score(arm, [1.0, 2, 3, 4, 5, 6]), arm)


@pytest.mark.parametrize(
    ("e", "arm", "options", "message"),
    [
        (E3, [0, 1], {}, "`arm` must have 3 elements"),
        (E3, [0, 1, 1], {}, "`arm` must hold every arm of `probability`; nobody has 2."),
        (E3[:, :2], [0, 1, 2], {}, "`probability` must have a column for each of the 3 arms; it has 2."),
        (E3 * 0.9, [0, 1, 2], {}, "`probability` must sum to 1 over the arms"),
        (E3 - 0.3, [0, 1, 2], {}, "`probability` must be between 0 and 1"),
        (E3[0], [0, 1, 2], {}, "`probability` must be of shape (n, k) or (b, n, k)"),
        (np.where(E3 == 0.6, np.nan, E3), [0, 1, 2], {}, "`probability` must be finite, and must not exclude"),
        ([[0.0, 0.5, 0.5], *E3[1:]], [0, 1, 2], {}, "must not exclude the arm that was received"),
        (E3, [0, 1, 2], {"estimand": "ATC"}, "`estimand` must be one of ATE, ATT, ATO, ATM, ATEN; it is 'ATC'."),
        (E3, [0, 1, 2], {"estimand": "ATT"}, "`focal` must name the arm"),
        (E3, [0, 1, 2], {"focal": 1}, "`focal` must name the arm"),
        (E3, [0, 1, 2], {"estimand": "ATT", "focal": 3}, "`focal` must be an arm from 0 to 2; it is 3."),
        (E3, [0, 1, 2], {"case_weights": [1, 1]}, "`case_weights` must have shape (3,)"),
        (E3, [0, 1, 2], {"case_weights": [1, 1, 0]}, "`case_weights` must be finite and positive"),
        (E3[None], [0, 1, 2], {"case_weights": [[1, 1, -1]]}, "`case_weights` must be finite and non-negative"),
    ],
)
def test_bad_input_is_named(e: object, arm: list[int], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        generalised_weights(np.asarray(e), arm, **options)


def test_derivatives_are_of_one_score_and_need_positive_chances() -> None:
    with pytest.raises(InputError, match="must be of shape"):
        weights_by_probability(E3[None], [0, 1, 2])
    with pytest.raises(InputError, match="`probability` must be finite and positive"):
        weights_by_probability([[0.0, 0.5, 0.5], *E3[1:]], [1, 0, 2])
