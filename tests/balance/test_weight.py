import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from counterpoise.balance import Estimand, WeightOptions, balancing_weights, propensity, weigh, weight_slopes
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.imbalance import effective_sample_size
from tests.balance.designs import lalonde, rotterdam_design
from tests.balance.imn import cohort
from tests.golden import dataset, floats, golden, rotterdam

GLM = 1e-6
"""WeightIt fits by glm's default convergence; a probability good to 2e-8 is a weight good to 1e-6 in the tail."""

ESTIMANDS: tuple[Estimand, ...] = ("ATE", "ATT", "ATC", "ATO")
moderate = settings(max_examples=60, deadline=None)


def assert_agrees(key: str, weights: Floats, treated: Bools) -> None:
    reference = golden("ps_weights", key)
    summary = reference["weights_summary"]
    assert weights.size == summary["n"]
    for name, value in [
        ("sum", weights.sum()), ("sumsq", np.square(weights).sum()), ("min", weights.min()), ("max", weights.max()),
        ("sd", weights.std(ddof=1)),
    ]:  # fmt: skip
        assert value == pytest.approx(summary[name], rel=GLM), name
    np.testing.assert_allclose(weights[:20], floats(summary["head"]), rtol=GLM)
    np.testing.assert_allclose(weights[-5:], floats(summary["tail"]), rtol=GLM)
    sizes = [effective_sample_size(weights[arm]) for arm in (~treated, treated)]
    np.testing.assert_allclose(sizes, reference["ess"]["values"][1], rtol=GLM)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO"])
def test_agrees_with_weightit_on_lalonde(estimand: Estimand) -> None:
    score = propensity(dataset("lalonde")["treat"], lalonde())
    weighting = weigh(score, estimand=estimand, stabilised=False)
    assert_agrees(f"weightit_glm_lalonde_{estimand}", weighting.weights, score.treatment)
    if estimand == "ATE":
        expected = golden("ps_weights", "weightit_glm_lalonde_ATE")["weights"]
        np.testing.assert_allclose(weighting.weights, expected, rtol=GLM)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_agrees_with_weightit_on_rotterdam(estimand: Estimand) -> None:
    score = propensity(rotterdam()["hormon"], rotterdam_design())
    weighting = weigh(score, estimand=estimand, stabilised=False)
    assert_agrees(f"weightit_glm_rott_{estimand}", weighting.weights, score.treatment)


def test_stabilised_weights_agree_with_weightit() -> None:
    score = propensity(rotterdam()["hormon"], rotterdam_design())
    assert_agrees("weightit_glm_stab_rott_ATE", weigh(score).weights, score.treatment)


def test_truncation_is_at_rs_quantiles_of_type_7() -> None:
    score = propensity(rotterdam()["hormon"], rotterdam_design())
    bounds = golden("ps_weights", "weightit_trim_99")["quantiles_type7"]
    weighting = weigh(score, stabilised=False, truncate=(0.01, 0.99))
    assert weighting.truncation == pytest.approx((bounds["1%"], bounds["99%"]), rel=GLM)
    assert weighting.minimum == pytest.approx(bounds["1%"], rel=GLM)
    assert weighting.maximum == pytest.approx(bounds["99%"], rel=GLM)
    assert weighting.n_truncated == 60


def test_by_hand() -> None:
    probability, treatment = [0.5, 0.25, 0.8], [1, 0, 1]
    expected = {"ATE": [2, 4 / 3, 1.25], "ATT": [1, 1 / 3, 1], "ATC": [1, 1, 0.25], "ATO": [0.5, 0.25, 0.2]}
    for estimand in ESTIMANDS:
        weights = balancing_weights(probability, treatment, estimand=estimand, stabilised=False)
        np.testing.assert_allclose(weights, expected[estimand], rtol=1e-12)
    np.testing.assert_allclose(balancing_weights(probability, treatment), [4 / 3, 4 / 9, 2.5 / 3], rtol=1e-12)
    # Of weighted patients 1 + 2 in 6 are treated.
    weighted = balancing_weights(probability, treatment, case_weights=[1, 3, 2])
    np.testing.assert_allclose(weighted, [1 * 2 / 2, 3 * (4 / 3) / 2, 2 * 1.25 / 2], rtol=1e-12)


@given(st.integers(0, 10_000), st.sampled_from(ESTIMANDS), st.booleans())
@moderate
def test_a_batch_is_its_replicates_one_by_one(seed: int, estimand: Estimand, stabilised: bool) -> None:
    rng = np.random.default_rng(seed)
    probability, case = rng.uniform(0.01, 0.99, (4, 12)), rng.exponential(1, (4, 12))
    treated = rng.random(12) < 0.5
    batch = balancing_weights(probability, treated, estimand=estimand, stabilised=stabilised, case_weights=case)
    for row in range(4):
        single = balancing_weights(
            probability[row], treated, estimand=estimand, stabilised=stabilised, case_weights=case[row]
        )
        np.testing.assert_allclose(batch[row], single, rtol=1e-13)


@given(st.integers(0, 10_000))
@moderate
def test_att_leaves_the_treated_alone_and_stabilising_is_for_ate_only(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability, treated = rng.uniform(0.01, 0.99, 30), rng.random(30) < 0.5
    assert (balancing_weights(probability, treated, estimand="ATT")[treated] == 1).all()
    assert (balancing_weights(probability, treated, estimand="ATC")[~treated] == 1).all()
    for estimand in ESTIMANDS[1:]:
        stable, plain = (
            balancing_weights(probability, treated, estimand=estimand, stabilised=stabilised)
            for stabilised in (True, False)
        )
        np.testing.assert_array_equal(stable, plain)


def test_overlap_weights_balance_every_term_exactly() -> None:
    patients = cohort()
    score = propensity(patients.treatment, patients.x)
    weights = weigh(score, estimand="ATO").weights
    treated = patients.treatment
    means = [np.average(patients.x[arm], axis=0, weights=weights[arm]) for arm in (treated, ~treated)]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-10)


def test_the_study_that_ships_with_the_package_has_the_weights_that_it_reports() -> None:
    patients = cohort()
    score = propensity(patients.treatment, patients.x)
    weighting = weigh(score, stabilised=False)
    assert round(weighting.weights.sum()) == 290
    assert np.floor(weighting.weights).sum() == 224
    assert int(effective_sample_size(weighting.weights)) == 125
    stable = weigh(score)
    assert stable.weights.sum() == pytest.approx(146, abs=1)
    assert stable.stabilised
    assert not weigh(score, estimand="ATO").stabilised
    assert stable.effective_sample_size == pytest.approx(weighting.effective_sample_size)


def test_a_replicate_without_finite_weights_is_nan_throughout() -> None:
    probability = [[0.5, 0.5, 0.5], [0.5, np.nan, 0.5], [0.5, 0.5, 1.0]]
    weights = balancing_weights(probability, [1, 1, 0])
    assert np.isnan(weights).all(axis=1).tolist() == [False, True, True]
    assert balancing_weights([1.0, 0.5], [1, 0], stabilised=False).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("probability", "treatment", "message"),
    [
        ([np.nan, 0.5], [0, 1], "`probability` must be finite"),
        ([1.0, 0.5], [0, 1], "must not exclude the treatment that was received; 1 of 2 is not"),
        ([1.5, 0.5], [0, 1], "`probability` must be between 0 and 1"),
        ([0.5, 0.5], [0, np.nan], "`treatment` must be finite"),
        ([0.5, 0.5], [0, 1, 1], "`treatment` must have 2 elements"),
    ],
)
def test_what_gives_no_weight_is_refused(probability: list[float], treatment: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        balancing_weights(probability, treatment)


def test_unknown_estimands_and_quantiles_out_of_order_are_refused() -> None:
    with pytest.raises(InputError, match="`estimand` must be ATE, ATT, ATC, ATO, ATM or ATEN; it is 'ATOS'"):
        balancing_weights([0.5, 0.5], [0, 1], estimand="ATOS")  # pyright: ignore[reportArgumentType]
    score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    with pytest.raises(InputError, match="`truncate` must hold two quantiles, the smaller first"):
        weigh(score, truncate=(0.99, 0.01))
    with pytest.raises(ValidationError, match="the first quantile must be below the second"):
        WeightOptions(truncate=(0.99, 0.01))
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        WeightOptions.model_validate({"trim": 0.1})


def test_every_option_describes_itself() -> None:
    assert all(field.description for field in WeightOptions.model_fields.values())


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
@pytest.mark.parametrize("stabilised", [True, False])
def test_slopes_are_the_derivatives_of_the_weights_by_the_logit(estimand: Estimand, stabilised: bool) -> None:
    logit, treated = np.linspace(-3, 3, 40), np.arange(40) % 3 == 0
    step = 1e-5
    beside = [
        balancing_weights(1 / (1 + np.exp(-moved)), treated, estimand=estimand, stabilised=stabilised)
        for moved in (logit + step, logit - step)
    ]
    slopes = weight_slopes(1 / (1 + np.exp(-logit)), treated, estimand=estimand, stabilised=stabilised)
    np.testing.assert_allclose(slopes, (beside[0] - beside[1]) / (2 * step), rtol=1e-8, atol=1e-8)
