import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.estimate import HazardModel, HazardTable, hazard_model, hazard_ratio, hazard_table
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import SCORE, category, endpoint, flag, node_positive, number, random_cohort, terms
from tests.golden import floats, golden

SEEDS = st.integers(0, 10_000)
ITERATED = 1e-8


@pytest.fixture(scope="module")
def table() -> HazardTable:
    design = node_positive()
    hormon = flag("hormon", design.treatment.received)
    return hazard_table(design.endpoints[0], [*design.cox.covariates, hormon])


def assert_equals_r(model: HazardModel, key: str) -> None:
    reference = golden("estimates", key)
    assert model.verdict is Verdict.CONVERGED
    for name, field in (
        ("coef", "log_estimate"),
        ("se", "std_error"),
        ("hr_lower", "lower"),
        ("hr_upper", "upper"),
        ("p", "p_value"),
    ):
        found = [getattr(ratio, field) for ratio in model.ratios]
        np.testing.assert_allclose(found, floats(reference[name]), rtol=ITERATED, err_msg=name)
    np.testing.assert_allclose(model.joint_p, floats(reference["joint_p"]), rtol=ITERATED)


@pytest.mark.parametrize("position", range(len(SCORE) + 1))
def test_univariable_models_are_those_of_r(table: HazardTable, position: int) -> None:
    name = (*SCORE, "hormon")[position]
    model = table.univariable[position]
    assert model.terms.covariates[0].name == name
    assert_equals_r(model, f"univariable_{name}")
    assert model.proportional is not None
    expected = golden("estimates", f"univariable_{name}")["zph_p"]
    np.testing.assert_allclose(model.proportional.global_p_value, expected[-1], rtol=ITERATED)


def test_multivariable_model_is_that_of_r(table: HazardTable) -> None:
    model = table.multivariable
    assert_equals_r(model, "multivariable")
    assert (model.size, model.events, model.missing) == (1546, 877, 0)
    assert model.proportional is not None
    zph = floats(golden("estimates", "multivariable")["zph_p"])
    np.testing.assert_allclose(model.proportional.p_value, zph[:-1], rtol=ITERATED)
    np.testing.assert_allclose(model.proportional.global_p_value, zph[-1], rtol=ITERATED)


def test_multivariable_model_is_that_of_the_reference_set(table: HazardTable) -> None:
    reference = golden("outcomes", "np_multivariable_cox")  # its order of terms: hormon first
    coefficients = floats(reference["coef"])
    found = [ratio.log_estimate for ratio in table.multivariable.ratios]
    np.testing.assert_allclose(found, np.roll(coefficients, -1), rtol=ITERATED)
    errors = [ratio.std_error for ratio in table.multivariable.ratios]
    np.testing.assert_allclose(errors, np.roll(floats(reference["se"]), -1), rtol=ITERATED)


def test_breslow_ties_are_those_of_r() -> None:
    design = node_positive()
    covariates = [*design.cox.covariates, flag("hormon", design.treatment.received)]
    model = hazard_model(design.endpoints[0], terms(covariates, design.size), ties="breslow")
    assert_equals_r(model, "multivariable_breslow")


def test_treatment_alone_is_the_unadjusted_model_of_the_reference_set(table: HazardTable) -> None:
    reference = golden("outcomes", "np_unadjusted_cox")
    ratio = table.univariable[-1].ratios[0]
    np.testing.assert_allclose(ratio.log_estimate, reference["coef"][0], rtol=ITERATED)
    np.testing.assert_allclose(ratio.std_error, reference["se"][0], rtol=ITERATED)
    np.testing.assert_allclose(ratio.p_value, reference["p"][0], rtol=ITERATED)


def test_hazard_ratio_of_four_patients_by_hand() -> None:
    # Deaths at 1 (control), 2 and 3 (treated), 4 (control): the score equation
    # 2 - 2r/(2 + 2r) - 2r/(1 + 2r) - r/(1 + r) = 0 has the root r = (1 + sqrt(5)) / 2.
    model = hazard_model(endpoint([1, 2, 3, 4], [1, 1, 1, 1]), terms([flag("boost", [0, 1, 1, 0])], 4))
    r = (1 + np.sqrt(5)) / 2
    assert model.ratios[0].estimate == pytest.approx(r, rel=1e-9)
    information = 2 * r / (2 + 2 * r) ** 2 * 2 + 2 * r / (1 + 2 * r) ** 2 + r / (1 + r) ** 2
    assert model.ratios[0].std_error == pytest.approx(information**-0.5, rel=1e-9)


def test_interval_and_p_value_are_walds() -> None:
    ratio = hazard_ratio("boost", np.log(0.5), 0.25, 0.95)
    assert ratio.lower == pytest.approx(0.5 * np.exp(-1.959963984540054 * 0.25), rel=1e-12)
    assert ratio.upper == pytest.approx(0.5 * np.exp(1.959963984540054 * 0.25), rel=1e-12)
    assert ratio.p_value == pytest.approx(0.005561, abs=5e-7)  # 2 (1 - Phi(2.772589))


@pytest.mark.parametrize(
    ("log_estimate", "std_error"), [(np.nan, 1.0), (np.inf, 1.0), (0.5, np.nan), (0.5, 0.0), (0.5, -1.0)]
)
def test_what_cannot_be_estimated_is_nan_throughout(log_estimate: float, std_error: float) -> None:
    ratio = hazard_ratio("boost", log_estimate, std_error, 0.95)
    assert ratio.label == "boost"
    assert np.isnan([ratio.estimate, ratio.lower, ratio.upper, ratio.log_estimate, ratio.std_error]).all()
    assert np.isnan(ratio.p_value)


@pytest.mark.parametrize(("event", "verdict"), [([1, 1, 0, 0, 0, 0], Verdict.MONOTONE), ([0] * 6, Verdict.NO_EVENTS)])
def test_an_arm_without_events_has_a_verdict_and_no_number(event: list[int], verdict: Verdict) -> None:
    model = hazard_model(endpoint([1, 2, 3, 4, 5, 6], event), terms([flag("boost", [1, 1, 1, 0, 0, 0])], 6))
    assert model.verdict is verdict
    assert np.isnan(model.ratios[0].estimate)
    assert np.isnan(model.joint_p).all()
    assert model.proportional is None
    assert (model.size, model.events) == (6, sum(event))


def test_a_level_without_events_takes_the_whole_model_with_it() -> None:
    stage = category("stage", [0, 0, 0, 1, 1, 1, 2, 2, 2], ("I", "II", "III"))
    outcome = endpoint(range(1, 10), [1, 0, 1, 1, 0, 1, 0, 0, 0])
    model = hazard_model(outcome, terms([stage], 9))
    assert model.verdict is Verdict.MONOTONE
    assert all(np.isnan(ratio.estimate) for ratio in model.ratios)
    assert np.isnan(model.joint_p[0])


def test_a_covariate_that_repeats_another_is_collinear() -> None:
    outcome = endpoint(range(1, 9), [1, 0, 1, 1, 0, 1, 1, 0])
    age = [30, 40, 35, 52, 61, 48, 33, 57]
    model = hazard_model(outcome, terms([number("age", age), number("months", np.array(age) * 12)], 8))
    assert model.verdict is Verdict.COLLINEAR
    assert len(model.ratios) == 2


def test_patients_with_a_missing_covariate_are_counted_and_left_out() -> None:
    design = random_cohort(3)
    values = design.cox.covariates[0].values.copy()
    values[[4, 9, 20]] = np.nan
    whole = terms([number("age", values), *design.cox.covariates[1:]], design.size)
    known = ~np.isnan(values)
    parts = [number("age", values[known])]
    parts += [
        type(item)(item.name, item.label, item.unit, item.kind, item.values[known], item.levels)
        for item in design.cox.covariates[1:]
    ]
    outcome = design.endpoints[0]
    found = hazard_model(outcome, whole)
    expected = hazard_model(endpoint(outcome.time[known], outcome.event[known]), terms(parts, int(known.sum())))
    assert (found.missing, found.size) == (3, design.size - 3)
    assert found.events == int(outcome.event[known].sum())
    assert found.ratios == expected.ratios


@given(seed=SEEDS)
@settings(max_examples=20)
def test_swapping_the_arms_inverts_the_hazard_ratio(seed: int) -> None:
    design = random_cohort(seed)
    treated = design.treatment.received.astype(float)
    one = hazard_model(design.endpoints[0], terms([flag("boost", treated)], design.size)).ratios[0]
    other = hazard_model(design.endpoints[0], terms([flag("boost", 1 - treated)], design.size)).ratios[0]
    np.testing.assert_allclose(one.estimate, 1 / other.estimate, rtol=1e-7)
    np.testing.assert_allclose(one.lower, 1 / other.upper, rtol=1e-7)
    np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-6)


@given(seed=SEEDS, scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000), sign=st.sampled_from([-1, 1]))
@settings(max_examples=20)
def test_an_affine_change_of_a_covariate_rescales_its_coefficient_only(
    seed: int, scale: float, shift: float, sign: int
) -> None:
    design = random_cohort(seed)
    age, *others = design.cox.covariates
    changed = number("age", sign * scale * age.values + shift)
    outcome = design.endpoints[0]
    before = hazard_model(outcome, design.cox)
    after = hazard_model(outcome, terms([changed, *others], design.size))
    np.testing.assert_allclose(
        after.ratios[0].log_estimate, sign * before.ratios[0].log_estimate / scale, rtol=1e-5, atol=1e-9 / scale
    )
    np.testing.assert_allclose(
        [ratio.log_estimate for ratio in after.ratios[1:]],
        [ratio.log_estimate for ratio in before.ratios[1:]],
        rtol=1e-5,
        atol=1e-8,
    )
    np.testing.assert_allclose(after.joint_p, before.joint_p, rtol=1e-5)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_the_reference_level_moves_no_joint_test(seed: int) -> None:
    design = random_cohort(seed)
    stage = design.cox.covariates[2]
    turned = category("stage", 2 - stage.values, stage.levels[::-1])
    outcome = design.endpoints[0]
    one = hazard_model(outcome, terms([stage], design.size))
    other = hazard_model(outcome, terms([turned], design.size))
    if one.verdict is Verdict.CONVERGED:
        np.testing.assert_allclose(one.joint_p, other.joint_p, rtol=1e-6)
        np.testing.assert_allclose(one.ratios[1].estimate, 1 / other.ratios[1].estimate, rtol=1e-6)


@given(seed=SEEDS)
@settings(max_examples=10)
def test_a_wider_confidence_holds_the_narrower_interval(seed: int) -> None:
    design = random_cohort(seed)
    narrow = hazard_model(design.endpoints[0], design.cox, confidence=0.9).ratios[0]
    wide = hazard_model(design.endpoints[0], design.cox, confidence=0.99).ratios[0]
    assert wide.lower < narrow.lower < narrow.estimate == wide.estimate < narrow.upper < wide.upper
    assert wide.p_value == narrow.p_value
