from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from counterpoise.errors import InputError
from counterpoise.kernels.tables.anova import WelchAnova, welch_anova
from tests.golden import dataset, golden, rotterdam

CLOSED = 1e-10
GROUPS = st.lists(st.lists(st.integers(-20, 20), min_size=2, max_size=8), min_size=2, max_size=4)


def assert_result(result: WelchAnova, expected: dict[str, Any]) -> None:
    statistic = expected["statistic"]
    parameter = expected["parameter"]
    degrees = list(parameter.values()) if isinstance(parameter, dict) else parameter
    np.testing.assert_allclose(
        [result.statistic, result.numerator_df, result.denominator_df, result.p_value],
        [statistic["F"] if isinstance(statistic, dict) else statistic, *degrees, expected["p"]],
        rtol=CLOSED,
    )


def test_age_by_treatment_in_rotterdam() -> None:
    d = rotterdam()
    assert_result(welch_anova(d["age"], d["trt4"]), golden("tests", "welch_anova"))


def test_karnofsky_by_cell_type_in_veteran() -> None:
    d = dataset("veteran")
    assert_result(welch_anova(d["karno"], d["celltype"]), golden("curves_and_tests", "welch_four_groups"))


def test_two_groups_are_the_t_test_of_welch() -> None:
    d, expected = dataset("veteran"), golden("curves_and_tests", "welch_two_groups")
    result = welch_anova(d["karno"], d["trt"])
    assert_result(result, expected)
    np.testing.assert_allclose(result.p_value, expected["t_p"], rtol=CLOSED)


def test_by_hand() -> None:
    """Means 2 and 5, variances 1 and 13, three rows each: t^2 = 9 / (14/3) = 27/14.

    Degrees of freedom: (14/3)^2 / ((1/9 + 169/9) / 2) = (196/9) / (85/9) = 196/85.
    """
    result = welch_anova([1, 2, 3, 2, 4, 9], [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(
        [result.statistic, result.numerator_df, result.denominator_df], [27 / 14, 1, 196 / 85], rtol=1e-13
    )


def slow(groups: list[list[int]]) -> tuple[float, float, float]:
    """Return F and its degrees of freedom by Welch's formulas, read group by group."""
    n = [len(g) for g in groups]
    w = [len(g) / float(np.var(g, ddof=1)) for g in groups]
    mean = [float(np.mean(g)) for g in groups]
    k, total = len(groups), sum(w)
    grand = sum(wi * mi for wi, mi in zip(w, mean, strict=True)) / total
    between = sum(wi * (mi - grand) ** 2 for wi, mi in zip(w, mean, strict=True)) / (k - 1)
    lack = sum((1 - wi / total) ** 2 / (ni - 1) for wi, ni in zip(w, n, strict=True))
    return between / (1 + 2 * (k - 2) / (k**2 - 1) * lack), k - 1, (k**2 - 1) / (3 * lack)


def flat(groups: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(groups).astype(float), np.repeat(np.arange(len(groups)), [len(g) for g in groups])


@given(GROUPS.filter(lambda groups: all(len(set(group)) > 1 for group in groups)))
@settings(deadline=None, max_examples=60)
def test_agrees_with_the_formulas(groups: list[list[int]]) -> None:
    values, labels = flat(groups)
    result = welch_anova(values, labels)
    expected = slow(groups)
    np.testing.assert_allclose(
        [result.statistic, result.numerator_df, result.denominator_df], expected, rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(result.p_value, stats.f.sf(*expected), rtol=1e-8)


@given(GROUPS.filter(lambda groups: all(len(set(group)) > 1 for group in groups)))
@settings(deadline=None, max_examples=60)
def test_unit_origin_and_order_do_not_matter(groups: list[list[int]]) -> None:
    values, labels = flat(groups)
    first, second = welch_anova(values, labels), welch_anova((1e6 - 2.5 * values)[::-1], -labels[::-1])
    np.testing.assert_allclose(first.statistic, second.statistic, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(first.denominator_df, second.denominator_df, rtol=1e-7)


def test_a_group_that_does_not_vary_is_not_estimable() -> None:
    result = welch_anova([1, 1, 2, 3], [0, 0, 1, 1])
    assert result.numerator_df == 1
    assert np.isnan([result.statistic, result.denominator_df, result.p_value]).all()


@pytest.mark.parametrize(
    ("values", "group", "message"),
    [
        ([1, np.nan, 3, 4], [0, 0, 1, 1], "`values` must be finite; 1 of 4 is not (first at index 1)."),
        ([1, 2, 3, 4], [0, np.nan, 1, 1], "`group` must be finite; 1 of 4 is not (first at index 1)."),
        ([1, 2, 3, 4], [0, 0, 0, 0], "`group` must have at least two levels; it has 1."),
        ([1, 2, 3], ["a", "a", "b"], "Every level of `group` must have at least two rows; b has one."),
        ([1], ["a"], "`group` must have at least two levels; it has 1."),
    ],
)
def test_what_is_not_accepted(values: Any, group: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        welch_anova(values, group)
    assert str(caught.value) == message
