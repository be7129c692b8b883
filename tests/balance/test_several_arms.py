import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.balance.several_arms import SeveralArmsBalance, check_arm_balance
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.imbalance import imbalance
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.arm_contrasts import arm_hazards, arm_survival, factorial_arms, factorial_hazards
from counterpoise.kernels.weighting.multinomial import multinomial_score
from counterpoise.kernels.weighting.records import WeightModel
from counterpoise.kernels.weighting.several_arms import SeveralArmsEstimand, weight_several_arms
from tests.balance.imn import TERMS, cohort as imn_cohort
from tests.golden import floats, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.weighting.arm_cohorts import NAMES, cohort, random_cohort

SECTION = "Balance of several arms"
LEVELS = ("age", "meno", "size_<=20", "size_20-50", "size_>50", "grade3", "lnodes")


def balance_of(x: Floats, arm: Counts, **options: Any) -> SeveralArmsBalance:
    return check_arm_balance(x, arm, [f"x{j}" for j in range(x.shape[1])], **options)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_r(name: str) -> None:
    d, key = cohort(name), f"balance_{name}"
    weights = weight_several_arms(multinomial_score(d.arm, d.x), d.arm).weights
    found, expected = balance_of(d.x, d.arm, weights=weights), golden("several_arms", key)
    assert found.weighted is not None
    for what, ours, theirs in (
        ("denominator", found.scale, "scale"),
        ("differences before", found.unadjusted.smd, "before"),
        ("differences after", found.weighted.smd, "after"),
        ("largest difference", found.weighted.largest, "largest"),
        ("effective sample size", found.weighted.effective_sizes, "ess"),
    ):
        agrees(f"{SECTION}: {what}", "several_arms", key, ours, expected[theirs], relative_to="largest")


def test_agrees_with_cobalt_on_four_arms() -> None:
    r, name, key = rotterdam(), "several_arms_weightit", "bal_multi_trt4"
    small = 1.0 - r["size20"] - r["size50"]
    x = np.column_stack([r["age"], r["meno"], small, r["size20"], r["size50"], r["grade3"], r["lnodes"]])
    weights, arm = floats(golden(name, "cox_iptw_multi_trt4")["weights"]), r["trt4"]
    found = check_arm_balance(x, arm, LEVELS, weights=weights, shares="binomial")
    expected, arms = golden(name, key), ("none", "chemo", "hormon", "both")
    continuous = [LEVELS.index("age"), LEVELS.index("lnodes")]
    for one, other, *pairs in zip(found.first, found.second, found.unadjusted.pairs, found.weighted.pairs, strict=True):  # pyright: ignore[reportOptionalMemberAccess]
        pair = expected["pairs"][f"{arms[other]} vs. {arms[one]}"]
        assert pair["variables"] == list(LEVELS)
        for result, suffix in zip(pairs, ("Un", "Adj"), strict=True):
            columns = pair["columns"]
            for what, ours, theirs in (
                ("differences", result.smd, "Diff"), ("means", result.mean_treated, "M.1"), ("KS", result.ks, "KS"),
            ):  # fmt: skip
                agrees(
                    f"{SECTION}: cobalt's {what}", name, key, ours, columns[f"{theirs}.{suffix}"], relative_to="largest"
                )
            ratio = floats(columns[f"V.Ratio.{suffix}"])[continuous]
            agrees(f"{SECTION}: cobalt's variance ratio", name, key, result.variance_ratio[continuous], ratio)
    largest = expected["across_pairs_max"]["columns"]
    assert found.weighted is not None
    for result, suffix, row in ((found.unadjusted, "Un", 0), (found.weighted, "Adj", 1)):
        what = f"{SECTION}: cobalt's largest"
        agrees(f"{what} difference", name, key, result.largest, largest[f"Max.Diff.{suffix}"])
        agrees(f"{what} KS", name, key, result.largest_ks, largest[f"Max.KS.{suffix}"])
        theirs = floats(largest[f"Max.V.Ratio.{suffix}"])[continuous]
        agrees(f"{what} variance ratio", name, key, result.largest_variance_ratio[continuous], theirs)
        sizes = expected["observations"]["values"][row]
        agrees(f"{SECTION}: cobalt's effective sample size", name, key, result.effective_sizes, sizes)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_two_arms_are_the_two_arm_balance(seed: int) -> None:
    d = random_cohort(seed, k=2)
    found = balance_of(d.x, d.arm, weights=d.case)
    assert found.weighted is not None
    for ours, weights in ((found.unadjusted, None), (found.weighted, d.case)):
        pair = imbalance(d.x, d.arm, weights=weights, scale=found.scale)
        np.testing.assert_allclose(ours.smd[0], pair.smd, rtol=1e-12)
        np.testing.assert_allclose(ours.largest, np.abs(pair.smd), rtol=1e-12)
    np.testing.assert_allclose(found.unadjusted.smd[0], imbalance(d.x, d.arm).smd, rtol=1e-12)


@given(st.integers(0, 10_000), st.permutations([0, 1, 2, 3]))
@settings(max_examples=25, deadline=None)
def test_the_names_of_the_arms_and_the_scale_of_weights_and_columns_do_not_matter(seed: int, order: list[int]) -> None:
    d = random_cohort(seed, k=4)
    plain = balance_of(d.x, d.arm, weights=d.case)
    other = balance_of(d.x * 100 - 7, np.array(order)[d.arm], weights=3 * d.case)
    assert plain.weighted is not None
    assert other.weighted is not None
    np.testing.assert_allclose(other.weighted.largest, plain.weighted.largest, rtol=1e-9)
    np.testing.assert_allclose(other.weighted.largest_ks, plain.weighted.largest_ks, rtol=1e-9)
    np.testing.assert_allclose(other.weighted.effective_sizes[order], plain.weighted.effective_sizes, rtol=1e-12)
    assert (other.weighted.largest_variance_ratio >= 1).all()


def test_by_hand() -> None:
    x = np.array([1.0, 2, 3, 2, 3, 4, 5, 7, 9])
    arm = np.repeat([0, 1, 2], 3)
    found = check_arm_balance(x, arm, ["age"], weights=[1, 1, 1, 2, 1, 1, 1, 1, 1])
    # Variances 1, 1 and 4, whose mean is 2.
    np.testing.assert_allclose(found.scale, np.sqrt([2.0]))
    np.testing.assert_allclose(found.unadjusted.smd.ravel(), np.array([1, 5, 4]) / np.sqrt(2))
    assert found.weighted is not None
    np.testing.assert_allclose(found.weighted.smd.ravel(), np.array([0.75, 5, 4.25]) / np.sqrt(2))
    np.testing.assert_allclose(found.weighted.effective_sizes, [3, 16 / 6, 3])
    assert (found.weighted.largest_pair.tolist(), found.denominator) == ([1], "pooled over the arms")
    focal = check_arm_balance(x, arm, ["age"], focal=2)
    np.testing.assert_allclose(focal.unadjusted.smd.ravel(), [0.5, 2.5, 2])
    assert (focal.denominator, focal.weighted) == ("of arm 2", None)


def test_the_yardstick_is_of_the_rows_as_they_are() -> None:
    d = random_cohort(4)
    weights = np.where(d.x[:, 0] > 0, 5.0, 0.1)
    np.testing.assert_array_equal(balance_of(d.x, d.arm).scale, balance_of(d.x, d.arm, weights=weights).scale)
    sampled = balance_of(d.x, d.arm, sampling_weights=d.case)
    assert not np.allclose(sampled.scale, balance_of(d.x, d.arm).scale)
    np.testing.assert_allclose(sampled.unadjusted.effective_sizes.sum() < d.arm.size, True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"arm": [0, 1, 1]}, "`x` must have 3 rows"),
        ({"arm": [0, 2, 2, 0]}, "`arm` must hold every code"),
        ({"names": ["a", "b"]}, "`names` must name the 1 columns of `x`; it has 2 names."),
        ({"focal": 2}, "`focal` must be an arm from 0 to 1; it is 2."),
        ({"x": [1, 2, np.nan, 4]}, "`x` must be finite"),
        ({"weights": [1, 1, 1, 0]}, "`weights` must be positive"),
        ({"sampling_weights": [1, 1, 1, np.inf]}, "`sampling_weights` must be finite"),
    ],
)
def test_bad_input_is_named(changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"x": [1, 2, 3, 4], "arm": [0, 1, 1, 0], "names": ["age"]} | changed
    with pytest.raises(InputError, match=re.escape(message)):
        check_arm_balance(**arguments)


@dataclass(frozen=True, slots=True, eq=False)
class FourArms:
    """The four locoregional groups of the bundled study: dissection and boost, the score without dissection."""

    arm: Counts
    x: Floats
    time: Floats
    event: Floats


def four_arms() -> FourArms:
    patients = imn_cohort()
    dissected = patients.x[:, TERMS.index("imnd")]
    x = np.delete(patients.x, TERMS.index("imnd"), axis=1)
    return FourArms(factorial_arms(dissected, patients.treatment), x, patients.time, patients.event.astype(float))


def study(estimand: SeveralArmsEstimand, penalty: float = 0.0) -> tuple[SeveralArmsBalance, WeightModel]:
    d = four_arms()
    model = weight_several_arms(multinomial_score(d.arm, d.x, penalty=penalty), d.arm, estimand=estimand)
    return balance_of(d.x, d.arm, weights=model.weights), model


def test_the_four_groups_of_the_study_have_a_score_whose_weights_are_extreme() -> None:
    d = four_arms()
    fit = multinomial_score(d.arm, d.x)
    assert (fit.verdict, fit.coefficients.size) == (Verdict.CONVERGED, 45)
    found, model = study("ATE")
    assert found.weighted is not None
    assert found.sizes.tolist() == [43, 24, 67, 12]
    # One patient of the twelve with both treatments stands for 43, and her group for six; no balance can come of it.
    assert model.weights[d.arm == 3].max() == pytest.approx(42.6, abs=0.1)
    np.testing.assert_allclose(found.weighted.effective_sizes, [38.2, 18.3, 61.1, 5.9], atol=0.05)
    assert (found.unadjusted.largest.max(), found.weighted.largest.max()) == pytest.approx((0.59, 0.56), abs=0.005)


def test_overlap_weights_and_a_ridge_are_the_remedy_for_it() -> None:
    largest: dict[tuple[SeveralArmsEstimand, float], float] = {}
    tried: list[tuple[SeveralArmsEstimand, float]] = [("ATE", 0.0), ("ATE", 4.0), ("ATO", 0.0), ("ATO", 4.0)]
    for estimand, penalty in tried:
        found = study(estimand, penalty)[0].weighted
        assert found is not None
        largest[estimand, penalty] = float(found.largest.max())
        assert found.effective_sizes[3] > (8 if (estimand, penalty) != ("ATE", 0.0) else 5)
    assert largest["ATO", 4.0] < largest["ATE", 4.0] < largest["ATO", 0.0] < largest["ATE", 0.0]
    assert largest["ATO", 4.0] == pytest.approx(0.24, abs=0.005)


@pytest.mark.parametrize("estimand", ["ATE", "ATO", "ATM", "ATEN"])
def test_the_study_runs_to_pairs_interaction_and_survival(estimand: SeveralArmsEstimand) -> None:
    d, model = four_arms(), study(estimand)[1]
    hazards = arm_hazards(d.time, d.event, d.arm, model)
    survival = arm_survival(d.time, d.event, d.arm, model, 1826.25)
    interaction = factorial_hazards(hazards).interaction_stacked
    assert hazards.fit.verdict is Verdict.CONVERGED
    for found in (hazards.fixed, hazards.stacked, survival.fixed, survival.stacked, interaction):
        assert np.isfinite([found.value, found.std_error, found.p_adjusted]).all()
    # 30 deaths, 3 of them among those with both: whether the treatments multiply cannot be told.
    assert interaction.std_error[0] > 0.8
    assert interaction.p_value[0] > 0.05
    assert hazards.fit.factor == pytest.approx(np.sqrt(146 / (146 - 45 - 1)))
