import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.effects.hazard import weighted_cox, weighted_hazard_ratio
from counterpoise.kernels.effects.survival_at import weighted_survival
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.arm_contrasts import (
    WaldContrasts,
    arm_hazards,
    arm_survival,
    factorial_arms,
    factorial_hazards,
    hazard_contrasts,
)
from counterpoise.kernels.weighting.multinomial import multinomial_score
from counterpoise.kernels.weighting.records import WeightModel
from counterpoise.kernels.weighting.several_arms import SeveralArmsEstimand, weight_several_arms
from counterpoise.kernels.weighting.weight_model import known_weights
from tests.golden import floats, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.weighting.arm_cohorts import NAMES, ArmCohort, cohort, random_cohort

STACKED = 1e-8
"""R's stacked variance rests on a numerical derivative of the weights, good to about 3e-10, and a p-value of 1e-5
magnifies the relative error of its standard error ten- to twentyfold."""

FIELDS = (("value", "value"), ("std_error", "se"), ("p_value", "p"), ("p_adjusted", "holm"))
TARGETS: dict[SeveralArmsEstimand, int | None] = {"ATE": None, "ATT": 1, "ATO": None, "ATM": None, "ATEN": None}
moderate = settings(max_examples=15, deadline=None)
SEEDS = st.integers(0, 10_000)


def model_of(d: ArmCohort, estimand: SeveralArmsEstimand = "ATE", **options: Any) -> WeightModel:
    return weight_several_arms(
        multinomial_score(d.arm, d.x), d.arm, estimand=estimand, focal=TARGETS[estimand], **options
    )


def compare(what: str, key: str, ours: WaldContrasts, expected: dict[str, Any], tolerance: float) -> None:
    for field, theirs in FIELDS:
        value = getattr(ours, field)
        agrees(f"{what}: {field}", "several_arms", key, value, expected[theirs], tolerance=tolerance)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("estimand", TARGETS)
def test_hazard_ratios_of_all_pairs_agree_with_r(name: str, estimand: SeveralArmsEstimand) -> None:
    d, key, what = cohort(name), f"hazards_{estimand}_{name}", f"Hazard ratios of several arms, {estimand}"
    found, expected = arm_hazards(d.time, d.event, d.arm, model_of(d, estimand)), golden("several_arms", key)
    compare(f"{what}, fixed weights", key, found.fixed, expected["fixed"], 1e-8)
    compare(f"{what}, stacked", key, found.stacked, expected["stacked"], STACKED)
    agrees(f"{what}: score test", "several_arms", key, found.log_rank.fixed_statistic, expected["rscore"])
    agrees(f"{what}: p of the score test", "several_arms", key, found.log_rank.fixed_p_value, expected["rscore_p"])
    if found.fit.coefficients.size == 3:
        both, expected = factorial_hazards(found), expected["interaction"]
        compare(f"{what}, interaction, fixed weights", key, both.interaction_fixed, expected["fixed"], 1e-8)
        compare(f"{what}, interaction, stacked", key, both.interaction_stacked, expected["stacked"], STACKED)


@pytest.mark.parametrize("name", NAMES)
def test_breslows_ties_agree_with_r(name: str) -> None:
    d, key, what = cohort(name), f"hazards_breslow_{name}", "Hazard ratios of several arms, Breslow"
    found = arm_hazards(d.time, d.event, d.arm, model_of(d), ties="breslow")
    expected = golden("several_arms", key)
    compare(f"{what}, fixed weights", key, found.fixed, expected["fixed"], 1e-8)
    compare(f"{what}, stacked", key, found.stacked, expected["stacked"], STACKED)
    agrees(f"{what}: score test", "several_arms", key, found.log_rank.fixed_statistic, expected["rscore"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("estimand", TARGETS)
def test_survival_agrees_with_r(name: str, estimand: SeveralArmsEstimand) -> None:
    d, key, what = cohort(name), f"survival_{estimand}_{name}", f"Survival of several arms, {estimand}"
    found, expected = arm_survival(d.time, d.event, d.arm, model_of(d, estimand), d.at), golden("several_arms", key)
    agrees(f"{what}: survival", "several_arms", key, found.survival, expected["surv"])
    agrees(f"{what}: fixed error", "several_arms", key, found.fixed_std_error, expected["fixed_se"])
    agrees(
        f"{what}: stacked error",
        "several_arms",
        key,
        found.stacked_std_error,
        expected["stacked_se"],
        tolerance=STACKED,
    )
    compare(f"{what}, differences, fixed weights", key, found.fixed, expected["fixed"], 1e-10)
    compare(f"{what}, differences, stacked", key, found.stacked, expected["stacked"], STACKED)


def test_agrees_with_coxph_and_survfit_under_weightits_weights() -> None:
    r, name, cox, km = rotterdam(), "several_arms_weightit", "cox_iptw_multi_trt4", "km_iptw_multi_trt4"
    expected = golden(name, cox)
    weights = floats(expected["weights"])
    found, arm = arm_hazards(r["rfsmonths"], r["rfs"], r["trt4"], weights), r["trt4"]
    what = "Hazard ratios of four weighted arms"
    errors, limits = found.fixed.std_error[:3], (found.fixed.lower[:3], found.fixed.upper[:3])
    for field, ours, theirs in (
        ("coefficients", found.fit.coefficients, "coef"), ("robust error", errors, "robust_se"),
        ("lower limit", limits[0], "ci_lower"), ("upper limit", limits[1], "ci_upper"),
        ("p-value", found.fixed.p_value[:3], "p"), ("score test", found.log_rank.fixed_statistic, "robust_score_chisq"),
    ):  # fmt: skip
        agrees(f"{what}: {field}", name, cox, ours, expected[theirs], tolerance=1e-8)
    curves, covariance = golden(name, km), floats(expected["robust_vcov"])
    np.testing.assert_allclose(found.fit.fixed_covariance, covariance, rtol=1e-8)
    for row, at in enumerate((12, 36, 60)):
        survival = arm_survival(r["rfsmonths"], r["rfs"], arm, weights, at, interval="log")
        for field, theirs in (
            ("survival", "surv"), ("fixed_std_error", "std_err"), ("lower", "lower"), ("upper", "upper"),
            ("at_risk", "n_risk"),
        ):  # fmt: skip
            agrees(
                f"Survival of four weighted arms: {field}", name, km, getattr(survival, field), curves[theirs][row::3]
            )


@given(SEEDS, st.sampled_from(list(TARGETS)))
@moderate
def test_two_arms_are_the_two_arm_effects(seed: int, estimand: SeveralArmsEstimand) -> None:
    d = random_cohort(seed, k=2)
    model = model_of(d, estimand)
    hazards, single = arm_hazards(d.time, d.event, d.arm, model), weighted_hazard_ratio(d.time, d.event, d.arm, model)
    assert hazards.stacked.value[0] == pytest.approx(single.log_hazard_ratio, rel=1e-10, abs=1e-12)
    assert hazards.stacked.std_error[0] == pytest.approx(single.stacked_std_error, rel=1e-10)
    assert hazards.fixed.std_error[0] == pytest.approx(single.fixed_std_error, rel=1e-10)
    assert hazards.log_rank.stacked_p_value == pytest.approx(single.log_rank.stacked_p_value)
    np.testing.assert_array_equal(hazards.fixed.p_adjusted, hazards.fixed.p_value)
    curves, pair = (
        arm_survival(d.time, d.event, d.arm, model, d.at),
        weighted_survival(d.time, d.event, d.arm, model, [d.at]),
    )
    np.testing.assert_allclose(curves.survival, pair.survival.estimate[:, 0], rtol=1e-12)
    np.testing.assert_allclose(curves.lower, pair.survival.lower[:, 0], rtol=1e-12)
    np.testing.assert_allclose(curves.stacked.std_error, pair.difference.stacked_std_error, rtol=1e-10)
    np.testing.assert_allclose(curves.stacked.upper, pair.difference.upper, rtol=1e-10)


@given(SEEDS, st.sampled_from(list(TARGETS)), st.booleans())
@settings(max_examples=8, deadline=None)
def test_stacked_influence_is_what_a_patient_moves_the_whole_chain_by(
    seed: int, estimand: SeveralArmsEstimand, stabilised: bool
) -> None:
    """Score, weights and effects refitted with one patient's weight changed."""
    d, step = random_cohort(seed, n=60), 1e-5

    def chain(case: Floats) -> tuple[Floats, Floats]:
        fit = multinomial_score(d.arm, d.x, case_weights=case)
        options: dict[str, Any] = {"estimand": estimand, "focal": TARGETS[estimand], "stabilised": stabilised}
        model = weight_several_arms(fit, d.arm, sampling_weights=case, **options)
        hazards = arm_hazards(d.time, d.event, d.arm, model)
        survival = arm_survival(d.time, d.event, d.arm, model, d.at)
        values = np.concatenate([hazards.fit.coefficients, survival.survival])
        return values, np.hstack([hazards.fit.stacked_influence, survival.stacked_influence])

    influence = chain(d.case)[1]
    for row in (2, 9):
        moved: list[Floats] = []
        for sign in (1, -1):
            case = d.case.copy()
            case[row] += sign * step
            moved.append(chain(case)[0])
        slope = (moved[0] - moved[1]) / (2 * step) * d.case[row]
        np.testing.assert_allclose(influence[row], slope, rtol=2e-3, atol=2e-6)


@given(SEEDS)
@moderate
def test_known_weights_have_one_variance_and_pairs_agree_with_each_other(seed: int) -> None:
    d = random_cohort(seed, k=4)
    found, model = (
        arm_hazards(d.time, d.event, d.arm, d.case),
        arm_hazards(d.time, d.event, d.arm, known_weights(d.case)),
    )
    np.testing.assert_array_equal(found.fixed.std_error, found.stacked.std_error)
    np.testing.assert_array_equal(found.fixed.std_error, model.fixed.std_error)
    value = dict(zip(zip(found.first.tolist(), found.second.tolist(), strict=True), found.fixed.value, strict=True))
    assert value[0, 3] == pytest.approx(value[0, 1] + value[1, 3], abs=1e-12)
    assert value[1, 3] == pytest.approx(value[1, 2] + value[2, 3], abs=1e-12)
    assert (found.fixed.p_adjusted >= found.fixed.p_value).all()


@given(SEEDS, st.permutations([0, 1, 2]))
@moderate
def test_the_names_of_the_arms_do_not_matter(seed: int, order: list[int]) -> None:
    d = random_cohort(seed)
    renamed = np.array(order)[d.arm]
    plain = arm_hazards(d.time, d.event, d.arm, model_of(d))
    model = weight_several_arms(multinomial_score(renamed, d.x), renamed)
    other = arm_hazards(d.time, d.event, renamed, model)
    pairs = {frozenset((int(a), int(b))): i for i, (a, b) in enumerate(zip(other.first, other.second, strict=True))}
    for i, (a, b) in enumerate(zip(plain.first, plain.second, strict=True)):
        j = pairs[frozenset((order[a], order[b]))]
        sign = 1.0 if order[a] < order[b] else -1.0
        assert sign * other.stacked.value[j] == pytest.approx(plain.stacked.value[i], rel=1e-8, abs=1e-10)
        assert other.stacked.std_error[j] == pytest.approx(plain.stacked.std_error[i], rel=1e-8)
    assert other.log_rank.stacked_statistic == pytest.approx(plain.log_rank.stacked_statistic, rel=1e-8)


def test_factorial_effects_are_pairs_and_the_interaction_is_a_difference_of_effects() -> None:
    d = random_cohort(11, k=4, n=300)
    found = arm_hazards(d.time, d.event, d.arm, model_of(d, "ATO"))
    both = factorial_hazards(found)
    # Pairs in order: 01, 02, 03, 12, 13, 23.
    for ours, pairs in ((both.effects_stacked, found.stacked), (both.effects_fixed, found.fixed)):
        np.testing.assert_allclose(ours.value, pairs.value[[0, 5, 1, 4]], rtol=1e-12)
        np.testing.assert_allclose(ours.std_error, pairs.std_error[[0, 5, 1, 4]], rtol=1e-12)
    effects, interaction = both.effects_stacked.value, both.interaction_stacked.value[0]
    assert interaction == pytest.approx(effects[1] - effects[0])
    assert interaction == pytest.approx(effects[3] - effects[2])
    np.testing.assert_array_equal(both.interaction_fixed.p_adjusted, both.interaction_fixed.p_value)
    # It is the product term of a weighted Cox model of both treatments.
    first, second = d.arm % 2, d.arm // 2
    np.testing.assert_array_equal(factorial_arms(first, second), d.arm)
    product = weighted_cox(d.time, d.event, np.column_stack([first, second, first * second]), model_of(d, "ATO"))
    assert interaction == pytest.approx(product.coefficients[2], rel=1e-9)
    assert both.interaction_stacked.std_error[0] == pytest.approx(np.sqrt(product.stacked_covariance[2, 2]), rel=1e-9)


def test_an_arm_without_events_has_no_ratio_but_a_score_test() -> None:
    d = random_cohort(2, k=3)
    event = d.event & (d.arm != 2)
    found = arm_hazards(d.time, event, d.arm, model_of(d))
    assert found.fit.verdict is Verdict.MONOTONE
    assert np.isnan(found.stacked.value).all()
    assert np.isnan(found.stacked.p_adjusted).all()
    assert np.isfinite(found.log_rank.stacked_p_value)
    survival = arm_survival(d.time, event, d.arm, model_of(d), d.at)
    assert survival.survival[2] == 1
    assert survival.stacked_std_error[2] == 0
    none = arm_hazards(d.time, np.zeros_like(event), d.arm, model_of(d))
    assert none.fit.verdict is Verdict.NO_EVENTS
    assert np.isnan(none.fixed.value).all()


def test_all_events_at_one_time() -> None:
    d = random_cohort(3)
    found = arm_hazards(np.full(d.time.size, 5.0), np.ones(d.time.size), d.arm, model_of(d))
    assert found.fit.verdict is Verdict.CONVERGED
    survival = arm_survival(np.full(d.time.size, 5.0), np.ones(d.time.size), d.arm, model_of(d), 5.0)
    np.testing.assert_array_equal(survival.survival, 0)
    assert np.isnan(survival.lower).all()


def test_an_arm_whose_curve_has_ended_leaves_the_others_their_differences() -> None:
    arm, event = np.repeat([0, 1, 2], 4), np.array([1, 1, 0, 0] * 3)
    time = np.array([1.0, 2, 9, 9, 1, 2, 3, 3, 2, 4, 9, 9])
    found = arm_survival(time, event, arm, None, 6.0)
    np.testing.assert_allclose(found.survival, [0.5, np.nan, 0.5])
    assert np.isnan(found.fixed.value).tolist() == [True, False, True]
    assert np.isnan(found.lower).tolist() == [False, True, False]
    assert found.fixed.p_adjusted[1] == found.fixed.p_value[1] == 1.0


def test_late_entry_strata_clusters_and_rows_that_weigh_nothing_are_as_in_cox() -> None:
    d = random_cohort(8, n=150)
    entry, cluster = np.where(np.arange(150) % 3 == 0, d.time / 2, 0.0), np.arange(150) % 40
    weights = np.where(np.arange(150) % 5 == 1, 0.0, d.case)
    kept = weights > 0
    options: dict[str, Any] = {"entry": entry, "stratum": d.x[:, 1], "cluster": cluster}
    whole = arm_hazards(d.time, d.event, d.arm, weights_of(weights), **options)
    part = arm_hazards(
        d.time[kept], d.event[kept], d.arm[kept], weights[kept], **{name: v[kept] for name, v in options.items()}
    )
    np.testing.assert_allclose(whole.fixed.value, part.fixed.value, rtol=1e-10)
    np.testing.assert_allclose(whole.fixed.std_error, part.fixed.std_error, rtol=1e-10)
    curves = [
        arm_survival(time, event, arm, w, d.at, entry=e, cluster=c)
        for time, event, arm, w, e, c in (
            (d.time, d.event, d.arm, weights_of(weights), entry, cluster),
            (d.time[kept], d.event[kept], d.arm[kept], weights[kept], entry[kept], cluster[kept]),
        )
    ]
    np.testing.assert_allclose(curves[0].fixed.std_error, curves[1].fixed.std_error, rtol=1e-10)
    alone = arm_survival(d.time, d.event, d.arm, d.case, d.at)
    assert not np.allclose(alone.fixed_std_error, curves[0].fixed_std_error)


def weights_of(weights: Floats) -> WeightModel:
    return WeightModel(weights, np.zeros((weights.size, 0)), np.zeros((weights.size, 0)))


T, S, A = [1.0, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0], [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"time": [1.0, 2, 3, 4, 5, np.nan]}, "`time` must be finite"),
        ({"time": [1.0, 2, 3, 4, 5, -1]}, "`time` must"),
        ({"event": [1, 1, 0, 1, 1, 2]}, "`event` must be 0 or 1"),
        ({"event": [1, 1, 0, 1, 1]}, "6"),
        ({"arm": [0, 1, 3, 0, 1, 3]}, "`arm` must hold every code"),
        ({"arm": [0] * 6}, "`arm` must hold at least two arms"),
        ({"arm": [0, 1, 2, 0, 1, np.inf]}, "`arm` must be finite"),
        ({"weights": [1, 1, 1, 1, 1, -1]}, "`weights` must be positive"),
        ({"weights": [1, 1, 1, 1, 1, np.nan]}, "`weights` must be finite"),
        ({"weights": [1, 1, 1]}, "6"),
        (
            {"weights": weights_of(np.array([1.0, 1, 0, 1, 1, 0]))},
            "`weights` must be positive somewhere in every arm; arm 2",
        ),
        ({"confidence": 95.0}, "`confidence` must lie between 0 and 1"),
        ({"entry": [0, 0, 0, 0, 0, 6.0]}, "`entry`"),
    ],
)
def test_bad_input_is_named(changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"time": T, "event": S, "arm": A, "weights": None} | changed
    with pytest.raises(InputError, match=re.escape(message)):
        arm_hazards(**arguments)
    with pytest.raises(InputError, match=re.escape(message)):
        arm_survival(**arguments, at=2.0)


def test_bad_choices_are_named() -> None:
    found = arm_hazards(T, S, A)
    with pytest.raises(InputError, match=re.escape("`ties` must be")):
        arm_hazards(T, S, A, ties="exact")  # pyright: ignore[reportArgumentType]
    for at in (-1.0, np.nan):
        with pytest.raises(InputError, match="`at` must be finite and non-negative"):
            arm_survival(T, S, A, None, at)
    with pytest.raises(InputError, match="`interval` must be one of"):
        arm_survival(T, S, A, None, 2.0, interval="loglog")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="`matrix` must have a column for each of the 3 arms"):
        hazard_contrasts(found, [1.0, -1.0])
    with pytest.raises(InputError, match="`matrix` must have rows that sum to zero"):
        hazard_contrasts(found, [1.0, 0.0, 0.0])
    with pytest.raises(InputError, match="`matrix` must be finite"):
        hazard_contrasts(found, [np.nan, 0.0, 0.0])
    with pytest.raises(InputError, match="`hazards` must be of the 4 arms"):
        factorial_hazards(found)
    with pytest.raises(InputError, match="`second` must be 0 or 1"):
        factorial_arms([0, 1], [0, 2])
