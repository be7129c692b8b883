from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.design import Covariate
from counterpoise.estimate import BaselineRow, BaselineTable, baseline_table
from counterpoise.kernels.arrays import Counts
from tests.estimate.cohorts import category, flag, node_positive, number, random_cohort
from tests.golden import floats, golden

CLOSED = 1e-10
NUMBERS, COUNTED = ("age", "pgr"), ("meno", "size", "grade3", "chemo")


def row(item: Covariate, codes: Sequence[int] | Counts, labels: Sequence[str] = ("A", "B")) -> BaselineRow:
    return baseline_table([item], np.asarray(codes), labels).rows[0]


def by_name(table: BaselineTable) -> dict[str, BaselineRow]:
    return {found.covariate.name: found for found in table.rows}


def every(step: int) -> tuple[list[Covariate], Counts]:
    """Every `step`-th of the node-positive patients, and their arm."""
    design = node_positive()
    covariates = [
        Covariate(item.name, item.label, item.unit, item.kind, item.values[::step], item.levels)
        for item in design.baseline
    ]
    return covariates, design.treatment.received[::step].astype(int)


# Against R ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "key"), [(1, "baseline_hormon"), (17, "baseline_hormon_90")])
def test_two_groups_are_those_of_r(step: int, key: str) -> None:
    covariates, arms = every(step)
    found, reference = by_name(baseline_table(covariates, arms, ("none", "hormon"))), golden("estimates", key)
    for name in NUMBERS:
        assert found[name].test == "Welch's t test"
        np.testing.assert_allclose(found[name].p_value, reference[name]["p"], rtol=CLOSED, err_msg=name)
        for statistic in ("mean", "sd", "median", "minimum", "maximum"):
            np.testing.assert_allclose(
                getattr(found[name], statistic), floats(reference[name][statistic]), rtol=CLOSED, err_msg=statistic
            )
    for name in COUNTED:
        exact = reference[name]["exact"]
        assert found[name].test == ("Fisher's exact test" if exact else "Pearson's chi-squared test"), name
        np.testing.assert_allclose(found[name].p_value, reference[name]["p"], rtol=1e-9, err_msg=name)
        np.testing.assert_array_equal(found[name].counts[:, :2], reference[name]["counts"])


def test_four_groups_are_those_of_r() -> None:
    design = node_positive()
    assert design.groups is not None
    found = by_name(baseline_table(design.baseline, design.groups.codes, design.groups.labels))
    reference = golden("estimates", "baseline_trt4")
    for name in NUMBERS:
        assert found[name].test == "Welch's ANOVA"
        np.testing.assert_allclose(found[name].p_value, reference[name]["p"], rtol=CLOSED, err_msg=name)
        np.testing.assert_allclose(found[name].sd, floats(reference[name]["sd"]), rtol=CLOSED)
    for name in ("meno", "grade3"):
        assert found[name].test == "Pearson's chi-squared test"
        np.testing.assert_allclose(found[name].p_value, reference[name]["p"], rtol=CLOSED, err_msg=name)


def test_a_variable_that_the_groups_were_made_from_is_not_tested() -> None:
    design = node_positive()
    assert design.groups is not None
    chemo = by_name(baseline_table(design.baseline, design.groups.codes, design.groups.labels))["chemo"]
    assert (chemo.test, np.isnan(chemo.p_value)) == ("", True)


# By hand -----------------------------------------------------------------------------------------------------------


def test_numbers_of_six_patients_by_hand() -> None:
    found = row(number("age", [1, 2, 3, 2, 4, 9]), [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(found.mean, [2, 5, 3.5])
    np.testing.assert_allclose(found.sd, [1, np.sqrt(13), np.sqrt(41.5 / 5)])
    np.testing.assert_array_equal(found.median, [2, 4, 2.5])
    np.testing.assert_array_equal(found.minimum, [1, 2, 1])
    np.testing.assert_array_equal(found.maximum, [3, 9, 9])
    assert found.p_value == pytest.approx(0.2838, abs=5e-5)  # t = 3 / sqrt(1/3 + 13/3), 2.3059 df


def test_counts_of_eight_patients_by_hand() -> None:
    found = row(category("stage", [0, 0, 0, 1, 0, 1, 1, 1], ("I", "II")), [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(found.counts, [[3, 1, 4], [1, 3, 4]])
    assert found.test == "Fisher's exact test"  # every expected count is 2
    assert found.p_value == pytest.approx(34 / 70, rel=1e-12)  # the tea-tasting lady


def test_pearsons_test_takes_no_continuity_correction() -> None:
    values = [1] * 19 + [0] * 48 + [1] * 11 + [0] * 68
    found = row(flag("dead", values), [0] * 67 + [1] * 79)
    assert found.test == "Pearson's chi-squared test"
    assert found.p_value == pytest.approx(0.0315, abs=5e-5)  # .0517 with Yates' correction


def test_an_expected_count_of_five_is_enough_for_pearsons_test() -> None:
    five = row(flag("dead", [1] * 7 + [0] * 3 + [1] * 3 + [0] * 7), [0] * 10 + [1] * 10)
    assert five.test == "Pearson's chi-squared test"
    fewer = row(flag("dead", [1] * 7 + [0] * 3 + [1] * 2 + [0] * 8), [0] * 10 + [1] * 10)
    assert fewer.test == "Fisher's exact test"  # expected 4.5


def test_missing_values_are_counted_and_left_out() -> None:
    values = [1, 2, 3, np.nan, 2, 4, 9, np.nan, np.nan]
    codes = [0, 0, 0, 0, 1, 1, 1, 1, 1]
    found, complete = row(number("age", values), codes), row(number("age", [1, 2, 3, 2, 4, 9]), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(found.known, [3, 3, 6])
    np.testing.assert_array_equal(found.missing, [1, 2, 3])
    np.testing.assert_array_equal(found.mean, complete.mean)
    assert found.p_value == complete.p_value
    counted = row(flag("pcr", [1, 0, np.nan, 1, 0, np.nan]), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(counted.counts, [[1, 1, 2], [1, 1, 2]])
    np.testing.assert_array_equal(counted.missing, [1, 1, 2])


# No answer ---------------------------------------------------------------------------------------------------------


def assert_no_test(found: BaselineRow) -> None:
    assert found.test == ""
    assert np.isnan(found.p_value)


def test_a_variable_that_is_missing_throughout_has_no_numbers() -> None:
    found = row(number("age", [np.nan] * 4), [0, 0, 1, 1])
    assert_no_test(found)
    np.testing.assert_array_equal(found.missing, [2, 2, 4])
    assert np.isnan([*found.mean, *found.sd, *found.median, *found.minimum, *found.maximum]).all()


@pytest.mark.parametrize("levels", [("I", "II"), ()])
def test_a_category_that_is_missing_throughout_has_no_counts(levels: tuple[str, ...]) -> None:
    found = row(category("stage", [np.nan] * 4, levels), [0, 0, 1, 1])
    assert_no_test(found)
    assert found.counts.shape == (len(levels), 3)
    assert found.counts.sum() == 0
    np.testing.assert_array_equal(found.missing, [2, 2, 4])
    assert found.mean.size == 0


@pytest.mark.parametrize(
    "values",
    [[1, 2, 3, 3], [3, 3, 3, 3], [1, 2, 3, np.nan], [1, 2, np.nan, np.nan]],
    ids=["one group does not vary", "none varies", "one in a group", "a group unknown"],
)
def test_groups_that_cannot_be_compared_have_no_test(values: list[float]) -> None:
    assert_no_test(row(number("age", values), [0, 0, 1, 1]))


def test_one_patient_in_a_group_has_a_mean_and_no_spread() -> None:
    found = row(number("age", [1, 2, 3]), [0, 0, 1])
    assert found.mean[1] == 3
    assert np.isnan(found.sd[1])


def test_a_level_that_does_not_occur_takes_no_part_in_the_test() -> None:
    codes = [0] * 20 + [1] * 20
    values = [0] * 14 + [1] * 6 + [0] * 7 + [1] * 13
    two = row(category("stage", values, ("I", "II")), codes)
    three = row(category("stage", values, ("I", "II", "III")), codes)
    assert (two.test, two.p_value) == (three.test, three.p_value)
    np.testing.assert_array_equal(three.counts[2], 0)


def test_a_group_without_known_values_takes_no_part_in_the_test() -> None:
    codes = [0] * 20 + [1] * 20 + [2] * 3
    values = [0] * 14 + [1] * 6 + [0] * 7 + [1] * 13
    two = row(flag("pcr", values), codes[:40])
    three = row(flag("pcr", [*values, *[np.nan] * 3]), codes, ("A", "B", "C"))
    assert (two.test, two.p_value) == (three.test, three.p_value)


# Properties --------------------------------------------------------------------------------------------------------

SEEDS = st.integers(0, 10_000)


@given(seed=SEEDS)
@settings(max_examples=25)
def test_groups_add_up_to_all_patients(seed: int) -> None:
    design = random_cohort(seed)
    table = baseline_table(design.baseline, design.treatment.received.astype(int), ("A", "B"))
    assert table.groups == ("A", "B", "All")
    assert table.sizes[:2].sum() == table.sizes[2] == design.size
    for found in table.rows:
        np.testing.assert_array_equal(found.known + found.missing, table.sizes)
        if found.covariate.is_numeric:
            weighted = (found.known[:2] * found.mean[:2]).sum() / found.known[2]
            assert found.mean[2] == pytest.approx(weighted)
        else:
            np.testing.assert_array_equal(found.counts[:, :2].sum(axis=1), found.counts[:, 2])
            np.testing.assert_array_equal(found.counts.sum(axis=0), found.known)


@given(seed=SEEDS)
@settings(max_examples=25)
def test_neither_the_order_of_rows_nor_of_groups_changes_a_p_value(seed: int) -> None:
    design = random_cohort(seed)
    arms, order = design.treatment.received.astype(int), np.random.default_rng(seed).permutation(design.size)
    one = baseline_table(design.baseline, arms, ("A", "B"))
    shuffled = [
        Covariate(item.name, item.label, item.unit, item.kind, item.values[order], item.levels)
        for item in design.baseline
    ]
    other = baseline_table(shuffled, 1 - arms[order], ("B", "A"))
    np.testing.assert_allclose([r.p_value for r in one.rows], [r.p_value for r in other.rows], rtol=1e-9)
    assert [r.test for r in one.rows] == [r.test for r in other.rows]


@given(seed=SEEDS, scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
@settings(max_examples=25)
def test_another_unit_changes_no_p_value(seed: int, scale: float, shift: float) -> None:
    design = random_cohort(seed)
    age, arms = design.baseline[0], design.treatment.received.astype(int)
    one, other = row(age, arms), row(number("age", scale * age.values + shift), arms)
    np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-6)
    np.testing.assert_allclose(other.mean, scale * one.mean + shift, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.sd, scale * one.sd, rtol=1e-6)
